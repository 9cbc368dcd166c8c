//! A library between the daemon and the system, so that a disk can be slow or fail and the clock
//! can jump, for the daemon alone and when the test says so.
//!
//! It is built with the C compiler of the machine. Without one its tests say that they are skipped,
//! except where `CI` is set: there nothing is skipped.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::daemon::Site;

static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();

/// What can be set and what is counted, in the order of `shim.c`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dial {
    SyncDelayMs,
    SyncError,
    WriteError,
    ClockS,
    Syncs,
    TriedAgain,
}

/// The dials of one daemon.
pub(crate) struct Shim {
    dials: File,
    _dir: TempDir,
}

impl Shim {
    /// Put a library before every process of a site; none if there is no compiler.
    pub(crate) fn before(site: &mut Site) -> Option<Self> {
        let library = LIBRARY.get_or_init(built).as_ref()?;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("dials");
        let dials = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(&path);
        let dials = dials.expect("the dials");
        dials.set_len(4_096).expect("room");
        site.environment("KONTOR_SHIM", path.to_str().expect("a path"));
        site.environment("LD_PRELOAD", library.to_str().expect("a path"));
        Some(Self { dials, _dir: dir })
    }

    pub(crate) fn set(&self, dial: Dial, value: i64) {
        let written = self.dials.write_all_at(&value.to_ne_bytes(), place(dial));
        written.expect("the dial");
    }

    pub(crate) fn read(&self, dial: Dial) -> i64 {
        let mut bytes = [0; 8];
        let read = self.dials.read_exact_at(&mut bytes, place(dial));
        read.expect("the dial");
        i64::from_ne_bytes(bytes)
    }
}

fn place(dial: Dial) -> u64 {
    let order = match dial {
        Dial::SyncDelayMs => 0,
        Dial::SyncError => 1,
        Dial::WriteError => 2,
        Dial::ClockS => 3,
        Dial::Syncs => 4,
        Dial::TriedAgain => 5,
    };
    order * 8
}

fn built() -> Option<PathBuf> {
    let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("shim.so");
    let fresh = library.with_extension(std::process::id().to_string());
    let run = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(&fresh)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/live/support/shim.c"
        ))
        .output();
    match run {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "the library: {said}");
            std::fs::rename(&fresh, &library).expect("the library");
            Some(library)
        }
        Err(fault) => {
            let ci = std::env::var_os("CI").is_some();
            assert!(!ci, "no C compiler ({fault}); install build-essential");
            eprintln!("SKIPPED: no C compiler ({fault}); install build-essential");
            None
        }
    }
}
