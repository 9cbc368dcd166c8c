//! Takes JSON values apart by hand, so that every mistake has its place and words of ours.
//!
//! For reference records and the settings of a book: values whose shape follows from their type and
//! that people write. Jobs have typed data and a reader of their own. What is asked for is taken,
//! and [`Members::end`] refuses what nobody asked for. A fault never repeats what was written.

use crate::ids::is_account_name;
use crate::limits::ID_CHARS_MAX;
use crate::money::Number;
use crate::raw_json::{Parts, RawJson};
use crate::time::Date;

/// What does not fit, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct ShapeFault {
    /// JSON pointer from the root of the value.
    pub path: String,
    /// What is wrong and what is allowed.
    pub what: String,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub struct Node {
    value: RawJson,
    path: String,
}

impl Node {
    /// A value at a place.
    pub fn new(value: RawJson, path: impl Into<String>) -> Self {
        Self {
            value,
            path: path.into(),
        }
    }

    /// The value.
    pub fn value(&self) -> &RawJson {
        &self.value
    }

    /// Its place.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A fault at this place.
    pub fn fault(&self, what: impl Into<String>) -> ShapeFault {
        ShapeFault {
            path: self.path.clone(),
            what: what.into(),
        }
    }

    /// Its members.
    pub fn object(&self) -> Result<Members, ShapeFault> {
        match self.value.parts() {
            Some(Parts::Object(members)) => Ok(Members {
                members,
                path: self.path.clone(),
            }),
            _ => Err(self.fault("expected an object without repeated members")),
        }
    }

    /// Its members as names of the writer's own with their values.
    pub fn names(&self) -> Result<Vec<(String, Self)>, ShapeFault> {
        let members = self.object()?.members.into_iter();
        let named = |(name, value): (String, RawJson)| {
            let node = Self::new(value, below(&self.path, &name));
            let chars = name.chars().count();
            if chars == 0 || chars > ID_CHARS_MAX || name.chars().any(char::is_control) {
                return Err(node.fault(format!("a name has 1 to {ID_CHARS_MAX} characters")));
            }
            Ok((name, node))
        };
        members.map(named).collect()
    }

    /// Its items.
    pub fn list(&self) -> Result<Vec<Self>, ShapeFault> {
        match self.value.parts() {
            Some(Parts::List(items)) => Ok(items
                .into_iter()
                .enumerate()
                .map(|(at, value)| Self::new(value, below(&self.path, &at.to_string())))
                .collect()),
            _ => Err(self.fault("expected a list")),
        }
    }

    /// Text of at least one character.
    pub fn text(&self) -> Result<String, ShapeFault> {
        match self.value.parts() {
            Some(Parts::Text(text)) if !text.is_empty() && !text.chars().any(char::is_control) => {
                Ok(text)
            }
            _ => Err(self.fault("expected a text without control characters")),
        }
    }

    /// An identifier: a short text.
    pub fn id(&self) -> Result<String, ShapeFault> {
        let text = self.text()?;
        if text.chars().count() > ID_CHARS_MAX {
            let what = format!("an identifier has at most {ID_CHARS_MAX} characters");
            return Err(self.fault(what));
        }
        Ok(text)
    }

    /// Name of an account.
    pub fn account(&self) -> Result<String, ShapeFault> {
        let name = self.text()?;
        if is_account_name(&name) {
            Ok(name)
        } else {
            Err(self.fault("expected the name of an account"))
        }
    }

    /// One of a closed list of words.
    pub fn word(&self, allowed: &[&'static str]) -> Result<&'static str, ShapeFault> {
        let text = self.text().ok();
        let known = allowed.iter().find(|word| text.as_deref() == Some(**word));
        known
            .copied()
            .ok_or_else(|| self.fault(format!("expected one of {}", allowed.join(" "))))
    }

    /// Yes or no.
    pub fn bool(&self) -> Result<bool, ShapeFault> {
        match self.value.parts() {
            Some(Parts::Bool(yes)) => Ok(yes),
            _ => Err(self.fault("expected true or false")),
        }
    }

    /// A whole number between bounds, both allowed.
    pub fn whole(&self, least: u64, most: u64) -> Result<u64, ShapeFault> {
        let number = match self.value.parts() {
            Some(Parts::Number(text)) => text.parse::<u64>().ok(),
            _ => None,
        };
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.fault(format!("expected a whole number from {least} to {most}")))
    }

    /// A decimal, written as text.
    pub fn decimal(&self) -> Result<Number, ShapeFault> {
        let number = match self.value.parts() {
            Some(Parts::Text(text)) => Number::parse(&text).ok(),
            _ => None,
        };
        number.ok_or_else(|| self.fault("expected a decimal as text, such as \"19.00\""))
    }

    /// A decimal of zero or more.
    pub fn not_negative(&self) -> Result<Number, ShapeFault> {
        let number = self.decimal()?;
        if number.signed() < 0 {
            return Err(self.fault("expected 0 or more"));
        }
        Ok(number)
    }

    /// A date.
    pub fn date(&self) -> Result<Date, ShapeFault> {
        let date = match self.value.parts() {
            Some(Parts::Text(text)) => Date::parse(&text).filter(|date| date.in_range()),
            _ => None,
        };
        date.ok_or_else(|| self.fault("expected a date as text, such as \"2026-03-31\""))
    }
}

/// Members of an object that are taken one by one.
#[derive(Debug)]
pub struct Members {
    members: Vec<(String, RawJson)>,
    path: String,
}

impl Members {
    /// Members at a place.
    pub fn new(members: Vec<(String, RawJson)>, path: impl Into<String>) -> Self {
        let path = path.into();
        Self { members, path }
    }

    /// Take a member, if it is there.
    pub fn take(&mut self, name: &str) -> Option<Node> {
        let place = self.members.iter().position(|(known, _)| known == name)?;
        let (name, value) = self.members.remove(place);
        Some(Node::new(value, below(&self.path, &name)))
    }

    /// Take a member that must be there.
    pub fn need(&mut self, name: &str) -> Result<Node, ShapeFault> {
        self.take(name).ok_or_else(|| ShapeFault {
            path: self.path.clone(),
            what: format!("member {name} is missing"),
        })
    }

    /// Take a member, if it is there, and read it.
    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Node) -> Result<T, ShapeFault>,
    ) -> Result<Option<T>, ShapeFault> {
        self.take(name).map(|node| read(&node)).transpose()
    }

    /// Refuse what nobody has taken.
    pub fn end(self) -> Result<(), ShapeFault> {
        match self.members.first() {
            None => Ok(()),
            Some((name, _)) => Err(ShapeFault {
                path: below(&self.path, name),
                what: "this member is not known".to_owned(),
            }),
        }
    }
}

/// The place of a member or item.
fn below(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        Node::new(RawJson::new(text), "")
    }

    #[test]
    fn members_are_taken_and_the_rest_is_refused() {
        let mut members = node(r#"{"rate":"19","a/b":1}"#).object().unwrap();
        let rate = members.need("rate").unwrap().decimal().unwrap();
        assert_eq!((rate.mantissa, rate.scale), (19, 0));
        assert!(members.take("rate").is_none());
        assert_eq!(members.end().unwrap_err().path, "/a~1b");
        assert_eq!(
            node(r#"{"a":1}"#)
                .object()
                .unwrap()
                .need("b")
                .unwrap_err()
                .path,
            ""
        );
    }

    #[test]
    fn every_form_refuses_the_others() {
        assert!(node(r#"{"a":1,"a":2}"#).object().is_err(), "a member twice");
        assert!(node("[1]").object().is_err() && node("{}").list().is_err());
        assert!(node("1").text().is_err() && node("\"\"").text().is_err());
        assert!(node("\"1e3\"").decimal().is_err() && node("19").decimal().is_err());
        assert!(node("1.5").whole(0, 9).is_err() && node("10").whole(0, 9).is_err());
        assert_eq!(node("9").whole(0, 9), Ok(9));
        assert!(node("\"2026-02-30\"").date().is_err() && node("null").bool().is_err());
        assert_eq!(
            node("[1,true]").list().unwrap().last().unwrap().path(),
            "/1"
        );
    }

    #[test]
    fn a_fault_does_not_repeat_what_was_written() {
        let fault = node("\"Erika Musterfrau\"").word(&["S", "Z"]).unwrap_err();
        assert_eq!(fault.what, "expected one of S Z");
    }
}
