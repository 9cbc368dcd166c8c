//! `kontor topology`: what the broker must hold, whether it does, and making it so.
//!
//! It prints and decides the exit code; the topology itself and the comparison live in the broker's
//! folder, so `kontor run` refuses exactly what this command names.

use std::io::Write;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Done, Globals};
use crate::broker::rabbit::topology as rabbit;
use crate::broker::topology::{Check, Topology};
use crate::daemon::connect;
use crate::ledger::Value;
use crate::report::{Column, Format, Table, render};

/// Show, check or make what kontor needs at the broker
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor topology show                     exchanges, queues and bindings
  kontor topology check                    exit 78 if the broker differs
  kontor topology apply && kontor run      make what is missing, then start")]
pub struct TopologyArgs {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum Act {
    /// Print the exchanges, queues and bindings without asking the broker
    ///
    /// As JSON it is a definitions file, which `rabbitmqctl import_definitions` takes.
    #[command(after_help = "Example: kontor topology show --format json > definitions.json")]
    Show,
    /// Compare with the broker and change nothing; exit 78 if something differs
    ///
    /// Bindings cannot be read over AMQP: `apply` makes them again, which is harmless.
    #[command(after_help = "Example: kontor topology check --config config/kontor.toml")]
    Check,
    /// Make what is missing, then compare; what exists is never changed
    #[command(after_help = "Example: kontor topology apply")]
    Apply,
}

/// Run the command.
pub fn run(args: &TopologyArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let settings = globals.settings()?;
    let topology = connect::topology(&settings);
    let options = connect::options(&settings)?;
    if args.act == Act::Show {
        show(&topology, options.vhost(), globals.format(), out)?;
        return Ok(Done::Yes);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("cannot start the asynchronous part")?;
    let check = if args.act == Act::Apply {
        runtime.block_on(rabbit::apply(&options, &topology))?
    } else {
        runtime.block_on(rabbit::check(&options, &topology))?
    };
    verdict(&topology, &check, &options.address(), globals.format(), out)?;
    let agrees = check.mismatches.is_empty();
    Ok(if agrees {
        Done::Yes
    } else {
        Done::Misconfigured
    })
}

fn show(
    topology: &Topology,
    vhost: &str,
    format: Format,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if format == Format::Json {
        let file = serde_json::to_string_pretty(&topology.definitions_json(vhost))?;
        writeln!(out, "{file}")?;
        return Ok(());
    }
    let rows = topology.describe().into_iter();
    let rows = rows.map(|row| vec![row.object, row.kind.to_owned(), row.settings]);
    let table = table("Topology", &["object", "kind", "settings"], rows);
    out.write_all(render(&table, format)?.as_bytes())?;
    Ok(())
}

fn verdict(
    topology: &Topology,
    check: &Check,
    address: &str,
    format: Format,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let agrees = check.mismatches.is_empty();
    if format == Format::Json {
        let mismatches = check
            .mismatches
            .iter()
            .map(|m| json!({ "object": m.object, "difference": m.difference, "remedy": m.remedy }));
        let verdict = json!({
            "address": address, "agrees": agrees,
            "mismatches": mismatches.collect::<Vec<_>>(), "unverified": check.unverified,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&verdict)?)?;
        return Ok(());
    }
    let rows = check.mismatches.iter();
    let rows = rows.map(|m| vec![m.object.clone(), m.difference.clone(), m.remedy.clone()]);
    let title = format!("The broker at {address} differs");
    let table = table(&title, &["object", "difference", "remedy"], rows);
    if format == Format::Csv || !agrees {
        out.write_all(render(&table, format)?.as_bytes())?;
    } else {
        let (exchanges, queues) = (topology.exchanges.len(), topology.queues.len());
        writeln!(
            out,
            "The broker at {address} agrees: {exchanges} exchanges, {queues} queues."
        )?;
    }
    for object in check.unverified.iter().filter(|_| format == Format::Text) {
        writeln!(
            out,
            "{object} exists; this user may not compare its settings."
        )?;
    }
    Ok(())
}

fn table(title: &str, columns: &[&'static str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let cell = |text: String| Some(Value::text(text));
    Table {
        title: title.to_owned(),
        facts: Vec::new(),
        columns: columns.iter().map(|name| Column::words(name)).collect(),
        rows: rows
            .map(|row| row.into_iter().map(cell).collect())
            .collect(),
        totals: Vec::new(),
        json: Vec::new(),
        absent: &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::PartitionBooks;
    use crate::broker::topology::Mismatch;

    fn topology() -> Topology {
        let books = vec!["main".to_owned()];
        Topology::new(
            "kontor",
            &[PartitionBooks {
                partition: 0,
                books,
            }],
            true,
        )
    }

    fn said(check: &Check, format: Format) -> String {
        let mut out = Vec::new();
        verdict(&topology(), check, "localhost:5672", format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_shown_as_json_is_a_definitions_file() {
        let mut out = Vec::new();
        show(&topology(), "/books", Format::Json, &mut out).unwrap();
        let file: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(file["queues"][0]["vhost"], "/books");
        let mut out = Vec::new();
        show(&topology(), "/", Format::Text, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("kontor.jobs.0") && text.contains("quorum queue"),
            "{text}"
        );
    }

    #[test]
    fn a_difference_is_named_with_its_remedy() {
        let text = |text: &str| text.to_owned();
        let mismatches = vec![Mismatch {
            object: text("kontor.jobs.0"),
            difference: text("x-queue-type is classic"),
            remedy: text("delete it"),
        }];
        let check = Check {
            mismatches,
            unverified: vec![text("kontor.dead")],
        };
        let shown = said(&check, Format::Text);
        for part in [
            "kontor.jobs.0",
            "is classic",
            "delete it",
            "kontor.dead exists",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        let json: serde_json::Value = serde_json::from_str(&said(&check, Format::Json)).unwrap();
        assert_eq!(json["agrees"], false);
        assert_eq!(json["mismatches"][0]["remedy"], "delete it");
        assert!(said(&Check::default(), Format::Text).contains("agrees: 4 exchanges, 4 queues"));
    }
}
