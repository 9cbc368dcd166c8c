//! `kontor price`: what a quantity costs by the price list.

use std::io::Write;

use clap::Args;
use serde_json::{Map, json};

use super::open_books::Where;
use super::{Done, Globals, answer};
use crate::report;

/// Show what a quantity costs by the price list
///
/// Reads the state directory beside a running daemon: never a lock, never a write.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor price api-calls 15000
  kontor --format json price api-calls 15000 --date 2026-12-31")]
pub struct PriceArgs {
    /// Item of the price list
    #[arg(value_name = "ITEM")]
    item: String,
    /// How much of it, a decimal
    #[arg(value_name = "QUANTITY")]
    quantity: String,
    /// For whom, shown only
    #[arg(long, value_name = "CUSTOMER")]
    customer: Option<String>,
    /// On which day [default: today]
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    #[command(flatten)]
    place: Where,
}

/// Run the command.
pub fn run(args: &PriceArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let mut data = Map::new();
    data.insert("item".to_owned(), json!(args.item));
    data.insert("quantity".to_owned(), json!(args.quantity));
    for (name, word) in [("customer", &args.customer), ("date", &args.date)] {
        if let Some(word) = word {
            data.insert(name.to_owned(), json!(word));
        }
    }
    let question = answer::read("query.price", data)?;
    let open = args.place.open(globals)?;
    let members = answer::answered(&open, &question)?;
    let table = report::answer::price(open.book()?.name(), members);
    answer::print(&table, globals, out)?;
    Ok(Done::Yes)
}
