//! What this disk needs to make a block durable: the floor under every latency.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::spread::Spread;

/// What is written before each sync: the least that a group commit writes.
const BLOCK: [u8; 4_096] = [7; 4_096];
/// Blocks of the file. They are written and synced before, as the journal's are.
const BLOCKS: u64 = 4_096;

/// Overwrite a block and sync it, so often.
pub(crate) fn fdatasync(dir: &Path, times: u32) -> Result<Spread> {
    let path = dir.join("fdatasync");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    for block in 0..BLOCKS {
        file.write_all_at(&BLOCK, block * 4_096)?;
    }
    file.sync_all()?;
    let mut spread = Spread::new()?;
    for turn in 0..u64::from(times) {
        let began = Instant::now();
        file.write_all_at(&BLOCK, (turn % BLOCKS) * 4_096)?;
        file.sync_data()?;
        spread.record(began.elapsed())?;
    }
    std::fs::remove_file(path)?;
    Ok(spread)
}
