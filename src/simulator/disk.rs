//! A disk that loses, tears and refuses what was not synced.
//!
//! Per file it keeps the bytes that are durable and, in order, the writes since the last sync; for
//! the directory the same with names. A power cut decides from the seed, for every sector of 512
//! bytes, how many of its waiting writes arrived and whether the last was torn at some byte; for
//! every waiting change of a name, whether it arrived. A torn sector holds old and new bytes, never
//! garbage: disks promise that much, and no journal could live without it.
//!
//! Faults are planned by the number of the call that changes something ([`Plan`]); reading never
//! counts and never changes anything. It does not model time, several directories or permissions.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chance::Chance;
use super::names::{NameChange, Names};
use super::sectors::{Inode, place, size};
use crate::journal::file::disk::{Disk, DiskFile, Errand};

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accident {
    /// The machine loses power during the call.
    PowerCut,
    /// The call fails and has no effect; a sync that fails drops what waited, and later syncs of
    /// the same file succeed without it, as Linux has it.
    Error,
    /// A write writes the first half and fails.
    ShortWrite,
}

/// Which call meets which accident; calls are counted from 1.
pub type Plan = BTreeMap<u64, Accident>;

/// A directory on a simulated machine.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    world: Arc<Mutex<World>>,
}

/// A file of it.
#[derive(Debug)]
pub struct SimulatedFile {
    disk: SimulatedDisk,
    inode: u64,
}

/// Its lock.
#[derive(Debug)]
pub struct SimulatedLock {
    disk: SimulatedDisk,
}

#[derive(Debug)]
struct World {
    chance: Chance,
    plan: Plan,
    calls: u64,
    is_down: bool,
    is_locked: bool,
    capacity: u64,
    next_inode: u64,
    inodes: BTreeMap<u64, Inode>,
    names: Names,
    durable_names: Names,
    /// Changes of names since the directory was synced.
    renamed: Vec<NameChange>,
    /// Files that cannot be read.
    spoiled: BTreeSet<u64>,
}

impl SimulatedDisk {
    /// An empty directory.
    pub fn new(seed: u64) -> Self {
        Self::of(World {
            chance: Chance::new(seed),
            plan: Plan::new(),
            calls: 0,
            is_down: false,
            is_locked: false,
            capacity: u64::MAX,
            next_inode: 1,
            inodes: BTreeMap::new(),
            names: Names::new(),
            durable_names: Names::new(),
            renamed: Vec::new(),
            spoiled: BTreeSet::new(),
        })
    }

    fn of(world: World) -> Self {
        Self {
            world: Arc::new(Mutex::new(world)),
        }
    }

    /// Plans accidents; calls are counted from here on.
    pub fn plan(&self, plan: impl IntoIterator<Item = (u64, Accident)>) {
        let mut world = self.world();
        world.calls = 0;
        world.plan = plan.into_iter().collect();
    }

    /// Calls so far that changed something or tried to.
    pub fn calls(&self) -> u64 {
        self.world().calls
    }

    /// Whether the power is gone.
    pub fn is_down(&self) -> bool {
        self.world().is_down
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
        for inode in names.values() {
            if let Some(file) = world.inodes.get(inode) {
                inodes.insert(*inode, file.survive(&mut chance));
            }
        }
        let (capacity, next_inode) = (world.capacity, world.next_inode);
        let spoiled = world.spoiled.clone();
        drop(world);
        Self::of(World {
            chance,
            plan: Plan::new(),
            calls: 0,
            is_down: false,
            is_locked: false,
            capacity,
            next_inode,
            inodes,
            durable_names: names.clone(),
            names,
            renamed: Vec::new(),
            spoiled,
        })
    }

    /// Ends the process but not the machine: the page cache and all waiting writes stay.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut world = self.world();
        world.is_down = true;
        Self::of(World {
            chance: Chance::new(world.chance.number()),
            plan: Plan::new(),
            calls: 0,
            is_down: false,
            is_locked: false,
            capacity: world.capacity,
            next_inode: world.next_inode,
            inodes: world.inodes.clone(),
            names: world.names.clone(),
            durable_names: world.durable_names.clone(),
            renamed: world.renamed.clone(),
            spoiled: world.spoiled.clone(),
        })
    }

    /// Changes durable bytes behind everybody's back; false if there is no such place.
    pub fn flip(&self, name: &str, offset: u64, mask: u8) -> bool {
        let mut world = self.world();
        let Some(file) = world
            .names
            .get(name)
            .copied()
            .and_then(|at| world.inodes.get_mut(&at))
        else {
            return false;
        };
        file.flip(place(offset), mask)
    }

    /// Makes a file unreadable, as a bad sector does.
    pub fn spoil(&self, name: &str) {
        let mut world = self.world();
        let inode = world.names.get(name).copied();
        world.spoiled.extend(inode);
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
        let inode = world.names.get(name).copied();
        inode
            .map(|inode| self.file(inode))
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl World {
    fn alive(&self) -> io::Result<()> {
        if self.is_down {
            Err(power_cut())
        } else {
            Ok(())
        }
    }

    /// Counts a call and says what it meets.
    fn call(&mut self) -> io::Result<Option<Accident>> {
        self.alive()?;
        self.calls += 1;
        let accident = self.plan.get(&self.calls).copied();
        self.is_down = accident == Some(Accident::PowerCut);
        Ok(accident)
    }

    /// Changes a name; at a power cut the change is under way.
    fn change(&mut self, change: NameChange) -> io::Result<()> {
        let accident = self.call()?;
        if !matches!(accident, None | Some(Accident::PowerCut)) {
            return Err(broken());
        }
        change.apply(&mut self.names);
        self.renamed.push(change);
        self.alive()
    }

    fn used(&self) -> u64 {
        // A file without a name that is still open keeps its room until the next start.
        self.inodes
            .values()
            .map(|file| size(file.bytes().len()))
            .sum()
    }

    fn inode(&mut self, inode: u64) -> io::Result<&mut Inode> {
        self.inodes
            .get_mut(&inode)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Forgets files that have no name any more and never had one that may come back.
    fn forget_nameless(&mut self) {
        let named = |inode: &u64| {
            self.names
                .values()
                .chain(self.durable_names.values())
                .any(|named| named == inode)
        };
        let kept: Vec<u64> = self.inodes.keys().copied().filter(named).collect();
        self.inodes.retain(|inode, _| kept.contains(inode));
    }
}

fn power_cut() -> io::Error {
    io::Error::other("the simulated machine has no power")
}

fn broken() -> io::Error {
    io::Error::other("simulated input/output error")
}

impl Disk for SimulatedDisk {
    type File = SimulatedFile;
    type Lock = SimulatedLock;

    fn list(&self) -> io::Result<Vec<String>> {
        let world = self.world();
        world.alive()?;
        Ok(world.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<SimulatedFile> {
        let mut world = self.world();
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = world.next_inode;
        world.next_inode += 1;
        world.inodes.insert(inode, Inode::default());
        world.change(NameChange::Bind {
            name: name.to_owned(),
            inode,
        })?;
        drop(world);
        Ok(self.file(inode))
    }

    fn open(&self, name: &str) -> io::Result<SimulatedFile> {
        self.find(name)
    }

    fn open_to_read(&self, name: &str) -> io::Result<SimulatedFile> {
        self.find(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        let Some(inode) = world.names.get(from).copied() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (from, to) = (from.to_owned(), to.to_owned());
        world.change(NameChange::Rename { from, to, inode })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        if !world.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.change(NameChange::Remove {
            name: name.to_owned(),
        })
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut world = self.world();
        match world.call()? {
            None => {
                world.durable_names = world.names.clone();
                world.renamed.clear();
                world.forget_nameless();
                Ok(())
            }
            Some(Accident::PowerCut) => Err(power_cut()),
            Some(Accident::Error | Accident::ShortWrite) => Err(broken()),
        }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let world = self.world();
        world.alive()?;
        Ok(world.capacity.saturating_sub(world.used()))
    }

    fn lock(&self, _name: &str) -> io::Result<Result<SimulatedLock, String>> {
        let mut world = self.world();
        world.alive()?;
        if world.is_locked {
            return Ok(Err("a simulated process".to_owned()));
        }
        world.is_locked = true;
        drop(world);
        Ok(Ok(SimulatedLock { disk: self.clone() }))
    }

    fn unique(&self) -> io::Result<[u8; 16]> {
        let mut world = self.world();
        let (first, second) = (world.chance.number(), world.chance.number());
        let mut bytes = [0; 16];
        let numbers = first.to_le_bytes().into_iter().chain(second.to_le_bytes());
        bytes
            .iter_mut()
            .zip(numbers)
            .for_each(|(byte, number)| *byte = number);
        Ok(bytes)
    }

    fn describe(&self, name: &str) -> String {
        format!("simulated/{name}")
    }

    fn errand<T, W>(&self, work: W) -> io::Result<Errand<T>>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        Ok(Errand::done(work()))
    }
}

impl DiskFile for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        let mut world = self.disk.world();
        world.alive()?;
        Ok(size(world.inode(self.inode)?.bytes().len()))
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        world.alive()?;
        if world.spoiled.contains(&self.inode) {
            return Err(broken());
        }
        let from = place(offset);
        let bytes = world
            .inode(self.inode)?
            .bytes()
            .get(from..from + buffer.len());
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        let accident = world.call()?;
        let (room, used) = (world.capacity, world.used());
        let file = world.inode(self.inode)?;
        let from = place(offset);
        let growth = (from + bytes.len()).saturating_sub(file.bytes().len());
        if growth > 0 && used.saturating_add(size(growth)) > room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        match accident {
            None => {
                file.write(bytes, from);
                Ok(())
            }
            Some(Accident::PowerCut) => {
                file.write(bytes, from);
                Err(power_cut())
            }
            Some(Accident::ShortWrite) => {
                file.write(bytes.get(..bytes.len() >> 1).unwrap_or_default(), from);
                Err(io::ErrorKind::WriteZero.into())
            }
            Some(Accident::Error) => Err(broken()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.world();
        let accident = world.call()?;
        let file = world.inode(self.inode)?;
        match accident {
            None => {
                file.sync();
                Ok(())
            }
            Some(Accident::PowerCut) => Err(power_cut()),
            Some(Accident::Error | Accident::ShortWrite) => {
                file.drop_waiting();
                Err(broken())
            }
        }
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.world().is_locked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with a synced name and synced bytes.
    fn with_file(seed: u64, bytes: &[u8]) -> (SimulatedDisk, SimulatedFile) {
        let disk = SimulatedDisk::new(seed);
        let file = disk.create("file").unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file.sync().unwrap();
        disk.sync_directory().unwrap();
        (disk, file)
    }

    #[test]
    fn what_was_synced_survives_and_what_was_not_may() {
        let (mut lost, mut kept, mut torn) = (0, 0, 0);
        for seed in 0..300 {
            let (disk, file) = with_file(seed, &[1; 1_024]);
            file.write_all_at(&[2; 512], 512).unwrap();
            let bytes = disk.restart().bytes("file").unwrap();
            assert_eq!(bytes.len(), 1_024);
            assert_eq!(bytes[..512], [1; 512]);
            match bytes[512..]
                .iter()
                .map(|byte| usize::from(*byte == 2))
                .sum()
            {
                0 => lost += 1,
                512 => kept += 1,
                _ => torn += 1,
            }
        }
        assert!(
            lost > 30 && kept > 30 && torn > 30,
            "{lost} lost, {kept} kept, {torn} torn"
        );
    }

    #[test]
    fn sectors_survive_in_any_order() {
        let survived = |seed| {
            let (disk, file) = with_file(seed, &[1; 1_024]);
            file.write_all_at(&[2; 512], 0).unwrap();
            file.write_all_at(&[3; 512], 512).unwrap();
            let bytes = disk.restart().bytes("file").unwrap();
            (bytes[..512] == [2; 512], bytes[512..] == [3; 512])
        };
        for wanted in [(true, true), (true, false), (false, true), (false, false)] {
            assert!(
                (0..300).any(|seed| survived(seed) == wanted),
                "never {wanted:?}"
            );
        }
    }

    #[test]
    fn names_that_were_not_synced_may_be_lost_or_kept() {
        let survived = |seed| {
            let (disk, _file) = with_file(seed, b"old");
            let file = disk.create("new").unwrap();
            file.write_all_at(b"new", 0).unwrap();
            file.sync().unwrap();
            disk.rename("new", "file").unwrap();
            disk.restart().bytes("file").unwrap()
        };
        assert!((0..50).any(|seed| survived(seed) == b"old"));
        assert!((0..50).any(|seed| survived(seed) == b"new"));
    }

    #[test]
    fn a_failed_sync_drops_the_bytes_although_they_can_still_be_read() {
        let (disk, file) = with_file(1, b"old");
        file.write_all_at(b"new", 0).unwrap();
        disk.plan([(1, Accident::Error)]);
        file.sync().unwrap_err();
        file.sync().unwrap();
        assert_eq!(disk.bytes("file").unwrap(), b"new");
        assert_eq!(disk.kill().bytes("file").unwrap(), b"new");
        assert_eq!(disk.restart().bytes("file").unwrap(), b"old");
    }

    #[test]
    fn a_full_disk_refuses_growth_and_nothing_else() {
        let (disk, file) = with_file(1, &[1; 100]);
        disk.set_capacity(100);
        file.write_all_at(&[2; 100], 0).unwrap();
        let refused = file.write_all_at(&[2; 1], 100).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.free_bytes().unwrap(), 0);
    }

    #[test]
    fn after_a_power_cut_nothing_works_until_the_restart() {
        let (disk, file) = with_file(1, b"old");
        disk.plan([(2, Accident::PowerCut)]);
        file.write_all_at(b"new", 0).unwrap();
        file.sync().unwrap_err();
        assert!(disk.is_down());
        assert!(file.length().is_err() && disk.list().is_err() && file.sync().is_err());
        assert_eq!(disk.restart().list().unwrap(), ["file"]);
    }
}
