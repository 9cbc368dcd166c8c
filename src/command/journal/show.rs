//! `kontor journal show`: records as JSON lines, texts as `[sealed]`.

use std::io::Write;

use clap::Args;
use serde_json::{Map, Value as Json, json};

use crate::command::open_books::{Directory, OpenJournal};
use crate::command::{Done, Globals};
use crate::ids::Position;
use crate::journal::Commits;
use crate::ledger::commit::LettersRecord;
use crate::ledger::{Commit, Effect, JobRecord, Leg, NameTable, Post, Record, Side};
use crate::money::{Minor, print_minor};
use crate::wire::message::read_binary;
use crate::wire::outcome;

/// Print records as JSON lines, from a position on
///
/// Personal texts are shown as "[sealed]".
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor journal show --from 1000 --limit 10
  kontor journal show | jq 'select(.outcome.status == \"rejected\")'")]
pub(super) struct ShowArgs {
    /// First position
    #[arg(long, value_name = "POSITION", default_value_t = 1)]
    from: u64,
    /// At most so many records
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    #[command(flatten)]
    dir: Directory,
}

/// Run the command.
pub(super) fn run(
    args: &ShowArgs,
    globals: &Globals,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    for journal in args.dir.journals(globals)? {
        show(&journal, args, out)?;
    }
    Ok(Done::Yes)
}

fn show(journal: &OpenJournal, args: &ShowArgs, out: &mut impl Write) -> anyhow::Result<()> {
    // From the beginning, because accounts are named where they were opened.
    let mut commits = Commits::from_position(journal.disk.clone(), Position(1), journal.until)?;
    let mut names = NameTable::default();
    let mut left = args.limit.unwrap_or(u64::MAX);
    while let Some(found) = commits.next()? {
        names.learn(&found.commit);
        for (position, record) in found.commit.positions() {
            if position.0 < args.from {
                continue;
            }
            let Some(rest) = left.checked_sub(1) else {
                return Ok(());
            };
            left = rest;
            let mut shown = Map::new();
            shown.insert("position".to_owned(), json!(position.0));
            let recorded_at = found.commit.recorded_at.to_string();
            shown.insert("recorded_at".to_owned(), json!(recorded_at));
            shown.extend(facts(record, &found.commit, &names));
            writeln!(out, "{}", Json::Object(shown))?;
        }
    }
    Ok(())
}

/// The members of a record.
fn facts(record: &Record, commit: &Commit, names: &NameTable) -> Map<String, Json> {
    let shown = match record {
        Record::Job(record) => job(record, commit, names),
        Record::Duplicate(duplicate) => json!({
            "record": "duplicate",
            "book": names.book(duplicate.book),
            "key": duplicate.key,
            "first": duplicate.first.0,
        }),
        Record::Setup(setup) => json!({
            "record": "setup",
            "book": setup.name,
            "functional_unit": setup.functional_unit,
            "time_zone": setup.time_zone,
            "effects": setup.effects.len(),
        }),
        Record::Start(start) => json!({
            "record": "start",
            "version": start.version,
            "build": start.build,
            "after_unclean_stop": start.after_unclean_stop,
        }),
        Record::Stop => json!({ "record": "stop" }),
        Record::Cut(cut) => json!({
            "record": "cut",
            "lineage": cut.lineage.0,
            "kept": cut.kept.0,
            "known": cut.known.0,
            "missing": cut.missing,
        }),
        Record::Accepted { lineage } => json!({ "record": "accepted", "lineage": lineage.0 }),
        Record::Letters(record) => json!({
            "record": "dead_letters",
            "act": record.act.text(),
            "user": record.user,
            "operator": record.operator,
            "letters": letters(record),
        }),
    };
    if let Json::Object(members) = shown {
        members
    } else {
        Map::new()
    }
}

fn letters(record: &LettersRecord) -> Vec<Json> {
    let letters = record.letters.iter();
    letters
        .map(|(id, reason)| json!({ "id": id, "reason": reason }))
        .collect()
}

fn job(record: &JobRecord, commit: &Commit, names: &NameTable) -> Json {
    let mut text = Vec::new();
    outcome::encode(record, commit, names, &mut text);
    // The encoder writes JSON; its own tests hold that.
    let outcome: Json = serde_json::from_slice(&text).unwrap_or_default();
    let entries: Vec<Json> = commit
        .effects(&record.effects)
        .iter()
        .filter_map(Effect::as_post)
        .map(|post| entry(post, commit.legs(&post.legs), record, names))
        .collect();
    json!({
        "record": "job",
        "book": names.book(record.book),
        "key": record.envelope.key,
        "kind": outcome::kind(record),
        "principal": record.envelope.principal,
        "actor": record.envelope.actor,
        "data": content(record),
        "entries": entries,
        "outcome": outcome,
    })
}

/// The content of a job; what failed its schema was sealed whole.
fn content(record: &JobRecord) -> Json {
    if record.envelope.sealed {
        return json!("[sealed]");
    }
    let Ok(data) = read_binary(record.envelope.kind, &record.envelope.content) else {
        return Json::Null;
    };
    data.serialize(serde_json::value::Serializer)
        .unwrap_or_default()
}

fn entry(post: &Post, legs: &[Leg], record: &JobRecord, names: &NameTable) -> Json {
    let legs: Vec<Json> = legs
        .iter()
        .filter_map(|leg| {
            let (name, decimals) = names.account(record.book, leg.account)?;
            let amount = print_minor(Minor::from(leg.amount), decimals);
            Some(match leg.side {
                Side::Debit => json!({ "dr": name, "amount": amount }),
                Side::Credit => json!({ "cr": name, "amount": amount }),
            })
        })
        .collect();
    json!({
        "entry_no": post.number.0,
        "booking_date": post.booking_date.to_string(),
        "value_date": post.value_date.to_string(),
        "legs": legs,
    })
}
