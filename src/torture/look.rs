//! Looking at what is there: what a start has made of it, what a power cut would leave, what a
//! reader beside the daemon sees.

use std::ops::ControlFlow;

use super::fault::Fault;
use super::process::{Held, Poisons, Process};
use super::witness::{Checked, Finding, finding};
use super::world::{World, next};
use crate::ids::Position;
use crate::journal::Commits;
use crate::journal::file::{Until, known};
use crate::partition::{KeysWanted, load};
use crate::simulator::disk::Accident;

impl World {
    /// What a start has concluded from how the runs before ended and from the files beside the
    /// journal.
    pub(super) fn concluded(&mut self, process: &Process, named: Option<bool>) -> Checked {
        let lied = self.has_lied();
        let named = named.filter(|_| !lied);
        let window = u64::from(self.terms.settings.broker.prefetch);
        self.witness
            .runs_alone(process.goes_alone(), window, named)?;
        let broke = [
            Fault::Rot,
            Fault::LostName,
            Fault::PowerCut,
            Fault::PowerCutInCall,
        ];
        // With the power the removal of a file may go, while one that it needs is gone.
        let power = self.disk.met().contains_key(&Accident::PowerCut);
        let broken = lied || power || broke.iter().any(|fault| self.tally.contains_key(fault));
        match process.passed_over.first() {
            Some(words) if !broken && !self.may_have_failed() => finding(format!(
                "a snapshot is of no use, and nothing broke: {words}"
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// What would be found if the power went right now; the world goes on as if nothing were.
    pub(super) fn look_ahead(&mut self) -> Checked {
        let seed = self.chance.number();
        let fork = self.disk.fork(seed);
        let fork = if self.chance.once_in(3) {
            fork.kill()
        } else {
            fork.restart()
        };
        if self.is_tight {
            fork.set_capacity(u64::MAX);
        }
        let clock = self.clock.apart();
        let opened = Process::open(
            &fork,
            &self.terms,
            &clock,
            &self.observer,
            None,
            &Held::default(),
            &Poisons::default(),
        );
        let process = match opened {
            Ok(process) => process,
            Err(_) if self.has_lied() => return Ok(()),
            Err(fault) => {
                return finding(format!(
                    "a crash now would end in {}: {fault}",
                    fault.exit_code()
                ));
            }
        };
        let first = Commits::from_position(fork, Position(1), Until::End);
        let mut commits = first.map_err(|fault| Finding(fault.to_string()))?;
        let mut fault = None;
        let lied = self.has_lied();
        self.witness.survives(
            &process.secrets,
            &mut || next(&mut commits, &mut fault),
            lied,
        )
    }

    /// What a reader beside the daemon sees now.
    pub(super) fn look_beside(&mut self) -> Checked {
        let Some(process) = &self.process else {
            return Ok(());
        };
        let words = |fault: &dyn std::fmt::Display| Finding(format!("a reader beside: {fault}"));
        let until = known(&self.disk).map_err(|fault| words(&fault))?;
        let goes_on = &mut |_| ControlFlow::Continue(());
        let until = Until::Frontier(until);
        let loaded = load(
            &self.disk,
            &process.secrets,
            until,
            KeysWanted::None,
            goes_on,
        );
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(_) if self.has_lied() => return Ok(()),
            Err(fault) => return Err(words(&fault)),
        };
        let position = loaded.last.position;
        let expected = self.witness.digest_at(position);
        if expected.is_some_and(|expected| expected != loaded.engine.digest()) {
            return finding(format!("a reader beside sees other books at {position}"));
        }
        Ok(())
    }
}
