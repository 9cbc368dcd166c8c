//! What each type of reference record must look like: those a book begins with, and the ones
//! that `reference.set` knows besides.
//!
//! A shape is checked once, when a record comes in; rules may trust it afterwards. What a record
//! means is the business of the rules that read it. Numbers with decimals are text, as everywhere.

use super::policy;
use super::reference::{PriceItem, PriceModel, Record, TaxCode, Tier};
use super::shape::{Node, ShapeFault};
use crate::limits::{SERIES_WIDTH_DEFAULT, WAITING_DAYS_MAX};
use crate::money::{Percent, Price, Quantity};
use crate::raw_json::RawJson;
use crate::time::CalendarRecord;

/// Categories of EN 16931 that a tax code may have.
pub const TAX_CATEGORIES: [&str; 7] = ["S", "Z", "E", "AE", "K", "G", "O"];

/// Modes of rounding.
const ROUNDINGS: [&str; 4] = ["half_up", "half_even", "down", "up"];
/// Longest retention that makes sense, in years.
const RETENTION_YEARS_MAX: u64 = 100;
/// Longest reserve, in days.
const RELEASE_DAYS_MAX: u64 = 3_660;
/// Oldest rate that a book may allow, in days: ten years, as those of a list that nobody changes.
const RATE_AGE_DAYS_MAX: u64 = 3_660;
/// Widest number of a series: more digits do not fit its counter.
pub const SERIES_WIDTH_MAX: u64 = 18;
/// Most legs that a book may allow an entry.
const LEGS_CONFIGURED_MAX: u64 = 100_000;

/// Whether a value has the shape of its record type; if not, where and why.
pub fn check(record: Record, value: &RawJson) -> Result<(), ShapeFault> {
    check_at(record, &Node::new(value.clone(), ""))
}

/// The same for a value that stands somewhere in a larger one.
pub fn check_at(record: Record, node: &Node) -> Result<(), ShapeFault> {
    match record {
        Record::Tax => tax_code(node).map(drop),
        Record::Rate => rate(node),
        Record::Price => price(node).map(drop),
        Record::Calendar => calendar(node),
        Record::Series => series(node).map(drop),
        Record::RoleAccount => role_account(node),
        Record::Policy => policy::rules(node).map(drop),
        Record::User => node.list()?.iter().try_for_each(|role| role.id().map(drop)),
        Record::FeePlan => fee_plan(node),
        Record::Retention => retention(node),
        Record::Rounding => node.word(&ROUNDINGS).map(drop),
        Record::Usage => only(node, "period", |node| {
            node.word(&["job", "month"]).map(drop)
        }),
        Record::Proration => only(node, "net_rounding", |node| {
            node.word(&["per_line", "difference"]).map(drop)
        }),
        Record::WriteOff => only(node, "limit_without_approval", |node| {
            node.not_negative().map(drop)
        }),
        Record::Reconciliation => only(node, "tolerance", tolerance),
        Record::Reserve => reserve(node),
        Record::Screening => screening(node),
        Record::PanPolicy => node.word(&["reject", "mask", "off"]).map(drop),
        Record::UniqueReference => node.bool().map(drop),
        Record::LegsMax => node.whole(2, LEGS_CONFIGURED_MAX).map(drop),
        Record::BookCalendar => node.id().map(drop),
        Record::LastDocument => last_document(node),
        Record::RateGuard => rate_guard(node),
        Record::Allowances => node.word(&["role", "net"]).map(drop),
        Record::HoldDays => node.names()?.iter().try_for_each(|(_prefix, days)| {
            let most = u64::try_from(WAITING_DAYS_MAX).unwrap_or_default();
            days.whole(1, most).map(drop)
        }),
        Record::HardClose => only(node, "suspense_max", |node| {
            let bounds = node.names()?;
            let mut bounds = bounds.iter();
            bounds.try_for_each(|(_unit, bound)| bound.not_negative().map(drop))
        }),
    }
}

/// A tax code.
pub fn tax_code(node: &Node) -> Result<TaxCode, ShapeFault> {
    let mut members = node.object()?;
    let category = members.need("category")?.word(&TAX_CATEGORIES)?;
    let rate = members.need("rate")?;
    let number = rate.decimal()?;
    let percent = percent(&rate)?;
    let reason = members.optional("reason", Node::text)?;
    let from = members.optional("from", Node::date)?;
    let to = members.optional("to", Node::date)?;
    let account = members.optional("account", Node::account)?;
    let revenue = members.optional("revenue", Node::id)?;
    members.end()?;
    Ok(TaxCode {
        category: category.into(),
        rate: percent,
        rate_text: number.to_string().into(),
        reason: reason.map(Into::into),
        from,
        to,
        account: account.map(Into::into),
        revenue: revenue.map(Into::into),
    })
}

/// A series: the next number (1) and how many digits it has (6).
pub fn series(node: &Node) -> Result<(u64, u8), ShapeFault> {
    let mut members = node.object()?;
    let width = members.optional("width", |node| node.whole(1, SERIES_WIDTH_MAX))?;
    let width = width.and_then(|width| u8::try_from(width).ok());
    let width = width.unwrap_or(SERIES_WIDTH_DEFAULT);
    let last = 10_u64.saturating_pow(u32::from(width)).saturating_sub(1);
    // One beyond the last is a series that has given everything it had.
    let next = members.optional("next", |node| node.whole(1, last.saturating_add(1)))?;
    members.end()?;
    Ok((next.unwrap_or(1), width))
}

fn percent(node: &Node) -> Result<Percent, ShapeFault> {
    let number = node.not_negative()?;
    Percent::not_negative(number).map_err(|_bound| node.fault("expected a percentage"))
}

fn rate(node: &Node) -> Result<(), ShapeFault> {
    for version in node.list()? {
        let mut members = version.object()?;
        members.need("from")?.date()?;
        // A base rate was below zero for years.
        let rate = members.need("rate")?;
        Percent::new(rate.decimal()?).map_err(|_bound| rate.fault("expected a percentage"))?;
        members.end()?;
    }
    Ok(())
}

/// An item of the price list.
pub fn price(node: &Node) -> Result<PriceItem, ShapeFault> {
    let mut members = node.object()?;
    let currency = members.need("currency")?.id()?;
    let words = PriceModel::ALL.map(PriceModel::text);
    let word = members.need("model")?.word(&words)?;
    let model = PriceModel::ALL
        .into_iter()
        .find(|model| model.text() == word);
    let model = model.unwrap_or(PriceModel::PerUnit);
    let tiers = members.need("tiers")?;
    let tax = members.optional("tax", Node::id)?;
    let revenue = members.optional("revenue", Node::id)?;
    let included = members.optional("included", quantity)?;
    let minimum = members.optional("minimum", unit_price)?;
    members.end()?;
    let list = tiers.list()?;
    let one_only = matches!(model, PriceModel::PerUnit | PriceModel::Package);
    if list.is_empty() || one_only && list.len() > 1 {
        let one = "this model has one tier";
        let some = "expected one tier at least";
        return Err(tiers.fault(if one_only { one } else { some }));
    }
    let mut read: Vec<Tier> = Vec::with_capacity(list.len());
    for (at, node) in list.iter().enumerate() {
        let tier = tier(node)?;
        let before = read.last().and_then(|tier| tier.up_to);
        let ascends = match (before, tier.up_to) {
            (_, None) => list.len() == at.saturating_add(1),
            (None, Some(up_to)) => up_to.is_positive(),
            (Some(before), Some(up_to)) => up_to > before,
        };
        if !ascends {
            return Err(node.fault("tiers ascend from 0, and only the last has no up_to"));
        }
        read.push(tier);
    }
    Ok(PriceItem {
        currency: currency.into(),
        model,
        tiers: read,
        included,
        minimum,
        tax: tax.map(Into::into),
        revenue: revenue.map(Into::into),
    })
}

fn tier(node: &Node) -> Result<Tier, ShapeFault> {
    let mut members = node.object()?;
    let tier = Tier {
        up_to: members.optional("up_to", quantity)?,
        price: unit_price(&members.need("price")?)?,
        flat: members.optional("flat", unit_price)?,
    };
    members.end()?;
    Ok(tier)
}

fn quantity(node: &Node) -> Result<Quantity, ShapeFault> {
    let read = Quantity::not_negative(node.decimal()?);
    read.map_err(|_bound| node.fault("expected a quantity of 0 or more"))
}

fn unit_price(node: &Node) -> Result<Price, ShapeFault> {
    let read = Price::not_negative(node.decimal()?);
    read.map_err(|_bound| node.fault("expected a price of 0 or more"))
}

fn calendar(node: &Node) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    let base = members.optional("base", Node::id)?;
    let weekends = members.optional("weekends", |node| {
        let days = node.list()?;
        days.iter()
            .map(|day| day.whole(1, 7))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let closed = members.optional("closed", |node| {
        let days = node.list()?;
        days.iter().map(Node::date).collect::<Result<Vec<_>, _>>()
    })?;
    members.end()?;
    let days = |days: Vec<u64>| days.into_iter().map(|day| i8::try_from(day).unwrap_or(0));
    let record = CalendarRecord {
        base,
        weekends: weekends.map(|list| days(list).collect()),
        closed: closed.map(|list| list.iter().map(ToString::to_string).collect()),
    };
    record.calendar().map(drop).map_err(|what| node.fault(what))
}

fn role_account(node: &Node) -> Result<(), ShapeFault> {
    only(node, "account", |node| node.account().map(drop))
}

fn fee_plan(node: &Node) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    percent(&members.need("percent")?)?;
    members.need("fixed")?.not_negative()?;
    members.need("returned_on_refund")?.bool()?;
    members.end()
}

fn retention(node: &Node) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    for name in ["booking_voucher_years", "books_years"] {
        members.optional(name, |node| node.whole(1, RETENTION_YEARS_MAX))?;
    }
    members.end()
}

fn tolerance(node: &Node) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    members.need("amount")?.not_negative()?;
    members.need("to")?.account()?;
    members.end()
}

fn reserve(node: &Node) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    percent(&members.need("percent")?)?;
    members.need("basis")?.word(&["gross_sales"])?;
    members.need("release_days")?.whole(0, RELEASE_DAYS_MAX)?;
    members.end()
}

fn screening(node: &Node) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    for kind in members.need("kinds")?.list()? {
        kind.id()?;
    }
    members.optional("on_unknown", |node| node.word(&["park", "reject"]))?;
    members.end()
}

fn last_document(node: &Node) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    members.need("subject")?.id()?;
    members.need("kind")?.id()?;
    members.need("date")?.date()?;
    members.end()
}

/// Bounds of exchange rates.
fn rate_guard(node: &Node) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    members.optional("age_days_max", |node| node.whole(0, RATE_AGE_DAYS_MAX))?;
    members.optional("deviation_percent_max", percent)?;
    members.end()
}

/// An object with one member that must be there.
fn only(
    node: &Node,
    name: &str,
    read: impl FnOnce(&Node) -> Result<(), ShapeFault>,
) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    read(&members.need(name)?)?;
    members.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(record: Record, value: &str) -> String {
        match check(record, &RawJson::new(value)) {
            Ok(()) => "fits".to_owned(),
            Err(fault) => fault.path,
        }
    }

    #[test]
    fn shapes_of_the_catalogue_fit() {
        let fitting = [
            (
                Record::Tax,
                r#"{"category":"E","rate":"0","reason":"exempt"}"#,
            ),
            (
                Record::Tax,
                r#"{"category":"S","rate":"19","from":"2021-01-01","account":"tax/x"}"#,
            ),
            (
                Record::Rate,
                r#"[{"from":"2025-01-01","rate":"2.27"},{"from":"2016-07-01","rate":"-0.88"}]"#,
            ),
            (
                Record::Price,
                r#"{"currency":"USD","model":"graduated","tiers":[{"up_to":"1000","price":"0.01"},
                    {"up_to":"10000","price":"0.008"},{"price":"0.005"}]}"#,
            ),
            (
                Record::Calendar,
                r#"{"base":"TARGET","closed":["2026-12-24"]}"#,
            ),
            (Record::Calendar, r#"{"weekends":[5,6]}"#),
            (Record::Series, r#"{"next":1,"width":6}"#),
            (Record::Series, r#"{"next":1000000,"width":6}"#),
            (Record::RoleAccount, r#"{"account":"rev/services"}"#),
            (Record::User, r#"["clerk","closing"]"#),
            (
                Record::FeePlan,
                r#"{"percent":"2.9","fixed":"0.30","returned_on_refund":false}"#,
            ),
            (
                Record::Retention,
                r#"{"booking_voucher_years":8,"books_years":10}"#,
            ),
            (Record::Rounding, r#""half_even""#),
            (Record::Usage, r#"{"period":"job"}"#),
            (Record::Proration, r#"{"net_rounding":"per_line"}"#),
            (Record::WriteOff, r#"{"limit_without_approval":"150.00"}"#),
            (
                Record::Reconciliation,
                r#"{"tolerance":{"amount":"2.00","to":"exp/bank_fees"}}"#,
            ),
            (
                Record::Reserve,
                r#"{"percent":"10","basis":"gross_sales","release_days":90}"#,
            ),
            (
                Record::Screening,
                r#"{"kinds":["payout.settle"],"on_unknown":"park"}"#,
            ),
            (Record::PanPolicy, r#""mask""#),
            (
                Record::RateGuard,
                r#"{"age_days_max":30,"deviation_percent_max":"7.5"}"#,
            ),
            (Record::RateGuard, "{}"),
            (Record::Allowances, r#""net""#),
            (Record::HoldDays, r#"{"card/":3,"card/hotel/":30}"#),
            (Record::HardClose, r#"{"suspense_max":{"EUR":"5.00"}}"#),
            (
                Record::LastDocument,
                r#"{"subject":"c","kind":"invoice","date":"2025-03-14"}"#,
            ),
        ];
        for (record, value) in fitting {
            assert_eq!(fault(record, value), "fits", "{value}");
        }
    }

    #[test]
    fn mistakes_have_their_place() {
        let unfit = [
            (Record::Tax, r#"{"category":"X","rate":"19"}"#, "/category"),
            (Record::Tax, r#"{"category":"S","rate":19}"#, "/rate"),
            (Record::Tax, r#"{"category":"S","rate":"-1"}"#, "/rate"),
            (Record::Tax, r#"{"category":"S"}"#, ""),
            (
                Record::Tax,
                r#"{"category":"S","rate":"19","from":"2026-02-30"}"#,
                "/from",
            ),
            (
                Record::Tax,
                r#"{"category":"S","rate":"19","vat":1}"#,
                "/vat",
            ),
            (Record::Rate, r#"[{"from":"2025-01-01"}]"#, "/0"),
            (
                Record::Rate,
                r#"[{"from":"2025-01-01","rate":"x"}]"#,
                "/0/rate",
            ),
            (
                Record::Price,
                r#"{"currency":"EUR","model":"volume","tiers":[]}"#,
                "/tiers",
            ),
            (
                Record::Price,
                r#"{"currency":"EUR","model":"volume","tiers":[{"price":"1"},{"price":"2"}]}"#,
                "/tiers/0",
            ),
            (
                Record::Price,
                r#"{"currency":"EUR","model":"volume",
                    "tiers":[{"up_to":"5","price":"1"},{"up_to":"5.0","price":"2"}]}"#,
                "/tiers/1",
            ),
            (Record::Calendar, r#"{"base":"MOON"}"#, ""),
            (Record::Calendar, r#"{"weekends":[8]}"#, "/weekends/0"),
            (Record::Series, r#"{"next":0,"width":6}"#, "/next"),
            (Record::Series, r#"{"next":1,"width":19}"#, "/width"),
            (Record::Series, r#"{"next":1000001,"width":6}"#, "/next"),
            (Record::RoleAccount, r#"{"account":"A B"}"#, "/account"),
            (Record::User, r#"["clerk",1]"#, "/1"),
            (Record::FeePlan, r#"{"percent":"2.9","fixed":"0.30"}"#, ""),
            (Record::Retention, r#"{"books_years":0}"#, "/books_years"),
            (Record::Rounding, r#""floor""#, ""),
            (
                Record::Reconciliation,
                r#"{"tolerance":{"amount":"2.00","to":""}}"#,
                "/tolerance/to",
            ),
            (
                Record::Reserve,
                r#"{"percent":"10","basis":"net","release_days":90}"#,
                "/basis",
            ),
            (
                Record::Screening,
                r#"{"kinds":["x"],"on_unknown":"wait"}"#,
                "/on_unknown",
            ),
        ];
        for (record, value, path) in unfit {
            assert_eq!(fault(record, value), path, "{value}");
        }
    }

    #[test]
    fn mistakes_of_settings_have_their_place() {
        let unfit = [
            (
                Record::HardClose,
                r#"{"suspense_max":{"EUR":"-1"}}"#,
                "/suspense_max/EUR",
            ),
            (Record::HoldDays, r#"{"card/":401}"#, "/card~1"),
            (Record::Allowances, r#""gross""#, ""),
            (Record::RateGuard, r#"{"age_days_max":-1}"#, "/age_days_max"),
            (
                Record::RateGuard,
                r#"{"deviation_percent_max":7}"#,
                "/deviation_percent_max",
            ),
        ];
        for (record, value, path) in unfit {
            assert_eq!(fault(record, value), path, "{value}");
        }
    }
}
