//! Draws what needs several people: requests, decisions, users and policies.

use serde_json::{Value, json};

use super::sketch::{Sketch, object};
use crate::torture::kinds;

/// People with their roles at the beginning, where books begin with any.
pub const USERS: [(&str, &[&str]); 4] = [
    ("clerk", &["clerk"]),
    ("anna", &["clerk", "closing"]),
    ("carla", &["controller"]),
    ("dora", &["controller", "clerk"]),
];

/// What requests are mostly about: kinds that policies name, and those that are always approved.
const GUARDED: [&str; 20] = [
    "entry.post",
    "entry.post",
    "entry.post",
    "entry.post",
    "entry.reverse",
    "entry.reverse",
    "refund.issue",
    "refund.issue",
    "hold.place",
    "hold.capture",
    "recurring.post",
    "recurring.post",
    "accrual.post",
    "writeoff.post",
    "credit_note.issue",
    "payment.allocate",
    "account.update",
    "account.close",
    "period.close",
    "reference.set",
];

/// `approval.request`.
pub fn request(sketch: &mut Sketch<'_>) -> Value {
    let kind = if sketch.once_in(4) {
        let all = kinds::KINDS.iter().map(|kind| kind.name);
        let all: Vec<_> = all.filter(|name| !name.starts_with("approval.")).collect();
        sketch.word(&all)
    } else {
        sketch.word(&GUARDED)
    };
    let Some(kind) = kinds::find(kind) else {
        return Value::Null;
    };
    let data = (kind.draw)(sketch);
    sketch.counts.requests = sketch.counts.requests.saturating_add(1);
    let number = sketch.counts.requests;
    let key = match sketch.chance.up_to(29) {
        // A key that came before, or that a run of a schedule would have.
        0 => format!("k-{}", sketch.chance.up_to(number)),
        1 => format!("k-{}/1", sketch.chance.up_to(number.saturating_mul(9))),
        2 => format!("a-{}", sketch.chance.between(1, number)),
        _ => format!("a-{number}"),
    };
    // Shares would be measured by themselves.
    let may_reserve = !kind.name.starts_with("settlement.");
    object(json!({
        "job": { "kind": kind.name, "key": key, "data": data },
        "expires_at": sketch.once_in(3).then(|| sketch.soon()),
        "reserve": (may_reserve && sketch.once_in(2)).then(|| !sketch.once_in(8)),
        "text": sketch.text(),
    }))
}

/// `approval.decide`.
pub fn decide(sketch: &mut Sketch<'_>) -> Value {
    let drawn = sketch.counts.requests;
    // Mostly one of the last: those before are decided, or expired.
    let number = if sketch.once_in(3) {
        sketch.guess(drawn)
    } else {
        let back = sketch.chance.up_to(3);
        drawn.saturating_sub(back).max(1)
    };
    object(json!({
        "request": format!("APR-{number:06}"),
        "decision": sketch.word(&["approve", "approve", "approve", "approve", "reject"]),
        "text": sketch.text(),
    }))
}

/// `reference.set`.
pub fn reference_set(sketch: &mut Sketch<'_>) -> Value {
    let (record, name, value) = match sketch.chance.up_to(5) {
        0 | 1 => {
            let user = sketch.word(&["clerk", "anna", "carla", "dora", "emil"]);
            let roles = match sketch.chance.up_to(4) {
                0 => json!([]),
                1 => json!(["clerk"]),
                2 => json!(["clerk", "closing"]),
                3 => json!(["controller"]),
                _ => json!(["controller", "clerk"]),
            };
            ("user", user, roles)
        }
        2 => {
            let name = sketch.word(&["approval_policy", "approval_policy", "second"]);
            let policy = match sketch.chance.up_to(3) {
                0 => json!([]),
                1 => lax(),
                _ => strict(),
            };
            ("policy", name, policy)
        }
        _ => {
            let rate = sketch.word(&["5", "6.5", "7"]);
            let value = json!({ "category": "S", "rate": rate });
            ("tax", sketch.word(&["T1", "T2"]), value)
        }
    };
    object(json!({
        "record": record,
        "name": name,
        "value": value,
        "valid_from": sketch.once_in(4).then(|| sketch.near(1, 9)),
        "reason": "it is time",
    }))
}

/// A policy that asks for much: tiers without a request, of one and of two people, and a bound
/// above which nothing goes; rules about accounts, kinds and classes.
pub fn strict() -> Value {
    let one = |bound: &str, roles: &[&str]| {
        let free = json!({ "up_to": bound, "approvals": 0 });
        json!([free, { "approvals": 1, "by": roles }])
    };
    json!([
        {
            "kind": "entry.post", "prefix": "equity/",
            "tiers": [{ "approvals": 1, "by": ["controller"] }],
        },
        {
            "kind": "entry.post",
            "tiers": [
                { "up_to": "15.00", "approvals": 0 },
                { "up_to": "120.00", "approvals": 1, "by": ["clerk", "controller"] },
                { "up_to": "4000.00", "approvals": 2, "by": ["controller", "clerk"] },
            ],
        },
        { "class": "entry", "tiers": one("10", &["controller"]) },
        { "class": "hold", "tiers": one("12.50", &["controller", "clerk"]) },
        { "kind": "refund.issue", "tiers": one("30.00", &["controller"]) },
        { "kind": "writeoff.post", "tiers": one("25.00", &["controller"]) },
        { "class": "credit_note", "tiers": one("25.00", &["clerk"]) },
        { "kind": "payment.allocate", "tiers": one("200.00", &["clerk"]) },
        { "kind": "recurring.post", "tiers": one("20.00", &["clerk", "controller"]) },
        { "kind": "accrual.post", "tiers": one("20.00", &["controller"]) },
        {
            "class": "account", "prefix": "wallet/1",
            "tiers": [{ "approvals": 1, "by": ["clerk"] }],
        },
        { "kind": "account.close", "tiers": [{ "approvals": 1, "by": ["controller"] }] },
    ])
}

fn lax() -> Value {
    json!([
        {
            "class": "entry",
            "tiers": [{ "up_to": "500.00", "approvals": 0 }, { "approvals": 1, "by": ["clerk"] }],
        },
    ])
}
