//! The broker's sentence about a setting that differs, taken apart.
//!
//! The sentence is the only way AMQP tells what a queue was declared with. Its forms:
//!
//! ```text
//! inequivalent arg 'NAME' for queue 'Q' in vhost '/': received the value 'V' of type 'T' but
//!   current is the value 'V' of type 'T'
//! inequivalent arg 'NAME' for queue 'Q' in vhost '/': received none but current is none
//! inequivalent arg 'durable' for queue 'Q' in vhost '/': received 'true' but current is 'false'
//! ```
//!
//! AMQP cuts it at 255 bytes, so with very long names the current value may be unknown.

use std::fmt;

use super::super::topology::Argument;

/// One setting that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inequivalence {
    pub(super) setting: String,
    wanted: String,
    pub(super) current: Current,
}

/// What the broker has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Current {
    Absent,
    Value(Argument),
    Unknown,
}

impl Inequivalence {
    pub(super) fn parse(sentence: &str) -> Option<Self> {
        let (_, rest) = sentence.split_once("inequivalent arg '")?;
        let (setting, rest) = rest.split_once('\'')?;
        let (wanted, current) = match rest.split_once(": received ") {
            Some((_, values)) => values
                .split_once(" but current is ")
                .unwrap_or((values, "?")),
            None => ("?", "?"),
        };
        Some(Self {
            setting: setting.to_owned(),
            wanted: shown(&value(wanted)),
            current: value(current),
        })
    }

    /// A classic queue declared without a type is what we mean by a classic queue.
    pub(super) fn is_default_queue_type(&self) -> bool {
        self.setting == "x-queue-type"
            && self.wanted == "\"classic\""
            && self.current == Current::Absent
    }
}

impl fmt::Display for Inequivalence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            setting,
            wanted,
            current,
        } = self;
        write!(f, "{setting} is {} but must be {wanted}", shown(current))
    }
}

fn value(text: &str) -> Current {
    if text == "none" {
        return Current::Absent;
    }
    let typed = text.strip_prefix("the value '").unwrap_or(text);
    if let Some((value, kind)) = typed.split_once("' of type '") {
        return match kind.trim_end_matches('\'') {
            "longstr" | "shortstr" | "binary" => Current::Value(Argument::Text(value.to_owned())),
            "bool" => flag(value),
            _ => value
                .parse()
                .map_or(Current::Unknown, |n| Current::Value(Argument::Number(n))),
        };
    }
    let Some(bare) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) else {
        return Current::Unknown;
    };
    match bare {
        "true" | "false" => flag(bare),
        _ => Current::Value(Argument::Text(bare.to_owned())),
    }
}

fn flag(text: &str) -> Current {
    text.parse().map_or(Current::Unknown, |flag| {
        Current::Value(Argument::Flag(flag))
    })
}

fn shown(value: &Current) -> String {
    match value {
        Current::Absent => "not set".to_owned(),
        Current::Value(Argument::Text(text)) => format!("{text:?}"),
        Current::Value(other) => other.to_string(),
        Current::Unknown => "something else".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &str) -> Inequivalence {
        let start = "PRECONDITION_FAILED - inequivalent arg 'x-max-age' for queue 'q' in vhost '/'";
        Inequivalence::parse(&format!("{start}: {values}")).unwrap()
    }

    #[test]
    fn values_with_types_are_read() {
        let found = parse(
            "received the value '7D' of type 'longstr' but current is the value '1D' of type \
             'longstr'",
        );
        assert_eq!(found.setting, "x-max-age");
        assert_eq!(
            found.current,
            Current::Value(Argument::Text("1D".to_owned()))
        );
        assert_eq!(found.to_string(), "x-max-age is \"1D\" but must be \"7D\"");
        let number = parse("received none but current is the value '20' of type 'signedint'");
        assert_eq!(number.current, Current::Value(Argument::Number(20)));
        assert_eq!(number.to_string(), "x-max-age is 20 but must be not set");
        let flag = parse("received the value 'true' of type 'bool' but current is none");
        assert_eq!(flag.current, Current::Absent);
        assert_eq!(flag.to_string(), "x-max-age is not set but must be true");
    }

    #[test]
    fn bare_values_are_read() {
        let found = parse("received 'true' but current is 'false'");
        assert_eq!(found.current, Current::Value(Argument::Flag(false)));
    }

    #[test]
    fn a_sentence_cut_short_still_names_the_setting() {
        let found = parse("received the value 'quorum' of type 'longs");
        assert_eq!(
            (found.setting.as_str(), found.current),
            ("x-max-age", Current::Unknown)
        );
        assert_eq!(Inequivalence::parse("something else entirely"), None);
    }
}
