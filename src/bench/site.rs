//! A state directory as the daemon has it, with many accounts: for what only a restart shows.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::BenchFault;
use super::books::Opening;
use super::pipeline::Course;
use super::room::Room;
use crate::journal::file::disk::OsDisk;
use crate::journal::{Journal as _, Store};
use crate::partition::{Built, Claim, Opened, Partition, build, directory};
use crate::settings::Settings;
use crate::time::SystemClock;

/// The directory, removed when it is dropped.
#[derive(Debug)]
pub struct Site {
    _room: Room,
    settings: Settings,
}

impl Site {
    /// Begin one below a directory, with further members of its book. No snapshot is taken but by
    /// us.
    pub fn begin(parent: &Path, book: &str) -> Result<Self, BenchFault> {
        let room = Room::make(parent)?;
        let dir = room.path().display().to_string();
        let text = format!(
            "[journal]\ndir = {dir:?}\nsnapshot_jobs = 1000000000\n\
             snapshot_bytes = 1099511627776\n\
             [[book]]\nname = \"main\"\nfunctional_unit = \"EUR\"\ntime_zone = \"Europe/Berlin\"\n\
             [book.accounts.\"bank/main\"]\nunit = \"EUR\"\nclass = \"asset\"\n{book}"
        );
        let settings = Settings::parse(Path::new("bench.toml"), &text)?;
        Ok(Self {
            settings,
            _room: room,
        })
    }

    /// Begin one with so many accounts and a snapshot of them.
    pub fn with_accounts(parent: &Path, accounts: u32) -> Result<Self, BenchFault> {
        let site = Self::begin(parent, "")?;
        let Opened {
            mut engine,
            mut store,
            secrets,
            ..
        } = site.open()?;
        let opening = Opening {
            begun: true,
            file_hash: site.settings.origin.blake3,
            ..Opening::one_book(accounts)
        };
        opening.open(&mut engine, &mut |commit| {
            store.append(&commit)?;
            store.flush()?;
            Ok(())
        })?;
        let durable = store.history().durable();
        let never = AtomicBool::new(false);
        let _built: Option<Built> = build(&site.disk(), &secrets, durable, &never)?;
        Ok(site)
    }

    /// Open it, as a start of the daemon does.
    pub fn open(&self) -> Result<Opened, BenchFault> {
        let claim = Claim::take(&self.settings, 0).map_err(Box::new)?;
        let opened = Partition::open(&self.settings, claim, &SystemClock::new(), &mut |_| {});
        Ok(opened.map_err(Box::new)?)
    }

    /// Where its partition is.
    pub fn directory(&self) -> PathBuf {
        directory(&self.settings, 0)
    }

    /// The same as a disk.
    pub fn disk(&self) -> OsDisk {
        OsDisk::new(self.directory())
    }
}

impl Course<Store<OsDisk>> {
    /// Post in an open state directory.
    pub fn of(opened: Opened) -> Self {
        Self {
            engine: opened.engine,
            durable: opened.frontier.position(),
            journal: opened.store,
            cold: Box::new(opened.cold),
            secret: opened.secrets.fingerprint,
        }
    }
}
