//! How far a journal is known to be synced, from what it says itself.
//!
//! The file `frontier` is the writer's word, but it is not synced: after a power cut it may lag
//! behind or be gone. The journal proves most of the rest: a group is not begun before the sync of
//! the one before it has returned, and a segment is not named before the one before it is synced.
//! So everything in front of the last group begun is durable, whatever became of the hint. What
//! belongs to the last group itself only its writer knows.

use super::disk::Disk;
use super::fault::{Damage, Fault, Finding};
use super::frontier::Frontier;
use super::reader::{Reader, Until};

/// How far a reader without a lock may read: as far as the writer has said or the journal proves.
pub fn known<D: Disk>(disk: &D) -> Result<Frontier, Fault> {
    let told = Frontier::read(disk)?;
    let from = told.map_or(1, |told| told.position);
    let reader = Reader::from_position(disk.clone(), from, Until::End);
    let proven = match (reader, told) {
        // Another file knows of a journal: it was not never begun, it is gone.
        (Err(Fault::JournalMissing { directory }), Some(told)) => {
            return Err(Fault::Damaged(Damage {
                file: directory,
                offset: 0,
                what: Finding::EndsEarly {
                    last: 0,
                    durable: told.frame,
                },
            }));
        }
        (reader, _) => reader?.prove()?,
    };
    Ok(match told {
        Some(told) if told.frame >= proven.frame => told,
        Some(_) | None => proven,
    })
}
