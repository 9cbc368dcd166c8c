//! Decoding alone, per content type: bytes to jobs with their fingerprints and contents.

use std::time::{Duration, Instant};

use super::Measured;
use super::load::{Load, reader};
use crate::pipeline::decode::{ContentType, Sealer, Subject, decode, seal};
use crate::wire::message::Head;

/// Nothing in the load has personal texts.
struct NoTexts;

impl Sealer for NoTexts {
    type Fault = std::convert::Infallible;

    fn ensure(&mut self, _: &[Subject]) -> Result<(), Self::Fault> {
        Ok(())
    }

    fn seal(&mut self, _: &Subject, _: &str, plain: &[u8]) -> Result<Vec<u8>, Self::Fault> {
        Ok(plain.to_vec())
    }
}

/// Decode so many jobs of a content type, `per_message` in each message.
pub fn measure(content_type: ContentType, jobs: u64, per_message: u32, seed: u64) -> Measured {
    let mut reader = reader();
    let mut load = Load::new(10_000, seed);
    let (mut took, mut decoded, mut bytes) = (Duration::ZERO, 0_u64, 0_u64);
    let mut items = Vec::new();
    while decoded < jobs {
        let body = match content_type {
            ContentType::Json => {
                let mut text = String::new();
                load.json(&mut text);
                text.into_bytes()
            }
            ContentType::Ndjson => load.lines(per_message),
            ContentType::Binary => load.binary(per_message).unwrap_or_default(),
        };
        bytes = bytes.saturating_add(u64::try_from(body.len()).unwrap_or_default());
        let head = Head {
            trusted: true,
            ..Head::default()
        };
        let began = Instant::now();
        decode(
            &mut reader,
            Ok(content_type),
            &head,
            &body,
            usize::MAX,
            &mut items,
        );
        let Ok(()) = seal(items.iter_mut(), &mut NoTexts);
        took = took.saturating_add(began.elapsed());
        decoded = decoded.saturating_add(u64::try_from(items.len()).unwrap_or_default());
        items.clear();
    }
    Measured {
        what: format!("decode {content_type:?}"),
        count: decoded,
        took,
        notes: vec![(
            "bytes per job".into(),
            bytes
                .checked_div(decoded.max(1))
                .unwrap_or_default()
                .to_string(),
        )],
    }
}
