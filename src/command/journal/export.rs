//! `kontor journal export`: the entries of a book for other programs.

use std::io::{BufWriter, Write};

use clap::{Args, ValueEnum};

use crate::command::open_books::{OpenBook, Where, bar, show};
use crate::command::{Done, Globals, Unusable};
use crate::ids::Position;
use crate::ledger::value::member;
use crate::ledger::{Commit, JobRecord, Value};
use crate::partition::Progress;
use crate::report::export::{Entry, Export, Form, Span};
use crate::time::Date;
use crate::wire::outcome;

/// Export the entries of a book for other programs
///
/// hledger and beancount: one transaction per entry, credits negative, balances asserted at the end
/// of every month; with --from after a transaction of opening balances. json: a line per entry.
/// csv: a row per leg. Personal texts are in none of them. Reads the state directory beside a
/// running daemon: never a lock, never a write.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor journal export --as hledger > main.journal && hledger --file main.journal check --strict
  kontor journal export --as beancount --from 2026-01-01 --to 2026-12-31 > main.beancount
  kontor journal export --as csv --book main > legs.csv")]
pub(super) struct ExportArgs {
    /// What the entries become
    #[arg(long = "as", value_enum, value_name = "FORM")]
    form: Target,
    /// First booking date
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<Date>,
    /// Last booking date
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: Option<Date>,
    #[command(flatten)]
    place: Where,
}

/// What the entries become.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    /// A journal of hledger
    Hledger,
    /// A journal of Beancount
    Beancount,
    /// A line of JSON per entry
    Json,
    /// A row per leg
    Csv,
}

impl Target {
    fn form(self) -> Form {
        match self {
            Self::Hledger => Form::Hledger,
            Self::Beancount => Form::Beancount,
            Self::Json => Form::Json,
            Self::Csv => Form::Csv,
        }
    }
}

fn day(text: &str) -> Result<Date, String> {
    let date = Date::parse(text).filter(|date| date.in_range());
    date.ok_or_else(|| "expected a day such as 2026-03-31".to_owned())
}

/// Run the command.
pub(super) fn run(
    args: &ExportArgs,
    globals: &Globals,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let span = Span {
        from: args.from,
        to: args.to,
    };
    if let (Some(from), Some(to)) = (span.from, span.to)
        && from > to
    {
        return Err(Unusable(format!("--from {from} is after --to {to}")).into());
    }
    let open = args.place.open(globals)?;
    let mut export = Export::new(args.form.form(), open.book()?, span);
    if export.needs_past() {
        each(&open, "opening", &mut |commit| {
            commit.entries_of(open.index, &mut |post, legs| export.before(post, legs));
            Ok(())
        })?;
    }
    // Standard output by itself writes at every line.
    let mut out = BufWriter::new(out);
    out.write_all(export.head()?.as_bytes())?;
    each(&open, "exporting", &mut |commit| {
        entries(commit, &open, &mut export, &mut out)
    })?;
    out.write_all(export.tail().as_bytes())?;
    out.flush()?;
    Ok(Done::Yes)
}

/// Visit all commits, with a progress bar if somebody watches.
fn each(
    open: &OpenBook,
    what: &'static str,
    visit: &mut dyn FnMut(&Commit) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let bar = bar(what);
    let of = open.history.durable().position;
    let mut commits = open.history.commits_from(Position(1))?;
    while let Some(found) = commits.next()? {
        let done = found.commit.last().0;
        show(&bar, Progress { done, of });
        visit(&found.commit)?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Write the entries of a commit.
fn entries(
    commit: &Commit,
    open: &OpenBook,
    export: &mut Export<'_>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    for (job, post) in commit.posts_of(open.index) {
        let named = post.document_ref.as_deref();
        let entry = Entry {
            post,
            legs: commit.legs(&post.legs),
            kind: job.map_or("", outcome::kind),
            key: job.map_or("", |job| &job.envelope.key),
            document: named.or_else(|| job.and_then(document)),
            recorded_at: commit.recorded_at,
        };
        out.write_all(export.entry(&entry)?.as_bytes())?;
    }
    Ok(())
}

/// The document that a job was about, by its outcome.
fn document(job: &JobRecord) -> Option<&str> {
    let members = &job.outcome.members;
    let text = |name| match member(members, name) {
        Some(Value::Text(text)) => Some(&**text),
        Some(_) | None => None,
    };
    text("document").or_else(|| text("payment"))
}
