//! Reads the books back, with the commands that anybody would use, and compares them with the
//! company's own arithmetic.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value as Json;

use super::company::ledger::Ledger;
use super::order::member;
use crate::command::{self, Unexpected};
use crate::money::print_minor;

/// What is durable is readable a moment later.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// The books of a state directory.
pub(super) struct Books(pub(super) PathBuf);

/// The trial balance.
pub(super) struct TrialBalance {
    /// Its accounts, by name.
    pub(super) accounts: BTreeMap<String, Account>,
    /// Sums of debits and credits by unit, as the answer states them.
    pub(super) sums: BTreeMap<String, [String; 2]>,
}

/// What stands on an account.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// Its unit.
    pub(super) unit: String,
    /// Decimals of the unit.
    pub(super) decimals: u8,
    /// Minor units, debits positive.
    pub(super) minor: i64,
}

impl Account {
    /// Its balance without a sign, on whichever side it is.
    pub(super) fn shown(&self) -> String {
        print_minor(i128::from(self.minor).abs(), self.decimals)
    }
}

impl Books {
    /// Ask with a command of this program, and read its JSON.
    fn ask(&self, words: &[&str]) -> anyhow::Result<Json> {
        let fixed = ["kontor", "--format", "json"];
        let mut line: Vec<OsString> = fixed.iter().chain(words).map(OsString::from).collect();
        line.extend(["--dir".into(), self.0.clone().into_os_string()]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = command::run(line, &mut out, &mut err);
        if code != 0 {
            let (asked, said) = (words.join(" "), String::from_utf8_lossy(&err));
            let problem = format!("kontor {asked} ended with {code}: {}", said.trim());
            return Err(Unexpected(problem).into());
        }
        serde_json::from_slice(&out).context("a command's answer is not JSON")
    }

    /// The trial balance after an outcome.
    pub(super) fn trial_balance(&self, sequence: u64) -> anyhow::Result<TrialBalance> {
        let since = Instant::now();
        loop {
            let answer = self.ask(&["trial-balance"])?;
            let at = answer
                .get("sequence")
                .and_then(Json::as_u64)
                .unwrap_or_default();
            if at >= sequence {
                return TrialBalance::read(&answer);
            }
            if since.elapsed() > PATIENCE {
                let problem = format!("the books are at outcome {at}; {sequence} was published");
                return Err(Unexpected(problem).into());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Check the whole journal; jobs and entries in it.
    pub(super) fn verify(&self) -> anyhow::Result<(u64, u64)> {
        let answer = self.ask(&["journal", "verify"])?;
        let count = |name: &str| {
            let journals = answer.get("journals").and_then(Json::as_array);
            let counts = journals
                .into_iter()
                .flatten()
                .filter_map(|one| one.get(name)?.as_u64());
            counts.sum()
        };
        Ok((count("jobs"), count("entries")))
    }
}

impl TrialBalance {
    fn read(answer: &Json) -> anyhow::Result<Self> {
        let mut accounts = BTreeMap::new();
        for row in answer
            .get("rows")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            let (name, account) = Account::read(row)
                .with_context(|| format!("a row of the trial balance cannot be read: {row}"))?;
            accounts.insert(name, account);
        }
        let report = answer.get("report").and_then(Json::as_object);
        let sums = report.into_iter().flatten().map(|(unit, sides)| {
            let side = |name| member(sides, name).unwrap_or_default().to_owned();
            (unit.clone(), ["debit", "credit"].map(side))
        });
        let sums = sums.collect();
        Ok(Self { accounts, sums })
    }

    /// Whether debits and credits are equal in every unit, and every account holds what the company
    /// has worked out, and no other account holds anything.
    pub(super) fn check(&self, ledger: &Ledger) -> Result<(), Unexpected> {
        for (unit, [debit, credit]) in &self.sums {
            if debit != credit {
                let problem = format!("{unit} does not balance: debit {debit}, credit {credit}");
                return Err(Unexpected(problem));
            }
        }
        for (account, expected) in ledger.accounts() {
            let got = self.accounts.get(account).map(|account| account.minor);
            if got != Some(expected) {
                let got = got.map_or("is not there".to_owned(), |got| format!("has {got}"));
                let problem = format!("{account} should have {expected} minor units and {got}");
                return Err(Unexpected(problem));
            }
        }
        let known = ledger.accounts().count();
        if known == self.accounts.len() {
            return Ok(());
        }
        let got = self.accounts.len();
        Err(Unexpected(format!(
            "the company has {known} accounts, the books have {got}"
        )))
    }

    /// What stands on an account, on whichever side.
    pub(super) fn shown(&self, account: &str) -> String {
        self.accounts
            .get(account)
            .map(Account::shown)
            .unwrap_or_default()
    }
}

impl Account {
    fn read(row: &Json) -> Option<(String, Self)> {
        let (amount, sign) = match (member(row, "debit"), member(row, "credit")) {
            (Some(debit), None) => (debit, 1_i64),
            (None, Some(credit)) => (credit, -1),
            (None, None) => (member(row, "balance")?, 1),
            (Some(_), Some(_)) => return None,
        };
        let decimals = amount.split_once('.').map_or(0, |(_, part)| part.len());
        let minor: i64 = amount.replace('.', "").parse().ok()?;
        let account = Self {
            unit: member(row, "unit")?.to_owned(),
            decimals: u8::try_from(decimals).ok()?,
            minor: minor.checked_mul(sign)?,
        };
        Some((member(row, "account")?.to_owned(), account))
    }
}
