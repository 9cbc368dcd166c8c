//! `kontor open-items`: what customers have not paid, and how late it is.

use std::io::Write;

use clap::Args;
use serde_json::{Map, json};

use super::open_books::Where;
use super::{Done, Globals, answer};
use crate::report::open_items;

/// Show what customers have not paid, by age
///
/// Reads the state directory beside a running daemon: never a lock, never a write.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor open-items
  kontor --format csv open-items --customer cust-1 --as-of 2026-12-31")]
pub struct OpenItemsArgs {
    /// Whose; everybody's if nobody is named
    #[arg(long, value_name = "CUSTOMER")]
    customer: Option<String>,
    /// At the end of this day, by value dates [default: today]
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    #[command(flatten)]
    place: Where,
}

/// Run the command.
pub fn run(args: &OpenItemsArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let mut data = Map::new();
    for (name, word) in [("customer", &args.customer), ("as_of", &args.as_of)] {
        if let Some(word) = word {
            data.insert(name.to_owned(), json!(word));
        }
    }
    let question = answer::read("query.open_items", data)?;
    let open = args.place.open(globals)?;
    let members = answer::answered(&open, &question)?;
    answer::print(
        &open_items::open_items(open.book()?.name(), members),
        globals,
        out,
    )?;
    Ok(Done::Yes)
}
