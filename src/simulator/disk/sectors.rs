//! The bytes of a simulated file: what programs see, what is durable, and what a power cut leaves.

use std::sync::Arc;

use crate::simulator::chance::Chance;

/// What a disk writes at once.
const SECTOR: usize = 512;

/// A file without its names. A disk is copied for each look at what a power cut would leave; its
/// files are shared until one of the copies writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    /// What programs see.
    cached: Arc<Vec<u8>>,
    /// What a power cut leaves for certain.
    durable: Arc<Vec<u8>>,
    /// Writes since the last sync.
    waiting: Vec<(usize, Vec<u8>)>,
    /// Sectors whose bytes a failed sync may have dropped: clean in the cache, old on the disk.
    dropped: Vec<usize>,
}

impl Inode {
    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        put(&mut self.cached, bytes, offset);
        self.waiting.push((offset, bytes.to_vec()));
    }

    /// Makes what waits durable. Bytes that a failed sync dropped stay in the cache alone.
    pub(super) fn sync(&mut self) {
        for (offset, bytes) in std::mem::take(&mut self.waiting) {
            put(&mut self.durable, &bytes, offset);
        }
    }

    /// A sync that fails: some of what waits arrives, the rest is forgotten. Programs still see it.
    pub(super) fn fail_to_sync(&mut self, chance: &mut Chance) {
        let sectors = self.waiting_sectors();
        let mut left = std::mem::take(&mut self.durable);
        for sector in &sectors {
            self.survive_sector(*sector, &mut left, chance);
        }
        self.durable = left;
        self.dropped.extend(sectors);
        self.waiting.clear();
    }

    /// The cache gives up pages that it takes for clean: what a failed sync dropped is seen as it
    /// stands on the disk.
    pub(super) fn evict(&mut self, chance: &mut Chance) {
        let dirty = self.waiting_sectors();
        for sector in std::mem::take(&mut self.dropped) {
            if dirty.contains(&sector) || chance.once_in(2) {
                continue;
            }
            let end = self.cached.len().min(sector + SECTOR);
            let cached = Arc::make_mut(&mut self.cached);
            for place in sector..end {
                let old = self.durable.get(place).copied().unwrap_or_default();
                if let Some(byte) = cached.get_mut(place) {
                    *byte = old;
                }
            }
        }
    }

    /// What programs see.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.cached
    }

    /// What is there after any power cut.
    pub(super) fn certain(&self) -> &[u8] {
        &self.durable
    }

    /// Changes a byte everywhere; false if there is none.
    pub(super) fn flip(&mut self, offset: usize, mask: u8) -> bool {
        let mut flipped = false;
        for bytes in [&mut self.cached, &mut self.durable] {
            if offset < bytes.len()
                && let Some(byte) = Arc::make_mut(bytes).get_mut(offset)
            {
                *byte ^= mask;
                flipped = true;
            }
        }
        flipped
    }

    /// What is left of the file after a power cut.
    pub(super) fn survive(&self, chance: &mut Chance) -> Self {
        let longest = self.cached.len().max(self.durable.len());
        let mut left = Arc::clone(&self.durable);
        for sector in self.waiting_sectors() {
            self.survive_sector(sector, &mut left, chance);
        }
        // A file that grew may keep its new length although the bytes are lost, and the reverse.
        let length = match chance.up_to(2) {
            0 => self.durable.len(),
            1 => longest,
            _ => left.len(),
        };
        if left.len() != length {
            Arc::make_mut(&mut left).resize(length, 0);
        }
        Self {
            cached: Arc::clone(&left),
            durable: left,
            waiting: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// The sectors that writes wait for, in order.
    fn waiting_sectors(&self) -> Vec<usize> {
        let touched = self.waiting.iter().flat_map(|(offset, bytes)| {
            (*offset..offset + bytes.len().max(1))
                .step_by(SECTOR)
                .chain([(offset + bytes.len()).saturating_sub(1)])
        });
        let mut sectors: Vec<usize> = touched.map(|byte| byte & !(SECTOR - 1)).collect();
        sectors.sort_unstable();
        sectors.dedup();
        sectors
    }

    /// Lets some of the waiting writes of a sector arrive, in order, the last of them perhaps torn.
    fn survive_sector(&self, sector: usize, left: &mut Arc<Vec<u8>>, chance: &mut Chance) {
        let end = sector + SECTOR;
        let writes: Vec<(usize, &[u8])> = self
            .waiting
            .iter()
            .filter_map(|(offset, bytes)| part(*offset, bytes, sector, end))
            .collect();
        let arrived = place(chance.up_to(size(writes.len())));
        for (index, (offset, bytes)) in writes.iter().take(arrived).enumerate() {
            if index + 1 == arrived && chance.once_in(3) {
                let torn = place(chance.up_to(size(bytes.len())));
                let (head, tail) = bytes.split_at_checked(torn).unwrap_or((bytes, &[]));
                if chance.once_in(2) {
                    put(left, head, *offset);
                } else {
                    put(left, tail, offset + head.len());
                }
            } else {
                put(left, bytes, *offset);
            }
        }
    }
}

/// The part of a write that falls into a sector.
fn part(offset: usize, bytes: &[u8], sector: usize, end: usize) -> Option<(usize, &[u8])> {
    let from = sector.max(offset);
    let to = end.min(offset + bytes.len());
    let part = bytes.get(from.checked_sub(offset)?..to.checked_sub(offset)?)?;
    (!part.is_empty()).then_some((from, part))
}

/// Writes into bytes that grow when needed.
fn put(bytes: &mut Arc<Vec<u8>>, written: &[u8], offset: usize) {
    if written.is_empty() {
        return;
    }
    let bytes = Arc::make_mut(bytes);
    let end = offset + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(offset..end) {
        place.copy_from_slice(written);
    }
}

pub(super) fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

pub(super) fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
