//! What differs between what a case expects and what was seen.
//!
//! What is named must match exactly, what is left out is free, at every depth: objects compare by
//! the members named, lists by length and order, amounts as the strings they are. Only the legs of
//! an entry have no order.

use serde_json::{Map, Value as Json};

use super::case::VARIANT;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// JSON pointer from the root of the case.
    pub path: String,
    /// What the case says.
    pub expected: Json,
    /// What was seen; none if there is nothing at this place.
    pub got: Option<Json>,
}

/// Everything that differs, in the order of the sections.
pub fn compare(expect: &Map<String, Json>, seen: &Map<String, Json>) -> Vec<Mismatch> {
    let mut found = Vec::new();
    for (name, expected) in expect.iter().filter(|(name, _)| *name != VARIANT) {
        let path = format!("/expect/{}", escaped(name));
        value(&path, expected, seen.get(name), &mut found);
    }
    found
}

fn value(path: &str, expected: &Json, got: Option<&Json>, found: &mut Vec<Mismatch>) {
    match (expected, got) {
        (Json::Object(expected), Some(Json::Object(got))) => {
            for (name, expected) in expected {
                let path = format!("{path}/{}", escaped(name));
                value(&path, expected, got.get(name), found);
            }
        }
        (Json::Array(all), Some(Json::Array(got))) if path.ends_with("/legs") => {
            if !same_without_order(all, got) {
                found.push(mismatch(path, expected, Some(&Json::Array(got.clone()))));
            }
        }
        (Json::Array(all), Some(Json::Array(got))) => list(path, all, got, found),
        // An object that names nothing is content with nothing.
        (Json::Object(expected), None) if expected.is_empty() => {}
        (expected, Some(got)) if expected == got => {}
        (expected, got) => found.push(mismatch(path, expected, got)),
    }
}

/// Items by their place; those of one list only are named one by one, so that a case that lacks one
/// outcome does not print all of them.
fn list(path: &str, expected: &[Json], got: &[Json], found: &mut Vec<Mismatch>) {
    for (at, item) in expected.iter().enumerate() {
        value(&format!("{path}/{at}"), item, got.get(at), found);
    }
    for (at, item) in got.iter().enumerate().skip(expected.len()) {
        found.push(mismatch(&format!("{path}/{at}"), &Json::Null, Some(item)));
    }
}

fn mismatch(path: &str, expected: &Json, got: Option<&Json>) -> Mismatch {
    Mismatch {
        path: path.to_owned(),
        expected: expected.clone(),
        got: got.cloned(),
    }
}

fn matches(expected: &Json, got: &Json) -> bool {
    let mut found = Vec::new();
    value("", expected, Some(got), &mut found);
    found.is_empty()
}

/// Whether each expected item can be given a seen one of its own. An expected leg that names little
/// may fit several, so a leg that was given away may be asked to take another one.
fn same_without_order(expected: &[Json], got: &[Json]) -> bool {
    let mut owners: Vec<Option<usize>> = vec![None; got.len()];
    expected.len() == got.len()
        && (0..expected.len()).all(|wanting| {
            let mut tried = vec![false; got.len()];
            give(wanting, expected, got, &mut owners, &mut tried)
        })
}

fn give(
    wanting: usize,
    expected: &[Json],
    got: &[Json],
    owners: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for (at, item) in got.iter().enumerate() {
        let fits = expected
            .get(wanting)
            .is_some_and(|want| matches(want, item));
        let fresh = tried
            .get_mut(at)
            .is_some_and(|tried| !std::mem::replace(tried, true));
        if !fits || !fresh {
            continue;
        }
        let owner = owners.get(at).copied().flatten();
        if owner.is_none_or(|owner| give(owner, expected, got, owners, tried)) {
            if let Some(place) = owners.get_mut(at) {
                *place = Some(wanting);
            }
            return true;
        }
    }
    false
}

/// A member name as a step of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(expected: &Json, got: &Json) -> Vec<String> {
        let found = compare(expected.as_object().unwrap(), got.as_object().unwrap());
        found.into_iter().map(|mismatch| mismatch.path).collect()
    }

    #[test]
    fn what_is_left_out_is_free_and_what_is_named_is_exact() {
        let got =
            json!({ "outcomes": [{ "job": 1, "total": "1.00", "lines": [{ "a": 1, "b": 2 }] }] });
        let fits = json!({ "outcomes": [{ "job": 1, "lines": [{ "b": 2 }] }], "variant": ["x"] });
        assert_eq!(paths(&fits, &got), Vec::<String>::new());
        let differs = json!({ "outcomes": [{ "job": 1, "total": "1.0", "lines": [{ "c": 2 }] }] });
        assert_eq!(
            paths(&differs, &got),
            ["/expect/outcomes/0/lines/0/c", "/expect/outcomes/0/total"]
        );
        let nowhere = json!({ "balances": { "bank/main": "0.00" } });
        assert_eq!(
            paths(&nowhere, &json!({ "balances": {} })),
            ["/expect/balances/bank~1main"]
        );
    }

    #[test]
    fn lists_compare_by_length_and_order() {
        let list = |items: &Json| json!({ "events": items });
        let got = list(&json!([1, 2]));
        assert_eq!(
            paths(&list(&json!([2, 1])), &got),
            ["/expect/events/0", "/expect/events/1"]
        );
        assert_eq!(paths(&list(&json!([1])), &got), ["/expect/events/1"]);
        assert_eq!(paths(&list(&json!([1, 2, 3])), &got), ["/expect/events/2"]);
        assert_eq!(paths(&list(&json!([1, "2"])), &got), ["/expect/events/1"]);
    }

    #[test]
    fn legs_have_no_order_and_each_counts_once() {
        let legs = |legs: &Json| json!({ "entries": [{ "legs": legs }] });
        let got = legs(&json!([{ "dr": "a", "amount": "1" }, { "dr": "a", "amount": "2" }]));
        // The first expected leg fits both; it must leave the second one what fits it.
        let vague = legs(&json!([{ "dr": "a" }, { "dr": "a", "amount": "1" }]));
        assert_eq!(paths(&vague, &got), Vec::<String>::new());
        let twice = legs(&json!([{ "amount": "1" }, { "amount": "1" }]));
        assert_eq!(paths(&twice, &got), ["/expect/entries/0/legs"]);
        let fewer = legs(&json!([{ "amount": "1" }]));
        assert_eq!(paths(&fewer, &got), ["/expect/entries/0/legs"]);
    }
}
