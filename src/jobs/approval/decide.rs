//! `approval.decide`: approve a request, or reject it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::Needs;
use super::{AMOUNT, DECIDED, HOLD, NEEDS, PATH, REQUESTED_BY, WORK, draft, let_go, show_request};
use crate::code::Code;
use crate::jobs::JobData;
use crate::jobs::contract::JobKind;
use crate::jobs::fields::{Id, Text};
use crate::jobs::receivable::changed;
use crate::ledger::effect::KeptJob;
use crate::ledger::hold::HoldState;
use crate::ledger::plan::echo;
use crate::ledger::value::member;
use crate::ledger::{Book, Document, DocumentKind, DocumentState, Facts, Plan, Rejection, Value};

/// What somebody decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The job may be done.
    Approve,
    /// It may not, and that ends the request.
    Reject,
}

impl Decision {
    const fn text(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}

/// Approve a request, or reject it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// Number of the request.
    pub request: Id,
    /// What is decided.
    pub decision: Decision,
    /// Why; personal text.
    pub text: Option<Text>,
}

impl JobKind for Decide {
    const SUMMARY: &'static str = "Approve or reject a request; the last approval posts its job.";
    const EXAMPLE: &'static str = r#"{ "request": "APR-000001", "decision": "approve" }"#;
    const REFUSALS: &'static [Code] = &[
        Code::ApprovalNotFound,
        Code::ApprovalState,
        Code::ApprovalExpired,
        Code::SelfApproval,
        Code::AlreadyDecided,
        Code::ApproverNotEntitled,
    ];
    const REFUSES_FOR_OTHERS: bool = true;
    const ACTOR_NEEDED: bool = true;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        if let Some(text) = &mut self.text {
            visit("/text", text);
        }
    }

    fn place(&self, _account: &str) -> Option<String> {
        Some(PATH.to_owned())
    }

    fn kept_needed(&self) -> Option<&str> {
        Some(&self.request)
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        self.plan_with(None, facts, book, plan)
    }

    fn plan_with(
        &self,
        kept: Option<&JobData>,
        facts: &Facts<'_>,
        book: &Book,
        plan: &mut Plan,
    ) -> Result<(), Rejection> {
        let (number, document) = self.find(book)?;
        check_pending(number, document, facts, book)?;
        let waiting = kept.zip(book.kept(number));
        let (job, kept) = waiting.ok_or_else(|| self.not_found())?;
        let ballot = Ballot::of(self.decision, document, kept, facts)?;
        let reserved = book.holds().get(document.text(HOLD));
        let drafted = draft(job, kept, facts, book, reserved);
        let needs = match &drafted {
            Ok((_, needs)) => needs.clone(),
            Err(_) => Needs::of_document(document.member(NEEDS), document.member(AMOUNT)),
        };
        ballot.check_entitled(&needs, facts, book)?;

        let change = |state| {
            let set = vec![
                (DECIDED.into(), ballot.decided()),
                (NEEDS.into(), needs.shown()),
            ];
            changed(number, document, state, 0, set)
        };
        if self.decision == Decision::Reject {
            plan.document(change(DocumentState::Rejected));
            let refusal = Rejection::new(Code::ApprovalRequired)
                .at("")
                .with_text("request", number)
                .with_text("state", DocumentState::Rejected.text());
            let found = (number, document);
            let_go(plan, book, found, HoldState::Voided, Some(refusal));
            show_request(plan, number);
            return Ok(());
        }
        let approved_by = ballot.approved_by(&needs, facts, book);
        let shown = approved_by.iter().map(|name| Value::text(name.clone()));
        let shown = Value::List(shown.collect());
        if approved_by.len() < usize::try_from(needs.approvals).unwrap_or(usize::MAX) {
            plan.document(change(DocumentState::Pending));
            show_request(plan, number);
            plan.show("approved_by", shown);
            plan.show(NEEDS, needs.shown());
            return Ok(());
        }
        let (inner, _) = drafted.map_err(|refusal| refusal.at(PATH))?;
        plan.document(change(DocumentState::Approved));
        let found = (number, document);
        let_go(plan, book, found, HoldState::Captured, None);
        plan.take_in(inner);
        show_request(plan, number);
        plan.show("approved_by", shown);
        Ok(())
    }
}

impl Decide {
    fn find<'b>(&self, book: &'b Book) -> Result<(&'b str, &'b Document), Rejection> {
        let found = book.documents().find(&self.request);
        found
            .filter(|(_, document)| document.kind == DocumentKind::Approval)
            .ok_or_else(|| self.not_found())
    }

    fn not_found(&self) -> Rejection {
        Rejection::new(Code::ApprovalNotFound)
            .at(PATH)
            .with_text("request", echo(&self.request))
    }
}

/// The request waits for decisions, and its time is not over.
fn check_pending(
    number: &str,
    document: &Document,
    facts: &Facts<'_>,
    book: &Book,
) -> Result<(), Rejection> {
    let refusal = |code| Rejection::new(code).at(PATH);
    let expires_at = document.text("expires_at").to_owned();
    let at = book.alarms().at(WORK, number);
    let is_over = at.is_some_and(|at| at <= facts.recorded_at);
    if document.state == DocumentState::Expired || is_over {
        return Err(refusal(Code::ApprovalExpired).with_text("expired_at", expires_at));
    }
    if document.state == DocumentState::Pending {
        return Ok(());
    }
    Err(refusal(Code::ApprovalState).with_text("state", document.state.text()))
}

/// A decision beside those that were made before.
struct Ballot<'a> {
    by: &'a str,
    decision: Decision,
    /// Digest of the job that waits: an approval of anything else does not count.
    digest: String,
    before: &'a [Value],
}

impl<'a> Ballot<'a> {
    /// The decision of somebody who did not ask for it and has not decided yet.
    fn of(
        decision: Decision,
        document: &'a Document,
        kept: &KeptJob,
        facts: &Facts<'a>,
    ) -> Result<Self, Rejection> {
        let by = facts
            .actor
            .ok_or_else(|| Rejection::new(Code::ActorMissing).at_root("/actor"))?;
        let before = match document.member(DECIDED) {
            Some(Value::List(decided)) => decided.as_slice(),
            Some(_) | None => &[],
        };
        if document.text(REQUESTED_BY) == by {
            return Err(Rejection::new(Code::SelfApproval).at_root("/actor"));
        }
        if before.iter().any(|one| text(one, "by") == by) {
            return Err(Rejection::new(Code::AlreadyDecided).at_root("/actor"));
        }
        Ok(Self {
            by,
            decision,
            digest: kept.digest().to_string(),
            before,
        })
    }

    /// The roles of the day reach the tier of the job.
    fn check_entitled(
        &self,
        needs: &Needs,
        facts: &Facts<'_>,
        book: &Book,
    ) -> Result<(), Rejection> {
        if needs.entitles(self.by, book, facts.today) {
            return Ok(());
        }
        let roles = book.reference().roles(self.by, facts.today);
        let list = |roles: &[String]| {
            let roles = roles.iter().map(|role| Value::text(role.clone()));
            Value::List(roles.collect())
        };
        let mut refusal = Rejection::new(Code::ApproverNotEntitled)
            .at_root("/actor")
            .with("roles", list(roles))
            .with("needs", list(&needs.by));
        if let Some((amount, decimals)) = needs.amount {
            refusal = refusal.with_amount("amount", amount, decimals);
        }
        Err(refusal)
    }

    /// Everything that is decided now.
    fn decided(&self) -> Value {
        let mut decided = self.before.to_vec();
        decided.push(Value::Object(vec![
            ("by".into(), Value::text(self.by.to_owned())),
            ("decision".into(), Value::text(self.decision.text())),
            ("digest".into(), Value::text(self.digest.clone())),
        ]));
        Value::List(decided)
    }

    /// Who has approved the job that waits and may still do so.
    fn approved_by(&self, needs: &Needs, facts: &Facts<'_>, book: &Book) -> Vec<String> {
        let counts = |one: &&Value| {
            text(one, "decision") == Decision::Approve.text()
                && text(one, "digest") == self.digest
                && needs.entitles(text(one, "by"), book, facts.today)
        };
        let before = self.before.iter().filter(counts);
        let mut approved_by: Vec<String> = before.map(|one| text(one, "by").to_owned()).collect();
        approved_by.push(self.by.to_owned());
        approved_by
    }
}

/// A text of a decision as the document keeps it.
fn text<'v>(decided: &'v Value, name: &str) -> &'v str {
    let Value::Object(members) = decided else {
        return "";
    };
    match member(members, name) {
        Some(Value::Text(text)) => text,
        Some(_) | None => "",
    }
}
