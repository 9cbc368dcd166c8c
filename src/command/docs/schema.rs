//! JSON Schemas of jobs: the types' own schemas in the envelope that every job has.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use super::Kind;
use crate::ids::is_key;

/// The pattern of keys, book names and nothing else that stands here; a test compares it with the
/// code.
const KEY_PATTERN: &str = "^[A-Za-z0-9._:/-]{1,128}$";
const BOOK_PATTERN: &str = "^[a-z0-9_-]{1,64}$";

/// The schema of a type, without nulls: a member that is not given is left out.
pub(super) fn of_data<T: JsonSchema>() -> Json {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    without_null(&mut schema);
    schema
}

/// The schema of a whole job message of a kind.
pub(super) fn of_job(kind: &Kind) -> Json {
    let mut data = kind.data.clone();
    let mut definitions = Json::Object(Map::new());
    if let Json::Object(members) = &mut data {
        members.remove("$schema");
        members.remove("title");
        definitions = members.remove("$defs").unwrap_or(definitions);
    }
    let text = |description: &str| json!({ "type": "string", "description": description });
    let mut actor = text("Who acts; vouched for by the broker or by a trusted front end.");
    if let Json::Object(members) = &mut actor {
        members.insert("maxLength".to_owned(), json!(crate::limits::ID_CHARS_MAX));
    }
    let mut required = vec!["kind", "data"];
    if !kind.question {
        required.insert(0, "key");
    }
    if kind.actor_needed {
        required.push("actor");
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.info.name,
        "description": kind.summary,
        "type": "object",
        "properties": {
            "key": {
                "type": "string",
                "pattern": KEY_PATTERN,
                "description": "Unique in the book for ever; the same key has one effect.",
            },
            "kind": { "const": kind.info.name },
            "book": {
                "type": "string",
                "pattern": BOOK_PATTERN,
                "description": "The book; by default the message's routing key.",
            },
            "schema_version": { "const": 1 },
            "actor": actor,
            "occurred_at": text("When it occurred, RFC 3339; for figures about lateness only."),
            "expires_at": text("From when on the job makes no sense any more, RFC 3339."),
            "data": data,
        },
        "required": required,
        "additionalProperties": false,
        "$defs": definitions,
    })
}

/// Bring the schema of a kind into a list of schemas by name, and what it refers to beside it. If
/// others mean something else by one of those names, all of the kind's get its own name in front.
pub(super) fn bring(kind: &str, mut schema: Json, schemas: &mut Map<String, Json>) {
    let Json::Object(members) = &mut schema else {
        return;
    };
    members.remove("$schema");
    let definitions = match members.remove("$defs") {
        Some(Json::Object(definitions)) => definitions,
        Some(_) | None => Map::new(),
    };
    let means_otherwise = |(name, definition): (&String, &Json)| {
        let mut here = definition.clone();
        refer(&mut here, "");
        schemas.get(name).is_some_and(|known| *known != here)
    };
    let front = if definitions.iter().any(means_otherwise) {
        format!("{kind}.")
    } else {
        String::new()
    };
    for (name, mut definition) in definitions {
        refer(&mut definition, &front);
        schemas.insert(format!("{front}{name}"), definition);
    }
    refer(&mut schema, &front);
    schemas.insert(kind.to_owned(), schema);
}

/// Let every reference to a definition point into the list, with something in front of its name.
fn refer(schema: &mut Json, front: &str) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(|item| refer(item, front)),
        Json::Object(members) => {
            if let Some(Json::String(reference)) = members.get_mut("$ref")
                && let Some(name) = reference.strip_prefix("#/$defs/")
            {
                *reference = format!("#/components/schemas/{front}{name}");
            }
            // What is in a file of its own elsewhere stands in the same list.
            if let Some(Json::String(reference)) = members.get_mut("$ref")
                && let Some((kind, place)) = reference.split_once(".schema.json#")
            {
                *reference = format!("#/components/schemas/{kind}{place}");
            }
            members.values_mut().for_each(|member| refer(member, front));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Take the null out of every type: kontor refuses `null` everywhere.
fn without_null(schema: &mut Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(without_null),
        Json::Object(members) => {
            let null = members.get("default").is_some_and(Json::is_null);
            if null {
                members.remove("default");
            }
            if let Some(types) = members.get_mut("type") {
                one_type(types);
            }
            if let Some(Json::Array(values)) = members.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            let mut only = None;
            if let Some(Json::Array(any)) = members.get_mut("anyOf") {
                any.retain(|one| one.get("type") != Some(&json!("null")));
                if let [one] = any.as_slice() {
                    only = Some(one.clone());
                }
            }
            if let Some(Json::Object(one)) = only {
                members.remove("anyOf");
                for (name, value) in one {
                    members.entry(name).or_insert(value);
                }
            }
            members.values_mut().for_each(without_null);
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn one_type(types: &mut Json) {
    if let Json::Array(names) = types {
        names.retain(|name| name != "null");
        if let [one] = names.as_slice() {
            *types = one.clone();
        }
    }
}

/// Whether an example key fits; the pattern and the code must agree.
pub(super) fn example_key(name: &str) -> String {
    let key = format!("example-{name}");
    debug_assert!(is_key(&key), "the example's key is a key");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_means_two_things_gets_the_kind_in_front() {
        let schema = |of: &str| {
            json!({ "$schema": "x", "properties": { "a": { "$ref": "#/$defs/Outer" } },
                "$defs": { "Outer": { "items": { "$ref": "#/$defs/Inner" } },
                    "Inner": { "type": of } } })
        };
        let mut schemas = Map::new();
        bring("a.one", schema("string"), &mut schemas);
        bring("a.two", schema("string"), &mut schemas);
        bring("b.one", schema("integer"), &mut schemas);
        let names: Vec<&str> = schemas.keys().map(String::as_str).collect();
        let expected = [
            "Inner",
            "Outer",
            "a.one",
            "a.two",
            "b.one",
            "b.one.Inner",
            "b.one.Outer",
        ];
        assert_eq!(names, expected);
        let outer = "#/components/schemas/b.one.Outer";
        assert_eq!(
            schemas["b.one"],
            json!({ "properties": { "a": { "$ref": outer } } })
        );
        let inner = "#/components/schemas/b.one.Inner";
        assert_eq!(
            schemas["b.one.Outer"],
            json!({ "items": { "$ref": inner } })
        );
    }
}
