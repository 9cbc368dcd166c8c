//! The documents: one title each, links that lead somewhere, and lists that are whole.

use std::collections::BTreeSet;

use super::cases::built;
use super::hold;
use crate::support::rust::tokens;
use crate::support::tree::{File, dependencies, files, read, root};

/// Faults that the table in docs/faults.md has.
const FAULTS: usize = 40;

/// The lines of a table of a TOML file, without those at its end that say nothing.
fn section<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let head = format!("[{name}]");
    let lines = text.lines().skip_while(|line| *line != head).skip(1);
    let mut lines: Vec<&str> = lines.take_while(|line| !line.starts_with('[')).collect();
    let says = |line: &&str| !line.is_empty() && !line.starts_with('#');
    lines.truncate(lines.iter().rposition(says).map_or(0, |last| last + 1));
    lines
}

/// The lines of a document that are not inside of code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().zip(1..).filter_map(move |(line, at)| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        (!inside && !fence).then_some((at, line))
    })
}

/// The headings of a document, as links name them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|(_, line)| {
        let words = line.trim_start_matches('#');
        (words.len() < line.len()).then_some(words.strip_prefix(' ')?)
    });
    headings.map(anchor).collect()
}

fn anchor(heading: &str) -> String {
    let sign = |sign: char| match sign {
        ' ' => Some('-'),
        '-' | '_' => Some(sign),
        other if other.is_alphanumeric() => Some(other),
        _other => None,
    };
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(sign)
        .collect()
}

fn titles(file: &File) -> Option<String> {
    let titles = prose(&file.text)
        .filter(|(_, line)| line.starts_with("# "))
        .count();
    (titles != 1).then(|| {
        format!(
            "{}: {titles} titles; a document has one, with one #",
            file.path
        )
    })
}

/// The targets of the links in a line.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
}

fn broken_links(file: &File, all: &[File], exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (at, line) in prose(&file.text) {
        for target in targets(line) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if path.is_empty() {
                file.path.clone()
            } else {
                beside(&file.path, path)
            };
            let document = all.iter().find(|other| other.path == path);
            let lost = match document {
                Some(document) => !heading.is_empty() && !anchors(&document.text).contains(heading),
                None => !exists(&path),
            };
            if lost {
                found.push(format!(
                    "{}:{at}: the link to {target} leads nowhere; correct it",
                    file.path
                ));
            }
        }
    }
    found
}

/// A path as seen from the folder of another.
fn beside(from: &str, to: &str) -> String {
    let mut steps: Vec<&str> = from.split('/').collect();
    steps.pop();
    for step in to.split('/') {
        match step {
            "." => {}
            ".." => drop(steps.pop()),
            other => steps.push(other),
        }
    }
    steps.join("/")
}

/// Words in code marks.
fn marked(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Dependencies without a row in the table of ARCHITECTURE.md, and rows without a dependency.
fn unexplained(architecture: &str, dependencies: &[String], others: &[String]) -> Vec<String> {
    let rows: Vec<&str> = architecture
        .lines()
        .skip_while(|line| !line.starts_with("## Dependencies"))
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let known: BTreeSet<&str> = marked(architecture).collect();
    let missing = dependencies
        .iter()
        .filter(|name| !rows.contains(&name.as_str()));
    let missing = missing.map(|name| {
        format!("{name}: give it a row in ARCHITECTURE.md: what for, where, what would replace it")
    });
    let untold = others.iter().filter(|name| !known.contains(name.as_str()));
    let untold =
        untold.map(|name| format!("{name}: say in ARCHITECTURE.md what the tests need it for"));
    let gone = rows
        .iter()
        .filter(|row| !dependencies.iter().any(|name| name == *row));
    let gone = gone
        .map(|row| format!("{row}: no dependency any more; take its row out of ARCHITECTURE.md"));
    missing.chain(untold).chain(gone).collect()
}

/// Whether a marked word of a document is the name of a test.
fn is_test(word: &str) -> bool {
    let fits = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_';
    word.matches('_').count() > 1 && word.chars().all(fits) && !word.starts_with("kontor_")
}

/// Tests that a document names and that do not exist.
fn lost_tests(document: &File, all: &[File]) -> Vec<String> {
    let mut tests = BTreeSet::new();
    for file in all.iter().filter(|file| file.extension() == "rs") {
        for two in tokens(&file.text).windows(2) {
            if let [keyword, name] = two
                && keyword.text == "fn"
            {
                tests.insert(name.text.to_owned());
            }
        }
    }
    marked(&document.text)
        .filter(|word| is_test(word) && !tests.contains(*word))
        .map(|word| {
            format!(
                "{}: there is no test {word}; name the one that holds it now",
                document.path
            )
        })
        .collect()
}

/// Rows of the table of faults that are out of order, or that name neither a test nor say why there
/// is none.
fn untried(faults: &str) -> Vec<String> {
    let rows = faults.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let number: usize = cells.get(1)?.strip_prefix('F')?.parse().ok()?;
        Some((number, *cells.get(4)?))
    });
    let mut found = Vec::new();
    let mut last = 0;
    for (number, held_by) in rows {
        last += 1;
        if number != last {
            found.push(format!(
                "docs/faults.md: F{number} stands where F{last} should; number the rows"
            ));
        }
        let tests = marked(held_by).filter(|word| is_test(word)).count();
        if tests == 0 && !held_by.contains("not built") {
            found.push(format!("docs/faults.md: no test holds F{number}; name one"));
        }
    }
    if last != FAULTS {
        found.push(format!(
            "docs/faults.md: {last} faults instead of {FAULTS}; none may be left out"
        ));
    }
    found
}

/// Alerts without a section, or whose address does not lead to it.
fn alerts_without_help(alerts: &str, operations: &str) -> Vec<String> {
    let anchors = anchors(operations);
    let mut found = Vec::new();
    for alert in alerts.split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap_or_default().trim();
        let anchor = anchor(name);
        let address = format!("runbook_url: \"docs/operations.md#{anchor}\"");
        if !anchors.contains(&anchor) {
            found.push(format!(
                "{name}: write what to do under ### {name} in docs/operations.md"
            ));
        }
        if !alert.contains(&address) {
            found.push(format!("{name}: give it the annotation {address}"));
        }
    }
    found
}

fn unsaid(path: &str, text: &str, kinds: &[&str]) -> Vec<String> {
    let known: BTreeSet<&str> = marked(text).collect();
    let missing = kinds.iter().filter(|kind| !known.contains(*kind));
    missing
        .map(|kind| format!("{path}: says nothing of {kind}; write what somebody needs to know"))
        .collect()
}

#[test]
fn every_document_has_one_title() {
    let all = files("");
    let documents = all.iter().filter(|file| file.extension() == "md");
    hold(&documents.filter_map(titles).collect::<Vec<_>>());
}

#[test]
fn links_lead_somewhere() {
    let all = files("");
    let documents = all.iter().filter(|file| file.extension() == "md");
    let exists = |path: &str| root().join(path).exists();
    hold(
        &documents
            .flat_map(|file| broken_links(file, &all, &exists))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = read("Cargo.toml");
    hold(&unexplained(
        &read("ARCHITECTURE.md"),
        &dependencies(&manifest, "dependencies"),
        &dependencies(&manifest, "dev-dependencies"),
    ));
}

/// Lists of licences that are kept twice would drift apart.
#[test]
fn the_fuzzer_links_what_everybody_may_and_one_licence_more() {
    let (ours, theirs) = (read("deny.toml"), read("fuzz/deny.toml"));
    for name in ["graph", "licenses", "bans", "sources"] {
        assert_eq!(section(&ours, name), section(&theirs, name), "[{name}]");
    }
    let exceptions = theirs.lines().filter(|line| line.contains("exceptions"));
    assert_eq!(exceptions.count(), 1);
    assert!(!ours.contains("NCSA") && !ours.contains("exceptions"));
}

#[test]
fn every_test_that_is_named_exists() {
    let mut all = files("src");
    all.extend(files("tests"));
    all.extend(files("fuzz"));
    for path in [
        "docs/safety.md",
        "docs/faults.md",
        "docs/money.md",
        "ARCHITECTURE.md",
    ] {
        hold(&lost_tests(&File::new(path, &read(path)), &all));
    }
}

#[test]
fn every_fault_has_its_test() {
    hold(&untried(&read("docs/faults.md")));
}

#[test]
fn every_alert_leads_to_help() {
    hold(&alerts_without_help(
        &read("config/prometheus/alerts.yml"),
        &read("docs/operations.md"),
    ));
}

#[test]
fn kinds_are_told_to_operators_and_accountants() {
    for path in ["CHANGELOG.md", "docs/accounting.md"] {
        hold(&unsaid(path, &read(path), &built()));
    }
}

/// A figure that no test computes any more may be wrong.
#[test]
fn figures_come_from_cases_that_pass() {
    let not_built = read("tests/cases/not_built.txt");
    let text = read("docs/accounting.md");
    let cases = prose(&text).flat_map(|(_, line)| targets(line));
    for case in cases.filter_map(|target| target.strip_prefix("../tests/cases/")) {
        let fails = not_built.lines().any(|line| line == case);
        assert!(
            !fails,
            "docs/accounting.md shows figures of {case}, which does not pass yet"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_counted_outside_of_code() {
        let told = |text: &str| titles(&File::new("a.md", text));
        assert_eq!(told("# One\n\n```sh\n# a comment\n```\n## Two\n"), None);
        assert!(
            told("# One\n# Two\n")
                .unwrap()
                .starts_with("a.md: 2 titles")
        );
        assert!(told("text\n").is_some());
    }

    #[test]
    fn links_are_followed_to_files_and_headings() {
        let all = [
            File::new(
                "README.md",
                "# A\n[b](docs/b.md) [c](docs/b.md#the-end-of-b) [d](#a) [e](x.rs)",
            ),
            File::new(
                "docs/b.md",
                "# B\n## The end of `B`!\n[a](../README.md) [g](gone.md) [h](#gone)",
            ),
        ];
        let told = |at: usize| broken_links(&all[at], &all, &|path| path == "x.rs");
        assert_eq!(told(0), Vec::<String>::new());
        let found = told(1);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found
                .iter()
                .any(|one| one.starts_with("docs/b.md:3: the link to gone.md leads"))
        );
    }

    #[test]
    fn dependencies_and_rows_match() {
        let text = "## Dependencies, and why\n| `lapin` | x |\n| `gone` | y |\nand `tempfile`";
        let list = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let found = unexplained(
            text,
            &list(&["lapin", "new"]),
            &list(&["tempfile", "untold"]),
        );
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn tests_that_are_named_must_exist() {
        let document = File::new(
            "docs/safety.md",
            "`it_holds_well`, `it_holds_no_more`, `flush`, `kontor_a_b`",
        );
        let all = [File::new("src/a.rs", "#[test] fn it_holds_well() {}")];
        let found = lost_tests(&document, &all);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.iter().all(|one| one.contains("it_holds_no_more")));
    }

    #[test]
    fn a_fault_without_a_test_is_named() {
        let held = |number: usize| format!("| F{number} | x | y | `it_holds_well` |\n");
        let table: String = (1..FAULTS).map(held).collect();
        assert_eq!(untried(&table).len(), 1, "one is left out");
        let last = format!("| F{FAULTS} | x | – | not built: later |\n");
        assert_eq!(untried(&format!("{table}{last}")), Vec::<String>::new());
        let found = untried(&format!(
            "{table}| F{FAULTS} | x | y | none, and `a word` |\n"
        ));
        assert!(found[0].contains(&format!("no test holds F{FAULTS}")));
        assert_eq!(untried(&format!("{}{last}", held(2))).len(), 3);
    }

    #[test]
    fn alerts_have_a_section_and_lead_to_it() {
        let alert = "- alert: KontorDown\n  annotations:\n    \
                     runbook_url: \"docs/operations.md#kontordown\"\n";
        assert_eq!(
            alerts_without_help(alert, "# O\n### KontorDown\n"),
            Vec::<String>::new()
        );
        assert_eq!(
            alerts_without_help("- alert: KontorDown\n", "# O\n").len(),
            2
        );
    }

    #[test]
    fn kinds_that_nobody_is_told_of_are_named() {
        assert_eq!(
            unsaid("C.md", "`entry.post`", &["entry.post", "hold.place"]).len(),
            1
        );
    }
}
