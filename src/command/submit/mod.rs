//! `kontor submit`: jobs from a file to the broker, with their outcomes if wished.
//!
//! | File          | Does                                             |
//! |---------------|--------------------------------------------------|
//! | `rows.rs`     | JSON and lines to checked rows                   |
//! | `csv.rs`      | a table to checked rows                          |
//! | `foreseen.rs` | what the daemon's reader will refuse               |
//! | `courier.rs`  | carries messages and waits for outcomes          |
//! | `tally.rs`    | counts what came back                            |
//! | `progress.rs` | shows how far it is                              |

mod csv;
mod foreseen;

pub mod courier;
pub mod progress;
pub mod rows;
pub mod tally;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::{Done, Globals, Unusable, counted};
use crate::daemon::connect;
use crate::ids::is_book_name;
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGE_JOBS_MAX};
use crate::report::{Format, render};
use crate::settings::Settings;
use courier::{Carried, Courier, News, Parcel, Wishes};
use progress::Progress;
use rows::{Mistake, Row, Shape};
use tally::Tally;

/// Mistakes that are shown; a file with more is of the wrong kind.
const MISTAKES_SHOWN: usize = 20;

/// Publish jobs from a file and, with --wait, count their outcomes
///
/// The file is checked whole before anything is sent; whatever the broker does not confirm is
/// reported.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SubmitArgs {
    /// The file, or - for standard input
    file: PathBuf,
    /// What the file is; otherwise its name or its first character tells
    #[arg(long = "as", value_name = "SHAPE")]
    shape: Option<Shape>,
    /// The book of jobs that name none (default: the only book)
    #[arg(long)]
    book: Option<String>,
    /// Put up to N jobs into one message
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = batch)]
    batch: usize,
    /// Publish at most N jobs a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Check the file and each job as far as that goes without the books, and publish nothing
    #[arg(long)]
    dry_run: bool,
    /// Wait for the outcomes; give up when none has come for so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30",
          require_equals = true, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  kontor submit jobs.ndjson --wait        publish, wait for the outcomes, count them
  kontor submit entries.csv --book main   a table with a header of dotted paths
  kontor submit big.ndjson --batch=1000   a thousand jobs a message
  generate | kontor submit - --dry-run    check only: also what will surely be refused

A table's header names members of the job; empty cells are absent, and a column that ends with
:json holds a number, a flag or any JSON:
  key,kind,data.legs.0.dr,data.legs.0.amount,data.legs.1.cr,data.legs.1.amount

Sending a file twice is safe: a key has one effect, and the second time its first outcome comes
again. Exit code 1: a job was rejected, not taken or (with --wait) not answered; 64: the file is
wrong and nothing was sent; 69: the broker cannot be reached; 78: exchange or rights are missing.";

fn batch(text: &str) -> Result<usize, String> {
    let allowed = 1..=MESSAGE_JOBS_MAX;
    let number = text.parse().ok().filter(|number| allowed.contains(number));
    number.ok_or_else(|| format!("a whole number from 1 to {MESSAGE_JOBS_MAX}"))
}

/// Run the command.
pub fn run(args: &SubmitArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let settings = globals.settings()?;
    check_book(args, &settings)?;
    let text = load(args)?;
    // Editors of one maker put it in front; a file is text without it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let shape = args
        .shape
        .unwrap_or_else(|| Shape::guess(&args.file.to_string_lossy(), text));
    let rows = match rows::read(text, shape) {
        Ok(rows) => rows,
        Err(mistakes) => return Err(refuse(args, &mistakes)),
    };
    for (key, first, second) in rows::doubled(&rows).iter().take(MISTAKES_SHOWN) {
        let name = args.file.display();
        warn(&format!(
            "{name}:{second}: key {key:?} stands on line {first} already; it has one effect"
        ));
    }
    let only = match settings.books.as_slice() {
        [book] => Some(book.name.as_str()),
        _ => None,
    };
    let parcels = match pack(&rows, args.batch, args.book.as_deref().or(only)) {
        Ok(parcels) => parcels,
        Err(mistake) => return Err(refuse(args, &[mistake])),
    };
    if args.dry_run {
        let default = args.book.as_deref().or(only);
        let refusals = foreseen::refusals(&rows, &settings.books, default);
        if !refusals.is_empty() {
            return Err(refuse(args, &refusals));
        }
        writeln!(
            out,
            "{} in {}; nothing was sent.",
            counted(rows.len(), "job"),
            counted(parcels.len(), "message")
        )?;
        return Ok(Done::Yes);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous part")?;
    let wishes = Wishes {
        wait: args.wait.map(Duration::from_secs),
        rate: args.rate,
    };
    let (carried, tally) = runtime.block_on(send(&settings, &parcels, &wishes))?;
    report(
        &parcels,
        &carried,
        &tally,
        wishes.wait.is_some(),
        globals.format(),
        out,
    )
}

/// A book that nobody keeps would take no job: each of them would be a dead letter.
fn check_book(args: &SubmitArgs, settings: &Settings) -> Result<(), Unusable> {
    let Some(book) = args.book.as_deref() else {
        return Ok(());
    };
    if !is_book_name(book) {
        return Err(Unusable(format!("--book: {}", rows::not_a_book(book))));
    }
    let known: Vec<&str> = settings.books.iter().map(|b| b.name.as_str()).collect();
    if known.contains(&book) {
        return Ok(());
    }
    Err(Unusable(format!(
        "--book: the configuration has no book {book:?}; there are: {}",
        known.join(", ")
    )))
}

fn load(args: &SubmitArgs) -> anyhow::Result<String> {
    let name = args.file.display();
    let bytes = if args.file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        bytes
    } else {
        std::fs::read(&args.file)
            .map_err(|fault| Unusable(format!("cannot read {name}: {fault}")))?
    };
    text_of(bytes).map_err(|line| {
        Unusable(format!("{name}:{line}: not UTF-8; save the file as UTF-8")).into()
    })
}

/// The bytes as text, or the first line that is none.
fn text_of(bytes: Vec<u8>) -> Result<String, usize> {
    String::from_utf8(bytes).map_err(|fault| {
        let good = fault.as_bytes().iter();
        let good = good.take(fault.utf8_error().valid_up_to());
        good.filter(|byte| **byte == b'\n')
            .count()
            .saturating_add(1)
    })
}

fn refuse(args: &SubmitArgs, mistakes: &[Mistake]) -> anyhow::Error {
    let name = args.file.display();
    let shown = mistakes.iter().take(MISTAKES_SHOWN);
    let mut lines: Vec<String> = shown
        .map(|Mistake { line, problem }| format!("{name}:{line}: {problem}"))
        .collect();
    if let Some(more) = mistakes
        .len()
        .checked_sub(MISTAKES_SHOWN)
        .filter(|more| *more > 0)
    {
        lines.push(format!("{name}: {more} more"));
    }
    lines.push("nothing was sent".to_owned());
    Unusable(lines.join("\n")).into()
}

/// Standard error may be closed; the exit code still tells.
fn warn(what: &str) {
    writeln!(std::io::stderr(), "{what}").unwrap_or_default();
}

/// Rows to messages of up to `batch` jobs, in order; a message holds jobs of one book, which is
/// `default` for rows that name none.
pub(super) fn pack(
    rows: &[Row],
    batch: usize,
    default: Option<&str>,
) -> Result<Vec<Parcel>, Mistake> {
    let mut parcels: Vec<Parcel> = Vec::new();
    for row in rows {
        let book = row.book.as_deref().or(default).ok_or_else(|| Mistake {
            line: row.line,
            problem: "the job names no book, and there are several: give --book".to_owned(),
        })?;
        let fits = |parcel: &&mut Parcel| {
            parcel.book == book
                && parcel.keys.len() < batch
                && parcel.body.len() + row.body.len() < MESSAGE_BYTES_MAX
        };
        if let Some(parcel) = parcels.last_mut().filter(|_| batch > 1).filter(fits) {
            parcel.body.push(b'\n');
            parcel.body.extend_from_slice(row.body.as_bytes());
            parcel.keys.push(row.key.clone());
        } else {
            parcels.push(parcel(row, book, batch > 1));
        }
    }
    Ok(parcels)
}

fn parcel(row: &Row, book: &str, many: bool) -> Parcel {
    Parcel {
        content_type: if many {
            "application/x-ndjson"
        } else {
            "application/json"
        },
        message_id: row.key.clone(),
        kind: (!many).then(|| row.kind.clone()),
        user_id: None,
        book: book.to_owned(),
        keys: vec![row.key.clone()],
        body: row.body.clone().into_bytes(),
    }
}

async fn send(
    settings: &Settings,
    parcels: &[Parcel],
    wishes: &Wishes,
) -> anyhow::Result<(Carried, Tally)> {
    let connect = connect::options(settings)?;
    let queue = match wishes.wait {
        Some(_) => Some(queue_name()?),
        None => None,
    };
    let mut courier = Courier::open(connect, &settings.broker.prefix, queue.as_deref()).await?;
    let jobs = parcels.iter().map(|parcel| parcel.keys.len()).sum();
    let mut progress = Progress::new(jobs, wishes.wait.is_some());
    let mut tally = Tally::default();
    let tell = |news: News| {
        progress.note(&news);
        if let News::Answered(answer) = news {
            tally.add(&answer);
        }
    };
    let carried = courier.carry(parcels, wishes, tell).await;
    progress.finish();
    courier.close().await;
    Ok((carried?, tally))
}

/// A name for the queue of answers that nobody else has.
pub fn queue_name() -> anyhow::Result<String> {
    let random = getrandom::u64()
        .map_err(std::io::Error::from)
        .context("no random numbers")?;
    Ok(format!("submit-{random:016x}"))
}

fn report(
    parcels: &[Parcel],
    carried: &Carried,
    tally: &Tally,
    waited: bool,
    format: Format,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let table = tally.table(tally::facts(parcels, carried), waited);
    if waited || format != Format::Text {
        out.write_all(render(&table, format)?.as_bytes())?;
    } else {
        writeln!(
            out,
            "{} confirmed in {}.",
            counted(carried.confirmed, "job"),
            counted(parcels.len(), "message")
        )?;
    }
    for answer in tally.refusals().iter().filter(|_| format == Format::Text) {
        let of = |name: &str| answer.body.get(name).and_then(serde_json::Value::as_str);
        let (code, message) = (
            of("code").unwrap_or_default(),
            of("message").unwrap_or_default(),
        );
        let path = of("path").map_or(String::new(), |path| format!(" at {path}"));
        // What exactly does not fit, where the sentence of the code says only what to do.
        let reason = answer.body.pointer("/detail/reason");
        let reason = reason.and_then(serde_json::Value::as_str);
        let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
        writeln!(out, "{}: {code}{path}{reason}: {message}", answer.key)?;
    }
    let more = tally.rejected().saturating_sub(tally.refusals().len());
    if more > 0 && format == Format::Text {
        writeln!(out, "and {more} more were rejected")?;
    }
    let advice = [
        (
            &carried.unroutable,
            "no queue takes these messages: run `kontor topology apply`",
        ),
        (
            &carried.refused,
            "the broker refused these messages: is the queue full, or without leader?",
        ),
        (
            &carried.unsendable,
            "these messages do not fit into AMQP: their properties are too long",
        ),
    ];
    let mut good = tally.rejected() == 0 && carried.unanswered.is_empty();
    for (places, why) in advice {
        let keys = places
            .iter()
            .filter_map(|at| parcels.get(*at))
            .flat_map(|parcel| &parcel.keys);
        let keys: Vec<&str> = keys.map(String::as_str).take(MISTAKES_SHOWN).collect();
        if !keys.is_empty() {
            warn(&format!("{why}: {}", keys.join(", ")));
            good = false;
        }
    }
    if !carried.unanswered.is_empty() {
        let missing = match carried.unanswered.len() {
            1 => "1 job has".to_owned(),
            many => format!("{many} jobs have"),
        };
        warn(&format!(
            "{missing} no outcome yet: does `kontor run` work, and is there something in the dead \
             letters?"
        ));
    }
    Ok(if good { Done::Yes } else { Done::No })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, book: Option<&str>) -> Row {
        let text = |text: &str| text.to_owned();
        let (key, kind, book, body) = (text(key), text("x"), book.map(text), text("{}"));
        Row {
            line: 7,
            key,
            kind,
            book,
            body,
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_told_by_their_line() {
        let latin = [b"key,kind\n\xc3\xa4,x\n".as_slice(), b"\xe4,x\n"].concat();
        assert_eq!(text_of(latin), Err(3));
        assert_eq!(text_of(b"key\n".to_vec()), Ok("key\n".to_owned()));
    }

    #[test]
    fn messages_hold_jobs_of_one_book_in_order() {
        let rows = [
            row("a", None),
            row("b", None),
            row("c", Some("other")),
            row("d", Some("other")),
            row("e", Some("other")),
        ];
        let parcels = pack(&rows, 2, Some("main")).unwrap();
        let shown: Vec<_> = parcels
            .iter()
            .map(|p| (p.book.as_str(), p.keys.join(" ")))
            .collect();
        let expected = [("main", "a b"), ("other", "c d"), ("other", "e")];
        assert_eq!(shown, expected.map(|(book, keys)| (book, keys.to_owned())));
        assert_eq!(parcels[0].body, b"{}\n{}");
        let single = pack(&rows, 1, Some("shop")).unwrap();
        assert_eq!((single.len(), single[0].book.as_str()), (5, "shop"));
        assert_eq!(single[0].kind.as_deref(), Some("x"));
        assert_eq!(pack(&rows, 1, None).unwrap_err().line, 7);
    }

    #[test]
    fn a_message_stays_below_its_limit() {
        let mut big = row("a", None);
        big.body = "x".repeat(MESSAGE_BYTES_MAX);
        let rows = [row("b", None), big, row("c", None)];
        let parcels = pack(&rows, 100, Some("main")).unwrap();
        assert_eq!(parcels.len(), 3);
        assert!(
            parcels
                .iter()
                .all(|parcel| parcel.body.len() <= MESSAGE_BYTES_MAX)
        );
    }

    #[test]
    fn the_number_of_jobs_a_message_has_a_bound() {
        assert_eq!(batch("1"), Ok(1));
        assert!(batch("0").is_err() && batch("10001").is_err() && batch("x").is_err());
    }
}
