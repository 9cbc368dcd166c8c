//! `kontor entry`: one entry with its legs.

use std::io::Write;

use clap::Args;

use super::open_books::Where;
use super::{Done, Globals, NotFound, answer};
use crate::ids::EntryNo;
use crate::report;

/// Show an entry with its legs; exit 1 if the book has no such entry
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor entry 17
  kontor --format json entry 17 --book main")]
pub struct EntryArgs {
    /// Number of the entry
    #[arg(value_name = "NUMBER")]
    number: u64,
    #[command(flatten)]
    place: Where,
}

/// Run the command.
pub fn run(args: &EntryArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let open = args.place.open(globals)?;
    let book = open.book()?;
    let found = open.history.entry(open.index, EntryNo(args.number))?;
    let entry = found.filter(|_| args.number > 0).ok_or_else(|| {
        let last = book.next_entry().0.saturating_sub(1);
        let number = args.number;
        NotFound(format!(
            "the book {} has no entry {number}; its last is {last}",
            book.name()
        ))
    })?;
    answer::print(
        &report::entry::entry(book, &entry.post, &entry.legs),
        globals,
        out,
    )?;
    Ok(Done::Yes)
}
