//! `kontor trial-balance`: every account, and both sides of every unit.

use std::io::Write;

use clap::Args;
use serde_json::{Map, json};

use super::open_books::Where;
use super::{Done, Globals, answer};
use crate::report::balances;

/// Show every account and both sides of every unit; exit 1 if they differ
///
/// Reads the state directory beside a running daemon: never a lock, never a write.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor trial-balance
  kontor --format csv trial-balance --as-of 2026-12-31 --book main")]
pub struct TrialBalanceArgs {
    /// By entries booked until the end of this day
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    #[command(flatten)]
    place: Where,
}

/// Run the command.
pub fn run(
    args: &TrialBalanceArgs,
    globals: &Globals,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let mut data = Map::new();
    if let Some(day) = &args.as_of {
        data.insert("as_of".to_owned(), json!(day));
    }
    let question = answer::read("report.trial_balance", data)?;
    let open = args.place.open(globals)?;
    let members = answer::answered(&open, &question)?;
    let balanced = balances::is_balanced(&members);
    answer::print(
        &balances::trial_balance(open.book()?.name(), members),
        globals,
        out,
    )?;
    Ok(if balanced { Done::Yes } else { Done::No })
}
