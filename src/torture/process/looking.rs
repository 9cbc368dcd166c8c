//! The past as `post` looks it up.

use std::cell::RefCell;
use std::rc::Rc;

use super::Disk;
use super::bench::Bench;
use super::poison::Felling;
use crate::ids::{AccountIndex, BookIndex, EntryNo, Position};
use crate::journal::History;
use crate::journal::marker::Station;
use crate::ledger::plan::{Movement, PastEntry};
use crate::pipeline::post::Past;

/// Reads the past; what is not durable yet becomes so while `post` waits.
pub(super) struct Looking {
    pub(super) bench: Rc<RefCell<Bench>>,
    pub(super) history: History<Disk>,
    pub(super) felling: Felling,
    pub(super) disk: Disk,
}

impl Past for Looking {
    fn posting(&mut self, key: &str) {
        self.felling.tried(Station::Posting, key);
    }

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
    /// `post` stands still meanwhile. If there is no room somebody makes some: nothing else can
    /// happen here before that.
    fn wait_for(&self, after: Position) -> Result<(), String> {
        while self.history.durable().position < after.0 {
            let mut bench = self.bench.borrow_mut();
            if !bench.has_work() {
                return Err(format!("position {after} will never be durable"));
            }
            bench.persist(1).map_err(|fault| fault.to_string())?;
            if bench.waits_for_room() {
                self.disk.set_capacity(u64::MAX);
            }
        }
        Ok(())
    }
}
