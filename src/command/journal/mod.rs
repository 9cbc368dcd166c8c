//! `kontor journal`: the journal itself, frame by frame.

mod export;
mod show;
mod snapshots;
pub(super) mod verify;

use std::io::Write;

use clap::{Args, Subcommand};

use super::{Done, Globals};

/// Check a journal, show its records, or export its entries
#[derive(Debug, Args)]
#[command(after_help = "Example: kontor journal verify --dir /var/lib/kontor")]
pub struct JournalArgs {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Verify(verify::VerifyArgs),
    Show(show::ShowArgs),
    Export(export::ExportArgs),
}

impl JournalArgs {
    /// Whether what it prints has a row a line.
    pub(super) fn prints_rows(&self) -> bool {
        matches!(self.act, Act::Export(_))
    }
}

/// Run the command.
pub fn run(args: &JournalArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    match &args.act {
        Act::Verify(args) => verify::run(args, globals, out),
        Act::Show(args) => show::run(args, globals, out),
        Act::Export(args) => export::run(args, globals, out),
    }
}
