//! Pages about kinds: what a kind is for, an example, its members.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::Kind;
use super::schema::example_key;

/// How deep members are listed; no kind needs more.
const DEPTH_MAX: usize = 6;

/// The page of a kind.
pub(super) fn of_kind(kind: &Kind, schema: &Json) -> String {
    let name = kind.info.name;
    let mut out = format!("# {name}\n\n{}\n\n", kind.summary);
    let what = if kind.question {
        "A question: it is sent to the exchange of questions, needs no key, and is answered to \
         `reply_to`."
    } else if kind.actor_needed {
        "A job. It needs an `actor` that somebody vouches for."
    } else {
        "A job."
    };
    line(
        &mut out,
        &format!(
            "{what} Kind {} on the wire, schema version 1,",
            kind.info.code.0
        ),
    );
    line(&mut out, &format!("[JSON Schema]({name}.schema.json).\n"));
    line(&mut out, "## Example\n\n```json");
    line(&mut out, &example(kind));
    line(&mut out, "```\n\n## Data\n");
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
    out
}

/// The page that leads to all kinds.
pub(super) fn index(kinds: &[Kind]) -> String {
    let mut out = String::from(
        "# Jobs and questions\n\nThe kinds that this release has built. The envelope around `data` \
         is the same for all of them; it\nstands in each schema.\n\n\
         | Kind | What it does |\n|---|---|\n",
    );
    for kind in kinds {
        let name = kind.info.name;
        line(
            &mut out,
            &format!("| [`{name}`]({name}.md) | {} |", kind.summary),
        );
    }
    out
}

/// A whole message with the kind's example, in the order in which people write it.
fn example(kind: &Kind) -> String {
    let name = kind.info.name;
    let key = if kind.question {
        String::new()
    } else {
        format!("\"key\": \"{}\", ", example_key(name))
    };
    let actor = if kind.actor_needed {
        ", \"actor\": \"user:anna\""
    } else {
        ""
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

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(out, "{text}");
}

fn members(out: &mut String, path: &str, schema: &Json, definitions: &Json, depth: usize) {
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
    for (name, member) in schema
        .get("properties")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
    {
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
        let kind = type_of(whole, definitions);
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

fn type_of(schema: &Json, definitions: &Json) -> String {
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
    let items = schema
        .get("items")
        .map(|items| resolved(items, definitions));
    match items
        .and_then(|items| items.get("type"))
        .and_then(Json::as_str)
    {
        Some(item) => format!("array of {item}"),
        None => name.to_owned(),
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
