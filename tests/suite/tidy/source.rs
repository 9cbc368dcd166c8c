//! The source as a whole: nothing lies around, nothing is forgotten, and things have our names.

use std::collections::BTreeSet;

use super::hold;
use crate::support::rust::{Token, are, reached, tokens};
use crate::support::tree::{File, files};

/// Words that mean something else in this house, and what to say instead.
const WORDS: &[(&str, &str)] = &[
    ("transaction", "entry: a transaction is a database's"),
    ("transactions", "entries: a transaction is a database's"),
    ("txn", "entry"),
    ("trx", "entry"),
    ("cents", "minor units: not every unit has hundredths"),
    ("reservation", "hold"),
    ("reservations", "holds"),
    ("manager", "what it does"),
    ("util", "what is in it"),
    ("utils", "what is in it"),
    ("misc", "what is in it"),
    ("foo", "a name"),
    ("baz", "a name"),
];

/// Roots of crates: everything in the tree must be reached from one of them.
fn is_root(path: &str) -> bool {
    let in_tests = path
        .strip_prefix("tests/")
        .or_else(|| path.strip_prefix("benches/"));
    let is_root = |inside: &str| !inside.contains('/') || inside.ends_with("/main.rs");
    let is_fuzzed = |inside: &str| {
        inside.ends_with("/src/lib.rs")
            || inside.ends_with("/src/main.rs")
            || inside.contains("/src/bin/")
    };
    matches!(path, "src/lib.rs" | "src/main.rs" | "build.rs")
        || in_tests.is_some_and(is_root)
        || path.strip_prefix("fuzz/").is_some_and(is_fuzzed)
}

fn unreached(all: &[File]) -> Vec<String> {
    let rust = || all.iter().filter(|file| file.extension() == "rs");
    let roots = rust().filter(|file| is_root(&file.path));
    let reached: BTreeSet<String> = roots
        .flat_map(|root| reached(&root.path, all).into_keys())
        .collect();
    rust()
        .filter(|file| !reached.contains(&file.path))
        .map(|file| {
            format!(
                "{}: no module leads here; declare it with mod, or delete it",
                file.path
            )
        })
        .collect()
}

/// Types that are kinds of jobs and do not stand in the list of kinds.
fn unlisted(all: &[File]) -> Vec<String> {
    let Some(list) = all.iter().find(|file| file.path == "src/jobs/mod.rs") else {
        return vec!["src/jobs/mod.rs is gone: say where the list of kinds is".to_owned()];
    };
    let list = tokens(&list.text);
    let mut found = Vec::new();
    for file in all {
        let Some(inside) = file.path.strip_prefix("src/jobs/") else {
            continue;
        };
        let family = inside
            .split('/')
            .next()
            .unwrap_or(inside)
            .trim_end_matches(".rs");
        let all = tokens(&file.text);
        for at in 0..all.len() {
            let rest = all.get(at..).unwrap_or_default();
            let [_, _, _, kind, ..] = rest else { break };
            let listed = || {
                list.windows(3)
                    .any(|three| are(three, &[family, "::", kind.text]))
            };
            if are(rest, &["impl", "JobKind", "for"]) && !listed() {
                found.push(format!(
                    "{}:{}: {family}::{} is not in the list of kinds; give it a line in \
                     src/jobs/mod.rs",
                    file.path, kind.line, kind.text
                ));
            }
        }
    }
    found
}

/// The words of an identifier.
fn words(identifier: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_is_lower = false;
    for sign in identifier.chars() {
        if sign == '_' || sign.is_uppercase() && before_is_lower {
            words.push(String::new());
        }
        before_is_lower = sign.is_lowercase();
        if let Some(last) = words.last_mut() {
            last.extend(sign.to_lowercase().filter(|sign| *sign != '_'));
        }
    }
    words
}

/// What a file declares: items, fields, parameters and variables.
fn declared<'t>(tokens: &'t [Token<'t>]) -> impl Iterator<Item = &'t Token<'t>> {
    const KEYWORDS: &[&str] = &[
        "mod", "fn", "struct", "enum", "trait", "type", "const", "static", "let", "mut",
    ];
    tokens.windows(3).filter_map(|three| match three {
        [keyword, name, _] if KEYWORDS.contains(&keyword.text) => Some(name),
        [_, name, colon] if colon.text == ":" => Some(name),
        _other => None,
    })
}

fn wrong_words(file: &File) -> Vec<String> {
    let all = tokens(&file.text);
    let mut found = BTreeSet::new();
    for name in declared(&all) {
        for word in words(name.text) {
            if let Some((_, instead)) = WORDS.iter().find(|(wrong, _)| *wrong == word) {
                found.insert(format!(
                    "{}:{}: {}; say {instead}",
                    file.path, name.line, name.text
                ));
            }
        }
    }
    found.into_iter().collect()
}

/// Bounds that do not say what they are for.
fn limits_without_reason(limits: &File) -> Vec<String> {
    let mut found = Vec::new();
    let mut said = "";
    for (line, at) in limits.text.lines().zip(1..) {
        if let Some(text) = line.strip_prefix("/// ") {
            said = text;
            continue;
        }
        if line.starts_with("pub const ") && said.split(' ').count() < 3 {
            found.push(format!(
                "{}:{at}: a bound without a reason; say above it what it counts and why so many",
                limits.path
            ));
        }
        said = "";
    }
    found
}

#[test]
fn every_file_is_reached() {
    hold(&unreached(&files("")));
}

#[test]
fn every_kind_is_listed() {
    hold(&unlisted(&files("src/jobs")));
}

#[test]
fn names_are_the_bookkeepers() {
    // A test may reckon in coins, and what kontor is compared with speaks its own language.
    let all = files("src");
    hold(&all.iter().flat_map(wrong_words).collect::<Vec<_>>());
}

#[test]
fn every_bound_has_a_reason() {
    let limits = files("src")
        .into_iter()
        .find(|file| file.path == "src/limits.rs");
    hold(&limits_without_reason(&limits.unwrap()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_module_leads_to_is_named() {
        let files = [
            File::new("src/lib.rs", "mod a;"),
            File::new("src/a.rs", ""),
            File::new("src/b.rs", ""),
            File::new("tests/live/main.rs", "mod c;"),
            File::new("tests/live/c.rs", ""),
            File::new("tests/live/d.rs", ""),
            File::new("docs/e.md", ""),
        ];
        let found = unreached(&files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found
                .iter()
                .any(|one| one.starts_with("src/b.rs: no module"))
        );
        assert!(
            found
                .iter()
                .any(|one| one.starts_with("tests/live/d.rs: no module"))
        );
    }

    #[test]
    fn a_kind_that_is_not_listed_is_named() {
        let kind = "struct Place; impl JobKind for Place {}";
        let files = |list: &str| {
            [
                File::new("src/jobs/mod.rs", list),
                File::new("src/jobs/hold/place.rs", kind),
            ]
        };
        assert_eq!(
            unlisted(&files("301 \"hold.place\" HoldPlace(hold::Place),")),
            Vec::<String>::new()
        );
        let found = unlisted(&files("301 \"hold.place\" HoldPlace(other::Place),"));
        assert!(
            found
                .iter()
                .all(|one| one.starts_with("src/jobs/hold/place.rs:1: hold::Place"))
        );
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn words_of_others_are_named() {
        let told = |text: &str| wrong_words(&File::new("src/a.rs", text));
        assert_eq!(
            told("// a transaction\nlet manage = \"cents\"; centsible: u8"),
            Vec::<String>::new()
        );
        let found = told("struct TransactionLog {\n total_cents: u64 }");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found
                .iter()
                .any(|one| one.starts_with("src/a.rs:1: TransactionLog; say entry"))
        );
        assert!(
            found
                .iter()
                .any(|one| one.starts_with("src/a.rs:2: total_cents; say minor"))
        );
    }

    #[test]
    fn a_bound_without_a_reason_is_named() {
        let told = |text: &str| limits_without_reason(&File::new("src/limits.rs", text));
        assert_eq!(
            told("/// Legs of an entry.\npub const LEGS_MAX: u8 = 2;"),
            Vec::<String>::new()
        );
        assert_eq!(
            told("/// Legs.\npub const A: u8 = 2;\n\npub const B: u8 = 2;").len(),
            2
        );
    }
}
