//! `settlement.attempt`: move what can move of an instruction, securities and cash in one entry.
//!
//! An attempt is rejected only if it cannot be judged at all. If something is short, it counts and
//! the outcome is `failing`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Partial, cash_account, facts, securities_account};
use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::contract::JobKind;
use crate::jobs::fields::Id;
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::{booking_date, echo};
use crate::ledger::value::Members;
use crate::ledger::{
    Book, Document, DocumentKind, DocumentState, Facts, Plan, Rejection, Side, Status, Value,
};
use crate::money::{Minor, Rounding, share};
use crate::time::{Date, DateText};

/// Place of what an attempt names, for refusals of whatever follows from it.
const PATH: &str = "/instruction";

/// States in which an instruction may be tried.
const OPEN_STATES: [DocumentState; 3] = [
    DocumentState::Pending,
    DocumentState::Failing,
    DocumentState::PartiallySettled,
];

/// Try to settle an instruction.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Number of the instruction.
    pub instruction: Option<Id>,
    /// All instructions due by this date, instead of one. Not built yet.
    pub date: Option<DateText>,
}

impl JobKind for Attempt {
    const SUMMARY: &'static str = "Try to settle an instruction.";
    const EXAMPLE: &'static str = r#"{ "instruction": "SI-000001" }"#;
    const REFUSALS: &'static [Code] = &[Code::DocumentNotFound, Code::DocumentState];

    fn options(&self) -> Result<(), Rejection> {
        let (code, path, reason) = match (&self.instruction, &self.date) {
            (Some(_), None) => return Ok(()),
            (None, None) => (Code::SchemaInvalid, PATH, "missing field"),
            (Some(_), Some(_)) => {
                let reason = "an attempt has instruction or date, not both";
                (Code::SchemaInvalid, "/date", reason)
            }
            (None, Some(_)) => {
                let reason = "the run over all instructions of a date is not built yet";
                (Code::UnsupportedOption, "/date", reason)
            }
        };
        Err(Rejection::schema(code, path, reason))
    }

    fn place(&self, _account: &str) -> Option<String> {
        Some(PATH.to_owned())
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let today = booking_date(None, "", facts, book)?;
        let number = self.instruction.as_deref().unwrap_or_default();
        let document = instruction(book, number)?;
        let lanes = Lanes::of(book, document)?;
        match lanes.part(document, facts, book)? {
            Part::Short { reason, short } => fail(plan, number, document, &lanes, reason, short),
            Part::Moves { quantity, cash } => {
                settle(plan, number, document, &lanes, (quantity, cash), today)?;
            }
        }
        // By now the plan shows what would move, should it need an approval.
        check_ready(document, today)
    }
}

fn instruction<'b>(book: &'b Book, number: &str) -> Result<&'b Document, Rejection> {
    book.documents()
        .get(number)
        .filter(|document| document.kind == DocumentKind::Instruction)
        .ok_or_else(|| {
            Rejection::new(Code::DocumentNotFound)
                .at(PATH)
                .with_text("document", echo(number))
        })
}

/// Step 11: the state, then what keeps an instruction of the right state from being tried.
fn check_ready(document: &Document, today: Date) -> Result<(), Rejection> {
    let expected = OPEN_STATES.map(|state| Value::text(state.text())).to_vec();
    let refusal = || {
        Rejection::new(Code::DocumentState)
            .at(PATH)
            .with_text("state", document.state.text())
            .with("expected", Value::List(expected))
    };
    if !OPEN_STATES.contains(&document.state) {
        return Err(refusal());
    }
    if document.member(facts::ON_HOLD) == Some(&Value::Bool(true)) {
        return Err(refusal().with(facts::ON_HOLD, Value::Bool(true)));
    }
    match document.due {
        Some(due) if today < due => Err(refusal().with(facts::SETTLEMENT_DATE, Value::Date(due))),
        Some(_) | None => Ok(()),
    }
}

/// One thing that moves: from whom, to whom, how much of it is left.
struct Lane {
    giver: AccountIndex,
    taker: AccountIndex,
    total: Minor,
    settled: Minor,
    decimals: u8,
}

impl Lane {
    /// Find the accounts of a lane, both usable and of its unit.
    fn of(
        book: &Book,
        document: &Document,
        (giver, taker): (&str, &str),
        (unit, total, settled): (&str, &str, &str),
    ) -> Result<Self, Rejection> {
        let giver = book.usable(giver, Side::Debit, PATH)?;
        let taker = book.usable(taker, Side::Credit, PATH)?;
        let expected = document.text(unit);
        Ok(Self {
            giver,
            taker,
            total: document.minor(total),
            settled: document.minor(settled),
            decimals: book.units().find(expected).map_or(0, |unit| unit.decimals),
        })
    }

    /// Step 8: both accounts are of the instruction's unit.
    fn check_unit(&self, book: &Book, unit: &str) -> Result<(), Rejection> {
        for index in [self.giver, self.taker] {
            let Some(account) = book.accounts().get(index) else {
                continue;
            };
            let known = book.units().code(account.unit);
            if known != unit {
                return Err(Rejection::new(Code::CurrencyMismatch)
                    .at(PATH)
                    .with_text("account", &*account.name)
                    .with_text("expected", known)
                    .with_text("got", unit));
            }
        }
        Ok(())
    }

    fn rest(&self) -> Minor {
        self.total - self.settled
    }

    /// What both accounts can bear: a leg on an account's normal side takes nothing from it.
    fn free(&self, facts: &Facts<'_>, book: &Book) -> Minor {
        let free = |index: AccountIndex, side: Side| {
            let account = book.accounts().get(index)?;
            if account.class.normal_side() == side {
                return None;
            }
            let min = account.min_available().unwrap_or_default();
            Some((facts.available(index, book) - min).max(0))
        };
        let bounds = [
            free(self.giver, Side::Debit),
            free(self.taker, Side::Credit),
        ];
        bounds.into_iter().flatten().min().unwrap_or(Minor::MAX)
    }

    fn amount(&self, minor: Minor) -> Value {
        Value::amount(minor, self.decimals)
    }
}

/// What an attempt can do.
enum Part {
    /// So much of each lane moves.
    Moves { quantity: Minor, cash: Minor },
    /// Nothing moves.
    Short { reason: Reason, short: Value },
}

/// Why an attempt fails.
#[derive(Clone, Copy)]
enum Reason {
    LackOfSecurities,
    LackOfCash,
}

impl Reason {
    const fn text(self) -> &'static str {
        match self {
            Self::LackOfSecurities => "LACK_OF_SECURITIES",
            Self::LackOfCash => "LACK_OF_CASH",
        }
    }
}

/// The lanes of an instruction: the one that leads, by which parts are measured, and the cash that
/// follows the securities of a DVP.
struct Lanes {
    securities: Option<Lane>,
    cash: Option<Lane>,
}

impl Lanes {
    fn of(book: &Book, document: &Document) -> Result<Self, Rejection> {
        let (deliverer, receiver) = (
            document.text(facts::DELIVERER),
            document.text(facts::RECEIVER),
        );
        let has = |fact: &str| document.member(fact).is_some();
        let mut lanes = Self {
            securities: None,
            cash: None,
        };
        if has(facts::SECURITY) {
            let names = (securities_account(deliverer), securities_account(receiver));
            let members = (facts::SECURITY, facts::QUANTITY, facts::SETTLED_QUANTITY);
            let lane = Lane::of(book, document, (&names.0, &names.1), members)?;
            lanes.securities = Some(lane);
        }
        if has(facts::CURRENCY) {
            let names = (cash_account(receiver), cash_account(deliverer));
            let members = (facts::CURRENCY, facts::CASH, facts::SETTLED_CASH);
            let lane = Lane::of(book, document, (&names.0, &names.1), members)?;
            lanes.cash = Some(lane);
        }
        if let Some(lane) = &lanes.securities {
            lane.check_unit(book, document.text(facts::SECURITY))?;
        }
        if let Some(lane) = &lanes.cash {
            lane.check_unit(book, document.text(facts::CURRENCY))?;
        }
        Ok(lanes)
    }

    /// How much moves: the whole rest, or what is there if parts are allowed; the cash of a DVP by
    /// cumulative share, so that the parts add up to the whole to the last cent.
    fn part(&self, document: &Document, facts: &Facts<'_>, book: &Book) -> Result<Part, Rejection> {
        let partial = document.text(facts::PARTIAL) == Partial::Allowed.text();
        let part_of = |lane: &Lane| {
            let (rest, free) = (lane.rest(), lane.free(facts, book));
            if free >= rest {
                Ok(rest)
            } else if partial && free > 0 {
                Ok(free)
            } else {
                Err(lane.amount(rest - free))
            }
        };
        let short = |reason| move |short| Part::Short { reason, short };
        let Some(securities) = &self.securities else {
            let part = self.cash.as_ref().map_or(Ok(0), part_of);
            return Ok(
                part.map_or_else(short(Reason::LackOfCash), |cash| Part::Moves {
                    quantity: 0,
                    cash,
                }),
            );
        };
        let quantity = match part_of(securities) {
            Ok(quantity) => quantity,
            Err(lack) => return Ok(short(Reason::LackOfSecurities)(lack)),
        };
        let Some(cash) = &self.cash else {
            return Ok(Part::Moves { quantity, cash: 0 });
        };
        let delivered = securities.settled + quantity;
        let due = share::prefix(cash.total, delivered, securities.total, Rounding::HalfUp)
            .ok_or_else(|| Rejection::new(Code::AmountOverflow).at(PATH))?
            - cash.settled;
        let free = cash.free(facts, book);
        if free < due {
            return Ok(short(Reason::LackOfCash)(cash.amount(due - free)));
        }
        let cash = due;
        Ok(Part::Moves { quantity, cash })
    }

    /// The lane by which the rest of the instruction is told.
    fn lead(&self) -> Option<&Lane> {
        self.securities.as_ref().or(self.cash.as_ref())
    }

    /// Show what one attempt moved and what is left.
    fn show(&self, plan: &mut Plan, number: &str, (quantity, cash): (Minor, Minor)) -> Minor {
        plan.show("instruction", Value::text(number.to_owned()));
        if let Some(lane) = &self.securities {
            plan.show("quantity", lane.amount(quantity));
        }
        if let Some(lane) = &self.cash {
            plan.show("cash", lane.amount(cash));
        }
        let moved = if self.securities.is_some() {
            quantity
        } else {
            cash
        };
        let Some(lead) = self.lead() else { return 0 };
        let remaining = lead.rest() - moved;
        plan.show("remaining", lead.amount(remaining));
        remaining
    }
}

/// Nothing moved: the attempt counts and the instruction waits for the next one.
fn fail(
    plan: &mut Plan,
    number: &str,
    document: &Document,
    lanes: &Lanes,
    reason: Reason,
    short: Value,
) {
    // What settled in part stays so, however the next attempt ends.
    let state = if document.state == DocumentState::PartiallySettled {
        document.state
    } else {
        DocumentState::Failing
    };
    let remaining = lanes.show(plan, number, (0, 0));
    plan.show("reason", Value::text(reason.text()));
    plan.show("short", short);
    change(plan, number, document, (state, remaining), Members::new());
    plan.status = Status::Failing;
}

/// Both lanes move in one entry that the instruction owns.
fn settle(
    plan: &mut Plan,
    number: &str,
    document: &Document,
    lanes: &Lanes,
    (quantity, cash): (Minor, Minor),
    today: Date,
) -> Result<(), Rejection> {
    plan.post(today, today).owned = true;
    let mut set = Members::new();
    let moves = [
        (&lanes.securities, quantity, facts::SETTLED_QUANTITY),
        (&lanes.cash, cash, facts::SETTLED_CASH),
    ];
    for (lane, moved, fact) in moves {
        let Some(lane) = lane else { continue };
        plan.signed_leg(lane.giver, Side::Debit, moved, PATH)?;
        plan.signed_leg(lane.taker, Side::Credit, moved, PATH)?;
        set.push((fact.into(), lane.amount(lane.settled + moved)));
    }
    let remaining = lanes.show(plan, number, (quantity, cash));
    let (state, status) = if remaining == 0 {
        (DocumentState::Settled, Status::Settled)
    } else {
        (DocumentState::PartiallySettled, Status::PartiallySettled)
    };
    change(plan, number, document, (state, remaining), set);
    plan.status = status;
    Ok(())
}

/// The attempt in the instruction's document, and its state and count in the outcome.
fn change(
    plan: &mut Plan,
    number: &str,
    document: &Document,
    (state, open): (DocumentState, Minor),
    mut set: Members,
) {
    let attempts = Value::Int(document.count(facts::ATTEMPTS).saturating_add(1));
    set.push((facts::ATTEMPTS.into(), attempts.clone()));
    plan.document(DocumentChange {
        number: number.into(),
        kind: document.kind,
        state,
        version: document.version.saturating_add(1),
        unit: document.unit,
        party: document.party.clone(),
        due: document.due,
        open,
        set,
    });
    plan.show("state", Value::text(state.text()));
    plan.show("attempts", attempts);
}
