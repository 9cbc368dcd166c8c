//! The books as somebody would keep them who sees only what kontor says: outcomes as published and
//! entries as exported. It shares no code with kontor; a test of this folder holds that.

mod accounts;
mod amount;
mod answers;
mod holds;
mod owed;
mod parts;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::Finding;
use accounts::Accounts;
pub(super) use accounts::Entry;
use amount::{Nano, nano, of};
use holds::Holds;
use owed::Owed;

/// Fail with an invariant and what was seen, unless it holds.
macro_rules! must {
    ($is:expr, $invariant:literal, $($what:tt)+) => {
        if !$is {
            return Err(Finding::new($invariant, format!($($what)+)));
        }
    };
}
use must;

/// What somebody did, and what kontor said to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Act<'a> {
    pub(super) outcome: &'a Json,
    /// Data of the job; nothing if kontor did it by itself.
    pub(super) data: &'a Json,
    /// Who asked for it.
    pub(super) actor: Option<&'a str>,
    /// What it posted.
    pub(super) entries: &'a [Entry],
}

impl Act<'_> {
    fn kind(&self) -> &str {
        self.outcome["kind"].as_str().unwrap_or_default()
    }

    fn event(&self) -> &str {
        self.outcome["event"].as_str().unwrap_or_default()
    }

    fn word(&self, name: &str) -> Option<&str> {
        self.outcome[name].as_str()
    }

    /// A member of the data; nothing if it is no text.
    fn given(&self, name: &str) -> &str {
        self.data[name].as_str().unwrap_or_default()
    }

    /// The first account with such a beginning that it posted to.
    fn account(&self, beginning: &str) -> Option<&str> {
        let legs = self.entries.iter().flat_map(|entry| &entry.legs);
        let mut names = legs.filter_map(|leg| leg.account.strip_prefix(beginning));
        names.next()
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Model {
    accounts: Accounts,
    holds: Holds,
    owed: Owed,
    /// The last number of every series.
    series: BTreeMap<String, u64>,
    /// Jobs that wait for approval, by request: key, job, who asked.
    pub(super) asked: BTreeMap<String, (String, Json, Option<String>)>,
    /// Sums that parts must not exceed.
    parts: parts::Parts,
}

impl Model {
    /// What stands in a case before the first job, with the openings as exported.
    pub(super) fn new(accounts: &Json, openings: &[Entry], closing: &str) -> Result<Self, Finding> {
        Ok(Self {
            accounts: Accounts::new(accounts, openings, closing)?,
            holds: Holds::default(),
            owed: Owed::default(),
            series: BTreeMap::new(),
            asked: BTreeMap::new(),
            parts: parts::Parts::default(),
        })
    }

    /// Follow an outcome.
    pub(super) fn follow(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        // What waits for approval and comes by itself is only told so.
        let waits = act.outcome["status"] == "pending_approval" && act.kind() != "approval.request";
        if waits || act.outcome["status"] == "rejected" {
            let quiet = act.entries.is_empty();
            must!(quiet, "I6", "refused and posted: {}", act.outcome);
            return Ok(());
        }
        self.accounts.remember();
        self.numbered(act)?;
        self.accounts.enter(act)?;
        self.holds.follow(act, &self.asked, &mut self.accounts)?;
        self.owed.follow(act)?;
        self.parts.follow(act, &self.accounts)?;
        self.ask(act);
        // A decision and its job are one step: limits are judged at its end.
        let is_half = matches!(act.kind(), "approval.request" | "approval.decide")
            && act.outcome.get("entry_no").is_some();
        if !is_half {
            self.accounts.limits(act)?;
        }
        self.accounts.locks(act);
        Ok(())
    }

    /// I4: a number is the one after the last of its series.
    fn numbered(&mut self, act: &Act<'_>) -> Result<(), Finding> {
        let members: &[&str] = match act.kind() {
            "invoice.issue"
            | "credit_note.issue"
            | "subscription.renew"
            | "subscription.change"
            | "dunning.charge"
            | "interest.charge"
            | "revenue.allocate" => &["document"],
            "payment.receive" => &["payment"],
            "hold.place" if act.event() != "hold.expired" => &["hold"],
            "approval.request" if act.event().is_empty() => match act.word("status") {
                Some("pending_approval") => &["request", "hold"],
                _at_once => &["request"],
            },
            "settlement.instruct" => &["instruction"],
            "revenue.schedule" => &["schedule"],
            "recurring.post" if act.event().is_empty() || act.event() == "job.decided" => {
                &["schedule"]
            }
            _other => &[],
        };
        for name in members {
            let Some(number) = act.word(name) else {
                continue;
            };
            let (series, digits) = number.rsplit_once('-').unwrap_or((number, ""));
            let last = self.series.entry(series.to_owned()).or_default();
            *last += 1;
            let wanted = format!("{last:06}");
            must!(
                digits == wanted,
                "I4",
                "{number} comes where {series}-{wanted} should"
            );
        }
        Ok(())
    }

    fn ask(&mut self, act: &Act<'_>) {
        if act.kind() == "approval.request"
            && let Some(request) = act.word("request")
        {
            let job = act.data["job"].clone();
            let key = job["key"].as_str().unwrap_or_default().to_owned();
            let asked = (key, job, act.actor.map(str::to_owned));
            self.asked.entry(request.to_owned()).or_insert(asked);
        }
    }

    /// The job that waited under a key.
    pub(super) fn waited(&self, key: &str) -> Option<(&Json, Option<&str>)> {
        let mut all = self.asked.values();
        let (_, job, actor) = all.find(|(known, ..)| known == key)?;
        Some((job, actor.as_deref()))
    }

    /// Hold an answer to a question against what is known.
    pub(super) fn answered(&self, answer: &Json) -> Result<(), Finding> {
        match answer["kind"].as_str() {
            Some("query.open_items") => self.owed.listed(answer),
            Some("query.statement") => self.accounts.stated(answer),
            Some("query.stock") => self.accounts.counted(answer),
            Some("risk.check") => self.accounts.exposed(answer),
            Some("report.variance") => self.accounts.varied(answer),
            Some("query.balance" | "report.trial_balance") => self.accounts.reported(answer),
            _other => Ok(()),
        }
    }

    /// Hold what is there at the end against what is known.
    pub(super) fn ended(&self, documents: &Json, held: &Json) -> Result<(), Finding> {
        self.holds.reported(held)?;
        self.owed.reported(documents, &self.accounts)?;
        self.parts.ended(documents)
    }

    /// Movements by month and account, on the normal side.
    pub(super) fn moved(&self, by_period: &Json) -> Result<(), Finding> {
        self.accounts.moved(by_period)
    }

    /// What was seen of things that a stream must have to show anything.
    pub(super) fn seen(&self) -> BTreeSet<&'static str> {
        self.accounts.seen.clone()
    }
}
