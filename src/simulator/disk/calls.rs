//! What programs ask of a simulated disk, and what becomes of a call that meets an accident.

use std::io;

use super::names::NameChange;
use super::sectors::{Inode, place, size};
use super::world::{broken, power_cut};
use super::{Accident, SimulatedDisk, SimulatedFile, SimulatedLock, View};
use crate::journal::file::disk::{Boot, Disk, DiskFile, Errand};
use crate::simulator::chance::Chance;

impl Disk for SimulatedDisk {
    type File = SimulatedFile;
    type Lock = SimulatedLock;

    fn list(&self) -> io::Result<Vec<String>> {
        let world = self.world();
        world.alive()?;
        Ok(world.names_in(self.view).keys().cloned().collect())
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
            Some(Accident::Lie) => Ok(()),
            Some(Accident::PowerCut | Accident::Kill) => Err(power_cut()),
            Some(Accident::Error | Accident::ShortWrite | Accident::NoSpace) => Err(broken()),
        }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let world = self.world();
        world.alive()?;
        Ok(world.capacity.saturating_sub(world.used()))
    }

    fn lock(&self, name: &str) -> io::Result<Result<SimulatedLock, String>> {
        let mut world = self.world();
        world.alive()?;
        if !world.locked.insert(name.to_owned()) {
            return Ok(Err("a simulated process".to_owned()));
        }
        let (disk, name) = (self.clone(), name.to_owned());
        Ok(Ok(SimulatedLock { disk, name }))
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut world = self.world();
        for piece in bytes.chunks_mut(8) {
            let number = world.chance.number().to_le_bytes();
            let pairs = piece.iter_mut().zip(number);
            pairs.for_each(|(byte, drawn)| *byte = drawn);
        }
        Ok(())
    }

    fn archive(&self) -> Option<Self> {
        self.archive.as_deref().cloned()
    }

    fn boot(&self) -> Boot {
        let world = self.world();
        Boot(if world.hides_boots { 0 } else { world.boots })
    }

    fn is_private(&self, _name: &str) -> io::Result<bool> {
        self.world().alive().map(|()| true)
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
        let file = world.inode(self.inode)?;
        Ok(size(file.seen(self.disk.view).len()))
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
            .seen(self.disk.view)
            .get(from..from + buffer.len());
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        let accident = world.call()?;
        let (room, used) = (world.capacity, world.used());
        let short = match accident {
            Some(Accident::Kill) if world.chance.once_in(2) => bytes.len(),
            Some(Accident::ShortWrite | Accident::Kill) => {
                place(world.chance.up_to(size(bytes.len())))
            }
            _ => 0,
        };
        let file = world.inode(self.inode)?;
        let from = place(offset);
        let growth = (from + bytes.len()).saturating_sub(file.bytes().len());
        if growth > 0 && used.saturating_add(size(growth)) > room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        match accident {
            None | Some(Accident::Lie) => {
                file.write(bytes, from);
                Ok(())
            }
            Some(Accident::PowerCut) => {
                file.write(bytes, from);
                Err(power_cut())
            }
            Some(Accident::Kill) => {
                file.write(bytes.get(..short).unwrap_or_default(), from);
                Err(power_cut())
            }
            Some(Accident::ShortWrite) => {
                file.write(bytes.get(..short).unwrap_or_default(), from);
                Err(io::ErrorKind::WriteZero.into())
            }
            Some(Accident::NoSpace) => Err(io::ErrorKind::StorageFull.into()),
            Some(Accident::Error) => Err(broken()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.world();
        let accident = world.call()?;
        let mut chance = Chance::new(match accident {
            None => 0,
            Some(_) => world.chance.number(),
        });
        let file = world.inode(self.inode)?;
        match accident {
            None => {
                file.sync();
                Ok(())
            }
            Some(Accident::Lie) => Ok(()),
            Some(Accident::PowerCut | Accident::Kill) => {
                if chance.once_in(2) {
                    file.sync();
                }
                Err(power_cut())
            }
            Some(Accident::Error | Accident::ShortWrite | Accident::NoSpace) => {
                file.fail_to_sync(&mut chance);
                Err(broken())
            }
        }
    }
}

impl Inode {
    fn seen(&self, view: View) -> &[u8] {
        match view {
            View::Programs => self.bytes(),
            View::Certain => self.certain(),
        }
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.world().locked.remove(&self.name);
    }
}
