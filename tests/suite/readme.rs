//! The first page: what it says of commands and kinds is what there is.

use std::collections::BTreeSet;

use clap::Command;
use kontor::command;

use crate::support::tree::read;
use crate::tidy::built;

/// The part of a document from one heading to the next of its level.
fn section<'t>(text: &'t str, heading: &str) -> &'t str {
    let (_, rest) = text
        .split_once(heading)
        .unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// Commands by their full names; a group is its members.
fn commands(command: &Command, before: &str) -> BTreeSet<String> {
    let shown = |one: &&Command| one.get_name() != "help";
    let mut found = BTreeSet::new();
    for one in command.get_subcommands().filter(shown) {
        let name = format!("{before}{}", one.get_name());
        if one.has_subcommands() {
            found.extend(commands(one, &format!("{name} ")));
        } else {
            found.insert(name);
        }
    }
    found
}

/// Words in code marks.
fn marked(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The commands of a row: `kontor topology show`, `check` are two of one group.
fn of_row(row: &str) -> BTreeSet<String> {
    let cell = row
        .trim_start_matches("| ")
        .split(" | ")
        .next()
        .unwrap_or_default();
    let mut group = String::new();
    let mut found = BTreeSet::new();
    for words in marked(cell) {
        let whole = words.strip_prefix("kontor ");
        let is_name = |word: &&str| word.starts_with(|first: char| first.is_ascii_lowercase());
        let names: Vec<&str> = whole
            .unwrap_or(words)
            .split(' ')
            .take_while(is_name)
            .collect();
        if let ([first, _], Some(_)) = (names.as_slice(), whole) {
            group = format!("{first} ");
            found.insert(names.join(" "));
        } else {
            found.insert(format!("{group}{}", names.join(" ")));
        }
    }
    found
}

#[test]
fn the_table_of_commands_is_whole() {
    let readme = read("README.md");
    let rows = section(&readme, "## Commands")
        .lines()
        .filter(|line| line.starts_with("| `kontor"));
    let told: BTreeSet<String> = rows.flat_map(of_row).collect();
    let there = commands(&command::definition(), "");
    let lost: Vec<_> = told.difference(&there).collect();
    assert!(
        lost.is_empty(),
        "README.md tells of commands that are not there: {lost:?}"
    );
    let untold: Vec<_> = there.difference(&told).collect();
    assert!(
        untold.is_empty(),
        "give each of these a row in README.md: {untold:?}"
    );
}

#[test]
fn what_is_said_to_be_missing_is_missing() {
    let readme = read("README.md");
    let there = commands(&command::definition(), "");
    let limits = section(&readme, "## Limits");
    let missing = limits.split("- Not built yet: ").nth(1).unwrap_or_default();
    let missing = missing.split("\n- ").next().unwrap_or_default();
    for name in marked(missing) {
        assert!(
            !there.contains(name),
            "{name} is built: take it out of README.md's limits"
        );
    }
}

#[test]
fn the_list_of_kinds_is_whole() {
    let readme = read("README.md");
    let list = readme
        .split("These kinds are built: ")
        .nth(1)
        .unwrap_or_default();
    let list = list.split("\n\n").next().unwrap_or_default();
    let told: BTreeSet<&str> = marked(list).filter(|word| word.contains('.')).collect();
    let there: BTreeSet<&str> = built().into_iter().collect();
    assert_eq!(
        told, there,
        "README.md names the kinds that are built, and no others"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_their_groups() {
        let told = |row: &str| of_row(row).into_iter().collect::<Vec<_>>().join(", ");
        assert_eq!(told("| `kontor run` | the daemon; `--standby` |"), "run");
        assert_eq!(told("| `kontor submit FILE` | x |"), "submit");
        assert_eq!(
            told("| `kontor topology show`, `check` | x |"),
            "topology check, topology show"
        );
        assert_eq!(told("| `kontor balance`, `entry` | x |"), "balance, entry");
    }
}
