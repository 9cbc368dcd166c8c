//! A configuration file, or variables of the environment, one a line.

use std::path::Path;

use kontor::partition::mistakes_of;
use kontor::settings::memory::{Demand, allow};
use kontor::settings::{Mistake, Place, Settings, SettingsFault, Sources};

/// The first line of an input that holds variables.
const VARIABLES: &str = "#variables\n";
const FILE: &str = "kontor.toml";

pub(super) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let found = match text.strip_prefix(VARIABLES) {
        Some(lines) => Settings::load(&variables(lines)),
        None => Settings::parse(Path::new(FILE), text),
    };
    let (mistakes, books) = match found {
        Ok(settings) => {
            good(&settings);
            (Vec::new(), settings.books)
        }
        Err(SettingsFault::Mistakes(mistakes, books)) => {
            assert!(!mistakes.is_empty(), "no settings and nothing wrong");
            (mistakes, books)
        }
        Err(fault @ SettingsFault::Unreadable { .. }) => panic!("{fault}"),
    };
    for mistake in mistakes
        .iter()
        .chain(&books.iter().flat_map(mistakes_of).collect::<Vec<_>>())
    {
        placed(mistake, text);
    }
}

/// A name and what it is set to, on each line.
fn variables(lines: &str) -> Sources {
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        name.starts_with("KONTOR__")
            .then(|| (name.to_owned(), Some(value.to_owned())))
    };
    Sources {
        environment: lines.lines().filter_map(pair).collect(),
        ..Sources::default()
    }
}

fn good(settings: &Settings) {
    assert!(settings.differences(settings).is_empty());
    assert!(
        settings
            .taking_over(settings)
            .differences(settings)
            .is_empty()
    );
    // Whether it fits a memory of a gibibyte is a question with an answer.
    let _fits = allow(Demand::of(settings), Some(1 << 30));
}

/// A mistake is one line, and it names a line and a column that are there.
fn placed(mistake: &Mistake, text: &str) {
    let said = mistake.to_string();
    assert!(
        !said.contains(char::is_control),
        "more than one line: {said:?}"
    );
    assert!(!mistake.problem.is_empty(), "{said}");
    if let Place::File { path, line, column } = &mistake.place {
        assert_eq!(&**path, FILE);
        // The end of a text is a place as well, and it may be on a line of its own.
        let at = text.split('\n').chain([""]).nth(line.wrapping_sub(1));
        let length = at.map(|at| at.chars().count());
        let fits = length.is_some_and(|length| (1..=length + 1).contains(column));
        assert!(fits, "no such place: {said}");
    }
}
