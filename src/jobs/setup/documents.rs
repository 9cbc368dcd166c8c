//! Members that become documents: what was open before kontor took over.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::accounts::Chart;
use super::{Setup, SetupFault, fault};
use crate::ids::UnitIndex;
use crate::ledger::effect::DocumentChange;
use crate::ledger::{DocumentKind, DocumentState, Effect, Members, Value};
use crate::money::DecimalText;
use crate::money::minor::{minor_or_zero, signed_minor};
use crate::raw_json::RawJson;
use crate::time::{Date, DateText};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenItem {
    document: String,
    customer: String,
    open: DecimalText,
    due: Option<DateText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invoice {
    customer: String,
    tax_code: Option<String>,
    net: DecimalText,
    tax: DecimalText,
    gross: DecimalText,
    open: DecimalText,
    state: String,
    due: Option<DateText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscription {
    customer: String,
    currency: String,
    price: DecimalText,
    tax: Option<String>,
    revenue: Option<String>,
}

/// Invoices without tax, in the unit of `ar/<customer>`.
pub(super) fn open_items(
    value: &RawJson,
    chart: &Chart,
    setup: &mut Setup,
) -> Result<(), SetupFault> {
    let rows: Vec<OpenItem> = value.read().map_err(|what| fault("open_items", what))?;
    for (at, row) in rows.iter().enumerate() {
        let member = |name: &str| format!("open_items[{at}].{name}");
        let (unit, decimals) = receivable(chart, &row.customer, &member("customer"))?;
        let open = amount(&row.open, decimals, &member("open"))?;
        let due = date(row.due.as_ref(), &member("due"))?;
        let whole = Value::amount(open, decimals);
        let mut set = vec![
            ("customer".into(), Value::text(row.customer.clone())),
            ("total".into(), whole.clone()),
            ("tax_inclusive".into(), whole.clone()),
            ("payable".into(), whole),
        ];
        set.extend(due.map(|due| ("due_date".into(), Value::Date(due))));
        let state = if open == 0 {
            DocumentState::Paid
        } else {
            DocumentState::Open
        };
        setup.effects.push(invoice(
            &row.document,
            state,
            unit,
            &row.customer,
            due,
            open,
            set,
        ));
    }
    Ok(())
}

/// Invoices with one tax group.
pub(super) fn invoices(
    value: &RawJson,
    chart: &Chart,
    setup: &mut Setup,
) -> Result<(), SetupFault> {
    let rows: BTreeMap<String, Invoice> = value.read().map_err(|what| fault("invoices", what))?;
    for (number, row) in &rows {
        let member = |name: &str| format!("invoices.{number}.{name}");
        let (unit, decimals) = receivable(chart, &row.customer, &member("customer"))?;
        let minor = |text: &DecimalText, name: &str| amount(text, decimals, &member(name));
        let [net, tax, gross, open] = [
            minor(&row.net, "net")?,
            minor(&row.tax, "tax")?,
            minor(&row.gross, "gross")?,
            minor(&row.open, "open")?,
        ];
        if net.checked_add(tax) != Some(gross) || open > gross {
            return Err(fault(
                member("gross"),
                "net and tax must add up to it, and open not exceed it",
            ));
        }
        let state = DocumentState::ALL
            .iter()
            .find(|state| state.text() == row.state)
            .ok_or_else(|| fault(member("state"), "no such state"))?;
        let due = date(row.due.as_ref(), &member("due"))?;
        let shown = |minor: i128| Value::amount(minor, decimals);
        let group = vec![
            (
                "tax".into(),
                Value::text(row.tax_code.clone().unwrap_or_default()),
            ),
            ("base".into(), shown(net)),
            ("amount".into(), shown(tax)),
        ];
        let set = vec![
            ("customer".into(), Value::text(row.customer.clone())),
            ("tax_exclusive".into(), shown(net)),
            ("tax".into(), Value::List(vec![Value::Object(group)])),
            ("tax_inclusive".into(), shown(gross)),
            ("total".into(), shown(gross)),
            ("payable".into(), shown(gross)),
            ("paid".into(), shown(gross - open)),
            ("credited".into(), shown(0)),
        ];
        setup
            .effects
            .push(invoice(number, *state, unit, &row.customer, due, open, set));
    }
    Ok(())
}

/// Subscriptions that run already.
pub(super) fn subscriptions(
    value: &RawJson,
    chart: &Chart,
    setup: &mut Setup,
) -> Result<(), SetupFault> {
    let rows: BTreeMap<String, Subscription> =
        value.read().map_err(|what| fault("subscriptions", what))?;
    for (number, row) in &rows {
        let member = |name: &str| format!("subscriptions.{number}.{name}");
        let (unit, decimals) = chart
            .unit(&row.currency)
            .ok_or_else(|| fault(member("currency"), "no account has this unit"))?;
        let price = row
            .price
            .number()
            .ok()
            .and_then(|number| signed_minor(number, decimals).ok());
        let price = price.ok_or_else(|| fault(member("price"), "not an amount of the currency"))?;
        let mut set = vec![
            ("customer".into(), Value::text(row.customer.clone())),
            ("currency".into(), Value::text(row.currency.clone())),
            ("price".into(), Value::amount(price, decimals)),
        ];
        let texts = [("tax", &row.tax), ("revenue", &row.revenue)];
        for (name, text) in texts {
            set.extend(text.clone().map(|text| (name.into(), Value::text(text))));
        }
        setup
            .effects
            .push(Effect::Document(Box::new(DocumentChange {
                number: number.as_str().into(),
                kind: DocumentKind::Subscription,
                state: DocumentState::Active,
                version: 1,
                unit,
                party: row.customer.as_str().into(),
                due: None,
                open: 0,
                set,
            })));
    }
    Ok(())
}

fn receivable(chart: &Chart, customer: &str, member: &str) -> Result<(UnitIndex, u8), SetupFault> {
    let account = format!("ar/{customer}");
    chart
        .unit_of(&account)
        .ok_or_else(|| fault(member, format!("the book has no account {account}")))
}

fn amount(text: &DecimalText, decimals: u8, member: &str) -> Result<i128, SetupFault> {
    let minor = text
        .number()
        .ok()
        .and_then(|number| minor_or_zero(number, decimals).ok());
    minor
        .map(i128::from)
        .ok_or_else(|| fault(member, "not an amount of the account's unit"))
}

fn date(text: Option<&DateText>, member: &str) -> Result<Option<Date>, SetupFault> {
    match text {
        None => Ok(None),
        Some(text) => text
            .date()
            .map(Some)
            .ok_or_else(|| fault(member, "not a date")),
    }
}

fn invoice(
    number: &str,
    state: DocumentState,
    unit: UnitIndex,
    customer: &str,
    due: Option<Date>,
    open: i128,
    set: Members,
) -> Effect {
    Effect::Document(Box::new(DocumentChange {
        number: number.into(),
        kind: DocumentKind::Invoice,
        state,
        version: 1,
        unit,
        party: customer.into(),
        due,
        open,
        set,
    }))
}
