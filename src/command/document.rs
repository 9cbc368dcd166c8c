//! `kontor document`: one document with everything that is known of it.

use std::io::Write;

use clap::Args;

use super::open_books::Where;
use super::{Done, Globals, NotFound, answer};
use crate::report;

/// Show a document: its state, what is open on it, and all its members; exit 1 if there is none
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor document RE-2026-000001
  kontor --format json document SI-000001 --book main")]
pub struct DocumentArgs {
    /// Number of the document, or name of a subscription or contract; all of that name are shown
    #[arg(value_name = "NUMBER")]
    number: String,
    #[command(flatten)]
    place: Where,
}

/// Run the command.
pub fn run(args: &DocumentArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let open = args.place.open(globals)?;
    let book = open.book()?;
    let number = &args.number;
    let mut found = book.documents().named(number).peekable();
    if found.peek().is_none() {
        let what = format!("the book {} has no document {number}", book.name());
        return Err(NotFound(what).into());
    }
    for document in found {
        answer::print(
            &report::document::document(book, number, document),
            globals,
            out,
        )?;
    }
    Ok(Done::Yes)
}
