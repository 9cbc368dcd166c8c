//! `kontor check-config`: the settings as they would count, or every mistake in them.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::{Done, Globals, Misconfigured};
use crate::partition::setup_of;
use crate::report::Format;
use crate::settings::memory::{Demand, allow, cgroup_limit};

/// Check the configuration and name file, line and key of every mistake
///
/// It changes nothing and asks no broker. Exit 78 with mistakes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor check-config
  kontor --config /etc/kontor/kontor.toml check-config")]
pub struct CheckConfigArgs {}

/// Run the command.
pub fn run(_: &CheckConfigArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let settings = globals.settings()?;
    let origin = settings.origin.path.as_ref();
    let origin = origin.map_or("built-in defaults".to_owned(), |path| {
        path.display().to_string()
    });
    let mut mistakes = Vec::new();
    for book in &settings.books {
        if let Err(fault) = setup_of(book) {
            mistakes.push(format!("{origin}: {fault}"));
        }
    }
    if !mistakes.is_empty() {
        return Err(Misconfigured(mistakes.join("\n")).into());
    }
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
        writeln!(out, "{origin}: good")?;
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
