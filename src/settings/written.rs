//! The members of a book as they were written, each with its place.
//!
//! What they mean is not known here. Whoever knows takes out what is wrong, one after the other, so
//! that an operator hears of all mistakes at once and where each of them stands.

use super::mistake::Place;
use super::node::{Member, Node, Shape};

/// Members in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Written(Vec<Member>);

/// What was taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOut {
    /// Where it stands.
    pub place: Place,
    /// What was looked for, as people write its place: `book.series.RE.width`.
    pub key: String,
    /// Whether it was there itself; else the nearest above it is gone.
    pub itself: bool,
}

impl Written {
    pub(super) fn push(&mut self, member: Member) {
        self.0.push(member);
    }

    /// The members as JSON texts, without what was taken out.
    pub fn members(&self) -> Vec<(String, String)> {
        let there = self.0.iter().filter(|member| member.value.is_there());
        // A number that is none was noted when the file was read.
        there
            .map(|member| {
                let value = member.value.to_json("", &mut Vec::new());
                (member.name.clone(), value.to_string())
            })
            .collect()
    }

    /// Take out what stands at a JSON pointer, or the nearest above it that is there; none if not
    /// even its first step is.
    pub fn take_out(&mut self, pointer: &str) -> Option<TakenOut> {
        let names = pointer.split('/').skip(1);
        let steps: Vec<String> = names
            .map(|name| name.replace("~1", "/").replace("~0", "~"))
            .collect();
        let mut key = String::from("book");
        let mut steps = steps.iter();
        let first = steps.next()?;
        let at = self.0.iter().position(|member| member.is_called(first))?;
        key.extend([".", first]);
        let mut node = &mut self.0.get_mut(at)?.value;
        let mut itself = true;
        for step in steps {
            let Some(at) = place_in(node, step) else {
                key.extend([".", step]);
                itself = false;
                break;
            };
            match &mut node.shape {
                Shape::Table(members) => {
                    key.extend([".", step]);
                    node = &mut members.get_mut(at)?.value;
                }
                Shape::List(items) => {
                    key.extend(["[", &at.to_string(), "]"]);
                    node = items.get_mut(at)?;
                }
                Shape::Text(_)
                | Shape::Whole(_)
                | Shape::Switch(_)
                | Shape::Date(_)
                | Shape::Foreign(_)
                | Shape::Gone => return None,
            }
        }
        let place = node.place.clone();
        node.shape = Shape::Gone;
        Some(TakenOut { place, key, itself })
    }
}

impl Member {
    fn is_called(&self, name: &str) -> bool {
        self.name == name && self.value.is_there()
    }
}

/// Where the next step of a pointer leads to, among all that was written there.
fn place_in(node: &Node, step: &str) -> Option<usize> {
    match &node.shape {
        Shape::Table(members) => members.iter().position(|member| member.is_called(step)),
        Shape::List(items) => {
            let there = items.iter().enumerate().filter(|(_, item)| item.is_there());
            there.map(|(at, _)| at).nth(step.parse().ok()?)
        }
        Shape::Text(_)
        | Shape::Whole(_)
        | Shape::Switch(_)
        | Shape::Date(_)
        | Shape::Foreign(_)
        | Shape::Gone => None,
    }
}
