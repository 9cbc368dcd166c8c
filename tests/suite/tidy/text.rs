//! How lines and files look, and what may stand in none of them.

use super::hold;
use crate::support::rust::{tests_begin, tokens};
use crate::support::tree::{File, files};

/// Lines of a file, its own tests not counted.
const LINES_MAX: usize = 500;
/// Characters of a line.
const COLUMNS_MAX: usize = 100;

/// Files that are too long still. A row may get smaller and has to go; none may come.
const TOO_LONG: &[(&str, usize)] = &[
    ("src/jobs/invoice/tests.rs", 645),
    ("src/jobs/payment/tests.rs", 669),
    ("src/jobs/settlement/tests.rs", 591),
    ("src/ledger/book.rs", 539),
];

/// Marks of work that is not finished, in pieces so that this file does not hold them.
const UNFINISHED: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("HA", "CK"),
    concat!("db", "g!"),
    concat!("to", "do!"),
    concat!("unimplemented", "!("),
];

/// Beginnings of paths that exist on one machine only.
const MACHINES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

/// What keys and tokens begin with.
const CREDENTIALS: &[&str] = &[
    concat!("-----BEGIN ", "PRIVATE"),
    concat!("-----BEGIN RSA ", "PRIVATE"),
    concat!("-----BEGIN EC ", "PRIVATE"),
    concat!("ghp", "_"),
    concat!("github_", "pat_"),
    concat!("AKI", "A"),
    concat!("xox", "b-"),
];

/// Files that others write, or whose bytes are the point.
fn is_ours(file: &File) -> bool {
    !matches!(file.path.as_str(), "Cargo.lock" | "LICENSE")
        && !file.path.starts_with("tests/golden/")
}

/// Lines of a file of the source without the tests at its end.
fn lines(file: &File) -> usize {
    let begin = tests_begin(&tokens(&file.text)).map(|line| line - 1);
    begin.unwrap_or_else(|| file.text.lines().count())
}

fn too_long(file: &File, exceptions: &[(&str, usize)]) -> Option<String> {
    if file.extension() != "rs" {
        return None;
    }
    let (path, lines) = (&file.path, lines(file));
    let exception = exceptions.iter().find(|(known, _)| known == path);
    match exception {
        None if lines > LINES_MAX => Some(format!(
            "{path}: {lines} lines, {LINES_MAX} fit in a head; split it where its duties part"
        )),
        Some((_, most)) if lines > *most => Some(format!(
            "{path}: {lines} lines, more than the {most} of its exception; exceptions only shrink"
        )),
        Some(_) if lines <= LINES_MAX => Some(format!(
            "{path}: it fits now; take it out of TOO_LONG in tests/suite/tidy/text.rs"
        )),
        Some(_) | None => None,
    }
}

fn lines_that_do_not_fit(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    let narrow = matches!(file.extension(), "rs" | "sh" | "service" | "timer")
        || matches!(
            file.path.as_str(),
            "justfile" | ".ci/run" | "config/kontor.toml"
        );
    for (line, at) in file.text.lines().zip(1..) {
        let mut say = |what: String| found.push(format!("{}:{at}: {what}", file.path));
        if line.ends_with([' ', '\t', '\r']) {
            say("blanks at the end of the line; remove them".to_owned());
        }
        if line.contains('\t') {
            say("a tab; use spaces".to_owned());
        }
        if narrow && line.chars().count() > COLUMNS_MAX {
            say(format!("more than {COLUMNS_MAX} columns; break it"));
        }
        for mark in UNFINISHED {
            if stands_alone(line, mark) {
                say(format!(
                    "{mark}; finish it, or open an issue and take the mark out"
                ));
            }
        }
        for machine in MACHINES {
            if begins_a_path(line, machine) {
                say(format!(
                    "a path of one machine ({machine}…); use a relative one"
                ));
            }
        }
        for mark in CREDENTIALS {
            if line.contains(mark) {
                say(format!(
                    "looks like a credential ({mark}…); take it out and revoke it"
                ));
            }
        }
    }
    let ends_well =
        file.text.is_empty() || file.text.ends_with('\n') && !file.text.ends_with("\n\n");
    if !ends_well {
        found.push(format!(
            "{}: must end with one line end; add or remove some",
            file.path
        ));
    }
    found
}

/// Whether a mark is in a line and no part of a longer word.
fn stands_alone(line: &str, mark: &str) -> bool {
    let is_word = |sign: char| sign.is_alphanumeric() || sign == '_';
    line.match_indices(mark).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let behind = line
            .get(at + mark.len()..)
            .and_then(|behind| behind.chars().next());
        !(before.is_some_and(is_word) || behind.is_some_and(is_word) && mark.ends_with(is_word))
    })
}

/// Whether a path begins here, and is no part of a longer one.
fn begins_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|sign| sign.is_alphanumeric() || "._-}*".contains(sign))
    })
}

#[test]
fn files_fit_in_a_head() {
    let all = files("");
    let mut found: Vec<_> = all
        .iter()
        .filter_map(|file| too_long(file, TOO_LONG))
        .collect();
    for (path, _) in TOO_LONG {
        if !all.iter().any(|file| file.path == *path) {
            found.push(format!(
                "{path} is gone: take it out of TOO_LONG in tests/suite/tidy/text.rs"
            ));
        }
    }
    hold(&found);
}

#[test]
fn lines_are_clean() {
    let all = files("");
    let found: Vec<_> = all
        .iter()
        .filter(|file| is_ours(file))
        .flat_map(lines_that_do_not_fit)
        .collect();
    hold(&found);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_named_and_its_tests_are_not_counted() {
        let code = "fn f() {}\n".repeat(501);
        let long = File::new("src/a.rs", &code);
        assert!(
            too_long(&long, &[])
                .unwrap()
                .starts_with("src/a.rs: 501 lines")
        );
        assert_eq!(too_long(&long, &[("src/a.rs", 501)]), None);
        assert!(
            too_long(&long, &[("src/a.rs", 499)])
                .unwrap()
                .contains("only shrink")
        );
        let tests = format!("fn f() {{}}\n\n#[cfg(test)]\nmod tests {{\n{code}}}\n");
        let short = File::new("src/a.rs", &tests);
        assert_eq!(too_long(&short, &[]), None);
        assert!(
            too_long(&short, &[("src/a.rs", 501)])
                .unwrap()
                .contains("take it out")
        );
        let mixed = format!("#[cfg(test)]\nmod tests {{}}\n{code}");
        assert!(too_long(&File::new("src/a.rs", &mixed), &[]).is_some());
    }

    #[test]
    fn bad_lines_are_named_with_their_place() {
        let told = |path: &str, text: &str| lines_that_do_not_fit(&File::new(path, text));
        assert_eq!(told("src/a.rs", "fn f() {}\n"), Vec::<String>::new());
        let cases = [
            ("a ", "blanks"),
            ("a\tb", "a tab"),
            (&"ä".repeat(101), "100 columns"),
            (concat!("// FIX", "ME: later"), "finish it"),
            (concat!("let p = \"/ho", "me/erika/x\";"), "relative"),
            (concat!("ghp", "_0123456789"), "credential"),
        ];
        for (line, expected) in cases {
            let found = told("src/a.rs", &format!("\n{line}\n"));
            assert_eq!(found.len(), 1, "{line}: {found:?}");
            assert!(
                found.iter().all(|one| one.starts_with("src/a.rs:2: ")),
                "{found:?}"
            );
            assert!(found.iter().all(|one| one.contains(expected)), "{found:?}");
        }
        assert_eq!(
            told("docs/a.md", &format!("{}\n", "ä".repeat(101))),
            Vec::<String>::new()
        );
        assert_eq!(told("src/a.rs", "fn f() {}").len(), 1);
        assert_eq!(
            told("src/a.rs", concat!("a/ho", "me/x and mas", "TO", "DON\n")),
            Vec::<String>::new()
        );
    }
}
