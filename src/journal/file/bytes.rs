//! Fixed layouts, little-endian, written and read field by field in the order they are drawn.

/// Puts fields behind one another.
#[derive(Debug)]
pub(in crate::journal) struct Layout<'a>(pub(in crate::journal) &'a mut Vec<u8>);

impl Layout<'_> {
    pub(in crate::journal) fn bytes(&mut self, field: &[u8]) -> &mut Self {
        self.0.extend_from_slice(field);
        self
    }

    pub(in crate::journal) fn u8(&mut self, field: u8) -> &mut Self {
        self.bytes(&[field])
    }

    pub(in crate::journal) fn u16(&mut self, field: u16) -> &mut Self {
        self.bytes(&field.to_le_bytes())
    }

    pub(in crate::journal) fn u32(&mut self, field: u32) -> &mut Self {
        self.bytes(&field.to_le_bytes())
    }

    pub(in crate::journal) fn u64(&mut self, field: u64) -> &mut Self {
        self.bytes(&field.to_le_bytes())
    }
}

/// Takes fields from the front; `None` once the bytes have run out.
#[derive(Debug)]
pub(in crate::journal) struct Fields<'a>(pub(in crate::journal) &'a [u8]);

impl Fields<'_> {
    pub(in crate::journal) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    pub(in crate::journal) fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    pub(in crate::journal) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(in crate::journal) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(in crate::journal) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

/// A length in memory as a length on disk.
pub(in crate::journal) fn on_disk(length: usize) -> u64 {
    // A `usize` has at most 64 bits on every target of ours; the compiler cannot know.
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A length on disk as one in memory: larger than memory can be only on a small machine, where
/// asking for the largest possible length fails as it should.
pub(in crate::journal) fn in_memory(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// The first `length` bytes, or all there are.
pub(in crate::journal) fn first(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}

/// Zeros to fill files with, one piece at a time.
pub(in crate::journal) const ZEROS: &[u8] = &[0; 1 << 20];
