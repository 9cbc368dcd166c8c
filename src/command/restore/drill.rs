//! `kontor restore --drill`: a restore that nobody needs yet, to know that it would work.

use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value as Json, json};

use super::RestoreArgs;
use super::place::{Kek, Source, Target};
use crate::backup::{Manifest, Restored};
use crate::command::journal::verify::{Verified, verify};
use crate::command::open_books::OpenJournal;
use crate::command::{Done, Globals};
use crate::ids::Position;
use crate::journal::file::disk::OsDisk;
use crate::journal::file::{begins_with, known};
use crate::partition::{Claim, OpenFault, accept, disk_of};
use crate::report::Format;
use crate::settings::Settings;
use crate::time::{Clock as _, SystemClock, Timestamp};

/// A directory that goes with everything in it.
struct Scratch(PathBuf);

impl Scratch {
    fn below(base: &Path) -> anyhow::Result<Self> {
        let path = base.join(format!("kontor-drill-{}", std::process::id()));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("could not make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What the drill found is what is told.
        let _left = fs::remove_dir_all(&self.0);
    }
}

/// What a drill found out about one partition.
struct Drilled {
    restored: Restored,
    verified: Verified,
    manifest: Manifest,
    seconds: u64,
    /// Where the live journal is, if it is here and goes on from the backup.
    live: Option<Position>,
}

/// Run the command.
pub(super) fn run(
    args: &RestoreArgs,
    sources: &[Source],
    settings: &Settings,
    globals: &Globals,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let base = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let scratch = Scratch::below(&base)?;
    let (mut all, mut clean) = (Vec::new(), true);
    for source in sources {
        let drilled = drill(args, source, settings, &scratch)?;
        clean &= drilled.verified.is_clean();
        if globals.format() == Format::Json {
            all.push(drilled.as_json(source));
        } else {
            drilled.print(source, out)?;
        }
    }
    if globals.format() == Format::Json {
        writeln!(out, "{:#}", json!({ "clean": clean, "drills": all }))?;
    } else {
        writeln!(
            out,
            "{}",
            if clean {
                "the drill went well"
            } else {
                "the drill FAILED"
            }
        )?;
    }
    Ok(if clean { Done::Yes } else { Done::No })
}

fn drill(
    args: &RestoreArgs,
    source: &Source,
    settings: &Settings,
    scratch: &Scratch,
) -> anyhow::Result<Drilled> {
    let clock = SystemClock::new();
    let mut target = Target::below(&scratch.0, source)?;
    let kek = Kek::given(args.kek.as_deref(), source)
        .or_else(|| Kek::in_state(&settings.journal.dir, source));
    let restored = args.restore(source, &target, kek, settings)?;
    target.finish()?;
    // As the next start would find it: accepted, and every byte looked at once more.
    let mut there = settings.clone();
    there.journal.dir.clone_from(&scratch.0);
    there.journal.archive_dir = None;
    let claim = Claim::take(&there, source.partition)?;
    accept(&there, claim, &clock, |_disk, _cut| Ok::<(), OpenFault>(()))?;
    let verified = verify(&OpenJournal::open(target.path.clone(), None)?)?;
    let manifest = Manifest::read(&OsDisk::new(&source.path))?;
    let manifest = manifest.context("the backup went away during the drill")?;
    Ok(Drilled {
        live: live(settings, source, &manifest),
        restored,
        verified,
        manifest,
        seconds: clock.elapsed().as_secs(),
    })
}

/// How far the live journal is, if it is on this machine.
fn live(settings: &Settings, source: &Source, manifest: &Manifest) -> Option<Position> {
    let disk = disk_of(settings, source.partition);
    let frontier = known(&disk).ok()?;
    let goes_on = begins_with(&disk, manifest.frontier, frontier).ok()?;
    goes_on.then_some(Position(frontier.position))
}

impl Drilled {
    /// Seconds since the backup was taken: what came since would be lost.
    fn age(&self) -> u64 {
        let Timestamp(now) = SystemClock::new().now();
        let nanoseconds = now.saturating_sub(self.manifest.taken_at.0);
        u64::try_from(nanoseconds.div_euclid(1_000_000_000)).unwrap_or_default()
    }

    fn print(&self, source: &Source, out: &mut impl Write) -> std::io::Result<()> {
        let path = source.path.display();
        for finding in self.verified.findings() {
            writeln!(out, "{path}: {finding}")?;
        }
        let Restored {
            cut,
            digest,
            subjects,
            ..
        } = &self.restored;
        writeln!(
            out,
            "{path}: restored up to position {} in {} s, digest {digest} as in the backup, keys of \
             {subjects} people",
            cut.kept, self.seconds
        )?;
        writeln!(
            out,
            "{path}: the backup was taken {} ago, at {}; what was acknowledged since would be lost",
            span(self.age()),
            self.manifest.taken_at
        )?;
        if let Some(live) = self.live {
            let since = live.0.saturating_sub(self.manifest.position().0);
            writeln!(out, "{path}: the journal has {since} records more by now")?;
        }
        Ok(())
    }

    fn as_json(&self, source: &Source) -> Json {
        json!({
            "partition": source.partition,
            "directory": source.path.display().to_string(),
            "position": self.restored.cut.kept.0,
            "digest": self.restored.digest.to_string(),
            "taken_at": self.manifest.taken_at.to_string(),
            "seconds": self.seconds,
            "rpo_seconds": self.age(),
            "records_since": self.live.map(|live| {
                live.0.saturating_sub(self.manifest.position().0)
            }),
            "subjects": self.restored.subjects,
            "findings": self.verified.findings(),
        })
    }
}

/// A time span for people.
fn span(seconds: u64) -> String {
    let part = |length: u64| seconds.checked_div(length).unwrap_or_default();
    let rest = |length: u64, of: u64| part(length).checked_rem(of).unwrap_or_default();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", part(60), rest(1, 60)),
        3_600..86_400 => format!("{} h {} min", part(3_600), rest(60, 60)),
        _ => format!("{} days {} h", part(86_400), rest(3_600, 24)),
    }
}
