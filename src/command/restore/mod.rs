//! `kontor restore`: from a backup back to a state directory, a trial of that, and the word of an
//! operator that the daemon may go on.

mod accept;
mod drill;
mod place;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value as Json, json};

use self::place::{Kek, Source, Target};
use super::open_books::{bar, show};
use super::{Done, Globals, Unusable};
use crate::backup::{At, Restored, Wanted, restore};
use crate::ids::Lineage;
use crate::journal::file::disk::OsDisk;
use crate::partition::missing_file;
use crate::report::Format;
use crate::settings::Settings;
use crate::time::{Clock as _, SystemClock};

/// Restore a backup into an empty state directory, up to a point, and verify it
///
/// The hash chain is checked and the books are rebuilt; their digest must be the one that the
/// backup has at that point. The numbers behind the point will be given again, so a new lineage
/// begins: message ids become BOOK/SEQUENCE.LINEAGE. `kontor run` refuses the directory until
/// `kontor restore --accept` has shown what was acknowledged after the point and is now missing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor restore /backup/kontor --kek /safe/kek
  kontor restore /backup/kontor --at main/120042 --kek /safe/kek
  kontor restore --accept
  kontor restore --drill /backup/kontor    a trial: restores, verifies, cleans up")]
pub struct RestoreArgs {
    /// The backup
    #[arg(value_name = "DIR", required_unless_present = "accept")]
    from: Option<PathBuf>,
    /// Up to where: BOOK/SEQUENCE, a position, or a time of RFC 3339 [default: the end]
    #[arg(long, value_name = "POINT", value_parser = point)]
    at: Option<At>,
    /// Only this partition
    #[arg(long, value_name = "NUMBER")]
    partition: Option<u16>,
    /// The file kek, or a directory with p0/kek, p1/kek, …; not needed if it is in the backup
    #[arg(long, value_name = "PATH")]
    kek: Option<PathBuf>,
    /// The lineage to begin, if there were restores that the backup does not know [default: the
    /// next]
    #[arg(long, value_name = "NUMBER")]
    lineage: Option<u32>,
    /// Leave the snapshots of the backup out; the journal alone gives the same books
    #[arg(long)]
    without_snapshots: bool,
    /// State directory to restore into; of a trial, where it may work [default: journal.dir of the
    /// settings; of a trial, the directory for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Only try: restore into a temporary directory, verify, say what would be lost, clean up
    #[arg(long, conflicts_with = "accept")]
    drill: bool,
    /// Show what is missing in a restored directory, and let `kontor run` use it
    #[arg(long, conflicts_with_all = [
        "from", "at", "partition", "kek", "lineage", "without_snapshots"
    ])]
    accept: bool,
}

fn point(text: &str) -> Result<At, String> {
    At::parse(text).ok_or_else(|| {
        "expected BOOK/SEQUENCE (main/1042), a position (2077) or a time (2026-11-26T14:00:00Z)"
            .to_owned()
    })
}

/// Run the command.
pub fn run(args: &RestoreArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let mut settings = globals.settings()?;
    if args.accept {
        if let Some(dir) = &args.dir {
            settings.journal.dir.clone_from(dir);
        }
        return accept::run(&settings, globals, out);
    }
    let from = args.from.clone().unwrap_or_default();
    let sources = place::sources(&from, args.partition)?;
    if let Some(at) = &args.at
        && at.is_of_one_partition()
        && sources.len() > 1
    {
        let words = "that is a point of one partition, and the backup has several: add --partition";
        return Err(Unusable(words.to_owned()).into());
    }
    if args.drill {
        return drill::run(args, &sources, &settings, globals, out);
    }
    let base = args.dir.as_ref().unwrap_or(&settings.journal.dir);
    let mut targets = Vec::new();
    for source in &sources {
        targets.push(Target::below(base, source)?);
    }
    let mut all = Vec::new();
    for (source, target) in sources.iter().zip(&targets) {
        let kek = Kek::given(args.kek.as_deref(), source);
        all.push(args.restore(source, target, kek, &settings)?);
    }
    for target in &mut targets {
        target.finish()?;
    }
    tell(&sources, &targets, &all, globals, out)?;
    Ok(Done::Yes)
}

impl RestoreArgs {
    fn restore(
        &self,
        source: &Source,
        target: &Target,
        kek: Option<Kek>,
        settings: &Settings,
    ) -> anyhow::Result<Restored> {
        let wanted = Wanted {
            at: self.at.clone().unwrap_or(At::End),
            lineage: self.lineage.map(Lineage),
            kek: kek.map(Kek::on_disk),
            without_snapshots: self.without_snapshots,
            segment_bytes: settings.journal.segment_bytes,
            now: SystemClock::new().now(),
        };
        let (from, to) = (OsDisk::new(&source.path), OsDisk::new(&target.work));
        let bar = bar("restoring");
        let restored = restore(&from, &to, &wanted, &mut |at| {
            show(&bar, at);
            ControlFlow::Continue(())
        });
        bar.finish_and_clear();
        Ok(restored?)
    }
}

fn tell(
    sources: &[Source],
    targets: &[Target],
    all: &[Restored],
    globals: &Globals,
    out: &mut impl Write,
) -> std::io::Result<()> {
    if globals.format() == Format::Json {
        let rows = sources.iter().zip(targets).zip(all);
        let rows: Vec<Json> = rows
            .map(|((source, target), restored)| as_json(source, target, restored))
            .collect();
        return writeln!(out, "{:#}", json!({ "restored": rows }));
    }
    for (target, restored) in targets.iter().zip(all) {
        print(target, restored, out)?;
    }
    writeln!(
        out,
        "next: kontor restore --accept shows what is missing; until then kontor run refuses"
    )
}

fn print(target: &Target, restored: &Restored, out: &mut impl Write) -> std::io::Result<()> {
    let path = target.path.display();
    let Restored {
        cut,
        digest,
        recorded_at,
        warnings,
        ..
    } = restored;
    let at = recorded_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    writeln!(
        out,
        "{path}: restored up to position {}, recorded at {at}; verified, digest {digest}",
        cut.kept
    )?;
    for warning in warnings {
        writeln!(out, "{path}: {warning}")?;
    }
    let (missing, known, lineage) = (cut.missing, cut.known, cut.lineage);
    writeln!(
        out,
        "{path}: lineage {lineage} begins; the backup knew {missing} more outcomes, up to position \
         {known}: {}",
        missing_file(lineage)
    )
}

fn as_json(source: &Source, target: &Target, restored: &Restored) -> Json {
    let Restored {
        cut,
        digest,
        recorded_at,
        published,
        subjects,
        warnings,
    } = restored;
    json!({
        "partition": source.partition,
        "directory": target.path.display().to_string(),
        "position": cut.kept.0,
        "recorded_at": recorded_at.map(|at| at.to_string()),
        "digest": digest.to_string(),
        "lineage": cut.lineage.0,
        "known": cut.known.0,
        "missing": cut.missing,
        "missing_file": missing_file(cut.lineage),
        "published": published.0,
        "subjects": subjects,
        "warnings": warnings,
    })
}
