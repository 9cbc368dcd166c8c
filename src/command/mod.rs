//! The command line: the list of subcommands, and what all of them have in common.
//!
//! A command reads its arguments, asks the library and prints. It decides nothing about money. What
//! it prints goes to standard output, what went wrong to standard error, and the exit code says
//! which:
//!
//! | Code | Means                                                          |
//! |------|----------------------------------------------------------------|
//! | 0    | done                                                           |
//! | 1    | the answer is no: not found, not equal, unbalanced, rejected   |
//! | 64   | the command line or a file named on it cannot be used          |
//! | 65   | damaged data; a restart does not help                          |
//! | 69   | the broker is not available                                    |
//! | 74   | the journal cannot be read or written, or its lock is held     |
//! | 78   | configuration or topology                                      |

mod answer;
mod exit;
pub mod open_books;

pub mod backup;
pub mod balance;
pub mod bench;
pub mod check_config;
pub mod dead;
pub mod demo;
pub mod docs;
pub mod document;
pub mod entry;
pub mod journal;
pub mod open_items;
pub mod outcome;
pub mod outcomes;
pub mod price;
pub mod rehearse;
pub mod restore;
pub mod run;
pub mod snapshot;
pub mod statement;
pub mod status;
pub mod submit;
pub mod topology;
pub mod torture;
pub mod trial_balance;
pub mod variance;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::report;
use crate::settings::{Settings, SettingsFault, Sources};

pub use exit::{Done, Misconfigured, NotFound, Unavailable, Unexpected, Unusable};

/// The subcommands, in the order of the help text.
#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Demo(demo::DemoArgs),
    CheckConfig(check_config::CheckConfigArgs),
    Topology(topology::TopologyArgs),
    Submit(submit::SubmitArgs),
    Rehearse(rehearse::RehearseArgs),
    Status(status::StatusArgs),
    Balance(balance::BalanceArgs),
    Statement(statement::StatementArgs),
    TrialBalance(trial_balance::TrialBalanceArgs),
    OpenItems(open_items::OpenItemsArgs),
    Price(price::PriceArgs),
    Variance(variance::VarianceArgs),
    Entry(entry::EntryArgs),
    Document(document::DocumentArgs),
    Outcome(outcome::OutcomeArgs),
    Journal(journal::JournalArgs),
    Snapshot(snapshot::SnapshotArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Dead(dead::DeadArgs),
    Outcomes(outcomes::OutcomesArgs),
    Bench(bench::Args),
    Torture(torture::TortureArgs),
    Docs(docs::DocsArgs),
}

impl Command {
    /// Whether what it prints is a table, with a row a line.
    fn prints_rows(&self) -> bool {
        match self {
            Self::Submit(_)
            | Self::Balance(_)
            | Self::Statement(_)
            | Self::TrialBalance(_)
            | Self::OpenItems(_)
            | Self::Price(_)
            | Self::Variance(_)
            | Self::Entry(_)
            | Self::Document(_)
            | Self::Outcome(_)
            | Self::Topology(_)
            | Self::Dead(_)
            | Self::Status(_) => true,
            Self::Journal(args) => args.prints_rows(),
            Self::Run(_)
            | Self::Demo(_)
            | Self::CheckConfig(_)
            | Self::Rehearse(_)
            | Self::Snapshot(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Outcomes(_)
            | Self::Bench(_)
            | Self::Torture(_)
            | Self::Docs(_) => false,
        }
    }

    fn run(&self, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
        if globals.format() == report::Format::Csv && !self.prints_rows() {
            let words = "this command prints no table; leave --format csv out, or ask for json";
            return Err(Unusable(words.to_owned()).into());
        }
        match self {
            Self::Run(args) => run::run(args, globals),
            Self::Demo(args) => demo::run(args, globals, out),
            Self::CheckConfig(args) => check_config::run(args, globals, out),
            Self::Topology(args) => topology::run(args, globals, out),
            Self::Submit(args) => submit::run(args, globals, out),
            Self::Rehearse(args) => rehearse::run(args, globals, out),
            Self::Status(args) => status::run(args, globals, out),
            Self::Balance(args) => balance::run(args, globals, out),
            Self::Statement(args) => statement::run(args, globals, out),
            Self::TrialBalance(args) => trial_balance::run(args, globals, out),
            Self::OpenItems(args) => open_items::run(args, globals, out),
            Self::Price(args) => price::run(args, globals, out),
            Self::Variance(args) => variance::run(args, globals, out),
            Self::Entry(args) => entry::run(args, globals, out),
            Self::Document(args) => document::run(args, globals, out),
            Self::Outcome(args) => outcome::run(args, globals, out),
            Self::Journal(args) => journal::run(args, globals, out),
            Self::Snapshot(args) => snapshot::run(args, globals, out),
            Self::Backup(args) => backup::run(args, globals, out),
            Self::Restore(args) => restore::run(args, globals, out),
            Self::Dead(args) => dead::run(args, globals, out),
            Self::Outcomes(args) => outcomes::run(args, globals, out),
            Self::Bench(args) => bench::run(args, globals, out),
            Self::Torture(args) => torture::run(args, globals, out),
            Self::Docs(args) => docs::run(args, globals, out),
        }
    }
}

/// The back office of a company as one daemon: jobs from RabbitMQ become entries in a durable
/// journal
#[derive(Debug, Parser)]
#[command(name = "kontor", version, after_help = AFTER_HELP, max_term_width = 100)]
struct CommandLine {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 the answer is no, 64 usage, 65 damaged data, 69 broker unavailable,
            74 journal I/O or lock held, 78 configuration or topology

Example: kontor rehearse tests/cases/given/40-idempotency.json";

/// How many there are, in words: one of them has no plural.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// What every subcommand takes.
#[derive(Debug, Args)]
pub struct Globals {
    /// Configuration [default: config/kontor.toml, else /etc/kontor/kontor.toml, else built in]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How tables are printed
    #[arg(long, global = true, value_enum, default_value_t = Form::Text)]
    format: Form,
}

/// How tables are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs
    Json,
    /// For spreadsheets
    Csv,
}

impl Globals {
    /// The settings of the standard places, the environment and `--config`.
    pub fn settings(&self) -> Result<Settings, SettingsFault> {
        Settings::load(&self.sources())
    }

    /// Where the settings come from.
    pub fn sources(&self) -> Sources {
        Sources::of_process(self.config.clone(), Vec::new())
    }

    /// How tables are printed.
    pub fn format(&self) -> report::Format {
        match self.format {
            Form::Text => report::Format::Text,
            Form::Json => report::Format::Json,
            Form::Csv => report::Format::Csv,
        }
    }
}

/// Run the command line of a process.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr());
    ExitCode::from(run(arguments, &mut out, &mut err))
}

/// Run a command line; everything it says goes to `out` and `err`.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> u8 {
    let parsed = definition()
        .try_get_matches_from(arguments)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    let line = match parsed {
        Ok(line) => line,
        Err(fault) => {
            let help = matches!(
                fault.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            let code = if help { 0 } else { exit::USAGE };
            // Nobody is left to tell if this cannot be written.
            let _unheard = if help {
                write!(out, "{fault}")
            } else {
                write!(err, "{fault}")
            };
            return code;
        }
    };
    let done = line.command.run(&line.globals, out);
    let flushed = out.flush().map_err(anyhow::Error::from);
    match done.and_then(|done| flushed.map(|()| done)) {
        Ok(done) => done.code(),
        // A reader that has seen enough, such as `head`, is no mistake.
        Err(fault) if exit::is_closed_pipe(&fault) => 0,
        Err(fault) => {
            let _unheard = writeln!(err, "kontor: {}", exit::words(&fault));
            exit::code(&fault)
        }
    }
}

/// The command line as clap knows it, for parsing and for the reference.
pub fn definition() -> clap::Command {
    CommandLine::command().mut_subcommand("demo", |demo| {
        // It takes neither; what is not offered is refused in words.
        let hidden = |name| clap::Arg::new(name).long(name).hide(true);
        demo.arg(hidden("config").value_parser(clap::value_parser!(PathBuf)))
            .arg(hidden("format").value_parser(clap::value_parser!(Form)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(arguments: &[&str]) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = std::iter::once("kontor").chain(arguments.iter().copied());
        let code = run(arguments.map(OsString::from), &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (code, text(out), text(err))
    }

    #[test]
    fn a_wrong_command_line_is_64_and_help_is_0() {
        let (code, out, err) = said(&["--colour"]);
        assert_eq!((code, out.as_str()), (64, ""));
        assert!(err.contains("--colour"));
        assert_eq!(said(&[]).0, 64);
        assert_eq!(said(&["rehearse"]).0, 64);
        let (code, out, err) = said(&["--help"]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains("Exit codes"));
        for question in [
            &["balance", "--as-of", "2026-13-01"][..],
            &["trial-balance", "--as-of", "1.3.2026"],
            &["statement", "bank/main", "--from", "March"],
        ] {
            let (code, _, err) = said(&[question, &["--dir", "/nowhere"]].concat());
            assert_eq!(code, 64, "{question:?}: {err}");
            assert!(err.contains(": not a date") && err.contains("--"), "{err}");
        }
        let (code, _, err) = said(&["balance", "--dir", "/nowhere"]);
        assert!(
            code == 74 && err.contains("name the state directory"),
            "{err}"
        );
        let (code, out, _) = said(&["demo", "--help"]);
        assert!(
            code == 0 && !out.contains("--config") && !out.contains("--format"),
            "{out}"
        );
        for refused in [
            &["--config", "x.toml", "demo"][..],
            &["demo", "--format", "json"],
            &["--format", "csv", "check-config"],
            &["--format", "csv", "journal", "verify"],
            &["--format", "csv", "rehearse", "x.json"],
        ] {
            let (code, _, err) = said(refused);
            assert_eq!(code, 64, "{refused:?}: {err}");
            assert!(err.contains("leave --"), "{err}");
        }
        assert_eq!(said(&["--version"]).0, 0);
    }

    #[test]
    fn every_help_text_has_an_example() {
        definition().debug_assert();
        let mut commands = vec![definition()];
        while let Some(mut command) = commands.pop() {
            let help = command.render_long_help().to_string();
            assert!(
                help.contains("Example"),
                "{} has no example",
                command.get_name()
            );
            let shown = |command: &&clap::Command| command.get_name() != "help";
            commands.extend(command.get_subcommands().filter(shown).cloned());
        }
    }
}
