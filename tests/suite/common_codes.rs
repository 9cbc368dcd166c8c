//! What every kind that posts can be refused with, each kind is refused with in a case.
//!
//! A kind that posts is one of whose jobs a case shows an entry. It can meet a locked month, and
//! accounts that are not there, frozen, closed, in another unit or at their limit; if its data have
//! a decimal, that may be of every wrong form.

use std::collections::BTreeSet;

use kontor::jobs::{JobData, JobKind, KindInfo, KindVisitor, kind_code};
use serde_json::Value as Json;

use crate::support::tree::{files, read, root};
use crate::tidy::hold;

/// Codes of everything that posts.
const POSTING: [&str; 5] = [
    "PERIOD_CLOSED",
    "ACCOUNT_NOT_FOUND",
    "ACCOUNT_FROZEN",
    "ACCOUNT_CLOSED",
    "CURRENCY_MISMATCH",
];

/// Of these everything that posts is refused with one: a limit is below or above.
const FUNDS: [&str; 2] = ["INSUFFICIENT_FUNDS", "LIMIT_EXCEEDED"];
/// How a missing one of them is called.
const LIMIT: &str = "LIMIT";

/// Codes of everything that has an amount.
const AMOUNTS: [&str; 5] = [
    "AMOUNT_FORMAT",
    "AMOUNT_NEGATIVE",
    "AMOUNT_ZERO",
    "AMOUNT_PRECISION",
    "AMOUNT_OVERFLOW",
];

/// What a kind cannot be refused with, and why.
const CANNOT: &[(&str, &[&str], &str)] = &[
    (
        "credit_note.issue",
        &["AMOUNT_ZERO"],
        "an allowance of nothing is none",
    ),
    (
        "dunning.charge",
        &["AMOUNT_ZERO"],
        "a fee of nothing is none",
    ),
    (
        "fx.revalue",
        &[
            "AMOUNT_FORMAT",
            "AMOUNT_NEGATIVE",
            "AMOUNT_ZERO",
            "AMOUNT_PRECISION",
        ],
        "its decimals are rates: RATE_INVALID",
    ),
    (
        "entry.reverse",
        &["ACCOUNT_NOT_FOUND", "CURRENCY_MISMATCH"],
        "what was posted has its accounts, and they have its units",
    ),
    (
        "hold.capture",
        &[
            "ACCOUNT_NOT_FOUND",
            "ACCOUNT_CLOSED",
            "CURRENCY_MISMATCH",
            LIMIT,
        ],
        "an account with a hold is not closed, and what is held counts against its limits",
    ),
    (
        "period.open",
        &["ACCOUNT_FROZEN", "ACCOUNT_CLOSED"],
        "an accrual that its accounts do not take waits for its day",
    ),
    (
        "period.open",
        &["ACCOUNT_NOT_FOUND", "CURRENCY_MISMATCH"],
        "an accrual that was posted has its accounts, and they have its units",
    ),
    (
        "revenue.recognise",
        &["PERIOD_CLOSED"],
        "what is due in a locked month goes to the first open one",
    ),
    (
        "revenue.recognise",
        &AMOUNTS,
        "its decimal is a percentage: RATE_INVALID",
    ),
    (
        "settlement.attempt",
        &["ACCOUNT_CLOSED"],
        "an account of a party stays open while an instruction is not settled",
    ),
    (
        "subscription.change",
        &["AMOUNT_ZERO", "AMOUNT_PRECISION"],
        "a price may be nothing and has up to 12 decimals",
    ),
    (
        "subscription.renew",
        &["AMOUNT_ZERO", "AMOUNT_PRECISION"],
        "a price may be nothing and has up to 12 decimals",
    ),
    (
        "usage.rate",
        &[
            "AMOUNT_FORMAT",
            "AMOUNT_NEGATIVE",
            "AMOUNT_ZERO",
            "AMOUNT_PRECISION",
        ],
        "its decimal is a quantity: QUANTITY_INVALID",
    ),
];

/// Whether a kind is refused for what another job does.
struct ForOthers;

impl KindVisitor for ForOthers {
    type Made = bool;

    fn visit<K: JobKind>(&mut self, _: &'static KindInfo, _: fn(Box<K>) -> JobData) -> bool {
        K::REFUSES_FOR_OTHERS
    }
}

/// The kinds that post, and what is refused with what, as far as the cases show it.
fn shown() -> (BTreeSet<String>, BTreeSet<(String, String)>) {
    let not_built = read("tests/cases/not_built.txt");
    let (mut posting, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for file in files("tests/cases") {
        let built = file
            .path
            .strip_prefix("tests/cases/")
            .is_some_and(|name| not_built.lines().all(|line| line != name));
        if file.extension() != "json" || !built {
            continue;
        }
        let case: Json = serde_json::from_str(&file.text).unwrap();
        let list = |path: &str| {
            let list = case.pointer(path).and_then(Json::as_array);
            list.cloned().unwrap_or_default()
        };
        let jobs = list("/jobs");
        let kind = |of: &Json| {
            let number = of.get("job")?;
            let job = jobs.iter().find(|job| job.get("n") == Some(number))?;
            job.get("kind")?.as_str().map(str::to_owned)
        };
        posting.extend(list("/expect/entries").iter().filter_map(kind));
        for refusal in list("/expect/rejections") {
            let code = refusal.get("code").and_then(Json::as_str);
            let code = code.unwrap_or_default();
            for code in [code]
                .into_iter()
                .chain(FUNDS.contains(&code).then_some(LIMIT))
            {
                refused.extend(kind(&refusal).map(|kind| (kind, code.to_owned())));
            }
        }
    }
    (posting, refused)
}

/// What a kind that posts can be refused with.
fn owed(kind: &str) -> Vec<&'static str> {
    let Some(code) = kind_code(kind) else {
        return Vec::new();
    };
    if JobData::visit(code, &mut ForOthers) != Some(false) {
        return Vec::new();
    }
    let schema = root().join(format!("docs/jobs/{kind}.schema.json"));
    let schema: Json = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let mut owed = POSTING.to_vec();
    owed.push(LIMIT);
    if schema.pointer("/$defs/Decimal").is_some() {
        owed.extend(AMOUNTS);
    }
    owed
}

#[test]
fn every_kind_that_posts_is_refused_with_the_common_codes() {
    let (posting, refused) = shown();
    assert!(posting.len() > 20, "only {posting:?} post");
    let mut found = Vec::new();
    for kind in &posting {
        for code in owed(kind) {
            let shown = refused.contains(&(kind.clone(), code.to_owned()));
            let cannot = CANNOT
                .iter()
                .any(|(of, codes, _)| of == kind && codes.contains(&code));
            match (shown, cannot) {
                (true, false) | (false, true) => {}
                (true, true) => found.push(format!(
                    "{kind} is refused with {code}: take it out of the list of \
                     tests/suite/common_codes.rs"
                )),
                (false, false) => found.push(format!(
                    "{kind}: no case below tests/cases has it refused with {code}"
                )),
            }
        }
    }
    for (kind, codes, _) in CANNOT {
        let owed = owed(kind);
        for code in codes.iter().filter(|code| !owed.contains(code)) {
            found.push(format!("{kind}, {code}: it does not owe that; take it out"));
        }
    }
    hold(&found);
}
