//! `kontor rehearse`: case files through the real engine in memory, compared with what they expect.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::{Value as Json, json};

use super::{Done, Globals, Unusable, counted};
use crate::rehearsal::explain::explain;
use crate::rehearsal::{Case, Mismatch, Rehearsed, Standing, rehearse};
use crate::report::{Format, render};

/// Rehearse case files in memory and compare with what they expect
///
/// A case says what stands in the books, which jobs come, and what must become of them. It runs
/// through the same decoder and engine as in the daemon, without broker and without disk. A case
/// that needs a kind or option which this release has not built is listed apart and counts as not
/// passed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor rehearse tests/cases/given
  kontor rehearse --explain tests/cases/given/40-idempotency.json
  kontor --format json rehearse my-case.json")]
pub struct RehearseArgs {
    /// Case files, or directories of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print each case as tables: what was given, what came, what became of it
    #[arg(long)]
    explain: bool,
}

/// How many cases stand how.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    not_built: usize,
}

/// Run the command.
pub fn run(args: &RehearseArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let mut tally = Tally::default();
    let mut shown = Vec::new();
    let mut unread = Vec::new();
    for file in files(&args.files)? {
        let (case, rehearsed) = match taken_through(&file) {
            Ok(taken) => taken,
            // The others have something to say all the same.
            Err(fault) => {
                unread.push(fault.0);
                continue;
            }
        };
        tally.count(&rehearsed.standing);
        if globals.format() == Format::Json {
            shown.push(as_json(&file, &case, &rehearsed));
            continue;
        }
        print(&file, &case, &rehearsed, out)?;
        if args.explain {
            explained(&case, &rehearsed, globals.format(), out)?;
        }
    }
    let Tally {
        passed,
        failed,
        not_built,
    } = tally;
    let all = passed + failed + not_built;
    if globals.format() == Format::Json {
        let report = json!({ "cases": shown, "passed": passed, "failed": failed,
            "not_built": not_built });
        serde_json::to_writer_pretty(&mut *out, &report).context("cannot write the report")?;
        writeln!(out)?;
    } else {
        writeln!(
            out,
            "{}: {passed} passed, {failed} failed, {not_built} not built yet",
            counted(all, "case")
        )?;
    }
    if !unread.is_empty() {
        return Err(Unusable(unread.join("\n")).into());
    }
    Ok(if passed == all { Done::Yes } else { Done::No })
}

/// A case and what became of it.
fn taken_through(file: &Path) -> Result<(Case, Rehearsed), Unusable> {
    let bytes = fs::read(file).map_err(|fault| unusable(file, &fault))?;
    let case = Case::read(&bytes).map_err(|fault| unusable(file, &fault))?;
    let rehearsed = rehearse(&case).map_err(|fault| unusable(file, &fault))?;
    Ok((case, rehearsed))
}

impl Tally {
    fn count(&mut self, standing: &Standing) {
        match standing {
            Standing::Passed => self.passed += 1,
            Standing::Failed(_) | Standing::Broken(_) => self.failed += 1,
            Standing::NotBuilt(_) => self.not_built += 1,
        }
    }
}

fn unusable(file: &Path, fault: &dyn std::fmt::Display) -> Unusable {
    Unusable(format!("{}: {fault}", file.display()))
}

/// The files named, and those in directories named, in order of their names.
fn files(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        collect(path, &mut files)?;
        if files.len() == before {
            return Err(unusable(path, &"no case file (*.json) in this directory").into());
        }
    }
    Ok(files)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unreadable = |fault: std::io::Error| unusable(directory, &fault);
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    Ok(())
}

fn print(
    file: &Path,
    case: &Case,
    rehearsed: &Rehearsed,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let file = file.display();
    match &rehearsed.standing {
        Standing::Passed => writeln!(out, "passed  {file}: {}", case.title),
        Standing::NotBuilt(missing) => {
            let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
            writeln!(out, "-       {file}: not built yet: {}", missing.join(", "))
        }
        Standing::Broken(fault) => writeln!(out, "FAILED  {file}: {}\n  {fault}", case.title),
        Standing::Failed(mismatches) => {
            writeln!(out, "FAILED  {file}: {}", case.title)?;
            for Mismatch {
                path,
                expected,
                got,
            } in mismatches
            {
                let got = got.as_ref().map_or("nothing".to_owned(), Json::to_string);
                let expected = if expected.is_null() {
                    "nothing".to_owned()
                } else {
                    expected.to_string()
                };
                writeln!(out, "  {path}\n    expected {expected}\n    got      {got}")?;
            }
            Ok(())
        }
    }
}

/// The tables of a case, and the arithmetic in its own words.
fn explained(
    case: &Case,
    rehearsed: &Rehearsed,
    format: Format,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let Some(run) = &rehearsed.run else {
        return Ok(());
    };
    for table in explain(case, &run.seen) {
        writeln!(out, "\n{}", render(&table, format)?)?;
    }
    for line in &case.why {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

fn mismatch(one: &Mismatch) -> Json {
    json!({ "path": one.path, "expected": one.expected, "got": one.got })
}

fn as_json(file: &Path, case: &Case, rehearsed: &Rehearsed) -> Json {
    let mut shown = json!({ "file": file.display().to_string(), "title": case.title });
    let facts = match &rehearsed.standing {
        Standing::Passed => json!({ "standing": "passed" }),
        Standing::NotBuilt(missing) => json!({ "standing": "not_built", "not_built": missing }),
        Standing::Broken(fault) => {
            json!({ "standing": "failed", "fault": fault.to_string(), "mismatches": [] })
        }
        Standing::Failed(mismatches) => {
            let mismatches: Vec<Json> = mismatches.iter().map(mismatch).collect();
            json!({ "standing": "failed", "mismatches": mismatches })
        }
    };
    if let (Json::Object(shown), Json::Object(facts)) = (&mut shown, facts) {
        shown.extend(facts);
    }
    shown
}
