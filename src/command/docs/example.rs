//! The book of the examples: what every kind's example becomes in it.
//!
//! A page that shows an outcome nobody ever got would teach producers something wrong. So each
//! example is taken through the real decoder and engine, after those that it builds on.

use serde_json::{Map, Value as Json, json};

use super::Kind;
use crate::rehearsal::{self, Case};

/// Accounts and configuration of the book.
const BOOK: &str = r#"{
    "accounts": {
        "ar/cust-1": { "unit": "EUR", "class": "asset", "opening": "0.00" },
        "bank/main": { "unit": "EUR", "class": "asset", "opening": "1000.00" },
        "bank/usd": { "unit": "USD", "class": "asset", "opening": "0.00" },
        "cash/B": { "unit": "EUR", "class": "liability", "opening": "25000.00" },
        "cash/S": { "unit": "EUR", "class": "liability", "opening": "0.00" },
        "credit/cust-1": { "unit": "EUR", "class": "liability", "opening": "19.00" },
        "merchant/1": { "unit": "EUR", "class": "liability", "opening": "0.00" },
        "deferred/care": { "unit": "EUR", "class": "liability", "opening": "0.00" },
        "deferred/machine": { "unit": "EUR", "class": "liability", "opening": "0.00" },
        "deferred/cust-1": { "unit": "EUR", "class": "liability", "opening": "0.00" },
        "exp/bad_debt": { "unit": "EUR", "class": "expense", "opening": "0.00" },
        "exp/office": { "unit": "EUR", "class": "expense", "opening": "0.00" },
        "exp/sales": { "unit": "EUR", "class": "expense", "opening": "0.00" },
        "exp/service": { "unit": "EUR", "class": "expense", "opening": "0.00" },
        "fx/realised": { "unit": "EUR", "class": "income", "opening": "0.00" },
        "fx/unrealised": { "unit": "EUR", "class": "income", "opening": "0.00" },
        "fxeq/USD": { "unit": "EUR", "class": "asset", "opening": "0.00" },
        "fxpos/USD": { "unit": "USD", "class": "equity", "opening": "0.00" },
        "income/dunning": { "unit": "EUR", "class": "income", "opening": "0.00" },
        "income/interest": { "unit": "EUR", "class": "income", "opening": "0.00" },
        "income/late_interest": { "unit": "EUR", "class": "income", "opening": "0.00" },
        "liab/accrued": { "unit": "EUR", "class": "liability", "opening": "0.00" },
        "rev/subscription": { "unit": "EUR", "class": "income", "opening": "0.00" },
        "rev/sales_19": { "unit": "EUR", "class": "income", "opening": "0.00" },
        "secu/B": { "unit": "SHR", "class": "liability", "opening": "0" },
        "secu/S": { "unit": "SHR", "class": "liability", "opening": "600" },
        "secu/depository": { "unit": "SHR", "class": "asset", "opening": "600" },
        "stock/out/BOX-A4": { "unit": "BOX-A4", "class": "equity", "opening": "10" },
        "stock/wh-1/BOX-A4": { "unit": "BOX-A4", "class": "asset", "opening": "10" },
        "suspense/unallocated": { "unit": "EUR", "class": "liability", "opening": "0.00" },
        "tax/vat_19": { "unit": "EUR", "class": "liability", "opening": "0.00" },
        "wallet/8": {
            "unit": "EUR", "class": "liability", "opening": "150.00", "min_available": "0.00"
        }
    },
    "config": {
        "functional_unit": "EUR",
        "price_list": {
            "api-calls": {
                "currency": "EUR", "model": "graduated", "tax": "DE19",
                "tiers": [{ "up_to": "10000", "price": "0.008" }, { "price": "0.005" }]
            }
        },
        "rates": { "base": [{ "from": "2025-07-01", "rate": "1.27" }] },
        "taxes": { "DE19": { "category": "S", "rate": "19" } }
    }
}"#;

/// What the book of the examples has besides when they approve: with users and policies other
/// examples would need actors and approvals.
const FOUR_EYES: &str = r#"{
    "users": { "user:anna": ["clerk"], "user:carla": ["controller"] },
    "approval_policy": [
        { "kind": "refund.issue", "tiers": [{ "approvals": 1, "by": ["controller"] }] }
    ]
}"#;

/// Who acts in an example that needs somebody, and in those of others.
const ACTOR: &str = "user:anna";
const ACTORS: &[(&str, &str)] = &[("approval.decide", "user:carla")];

/// When the examples are taken in, and which come later.
const CLOCK: &str = "2026-03-02T08:00:00Z";
const LATER: &[(&str, &str)] = &[("settlement.attempt", "2026-05-04T08:00:00Z")];

/// Kinds whose examples build on those of others.
const BEFORE: &[(&str, &[&str])] = &[
    ("approval.decide", &["approval.request"]),
    ("account.update", &["account.open"]),
    ("account.close", &["account.open"]),
    ("entry.reverse", &["entry.post"]),
    ("entry.adjust", &["entry.post"]),
    ("hold.capture", &["hold.place"]),
    ("hold.void", &["hold.place"]),
    ("payment.receive", &["invoice.issue"]),
    ("payment.allocate", &["invoice.issue"]),
    ("credit_note.issue", &["invoice.issue"]),
    ("writeoff.post", &["invoice.issue"]),
    ("dunning.charge", &["invoice.issue"]),
    ("fx.revalue", &["fx.convert"]),
    ("revenue.recognise", &["revenue.schedule"]),
    ("settlement.attempt", &["settlement.instruct"]),
    ("subscription.change", &["subscription.renew"]),
];

/// What became of an example.
#[derive(Debug, Default)]
pub(super) struct Became {
    /// Its outcome, as it is published.
    pub(super) outcome: Map<String, Json>,
    /// The entries it posted.
    pub(super) entries: Vec<Json>,
}

/// Take the example of a kind through; nothing comes back if it cannot be.
pub(super) fn became(kind: &Kind, kinds: &[Kind]) -> Became {
    let name = kind.info.name;
    let before = BEFORE.iter().find(|(known, _)| *known == name);
    let before = before.map_or(&[][..], |(_, before)| *before);
    let before = before
        .iter()
        .filter_map(|one| kinds.iter().find(|kind| kind.info.name == *one));
    let jobs: Vec<Json> = before
        .chain([kind])
        .zip(1..)
        .map(|(kind, n)| job(kind, n))
        .collect();
    let last = jobs.len();
    let case = json!({ "title": name, "given": given(name), "jobs": jobs });
    let Ok(case) = Case::read(case.to_string().as_bytes()) else {
        return Became::default();
    };
    let Ok(Ok(run)) = rehearsal::run(&case) else {
        return Became::default();
    };
    let of_last = |section: &str| -> Vec<Json> {
        let all = run.seen.get(section).and_then(Json::as_array);
        let is_last = |one: &&Json| one.get("job") == Some(&json!(last));
        all.into_iter().flatten().filter(is_last).cloned().collect()
    };
    let mut outcomes = of_last("outcomes");
    outcomes.extend(of_last("rejections"));
    let outcome = outcomes.first().and_then(Json::as_object).cloned();
    let mut outcome = outcome.unwrap_or_default();
    outcome.remove("job");
    Became {
        outcome,
        entries: of_last("entries"),
    }
}

/// Who acts in the example of a kind that needs somebody.
pub(super) fn actor(name: &str) -> &'static str {
    let other = ACTORS.iter().find(|(known, _)| *known == name);
    other.map_or(ACTOR, |(_, actor)| *actor)
}

fn given(name: &str) -> Json {
    let mut given: Json = serde_json::from_str(BOOK).unwrap_or_default();
    if name.starts_with("approval.") {
        let more: Map<String, Json> = serde_json::from_str(FOUR_EYES).unwrap_or_default();
        let config = given.pointer_mut("/config").and_then(Json::as_object_mut);
        config
            .into_iter()
            .for_each(|config| config.extend(more.clone()));
    }
    given
}

fn job(kind: &Kind, n: usize) -> Json {
    let name = kind.info.name;
    let at = LATER
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(CLOCK, |(_, at)| at);
    let data: Json = serde_json::from_str(kind.example).unwrap_or_default();
    let mut job = Map::new();
    job.insert("n".to_owned(), json!(n));
    job.insert("kind".to_owned(), json!(name));
    job.insert("data".to_owned(), data);
    job.insert("at".to_owned(), json!(at));
    if !kind.question {
        job.insert("key".to_owned(), json!(super::schema::example_key(name)));
    }
    if kind.actor_needed {
        job.insert("actor".to_owned(), json!(actor(name)));
    }
    Json::Object(job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_posts_in_the_book_of_the_examples() {
        let kinds = super::super::kinds();
        for kind in &kinds {
            let became = became(kind, &kinds);
            let status = became.outcome.get("status").and_then(Json::as_str);
            assert!(
                status.is_some_and(|status| status != "rejected"),
                "{}: give the book in src/command/docs/example.rs what its example needs: {}",
                kind.info.name,
                Json::Object(became.outcome)
            );
        }
    }
}
