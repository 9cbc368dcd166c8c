//! The case files, and what they have to show: every kind at work and refused, every code raised.

use std::collections::{BTreeMap, BTreeSet};

use kontor::code::Code;
use kontor::ids::KindCode;
use kontor::jobs::{JobData, kind_name};
use serde_json::Value as Json;

use super::hold;
use crate::support::rust::{Token, are, parts, reached, tokens};
use crate::support::tree::{File, files, read};

/// Kinds that no case shows at work, or refused, yet. A row has to go; none may come.
const NOT_SHOWN: &[(&str, What)] = &[];

/// Codes that this release raises and no test provokes yet. A row has to go; none may come.
const NOT_PROVOKED: &[&str] = &[];

/// What a case shows of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    AtWork,
    Refused,
}

/// A case that is expected to pass.
struct Case {
    json: Json,
}

/// The case files that are expected to pass.
fn cases(all: &[File], not_built: &str) -> Vec<Case> {
    let is_built = |file: &&File| {
        let name = file.path.strip_prefix("tests/cases/").unwrap_or_default();
        file.extension() == "json" && !not_built.lines().any(|line| line == name)
    };
    let read = |file: &File| Case {
        json: serde_json::from_str(&file.text)
            .unwrap_or_else(|fault| panic!("{}: {fault}", file.path)),
    };
    all.iter().filter(is_built).map(read).collect()
}

impl Case {
    /// A list of what the case expects.
    fn expected(&self, member: &str) -> impl Iterator<Item = &Json> {
        let list = self
            .json
            .pointer("/expect")
            .and_then(|expect| expect.get(member));
        list.and_then(Json::as_array).into_iter().flatten()
    }

    /// What the case says became of its jobs, with their kinds.
    fn shown(&self) -> Vec<(&str, What)> {
        let jobs = self.json.get("jobs").and_then(Json::as_array);
        let kinds: BTreeMap<u64, &str> = jobs
            .into_iter()
            .flatten()
            .filter_map(|job| Some((job.get("n")?.as_u64()?, job.get("kind")?.as_str()?)))
            .collect();
        let kind = |one: &Json| kinds.get(&one.get("job")?.as_u64()?).copied();
        let refused = self.expected("rejections").filter_map(kind);
        let at_work = self.expected("entries").chain(self.expected("outcomes"));
        let at_work = at_work
            .filter(|one| one.get("status").and_then(Json::as_str) != Some("rejected"))
            .filter_map(kind);
        let shown = refused.map(|kind| (kind, What::Refused));
        shown
            .chain(at_work.map(|kind| (kind, What::AtWork)))
            .collect()
    }

    /// The codes that it expects.
    fn codes(&self) -> impl Iterator<Item = &str> {
        self.expected("rejections")
            .chain(self.expected("outcomes"))
            .filter_map(|one| one.get("code").and_then(Json::as_str))
    }
}

fn names_and_titles(all: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    let mut titles = BTreeMap::new();
    for file in all.iter().filter(|file| file.extension() == "json") {
        let stem = file.name().trim_end_matches(".json");
        let is_name =
            |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || "-_".contains(sign);
        if !stem.chars().all(is_name) || file.path.split('/').count() != 4 {
            found.push(format!(
                "{}: a case stands at tests/cases/<family>/<behaviour>.json, in small letters; \
                 rename it",
                file.path
            ));
        }
        let case: Json = serde_json::from_str(&file.text).unwrap_or_default();
        let title = case
            .get("title")
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned();
        if title.split(' ').count() < 2 {
            found.push(format!(
                "{}: no title; say in a sentence what it shows",
                file.path
            ));
        } else if let Some(other) = titles.insert(title, &file.path) {
            found.push(format!(
                "{}: has the title of {other}; say what differs",
                file.path
            ));
        }
    }
    found
}

fn not_shown(cases: &[Case], built: &[&str], excepted: &[(&str, What)]) -> Vec<String> {
    let shown: BTreeSet<(&str, What)> = cases.iter().flat_map(Case::shown).collect();
    let mut found = Vec::new();
    for kind in built {
        for what in [What::AtWork, What::Refused] {
            let how = match what {
                What::AtWork => "at work",
                What::Refused => "refused",
            };
            let is_excepted = excepted.contains(&(kind, what));
            if !shown.contains(&(kind, what)) && !is_excepted {
                found.push(format!(
                    "{kind}: no case shows it {how}; write one below tests/cases and name the job \
                     in its outcomes, entries or rejections"
                ));
            } else if shown.contains(&(kind, what)) && is_excepted {
                found.push(format!(
                    "{kind} is shown {how}: take it out of NOT_SHOWN in tests/suite/tidy/cases.rs"
                ));
            }
        }
    }
    found
}

/// Codes as the source names them.
#[derive(Default)]
struct Named {
    /// By what is shipped, with a place.
    raised: BTreeMap<String, String>,
    /// By what is only for tests, and texts that may be codes.
    tested: BTreeSet<String>,
}

impl Named {
    fn of(all: &[File]) -> Self {
        let reached = reached("src/lib.rs", all);
        let mut named = Self::default();
        // The list of codes and the lists of this rule raise nothing.
        let is_user = |file: &&File| {
            let lists = file.path == "src/code.rs" || file.path.starts_with("tests/suite/tidy/");
            file.extension() == "rs" && !lists
        };
        for file in all.iter().filter(is_user) {
            let whole = tokens(&file.text);
            let is_shipped = reached.get(&file.path) == Some(&false);
            let (shipped, tests) = if is_shipped {
                parts(&whole)
            } else {
                (Vec::new(), whole)
            };
            for code in variants(&shipped) {
                named
                    .raised
                    .entry(code)
                    .or_insert_with(|| file.path.clone());
            }
            named.tested.extend(variants(&tests));
            let texts = tests.iter().filter(|token| token.text.starts_with('"'));
            named
                .tested
                .extend(texts.map(|token| token.text.trim_matches('"').to_owned()));
        }
        named
    }
}

/// The variants of codes that are named.
fn variants(tokens: &[Token<'_>]) -> Vec<String> {
    let named = tokens.windows(3).filter_map(|three| match three {
        [_, _, variant] if are(three, &["Code", "::"]) => Some(variant.text.to_owned()),
        _other => None,
    });
    named.collect()
}

fn not_provoked(all: &[File], cases: &[Case], excepted: &[&str]) -> Vec<String> {
    let Named { raised, tested } = Named::of(all);
    let in_cases: BTreeSet<&str> = cases.iter().flat_map(Case::codes).collect();
    let mut found = Vec::new();
    for code in Code::ALL {
        let (text, variant) = (code.text(), format!("{code:?}"));
        let Some(place) = raised.get(&variant) else {
            continue;
        };
        let provoked =
            in_cases.contains(text) || tested.contains(text) || tested.contains(&variant);
        let is_excepted = excepted.contains(&text);
        if !provoked && !is_excepted {
            found.push(format!(
                "{text} is raised in {place} and no test provokes it; write a case that does"
            ));
        } else if provoked && is_excepted {
            found.push(format!(
                "{text} is provoked: take it out of NOT_PROVOKED in tests/suite/tidy/cases.rs"
            ));
        }
    }
    found
}

/// The kinds that are built.
pub(crate) fn built() -> Vec<&'static str> {
    JobData::BUILT
        .iter()
        .filter_map(|code| kind_name(KindCode(*code)))
        .collect()
}

#[test]
fn cases_are_named_and_titled() {
    hold(&names_and_titles(&files("tests/cases")));
}

#[test]
fn every_kind_is_shown_at_work_and_refused() {
    let cases = cases(&files("tests/cases"), &read("tests/cases/not_built.txt"));
    hold(&not_shown(&cases, &built(), NOT_SHOWN));
}

#[test]
fn every_code_raised_is_provoked() {
    let mut all = files("src");
    all.extend(files("tests"));
    let cases = cases(&all, &read("tests/cases/not_built.txt"));
    hold(&not_provoked(&all, &cases, NOT_PROVOKED));
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = r#"{
        "title": "One is posted, one refused",
        "jobs": [
            { "n": 1, "kind": "entry.post", "key": "a", "data": {} },
            { "n": 2, "kind": "entry.post", "key": "b", "data": {} },
            { "n": 3, "kind": "entry.reverse", "key": "c", "data": {} }
        ],
        "expect": {
            "entries": [{ "no": 1, "job": 1 }],
            "rejections": [{ "job": 2, "code": "ENTRY_UNBALANCED" }]
        }
    }"#;

    fn one(not_built: &str) -> Vec<Case> {
        cases(&[File::new("tests/cases/entry/one.json", CASE)], not_built)
    }

    #[test]
    fn names_and_titles_are_looked_at() {
        let file = |path: &str| File::new(path, CASE);
        assert_eq!(
            names_and_titles(&[file("tests/cases/entry/one.json")]),
            Vec::<String>::new()
        );
        let bad = [
            file("tests/cases/one.json"),
            file("tests/cases/entry/One.json"),
            File::new("tests/cases/entry/two.json", "{\"title\": \"\"}"),
        ];
        let found = names_and_titles(&bad);
        let has = |what: &str| found.iter().any(|one| one.contains(what));
        assert!(
            has("one.json: a case stands") && has("One.json: a case stands"),
            "{found:?}"
        );
        assert!(
            has("One.json: has the title of tests/cases/one.json"),
            "{found:?}"
        );
        assert!(has("two.json: no title"), "{found:?}");
    }

    #[test]
    fn kinds_without_cases_are_named() {
        let kinds = ["entry.post", "entry.reverse"];
        let found = not_shown(&one(""), &kinds, &[("entry.reverse", What::AtWork)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found
                .iter()
                .all(|one| one.starts_with("entry.reverse: no case shows it refused"))
        );
        let found = not_shown(&one(""), &["entry.post"], &[("entry.post", What::Refused)]);
        assert!(found.iter().all(|one| one.contains("take it out")) && found.len() == 1);
        assert_eq!(
            not_shown(&one("entry/one.json"), &["entry.post"], &[]).len(),
            2
        );
    }

    #[test]
    fn codes_without_tests_are_named() {
        let files = [
            File::new("src/lib.rs", "mod a; mod b;"),
            File::new("src/a.rs", "f(Code::EntryUnbalanced); f(Code::AmountZero);"),
            File::new(
                "src/b.rs",
                "f(Code::AmountFormat); f(Code::KeyMissing); f(Code::KeyInvalid);\n\
                 #[cfg(test)] fn t() { is(Code::AmountFormat); has(\"KEY_MISSING\") }",
            ),
        ];
        let found = not_provoked(&files, &one(""), &["KEY_INVALID", "KEY_MISSING"]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found
                .iter()
                .any(|one| one.starts_with("AMOUNT_ZERO is raised in src/a.rs"))
        );
        assert!(
            found
                .iter()
                .any(|one| one.starts_with("KEY_MISSING is provoked"))
        );
    }
}
