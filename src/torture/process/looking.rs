//! The past as `post` looks it up.

use std::cell::RefCell;
use std::rc::Rc;

use super::Disk;
use super::bench::Bench;
use crate::ids::{AccountIndex, BookIndex, EntryNo, Position};
use crate::journal::History;
use crate::ledger::plan::{Movement, PastEntry};
use crate::pipeline::post::Past;

/// Reads the past; what is not durable yet becomes so while `post` waits.
pub(super) struct Looking {
    pub(super) bench: Rc<RefCell<Bench>>,
    pub(super) history: History<Disk>,
}

impl Past for Looking {
    fn entry(
        &mut self,
        book: BookIndex,
        entry: EntryNo,
        after: Position,
    ) -> Result<Option<PastEntry>, String> {
        self.wait_for(after)?;
        Past::entry(&mut self.history, book, entry, after)
    }

    fn movements(
        &mut self,
        book: BookIndex,
        account: AccountIndex,
        after: Position,
    ) -> Result<Vec<Movement>, String> {
        self.wait_for(after)?;
        Past::movements(&mut self.history, book, account, after)
    }
}

impl Looking {
    fn wait_for(&self, after: Position) -> Result<(), String> {
        while self.history.durable().position < after.0 {
            let mut bench = self.bench.borrow_mut();
            if bench.batches.is_empty() {
                return Err(format!("position {after} will never be durable"));
            }
            bench.persist(1).map_err(|fault| fault.to_string())?;
        }
        Ok(())
    }
}
