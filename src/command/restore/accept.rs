//! `kontor restore --accept`: what was acknowledged and is missing, shown before anything goes on.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::{Value as Json, json};

use crate::command::open_books::{owned, partitions, settings_of};
use crate::command::{Done, Globals, NotFound};
use crate::ledger::commit::CutRecord;
use crate::partition::{Claim, accept, missing_file};
use crate::report::Format;
use crate::settings::Settings;
use crate::time::SystemClock;

/// Run the command.
pub(super) fn run(
    settings: &Settings,
    globals: &Globals,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let (base, clock) = (&settings.journal.dir, SystemClock::new());
    let mut accepted = 0_u64;
    for path in partitions(base)? {
        // The directory of one partition may have been named.
        let (there, partition) = settings_of(&path, settings)?;
        owned(&path)?;
        let claim = Claim::take(&there, partition)?;
        let cut = accept(&there, claim, &clock, |_disk, cut| {
            show(&path, cut, globals, out)?;
            // Nobody has seen what did not get out.
            out.flush().context("what is missing could not be shown")
        })?;
        accepted = accepted.saturating_add(u64::from(cut.is_some()));
    }
    if accepted == 0 {
        let words = format!("nothing in {} waits to be accepted", base.display());
        return Err(NotFound(words).into());
    }
    Ok(Done::Yes)
}

fn show(
    path: &Path,
    cut: &CutRecord,
    globals: &Globals,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let list = path.join(missing_file(cut.lineage));
    let open = || File::open(&list).map(BufReader::new);
    let lines = match open() {
        Ok(lines) => lines.lines(),
        Err(fault) => return Err(fault).context(format!("{} cannot be read", list.display())),
    };
    let CutRecord {
        lineage,
        kept,
        known,
        missing,
    } = *cut;
    if globals.format() == Format::Json {
        let cut = json!({
            "directory": path.display().to_string(),
            "lineage": lineage.0,
            "kept": kept.0,
            "known": known.0,
            "missing": missing,
        });
        writeln!(out, "{cut}")?;
        for line in lines {
            writeln!(out, "{}", line?)?;
        }
        return Ok(());
    }
    let path = path.display();
    writeln!(
        out,
        "{path}: kept up to position {kept}; {missing} outcomes that the backup knew are missing"
    )?;
    for line in lines {
        let line = line?;
        let outcome: Json = serde_json::from_str(&line)
            .with_context(|| format!("{} is damaged", list.display()))?;
        let text = |member: &str| {
            let member = outcome.get(member);
            member.and_then(Json::as_str).unwrap_or_default().to_owned()
        };
        let sequence = outcome.get("sequence").and_then(Json::as_u64);
        writeln!(
            out,
            "  {}/{}  {}  {}  {}",
            text("book"),
            sequence.unwrap_or_default(),
            text("status"),
            text("kind"),
            text("key"),
        )?;
    }
    writeln!(
        out,
        "{path}: what was acknowledged after position {known} the backup does not know: compare \
         with the stream of outcomes"
    )?;
    writeln!(
        out,
        "{path}: accepted; the keys of what is missing are free, its producers can send it again"
    )?;
    Ok(())
}
