//! What a simulated machine remembers of its disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::names::{NameChange, Names};
use super::sectors::{Inode, size};
use super::{Accident, Plan, View};
use crate::simulator::chance::Chance;

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) plan: Plan,
    pub(super) calls: u64,
    pub(super) is_down: bool,
    /// Whether that is because the process ended.
    pub(super) was_killed: bool,
    /// How often the machine was started.
    pub(super) boots: u128,
    /// Whether it does not say which of these it is.
    pub(super) hides_boots: bool,
    /// Names of the locks that are held.
    pub(super) locked: BTreeSet<String>,
    pub(super) capacity: u64,
    pub(super) next_inode: u64,
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) names: Names,
    pub(super) durable_names: Names,
    /// Changes of names since the directory was synced.
    pub(super) renamed: Vec<NameChange>,
    /// Files that cannot be read.
    pub(super) spoiled: BTreeSet<u64>,
    /// Files that lost their name and may get it back.
    pub(super) kept: BTreeSet<u64>,
    /// Accidents that a call has met.
    pub(super) met: BTreeMap<Accident, u64>,
}

impl World {
    pub(super) fn names_in(&self, view: View) -> &Names {
        match view {
            View::Programs => &self.names,
            View::Certain => &self.durable_names,
        }
    }

    pub(super) fn alive(&self) -> io::Result<()> {
        if self.is_down {
            Err(power_cut())
        } else {
            Ok(())
        }
    }

    /// Counts a call and says what it meets.
    pub(super) fn call(&mut self) -> io::Result<Option<Accident>> {
        self.alive()?;
        self.calls += 1;
        let accident = self.plan.get(&self.calls).copied();
        if let Some(accident) = accident {
            *self.met.entry(accident).or_default() += 1;
        }
        self.was_killed = accident == Some(Accident::Kill);
        self.is_down = self.was_killed || accident == Some(Accident::PowerCut);
        Ok(accident)
    }

    /// Changes a name; at a power cut the change is under way.
    pub(super) fn change(&mut self, change: NameChange) -> io::Result<()> {
        let accident = self.call()?;
        match accident {
            None | Some(Accident::PowerCut | Accident::Kill | Accident::Lie) => {}
            Some(Accident::NoSpace) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Accident::Error | Accident::ShortWrite) => return Err(broken()),
        }
        change.apply(&mut self.names);
        self.renamed.push(change);
        self.alive()
    }

    pub(super) fn used(&self) -> u64 {
        // A file without a name that is still open keeps its room until the next start.
        self.inodes
            .values()
            .map(|file| size(file.bytes().len()))
            .sum()
    }

    pub(super) fn inode(&mut self, inode: u64) -> io::Result<&mut Inode> {
        self.inodes
            .get_mut(&inode)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Forgets files that have no name any more and never had one that may come back.
    pub(super) fn forget_nameless(&mut self) {
        let named = |inode: &u64| {
            let kept = self.kept.iter();
            kept.chain(self.names.values())
                .chain(self.durable_names.values())
                .any(|named| named == inode)
        };
        let left: Vec<u64> = self.inodes.keys().copied().filter(named).collect();
        self.inodes.retain(|inode, _| left.contains(inode));
    }
}

pub(super) fn power_cut() -> io::Error {
    io::Error::other("the simulated machine has no power")
}

pub(super) fn broken() -> io::Error {
    io::Error::other("simulated input/output error")
}
