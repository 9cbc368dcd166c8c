//! What cannot be read: it must be set aside as it came, with its reason.

use std::collections::BTreeMap;

use super::Part;
use super::forms::{Formed, properties};
use crate::simulator::Chance;
use crate::wire::client::{CONTENT_TYPE, JobsMessage};

const POST: &str = r#""kind":"entry.post","data":{"legs":[]}"#;

/// A message that is one dead letter.
pub(super) fn whole(chance: &mut Chance, number: usize) -> Formed {
    match chance.up_to(7) {
        0 => {
            let body: Vec<u8> = (0..chance.between(1, 200))
                .map(|_| u8::try_from(chance.up_to(255)).unwrap_or_default())
                .collect();
            dead("application/json", "MESSAGE_MALFORMED", body)
        }
        1 => {
            let body = format!(r#"{{"key":"w-{number}",{POST}}}"#);
            dead("text/plain", "CONTENT_TYPE_UNSUPPORTED", body.into_bytes())
        }
        2 => {
            // No book has this routing key.
            let body = format!(r#"{{"key":"w-{number}",{POST}}}"#);
            dead("application/json", "BOOK_UNKNOWN", body.into_bytes())
        }
        3 => dead(
            "application/x-ndjson",
            "MESSAGE_MALFORMED",
            b"\n\n \n".to_vec(),
        ),
        4 => empty_container(),
        5 => {
            let (mut properties, body, parts) = dead(
                "application/json",
                "MESSAGE_MALFORMED",
                format!(r#"{{"key":"w-{number}",{POST}}}"#).into_bytes(),
            );
            properties.message_id = Some("another-key".to_owned());
            (properties, body, parts)
        }
        _ => {
            let (body, code) = line(chance, number);
            dead("application/json", code, body)
        }
    }
}

/// A line that is a dead letter, and why.
pub(super) fn line(chance: &mut Chance, number: usize) -> (Vec<u8>, &'static str) {
    let key = format!("u-{number}-{}", chance.up_to(999_999));
    let (text, code) = match chance.up_to(5) {
        0 => (format!(r#"{{"key":"{key}","#), "MESSAGE_MALFORMED"),
        1 => (format!("{{{POST}}}"), "KEY_MISSING"),
        2 => (format!(r#"{{"key":"not a key",{POST}}}"#), "KEY_INVALID"),
        3 => {
            let text = format!(r#"{{"key":"{key}","kind":"moon.land","data":{{}}}}"#);
            (text, "UNKNOWN_KIND")
        }
        4 => {
            let text = format!(r#"{{"key":"{key}","schema_version":99,{POST}}}"#);
            (text, "SCHEMA_VERSION_UNSUPPORTED")
        }
        _ => (format!(r#"["{key}"]"#), "MESSAGE_MALFORMED"),
    };
    (text.into_bytes(), code)
}

pub(super) fn empty_container() -> Formed {
    dead(
        CONTENT_TYPE,
        "MESSAGE_MALFORMED",
        JobsMessage::new().finish(),
    )
}

fn dead(content_type: &str, code: &'static str, bytes: Vec<u8>) -> Formed {
    let part = Part::Dead {
        code,
        bytes: bytes.clone(),
    };
    (properties(content_type), bytes, BTreeMap::from([(0, part)]))
}
