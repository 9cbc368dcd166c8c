//! `kontor backup`: a copy to restore from, taken beside the daemon.

use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::{Value as Json, json};

use super::open_books::{Directory, OpenJournal, bar, show};
use super::{Done, Globals};
use crate::backup::{FileRow, Taken, take};
use crate::journal::file::disk::OsDisk;
use crate::journal::file::{Yield, give_way};
use crate::report::Format;
use crate::time::{Clock as _, SystemClock};
use crate::vault::KEK_FILE;

/// Copy everything durable to a directory, beside the running daemon
///
/// The first time it copies all, later only what is new. It is a backup of one moment: up to the
/// last synced write, every byte under a checksum. The key that opens personal texts (kek) belongs
/// elsewhere and is left out unless asked for. Exit 0 only if nothing is in doubt.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor backup /backup/kontor
  kontor backup /backup/kontor --dir /var/lib/kontor && kontor restore --drill /backup/kontor")]
pub struct BackupArgs {
    /// Where to: an empty directory, or an earlier backup of the same state directory
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Copy the key-encrypting key too: whoever has such a backup can read every personal text in
    /// it
    #[arg(long)]
    with_kek: bool,
    #[command(flatten)]
    dir: Directory,
}

/// Run the command.
pub fn run(args: &BackupArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    // Who may not go slower goes on as fast as everybody else.
    let _unheard = give_way(Yield::Most);
    let (mut all, mut doubts) = (Vec::new(), false);
    for journal in args.dir.journals(globals)? {
        let target = args.to.join(journal.partition_name());
        let taken = back_up(&journal, &target, args.with_kek)?;
        doubts |= !taken.doubts.is_empty();
        if globals.format() == Format::Json {
            all.push(as_json(&taken, &target));
        } else {
            print(&taken, &journal, &target, out)?;
        }
    }
    if globals.format() == Format::Json {
        writeln!(out, "{:#}", json!({ "backups": all }))?;
    }
    Ok(if doubts { Done::No } else { Done::Yes })
}

fn back_up(journal: &OpenJournal, target: &Path, with_kek: bool) -> anyhow::Result<Taken> {
    let was_there = target.exists();
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(target);
    made.with_context(|| format!("could not make {}", target.display()))?;
    let bar = bar("copying");
    let taken = take(
        &journal.disk,
        &OsDisk::new(target),
        with_kek,
        SystemClock::new().now(),
        &mut |at| {
            show(&bar, at);
            ControlFlow::Continue(())
        },
    );
    bar.finish_and_clear();
    if taken.is_err() && !was_there {
        // Only if nothing is in it; the fault is what is told.
        let _left = std::fs::remove_dir(target);
    }
    taken.with_context(|| format!("{} was not backed up", journal.path.display()))
}

fn print(
    taken: &Taken,
    journal: &OpenJournal,
    target: &Path,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let (path, target) = (journal.path.display(), target.display());
    let Taken {
        manifest,
        before,
        copied_bytes,
        doubts,
    } = taken;
    let (position, bytes) = (manifest.position(), size(&manifest.files));
    let new = position.0.saturating_sub(before.0);
    let at = manifest.recorded_at;
    writeln!(
        out,
        "{path}: backed up to position {position}, recorded at {at}: {new} new records, \
         {copied_bytes} bytes copied, {bytes} bytes in {target}"
    )?;
    for doubt in doubts {
        writeln!(out, "{path}: {doubt}")?;
    }
    if manifest.file(KEK_FILE).is_none() {
        writeln!(
            out,
            "{path}: {KEK_FILE} is not in the backup; keep a copy elsewhere, a restore needs it"
        )?;
    }
    Ok(())
}

fn as_json(taken: &Taken, target: &Path) -> Json {
    let manifest = &taken.manifest;
    json!({
        "directory": target.display().to_string(),
        "position": manifest.position().0,
        "recorded_at": manifest.recorded_at.to_string(),
        "taken_at": manifest.taken_at.to_string(),
        "digest": manifest.digest.to_string(),
        "lineage": manifest.lineage.0,
        "published": manifest.published.0,
        "before": taken.before.0,
        "copied_bytes": taken.copied_bytes,
        "bytes": size(&manifest.files),
        "kek": manifest.file(KEK_FILE).is_some(),
        "doubts": taken.doubts,
    })
}

fn size(files: &[FileRow]) -> u64 {
    files
        .iter()
        .map(|file| file.bytes)
        .fold(0, u64::saturating_add)
}
