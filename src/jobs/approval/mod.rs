//! Four eyes: a job waits until people of the right roles have approved it.
//!
//! | Kind               | Debit                   | Credit                  | Amount             |
//! |--------------------|-------------------------|-------------------------|--------------------|
//! | `approval.request` | –                       | –                       | held, if asked for |
//! | `approval.decide`  | as the job that waited  | as the job that waited  | of that job        |
//!
//! Who must approve what is said by the policies among the reference data ([`policy`]). A request
//! compiles the job that it carries as if it were posted, keeps it, and takes its key. The last
//! approval compiles it again and posts it in one plan with the decision, for whoever requested it;
//! the job has an outcome of its own under its key. The request:
//!
//! | Member                                    | Holds                                         |
//! |-------------------------------------------|-----------------------------------------------|
//! | `requested_by`, `job`                     | who asked for it, and the job's kind and key  |
//! | `needs`, `amount`                         | approvals and roles, and the amount they go by |
//! | `digest`                                  | of the job that is approved                   |
//! | `expires_at`                              | when it expires                               |
//! | `decided`                                 | who decided what, on which digest             |
//! | `hold`                                    | the hold that reserves the amount, if any     |

mod decide;
mod expire;
mod inner;
pub mod policy;
mod request;

#[cfg(test)]
mod tests;

pub use decide::{Decide, Decision};
pub use expire::Expire;
pub use inner::InnerJob;
pub use request::Request;

use super::JobData;
use super::hold::release_rest;
use crate::code::Code;
use crate::ids::DueCode;
use crate::ledger::decided::Decided;
use crate::ledger::effect::KeptJob;
use crate::ledger::hold::HoldState;
use crate::ledger::{Book, Document, Effect, Facts, Hold, Plan, Rejection, Value};
use policy::Needs;

/// Place of the inner job's data in those of its request.
pub const INNER_DATA: &str = "/job/data";

/// Series of the requests.
const SERIES: &str = "APR";
/// Place of an expiry in the list of what the engine does by itself.
const WORK: DueCode = DueCode(4);
/// Where a decision names its request.
const PATH: &str = "/request";

/// Members of a request.
const REQUESTED_BY: &str = "requested_by";
const NEEDS: &str = "needs";
const AMOUNT: &str = "amount";
const DIGEST: &str = "digest";
const DECIDED: &str = "decided";
const HOLD: &str = "hold";

/// What a job asks of the book and which approvals that needs, found without doing anything. It is
/// planned for whoever requested it, who may use what is reserved for it.
fn draft(
    job: &JobData,
    kept: &KeptJob,
    facts: &Facts<'_>,
    book: &Book,
    reserved: Option<&Hold>,
) -> Result<(Plan, Needs), Rejection> {
    let envelope = kept.envelope();
    let inner = |approved| Facts {
        key: &envelope.key,
        envelope: &envelope,
        actor: envelope.actor.as_deref(),
        approved,
        reserved,
        inside: None,
        ..facts.clone()
    };
    let mut plan = Plan::default();
    let by_itself = job.plan(None, &inner(false), book, &mut plan);
    let is_demanded = matches!(&by_itself, Err(no) if no.code() == Code::ApprovalRequired);
    if is_demanded {
        plan.clear();
        job.plan(None, &inner(true), book, &mut plan)?;
    } else {
        by_itself?;
    }
    let needs = policy::needs(job, book, &plan, facts.today, is_demanded)?;
    Ok((plan, needs))
}

/// The request waits no more: what it kept, its alarm and its hold go, and the job is decided.
fn let_go(
    plan: &mut Plan,
    book: &Book,
    (number, document): (&str, &Document),
    state: HoldState,
    refusal: Option<Rejection>,
) {
    plan.effects.push(Effect::Keep {
        document: number.into(),
        job: None,
    });
    plan.alarm(WORK, number, None);
    let hold = document.text(HOLD);
    if let Some(held) = book.holds().get(hold) {
        release_rest(plan, hold, held, state);
    }
    plan.decided = book.kept(number).map(|job| {
        Box::new(Decided {
            job: job.clone(),
            refusal,
            effects: plan.effects.len(),
        })
    });
}

/// Show the request that an outcome is about.
fn show_request(plan: &mut Plan, number: &str) {
    plan.show("request", Value::text(number.to_owned()));
}
