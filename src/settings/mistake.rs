//! What is wrong with a configuration, and where.
//!
//! All mistakes are collected before anything is said, so that an operator corrects the file once.
//! A secret never stands in a message; neither does the line it is in, which is why TOML's own
//! picture of the line is not shown.

use std::fmt::{self, Write as _};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::book::Book;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Nobody gave one.
    Default,
    /// A file, with line and column counted from 1.
    File {
        /// The file as it was named.
        path: Arc<str>,
        /// Line.
        line: usize,
        /// Column in characters.
        column: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Default => write!(out, "default"),
            Place::File { path, line, column } => write!(out, "{path}:{line}:{column}"),
            Place::Environment(variable) => write!(out, "environment {variable}"),
            Place::Flag(flag) => write!(out, "{flag}"),
        }
    }
}

/// One thing to correct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands.
    pub place: Place,
    /// The key, as far as there is one.
    pub key: String,
    /// What was found and what is allowed.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mistake {
            place,
            key,
            problem,
        } = self;
        write!(out, "{place}: ")?;
        if !key.is_empty() {
            write!(out, "{}: ", OneLine(key))?;
        }
        OneLine(problem).fmt(out)
    }
}

/// Text on one line of a terminal, whatever stands in it: a key in quotes may hold a line end.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| {
            if letter.is_control() {
                write!(out, "{}", letter.escape_default())
            } else {
                out.write_char(letter)
            }
        })
    }
}

impl SettingsFault {
    /// All mistakes, in the order in which an operator goes through the file.
    pub(super) fn mistakes(mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by(|a, b| a.place.cmp(&b.place));
        Self::Mistakes(mistakes, Vec::new())
    }

    /// The same, with the books as far as they could be read.
    pub(super) fn beside(self, books: Vec<Book>) -> Self {
        match self {
            Self::Mistakes(mistakes, _) => Self::Mistakes(mistakes, books),
            Self::Unreadable { .. } => self,
        }
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFault {
    /// A file that should be read cannot be.
    #[error("cannot read {}: {source}; name another or correct its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The configuration was read and is wrong; the books, as far as they could be read.
    #[error("{}", lines(.0))]
    Mistakes(Vec<Mistake>, Vec<Book>),
}

/// Mistakes in words, one a line.
pub fn lines(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
