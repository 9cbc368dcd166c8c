//! Books that have begun in the directory of another partition.
//!
//! Which partition a book is in stands in the configuration, and so does which partitions a process
//! serves. A book that was moved there would begin again, empty, and every key sent before would
//! look new. So before a book begins the directories beside this one are asked for it.

use std::ops::ControlFlow;
use std::path::Path;

use super::books::{BookFault, Wanted};
use super::load::{KeysWanted, load};
use super::secrets::Secrets;
use super::{OpenFault, disk_of};
use crate::journal::JournalFault;
use crate::journal::file::disk::OsDisk;
use crate::journal::file::{Until, known};
use crate::ledger::Book;
use crate::settings::Settings;
use crate::vault::JournalSecret;

/// Refuse to begin books that another partition's journal has.
pub(super) fn check(settings: &Settings, partition: u16, new: &[&Wanted]) -> Result<(), OpenFault> {
    if new.is_empty() {
        return Ok(());
    }
    for sibling in siblings(&settings.journal.dir, partition) {
        let begun = begun(&disk_of(settings, sibling))?;
        if let Some(moved) = new.iter().find(|wanted| begun.contains(&wanted.name)) {
            return Err(OpenFault::Book(BookFault::Moved {
                book: moved.name.clone(),
                journaled: sibling,
                configured: partition,
            }));
        }
    }
    Ok(())
}

/// Numbers of the other partitions that have a directory, in order.
fn siblings(dir: &Path, partition: u16) -> Vec<u16> {
    // A directory that is not there has no others in it.
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let number = |entry: std::fs::DirEntry| -> Option<u16> {
        let name = entry.file_name();
        name.to_str()?.strip_prefix('p')?.parse().ok()
    };
    let mut found: Vec<u16> = entries.filter_map(number).collect();
    found.retain(|number| *number != partition);
    found.sort_unstable();
    found
}

/// The books of a journal; none if it has not begun.
fn begun(disk: &OsDisk) -> Result<Vec<String>, OpenFault> {
    let Some(secret) = JournalSecret::load(disk)? else {
        return Ok(Vec::new());
    };
    let frontier = known(disk).map_err(JournalFault::from)?;
    if frontier.position == 0 {
        return Ok(Vec::new());
    }
    let mut unheard = |_at| ControlFlow::Continue(());
    let until = Until::Frontier(frontier);
    let loaded = load(
        disk,
        &Secrets::of(&secret),
        until,
        KeysWanted::None,
        &mut unheard,
    )?;
    let names = loaded.engine.books().iter().map(Book::name);
    Ok(names.map(str::to_owned).collect())
}
