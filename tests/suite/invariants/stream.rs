//! A stream of jobs, drawn from a seed: a case file that expects nothing, in which the clock moves,
//! months are locked, keys come twice and much is refused.

use std::collections::BTreeMap;

use kontor::simulator::Chance;
use kontor::time::Timestamp;
use kontor::torture::kinds;
use kontor::torture::work::{Counts, Sketch};
use serde_json::{Value as Json, json};

use super::chart;
use super::draw::{self, Drawer};

/// When the first job comes.
const BEGINNING: &str = "2026-11-10T08:00:00Z";
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
/// Jobs of a stream.
const JOBS: (u64, u64) = (30, 130);

/// What the drawers draw from, and how many things they have drawn so far.
#[derive(Debug)]
pub(super) struct Draw {
    pub(super) chance: Chance,
    pub(super) counts: Counts,
    pub(super) notes: Notes,
    pub(super) now: Timestamp,
}

/// How many things of a sort may be there: numbers are guessed from it.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) holds: u64,
    pub(super) requests: u64,
    pub(super) schedules: u64,
    pub(super) contracts: u64,
    pub(super) keys: u64,
    pub(super) meters: u64,
    /// Payment, document and amount of what was paid last.
    pub(super) paid: Option<(u64, String, String)>,
    /// Price and periods billed, by subscription.
    pub(super) subscriptions: [(u64, u64); 3],
}

impl Draw {
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.chance.once_in(times)
    }

    pub(super) fn word<'w>(&mut self, words: &[&'w str]) -> &'w str {
        self.chance.pick(words).copied().unwrap()
    }

    pub(super) fn between(&mut self, first: u64, last: u64) -> u64 {
        self.chance.between(first, last)
    }

    /// A number of something of which so many were drawn: mostly one of the first, which are there,
    /// now and then one too many.
    pub(super) fn guess(&mut self, drawn: u64) -> u64 {
        let last = match self.between(0, 7) {
            0 => drawn + 1,
            1..=3 => drawn,
            _early => drawn.div_ceil(2),
        };
        self.between(1, last.max(1))
    }

    /// The data of a kind that the simulator draws as well.
    pub(super) fn simulated(&mut self, kind: &str, unit: &'static str) -> Json {
        let mut sketch = Sketch {
            chance: &mut self.chance,
            now: self.now.0,
            unit,
            counts: &mut self.counts,
        };
        (kinds::find(kind).unwrap().draw)(&mut sketch)
    }

    /// A day so many days from now.
    pub(super) fn day(&self, days: i64) -> String {
        let at = self.now.plus_days(days).to_string();
        at.split('T').next().unwrap().to_owned()
    }

    /// A day from some days ago to some days ahead.
    pub(super) fn about(&mut self, before: i64, behind: i64) -> String {
        let span = u64::try_from(before + behind).unwrap();
        let days = i64::try_from(self.between(0, span)).unwrap();
        self.day(days - before)
    }

    /// An instant so many minutes from now.
    pub(super) fn instant(&self, minutes: i64) -> String {
        Timestamp(self.now.0 + minutes * MINUTE).to_string()
    }
}

/// A case with all jobs of a seed.
pub(super) fn of_seed(seed: u64) -> Json {
    let mut draw = Draw {
        chance: Chance::new(seed),
        counts: Counts::default(),
        notes: Notes::default(),
        now: Timestamp::parse(BEGINNING).unwrap(),
    };
    let (accounts, config) = chart::book(&mut draw);
    let drawers = weighted(&mut draw);
    let mut jobs: Vec<Json> = Vec::new();
    let count = draw.between(JOBS.0, JOBS.1);
    for n in 1..=count {
        let mut job = job(&mut draw, &drawers, &jobs);
        let members = job.as_object_mut().unwrap();
        members.insert("n".to_owned(), json!(n));
        if moved(&mut draw) || n == 1 {
            members.insert("at".to_owned(), json!(draw.now.to_string()));
        } else {
            members.remove("at");
        }
        jobs.push(job);
    }
    ending(&mut draw, &mut jobs);
    json!({
        "title": format!("Stream {seed}"),
        "given": { "accounts": accounts, "config": config },
        "jobs": jobs,
        "expect": { "checks": { "hash_chain": "valid" } },
    })
}

/// Kinds that are nothing without each other.
fn family(kind: &'static str) -> &'static str {
    let billing = [
        "invoice",
        "credit_note",
        "payment",
        "refund",
        "writeoff",
        "dunning",
        "usage",
    ];
    let word = kind.split('.').next().unwrap();
    if billing.contains(&word) {
        "billing"
    } else {
        word
    }
}

/// Every stream has its own taste: some families often, some never.
fn weighted(draw: &mut Draw) -> Vec<(&'static Drawer, u64)> {
    let mut tastes: BTreeMap<&str, u64> = BTreeMap::new();
    let mut weight = |drawer: &'static Drawer| {
        let taste = tastes.entry(family(drawer.kind));
        let times = taste.or_insert_with(|| *draw.chance.pick(&[0, 1, 1, 1, 1, 4]).unwrap());
        (drawer, drawer.weight * *times)
    };
    let mut all: Vec<_> = draw::DRAWERS.iter().map(&mut weight).collect();
    // Something is posted in every stream.
    all.push((draw::drawer("entry.post"), 1));
    all
}

/// Move the clock: mostly not, sometimes minutes, sometimes days.
fn moved(draw: &mut Draw) -> bool {
    let minutes = match draw.between(0, 31) {
        0..=23 => 0,
        24..=27 => draw.between(1, 300),
        28..=30 => draw.between(300, 2_500),
        _days => draw.between(2_500, 12_000),
    };
    if minutes == 0 {
        return false;
    }
    // With a second more each time no two instants are whole days apart: a hold that lasts seven of
    // them is over or not whatever jobs that did nothing came between.
    let later = i64::try_from(minutes).unwrap() * MINUTE + SECOND;
    draw.now = Timestamp(draw.now.0 + later);
    true
}

fn job(draw: &mut Draw, drawers: &[(&'static Drawer, u64)], before: &[Json]) -> Json {
    let jobs: Vec<&Json> = before.iter().filter(|job| job["key"].is_string()).collect();
    if draw.once_in(10)
        && let Some(again) = draw.chance.pick(&jobs)
    {
        let mut again = (*again).clone();
        if again["kind"] == "approval.request" && draw.once_in(2) {
            // What waits for approval comes by itself.
            let mut inner = again["data"]["job"].take();
            inner["actor"] = json!(draw.word(&chart::ACTORS));
            return inner;
        }
        if draw.once_in(4) {
            // The key of another order.
            let mut other = fresh(draw, drawers);
            other["key"] = again["key"].take();
            return other;
        }
        return again;
    }
    match draw.between(0, 60) {
        0..=2 => question(draw),
        3 => unknown(draw),
        _job => fresh(draw, drawers),
    }
}

/// The kind that makes what another kind is about, if there is nothing of it yet.
fn needed(draw: &Draw, kind: &str) -> Option<&'static str> {
    let (counts, notes) = (&draw.counts, &draw.notes);
    let billed = notes.subscriptions.iter().map(|(_, billed)| billed).sum();
    let (count, needed) = match kind {
        "hold.capture" | "hold.void" => (notes.holds, "hold.place"),
        "approval.decide" => (notes.requests, "approval.request"),
        "credit_note.issue" | "payment.allocate" | "payment.receive" | "writeoff.post"
        | "dunning.charge" => (counts.invoices, "invoice.issue"),
        "settlement.attempt" => (counts.instructions, "settlement.instruct"),
        "revenue.recognise" => (notes.schedules, "revenue.schedule"),
        "subscription.change" => (billed, "subscription.renew"),
        "entry.reverse" | "entry.adjust" => (counts.entries, "entry.post"),
        _other => return None,
    };
    (count == 0).then_some(needed)
}

fn fresh(draw: &mut Draw, drawers: &[(&'static Drawer, u64)]) -> Json {
    let all: u64 = drawers.iter().map(|(_, weight)| weight).sum();
    let mut left = draw.between(1, all);
    let chosen = drawers.iter().find(|(_, weight)| {
        let here = left <= *weight;
        left = left.saturating_sub(*weight);
        here
    });
    let (mut drawer, _) = *chosen.unwrap();
    if let Some(kind) = needed(draw, drawer.kind).filter(|_| !draw.once_in(6)) {
        drawer = draw::drawer(kind);
    }
    let mut data = (drawer.draw)(draw);
    if draw.once_in(120) {
        data["surprise"] = json!(true);
    }
    draw.notes.keys += 1;
    let mut job =
        json!({ "kind": drawer.kind, "data": data, "key": format!("k-{}", draw.notes.keys) });
    let closes = drawer.kind.starts_with("period.") && !draw.once_in(6);
    let actor = if closes {
        chart::CLOSING
    } else if drawer.kind == "approval.decide" && !draw.once_in(4) {
        draw.word(&["user:bert", "user:carla", "user:zoe"])
    } else {
        draw.word(&chart::ACTORS)
    };
    if !draw.once_in(12) {
        job["actor"] = json!(actor);
    }
    if draw.once_in(150) {
        job["expires_at"] = json!("2026-01-01T00:00:00Z");
    }
    job
}

/// A dead letter: its key stays free.
fn unknown(draw: &mut Draw) -> Json {
    let next = draw.notes.keys + 1;
    json!({ "kind": "entry.pots", "data": {}, "key": format!("k-{next}") })
}

fn question(draw: &mut Draw) -> Json {
    match draw.between(0, 8) {
        0 => open_items(),
        1 => json!({ "kind": "query.balance", "data": {} }),
        2 => {
            let day = draw.word(&["2026-01-31", "2026-03-31", "2026-11-15", "2026-11-30"]);
            json!({ "kind": "report.trial_balance", "data": { "as_of": day } })
        }
        3 => statement(draw),
        4 => {
            let account = draw.word(&["merchant/2", "merchant/1", "ar/cust-1", "wallet/1"]);
            let amount = format!("{}.50", draw.between(0, 500));
            json!({ "kind": "risk.check", "data": { "account": account, "amount": amount } })
        }
        5 => json!({ "kind": "query.stock", "data": { "item": "BOX" } }),
        6 => {
            let item = draw.word(&["calls", "packs", "bulk"]);
            let quantity = draw.between(1, 3_000).to_string();
            json!({ "kind": "query.price", "data": { "item": item, "quantity": quantity } })
        }
        7 => {
            let data = json!({ "from": "2026-01-01", "to": draw.about(300, 0),
                "baseline": ["exp/travel", "merchant/1"], "actual": ["exp/office"] });
            json!({ "kind": "report.variance", "data": data })
        }
        _now => json!({ "kind": "report.trial_balance", "data": {} }),
    }
}

/// All of an account, or a span of it.
fn statement(draw: &mut Draw) -> Json {
    let accounts = [
        "bank/main",
        "exp/office",
        "wallet/1",
        "ar/cust-1",
        "fxpos/USD",
    ];
    let mut data = json!({ "account": draw.word(&accounts) });
    if draw.once_in(2) {
        data["from"] = json!(draw.about(300, -1));
    }
    if draw.once_in(2) {
        data["to"] = json!(draw.about(1, 10));
    }
    json!({ "kind": "query.statement", "data": data })
}

/// Everything that is open, whatever its dates.
fn open_items() -> Json {
    json!({ "kind": "query.open_items", "data": { "as_of": "2099-12-31" } })
}

/// What every stream ends with: sometimes hard closes, always the figures.
fn ending(draw: &mut Draw, jobs: &mut Vec<Json>) {
    let mut add = |mut job: Json| {
        job["n"] = json!(jobs.len() + 1);
        jobs.push(job);
    };
    if draw.once_in(2) {
        for month in chart::MONTHS {
            let data = json!({ "period": month, "mode": "hard_close" });
            let key = format!("end/{month}");
            add(json!({ "kind": "period.close", "key": key, "actor": "user:zoe", "data": data }));
        }
        let legs = json!([{ "dr": "exp/office", "amount": "1.00" },
            { "cr": "bank/main", "amount": "1.00" }]);
        let data = json!({ "booking_date": "2026-03-05", "legs": legs });
        add(json!({ "kind": "entry.post", "key": "end/late", "actor": "user:zoe", "data": data }));
    }
    for month in ["2026-02-28", "2026-11-30"] {
        add(json!({ "kind": "report.trial_balance", "data": { "as_of": month } }));
    }
    for kind in ["report.trial_balance", "query.balance"] {
        add(json!({ "kind": kind, "data": {} }));
    }
    add(open_items());
}
