//! Look up: what a job must know of the past and the engine has let go of, from files that never
//! change.
//!
//! A part of the second station: it works on decoded jobs before they go to `post`, so that the
//! engine reads no disk and holds only what is younger than the files. Every parcel says up to
//! which position the files are complete that its jobs were looked up in; the engine holds
//! everything behind that, so the two together miss nothing. The files are taken anew for whole
//! parcels, in order: what a later parcel is answered from never reaches less far.
//!
//! The engine's own work has keys too, and is made in `post`: that station asks the same files for
//! the few of them that a producer could have sent.
//!
//! Keys are looked up so. Entries to be reversed, natural keys and closed documents can be: each is
//! one more question about a job and one more member of [`Cold`].

use super::decode::Item;
use super::parcel::Parcel;
use crate::engine::due::OldKeys;
use crate::ids::{BookIndex, Hash128, Position};
use crate::jobs::Job;
use crate::jobs::job::{Cold, KnownKey};
use crate::journal::JournalFault;

/// Files that hold everything up to a position.
pub trait ColdFiles: Send {
    /// Take the newest ones; up to where they are complete.
    fn renew(&mut self) -> Position;

    /// What they say about the key of a book, with its hash.
    fn key(
        &mut self,
        book: BookIndex,
        key: &str,
        hash: Hash128,
    ) -> Result<Option<KnownKey>, JournalFault>;

    /// What they say about a job.
    fn look(&mut self, job: &Job) -> Result<Cold, JournalFault> {
        let key = self.key(job.book, &job.envelope.key, job.key_hash)?;
        let inside = match &job.inside {
            Some(inside) => self.key(job.book, &inside.key, inside.key_hash)?,
            None => None,
        };
        Ok(Cold { key, inside })
    }
}

/// No files: the engine holds everything.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl ColdFiles for NoFiles {
    fn renew(&mut self) -> Position {
        Position(0)
    }

    fn key(&mut self, _: BookIndex, _: &str, _: Hash128) -> Result<Option<KnownKey>, JournalFault> {
        Ok(None)
    }
}

/// The keys that the engine has let go of, for work that is due: asked in the newest files, which
/// reach at least as far as those that any parcel came with.
impl OldKeys for dyn ColdFiles {
    type Fault = JournalFault;

    fn taken(&mut self, book: BookIndex, key: &str, hash: Hash128) -> Result<bool, JournalFault> {
        self.renew();
        Ok(self.key(book, key, hash)?.is_some())
    }
}

/// Look up all jobs of some parcels.
pub fn look_up(files: &mut dyn ColdFiles, parcels: &mut [Parcel]) -> Result<(), JournalFault> {
    let through = files.renew();
    for parcel in parcels {
        parcel.through = through;
        for item in &mut parcel.items {
            if let Item::Job { job, .. } = item {
                job.job.cold = files.look(&job.job)?;
            }
        }
    }
    Ok(())
}
