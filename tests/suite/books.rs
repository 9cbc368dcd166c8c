//! What a book may begin with.

use std::fs;
use std::process::Output;

use crate::support::{err, exits, kontor};

fn check(text: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kontor.toml");
    fs::write(&file, text).unwrap();
    kontor(&["--config", file.to_str().unwrap(), "check-config"])
}

/// What a book may begin with is shown by an example: all of it, and it is taken as it stands.
#[test]
fn the_example_of_a_book_shows_every_member_and_is_good() {
    let page = include_str!("../../docs/books.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (example, behind) = rest.split_once("```").unwrap();
    for member in kontor::jobs::setup::members() {
        let key = |line: &str| {
            let line = line.trim_start_matches("[[").trim_start_matches('[');
            let line = line.strip_prefix("book.").unwrap_or(line);
            line.strip_prefix(member)
                .is_some_and(|rest| rest.starts_with([' ', '.', ']']))
        };
        let refused = behind.contains(&format!("`{member}`"));
        assert_eq!(example.lines().any(key), !refused, "{member}");
    }
    exits(&check(example), 0);
}

/// It can never be changed, so a mistyped one must not begin a book.
#[test]
fn a_functional_unit_is_a_currency_or_declared() {
    let unit = check("[[book]]\nname = \"main\"\nfunctional_unit = \"EURO\"\n");
    exits(&unit, 78);
    let said = "kontor.toml:3:19: book.functional_unit: this unit is no currency; declare its \
                decimals under units";
    assert!(err(&unit).contains(said), "{}", err(&unit));
    let own = "[[book]]\nname = \"main\"\nfunctional_unit = \"EURO\"\nunits = { EURO = 2 }\n";
    exits(&check(own), 0);
}
