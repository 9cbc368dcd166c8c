//! `kontor balance`: what stands on accounts, now or at the end of a day.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::{Map, json};

use super::open_books::Where;
use super::{Done, Globals, answer};
use crate::report::balances;

/// Show the balances of accounts, now or at the end of a day
///
/// Reads the state directory beside a running daemon: never a lock, never a write.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor balance
  kontor balance bank/main ar/cust-1 --as-of 2026-12-31
  kontor --format json balance --book main bank/main")]
pub struct BalanceArgs {
    /// Accounts; all of the book if none is named
    #[arg(value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// At the end of this day
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// Which dates count for --as-of
    #[arg(long, value_enum, default_value_t = By::Booking)]
    by: By,
    #[command(flatten)]
    place: Where,
}

/// Which dates count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// Booking dates
    Booking,
    /// Value dates
    Value,
}

/// Run the command.
pub fn run(args: &BalanceArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let mut data = Map::new();
    if !args.accounts.is_empty() {
        data.insert("accounts".to_owned(), json!(args.accounts));
    }
    if let Some(day) = &args.as_of {
        let by = match args.by {
            By::Booking => "booking",
            By::Value => "value",
        };
        data.insert("as_of".to_owned(), json!(day));
        data.insert("by".to_owned(), json!(by));
    }
    let question = answer::read("query.balance", data)?;
    let open = args.place.open(globals)?;
    let members = answer::answered(&open, &question)?;
    answer::print(
        &balances::balances(open.book()?.name(), members),
        globals,
        out,
    )?;
    Ok(Done::Yes)
}
