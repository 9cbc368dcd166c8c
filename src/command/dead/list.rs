//! `kontor dead list`: letters by reason and age, or one by one.

use std::collections::BTreeMap;
use std::io::Write;

use clap::Args;

use super::{Filter, NANOS, Queue, died, origin};
use crate::broker::Letter;
use crate::command::open_books::bar;
use crate::command::{Done, Globals};
use crate::ledger::Value;
use crate::report::{Column, Row, Table, render};
use crate::time::{Clock as _, SystemClock, Timestamp};

const HOUR: i64 = 3_600 * NANOS;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// Characters of an id that are shown; as many are enough to name it.
const ID: usize = 16;

const GROUPS: [Column; 6] = [
    Column::words("reason"),
    Column::words("age"),
    Column::figures("letters"),
    Column::words("oldest"),
    Column::words("newest"),
    Column::words("example"),
];
const EACH: [Column; 8] = [
    Column::figures("place"),
    Column::words("id"),
    Column::words("reason"),
    Column::words("died"),
    Column::words("from"),
    Column::words("message_id"),
    Column::figures("bytes"),
    Column::figures("returns"),
];

/// List dead letters, by reason and age or one by one; the queue stays as it is
///
/// `returns` counts how often a letter was looked at and given back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor dead list
  kontor --format csv dead list --each --reason MESSAGE_MALFORMED")]
pub(super) struct ListArgs {
    /// One row a letter, in the order of the queue
    #[arg(long)]
    each: bool,
    #[command(flatten)]
    filter: Filter,
}

/// What is known of one letter, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) place: u32,
    pub(super) id: String,
    pub(super) reason: String,
    pub(super) died: Option<Timestamp>,
    pub(super) from: String,
    pub(super) message_id: Option<String>,
    pub(super) bytes: usize,
    pub(super) returns: u64,
}

impl Line {
    fn of(place: u32, letter: &Letter) -> Self {
        let delivery = &letter.delivery;
        Self {
            place,
            id: letter.id(),
            reason: letter.reason().to_owned(),
            died: died(letter),
            from: origin(letter),
            message_id: delivery.properties.message_id.clone(),
            bytes: delivery.body.len(),
            returns: delivery.delivery_count.unwrap_or(0),
        }
    }
}

/// Run the command.
pub(super) async fn run(
    args: &ListArgs,
    queue: &Queue,
    globals: &Globals,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let mut walk = queue.walk().await?;
    let bar = bar("reading");
    bar.set_length(walk.stood().into());
    let (mut place, mut lines) = (0_u32, Vec::new());
    while let Some(letter) = queue.next(&mut walk).await? {
        place = place.saturating_add(1);
        if args.filter.takes(&letter) {
            lines.push(Line::of(place, &letter));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    walk.end().await?;
    let facts = [
        ("queue", Value::text(queue.name.clone())),
        ("letters", Value::count(place)),
    ];
    let table = if args.each {
        table(&EACH, each(&lines), facts)
    } else {
        table(&GROUPS, groups(&lines, SystemClock::new().now()), facts)
    };
    out.write_all(render(&table, globals.format())?.as_bytes())?;
    Ok(Done::Yes)
}

fn table(columns: &[Column], rows: Vec<Row>, facts: [(&'static str, Value); 2]) -> Table {
    let facts: Vec<_> = facts
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect();
    let mut json = facts.clone();
    json.push(("rows".into(), super::act::objects(columns, &rows)));
    Table {
        title: "Dead letters".to_owned(),
        facts,
        columns: columns.to_vec(),
        rows,
        totals: Vec::new(),
        json,
        absent: &[],
    }
}

/// How old something is, in the order in which it is shown.
fn age(died: Option<Timestamp>, now: Timestamp) -> (u8, &'static str) {
    match died.map(|died| now.0.saturating_sub(died.0)) {
        Some(age) if age < HOUR => (0, "under 1 hour"),
        Some(age) if age < DAY => (1, "under 1 day"),
        Some(age) if age < WEEK => (2, "under 7 days"),
        Some(_) => (3, "7 days and more"),
        None => (4, "not known"),
    }
}

/// A row for each reason and age.
pub(super) fn groups(lines: &[Line], now: Timestamp) -> Vec<Row> {
    let mut groups: BTreeMap<_, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        let group = (line.reason.as_str(), age(line.died, now));
        groups.entry(group).or_default().push(line);
    }
    let row = |((reason, (_, age)), lines): ((&str, (u8, &'static str)), Vec<&Line>)| {
        let died = || lines.iter().filter_map(|line| line.died);
        vec![
            Some(Value::text(reason.to_owned())),
            Some(Value::text(age)),
            Some(Value::count(lines.len())),
            time(died().min()),
            time(died().max()),
            lines.first().map(|line| short(&line.id)),
        ]
    };
    groups.into_iter().map(row).collect()
}

/// A row for each letter.
fn each(lines: &[Line]) -> Vec<Row> {
    let row = |line: &Line| {
        vec![
            Some(Value::count(line.place)),
            Some(short(&line.id)),
            Some(Value::text(line.reason.clone())),
            time(line.died),
            Some(Value::text(line.from.clone())),
            line.message_id.clone().map(Value::text),
            Some(Value::count(line.bytes)),
            Some(Value::count(line.returns)),
        ]
    };
    lines.iter().map(row).collect()
}

fn time(at: Option<Timestamp>) -> Option<Value> {
    at.map(|at| Value::text(at.short()))
}

fn short(id: &str) -> Value {
    Value::text(id.chars().take(ID).collect::<String>())
}
