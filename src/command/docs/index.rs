//! The page that leads to all kinds, with what they have in common: envelope, types, refusals.

use serde_json::{Map, Value as Json, json};

use super::Kind;
use super::page::{line, members};
use crate::code::Code;

/// The page that leads to all kinds.
pub(super) fn page(kinds: &[Kind], schema: &Json) -> String {
    let mut out = String::from(INDEX);
    for kind in kinds {
        let name = kind.info.name;
        line(
            &mut out,
            &format!("| [`{name}`]({name}.md) | {} |", kind.summary),
        );
    }
    line(&mut out, ENVELOPE);
    let definitions = Json::Object(Map::new());
    let mut envelope = schema.clone();
    for (member, kind, meaning) in OF_ALL {
        if let Some(member) = envelope.pointer_mut(&format!("/properties/{member}")) {
            *member = json!({ "type": kind, "description": meaning });
        }
    }
    members(&mut out, "", &envelope, &definitions, 0);
    out.push_str(TYPES);
    for group in COMMON {
        let of_group = Code::ALL.iter().filter(|code| code.group() == *group);
        let codes: Vec<String> = of_group.map(|code| format!("`{}`", code.text())).collect();
        line(&mut out, &format!("| {group} | {} |", codes.join(" ")));
    }
    let rate = Code::RateNotFound.text();
    line(
        &mut out,
        &format!("| Approval, of a foreign amount | `{rate}` |"),
    );
    out
}

/// Groups of codes that every job can be refused with.
const COMMON: &[&str] = &[
    "Schema",
    "Key and time",
    "Amount",
    "Account and unit",
    "Funds",
    "Approval",
];

/// Members that a kind's schema narrows down, as they are for all kinds.
const OF_ALL: &[(&str, &str, &str)] = &[
    ("data", "object", "What the kind needs: its own page."),
    ("kind", "string", "One of the kinds above."),
    (
        "schema_version",
        "integer",
        "Version of the kind's schema: 1, also by default.",
    ),
];

const INDEX: &str = "\
# Jobs and questions

The kinds that this release has built. Each page has an example, what becomes of it in a small book,
its members and its own refusals. For programs the whole contract with the broker stands in one
file, [asyncapi.json](../asyncapi.json): exchanges, queues, messages, outcomes, dead letters and all
schemas.

| Kind | What it does |
|---|---|
";

const ENVELOPE: &str = "
## The envelope

| Member | Type | Needed | Meaning |
|---|---|---|---|";

const TYPES: &str = "
Unknown members are refused everywhere, and so is `null`: leave a member out instead.

## Types

| Type | Is |
|---|---|
| decimal | a JSON string of digits with one optional point, such as `\"1250.00\"`; never a JSON \
number. As an amount it has at most the decimals of its unit, as a quantity 9, as a rate 12 |
| date | a JSON string `YYYY-MM-DD`, 1900 to 2199 |
| instant | a JSON string of RFC 3339, such as `\"2026-03-31T12:00:00Z\"` |
| id | 1 to 128 characters: a name, a code, a number or a reference of yours |
| text | words about or for people, at most 500 characters; kept only encrypted, under a key of \
the person |

## Refusals of every job

Not every kind can raise every one of them. The order of checks, and what to do about each code, is
in [codes.md](../codes.md).

| Group | Codes |
|---|---|
";
