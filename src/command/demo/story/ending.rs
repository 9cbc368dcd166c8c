//! The evening: the books as a whole, what became of all jobs, and where to look.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::super::books::TrialBalance;
use super::super::page::{Page, count, grouped, seconds};
use super::super::place::Place;
use super::super::tally::Tally;
use super::{Day, some};
use crate::command::Unexpected;
use crate::money::print_minor;
use crate::report::Column;

/// Accounts of one family that are shown one by one; larger families are one row.
const FAMILY_SHOWN_MAX: usize = 4;

/// What one may try while everything runs on.
const TRY: [&str; 7] = [
    "kontor balance bank/main tax/vat_19        # what stands on accounts",
    "kontor trial-balance                       # both sides of every unit",
    "kontor outcome rent                        # what became of a job",
    "kontor entry 3                             # an entry with its legs",
    "kontor journal show --limit 3              # records as they are on disk",
    "echo '{\"key\":\"tea-1\",\"kind\":\"entry.post\",\"data\":{\"legs\":[{\"dr\":\"exp/rent\",\
     \"amount\":\"3.50\"},{\"cr\":\"bank/main\",\"amount\":\"3.50\"}]}}' |",
    "  kontor submit - --wait                   # a job of your own; send it twice",
];

impl<W: Write> Day<'_, '_, W> {
    /// The books, the counts, and where to look.
    pub(super) async fn end(self, keep: bool, dead: usize) -> anyhow::Result<()> {
        self.page.step("The books in the evening")?;
        let read = self.read_books()?;
        self.page.table(columns(), rows(&read))?;
        self.page.space()?;
        let zero = read.sums.iter().map(|(unit, [debit, credit])| {
            format!(
                "{unit:<10} debit {:>14}   credit {:>14}   difference 0",
                grouped(debit),
                grouped(credit)
            )
        });
        self.page.lines(&zero.collect::<Vec<_>>())?;
        self.page.space()?;
        let (jobs, entries) = self.books.verify()?;
        self.page.say(&format!(
            "Every unit balances by itself, and all {} accounts hold what the company had worked \
             out by itself. The journal was read from its first byte to its last and verified: {} \
             jobs, {} entries, every hash, every sum, every number.",
            count(read.accounts.len()),
            count(jobs),
            count(entries),
        ))?;
        let tally = self.desk.close().await;
        self.page.step("What became of the jobs")?;
        self.page.table(Tally::columns(), tally.rows())?;
        let site = self.place.site.as_ref().context("there is no daemon")?;
        if !matches!(site.get("/status").await, Some((200, _))) {
            let problem = "the daemon does not answer over HTTP".to_owned();
            return Err(Unexpected(problem).into());
        }
        self.page.say(&format!(
            "{} heard, of which {} say no and {} were given before; {} in kontor.dead. Everything \
             came as expected, in {}.",
            some(tally.jobs(), "outcome"),
            count(tally.rejected()),
            count(tally.duplicates()),
            some(dead, "dead letter"),
            seconds(self.page.elapsed()),
        ))?;
        if !keep {
            self.page.space()?;
            self.page.say(
                "To look around, run it again with --keep: broker and daemon stay until Ctrl-C, \
                 with metrics, state and every command that reads the books.",
            )?;
        }
        Ok(())
    }
}

/// Say how to reach what is left running.
pub(in crate::command::demo) fn keep(
    place: &mut Place,
    page: &mut Page<'_, impl Write>,
) -> anyhow::Result<()> {
    let broker = place.broker.as_ref().context("there is no broker")?;
    let site = place.site.as_ref().context("there is no daemon")?;
    page.step("Everything runs on until Ctrl-C")?;
    page.lines(&[
        format!("broker    {}", broker.uri()),
        format!("metrics   {}", site.url("/metrics")),
        format!(
            "state     {}   also /readyz and /livez",
            site.url("/status")
        ),
        format!("settings  {}", site.config().display()),
    ])?;
    page.space()?;
    page.say("In another terminal:")?;
    page.space()?;
    let (kontor, config) = (program(), site.config());
    let (kontor, config) = (kontor.display(), config.display());
    page.lines(&[format!("alias kontor='{kontor} --config {config}'")])?;
    page.lines(&TRY.map(str::to_owned))?;
    Ok(())
}

/// This program, as one would type it here.
fn program() -> PathBuf {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("kontor"));
    let here = std::env::current_dir().ok();
    let near = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    near.unwrap_or(path)
}

fn columns() -> Vec<Column> {
    vec![
        Column::words("account"),
        Column::words("unit"),
        Column::figures("debit"),
        Column::figures("credit"),
    ]
}

/// Accounts one by one, large families as one row each.
fn rows(read: &TrialBalance) -> Vec<Vec<String>> {
    let mut families: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (name, account) in &read.accounts {
        let family = name.split('/').next().unwrap_or(name);
        families
            .entry((&account.unit, family))
            .or_default()
            .push(name);
    }
    let mut rows = Vec::new();
    for ((unit, family), names) in families {
        let accounts = names.iter().filter_map(|name| read.accounts.get(*name));
        if names.len() <= FAMILY_SHOWN_MAX {
            let each = names.iter().zip(accounts);
            rows.extend(each.map(|(name, account)| {
                row((*name).to_owned(), unit, account.minor, account.decimals)
            }));
            continue;
        }
        let decimals = accounts.clone().map(|account| account.decimals).max();
        let sum = accounts.map(|account| account.minor).sum();
        let name = format!("{family}/…  ({})", some(names.len(), "account"));
        rows.push(row(name, unit, sum, decimals.unwrap_or_default()));
    }
    rows
}

fn row(name: String, unit: &str, minor: i64, decimals: u8) -> Vec<String> {
    let shown = grouped(&print_minor(i128::from(minor).abs(), decimals));
    let (debit, credit) = if minor < 0 {
        (String::new(), shown)
    } else {
        (shown, String::new())
    };
    vec![name, unit.to_owned(), debit, credit]
}
