//! `[[book]]`: the four members kontor reads itself, and the rest, which it hands on.
//!
//! The rest is reference data (taxes, series, rates, users and so on). It becomes a journaled
//! record before the book's first job; what its members mean is not known here.

use serde_json::Value;

use super::mistake::{Mistake, Place};
use super::node::{Member, Node, Shape};
use super::reader::whole;
use super::setting::Rule;
use super::table;
use super::written::Written;

/// The accounts of one legal entity.
#[derive(Debug, Clone)]
pub struct Book {
    /// Its name, unique.
    pub name: String,
    /// The unit the books are kept in, if any.
    pub functional_unit: Option<String>,
    /// IANA name of the zone that gives booking dates.
    pub time_zone: String,
    /// The partition that holds it.
    pub partition: u16,
    /// All other members, in the order of the file.
    pub reference: Vec<(String, Value)>,
    /// The same with their places.
    pub written: Written,
}

/// Two books are the same if they mean the same, wherever it is written.
impl PartialEq for Book {
    fn eq(&self, other: &Self) -> bool {
        let members = |book: &Self| {
            let unit = book.functional_unit.clone();
            (
                book.name.clone(),
                unit,
                book.time_zone.clone(),
                book.partition,
            )
        };
        members(self) == members(other) && self.reference == other.reference
    }
}

impl Default for Book {
    fn default() -> Self {
        Self {
            name: default_text("book.name"),
            functional_unit: Some(default_text("book.functional_unit")),
            time_zone: default_text("book.time_zone"),
            partition: 0,
            reference: Vec::new(),
            written: Written::default(),
        }
    }
}

fn default_text(key: &str) -> String {
    match table::find(key).map(|setting| setting.rule) {
        Some(Rule::Text { default }) => default.to_owned(),
        _ => String::new(),
    }
}

/// All books; the built-in one if nobody names any.
pub(super) fn read(books: Option<&Node>, mistakes: &mut Vec<Mistake>) -> Vec<Book> {
    let Some(node) = books else {
        return vec![Book::default()];
    };
    let Shape::List(tables) = &node.shape else {
        let problem = format!(
            "found {}, allowed is a list of tables: [[book]]",
            node.shown()
        );
        note(mistakes, &node.place, "book", problem);
        return Vec::new();
    };
    if tables.is_empty() {
        note(
            mistakes,
            &node.place,
            "book",
            "at least one book is needed".to_owned(),
        );
    }
    let mut books: Vec<Book> = Vec::new();
    for table in tables {
        let Shape::Table(members) = &table.shape else {
            let problem = format!("found {}, allowed is a table", table.shown());
            note(mistakes, &table.place, "book", problem);
            continue;
        };
        let book = read_one(&table.place, members, mistakes);
        if books.iter().any(|other| other.name == book.name) {
            let place = place_of("name", members).unwrap_or(&table.place);
            let problem = format!("a second book named {:?}; names are unique", book.name);
            note(mistakes, place, "book.name", problem);
        }
        books.push(book);
    }
    books
}

fn read_one(place: &Place, members: &[Member], mistakes: &mut Vec<Mistake>) -> Book {
    let mut book = Book::default();
    if place_of("name", members).is_none() {
        note(
            mistakes,
            place,
            "book.name",
            "missing; every book has a name".to_owned(),
        );
    }
    for member in members {
        let Member { name, value, .. } = member;
        let key = format!("book.{name}");
        let fits = match (name.as_str(), &value.shape) {
            ("name", Shape::Text(text)) => {
                book.name.clone_from(text);
                is_book_name(text)
            }
            ("functional_unit", Shape::Text(text)) => {
                book.functional_unit = (!text.is_empty()).then(|| text.clone());
                let fits = text.is_empty() || is_unit(text);
                if fits && !text.is_empty() {
                    // Whether there is such a unit is seen where the units are.
                    book.written.push(member.clone());
                }
                fits
            }
            ("time_zone", Shape::Text(text)) => {
                book.time_zone.clone_from(text);
                is_time_zone(text)
            }
            ("partition", Shape::Whole(_)) => {
                let number = whole(value).filter(|number| *number <= table::PARTITION_MAX);
                book.partition = number
                    .and_then(|n| u16::try_from(n).ok())
                    .unwrap_or_default();
                number.is_some()
            }
            ("name" | "functional_unit" | "time_zone" | "partition", _) => false,
            _ => {
                book.reference
                    .push((name.clone(), value.to_json(&key, mistakes)));
                book.written.push(member.clone());
                true
            }
        };
        if !fits {
            let problem = format!("found {}, allowed is {}", value.shown(), allowed(name));
            note(mistakes, &value.place, &key, problem);
        }
    }
    book
}

fn allowed(name: &str) -> String {
    match name {
        "name" => "1 to 64 of a-z, 0-9, '_' and '-'".to_owned(),
        "functional_unit" => {
            "a unit code (1 to 16 of A-Z, a-z, 0-9, '.', '_' and '-'), or \"\" for \
                              none"
                .to_owned()
        }
        "time_zone" => "the IANA name of a time zone, such as \"Europe/Berlin\"".to_owned(),
        _ => format!("a whole number from 0 to {}", table::PARTITION_MAX),
    }
}

fn is_book_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    (1..=64).contains(&name.len()) && name.chars().all(letter)
}

fn is_unit(unit: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=16).contains(&unit.len()) && unit.chars().all(letter)
}

/// By name only, from the data bundled with the binary: "local" or a rule of the machine would make
/// booking dates depend on where kontor runs.
fn is_time_zone(name: &str) -> bool {
    jiff::tz::TimeZoneDatabase::bundled().get(name).is_ok()
}

fn place_of<'a>(name: &str, members: &'a [Member]) -> Option<&'a Place> {
    members
        .iter()
        .find(|member| member.name == name)
        .map(|member| &member.value.place)
}

fn note(mistakes: &mut Vec<Mistake>, place: &Place, key: &str, problem: String) {
    mistakes.push(Mistake {
        place: place.clone(),
        key: key.to_owned(),
        problem,
    });
}
