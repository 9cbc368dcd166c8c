//! `kontor docs`: the reference, made from what the program knows of itself.
//!
//! What is written is committed, and a test fails when it is stale, so the pages say what this
//! release does and nothing else.

mod asyncapi;
mod codes;
mod example;
mod index;
mod page;
mod postings;
mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use asyncapi::Told;
use clap::Args;

use super::{Done, Globals};
use crate::code::Code;
use crate::ids::KindCode;
use crate::jobs::contract::JobKind;
use crate::jobs::{JobData, KindInfo, KindVisitor, Question, QuestionData, QuestionVisitor};
use crate::settings;
use crate::telemetry::page as metrics;

/// Write the reference: one page and one JSON Schema per kind, the AsyncAPI document, codes,
/// metrics, configuration
#[derive(Debug, Args)]
#[command(after_help = "Example: kontor docs docs")]
pub struct DocsArgs {
    /// Directory to write into; files that are there are replaced
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Run the command.
pub fn run(args: &DocsArgs, _: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let files = files();
    for (name, text) in &files {
        let path = args.dir.join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&path, text))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    writeln!(
        out,
        "{} files written to {}",
        files.len(),
        args.dir.display()
    )?;
    Ok(Done::Yes)
}

/// What the reference knows of a kind.
struct Kind {
    info: &'static KindInfo,
    summary: &'static str,
    example: &'static str,
    actor_needed: bool,
    question: bool,
    refusals: &'static [Code],
    for_others: bool,
    data: serde_json::Value,
}

/// All files of the reference, by their names below the directory.
pub fn files() -> BTreeMap<String, String> {
    let kinds: Vec<Kind> = kinds();
    let told: Vec<Told<'_>> = kinds
        .iter()
        .map(|kind| Told {
            kind,
            schema: schema::of_job(kind),
            became: example::became(kind, &kinds),
        })
        .collect();
    let mut files = BTreeMap::new();
    for Told {
        kind,
        schema,
        became,
    } in &told
    {
        let name = kind.info.name;
        let page = page::of_kind(kind, schema, became);
        files.insert(format!("jobs/{name}.md"), page);
        files.insert(format!("jobs/{name}.schema.json"), format!("{schema:#}\n"));
    }
    files.insert("asyncapi.json".to_owned(), asyncapi::document(&told));
    let schema = kinds.first().map(schema::of_job).unwrap_or_default();
    files.insert("jobs/README.md".to_owned(), index::page(&kinds, &schema));
    files.insert("codes.md".to_owned(), codes::page());
    files.insert("metrics.md".to_owned(), metrics::render());
    files.insert("configuration.md".to_owned(), settings::page());
    files
}

fn kinds() -> Vec<Kind> {
    let jobs = JobData::BUILT.iter();
    let jobs = jobs.filter_map(|code| JobData::visit(KindCode(*code), &mut Describe));
    let questions = QuestionData::BUILT.iter();
    let questions =
        questions.filter_map(|code| QuestionData::visit(KindCode(*code), &mut Describe));
    jobs.chain(questions).collect()
}

/// Describes a kind by its type.
struct Describe;

impl KindVisitor for Describe {
    type Made = Kind;

    fn visit<K: JobKind>(&mut self, info: &'static KindInfo, _: fn(Box<K>) -> JobData) -> Kind {
        Kind {
            info,
            summary: K::SUMMARY,
            example: K::EXAMPLE,
            actor_needed: K::ACTOR_NEEDED,
            question: false,
            refusals: K::REFUSALS,
            for_others: K::REFUSES_FOR_OTHERS,
            data: schema::of_data::<K>(),
        }
    }
}

impl QuestionVisitor for Describe {
    type Made = Kind;

    fn visit<Q: Question>(
        &mut self,
        info: &'static KindInfo,
        _: fn(Box<Q>) -> QuestionData,
    ) -> Kind {
        Kind {
            info,
            summary: Q::SUMMARY,
            example: Q::EXAMPLE,
            actor_needed: false,
            question: true,
            refusals: Q::REFUSALS,
            for_others: false,
            data: schema::of_data::<Q>(),
        }
    }
}
