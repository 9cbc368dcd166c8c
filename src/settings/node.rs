//! TOML with its places kept: every value knows line and column, or the variable it came from.
//!
//! The file is kept in the order in which it was written. Numbers with a fraction do not exist
//! here: amounts and rates are text, so that no decimal ever passes through a float.

use std::sync::Arc;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, Place};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) shape: Shape,
}

/// What kind of value it is.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    Text(String),
    Whole(i64),
    Switch(bool),
    Date(String),
    List(Vec<Node>),
    Table(Vec<Member>),
    /// What TOML knows and kontor does not: numbers with a fraction, integers beyond 64 bits.
    Foreign(String),
    /// Nothing any more: it was wrong and has been said.
    Gone,
}

/// One line of a table.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) value: Node,
}

/// Turns byte offsets into places.
#[derive(Clone, Copy)]
pub(super) enum Map<'a> {
    File { path: &'a Arc<str>, text: &'a str },
    One(&'a Place),
}

impl Map<'_> {
    fn place(self, offset: usize) -> Place {
        match self {
            Map::One(place) => place.clone(),
            Map::File { path, text } => {
                let before = text.get(..offset).unwrap_or(text);
                let line = before.matches('\n').count().saturating_add(1);
                let last = before.rsplit('\n').next().unwrap_or_default();
                let column = last.chars().count().saturating_add(1);
                Place::File {
                    path: Arc::clone(path),
                    line,
                    column,
                }
            }
        }
    }
}

/// A whole file. All syntax errors are reported, not only the first.
pub(super) fn parse_file(path: &Arc<str>, text: &str) -> Result<Vec<Member>, Vec<Mistake>> {
    let map = Map::File { path, text };
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(members(table.get_ref(), map));
    }
    Err(errors.iter().map(|error| syntax(error, map)).collect())
}

/// One value, as an environment variable or a flag holds it.
pub(super) fn parse_value(place: &Place, text: &str) -> Result<Node, Mistake> {
    let map = Map::One(place);
    match DeValue::parse(text) {
        Ok(value) => Ok(node(&value, map)),
        Err(error) => Err(syntax(&error, map)),
    }
}

fn syntax(error: &toml::de::Error, map: Map<'_>) -> Mistake {
    let place = map.place(error.span().map_or(0, |span| span.start));
    Mistake {
        place,
        key: String::new(),
        problem: format!("not TOML: {}", error.message()),
    }
}

/// `toml` sorts by name; the offsets bring back the order of the file.
fn members(table: &DeTable<'_>, map: Map<'_>) -> Vec<Member> {
    let mut lines: Vec<_> = table.iter().collect();
    lines.sort_by_key(|(name, _)| name.span().start);
    let member = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| Member {
        name: AsRef::<str>::as_ref(name.get_ref()).to_owned(),
        place: map.place(name.span().start),
        value: node(value, map),
    };
    lines.into_iter().map(member).collect()
}

fn node(value: &Spanned<DeValue<'_>>, map: Map<'_>) -> Node {
    let place = map.place(value.span().start);
    let shape = match value.get_ref() {
        DeValue::String(text) => Shape::Text(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Shape::Foreign(number.as_str().to_owned()), Shape::Whole),
        DeValue::Float(number) => Shape::Foreign(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Shape::Switch(*yes),
        DeValue::Datetime(date) => Shape::Date(date.to_string()),
        DeValue::Array(items) => Shape::List(items.iter().map(|item| node(item, map)).collect()),
        DeValue::Table(table) => Shape::Table(members(table, map)),
    };
    Node { place, shape }
}

impl Node {
    /// Whether there is something to be read.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self.shape, Shape::Gone)
    }

    /// What stands there, for a message.
    pub(super) fn shown(&self) -> String {
        match &self.shape {
            Shape::Text(text) => format!("{text:?}"),
            Shape::Whole(number) => number.to_string(),
            Shape::Switch(yes) => yes.to_string(),
            Shape::Date(date) => format!("the date {date}"),
            Shape::List(items) => format!("a list of {}", items.len()),
            Shape::Table(_) => "a table".to_owned(),
            Shape::Foreign(number) => format!("the number {number}"),
            Shape::Gone => "nothing".to_owned(),
        }
    }

    /// The same as JSON, dates as text. Members of nested tables are in order of their names, so
    /// that two files that mean the same give the same value.
    pub(super) fn to_json(&self, key: &str, mistakes: &mut Vec<Mistake>) -> Value {
        match &self.shape {
            Shape::Text(text) | Shape::Date(text) => Value::from(text.as_str()),
            Shape::Whole(number) => Value::from(*number),
            Shape::Switch(yes) => Value::from(*yes),
            Shape::List(items) => {
                let items = items.iter().enumerate().filter(|(_, item)| item.is_there());
                items
                    .map(|(n, item)| item.to_json(&format!("{key}[{n}]"), mistakes))
                    .collect()
            }
            Shape::Table(members) => {
                let member = |m: &Member| {
                    let value = m.value.to_json(&format!("{key}.{}", m.name), mistakes);
                    (m.name.clone(), value)
                };
                let there = members.iter().filter(|member| member.value.is_there());
                Value::Object(there.map(member).collect())
            }
            Shape::Foreign(number) => {
                mistakes.push(Mistake {
                    place: self.place.clone(),
                    key: key.to_owned(),
                    problem: format!(
                        "found the number {number}; numbers with a fraction or beyond 64 bits are \
                         written as text: \"{number}\""
                    ),
                });
                Value::Null
            }
            Shape::Gone => Value::Null,
        }
    }
}
