//! Every money rule has an example, the example has a source, and a test computes it.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::support::tree::{File, files, read};
use crate::tidy::hold;

const TABLE: &str = "docs/money.md";

/// The rules, by section of the catalogue. Netting (6.8) is not built.
const RULES: &[(&str, &[&str])] = &[
    (
        "6.1",
        &["minor units", "ended currencies", "no units of account"],
    ),
    ("6.2", &["largest amount", "prices, quantities and rates"]),
    ("6.3", &["grammar of an amount", "decimals of the unit"]),
    (
        "6.4",
        &["half up", "half even", "down", "up", "cash rounding"],
    ),
    (
        "6.5",
        &[
            "tax once for each rate",
            "tax by line",
            "rate of the day of delivery",
            "share of tax in a part",
        ],
    ),
    (
        "6.6",
        &[
            "parts side by side",
            "parts over time",
            "negative totals mirror",
        ],
    ),
    (
        "6.7",
        &[
            "base to quote multiplies",
            "quote to base divides",
            "across in two steps",
            "unrealised and realised",
            "age of a rate",
        ],
    ),
    (
        "6.9",
        &[
            "ACT/360",
            "ACT/365F",
            "ACT/ACT.ISDA",
            "ACT/ACT.ICMA",
            "ACT/ACT.AFB",
            "30/360",
            "30E/360",
            "statutory late interest",
            "balances by value dates",
        ],
    ),
    ("6.10", &["by days", "by seconds", "end of the month"]),
    (
        "6.11",
        &["day of a zone", "business days", "due on a closed day"],
    ),
];

/// Rules for which no published figures were found. Rows go when some are; none may be added.
const OWN: &[&str] = &[];

/// What a row says besides its example.
struct Row<'t> {
    section: &'t str,
    rule: &'t str,
    source: &'t str,
    held_by: &'t str,
}

fn rows(table: &str) -> Vec<Row<'_>> {
    let row = |line| {
        let cells: Vec<&str> = str::split(line, " | ").collect();
        let [section, rule, _, source, held_by] = cells[..] else {
            return None;
        };
        let section = section.strip_prefix("| ")?;
        section.starts_with("6.").then_some(Row {
            section,
            rule,
            source,
            held_by: held_by.trim_end_matches(" |"),
        })
    };
    table.lines().filter_map(row).collect()
}

/// The cases that a cell links to, by their path from the root.
fn cases(cell: &str) -> impl Iterator<Item = &str> {
    cell.split("](../")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
}

/// Names of functions that are tests: their attribute says so, or the properties around them.
fn tests(all: &[File]) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for file in all.iter().filter(|file| file.extension() == "rs") {
        let mut marked = false;
        for line in file.text.lines().map(str::trim) {
            if let Some((name, _)) = line
                .strip_prefix("fn ")
                .and_then(|rest| rest.split_once('('))
            {
                if marked {
                    found.insert(name);
                }
                marked = false;
            }
            marked |= line == "#[test]";
        }
    }
    found
}

/// What is wrong with the table.
fn faults(
    table: &str,
    tests: &BTreeSet<&str>,
    case: &dyn Fn(&str) -> Option<String>,
) -> Vec<String> {
    let rows = rows(table);
    let mut found = Vec::new();
    for (section, rules) in RULES {
        for rule in *rules {
            let is = |row: &&Row<'_>| row.section == *section && row.rule == *rule;
            if rows.iter().filter(is).count() != 1 {
                found.push(format!("{TABLE}: {section} {rule} needs one row"));
            }
        }
    }
    for Row {
        section,
        rule,
        source,
        held_by,
    } in &rows
    {
        let known = RULES
            .iter()
            .any(|(of, rules)| of == section && rules.contains(rule));
        if !known {
            found.push(format!(
                "{TABLE}: {section} {rule} is no rule of tests/suite/money.rs; add it there"
            ));
        }
        if source.ends_with("own figures") != OWN.contains(rule) {
            found.push(format!(
                "{TABLE}: {section} {rule}: OWN in tests/suite/money.rs lists what has own figures \
                 only, and may only shrink"
            ));
        }
        // What comes first holds the published figures, what follows a semicolon others of ours.
        let first = held_by.split("; ").next().unwrap_or_default();
        let named = first.split('`').skip(1).step_by(2);
        let (mut held, mut published) = (0, false);
        for name in named {
            held += 1;
            published = true;
            if !tests.contains(name) {
                found.push(format!("{TABLE}: {section} {rule}: {name} is no test"));
            }
        }
        for path in cases(held_by) {
            held += 1;
            match case(path) {
                Some(source) => {
                    published |= first.contains(path) && !source.starts_with("own figures");
                }
                None => found.push(format!(
                    "{TABLE}: {section} {rule}: {path} is no case that passes"
                )),
            }
        }
        if held == 0 {
            found.push(format!("{TABLE}: {section} {rule}: name what holds it"));
        } else if !published && !OWN.contains(rule) {
            found.push(format!(
                "{TABLE}: {section} {rule}: nothing that holds it has the figures of its source"
            ));
        }
    }
    found
}

/// The source of a case that is built.
fn source(path: &str, not_built: &str) -> Option<String> {
    let name = path.strip_prefix("tests/cases/")?;
    let text = std::fs::read_to_string(crate::support::tree::root().join(path)).ok()?;
    let case: Json = serde_json::from_str(&text).unwrap();
    let built = not_built.lines().all(|line| line != name);
    let source = case.get("source").and_then(Json::as_str);
    built.then(|| source.unwrap_or_default().to_owned())
}

#[test]
fn every_money_rule_has_its_example() {
    let mut all = files("src");
    all.extend(files("tests"));
    let not_built = read("tests/cases/not_built.txt");
    let case = |path: &str| source(path, &not_built);
    hold(&faults(&read(TABLE), &tests(&all), &case));
}

#[test]
fn a_row_that_proves_nothing_is_found() {
    let good = read(TABLE);
    let mut all = files("src");
    all.extend(files("tests"));
    let tests = tests(&all);
    let not_built = read("tests/cases/not_built.txt");
    let case = |path: &str| source(path, &not_built);
    for (old, new, said) in [
        (
            "| 6.4 | half even |",
            "| 6.4 | half odd |",
            "half even needs one row",
        ),
        (
            "`published_isda_fractions`",
            "`published_fractions`",
            "published_fractions is no test",
        ),
        ("given/30-fx", "given/30-gone", "is no case that passes"),
        (
            "`parts_in_a_row_as_published`; months",
            "months",
            "nothing that holds it",
        ),
        (
            "| Java SE documentation, `RoundingMode` |",
            "| own figures |",
            "may only shrink",
        ),
    ] {
        assert!(good.contains(old), "{old}");
        let bad = good.replacen(old, new, 1);
        let found = faults(&bad, &tests, &case);
        assert!(
            found.iter().any(|fault| fault.contains(said)),
            "{said}: {found:?}"
        );
    }
}
