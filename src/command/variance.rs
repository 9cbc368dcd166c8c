//! `kontor variance`: what was planned against what was done.

use std::io::Write;

use clap::Args;
use serde_json::{Map, json};

use super::open_books::Where;
use super::{Done, Globals, answer};
use crate::report;

/// Show what was planned against what was done, over some months
///
/// Reads the state directory beside a running daemon: never a lock, never a write.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  kontor variance --from 2026-01-01 --to 2026-12-31 --baseline memo/plan --actual exp/office")]
pub struct VarianceArgs {
    /// First booking date
    #[arg(long, value_name = "DATE")]
    from: String,
    /// Last booking date
    #[arg(long, value_name = "DATE")]
    to: String,
    /// An account of the plan; again for more
    #[arg(long, value_name = "ACCOUNT", required = true)]
    baseline: Vec<String>,
    /// An account of what was done; again for more
    #[arg(long, value_name = "ACCOUNT", required = true)]
    actual: Vec<String>,
    #[command(flatten)]
    place: Where,
}

/// Run the command.
pub fn run(args: &VarianceArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let mut data = Map::new();
    data.insert("from".to_owned(), json!(args.from));
    data.insert("to".to_owned(), json!(args.to));
    data.insert("baseline".to_owned(), json!(args.baseline));
    data.insert("actual".to_owned(), json!(args.actual));
    let question = answer::read("report.variance", data)?;
    let open = args.place.open(globals)?;
    let members = answer::answered(&open, &question)?;
    let table = report::answer::variance(open.book()?.name(), members);
    answer::print(&table, globals, out)?;
    Ok(Done::Yes)
}
