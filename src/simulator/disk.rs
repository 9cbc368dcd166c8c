//! A disk that loses, tears and refuses what was not synced.
//!
//! Per file it keeps the bytes that are durable and, in order, the writes since the last sync; for
//! the directory the same with names. A power cut decides from the seed, for every sector of 512
//! bytes, how many of its waiting writes arrived and whether the last was torn at some byte; for
//! every waiting change of a name, whether it arrived. A torn sector holds old and new bytes, never
//! garbage: disks promise that much, and no journal could live without it.
//!
//! Faults are planned by the number of the call that changes something ([`Plan`]); reading never
//! counts and never changes anything. A second directory is a disk of its own that lives and dies
//! with this one. It does not model time or permissions.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chance::Chance;

mod calls;
mod names;
mod sectors;
mod world;

use names::Names;
use sectors::place;
use world::World;

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Accident {
    /// The machine loses power during the call; a sync may have been done by then.
    PowerCut,
    /// The process ends during the call, which may have been done by then; the machine goes on.
    Kill,
    /// The call fails and has no effect; a sync that fails drops what waited or parts of it, and
    /// later syncs of the same file succeed without it, as Linux has it.
    Error,
    /// A write writes some of its first bytes and fails.
    ShortWrite,
    /// A write fails because the disk is full.
    NoSpace,
    /// A sync says that it is done and has done nothing yet: a disk that lies.
    Lie,
}

/// Which call meets which accident; calls are counted from 1.
pub type Plan = BTreeMap<u64, Accident>;

/// A directory on a simulated machine.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    world: Arc<Mutex<World>>,
    view: View,
    /// Another one on the same machine, where old segments go.
    archive: Option<Box<SimulatedDisk>>,
}

/// Whose eyes a disk is seen with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// Those of programs: through the page cache.
    Programs,
    /// Those of somebody who knows what any power cut leaves. For reading only.
    Certain,
}

/// A file of it.
#[derive(Debug)]
pub struct SimulatedFile {
    disk: SimulatedDisk,
    inode: u64,
}

/// Tells a file from all others, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(u64);

/// Its lock.
#[derive(Debug)]
pub struct SimulatedLock {
    disk: SimulatedDisk,
    name: String,
}

impl SimulatedDisk {
    /// An empty directory.
    pub fn new(seed: u64) -> Self {
        Self::of(World {
            chance: Chance::new(seed),
            plan: Plan::new(),
            calls: 0,
            is_down: false,
            was_killed: false,
            boots: 1,
            hides_boots: false,
            locked: BTreeSet::new(),
            capacity: u64::MAX,
            next_inode: 1,
            inodes: BTreeMap::new(),
            names: Names::new(),
            durable_names: Names::new(),
            renamed: Vec::new(),
            spoiled: BTreeSet::new(),
            kept: BTreeSet::new(),
            met: BTreeMap::new(),
        })
    }

    fn of(world: World) -> Self {
        Self {
            world: Arc::new(Mutex::new(world)),
            view: View::Programs,
            archive: None,
        }
    }

    /// The same, with another disk of its machine to which old segments go.
    #[must_use]
    pub fn with_archive(self, archive: Self) -> Self {
        self.with(Some(archive))
    }

    fn with(mut self, archive: Option<Self>) -> Self {
        self.archive = archive.map(Box::new);
        self
    }

    /// What becomes of the archive when something happens to the machine.
    fn archive_after(&self, happens: impl FnOnce(&Self) -> Self) -> Option<Self> {
        self.archive.as_deref().map(happens)
    }

    /// The same disk, reduced to what is there after any power cut; it follows later syncs. For
    /// reading only.
    #[must_use]
    pub fn certain(&self) -> Self {
        Self {
            world: Arc::clone(&self.world),
            view: View::Certain,
            archive: self.archive_after(Self::certain).map(Box::new),
        }
    }

    /// A copy that goes its own way: what would be found if the power went now.
    #[must_use]
    pub fn fork(&self, seed: u64) -> Self {
        let mut world = self.world().clone();
        world.chance = Chance::new(seed);
        let archive = self.archive_after(|archive| archive.fork(seed.wrapping_add(1)));
        Self::of(world).with(archive)
    }

    /// Plans accidents; calls are counted from here on.
    pub fn plan(&self, plan: impl IntoIterator<Item = (u64, Accident)>) {
        let mut world = self.world();
        world.calls = 0;
        world.plan = plan.into_iter().collect();
    }

    /// Plans one more accident, so many calls from here.
    pub fn expect(&self, after: u64, accident: Accident) {
        let mut world = self.world();
        let call = world.calls.saturating_add(after.max(1));
        world.plan.insert(call, accident);
    }

    /// Calls so far that changed something or tried to.
    pub fn calls(&self) -> u64 {
        self.world().calls
    }

    /// Which accidents calls have met so far, over all lives, and how often.
    pub fn met(&self) -> BTreeMap<Accident, u64> {
        self.world().met.clone()
    }

    /// Whether the power is gone, or the process that used the disk.
    pub fn is_down(&self) -> bool {
        self.world().is_down
    }

    /// Whether it is down because the process ended, and the machine goes on.
    pub fn was_killed(&self) -> bool {
        self.world().was_killed
    }

    /// From here on nobody can tell a boot of this machine from another.
    pub fn hide_boots(&self) {
        self.world().hides_boots = true;
    }

    /// The process ends right now: nothing more of it reaches the disk.
    pub fn end_process(&self) {
        let mut world = self.world();
        world.was_killed = !world.is_down || world.was_killed;
        world.is_down = true;
    }

    /// Limits the bytes of all files together.
    pub fn set_capacity(&self, bytes: u64) {
        self.world().capacity = bytes;
    }

    /// Cuts the power, if that has not happened, and gives what survives. All files and locks of
    /// the old disk are dead.
    #[must_use]
    pub fn restart(&self) -> Self {
        let mut world = self.world();
        world.is_down = true;
        let mut chance = Chance::new(world.chance.number());
        let mut names = world.durable_names.clone();
        for change in &world.renamed {
            if !chance.once_in(2) {
                change.apply(&mut names);
            }
        }
        let mut inodes = BTreeMap::new();
        for inode in names.values().chain(&world.kept) {
            if let Some(file) = world.inodes.get(inode) {
                inodes.insert(*inode, file.survive(&mut chance));
            }
        }
        Self::of(World {
            chance,
            plan: Plan::new(),
            calls: 0,
            is_down: false,
            was_killed: false,
            boots: world.boots.saturating_add(1),
            hides_boots: world.hides_boots,
            locked: BTreeSet::new(),
            capacity: world.capacity,
            next_inode: world.next_inode,
            inodes,
            durable_names: names.clone(),
            names,
            renamed: Vec::new(),
            spoiled: world.spoiled.clone(),
            kept: world.kept.clone(),
            met: world.met.clone(),
        })
        .with(self.archive_after(Self::restart))
    }

    /// Ends the process but not the machine: the page cache and all waiting writes stay. Of what a
    /// failed sync dropped the cache may forget some.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut world = self.world();
        world.is_down = true;
        let mut chance = Chance::new(world.chance.number());
        let mut inodes = world.inodes.clone();
        for file in inodes.values_mut() {
            file.evict(&mut chance);
        }
        Self::of(World {
            chance,
            plan: Plan::new(),
            calls: 0,
            is_down: false,
            was_killed: false,
            locked: BTreeSet::new(),
            inodes,
            ..world.clone()
        })
        .with(self.archive_after(Self::kill))
    }

    /// Changes durable bytes behind everybody's back; false if there is no such place.
    pub fn flip(&self, name: &str, offset: u64, mask: u8) -> bool {
        let file = self.file_of(name);
        file.is_some_and(|file| self.flip_in(file, offset, mask))
    }

    /// The same in a file that may have lost its name or got another.
    pub fn flip_in(&self, FileId(inode): FileId, offset: u64, mask: u8) -> bool {
        let mut world = self.world();
        let file = world.inodes.get_mut(&inode);
        file.is_some_and(|file| file.flip(place(offset), mask))
    }

    /// The file that has a name now.
    pub fn file_of(&self, name: &str) -> Option<FileId> {
        self.world().names.get(name).copied().map(FileId)
    }

    /// Makes a file unreadable, as a bad sector does.
    pub fn spoil(&self, name: &str) {
        let mut world = self.world();
        let inode = world.names.get(name).copied();
        world.spoiled.extend(inode);
    }

    /// Loses a name for good, as a damaged directory does; false if there is none.
    pub fn lose(&self, name: &str) -> bool {
        let mut world = self.world();
        world.durable_names.remove(name);
        let lost = world.names.remove(name);
        world.kept.extend(lost);
        lost.is_some()
    }

    /// Brings a name back.
    pub fn bring_back(&self, name: &str, FileId(inode): FileId) {
        let mut world = self.world();
        world.kept.remove(&inode);
        world.durable_names.insert(name.to_owned(), inode);
        world.names.insert(name.to_owned(), inode);
    }

    /// The names of all files as programs see them.
    pub fn names(&self) -> Vec<String> {
        self.world().names.keys().cloned().collect()
    }

    /// Bytes of all files together.
    pub fn used_bytes(&self) -> u64 {
        self.world().used()
    }

    /// The bytes of a file as programs see them.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let world = self.world();
        let inode = world.names.get(name)?;
        world.inodes.get(inode).map(|file| file.bytes().to_vec())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, inode: u64) -> SimulatedFile {
        SimulatedFile {
            disk: self.clone(),
            inode,
        }
    }

    fn find(&self, name: &str) -> io::Result<SimulatedFile> {
        let world = self.world();
        world.alive()?;
        let inode = world.names_in(self.view).get(name).copied();
        inode
            .map(|inode| self.file(inode))
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[cfg(test)]
mod tests;
