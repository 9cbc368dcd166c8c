//! Pages about kinds: what a kind is for, an example and what becomes of it, its members, why it
//! can be refused.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::Kind;
use super::example::{Became, actor};
use super::postings;
use super::schema::example_key;

/// How deep members are listed; no kind needs more.
const DEPTH_MAX: usize = 6;

/// Sections of `docs/accounting.md` by the first word of a kind.
const SECTIONS: &[(&str, &str)] = &[
    ("account", "accounts"),
    ("entry", "entries"),
    ("accrual", "entries"),
    ("batch", "entries"),
    ("recurring", "entries"),
    ("revenue", "revenue-over-time"),
    ("fx", "foreign-currencies"),
    ("invoice", "invoices"),
    ("payment", "payments"),
    ("credit_note", "credit-notes-and-refunds"),
    ("refund", "credit-notes-and-refunds"),
    ("writeoff", "write-offs"),
    ("dunning", "late-payment"),
    ("interest", "interest"),
    ("usage", "usage"),
    ("settlement", "settlement"),
    ("period", "periods-and-reference-data"),
    ("reference", "periods-and-reference-data"),
    ("query", "questions"),
    ("report", "questions"),
    ("risk", "questions"),
];

/// Members of an outcome in the order in which they are published; others follow, balances last.
const ORDER: &[&str] = &[
    "book",
    "sequence",
    "key",
    "kind",
    "status",
    "code",
    "message",
    "path",
    "detail",
    "recorded_at",
    "booking_date",
    "value_date",
    "entry_no",
    "entries",
];

/// The page of a kind.
pub(super) fn of_kind(kind: &Kind, schema: &Json, became: &Became) -> String {
    let name = kind.info.name;
    let mut out = format!("# {name}\n\n{}\n\n", kind.summary);
    let what = if kind.question {
        "A question: it has no key, changes nothing and leaves nothing in the journal."
    } else if kind.actor_needed {
        "A job that needs an `actor` whom somebody vouches for."
    } else {
        "A job."
    };
    line(&mut out, what);
    let schema_of = format!("Schema version 1: [JSON Schema]({name}.schema.json).");
    if kind.question {
        line(&mut out, &schema_of);
    } else {
        let code = kind.info.code.0;
        line(
            &mut out,
            &format!("Kind {code} in binary messages. {schema_of}"),
        );
    }
    let accounts = format!("[accounting](../accounting.md#{})", section(name));
    line(
        &mut out,
        &format!("Accounts and amounts: {accounts}. Envelope and types: [jobs](README.md).\n"),
    );
    line(&mut out, "## Example\n\n```json");
    line(&mut out, &example(kind));
    line(&mut out, "```\n");
    let lead = if kind.question {
        "The answer:"
    } else {
        "Its outcome:"
    };
    show(&mut out, lead, became);
    if !kind.question {
        line(&mut out, "## Postings\n");
        line(
            &mut out,
            &format!("{}\n|---|---|---|---|---|", postings::HEAD),
        );
        for row in postings::of_kind(name) {
            line(&mut out, row);
        }
        line(&mut out, "");
    }
    line(&mut out, "## Data\n");
    line(
        &mut out,
        "| Member | Type | Needed | Meaning |\n|---|---|---|---|",
    );
    let definitions = schema.get("$defs").cloned().unwrap_or_default();
    let data = schema
        .pointer("/properties/data")
        .cloned()
        .unwrap_or_default();
    members(&mut out, "", &data, &definitions, 0);
    refusals(&mut out, kind);
    out
}

/// The section of the accountants' document that a kind belongs to.
fn section(name: &str) -> String {
    let family = name.split('.').next().unwrap_or(name);
    let known = SECTIONS.iter().find(|(known, _)| *known == family);
    known.map_or_else(
        || format!("{family}s"),
        |(_, section)| (*section).to_owned(),
    )
}

/// What became of the example in the book of the examples.
fn show(out: &mut String, lead: &str, became: &Became) {
    line(out, &format!("{lead}\n\n```json"));
    line(out, &outcome(&became.outcome));
    line(out, "```\n");
    for entry in &became.entries {
        let number = entry
            .get("entry_no")
            .map(Json::to_string)
            .unwrap_or_default();
        let date = entry
            .get("booking_date")
            .and_then(Json::as_str)
            .unwrap_or_default();
        line(out, &format!("Entry {number}, booked on {date}:\n"));
        line(
            out,
            "| Account | Unit | Debit | Credit |\n|---|---|---|---|",
        );
        let legs = entry.get("legs").and_then(Json::as_array);
        for leg in legs.into_iter().flatten() {
            let text = |name: &str| leg.get(name).and_then(Json::as_str).unwrap_or_default();
            let (unit, amount) = (text("unit"), text("amount"));
            let row = if leg.get("dr").is_some() {
                format!("| `{}` | {unit} | {amount} | |", text("dr"))
            } else {
                format!("| `{}` | {unit} | | {amount} |", text("cr"))
            };
            line(out, &row);
        }
        line(out, "");
    }
}

/// An outcome, a member a line.
fn outcome(members: &Map<String, Json>) -> String {
    let place = |name: &str| {
        let known = ORDER.iter().position(|known| *known == name);
        (known.unwrap_or(ORDER.len()), name == "balances")
    };
    let mut ordered: Vec<(&String, &Json)> = members.iter().collect();
    ordered.sort_by_key(|(name, _)| place(name));
    let lines: Vec<String> = ordered
        .into_iter()
        .map(|(name, value)| format!("  \"{name}\": {}", spaced(value)))
        .collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

/// JSON on one line, as people write it; a long list has an item a line.
fn spaced(value: &Json) -> String {
    match value {
        Json::Array(items) if items.len() > 2 && items.iter().all(Json::is_object) => {
            let items: Vec<String> = items.iter().map(spaced).collect();
            format!("[\n    {}\n  ]", items.join(",\n    "))
        }
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(spaced).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(members) if members.is_empty() => "{}".to_owned(),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| format!("\"{name}\": {}", spaced(value));
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value.to_string(),
    }
}

/// Codes of the kind's own.
fn refusals(out: &mut String, kind: &Kind) {
    if kind.question && kind.refusals.is_empty() {
        return;
    }
    line(out, "\n## Refusals\n");
    let every = "[every job](README.md#refusals-of-every-job)";
    if kind.refusals.is_empty() {
        line(out, &format!("Those of {every}, and no others."));
        return;
    }
    let others = if kind.for_others {
        ", those of the job inside"
    } else {
        ""
    };
    line(out, &format!("Those of {every}{others}, and:"));
    line(out, "\n| Code | Meaning | What to do |\n|---|---|---|");
    for code in kind.refusals {
        line(
            out,
            &format!(
                "| `{}` | {} | {} |",
                code.text(),
                code.meaning(),
                code.advice()
            ),
        );
    }
}

/// A whole message with the kind's example, in the order in which people write it.
pub(super) fn example(kind: &Kind) -> String {
    let name = kind.info.name;
    let key = if kind.question {
        String::new()
    } else {
        format!("\"key\": \"{}\", ", example_key(name))
    };
    let actor = if kind.actor_needed {
        format!(", \"actor\": \"{}\"", actor(name))
    } else {
        String::new()
    };
    let mut lines = kind.example.trim().lines();
    let mut out = format!("{{ {key}\"kind\": \"{name}\"{actor},\n  \"data\": ");
    out.push_str(lines.next().unwrap_or_default());
    let rest: Vec<&str> = lines.collect();
    // The closing brace stands where the example began in the source.
    let margin = rest
        .last()
        .map_or(0, |last| last.len() - last.trim_start().len());
    for line in rest {
        out.push_str("\n  ");
        out.push_str(line.get(margin..).unwrap_or_else(|| line.trim_start()));
    }
    out.push_str(" }");
    out
}

pub(super) fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(out, "{text}");
}

pub(super) fn members(
    out: &mut String,
    path: &str,
    schema: &Json,
    definitions: &Json,
    depth: usize,
) {
    let schema = resolved(schema, definitions);
    if depth > DEPTH_MAX {
        return;
    }
    for variant in ["oneOf", "anyOf"] {
        if let Some(Json::Array(all)) = schema.get(variant) {
            all.iter()
                .for_each(|one| members(out, path, one, definitions, depth + 1));
        }
    }
    let required = schema.get("required").and_then(Json::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.contains(&json!(name)));
    let properties = schema.get("properties").and_then(Json::as_object);
    let mut properties: Vec<_> = properties.into_iter().flatten().collect();
    properties.sort_by_key(|(name, _)| !is_required(name));
    for (name, member) in properties {
        let whole = resolved(member, definitions);
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let meaning = member
            .get("description")
            .or_else(|| whole.get("description"));
        let meaning = meaning.and_then(Json::as_str).unwrap_or_default();
        let meaning = meaning.replace('\n', " ").replace('|', "\\|");
        let needed = if is_required(name) { "yes" } else { "" };
        let kind = type_of(member, definitions);
        line(
            out,
            &format!("| `{path}` | {kind} | {needed} | {meaning} |"),
        );
        let items = whole.get("items").map(|items| resolved(items, definitions));
        match items {
            Some(items) => members(out, &format!("{path}[]"), items, definitions, depth + 1),
            None => members(out, &path, whole, definitions, depth + 1),
        }
    }
}

fn type_of(member: &Json, definitions: &Json) -> String {
    if let Some(name) = of_ours(member) {
        return name.to_owned();
    }
    let schema = resolved(member, definitions);
    if let Some(Json::Array(values)) = schema.get("enum") {
        return words(values.iter().filter_map(Json::as_str));
    }
    if let Some(Json::Array(all)) = schema.get("oneOf") {
        let constants: Option<Vec<&str>> = all
            .iter()
            .map(|one| one.get("const").and_then(Json::as_str))
            .collect();
        if let Some(constants) = constants {
            return words(constants.into_iter());
        }
    }
    let name = schema.get("type").and_then(Json::as_str).unwrap_or("value");
    match schema.get("items") {
        Some(items) => format!("list of {}", type_of(items, definitions)),
        None => name.to_owned(),
    }
}

/// The name of a type that the index explains.
fn of_ours(member: &Json) -> Option<&'static str> {
    let name = member.get("$ref").and_then(Json::as_str)?;
    match name.strip_prefix("#/$defs/")? {
        "Decimal" => Some("decimal"),
        "Date" => Some("date"),
        "Instant" => Some("instant"),
        "Id" => Some("id"),
        "Text" => Some("text"),
        _other => None,
    }
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    words.join(" ")
}

/// The schema behind a reference.
fn resolved<'s>(schema: &'s Json, definitions: &'s Json) -> &'s Json {
    let name = schema.get("$ref").and_then(Json::as_str);
    let name = name.and_then(|name| name.strip_prefix("#/$defs/"));
    name.and_then(|name| definitions.get(name))
        .unwrap_or(schema)
}
