//! Reading a snapshot piece by piece. Each is checked before it is given out, the whole at the end:
//! what was made of the pieces counts only after [`Reader::next`] has said that there are no more.

use std::io;

use super::{HEADER_BYTES, PIECE_BYTES_MAX, PIECE_HEADER_BYTES, file_name};
use super::{Head, Header, KIND_END, KIND_HEAD, KIND_PLACES, KIND_STATE, SnapshotFault};
use crate::ids::Position;
use crate::journal::file::bytes::{Fields, first, in_memory, on_disk};
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::record;
use crate::ledger::Commit;

/// A part of a snapshot.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A part of the books.
    State(Commit),
    /// Rows of places.
    Places(&'a [u8]),
}

/// A snapshot that is being read.
#[derive(Debug)]
pub struct Reader<D: Disk> {
    file: D::File,
    path: String,
    head: Head,
    offset: u64,
    length: u64,
    hasher: blake3::Hasher,
    payload: Vec<u8>,
}

impl<D: Disk> Reader<D> {
    /// Open the snapshot of a position and read its head.
    pub fn open(disk: &D, position: Position) -> Result<Self, SnapshotFault> {
        let name = file_name(position);
        let path = disk.describe(&name);
        let file = disk
            .open_to_read(&name)
            .map_err(|error| SnapshotFault::io("open", &path, &error))?;
        let length = file
            .length()
            .map_err(|error| SnapshotFault::io("measure", &path, &error))?;
        let header = Header::read(&file, &path)?;
        let mut opening = Opening {
            file: &file,
            path: &path,
            offset: 0,
            length,
            hasher: blake3::Hasher::new(),
        };
        opening.hash_in(HEADER_BYTES)?;
        let mut payload = Vec::new();
        let kind = opening.piece(&mut payload)?;
        let head = Head::parse(header, &payload).filter(|_| kind == KIND_HEAD);
        let head = head.ok_or_else(|| SnapshotFault::damaged(&path, "it has no head"))?;
        if head.position != position {
            return Err(SnapshotFault::damaged(&path, "it has another's name"));
        }
        let Opening { offset, hasher, .. } = opening;
        Ok(Self {
            file,
            path,
            head,
            offset,
            length,
            hasher,
            payload,
        })
    }

    /// Read all pieces, for nothing but to know that they are there as they were written.
    pub fn verify(mut self) -> Result<Head, SnapshotFault> {
        while self.next()?.is_some() {}
        Ok(self.head)
    }

    /// What it says about itself.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The next piece; none when all were read and the whole is what was written.
    #[expect(
        clippy::should_implement_trait,
        reason = "the piece borrows from the reader"
    )]
    pub fn next(&mut self) -> Result<Option<Piece<'_>>, SnapshotFault> {
        let hash = *self.hasher.finalize().as_bytes();
        let mut opening = Opening {
            file: &self.file,
            path: &self.path,
            offset: self.offset,
            length: self.length,
            hasher: std::mem::take(&mut self.hasher),
        };
        let kind = opening.piece(&mut self.payload)?;
        self.offset = opening.offset;
        self.hasher = opening.hasher;
        let damaged = |what| Err(SnapshotFault::damaged(&self.path, what));
        match kind {
            KIND_STATE => match record::decode(&self.payload) {
                Ok(commit) => Ok(Some(Piece::State(commit))),
                Err(_fault) => damaged("a piece is no record"),
            },
            KIND_PLACES => Ok(Some(Piece::Places(&self.payload))),
            KIND_END if self.payload != hash => damaged("its hash does not match"),
            KIND_END if self.offset != self.length => damaged("something follows its end"),
            KIND_END => Ok(None),
            _ => damaged("it has a piece of an unknown kind"),
        }
    }
}

/// The file and how far it was read.
struct Opening<'a, F> {
    file: &'a F,
    path: &'a str,
    offset: u64,
    length: u64,
    hasher: blake3::Hasher,
}

impl<F: DiskFile> Opening<'_, F> {
    /// Step over bytes that were looked at otherwise.
    fn hash_in(&mut self, length: usize) -> Result<(), SnapshotFault> {
        let mut bytes = vec![0; length];
        self.read(&mut bytes)
    }

    /// Read one piece and say of which kind it is.
    fn piece(&mut self, payload: &mut Vec<u8>) -> Result<u8, SnapshotFault> {
        let mut header = [0; PIECE_HEADER_BYTES];
        self.read(&mut header)?;
        let mut fields = Fields(&header);
        let (Some([kind, ..]), Some(length), Some(crc)) =
            (fields.take::<4>(), fields.u32(), fields.u32())
        else {
            return Err(SnapshotFault::damaged(self.path, "a piece has no header"));
        };
        let length = in_memory(u64::from(length));
        let rest = self.length.saturating_sub(self.offset);
        if length > PIECE_BYTES_MAX || on_disk(length) > rest {
            return Err(SnapshotFault::damaged(self.path, "a length is impossible"));
        }
        payload.clear();
        payload.resize(length, 0);
        self.read(payload)?;
        if crc32c::crc32c_append(crc32c::crc32c(first(&header, 8)), payload) != crc {
            return Err(SnapshotFault::damaged(
                self.path,
                "a checksum does not match",
            ));
        }
        Ok(kind)
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), SnapshotFault> {
        match self.file.read_exact_at(bytes, self.offset) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(SnapshotFault::damaged(self.path, "it ends early"));
            }
            Err(error) => return Err(SnapshotFault::io("read", self.path, &error)),
        }
        self.offset = self.offset.saturating_add(on_disk(bytes.len()));
        self.hasher.update(bytes);
        Ok(())
    }
}
