//! The cursor's file, written when the caller says so, and the publisher's end of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Disk;
use crate::ids::Position;
use crate::journal::{Cursor, JournalFault};
use crate::pipeline::dispatch;
use crate::pipeline::persist::Frontier;

/// The cursor's file, written when the caller says so.
pub(super) struct Saving {
    pub(super) cursor: Cursor<Disk>,
    pub(super) wanted: Position,
    pub(super) fault: Option<JournalFault>,
    /// A mistake: this is saved instead.
    pub(super) ahead: Option<Frontier>,
}

impl Saving {
    pub(super) fn save(&mut self) {
        if self.fault.is_none() && self.wanted != self.cursor.position() {
            self.fault = self.cursor.save(self.wanted).err();
        }
    }
}

/// The publisher's end of it.
#[derive(Clone)]
pub(super) struct Saver(pub(super) Arc<Mutex<Saving>>);

impl Saver {
    pub(super) fn lock(&self) -> MutexGuard<'_, Saving> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl dispatch::Cursor for Saver {
    fn save(&mut self, position: Position, sync: bool) -> Result<(), JournalFault> {
        let mut saving = self.lock();
        let ahead = saving.ahead.as_ref().map(Frontier::position);
        saving.wanted = ahead.unwrap_or(position);
        if sync {
            saving.save();
        }
        saving.fault.clone().map_or(Ok(()), Err)
    }
}
