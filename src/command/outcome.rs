//! `kontor outcome`: what became of the job with a key.

use std::io::Write;

use anyhow::Context;
use clap::Args;

use super::open_books::Where;
use super::{Done, Globals, NotFound, answer};
use crate::ledger::NameTable;
use crate::partition::KeysWanted;
use crate::report;
use crate::wire::outcome;

/// Show what became of the job with a key; exit 1 if no such job came
///
/// It is the first outcome, the one that the key leads to for ever. That of a rejected job is an
/// answer like any other: exit 0.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor outcome pay-2026-000123
  kontor --format json outcome pay-2026-000123 --book main")]
pub struct OutcomeArgs {
    /// Key of the job
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    place: Where,
}

/// Run the command.
pub fn run(args: &OutcomeArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let open = args.place.open_with(globals, KeysWanted::Found)?;
    let book = open.book()?;
    let hash = open.secrets.key_hash(book.name(), &args.key);
    let young = open.loaded.engine.keys().get(hash);
    let position = match young {
        Some(known) => Some(known.position),
        None => open
            .loaded
            .cold
            .find(hash, &mut Vec::new())?
            .map(|row| row.position),
    };
    let position = position.ok_or_else(|| {
        let (key, name) = (&args.key, book.name());
        NotFound(match book.awaited(key) {
            Some(request) => format!("the job with the key {key:?} waits for approval: {request}"),
            None => format!("no job with the key {key:?} has an outcome in the book {name}"),
        })
    })?;
    let commit = open.history.commit_at(position)?;
    let commit = commit.context(
        "the commit of the outcome is not where the key says; run `kontor journal verify`",
    )?;
    let record = outcome::at(&commit, position)
        .filter(|record| *record.envelope.key == *args.key)
        .context("the key leads to another job; run `kontor journal verify`")?;
    let names = NameTable::of_books(open.loaded.engine.books());
    let table = report::outcome::outcome(record, outcome::kind(record), &commit, &names);
    answer::print(&table, globals, out)?;
    Ok(Done::Yes)
}
