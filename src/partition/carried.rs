//! Books into a snapshot and out of it.
//!
//! A snapshot's pieces are commits that hold nothing but beginnings of books: a set-up record with
//! as many effects as fit a piece, the same record again with the next ones. They come out through
//! the door that replay uses.

use std::sync::atomic::{AtomicBool, Ordering};

use super::load::{KeysWanted, LastCommit, Loaded};
use super::secrets::Secrets;
use crate::ids::{BookIndex, Position};
use crate::journal::file::Until;
use crate::journal::file::disk::Disk;
use crate::journal::snapshot::keys::ColdKeys;
use crate::journal::snapshot::{Head, Piece, Reader, SnapshotFault, Writer};
use crate::journal::{Commits, JournalFault};
use crate::ledger::commit::SetupRecord;
use crate::ledger::weight::weight;
use crate::ledger::{Book, Commit, Effect, Inconsistent, Leg, Record};

/// About how many bytes of effects go into a piece.
const PIECE_BYTES: usize = 512 << 10;

/// A snapshot that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CarriedFault {
    #[error(transparent)]
    Snapshot(#[from] SnapshotFault),
    #[error(transparent)]
    Journal(#[from] JournalFault),
    #[error(transparent)]
    Inconsistent(#[from] Inconsistent),
    #[error("its rows of places are none")]
    Places,
    #[error("its books do not have the digest that it names")]
    Digest,
    #[error("it is not of the journal beside it")]
    Foreign,
}

impl CarriedFault {
    /// Whether no release can use the snapshot any more.
    pub(super) fn is_loss(&self) -> bool {
        matches!(self, Self::Snapshot(fault) if fault.is_loss())
    }
}

/// Write a book.
pub(super) fn write<D: Disk>(
    book: &Book,
    index: BookIndex,
    file_hash: [u8; 32],
    writer: &mut Writer<D>,
    stop: &AtomicBool,
) -> Result<(), SnapshotFault> {
    let setup = SetupRecord {
        book: index,
        name: book.name().into(),
        functional_unit: book.functional_unit().map(Into::into),
        time_zone: book.zone().name().into(),
        file_hash,
        effects: 0..0,
    };
    let mut piece = Commit::default();
    let mut bytes = 0_usize;
    book.carry(&mut |effect: Effect, legs: &[Leg]| {
        bytes = bytes.saturating_add(weight(&effect, legs.len()));
        let first_leg = u32::try_from(piece.legs.len()).unwrap_or(u32::MAX);
        piece.legs.extend_from_slice(legs);
        piece.effects.push(effect.shifted(first_leg));
        if bytes >= PIECE_BYTES {
            bytes = 0;
            if stop.load(Ordering::Acquire) {
                return Err(SnapshotFault::GivenUp);
            }
            put(&mut piece, &setup, writer)?;
        }
        Ok::<(), SnapshotFault>(())
    })?;
    put(&mut piece, &setup, writer)
}

fn put<D: Disk>(
    piece: &mut Commit,
    setup: &SetupRecord,
    writer: &mut Writer<D>,
) -> Result<(), SnapshotFault> {
    let mut setup = setup.clone();
    setup.effects = 0..u32::try_from(piece.effects.len()).unwrap_or(u32::MAX);
    piece.records.push(Record::Setup(Box::new(setup)));
    writer.put_state(piece)?;
    piece.records.clear();
    piece.effects.clear();
    piece.legs.clear();
    Ok(())
}

/// Rebuild from the snapshot of a position; with it the commits that follow.
pub(super) fn from_snapshot<D: Disk>(
    disk: &D,
    position: Position,
    secrets: &Secrets,
    until: Until,
    keys: KeysWanted,
) -> Result<(Loaded, Commits<D>), CarriedFault> {
    let mut reader = Reader::open(disk, position)?;
    let head = reader.head().clone();
    let commits = check_place(disk, &head, until)?;
    let mut loaded = Loaded::nothing(secrets, head.journal);
    while let Some(piece) = reader.next()? {
        match piece {
            Piece::State(commit) => {
                loaded.engine.replay(&commit)?;
                for record in &commit.records {
                    if let Record::Setup(setup) = record {
                        loaded.note_setup(setup);
                    }
                }
            }
            Piece::Places(rows) => {
                let read = loaded.waypoints.read_rows(rows);
                read.ok_or(CarriedFault::Places)?;
            }
        }
    }
    loaded
        .engine
        .resume(position.next(), head.recorded_at, head.lineage);
    if loaded.engine.digest() != head.digest {
        return Err(CarriedFault::Digest);
    }
    match keys {
        KeysWanted::None => {}
        KeysWanted::Found | KeysWanted::Kept => {
            let none = ColdKeys::default();
            loaded.cold = ColdKeys::open(disk, head.journal, &head.key_files, position, &none)?;
        }
        KeysWanted::Named => {
            for file in &head.key_files {
                file.check(disk, head.journal)?;
            }
        }
    }
    loaded.last = LastCommit {
        position,
        frame: head.frame,
        hash: head.hash,
    };
    loaded.ending = head.ending;
    loaded.snapshot = Some(position);
    loaded.key_files = head.key_files;
    loaded.keys_through = position;
    Ok((loaded, commits))
}

/// Check that the journal has the snapshot's commit, as the snapshot says; the commits behind it.
fn check_place<D: Disk>(disk: &D, head: &Head, until: Until) -> Result<Commits<D>, CarriedFault> {
    let mut commits = Commits::from_position(disk.clone(), head.position, until)?;
    let Some(found) = commits.next()? else {
        return Err(CarriedFault::Foreign);
    };
    let same = commits.journal() == head.journal
        && (found.frame, found.hash) == (head.frame, head.hash)
        && found.commit.last() == head.position;
    if !same {
        return Err(CarriedFault::Foreign);
    }
    if found.commit.digest == head.digest {
        Ok(commits)
    } else {
        Err(CarriedFault::Digest)
    }
}
