//! Decoding alone, per content type: bytes to jobs with their fingerprints and contents.

use std::time::{Duration, Instant};

use super::load::{Load, reader};
use super::rig::NoTexts;
use super::{BenchFault, Measured};
use crate::pipeline::decode::{ContentType, decode, seal};
use crate::pipeline::stations::StationFault;
use crate::wire::message::Head;

/// Decode so many jobs of a content type, `per_message` in each message.
pub fn measure(
    content_type: ContentType,
    jobs: u64,
    per_message: u32,
    seed: u64,
) -> Result<Measured, BenchFault> {
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
        seal(items.iter_mut(), &mut NoTexts).map_err(StationFault::from)?;
        took = took.saturating_add(began.elapsed());
        decoded = decoded.saturating_add(u64::try_from(items.len()).unwrap_or_default());
        items.clear();
    }
    let mut measured = Measured::new(format!("decode {content_type:?}"), decoded, took);
    let bytes = bytes.checked_div(decoded.max(1));
    measured.note("bytes per job", bytes.unwrap_or_default());
    Ok(measured)
}
