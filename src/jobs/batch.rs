//! Batches: many entries in one job, all or none.
//!
//! | Kind         | Debit                           | Credit                          | Amount   |
//! |--------------|---------------------------------|---------------------------------|----------|
//! | `batch.post` | accounts of `dr` legs, by entry | accounts of `cr` legs, by entry | as given |
//!
//! Count and control sum say what the sender believes to have sent: the sum adds up all debits as
//! plain numbers, whatever their units, as in ISO 20022 (`NbOfTxs`, `CtrlSum`). Each step of the
//! order of checks is taken for all entries before the next one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contract::JobKind;
use super::entry;
use super::entry::order::{Dates, Drafted, Order, visit_texts};
use super::fields::Text;
use super::legs::{WrittenLeg, plain_debits};
use crate::code::Code;
use crate::ledger::{Book, Facts, Plan, Rejection, Value};
use crate::money::minor::AmountFault;
use crate::money::{DecimalText, Number, NumberFault};

/// Post several entries, all or none.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// How many entries there are.
    pub count: u32,
    /// Sum of all debits as plain numbers, whatever their units.
    pub control_sum: DecimalText,
    /// The entries, each as in `entry.post`.
    pub entries: Vec<entry::Post>,
    /// What happens if one of them is refused; there is one mode.
    pub mode: Option<Mode>,
}

/// What happens if one entry of a batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// None is posted.
    AllOrNothing,
}

/// Where the control sum stands.
const SUM: &str = "/control_sum";
/// Where the entries stand.
const ENTRIES: &str = "/entries";

impl JobKind for Post {
    const SUMMARY: &'static str = "Post several entries with control totals, all or none.";
    const EXAMPLE: &'static str = r#"{
        "count": 2,
        "control_sum": "30.00",
        "entries": [
            { "legs": [
                { "dr": "exp/office", "amount": "10.00" },
                { "cr": "bank/main", "amount": "10.00" }
            ] },
            { "legs": [
                { "dr": "exp/office", "amount": "20.00" },
                { "cr": "bank/main", "amount": "20.00" }
            ] }
        ]
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::ControlCountMismatch,
        Code::ControlSumMismatch,
        Code::EntryTooFewLegs,
        Code::EntryTooManyLegs,
        Code::EntrySameAccount,
        Code::EntryUnbalanced,
        Code::AssertionFailed,
        Code::DuplicateReference,
    ];

    fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
        for (at, entry) in self.entries.iter_mut().enumerate() {
            let base = format!("{ENTRIES}/{at}");
            visit_texts(&base, &mut entry.legs, entry.text.as_mut(), visit);
        }
    }

    fn subject(&self) -> Option<&str> {
        let leg = self.entries.first()?.legs.first()?;
        Some(leg.place().0)
    }

    fn place(&self, account: &str) -> Option<String> {
        let mut entries = self.entries.iter().enumerate();
        entries.find_map(|(at, entry)| entry.order(&format!("{ENTRIES}/{at}")).place(account))
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let places = 0..self.entries.len();
        let bases: Vec<String> = places.map(|at| format!("{ENTRIES}/{at}")).collect();
        let entries = self.entries.iter().zip(&bases);
        let orders: Vec<Order<'_>> = entries.map(|(entry, base)| entry.order(base)).collect();
        let drafted = self.draft(&orders, facts, book, plan)?;
        check_repeated(&orders, book)?;
        let mut natural = Vec::new();
        for (order, drafted) in &drafted {
            natural.extend(order.refer(drafted, facts, book, plan)?);
        }
        for (order, drafted) in &drafted {
            order.units(drafted, book, plan)?;
        }
        self.check_totals(book, plan)?;
        for (order, drafted) in &drafted {
            order.structure(drafted, book, plan)?;
        }
        for hash in natural {
            plan.natural_key(hash);
        }
        if orders.len() == 1 {
            plan.show("entries", Value::count(orders.len()));
        }
        Ok(())
    }
}

impl Post {
    /// Steps 5 and 6.
    fn draft<'o>(
        &self,
        orders: &'o [Order<'o>],
        facts: &Facts<'_>,
        book: &Book,
        plan: &mut Plan,
    ) -> Result<Vec<(&'o Order<'o>, Drafted)>, Rejection> {
        let dates = orders.iter().map(Order::dates);
        let dates: Vec<Dates> = dates.collect::<Result<_, _>>()?;
        let periods = orders.iter().zip(dates);
        let periods = periods.map(|(order, dates)| order.period(dates, facts, book));
        let periods: Vec<_> = periods.collect::<Result<_, _>>()?;
        self.stated()?;
        let drafted = orders.iter().zip(periods);
        drafted
            .map(|(order, period)| Ok((order, order.amounts(period, book, plan)?)))
            .collect()
    }

    /// The control sum as it is stated.
    fn stated(&self) -> Result<Number, Rejection> {
        let refusal = |fault| Rejection::amount(fault, SUM, "", 0);
        match self.control_sum.number() {
            Ok(number) if number.negative => Err(refusal(AmountFault::Negative)),
            Ok(number) => Ok(number),
            Err(NumberFault::Form(reason)) => Err(refusal(AmountFault::Format(reason))),
            Err(NumberFault::Digits(shadow)) if shadow.negative => {
                Err(refusal(AmountFault::Negative))
            }
            Err(NumberFault::Digits(_)) => Err(refusal(AmountFault::Overflow)),
        }
    }

    /// Step 9: what was sent is what the sender believes.
    fn check_totals(&self, book: &Book, plan: &Plan) -> Result<(), Rejection> {
        let (count, got) = (usize::try_from(self.count).ok(), self.entries.len());
        if count != Some(got) {
            return Err(Rejection::new(Code::ControlCountMismatch)
                .at("/count")
                .with("expected", Value::count(self.count))
                .with("got", Value::count(got)));
        }
        let stated = self.stated()?;
        let overflow = || Rejection::amount(AmountFault::Overflow, SUM, "", 0);
        let (sum, decimals) = plain_debits(book, &plan.legs).ok_or_else(overflow)?;
        let scale = decimals.max(stated.scale);
        let scaled = |mantissa: i128, from: u8| {
            let shift = crate::money::minor::power_of_ten(scale.checked_sub(from)?)?;
            mantissa.checked_mul(shift)
        };
        let expected = scaled(stated.signed(), stated.scale).ok_or_else(overflow)?;
        let got = scaled(sum, decimals).ok_or_else(overflow)?;
        if expected != got {
            return Err(Rejection::new(Code::ControlSumMismatch)
                .at(SUM)
                .with_amount("expected", expected, scale)
                .with_amount("got", got, scale));
        }
        if self.entries.is_empty() {
            return Err(Rejection::new(Code::EntryTooFewLegs)
                .at(ENTRIES)
                .with("legs", Value::count(0)));
        }
        Ok(())
    }
}

/// Step 7: no two entries have the same reference where it must be unique.
fn check_repeated(orders: &[Order<'_>], book: &Book) -> Result<(), Rejection> {
    let mut seen = std::collections::BTreeSet::new();
    for order in orders {
        if let Some(reference) = order.unique_reference(book)
            && !seen.insert(reference)
        {
            return Err(order.repeated(reference));
        }
    }
    Ok(())
}
