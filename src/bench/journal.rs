//! The journal alone: frames of a commit's size, and what one sync costs on this disk.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{BenchFault, Measured, quantile};
use crate::journal::file::disk::OsDisk;
use crate::journal::file::{Evidence, FileJournal, FrameHead, Options};

/// Append frames of so many bytes and flush after every `group` of them. The directory is empty.
pub fn measure(
    dir: &Path,
    frame_bytes: usize,
    group: u32,
    groups: u32,
) -> Result<Measured, BenchFault> {
    let (mut journal, _new) =
        FileJournal::open(OsDisk::new(dir), Options::default(), Evidence::default())?;
    // Any bytes will do: they are neither compressed nor looked at.
    let payload: Vec<u8> = (0..frame_bytes).map(|at| at.to_le_bytes()[0]).collect();
    let mut flushes = Vec::new();
    let began = Instant::now();
    for _ in 0..groups {
        for _ in 0..group {
            let head = FrameHead {
                kind: 1,
                first_position: journal.next_position(),
                count: 1,
            };
            journal.append(head, &payload)?;
        }
        let flush = Instant::now();
        journal.flush()?;
        flushes.push(flush.elapsed());
    }
    let took = began.elapsed();
    flushes.sort_unstable();
    let frames = u64::from(groups).saturating_mul(u64::from(group));
    let what = format!("journal, {group} × {frame_bytes} bytes a sync");
    let mut measured = Measured::new(what, frames, took);
    let bytes = u64::try_from(frame_bytes).unwrap_or_default();
    let mebibytes = frames.saturating_mul(bytes) >> 20;
    let rate = u128::from(mebibytes)
        .saturating_mul(1_000)
        .div_euclid(took.as_millis().max(1));
    measured.note("MiB per second", rate);
    let microseconds = |time: Duration| format!("{} µs", time.as_micros());
    measured.note("flush, p50", microseconds(quantile(&flushes, 50)));
    measured.note("flush, p99", microseconds(quantile(&flushes, 99)));
    Ok(measured)
}
