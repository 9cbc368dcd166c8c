//! `kontor check-config`: the settings as they would count, or every mistake in them.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::{Done, Globals, Misconfigured};
use crate::partition::mistakes_of;
use crate::report::Format;
use crate::settings::memory::{Demand, allow, cgroup_limit};
use crate::settings::{Book, Mistake, Settings, SettingsFault, Sources, lines};

/// Check the configuration and name file, line and key of every mistake
///
/// It changes nothing and asks no broker. Exit 78 with mistakes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor check-config
  kontor --config /etc/kontor/kontor.toml check-config")]
pub struct CheckConfigArgs {}

/// The settings, if everything in them can be run: also what the books are to begin with, and the
/// files that are named. All mistakes are said at once.
pub fn checked(sources: &Sources) -> anyhow::Result<Settings> {
    let of = |books: &[Book]| books.iter().flat_map(mistakes_of).collect::<Vec<Mistake>>();
    let (mut mistakes, settings) = match Settings::load(sources) {
        Ok(settings) => {
            let mut mistakes = of(&settings.books);
            mistakes.extend(settings.unreadable_files());
            (mistakes, Some(settings))
        }
        Err(SettingsFault::Mistakes(mut mistakes, books)) => {
            mistakes.extend(of(&books));
            (mistakes, None)
        }
        Err(fault) => return Err(fault.into()),
    };
    mistakes.sort_by(|a, b| a.place.cmp(&b.place));
    match settings {
        Some(settings) if mistakes.is_empty() => Ok(settings),
        Some(_) | None => Err(Misconfigured(lines(&mistakes)).into()),
    }
}

/// Run the command.
pub fn run(_: &CheckConfigArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let settings = checked(&globals.sources())?;
    let origin = settings.origin.path.as_ref();
    let origin = origin.map_or("built-in defaults".to_owned(), |path| {
        path.display().to_string()
    });
    let allowed = allow(Demand::of(&settings), cgroup_limit());
    let books: Vec<&str> = settings
        .books
        .iter()
        .map(|book| book.name.as_str())
        .collect();
    let bytes = usize::from(settings.broker.prefetch)
        .saturating_mul(settings.broker.message_bytes_max)
        .saturating_mul(settings.partitions.len());
    let prefetch = allowed.as_ref().map(|allowance| allowance.prefetch).ok();
    if globals.format() == Format::Json {
        let shown = json!({ "config": origin, "books": books, "partitions": settings.partitions,
            "prefetch_asked": settings.broker.prefetch, "prefetch": prefetch,
            "intake_bytes": bytes, "intake_bytes_max": settings.broker.intake_bytes_max });
        writeln!(out, "{shown:#}")?;
    } else {
        if allowed.is_ok() {
            writeln!(out, "{origin}: good")?;
        } else {
            writeln!(out, "{origin}: does not fit the memory")?;
        }
        writeln!(out, "  books: {}", books.join(", "))?;
        writeln!(
            out,
            "  prefetch x message limit x partitions: {bytes} bytes"
        )?;
        if let Some(prefetch) = prefetch.filter(|prefetch| *prefetch < settings.broker.prefetch) {
            writeln!(
                out,
                "  prefetch would be lowered to {prefetch} to fit the memory"
            )?;
        }
    }
    match allowed {
        Ok(_) => Ok(Done::Yes),
        Err(too_large) => {
            writeln!(out, "  {too_large}")?;
            Ok(Done::Misconfigured)
        }
    }
}
