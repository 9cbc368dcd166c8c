//! `kontor snapshot`: take a snapshot now.

use std::io::Write;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::{Value as Json, json};

use super::open_books::{Directory, OpenJournal, bar, owned};
use super::{Done, Globals};
use crate::ids::Position;
use crate::journal::file::Until;
use crate::journal::file::{Yield, give_way};
use crate::journal::snapshot::{self, SnapshotFault};
use crate::partition::{BuildFault, Built, build};
use crate::report::Format;

/// Looks at a directory in which another process takes a snapshot, and the pause between.
const LOOKS: u32 = 3_000;
const PAUSE: Duration = Duration::from_millis(200);

/// Take a snapshot now, of a running daemon's state directory or of a stopped one's
///
/// It is built from the durable journal, at low priority and without the lock of the directory, and
/// its digest is compared with the journal's. The next start begins with it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor snapshot
  sudo -u kontor kontor snapshot --dir /var/lib/kontor")]
pub struct SnapshotArgs {
    #[command(flatten)]
    dir: Directory,
}

/// Run the command.
pub fn run(args: &SnapshotArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    // Who may not go slower goes on as fast as everybody else.
    let _unheard = give_way(Yield::Most);
    let mut all = Vec::new();
    for journal in args.dir.journals(globals)? {
        let taken = take(&journal)?;
        if globals.format() == Format::Json {
            all.push(taken.as_json(&journal));
        } else {
            taken.print(&journal, out)?;
        }
    }
    if globals.format() == Format::Json {
        writeln!(out, "{:#}", json!({ "snapshots": all }))?;
    }
    Ok(Done::Yes)
}

/// The newest snapshot, and what was built if it was built now.
struct Taken {
    position: Position,
    built: Option<Built>,
}

fn take(journal: &OpenJournal) -> anyhow::Result<Taken> {
    let path = journal.path.display();
    owned(&journal.path)?;
    let Until::Frontier(durable) = journal.until else {
        return Err(anyhow::anyhow!("the journal has no end"));
    };
    let bar = bar("taking a snapshot");
    bar.enable_steady_tick(PAUSE);
    let mut looks = 0;
    let built = loop {
        let built = build(
            &journal.disk,
            &journal.secrets,
            durable,
            &AtomicBool::new(false),
        );
        match built {
            Err(BuildFault::Write(SnapshotFault::Busy { .. })) if looks < LOOKS => {
                looks = looks.saturating_add(1);
                bar.set_message("waiting for another snapshot");
                std::thread::sleep(PAUSE);
            }
            other => break other,
        }
    };
    bar.finish_and_clear();
    let built = built.with_context(|| format!("{path} has no new snapshot"))?;
    let newest = || -> Result<Position, SnapshotFault> {
        let found = snapshot::list(&journal.disk)?;
        Ok(found.first().copied().unwrap_or_default())
    };
    let position = match &built {
        Some(built) => built.position,
        None => newest()?,
    };
    Ok(Taken { position, built })
}

impl Taken {
    fn print(&self, journal: &OpenJournal, out: &mut impl Write) -> std::io::Result<()> {
        let (path, position) = (journal.path.display(), self.position);
        match &self.built {
            Some(Built { bytes, keys, .. }) => writeln!(
                out,
                "{path}: snapshot of position {position}: {bytes} bytes, {keys} new keys"
            ),
            None if position == Position(0) => {
                writeln!(out, "{path}: nothing is recorded yet; there is no snapshot")
            }
            None => writeln!(
                out,
                "{path}: the snapshot of position {position} is there; nothing came after it"
            ),
        }
    }

    fn as_json(&self, journal: &OpenJournal) -> Json {
        json!({
            "directory": journal.path.display().to_string(),
            "position": self.position.0,
            "taken": self.built.is_some(),
            "bytes": self.built.as_ref().map(|built| built.bytes),
            "keys": self.built.as_ref().map(|built| built.keys),
        })
    }
}
