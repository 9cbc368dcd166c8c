//! Reads JSON strictly into a tree.
//!
//! What a book-keeping daemon may not guess about is refused here, before any schema: a member
//! named twice (which of the two amounts counts?), bytes that are not UTF-8, anything after the
//! value, nesting that only serves to exhaust a stack. Numbers are kept as they were written, so
//! that `10.0` sent as a number can be refused, and hashed, as what it was; no float is ever made.
//!
//! Strings are in Unicode normal form C. Text without escapes is borrowed from the message.
//!
//! The values of a tree stand in one row, each before what is in it, and a container knows how far
//! it reaches. So reading a message takes no memory but that row, which the next message uses
//! again:
//!
//! ```text
//! {"a": [1, 2], "b": "c"}    Object{2,6}  Text a  Array{2,2}  Number 1  Number 2  Text b  Text c
//! ```
//!
//! Written by hand rather than on `serde_json`: with numbers kept as text that crate hands an
//! object with a certain member to us as if it were a number, it knows no path, and it copies.
//!
//! This file knows no schema. What members mean stands in `typed.rs`.

mod fault;
mod reader;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use fault::{TreeFault, TreeProblem};

/// Deepest nesting of arrays and objects; the catalogue's jobs need five.
pub const DEPTH_MAX: usize = 16;

/// A document that was read.
#[derive(Debug, Default)]
pub struct Tree<'a> {
    nodes: Vec<Node<'a>>,
}

/// One place of the row.
#[derive(Clone, Debug)]
enum Node<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    /// A string, or the name of a member right before its value.
    Text(Cow<'a, str>),
    /// So many items in so many nodes.
    Array {
        items: usize,
        nodes: usize,
    },
    /// So many members in so many nodes.
    Object {
        members: usize,
        nodes: usize,
    },
}

/// A JSON value.
#[derive(Clone, Copy, Debug)]
pub enum Json<'t> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it was written.
    Number(&'t str),
    /// Text in normal form C.
    String(&'t str),
    /// Values in order.
    Array(Items<'t>),
    /// Members in the order they were written, no name twice.
    Object(Members<'t>),
}

/// The values of an array, in order.
#[derive(Clone, Copy, Debug)]
pub struct Items<'t> {
    left: usize,
    nodes: &'t [Node<'t>],
}

/// The members of an object, in the order they were written.
#[derive(Clone, Copy, Debug)]
pub struct Members<'t> {
    left: usize,
    nodes: &'t [Node<'t>],
}

/// Read one JSON value.
pub fn read(bytes: &[u8]) -> Result<Tree<'_>, TreeFault> {
    Tree::default().read(bytes)
}

impl Tree<'_> {
    /// Read one JSON value, in the memory of this tree.
    pub fn read(self, bytes: &[u8]) -> Result<Tree<'_>, TreeFault> {
        let mut nodes = self.emptied().nodes;
        reader::read(bytes, &mut nodes)?;
        Ok(Tree { nodes })
    }

    /// Its memory, for the next message.
    pub fn emptied<'b>(mut self) -> Tree<'b> {
        self.nodes.clear();
        // Nothing is moved: an empty row becomes one of another lifetime, and the standard library
        // collects it where it stands (a test holds that).
        let nodes = self.nodes.into_iter().map(|_node| Node::Null).collect();
        Tree { nodes }
    }

    /// The value that was read.
    pub fn root(&self) -> Json<'_> {
        value(&self.nodes).map_or(Json::Null, |(json, _rest)| json)
    }
}

/// The value at the front of a row, and what comes after it.
fn value<'t>(nodes: &'t [Node<'t>]) -> Option<(Json<'t>, &'t [Node<'t>])> {
    let (first, rest) = nodes.split_first()?;
    Some(match first {
        Node::Null => (Json::Null, rest),
        Node::Bool(value) => (Json::Bool(*value), rest),
        Node::Number(text) => (Json::Number(text), rest),
        Node::Text(text) => (Json::String(text), rest),
        Node::Array { items, nodes } => {
            let (inner, rest) = rest.split_at_checked(*nodes)?;
            let items = Items {
                left: *items,
                nodes: inner,
            };
            (Json::Array(items), rest)
        }
        Node::Object { members, nodes } => {
            let (inner, rest) = rest.split_at_checked(*nodes)?;
            let members = Members {
                left: *members,
                nodes: inner,
            };
            (Json::Object(members), rest)
        }
    })
}

#[expect(
    clippy::copy_iterator,
    reason = "a view: a value is looked at more than once"
)]
impl<'t> Iterator for Items<'t> {
    type Item = Json<'t>;

    fn next(&mut self) -> Option<Json<'t>> {
        let (json, rest) = value(self.nodes)?;
        self.nodes = rest;
        self.left = self.left.saturating_sub(1);
        Some(json)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Items<'_> {}

#[expect(
    clippy::copy_iterator,
    reason = "a view: a value is looked at more than once"
)]
impl<'t> Iterator for Members<'t> {
    type Item = (&'t str, Json<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = value(self.nodes)?;
        let (json, rest) = value(rest)?;
        self.nodes = rest;
        self.left = self.left.saturating_sub(1);
        Some((name.text().unwrap_or_default(), json))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Members<'_> {}

impl<'t> Members<'t> {
    /// The members in the order of their names' bytes.
    pub(super) fn sorted(self) -> Vec<(&'t str, Json<'t>)> {
        let mut sorted: Vec<_> = self.collect();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        sorted
    }
}

impl<'t> Json<'t> {
    /// The value of a member, if this is an object that has it.
    pub fn get(self, name: &str) -> Option<Json<'t>> {
        let Json::Object(mut members) = self else {
            return None;
        };
        members
            .find(|(member, _)| *member == name)
            .map(|(_, value)| value)
    }

    /// The text, if this is a string.
    pub fn text(self) -> Option<&'t str> {
        if let Json::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// What kind of value this is, in a word for messages.
    pub fn kind(self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        }
    }

    /// Write the value as JSON in one form only: members sorted by name, no blanks, numbers as
    /// they came.
    pub fn write_sorted(self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(number) => out.push_str(number),
            Json::String(text) => write_string(text, out),
            Json::Array(items) => {
                out.push('[');
                for (index, item) in items.enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_sorted(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.sorted().into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(name, out);
                    out.push(':');
                    value.write_sorted(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for symbol in text.chars() {
        match symbol {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                out.push_str("\\u00");
                let code = u32::from(control);
                out.extend(
                    [code >> 4, code & 0xf]
                        .into_iter()
                        .filter_map(|it| char::from_digit(it, 16)),
                );
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
