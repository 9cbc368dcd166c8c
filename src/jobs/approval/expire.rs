//! A request expires: the engine ends it when nobody has decided in time.

use super::{let_go, show_request};
use crate::code::Code;
use crate::jobs::JobData;
use crate::jobs::contract::DueKind;
use crate::jobs::receivable::changed;
use crate::ledger::hold::HoldState;
use crate::ledger::{Book, DocumentState, Facts, Plan, Rejection};

/// A request's time is over. Nobody can send this; the engine makes it.
#[derive(Debug)]
pub struct Expire {
    request: Box<str>,
}

impl DueKind for Expire {
    fn about(thing: &str) -> Self {
        Self {
            request: thing.into(),
        }
    }

    fn key(&self, _book: &Book) -> String {
        format!("{}#expired", self.request)
    }

    fn plan(
        &self,
        _facts: &Facts<'_>,
        book: &Book,
        _kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        let document = book.documents().get(&self.request);
        let document = document.ok_or_else(|| Rejection::new(Code::ApprovalNotFound))?;
        let set = Vec::new();
        plan.document(changed(
            &self.request,
            document,
            DocumentState::Expired,
            0,
            set,
        ));
        let refusal = Rejection::new(Code::ApprovalExpired)
            .at("")
            .with_text("request", &*self.request);
        let found = (&*self.request, document);
        let_go(plan, book, found, HoldState::Expired, Some(refusal));
        show_request(plan, &self.request);
        Ok("approval.expired")
    }
}
