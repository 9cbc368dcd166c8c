//! Documents from before the first job: open items, invoices, subscriptions.
//!
//! Their amounts stand in the openings of `ar/<customer>`; nothing is posted for them.

use super::Setup;
use super::accounts::Chart;
use crate::ids::UnitIndex;
use crate::jobs::receivable::DISPUTED;
use crate::ledger::book::BUILT_IN_SERIES;
use crate::ledger::effect::{DocumentChange, Effect};
use crate::ledger::records;
use crate::ledger::reference::{Record, TaxCode};
use crate::ledger::series::Series;
use crate::ledger::shape::{Members, Node, ShapeFault};
use crate::ledger::value::Members as Shown;
use crate::ledger::{DocumentKind, DocumentState, Value};
use crate::limits::SERIES_WIDTH_DEFAULT;
use crate::money::{Minor, Price};
use crate::time::Date;

/// The built-in series that gives numbers to invoices.
const BILLS: &str = "INV";
/// States that an invoice may begin in.
const INVOICE_STATES: [DocumentState; 5] = [
    DocumentState::Open,
    DocumentState::PartlyPaid,
    DocumentState::Paid,
    DocumentState::Credited,
    DocumentState::WrittenOff,
];
/// Their words.
const INVOICE_WORDS: [&str; 5] = ["open", "partly_paid", "paid", "credited", "written_off"];

/// Read every member that lists documents.
pub(super) fn read(
    members: &mut Members,
    chart: &mut Chart,
    parts: &mut Setup,
) -> Result<(), ShapeFault> {
    if let Some(node) = members.take("open_items") {
        for item in node.list()? {
            open_item(&item, chart, parts)?;
        }
    }
    if let Some(node) = members.take("invoices") {
        for (number, invoice) in node.names()? {
            one_invoice(&number, &invoice, chart, parts)?;
        }
    }
    if let Some(node) = members.take("subscriptions") {
        for (id, terms) in node.names()? {
            subscription(&id, &terms, chart, parts)?;
        }
    }
    Ok(())
}

/// An invoice of which only the open amount is known; it has no tax.
fn open_item(node: &Node, chart: &Chart, parts: &mut Setup) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    let number = members.need("document")?.id()?;
    let customer = members.need("customer")?;
    let open = members.need("open")?;
    let due = members.optional("due", Node::date)?;
    let disputed = members.optional(DISPUTED, Node::bool)?;
    members.end()?;
    let invoice = Invoice::of(&customer, chart)?;
    let open = positive_or_zero(&open, chart, invoice.unit)?;
    let state = if open == 0 {
        DocumentState::Paid
    } else {
        DocumentState::Open
    };
    let figures = Figures {
        net: open,
        tax: 0,
        gross: open,
    };
    let shown = invoice.shown(due, disputed, figures, Vec::new());
    let change = invoice.document(&number, due, state, open, shown);
    begin(node, change, parts)
}

/// An invoice with one tax group, or without tax.
fn one_invoice(
    number: &str,
    node: &Node,
    chart: &Chart,
    parts: &mut Setup,
) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    let customer = members.need("customer")?;
    let tax_code = members.take("tax_code");
    let due = members.optional("due", Node::date)?;
    let amounts = ["net", "tax", "gross", "open"].map(|name| members.need(name));
    let word = members.need("state")?.word(&INVOICE_WORDS)?;
    let disputed = members.optional(DISPUTED, Node::bool)?;
    members.end()?;
    let invoice = Invoice::of(&customer, chart)?;
    let mut minor = [0; 4];
    for (minor, node) in minor.iter_mut().zip(amounts) {
        *minor = positive_or_zero(&node?, chart, invoice.unit)?;
    }
    let [net, tax, gross, open] = minor;
    if net + tax != gross || open > gross {
        return Err(node.fault("net and tax make gross, and open is not above it"));
    }
    let states = INVOICE_STATES.iter().find(|state| state.text() == word);
    let state = states.copied().unwrap_or(DocumentState::Open);
    if (state == DocumentState::Open) != (open == gross) && gross != 0
        || matches!(state, DocumentState::Paid) && open != 0
    {
        return Err(node.fault("open means wholly unpaid, and paid that nothing is open"));
    }
    let groups = match tax_code {
        None if tax != 0 => return Err(node.fault("a tax needs its tax_code")),
        None => Vec::new(),
        Some(tax_code) => {
            let code = tax_code.id()?;
            let record = configured_tax(&code, parts)
                .ok_or_else(|| tax_code.fault("taxes has no code of this name"))?;
            vec![tax_group(&code, &record, net, tax, invoice.decimals)]
        }
    };
    let figures = Figures { net, tax, gross };
    let shown = invoice.shown(due, disputed, figures, groups);
    let change = invoice.document(number, due, state, open, shown);
    begin(node, change, parts)
}

/// What a subscription costs before its first renewal.
fn subscription(
    id: &str,
    node: &Node,
    chart: &mut Chart,
    parts: &mut Setup,
) -> Result<(), ShapeFault> {
    let mut members = node.object()?;
    let customer = members.need("customer")?.id()?;
    let currency = members.need("currency")?;
    let price = members.need("price")?;
    let tax = members.optional("tax", Node::id)?;
    let revenue = members.optional("revenue", Node::id)?;
    members.end()?;
    let unit = chart.unit(&currency, parts)?;
    let number = price.decimal()?;
    Price::not_negative(number).map_err(|_bound| price.fault("expected a price of 0 or more"))?;
    let mut set: Shown = vec![
        ("customer".into(), Value::text(customer.clone())),
        ("currency".into(), Value::text(chart.code(unit).to_owned())),
        ("price".into(), Value::text(number.to_string())),
    ];
    let optional = [("tax", tax), ("revenue", revenue)];
    let named = optional
        .into_iter()
        .filter_map(|(name, text)| Some((name.into(), Value::text(text?))));
    set.extend(named);
    let change = DocumentChange {
        number: id.into(),
        kind: DocumentKind::Subscription,
        state: DocumentState::Active,
        version: 1,
        unit,
        party: customer.into(),
        due: None,
        open: 0,
        set,
    };
    begin(node, change, parts)
}

/// Begin a document, unless its number is taken.
fn begin(node: &Node, change: DocumentChange, parts: &mut Setup) -> Result<(), ShapeFault> {
    let (number, kind) = (&change.number, change.kind);
    let same = |one: &Effect| {
        matches!(one, Effect::Document(other)
            if other.number == *number && other.kind.shares_names_with(kind))
    };
    if parts.effects.iter().any(same) {
        return Err(node.fault("another document has this number"));
    }
    if kind == DocumentKind::Invoice && is_to_be_given(number, parts) {
        return Err(node.fault("a series of the book's own will give this number"));
    }
    parts.effects.push(Effect::Document(Box::new(change)));
    Ok(())
}

/// Whether a built-in series gives a number to a document of another kind, now or later. Whoever
/// issues invoices looks for himself.
fn is_to_be_given(number: &str, parts: &Setup) -> bool {
    let Some((series, digits)) = number.rsplit_once('-') else {
        return false;
    };
    let Ok(count) = digits.parse::<u64>() else {
        return false;
    };
    let configured = parts.effects.iter().find_map(|effect| {
        let Effect::Series { name, next, width } = effect else {
            return None;
        };
        (**name == *series).then_some((*next, *width))
    });
    let (next, width) = configured.unwrap_or((1, SERIES_WIDTH_DEFAULT));
    let known = Series::starting_at(next, width);
    let is_its = BUILT_IN_SERIES.contains(&series) && series != BILLS;
    let is_ahead = next <= count && count <= known.last_possible();
    is_its && is_ahead && known.print(series, count) == number
}

fn positive_or_zero(node: &Node, chart: &Chart, unit: UnitIndex) -> Result<Minor, ShapeFault> {
    node.not_negative()?;
    chart.amount(node, unit).map(Minor::from)
}

fn configured_tax(code: &str, parts: &Setup) -> Option<TaxCode> {
    parts.effects.iter().find_map(|effect| {
        let Effect::Reference {
            record: Record::Tax,
            name,
            value,
            ..
        } = effect
        else {
            return None;
        };
        let node = Node::new(value.clone(), "");
        let found = &**name == code;
        found.then(|| records::tax_code(&node).ok()).flatten()
    })
}

fn tax_group(code: &str, record: &TaxCode, base: Minor, tax: Minor, decimals: u8) -> Value {
    let mut group: Shown = vec![
        ("tax".into(), Value::text(code.to_owned())),
        ("category".into(), Value::text(record.category.to_string())),
        ("rate".into(), Value::text(record.rate_text.to_string())),
    ];
    if let Some(reason) = &record.reason {
        group.push(("reason".into(), Value::text(reason.to_string())));
    }
    if let Some(account) = &record.account {
        group.push(("account".into(), Value::text(account.to_string())));
    }
    group.push(("base".into(), Value::amount(base, decimals)));
    group.push(("amount".into(), Value::amount(tax, decimals)));
    Value::Object(group)
}

/// Totals of an invoice.
#[derive(Clone, Copy)]
struct Figures {
    net: Minor,
    tax: Minor,
    gross: Minor,
}

/// Whose invoice it is, and in which unit.
struct Invoice {
    customer: String,
    currency: String,
    unit: UnitIndex,
    decimals: u8,
}

impl Invoice {
    /// The unit is that of the customer's receivables.
    fn of(customer: &Node, chart: &Chart) -> Result<Self, ShapeFault> {
        let name = customer.id()?;
        let (_, unit) = chart
            .account(&format!("ar/{name}"), customer)
            .map_err(|_none| customer.fault("accounts has no account ar/… of this customer"))?;
        Ok(Self {
            customer: name,
            currency: chart.code(unit).to_owned(),
            unit,
            decimals: chart.decimals(unit),
        })
    }

    /// The members that an invoice issued by a job would have, as far as they are known.
    fn shown(
        &self,
        due: Option<Date>,
        disputed: Option<bool>,
        figures: Figures,
        groups: Vec<Value>,
    ) -> Shown {
        let amount = |minor: Minor| Value::amount(minor, self.decimals);
        let mut set: Shown = vec![
            ("customer".into(), Value::text(self.customer.clone())),
            ("currency".into(), Value::text(self.currency.clone())),
        ];
        if let Some(due) = due {
            set.push(("due_date".into(), Value::Date(due)));
        }
        if disputed == Some(true) {
            set.push((DISPUTED.into(), Value::Bool(true)));
        }
        let figures: [(&'static str, Value); 11] = [
            ("sum_lines", amount(figures.net)),
            ("allowances", amount(0)),
            ("charges", amount(0)),
            ("tax_exclusive", amount(figures.gross - figures.tax)),
            ("tax", Value::List(groups)),
            ("tax_inclusive", amount(figures.gross)),
            ("total", amount(figures.gross)),
            ("payable", amount(figures.gross)),
            ("credit_applied", amount(0)),
            ("credited", amount(0)),
            ("rounding", amount(0)),
        ];
        let named = figures
            .into_iter()
            .map(|(name, value)| (name.into(), value));
        set.extend(named);
        set
    }

    fn document(
        self,
        number: &str,
        due: Option<Date>,
        state: DocumentState,
        open: Minor,
        set: Shown,
    ) -> DocumentChange {
        DocumentChange {
            number: number.into(),
            kind: DocumentKind::Invoice,
            state,
            version: 1,
            unit: self.unit,
            party: self.customer.into(),
            due,
            open,
            set,
        }
    }
}
