//! Whether a job needs an approval is said before the state of things, and behind all that its own
//! data and its references say: steps 10 and 11 of the order of checks, for every kind.
//!
//! Every refusal of every case is brought about again, this time in a book that has a policy for
//! the kind of the job: what moves nothing needs no approval, whatever moves needs one. A rule that
//! looks at the state before its plan shows what would move is found by that.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that is not there is a mistake of the test"
)]

use std::collections::BTreeSet;

use kontor::code::Code;
use kontor::jobs::kind_code;
use kontor::rehearsal::{Case, rehearse};
use serde_json::{Value as Json, json};

use crate::support::tree::{File, files, read};
use crate::tidy::hold;

/// Codes of the steps behind that of approvals.
const LATER: [Code; 18] = [
    Code::DocumentState,
    Code::HoldState,
    Code::HoldExpired,
    Code::HoldAmountExceeded,
    Code::PeriodState,
    Code::AlreadyReversed,
    Code::NotReversible,
    Code::AccountNotEmpty,
    Code::AccountHasHolds,
    Code::AllocationExceedsPayment,
    Code::AllocationExceedsOpen,
    Code::CreditExceedsInvoice,
    Code::RefundExceedsCredit,
    Code::WriteoffExceedsOpen,
    Code::NotOverdue,
    Code::InsufficientFunds,
    Code::LimitExceeded,
    Code::AssertionFailed,
];

/// Kinds that move nothing, whatever they are refused with.
const STILL: [&str; 2] = ["account.close", "hold.void"];

/// Why the capture of a hold that has ended moves nothing.
const HOLD: &str = "of a hold that has ended nothing is kept that could move";

/// Jobs of other kinds that would move nothing if the state of things were right, so that they need
/// no approval, and why.
const NOTHING: &[(&str, &[u64], &str)] = &[
    ("credit_note/applied-then-credit", &[5], "all is credited"),
    (
        "credit_note/shortens-the-schedule",
        &[14],
        "its revenue waits already",
    ),
    (
        "revenue/schedule_of_an_invoice",
        &[4],
        "its revenue waits already",
    ),
    (
        "dunning/refusals",
        &[2],
        "nothing is open that bears interest",
    ),
    ("writeoff/refusals", &[7], "nothing is open"),
    ("given/22-hold-expiry", &[2], HOLD),
    ("hold/capture_and_void_refusals", &[12], HOLD),
    ("hold/days_by_account", &[6], HOLD),
    ("hold/due_in_order", &[5], HOLD),
    (
        "period/hard_close_after_revaluation",
        &[2],
        "there is no result",
    ),
    (
        "period/hard_close_after_the_last_deal",
        &[4],
        "there is no result",
    ),
    (
        "period/hard_close_with_failing_instruction",
        &[3],
        "there is no result",
    ),
    (
        "period/months_and_years",
        &[12],
        "a soft lock moves nothing",
    ),
    (
        "period/soft_lock_and_reopen",
        &[3],
        "a soft lock moves nothing",
    ),
    (
        "period/opening_ahead",
        &[1, 2, 4, 6, 9],
        "nothing is reversed in it",
    ),
    ("settlement/settled_stays_settled", &[3], "all is settled"),
    (
        "subscription/periods-follow-each-other",
        &[5],
        "it is billed with the next renewal",
    ),
];

/// Kinds that policies are not about, or that change them.
const APART: [&str; 3] = ["approval.request", "approval.decide", "reference.set"];

/// A job of a case that is refused.
struct Refused {
    /// The case, without the folder of all and the ending.
    place: String,
    /// The job.
    number: u64,
    case: Json,
    /// Its place among the jobs.
    at: usize,
    kind: String,
    code: Code,
}

/// The refusals of a case, without those of books that have a policy already.
fn refused(file: &File) -> Vec<Refused> {
    let case: Json = serde_json::from_str(&file.text).unwrap();
    let list = |path: &str| {
        let list = case.pointer(path).and_then(Json::as_array);
        list.cloned().unwrap_or_default()
    };
    let jobs = list("/jobs");
    let has_policy = case.pointer("/given/config/approval_policy").is_some()
        || jobs.iter().any(|job| job["data"]["record"] == "policy");
    if has_policy {
        return Vec::new();
    }
    let refused = |one: &Json| {
        let at = jobs.iter().position(|job| job["n"] == one["job"])?;
        let kind = jobs[at]["kind"].as_str()?.to_owned();
        let code = Code::of_text(one["code"].as_str()?)?;
        let apart = APART.contains(&&*kind) || code.is_dead_letter() || kind_code(&kind).is_none();
        let name = file
            .path
            .strip_prefix("tests/cases/")?
            .strip_suffix(".json")?;
        (!apart && one.get("duplicate").is_none()).then(|| Refused {
            place: name.to_owned(),
            number: one["job"].as_u64().unwrap(),
            case: case.clone(),
            at,
            kind,
            code,
        })
    };
    list("/expect/rejections")
        .iter()
        .filter_map(refused)
        .collect()
}

/// What the job is refused with where whatever its kind moves needs an approval.
fn under_policy(refused: &Refused) -> Option<Code> {
    let mut case = refused.case.clone();
    let jobs = case["jobs"].as_array_mut().unwrap();
    jobs.truncate(refused.at + 1);
    let mut policy = json!({
        "n": 1_000_000, "kind": "reference.set", "key": "order-of-checks", "actor": "user:policy",
        "data": {
            "record": "policy", "name": "approval_policy", "reason": "order of checks",
            "value": [{ "kind": refused.kind, "tiers": [
                { "up_to": "0", "approvals": 0 }, { "approvals": 1, "by": ["controller"] }
            ] }],
        },
    });
    if let Some(book) = jobs[refused.at].get("book") {
        policy["book"] = book.clone();
    }
    jobs.insert(refused.at, policy);
    let case = Case::read(case.to_string().as_bytes()).unwrap();
    let run = rehearse(&case).unwrap().run.unwrap();
    let rejections = run.seen["rejections"].as_array().unwrap();
    let n = &refused.case["jobs"][refused.at]["n"];
    assert!(
        rejections.iter().all(|one| one["job"] != 1_000_000),
        "{}: the policy is refused: {rejections:?}",
        refused.place
    );
    let own = rejections.iter().find(|one| one["job"] == *n)?;
    Code::of_text(own["code"].as_str().unwrap())
}

/// Whether the job would move nothing if the state of things were right.
fn moves_nothing(refused: &Refused) -> bool {
    let here = |(place, jobs, _): &(&str, &[u64], &str)| {
        *place == refused.place && jobs.contains(&refused.number)
    };
    STILL.contains(&&*refused.kind) || NOTHING.iter().any(here)
}

/// What is wrong with what a job is refused with under a policy.
fn fault(refused: &Refused, got: Option<Code>) -> Option<String> {
    let Refused {
        place,
        number,
        kind,
        code,
        ..
    } = refused;
    let needs_one = LATER.contains(code) && !moves_nothing(refused);
    let fits = match got {
        // A foreign amount without a rate of the day cannot be measured, which is said before.
        Some(Code::ApprovalRequired | Code::RateNotFound) if needs_one => true,
        Some(got) => got == *code && !needs_one,
        None => false,
    };
    let shown = got.map_or("nothing".to_owned(), |got| got.text().to_owned());
    (!fits).then(|| {
        format!("{place} job {number}: {kind} is refused with {code}, by a policy with {shown}")
    })
}

#[test]
fn an_approval_is_asked_for_before_the_state_of_things_and_behind_all_else() {
    let not_built = read("tests/cases/not_built.txt");
    let (mut found, mut later) = (Vec::new(), 0);
    // Of what comes before approvals one example of each kind and code is enough.
    let mut seen: BTreeSet<(String, &str)> = BTreeSet::new();
    for file in files("tests/cases") {
        let name = file.path.strip_prefix("tests/cases/").unwrap();
        if file.extension() != "json" || not_built.lines().any(|line| line == name) {
            continue;
        }
        for refused in refused(&file) {
            let is_later = LATER.contains(&refused.code);
            later += usize::from(is_later);
            if is_later || seen.insert((refused.kind.clone(), refused.code.text())) {
                found.extend(fault(&refused, under_policy(&refused)));
            }
        }
    }
    assert!(
        later > 100,
        "only {later} refusals of the steps behind approvals"
    );
    hold(&found);
}
