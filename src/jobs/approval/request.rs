//! `approval.request`: ask that a job be approved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::Needs;
use super::{
    AMOUNT, DECIDED, DIGEST, HOLD, INNER_DATA, InnerJob, NEEDS, REQUESTED_BY, SERIES, WORK, draft,
    show_request,
};
use crate::code::Code;
use crate::ids::{AccountIndex, EntryNo, UnitIndex};
use crate::jobs::contract::JobKind;
use crate::jobs::fields::Text;
use crate::ledger::decided::{Decided, Inside};
use crate::ledger::effect::{DocumentChange, KeptJob};
use crate::ledger::hold::HOLD_SERIES;
use crate::ledger::plan::instant_ahead;
use crate::ledger::{
    Book, DocumentKind, DocumentState, Effect, Facts, Leg, Plan, Rejection, Side, Status, Value,
};
use crate::limits::{WAITING_DAYS_DEFAULT, WAITING_DAYS_MAX};
use crate::money::Minor;
use crate::time::{InstantText, Timestamp};

/// Ask that a job be approved.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The job to be approved; its key is taken from now on.
    pub job: InnerJob,
    /// When the request expires: in 7 days by default, in 400 at the latest.
    pub expires_at: Option<InstantText>,
    /// Whether what the job posts is held until the decision; no by default.
    pub reserve: Option<bool>,
    /// Why; personal text.
    pub text: Option<Text>,
}

impl JobKind for Request {
    const SUMMARY: &'static str = "Ask that a job be approved; with enough approvals it posts.";
    const EXAMPLE: &'static str = r#"{
        "job": {
            "kind": "refund.issue",
            "key": "refund-2026-17",
            "data": {
                "customer": "cust-1", "amount": "19.00", "currency": "EUR", "bank": "bank/main"
            }
        }
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::IdempotencyKeyReused,
        Code::LimitExceeded,
        Code::RateNotFound,
        Code::SeriesExhausted,
    ];
    const REFUSES_FOR_OTHERS: bool = true;
    const ACTOR_NEEDED: bool = true;

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        self.job.data.texts(&mut |path, text| {
            visit(&format!("{INNER_DATA}{path}"), text);
        });
        if let Some(text) = &mut self.text {
            visit("/text", text);
        }
    }

    fn options(&self) -> Result<(), Rejection> {
        let inner = self.job.data.options();
        inner.map_err(|refusal| refusal.below(INNER_DATA))
    }

    fn subject(&self) -> Option<&str> {
        self.job.data.subject()
    }

    fn place(&self, account: &str) -> Option<String> {
        let inner = self.job.data.place(account).unwrap_or_default();
        Some(format!("{INNER_DATA}{inner}"))
    }

    fn entry_needed(&self) -> Option<EntryNo> {
        self.job.data.entry_needed()
    }

    fn movements_needed(&self) -> Option<&str> {
        self.job.data.movements_needed()
    }

    fn inside(&self) -> Option<&InnerJob> {
        Some(&self.job)
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let inside = facts.inside.filter(|inside| !inside.key_taken);
        let inside = inside.ok_or_else(|| {
            Rejection::new(Code::IdempotencyKeyReused)
                .at("/job/key")
                .with_text("key", self.job.key.as_str())
        })?;
        self.check_lists(book)?;
        let expires_at = self.expires_at(facts)?;
        let kept = self.kept(facts, &inside);
        let drafted = draft(&self.job.data, &kept, facts, book, None);
        let (inner, needs) = drafted.map_err(|refusal| refusal.below(INNER_DATA))?;
        let number = plan.number(book, SERIES, "")?;
        if needs.approvals == 0 {
            plan.document(self.begun(&number, facts, (&kept, &needs), DocumentState::Approved));
            plan.decided = Some(Box::new(Decided {
                job: kept,
                refusal: None,
                effects: plan.effects.len(),
            }));
            plan.take_in(inner);
            show_request(plan, &number);
            return Ok(());
        }
        let mut change = self.begun(&number, facts, (&kept, &needs), DocumentState::Pending);
        change.set.push(("expires_at".into(), shown(expires_at)));
        let reserved = self.reserve(book, plan, &inner, &number)?;
        if let Some(hold) = &reserved {
            change.set.push((HOLD.into(), Value::text(hold.clone())));
        }
        plan.document(change);
        plan.effects.push(Effect::Keep {
            document: number.as_str().into(),
            job: Some(Box::new(kept)),
        });
        plan.alarm(WORK, &number, Some(expires_at));
        plan.status = Status::PendingApproval;
        show_request(plan, &number);
        plan.show(NEEDS, needs.shown());
        if let Some((amount, decimals)) = needs.amount {
            plan.show(AMOUNT, Value::amount(amount, decimals));
        }
        plan.show("expires_at", shown(expires_at));
        if let Some(hold) = reserved {
            plan.show(HOLD, Value::text(hold));
        }
        plan.trial = Some(Box::new(inner));
        Ok(())
    }
}

fn shown(instant: Timestamp) -> Value {
    Value::text(instant.short())
}

impl Request {
    /// Lists of the inner job are as long as the book allows.
    fn check_lists(&self, book: &Book) -> Result<(), Rejection> {
        let most = book.reference().legs_max();
        let lists = self.job.data.lists();
        match lists.iter().find(|(_, length)| *length > most) {
            None => Ok(()),
            Some((path, _)) => {
                let path = format!("{INNER_DATA}{path}");
                let reason = format!("at most {most} are allowed");
                Err(Rejection::schema(Code::SchemaInvalid, &path, reason))
            }
        }
    }

    fn expires_at(&self, facts: &Facts<'_>) -> Result<Timestamp, Rejection> {
        let now = facts.recorded_at;
        match &self.expires_at {
            Some(text) => instant_ahead(text, "/expires_at", now, WAITING_DAYS_MAX),
            None => Ok(now.plus_days(WAITING_DAYS_DEFAULT)),
        }
    }

    /// The inner job, of whoever requests it.
    fn kept(&self, facts: &Facts<'_>, inside: &Inside<'_>) -> KeptJob {
        KeptJob {
            kind: self.job.data.code(),
            key: self.job.key.as_str().into(),
            fingerprint: inside.fingerprint,
            content: inside.content.to_vec(),
            principal: facts.envelope.principal.clone(),
            actor: facts.actor.map(Into::into),
        }
    }

    fn begun(
        &self,
        number: &str,
        facts: &Facts<'_>,
        (kept, needs): (&KeptJob, &Needs),
        state: DocumentState,
    ) -> DocumentChange {
        let text = |text: &str| Value::text(text.to_owned());
        let job = vec![
            ("kind".into(), Value::text(self.job.kind_name())),
            ("key".into(), text(&kept.key)),
        ];
        let mut set = vec![
            (REQUESTED_BY.into(), text(facts.actor.unwrap_or_default())),
            ("job".into(), Value::Object(job)),
            (NEEDS.into(), needs.shown()),
        ];
        if let Some((amount, decimals)) = needs.amount {
            set.push((AMOUNT.into(), Value::amount(amount, decimals)));
        }
        set.push((DIGEST.into(), Value::text(kept.digest().to_string())));
        set.push((DECIDED.into(), Value::List(Vec::new())));
        DocumentChange {
            number: number.into(),
            kind: DocumentKind::Approval,
            state,
            version: 1,
            unit: UnitIndex::default(),
            party: "".into(),
            due: None,
            open: 0,
            set,
        }
    }

    /// Hold what the inner job would move; the number of the hold.
    fn reserve(
        &self,
        book: &Book,
        plan: &mut Plan,
        inner: &Plan,
        request: &str,
    ) -> Result<Option<String>, Rejection> {
        let legs = match self.reserve {
            Some(true) => moved(inner)?,
            Some(false) | None => Vec::new(),
        };
        if legs.is_empty() {
            return Ok(None);
        }
        let number = plan.number(book, HOLD_SERIES, "")?;
        plan.hold(&number, None).owner = Some(request.into());
        for leg in legs {
            plan.leg(leg);
        }
        Ok(Some(number))
    }
}

/// What a plan moves on each account, as legs: its entries added up.
fn moved(inner: &Plan) -> Result<Vec<Leg>, Rejection> {
    let mut moved: Vec<(AccountIndex, Minor)> = Vec::new();
    for post in inner.effects.iter().filter_map(Effect::as_post) {
        for leg in crate::ledger::commit::slice(&inner.legs, &post.legs) {
            let amount = match leg.side {
                Side::Debit => Minor::from(leg.amount),
                Side::Credit => -Minor::from(leg.amount),
            };
            match moved
                .iter_mut()
                .find(|(account, _)| *account == leg.account)
            {
                Some((_, sum)) => *sum += amount,
                None => moved.push((leg.account, amount)),
            }
        }
    }
    let mut held = Plan::default();
    held.hold("", None);
    for (account, amount) in moved {
        held.signed_leg(account, Side::Debit, amount, "/job")?;
    }
    Ok(held.legs)
}
