//! Interest on an account.
//!
//! | Kind              | Debit             | Credit            | Amount                         |
//! |-------------------|-------------------|-------------------|--------------------------------|
//! | `interest.charge` | account           | `income/interest` | round(principal × rate × part) |
//! |                   | `income/interest` | account           | the same, if it is paid        |
//!
//! An account that grows by debits is charged, one that grows by credits is paid. The first day is
//! included, the last one is not ([`crate::money::day_count`]).
//!
//! Without a principal the balance of each day bears the interest, as it stands by value dates; a
//! balance on the other side bears it the other way round. It is summed exactly over all days and
//! rounded once. The journal is read for it.
//!
//! Interest charged on `ar/<customer>` is an open item, a `charge` of the series `CH`. It is never
//! below zero: what a customer is owed is no receivable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accrued::{self, Stretch, Term};
use super::claim::{self, Claim};
use super::contract::JobKind;
use super::currency::Currency;
use super::fields::Id;
use super::invoice::lines::schema;
use super::invoice::order::not_before;
use super::postings::{open_account, role_account};
use crate::code::Code;
use crate::ids::AccountIndex;
use crate::ledger::plan::{Movement, booking_date, date};
use crate::ledger::{Book, Facts, Members, Plan, Rejection, Side, Value};
use crate::money::day_count::{CouponPeriod, DayCount};
use crate::money::{DecimalText, Minor, Ratio, Rounding, print_minor};
use crate::time::{Date, DateText};

/// The other side.
const INCOME: &str = "income/interest";
/// What the accounts of receivables begin with.
const RECEIVABLE: &str = "ar/";
/// Decimals that a part of a year is shown with.
const FRACTION_DECIMALS: u8 = 12;

/// Charge interest on an account, or pay it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// Account that is charged, or paid if it grows by credits.
    pub account: Id,
    /// What bears the interest, in the unit of the account. The balance of each day by value dates
    /// by default: the whole journal is read for it while other jobs wait.
    pub principal: Option<DecimalText>,
    /// Percent a year.
    pub rate: DecimalText,
    /// Day count convention: `ACT/360`, `ACT/365F`, `ACT/ACT.ISDA`, `ACT/ACT.ICMA`, `ACT/ACT.AFB`,
    /// `30/360`, `30E/360`.
    pub basis: Id,
    /// First day.
    pub from: DateText,
    /// Day after the last one.
    pub to: DateText,
    /// Coupon period, for `ACT/ACT.ICMA`.
    pub coupon_period: Option<Coupon>,
}

/// The coupon period that `ACT/ACT.ICMA` measures by.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coupon {
    /// First day.
    pub from: DateText,
    /// Day after the last one.
    pub to: DateText,
    /// Coupons a year.
    #[schemars(range(min = 1))]
    pub per_year: u16,
}

impl JobKind for Charge {
    const SUMMARY: &'static str = "Charge interest on an account, or pay it.";
    const EXAMPLE: &'static str = r#"{
        "account": "ar/cust-1",
        "principal": "10000.00",
        "rate": "10",
        "basis": "ACT/ACT.ISDA",
        "from": "2003-11-01",
        "to": "2004-05-01"
    }"#;
    const REFUSALS: &'static [Code] = &[
        Code::EntrySameAccount,
        Code::SeriesExhausted,
        Code::DocumentTotalNegative,
        Code::RateInvalid,
        Code::DayCountUnknown,
    ];

    fn options(&self) -> Result<(), Rejection> {
        match &self.coupon_period {
            None if &*self.basis == DayCount::ActActIcma.text() => {
                Err(schema("/coupon_period", "ACT/ACT.ICMA needs it"))
            }
            Some(coupon) if coupon.per_year == 0 => {
                Err(schema("/coupon_period/per_year", "one a year at the least"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.account)
    }

    fn place(&self, _account: &str) -> Option<String> {
        Some("/account".to_owned())
    }

    fn movements_needed(&self) -> Option<&str> {
        self.principal.is_none().then_some(&*self.account)
    }

    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection> {
        let (from, to, coupon) = self.dates()?;
        let booking = booking_date(None, "", facts, book)?;
        let known = book.accounts().by_name(&self.account);
        let unit = known.map_or("", |account| book.units().code(account.unit));
        let currency = Currency::of(book, unit);
        let principal = self.principal.as_ref();
        let principal = principal.map(|text| currency.positive(text, "/principal"));
        let principal = principal.transpose()?.map(Minor::from);
        let (_, rate) = accrued::rate(&self.rate, "/rate")?;
        let account = open_account(book, &self.account, "/account")?;
        let income = role_account(book, INCOME, "/account")?;
        let basis = accrued::basis(&self.basis, "/basis")?;
        let term = Term {
            basis,
            from,
            to,
            coupon,
        };
        let paid = known.is_some_and(|known| known.class.normal_side() == Side::Credit);
        let stretch = |(from, to, principal)| Stretch {
            from,
            to,
            principal,
            rate,
        };
        let movements = facts.movements.unwrap_or_default();
        let stretches: Vec<Stretch> = match principal {
            Some(principal) => vec![stretch((from, to, principal))],
            None => balances(movements, paid, (from, to)).map(stretch).collect(),
        };
        let interest = term.interest(&stretches);
        let interest = accrued::rounded(book, interest, "/principal")?;
        let charged = if paid { -interest } else { interest };
        check_sides(book, account, income, charged)?;
        let customer = self.customer(book)?;

        currency.check(booking, "/account")?;
        currency.check_account(book, income, "/account")?;
        if account == income {
            return Err(Rejection::new(Code::EntrySameAccount)
                .at("/account")
                .with_text("account", book.reference().role(INCOME)));
        }
        if customer.is_some() && charged < 0 {
            return Err(Rejection::new(Code::DocumentTotalNegative)
                .at("/account")
                .with_amount("total", charged, currency.decimals()));
        }
        if charged != 0 {
            // What stands against a document is undone through the document.
            plan.post(booking, booking).owned = customer.is_some();
            plan.signed_leg(account, Side::Debit, charged, "/principal")?;
            plan.signed_leg(income, Side::Credit, charged, "/principal")?;
        }
        if let (Some(customer), Some(known)) = (customer.filter(|_| charged != 0), known) {
            let claim = Claim {
                customer,
                unit: known.unit,
                currency: currency.code(),
                decimals: currency.decimals(),
                amount: charged,
                day: booking,
            };
            claim.open(book, plan, of_days(from, to), "/account")?;
        }
        plan.show("basis", Value::text(basis.text()));
        plan.show("days", Value::Int(term.days(from, to)));
        plan.show("fraction", shown_fraction(term.until(to)));
        plan.show("interest", Value::amount(interest, currency.decimals()));
        Ok(())
    }
}

impl Charge {
    /// Step 7: whose receivable is charged, if it is one; then there is a number for it.
    fn customer(&self, book: &Book) -> Result<Option<&str>, Rejection> {
        let customer = self.account.strip_prefix(RECEIVABLE);
        if customer.is_some() {
            Plan::check_series(book, claim::SERIES, "/account")?;
        }
        Ok(customer)
    }

    /// Step 5: the period, and the coupon period.
    fn dates(&self) -> Result<(Date, Date, Option<CouponPeriod>), Rejection> {
        let from = date(&self.from, "/from")?;
        let to = not_before(from, date(&self.to, "/to")?, "/to")?;
        let Some(coupon) = &self.coupon_period else {
            return Ok((from, to, None));
        };
        let path = "/coupon_period/to";
        let first = date(&coupon.from, "/coupon_period/from")?;
        let last = not_before(first, date(&coupon.to, path)?, path)?;
        if first == last {
            return Err(Rejection::new(Code::DateInvalid)
                .at(path)
                .with("value", Value::Date(last)));
        }
        let coupon = CouponPeriod {
            from: first,
            to: last,
            per_year: coupon.per_year,
        };
        Ok((from, to, Some(coupon)))
    }
}

/// The days of a charge, as its open item keeps them.
fn of_days(from: Date, to: Date) -> Members {
    vec![
        ("from".into(), Value::Date(from)),
        ("to".into(), Value::Date(to)),
    ]
}

/// The balances of a period by value dates, on the normal side of the account: from when, until
/// when, how much.
fn balances(
    movements: &[Movement],
    grows_by_credits: bool,
    (from, to): (Date, Date),
) -> impl Iterator<Item = (Date, Date, Minor)> {
    let sign = if grows_by_credits { -1 } else { 1 };
    let within = movements.iter().map(|(day, _)| *day);
    let within = within.filter(move |day| from < *day && *day < to);
    let starts: Vec<Date> = std::iter::once(from).chain(within).collect();
    let ends: Vec<Date> = starts.iter().skip(1).copied().chain([to]).collect();
    starts.into_iter().zip(ends).map(move |(start, end)| {
        let until = movements.iter().take_while(|(day, _)| *day <= start);
        let balance: Minor = until.map(|(_, moved)| *moved).sum();
        (start, end, balance * sign)
    })
}

/// Step 7, its end: neither side that is posted to is frozen.
fn check_sides(
    book: &Book,
    account: AccountIndex,
    income: AccountIndex,
    charged: Minor,
) -> Result<(), Rejection> {
    let (debit, credit) = match charged {
        0 => return Ok(()),
        1.. => (account, income),
        _below => (income, account),
    };
    for (account, side) in [(debit, Side::Debit), (credit, Side::Credit)] {
        book.check_usable(account, side)
            .map_err(|refusal| refusal.at("/account"))?;
    }
    Ok(())
}

/// A part of a year with its decimals, rounded for show.
fn shown_fraction(fraction: Option<Ratio>) -> Value {
    let scale = crate::money::minor::power_of_ten(FRACTION_DECIMALS).map(Ratio::whole);
    let scaled = fraction
        .zip(scale)
        .and_then(|(one, scale)| one.times(scale));
    let shown = scaled.map(|scaled| scaled.round(Rounding::HalfUp));
    Value::text(print_minor(shown.unwrap_or_default(), FRACTION_DECIMALS))
}
