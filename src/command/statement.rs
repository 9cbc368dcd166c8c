//! `kontor statement`: what moved on an account, line by line.

use std::io::Write;

use clap::Args;
use serde_json::{Map, json};

use super::open_books::Where;
use super::{Done, Globals, answer};
use crate::jobs::QuestionData;
use crate::report::statement;

/// Show what moved on an account, line by line, with running balances
///
/// Reads the state directory beside a running daemon: never a lock, never a write.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor statement bank/main --from 2026-03-01 --to 2026-03-31
  kontor --format csv statement ar/cust-1 --book main")]
pub struct StatementArgs {
    /// Account
    #[arg(value_name = "ACCOUNT")]
    account: String,
    /// First booking date
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last booking date
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    #[command(flatten)]
    place: Where,
}

/// Run the command.
pub fn run(args: &StatementArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let mut data = Map::new();
    data.insert("account".to_owned(), json!(args.account));
    for (name, day) in [("from", &args.from), ("to", &args.to)] {
        if let Some(day) = day {
            data.insert(name.to_owned(), json!(day));
        }
    }
    let mut question = answer::read("query.statement", data)?;
    if let QuestionData::Statement(statement) = &mut question {
        // Nothing has to fit a message here, and every page would read the journal anew.
        statement.whole = true;
    }
    let open = args.place.open(globals)?;
    let members = answer::answered(&open, &question)?;
    answer::print(
        &statement::statement(open.book()?.name(), members),
        globals,
        out,
    )?;
    Ok(Done::Yes)
}
