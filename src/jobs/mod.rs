//! The job kinds: one file per family, one line per kind.
//!
//! A kind says what its data are, which texts in them are personal, and what it asks of the book.
//! It never changes anything: the engine checks the plan with rules common to all kinds and applies
//! it. What the engine does by itself when its time has come stands in a list of its own, at the
//! end.

pub mod contract;
pub mod catalogue;
pub mod fields;
pub mod cards;
mod claim;
pub mod job;
pub mod setup;
pub mod later;
mod currency;
mod legs;
mod exchange;
mod postings;
mod receivable;
mod rating;
mod accrued;
pub mod billing;
pub mod account;
pub mod entry;
pub mod hold;
pub mod approval;
pub mod period;
pub mod reference;
pub mod invoice;
pub mod payment;
pub mod credit_note;
pub mod refund;
pub mod writeoff;
pub mod dunning;
pub mod interest;
pub mod usage;
pub mod subscription;
pub mod settlement;
pub mod accrual;
pub mod batch;
pub mod recurring;
pub mod revenue;
pub mod fx;
pub mod query;

#[cfg(test)]
pub(crate) mod desk;

pub use catalogue::{KindInfo, kind_code, kind_name};
pub use contract::{DueKind, JobKind};
pub use fields::{Id, Text};
pub use job::{Body, Job};
pub use query::{Question, QuestionData, QuestionVisitor};

contract::job_kinds! {
    // code  wire name             variant
    101 "account.open"          AccountOpen(account::Open),
    102 "account.update"        AccountUpdate(account::Update),
    103 "account.close"         AccountClose(account::Close),
    151 "reference.set"         ReferenceSet(reference::Set),
    201 "entry.post"            EntryPost(entry::Post),
    202 "entry.reverse"         EntryReverse(entry::Reverse),
    203 "batch.post"            BatchPost(batch::Post),
    204 "entry.allocate"        EntryAllocate(entry::Allocate),
    205 "recurring.post"        RecurringPost(recurring::Post),
    206 "entry.adjust"          EntryAdjust(entry::Adjust),
    301 "hold.place"            HoldPlace(hold::Place),
    302 "hold.capture"          HoldCapture(hold::Capture),
    303 "hold.void"             HoldVoid(hold::Void),
    351 "approval.request"      ApprovalRequest(approval::Request),
    352 "approval.decide"       ApprovalDecide(approval::Decide),
    401 "invoice.issue"         InvoiceIssue(invoice::Issue),
    402 "credit_note.issue"     CreditNoteIssue(credit_note::Issue),
    403 "payment.receive"       PaymentReceive(payment::Receive),
    404 "payment.allocate"      PaymentAllocate(payment::Allocate),
    405 "refund.issue"          RefundIssue(refund::Issue),
    406 "usage.rate"            UsageRate(usage::Rate),
    407 "writeoff.post"         WriteoffPost(writeoff::Post),
    408 "dunning.charge"        DunningCharge(dunning::Charge),
    409 "interest.charge"       InterestCharge(interest::Charge),
    410 "subscription.renew"    SubscriptionRenew(subscription::Renew),
    411 "subscription.change"   SubscriptionChange(subscription::Change),
    501 "revenue.schedule"      RevenueSchedule(revenue::Schedule),
    502 "revenue.recognise"     RevenueRecognise(revenue::Recognise),
    503 "revenue.allocate"      RevenueAllocate(revenue::Allocate),
    601 "settlement.instruct"   SettlementInstruct(settlement::Instruct),
    602 "settlement.attempt"    SettlementAttempt(settlement::Attempt),
    706 "fx.convert"            FxConvert(fx::Convert),
    901 "period.open"           PeriodOpen(period::Open),
    902 "period.close"          PeriodClose(period::Close),
    903 "accrual.post"          AccrualPost(accrual::Post),
    904 "fx.revalue"            FxRevalue(fx::Revalue),
}

contract::due_kinds! {
    // code  recorded as           variant
    1 "hold.expire"            HoldExpire(hold::Expire),
    2 "accrual.post"           AccrualReverse(accrual::Reversal),
    3 "recurring.post"         RecurringRun(recurring::Run),
    4 "approval.request"       ApprovalExpire(approval::Expire),
    21 "account.update"        AccountLater(later::Later<account::Update>),
    22 "reference.set"         ReferenceLater(later::Later<reference::Set>),
}
