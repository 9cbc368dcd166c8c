//! A disk that loses, tears and refuses what was not synced.
//!
//! Per file it keeps the bytes that are durable and, in order, the writes since the last sync; for
//! the directory the same with names. A power cut decides from the seed, for every sector of 512
//! bytes, how many of its waiting writes arrived and whether the last one was torn at some byte; for
//! every waiting change of a name, whether it arrived. A sector that is torn holds old and new bytes,
//! never garbage: disks promise that much, and no journal could live without it.
//!
//! Faults are planned by the number of the call that changes something ([`Plan`]); reading never
//! counts and never changes anything. It does not model time, several directories or permissions.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chance::Chance;
use crate::journal::file::disk::{Disk, DiskFile, Errand};

const SECTOR: usize = 512;

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
}

type Names = BTreeMap<String, u64>;

#[derive(Clone, Debug, Default)]
struct Inode {
    /// What programs see.
    cached: Vec<u8>,
    /// What a power cut leaves for certain.
    durable: Vec<u8>,
    /// Writes since the last sync.
    waiting: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Bind {
        name: String,
        inode: u64,
    },
    Rename {
        from: String,
        to: String,
        inode: u64,
    },
    Remove {
        name: String,
    },
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
        let offset = place(offset);
        let mut flipped = false;
        for bytes in [&mut file.cached, &mut file.durable] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= mask;
                flipped = true;
            }
        }
        flipped
    }

    /// The bytes of a file as programs see them.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let world = self.world();
        let inode = world.names.get(name)?;
        world.inodes.get(inode).map(|file| file.cached.clone())
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
            .map(|file| size(file.cached.len()))
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

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Bind { name, inode } => {
                names.insert(name.clone(), *inode);
            }
            Self::Rename { from, to, inode } => {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(to.clone(), *inode);
            }
            Self::Remove { name } => {
                names.remove(name);
            }
        }
    }
}

impl Inode {
    fn write(&mut self, bytes: &[u8], offset: usize) {
        put(&mut self.cached, bytes, offset);
        self.waiting.push((offset, bytes.to_vec()));
    }

    /// What is left of the file after a power cut.
    fn survive(&self, chance: &mut Chance) -> Self {
        let longest = self.cached.len().max(self.durable.len());
        let mut left = self.durable.clone();
        let mut sectors: Vec<usize> = self
            .waiting
            .iter()
            .flat_map(|(offset, bytes)| {
                (*offset..offset + bytes.len().max(1))
                    .step_by(SECTOR)
                    .chain([(offset + bytes.len()).saturating_sub(1)])
            })
            .map(|byte| byte & !(SECTOR - 1))
            .collect();
        sectors.sort_unstable();
        sectors.dedup();
        for sector in sectors {
            self.survive_sector(sector, &mut left, chance);
        }
        // A file that grew may keep its new length although the bytes are lost, and the reverse.
        let length = match chance.up_to(2) {
            0 => self.durable.len(),
            1 => longest,
            _ => left.len(),
        };
        left.resize(length, 0);
        Self {
            cached: left.clone(),
            durable: left,
            waiting: Vec::new(),
        }
    }

    /// Lets some of the waiting writes of a sector arrive, in order, the last of them perhaps torn.
    fn survive_sector(&self, sector: usize, left: &mut Vec<u8>, chance: &mut Chance) {
        let end = sector + SECTOR;
        let writes: Vec<(usize, &[u8])> = self
            .waiting
            .iter()
            .filter_map(|(offset, bytes)| part(*offset, bytes, sector, end))
            .collect();
        let arrived = place(chance.up_to(size(writes.len())));
        for (index, (offset, bytes)) in writes.iter().take(arrived).enumerate() {
            if index + 1 == arrived && chance.once_in(3) {
                let torn = place(chance.up_to(size(bytes.len())));
                let (head, tail) = bytes.split_at_checked(torn).unwrap_or((bytes, &[]));
                if chance.once_in(2) {
                    put(left, head, *offset);
                } else {
                    put(left, tail, offset + head.len());
                }
            } else {
                put(left, bytes, *offset);
            }
        }
    }
}

/// The part of a write that falls into a sector.
fn part(offset: usize, bytes: &[u8], sector: usize, end: usize) -> Option<(usize, &[u8])> {
    let from = sector.max(offset);
    let to = end.min(offset + bytes.len());
    let part = bytes.get(from.checked_sub(offset)?..to.checked_sub(offset)?)?;
    (!part.is_empty()).then_some((from, part))
}

/// Writes into bytes that grow when needed.
fn put(bytes: &mut Vec<u8>, written: &[u8], offset: usize) {
    let end = offset + written.len();
    if bytes.len() < end && !written.is_empty() {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(offset..end) {
        place.copy_from_slice(written);
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
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
        Ok(size(world.inode(self.inode)?.cached.len()))
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        world.alive()?;
        let from = place(offset);
        let bytes = world
            .inode(self.inode)?
            .cached
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
        let growth = (from + bytes.len()).saturating_sub(file.cached.len());
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
                // Only what waited arrives: bytes that a failed sync dropped are in the cache alone.
                for (offset, bytes) in std::mem::take(&mut file.waiting) {
                    put(&mut file.durable, &bytes, offset);
                }
                Ok(())
            }
            Some(Accident::PowerCut) => Err(power_cut()),
            Some(Accident::Error | Accident::ShortWrite) => {
                file.waiting.clear();
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
