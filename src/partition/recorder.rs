//! Records of an operator's acts in a directory that no daemon runs on.
//!
//! Whoever has the claim may write; so a command that finds no daemon takes it, and gives it up
//! when it is done.

use super::{Claim, OpenFault, Rebuilt, rebuild};
use crate::engine::Engine;
use crate::ids::Position;
use crate::journal::ending::Ending;
use crate::journal::file::disk::{Disk, OsDisk};
use crate::journal::{Journal as _, JournalFault, Store};
use crate::ledger::Record;
use crate::settings::Settings;
use crate::time::Clock;

/// A journal that takes single records.
pub struct Recorder<D: Disk = OsDisk> {
    engine: Engine,
    store: Store<D>,
}

impl Recorder {
    /// Open a claimed directory, as far as records need it.
    pub fn open(settings: &Settings, claim: Claim) -> Result<Self, OpenFault> {
        let disk = claim.disk.clone();
        let rebuilt = rebuild(settings, claim, &mut |_percent| {})?;
        if let Ending {
            cut: Some(lineage), ..
        } = rebuilt.loaded.ending
        {
            let path = disk.describe("").into();
            return Err(OpenFault::NotAccepted { path, lineage });
        }
        Ok(Self::of(rebuilt, disk))
    }
}

impl<D: Disk> Recorder<D> {
    /// Go on behind what was rebuilt.
    pub(super) fn of(rebuilt: Rebuilt<D>, disk: D) -> Self {
        let Rebuilt { file, loaded, .. } = rebuilt;
        Self {
            engine: loaded.engine,
            store: Store::new(file, disk, loaded.waypoints, 0),
        }
    }

    /// Make a record; it is durable and sealed when its position is returned.
    pub fn record(&mut self, record: Record, clock: &dyn Clock) -> Result<Position, JournalFault> {
        let mut commit = self.engine.begin(clock.now());
        self.engine.note(record, &mut commit);
        self.engine.finish(&mut commit);
        self.store.append(&commit)?;
        let position = self.store.flush()?;
        self.store.rest()?;
        Ok(position)
    }
}
