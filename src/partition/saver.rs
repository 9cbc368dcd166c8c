//! Saves the cursor on a thread of its own: no acknowledgement waits behind its sync.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::ids::Position;
use crate::journal::file::disk::Disk;
use crate::journal::{Cursor, JournalFault};
use crate::pipeline::dispatch;

/// Pause between two syncs: what is published again after a power cut, at the most.
const PAUSE: Duration = Duration::from_secs(1);

/// The cursor, as the outlet sees it.
#[derive(Debug)]
pub struct Saver {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    wanted: Position,
    saved: Position,
    /// Somebody waits.
    urgent: bool,
    ended: bool,
    fault: Option<JournalFault>,
}

impl Saver {
    /// Save from now on what the outlet wants saved.
    pub fn start<D: Disk>(mut cursor: Cursor<D>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let position = cursor.position();
        let state = State {
            wanted: position,
            saved: position,
            ..State::default()
        };
        *shared.lock() = state;
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("kontor-cursor".to_owned())
            .spawn(move || theirs.run(&mut |position| cursor.save(position)))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, save: &mut dyn FnMut(Position) -> Result<(), JournalFault>) {
        loop {
            let idle = |state: &mut State| state.wanted == state.saved && !state.ended;
            let waited = self.changed.wait_while(self.lock(), idle);
            let state = waited.unwrap_or_else(PoisonError::into_inner);
            let (wanted, ended) = (state.wanted, state.ended);
            drop(state);
            let saved = save(wanted);
            let mut state = self.lock();
            state.saved = wanted;
            state.fault = saved.err();
            self.changed.notify_all();
            if ended || state.fault.is_some() {
                return;
            }
            let patient = |state: &mut State| !state.urgent && !state.ended;
            let rested = self.changed.wait_timeout_while(state, PAUSE, patient);
            drop(rested.unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl dispatch::Cursor for Saver {
    fn save(&mut self, position: Position, sync: bool) -> Result<(), JournalFault> {
        let mut state = self.shared.lock();
        state.wanted = position;
        state.urgent = sync;
        self.shared.changed.notify_all();
        if sync {
            let unsaved = |state: &mut State| state.saved != position && state.fault.is_none();
            let waited = self.shared.changed.wait_while(state, unsaved);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.fault.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the hook.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::file::JournalId;
    use crate::pipeline::dispatch::Cursor as _;
    use crate::simulator::disk::{Accident, SimulatedDisk};

    fn saver(disk: &SimulatedDisk) -> Saver {
        let told = Cursor::read(disk).unwrap();
        let cursor = Cursor::open(disk, JournalId([7; 16]), told, Position(0)).unwrap();
        Saver::start(cursor).unwrap()
    }

    fn saved(disk: &SimulatedDisk) -> u64 {
        Cursor::read(disk).unwrap().unwrap().position.0
    }

    #[test]
    fn what_was_saved_with_a_sync_is_durable_and_the_last_is_at_the_end() {
        let disk = SimulatedDisk::new(1);
        let mut saver = saver(&disk);
        for position in 1..=5 {
            saver.save(Position(position), false).unwrap();
        }
        saver.save(Position(6), true).unwrap();
        assert_eq!(saved(&disk), 6);
        saver.save(Position(7), false).unwrap();
        drop(saver);
        assert_eq!(saved(&disk), 7);
    }

    #[test]
    fn a_fault_is_told_to_whoever_saves_next() {
        let disk = SimulatedDisk::new(1);
        let mut saver = saver(&disk);
        disk.plan([(2, Accident::Error)]);
        let fault = saver.save(Position(1), true).unwrap_err();
        assert!(matches!(fault, JournalFault::Io(_)));
        assert_eq!(saver.save(Position(2), false), Err(fault.clone()));
        assert_eq!(saver.save(Position(2), true), Err(fault));
    }
}
