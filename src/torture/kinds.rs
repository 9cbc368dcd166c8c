//! The kinds that a simulated journey is made of: one line a kind.
//!
//! A new kind joins by a generator in `work/`, a rule in `model/` and a line here. The rule
//! is written from the catalogue, never from the engine, and shares no code with it.

use serde_json::Value;

use super::model::{self, Book, Ruled};
use super::work::Sketch;
use super::work::{approve, draw};

/// How often a kind is drawn, and what makes and judges its jobs.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Name on the wire.
    pub name: &'static str,
    /// Share of the jobs.
    pub weight: u64,
    /// Whether a job of the kind must say who acts.
    pub needs_actor: bool,
    /// Draws a job's data.
    pub draw: fn(&mut Sketch<'_>) -> Value,
    /// Says what a job comes to, and books it.
    pub rule: fn(&mut Book, &Value) -> Ruled,
}

const fn kind(
    name: &'static str,
    weight: u64,
    draw: fn(&mut Sketch<'_>) -> Value,
    rule: fn(&mut Book, &Value) -> Ruled,
) -> Kind {
    Kind {
        name,
        weight,
        needs_actor: false,
        draw,
        rule,
    }
}

/// All of them.
pub const KINDS: &[Kind] = &[
    kind("account.open", 8, draw::account_open, model::accounts::open),
    kind(
        "account.update",
        4,
        draw::account_update,
        model::accounts::update,
    ),
    kind(
        "account.close",
        2,
        draw::account_close,
        model::accounts::close,
    ),
    Kind {
        needs_actor: true,
        ..kind(
            "reference.set",
            2,
            approve::reference_set,
            model::accounts::reference,
        )
    },
    kind("entry.post", 40, draw::entry_post, model::entries::post),
    kind(
        "entry.reverse",
        8,
        draw::entry_reverse,
        model::entries::reverse,
    ),
    kind(
        "invoice.issue",
        12,
        draw::invoice_issue,
        model::invoices::issue,
    ),
    kind(
        "payment.receive",
        12,
        draw::payment_receive,
        model::payments::receive,
    ),
    kind(
        "payment.allocate",
        5,
        draw::payment_allocate,
        model::payments::allocate,
    ),
    kind(
        "credit_note.issue",
        6,
        draw::credit_note_issue,
        model::credits::note,
    ),
    kind(
        "refund.issue",
        3,
        draw::refund_issue,
        model::credits::refund,
    ),
    kind(
        "writeoff.post",
        3,
        draw::writeoff_post,
        model::credits::write_off,
    ),
    kind(
        "settlement.instruct",
        5,
        draw::settlement_instruct,
        model::settlements::instruct,
    ),
    kind(
        "settlement.attempt",
        6,
        draw::settlement_attempt,
        model::settlements::attempt,
    ),
    kind("hold.place", 10, draw::hold_place, model::holds::place),
    kind("hold.capture", 6, draw::hold_capture, model::holds::capture),
    kind("hold.void", 3, draw::hold_void, model::holds::void),
    Kind {
        needs_actor: true,
        ..kind(
            "approval.request",
            12,
            approve::request,
            model::approvals::request,
        )
    },
    Kind {
        needs_actor: true,
        ..kind(
            "approval.decide",
            20,
            approve::decide,
            model::approvals::decide,
        )
    },
    kind(
        "recurring.post",
        3,
        draw::recurring_post,
        model::recurring::post,
    ),
    kind("accrual.post", 4, draw::accrual_post, model::accruals::post),
    kind("period.open", 1, draw::period_open, model::periods::open),
    kind("period.close", 3, draw::period_close, model::periods::close),
];

impl Kind {
    /// The part of the name that it shares with its family.
    pub fn family(&self) -> &'static str {
        self.name
            .split_once('.')
            .map_or(self.name, |(family, _)| family)
    }
}

/// The kind of a name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
