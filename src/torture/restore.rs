//! Backups beside the daemon, and the way back to a point of one.
//!
//! A restore costs what came behind its point, by design: it was acknowledged and published, and is
//! not in the books any more. So the witness begins anew with the restored journal, and producers
//! send again what has no outcome there. What was published before still holds: the same message id
//! never has other bytes, whichever books gave it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::fault::{Fault, Tally};
use super::lies::Syncs;
use super::model::Model;
use super::process::{Held, Poisons, Process};
use super::run::accidents;
use super::witness::{Checked, Finding, finding};
use super::world::World;
use crate::backup::{At, BackupFault, Manifest, Restored, Wanted, restore, take};
use crate::ids::{Lineage, Position, Sequence};
use crate::ledger::StateDigest;
use crate::partition::{Claim, OpenFault, accept};
use crate::simulator::disk::SimulatedDisk;
use crate::time::{Clock as _, Timestamp};

/// Restores of a run: each reads the whole journal several times.
const RESTORES_MAX: u64 = 3;

/// The other disk, and how often somebody went back to it.
#[derive(Debug, Default)]
pub(super) struct Vaulted {
    disk: Option<SimulatedDisk>,
    /// Digests of the books that the backup has, by position.
    digests: BTreeMap<Position, StateDigest>,
    restores: u32,
    /// What the disks before this one met.
    pub(super) met: Tally,
}

impl Vaulted {
    /// Whether there is something to go back to.
    pub(super) fn may_restore(&self) -> bool {
        self.disk.is_some() && u64::from(self.restores) < RESTORES_MAX
    }
}

impl World {
    /// Back the partition up, whoever writes there.
    pub(super) fn back_up(&mut self) -> Checked {
        let seed = self.chance.number();
        let to = self
            .vaulted
            .disk
            .get_or_insert_with(|| SimulatedDisk::new(seed));
        let lost_a_name = self.tally.contains_key(&Fault::LostName);
        let go_on = &mut |_| ControlFlow::Continue(());
        match take(&self.disk, to, true, self.clock.now(), go_on) {
            // A name that was lost and not missed is missed here: rightly.
            Ok(taken) if taken.doubts.is_empty() || self.has_lied() || lost_a_name => {
                self.vaulted.digests = self.witness.digests().clone();
                Ok(())
            }
            Ok(taken) => finding(format!("a backup doubts {}", taken.doubts.join(", "))),
            // The journal was restored since, or a disk that lied has lost its end.
            Err(BackupFault::OtherHistory { .. }) => {
                self.vaulted.disk = None;
                Ok(())
            }
            Err(BackupFault::Nothing { .. }) => Ok(()),
            Err(_) if self.has_lied() => Ok(()),
            Err(fault) => finding(format!("a backup of what is durable fails: {fault}")),
        }
    }

    /// The machine is gone; somebody restores a backup and has everything sent again that is not in
    /// it.
    pub(super) fn restore(&mut self) -> Checked {
        let Some(backup) = self.vaulted.disk.clone() else {
            return Ok(());
        };
        let manifest = Manifest::read(&backup).map_err(|fault| Finding(fault.to_string()))?;
        let last = manifest.map_or(Position(0), |found| found.position());
        if last == Position(0) {
            return Ok(());
        }
        self.die(false)?;
        self.vaulted.restores = self.vaulted.restores.saturating_add(1);
        let at = self.point(last);
        let (restored, to) = match self.restored(&backup, at) {
            Err(BackupFault::NoSuchPoint(_)) => self.restored(&backup, At::End),
            restored => restored,
        }
        .map_err(|fault| Finding(format!("a backup cannot be restored: {fault}")))?;
        let known = self.vaulted.digests.get(&restored.cut.kept);
        if known.is_some_and(|known| *known != restored.digest) && !self.has_lied() {
            return finding(format!(
                "restored up to {} the books are other ones than they were",
                restored.cut.kept
            ));
        }
        self.moves_to(to)?;
        self.start()?;
        if self.process.is_none() {
            return finding("nobody could start after a restore");
        }
        for message in self.witness.restored() {
            self.broker.publish_job(message);
        }
        Ok(())
    }

    /// Somewhere in the backup, most times.
    fn point(&mut self, last: Position) -> At {
        let position = Position(self.chance.between(1, last.0));
        match self.chance.up_to(5) {
            0 | 1 => At::End,
            2 => At::Position(position),
            3 => At::Time(self.witness.recorded_near(position).unwrap_or(Timestamp(1))),
            _ => {
                let book = self.chance.pick(&self.terms.books).map(|(book, _)| *book);
                At::Outcome {
                    book: book.unwrap_or_default().to_owned(),
                    sequence: Sequence(self.chance.between(1, last.0)),
                }
            }
        }
    }

    fn restored(
        &mut self,
        backup: &SimulatedDisk,
        at: At,
    ) -> Result<(Restored, SimulatedDisk), BackupFault> {
        let to = self.terms.disk(&mut self.chance);
        let wanted = Wanted {
            at,
            // A backup does not know what was restored from it before.
            lineage: Some(Lineage(self.vaulted.restores)),
            kek: None,
            without_snapshots: self.chance.once_in(4),
            segment_bytes: self.terms.settings.journal.segment_bytes,
            now: self.clock.now(),
        };
        let go_on = &mut |_| ControlFlow::Continue(());
        restore(backup, &to, &wanted, go_on).map(|restored| (restored, to))
    }

    /// Go on with a restored directory, once somebody has seen what is missing.
    fn moves_to(&mut self, to: SimulatedDisk) -> Checked {
        let opened = Process::open(
            &to,
            &self.terms,
            &self.clock,
            &self.observer,
            None,
            &Held::default(),
            &Poisons::default(),
        );
        match opened {
            Err(OpenFault::NotAccepted { .. }) => {}
            Err(fault) => return finding(format!("a restored directory cannot be used: {fault}")),
            Ok(_) => return finding("a daemon runs on a restore that nobody has accepted"),
        }
        let claim = Claim::on(to.clone(), 0).map_err(|fault| Finding(fault.to_string()))?;
        let accepted = accept(&self.terms.settings, claim, &self.clock, |_disk, _cut| {
            Ok::<(), OpenFault>(())
        });
        match accepted {
            Ok(Some(_)) => {}
            Ok(None) => return finding("a restore left nothing to accept"),
            Err(fault) => return finding(format!("a restore cannot be accepted: {fault}")),
        }
        accidents(&self.disk, &mut self.vaulted.met);
        self.disk = to;
        self.is_tight = false;
        self.syncs = Syncs::True;
        self.reader = None;
        self.damage = None;
        self.witness.begin_anew(Model::new(self.terms.model()));
        Ok(())
    }
}
