//! Why the book said no: a result, never an incident.

use super::value::{Members, Name, Value};
use crate::code::Code;
use crate::money::minor::AmountFault;

/// A refusal with its stable code, the place in the job and what may be said about it.
///
/// Boxed inside, because results carry it through every rule and most jobs post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    code: Code,
    path: Option<String>,
    at_root: bool,
    detail: Members,
    message: Option<String>,
}

impl Rejection {
    /// A refusal for a reason of the catalogue.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Inner {
            code,
            path: None,
            at_root: false,
            detail: Members::new(),
            message: None,
        }))
    }

    /// The same at a place in the data (a JSON pointer relative to `data`).
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.0.path = Some(path.into());
        self
    }

    /// The same at a place in the job outside its data (a JSON pointer from the root).
    #[must_use]
    pub fn at_root(mut self, path: impl Into<String>) -> Self {
        self.0.at_root = true;
        self.at(path)
    }

    /// The same for data that stand at a place in larger ones.
    #[must_use]
    pub fn below(mut self, base: &str) -> Self {
        if self.0.at_root {
            return self;
        }
        if let Some(path) = &mut self.0.path {
            path.insert_str(0, base);
        }
        for (name, value) in &mut self.0.detail {
            if let (Value::Text(path), "path") = (value, &**name) {
                path.to_mut().insert_str(0, base);
            }
        }
        self
    }

    /// The same with one more member of its detail.
    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, value: Value) -> Self {
        self.0.detail.push((name.into(), value));
        self
    }

    /// The same with an amount in its detail.
    #[must_use]
    pub fn with_amount(self, name: &'static str, minor: impl Into<i128>, decimals: u8) -> Self {
        self.with(name, Value::amount(minor.into(), decimals))
    }

    /// The same with a word in its detail.
    #[must_use]
    pub fn with_text(self, name: &'static str, text: impl Into<String>) -> Self {
        self.with(name, Value::text(text.into()))
    }

    /// The same with a sentence kept from a journal instead of the one of this release.
    #[must_use]
    pub fn saying(mut self, message: String) -> Self {
        self.0.message = Some(message);
        self
    }

    /// The schema's refusal: its place stands in the detail too.
    pub fn schema(code: Code, path: &str, reason: impl Into<String>) -> Self {
        Self::new(code)
            .at(path)
            .with_text("path", path)
            .with_text("reason", reason)
    }

    /// The refusal of an amount, at its place.
    pub fn amount(fault: AmountFault, path: &str, unit: &str, decimals: u8) -> Self {
        let refusal = |code| Self::new(code).at(path);
        match fault {
            AmountFault::Format(reason) => refusal(Code::AmountFormat).with_text("reason", reason),
            AmountFault::Negative => refusal(Code::AmountNegative),
            AmountFault::Zero => refusal(Code::AmountZero),
            AmountFault::Precision => refusal(Code::AmountPrecision)
                .with_text("unit", unit)
                .with("decimals", Value::Int(i64::from(decimals))),
            AmountFault::Overflow => refusal(Code::AmountOverflow),
        }
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The place in the data, relative to `data`.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// Whether the place lies outside the data, so that the path is one from the root.
    pub fn is_at_root(&self) -> bool {
        self.0.at_root
    }

    /// What may be said about it.
    pub fn detail(&self) -> &Members {
        &self.0.detail
    }

    /// What is wrong and what to do, in words.
    pub fn message(&self) -> String {
        if let Some(message) = &self.0.message {
            return message.clone();
        }
        let (meaning, advice) = (self.0.code.meaning(), self.0.code.advice());
        format!("{}. {advice}", capital(meaning))
    }
}

fn capital(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_is_wrong_and_what_to_do() {
        let refusal = Rejection::new(Code::AccountNotFound).with_text("account", "exp/nowhere");
        assert_eq!(
            refusal.message(),
            "The book has no such account. Open it with account.open or correct the name."
        );
    }

    #[test]
    fn a_refusal_is_one_word_wide() {
        assert_eq!(size_of::<Result<(), Rejection>>(), size_of::<usize>());
    }
}
