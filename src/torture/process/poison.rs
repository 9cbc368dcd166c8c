//! Jobs that fell the process, and how it falls over them.
//!
//! The stations name each job right before it is read and right before it is posted; one of these
//! jobs ends the process there, with a panic's last word or without one. What comes after that in
//! the same step happens in memory only: the disk takes nothing any more.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Disk;
use crate::daemon::sealer::VaultSealer;
use crate::journal::marker::{Station, report_panic};
use crate::pipeline::decode::{Sealer, Subject};
use crate::pipeline::stations::Decoding;
use crate::torture::work::{Part, Poison, Sent};
use crate::vault::VaultFault;

#[derive(Debug, Default)]
struct State {
    jobs: BTreeMap<String, Poison>,
    fell: bool,
}

/// All of them, by key.
#[derive(Clone, Debug, Default)]
pub(in crate::torture) struct Poisons(Rc<RefCell<State>>);

impl Poisons {
    /// A message is sent.
    pub(in crate::torture) fn learn(&self, sent: &Sent) {
        for part in sent.parts.values() {
            if let Part::Job { job, .. } = part
                && let Some(poison) = job.poison
            {
                self.0.borrow_mut().jobs.insert(job.key.clone(), poison);
            }
        }
    }

    /// Whether a process has fallen since this was asked last.
    pub(in crate::torture) fn take_fall(&self) -> bool {
        std::mem::take(&mut self.0.borrow_mut().fell)
    }
}

/// Ends the process of a disk over one of these jobs.
#[derive(Clone, Debug)]
pub(super) struct Felling {
    pub(super) poisons: Poisons,
    pub(super) disk: Disk,
}

impl Felling {
    /// A job is about to be read or posted.
    pub(super) fn tried(&self, station: Station, key: &str) {
        let mut state = self.poisons.0.borrow_mut();
        let Some(poison) = state.jobs.get(key).copied() else {
            return;
        };
        if poison.station != station || self.disk.is_down() {
            return;
        }
        if !poison.silent {
            report_panic();
        }
        self.disk.end_process();
        state.fell = true;
    }
}

/// The vault's sealer, before which the process may fall.
pub(super) struct Felled {
    sealer: VaultSealer<Disk>,
    felling: Felling,
}

impl Sealer for Felled {
    type Fault = VaultFault;

    fn sealing(&mut self, key: &str) {
        self.felling.tried(Station::Reading, key);
    }

    fn ensure(&mut self, subjects: &[Subject]) -> Result<(), VaultFault> {
        self.sealer.ensure(subjects)
    }

    fn seal(
        &mut self,
        subject: &Subject,
        purpose: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultFault> {
        self.sealer.seal(subject, purpose, plain)
    }
}

/// The same station, in which the process may fall.
pub(super) fn felled(decoding: Decoding<VaultSealer<Disk>>, felling: Felling) -> Decoding<Felled> {
    let Decoding {
        reader,
        sealer,
        cold,
        jobs_exchange,
        trusted,
        bytes_max,
        alone,
    } = decoding;
    Decoding {
        reader,
        sealer: Felled { sealer, felling },
        cold,
        jobs_exchange,
        trusted,
        bytes_max,
        alone,
    }
}
