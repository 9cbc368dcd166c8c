//! The bytes of a simulated file: what programs see, what is durable, and what a power cut leaves.

use super::chance::Chance;

/// What a disk writes at once.
const SECTOR: usize = 512;

/// A file without its names.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    /// What programs see.
    cached: Vec<u8>,
    /// What a power cut leaves for certain.
    durable: Vec<u8>,
    /// Writes since the last sync.
    waiting: Vec<(usize, Vec<u8>)>,
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

    /// Forgets what waits; programs still see it.
    pub(super) fn drop_waiting(&mut self) {
        self.waiting.clear();
    }

    /// What programs see.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.cached
    }

    /// Changes a byte everywhere; false if there is none.
    pub(super) fn flip(&mut self, offset: usize, mask: u8) -> bool {
        let mut flipped = false;
        for bytes in [&mut self.cached, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= mask;
                flipped = true;
            }
        }
        flipped
    }

    /// What is left of the file after a power cut.
    pub(super) fn survive(&self, chance: &mut Chance) -> Self {
        let longest = self.cached.len().max(self.durable.len());
        let mut left = self.durable.clone();
        let mut sectors: Vec<usize> = self
            .waiting
            .iter()
            .flat_map(|(offset, bytes)| {
                (*offset..offset + bytes.len().max(1))
                    .step_by(SECTOR)
                    .chain([(offset + bytes.len()).saturating_sub(1)])
            })
            .map(|byte| byte & !(SECTOR - 1))
            .collect();
        sectors.sort_unstable();
        sectors.dedup();
        for sector in sectors {
            self.survive_sector(sector, &mut left, chance);
        }
        // A file that grew may keep its new length although the bytes are lost, and the reverse.
        let length = match chance.up_to(2) {
            0 => self.durable.len(),
            1 => longest,
            _ => left.len(),
        };
        left.resize(length, 0);
        Self {
            cached: left.clone(),
            durable: left,
            waiting: Vec::new(),
        }
    }

    /// Lets some of the waiting writes of a sector arrive, in order, the last of them perhaps torn.
    fn survive_sector(&self, sector: usize, left: &mut Vec<u8>, chance: &mut Chance) {
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
fn put(bytes: &mut Vec<u8>, written: &[u8], offset: usize) {
    let end = offset + written.len();
    if bytes.len() < end && !written.is_empty() {
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
