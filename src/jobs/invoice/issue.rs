//! The rule of `invoice.issue`: the checks in their order, then entry, number, document, natural
//! key. What other kinds bill goes the same way from [`bill`] on.
//!
//! What a document remembers for the jobs that come later, beside what people read on it:
//!
//! | Member                               | Holds                                           |
//! |--------------------------------------|-------------------------------------------------|
//! | `tax`                                | code, category, rate, base, amount of each group |
//! | `tax_rounding`, `tax_rounding_mode`  | how it was rounded                              |
//! | `revenue`                            | account, tax code and net of what was credited  |
//! | `allowances_account`, `charges_account` | accounts of both, if their roles have some  |
//! | `allowances_net`                     | what of the allowances is off the revenue       |
//! | `rate`                               | base, quote and rate of a foreign currency      |
//! | `terms.discount`                     | days, percent, and the last value date `until`  |
//! | `deferred`                           | what of the revenue is earned later, by line    |
//!
//! `deferred` is for the revenue kinds: a list with one object for each line whose revenue is
//! earned later. Nothing but the credit to its `account` has been posted for it.
//!
//! | Member       | Holds                                                               |
//! |--------------|---------------------------------------------------------------------|
//! | `line`       | place of the line, from 1                                           |
//! | `account`    | where the revenue waits                                             |
//! | `revenue`    | name of the account that earns it; whether it is open is not checked |
//! | `from`       | first day                                                           |
//! | `to`         | last day, included; or                                              |
//! | `months`     | how many months from that day                                       |
//! | `amount`     | net, in the currency of the document                                |
//! | `functional` | net as it was posted, if that was in the functional unit            |

use super::Issue;
use super::draft::{Draft, Group};
use super::order::{Order, Until};
use crate::code::Code;
use crate::ids::{Hash128, UnitIndex};
use crate::jobs::billing::{Bill, Totals};
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::echo;
use crate::ledger::value::member;
use crate::ledger::{
    Book, Document, DocumentKind, DocumentState, Facts, Members, Plan, Rejection, Value,
};
use crate::money::Minor;

/// The roles of a document's allowances and charges, and the members that name their accounts.
pub(crate) const EXTRAS: [(&str, &str); 2] = [
    ("rev/allowances", "allowances_account"),
    ("rev/charges", "charges_account"),
];

/// Member of an invoice: what of its allowances its revenue was lessened by.
pub(crate) const ALLOWANCES_NET: &str = "allowances_net";

/// Member of what an invoice keeps of its revenue: the account that earned it before it was billed.
pub(crate) const EARNED: &str = "earned";

/// What an invoice earned, by tax code: the account, the code, how much. What was earned before it
/// was billed stands under the account that earned it, not under the one in which it waited.
pub(crate) fn revenue_of(invoice: &Document) -> impl Iterator<Item = (&str, &str, Minor)> {
    let list = match invoice.member("revenue") {
        Some(Value::List(list)) => list.as_slice(),
        Some(_) | None => &[],
    };
    list.iter().filter_map(|one| {
        let Value::Object(members) = one else {
            return None;
        };
        let text = |name: &str| match member(members, name) {
            Some(Value::Text(text)) => Some(&**text),
            Some(_) | None => None,
        };
        let account = text(EARNED).or(text("account"));
        let amount = member(members, "amount").and_then(Value::minor)?;
        Some((
            account.unwrap_or_default(),
            text("tax").unwrap_or_default(),
            amount,
        ))
    })
}

pub(super) fn plan(
    job: &Issue,
    facts: &Facts<'_>,
    book: &Book,
    plan: &mut Plan,
) -> Result<(), Rejection> {
    let mut order = Order::read(job, facts, book)?;
    order.natural = natural_key(job, facts, book)?;
    if job.from_usage == Some(true) {
        order.add_usage(book);
    }
    bill(&order, book, plan, || Ok(()))
}

/// The natural key (series, external reference).
fn natural_key(job: &Issue, facts: &Facts<'_>, book: &Book) -> Result<Option<Hash128>, Rejection> {
    let Some(reference) = &job.external_ref else {
        return Ok(None);
    };
    let parts: [&str; 2] = [&job.series, reference];
    let hash = facts.natural.hash(book.name(), "external_ref", &parts);
    if book.natural_key_taken(hash) {
        return Err(Rejection::new(Code::DuplicateReference)
            .at("/external_ref")
            .with_text("series", echo(&job.series))
            .with_text("external_ref", echo(reference)));
    }
    Ok(Some(hash))
}

/// Steps 7 to 12 of anything that becomes an invoice, and the invoice. `check` is what step 11 asks
/// of other documents.
pub(crate) fn bill(
    order: &Order<'_>,
    book: &Book,
    plan: &mut Plan,
    check: impl FnOnce() -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let mut bill = order.bill.clone();
    let draft = Draft::refer(book, order, &mut bill)?;
    draft.check_units(book, order)?;
    let totals = draft.check_structure(book, order)?;
    let unit = plan.unit(book, order.currency.code(), order.currency_path)?;
    // From here on the plan shows what would move, should it need an approval.
    draft.post(order, plan)?;
    check()?;
    draft.check_funds(book, order)?;
    draft.write(order, book, plan, (&bill, &totals), unit)
}

impl Draft<'_> {
    /// The number behind the entry, the document, the natural key.
    fn write(
        &self,
        order: &Order<'_>,
        book: &Book,
        plan: &mut Plan,
        (bill, totals): (&Bill, &Totals),
        (unit, decimals): (UnitIndex, u8),
    ) -> Result<(), Rejection> {
        let issue = order.dates.issue;
        (plan.booking_date, plan.value_date) = (Some(issue), Some(issue));
        if let Some(exchange) = &self.exchange {
            exchange.keep_rate(book, plan);
        }
        let number = plan.number(book, order.series, order.series_path)?;
        if book.documents().get(&number).is_some() {
            // Documents of the configuration may stand where the series has not been yet.
            return Err(Rejection::new(Code::DuplicateReference)
                .at(order.series_path)
                .with_text("document", number));
        }
        let figures = self.figures(totals, decimals);
        let mut set = head(order, bill);
        set.push(("line_net".into(), line_nets(totals, decimals)));
        set.extend(figures.iter().cloned());
        set.push(("revenue".into(), self.shown_revenue(book, decimals)));
        set.extend(extra_accounts(book, totals));
        if self.allowances_net != 0 {
            let amount = Value::amount(self.allowances_net, decimals);
            set.push((ALLOWANCES_NET.into(), amount));
        }
        if !self.deferred.is_empty() {
            set.push(("deferred".into(), self.shown_deferred(book, decimals)));
        }
        if let Some(exchange) = &self.exchange {
            let (name, value) = exchange.member();
            set.push((name.into(), value));
        }
        let payable = self.settled.payable;
        plan.document(DocumentChange {
            number: number.as_str().into(),
            kind: DocumentKind::Invoice,
            state: if payable == 0 {
                DocumentState::Paid
            } else {
                DocumentState::Open
            },
            version: 1,
            unit,
            party: order.customer.as_ref().into(),
            due: Some(order.dates.due),
            open: payable,
            set,
        });
        order.close_usage(book, plan, &number);
        if let Some(hash) = order.natural {
            plan.natural_key(hash);
        }
        plan.show("document", Value::text(number));
        plan.show("due_date", Value::Date(order.dates.due));
        plan.members.extend(figures);
        if let Some(functional) = self.functional(book, totals, decimals)? {
            plan.show("functional", functional);
        }
        Ok(())
    }

    /// The entry, unless nothing is left of it.
    fn post(&self, order: &Order<'_>, plan: &mut Plan) -> Result<(), Rejection> {
        let Self { claims, earned, .. } = self;
        let payable = self.settled.payable;
        if payable == 0 && claims.is_empty() && earned.postings.is_empty() {
            return Ok(());
        }
        plan.post(order.dates.issue, order.dates.issue).owned = true;
        match &self.exchange {
            None => claims
                .with(&earned.postings)
                .write(plan, self.receivable, payable),
            Some(exchange) => {
                claims.write(plan, self.receivable, payable)?;
                let owed = payable + self.settled.prepaid + self.settled.credit;
                exchange.write(plan, owed, earned.sum)?;
                earned.postings.write_alone(plan)
            }
        }
    }

    /// The total in the functional unit of the book, if it has one.
    fn functional(
        &self,
        book: &Book,
        totals: &Totals,
        decimals: u8,
    ) -> Result<Option<Value>, Rejection> {
        let total = totals.tax_inclusive;
        Ok(match &self.exchange {
            Some(exchange) => {
                let decimals = exchange.functional.decimals();
                Some(Value::amount(exchange.convert(total)?, decimals))
            }
            None => book
                .functional_unit()
                .map(|_| Value::amount(total, decimals)),
        })
    }

    /// The figures that document and outcome both show.
    fn figures(&self, totals: &Totals, decimals: u8) -> Members {
        let amount = |minor: Minor| Value::amount(minor, decimals);
        let groups = self.groups.iter().zip(&totals.groups);
        let tax = groups.filter_map(|(group, total)| group.shown(total.base, total.tax, decimals));
        vec![
            ("sum_lines".into(), amount(totals.sum_lines)),
            ("allowances".into(), amount(totals.allowances)),
            ("charges".into(), amount(totals.charges)),
            ("tax_exclusive".into(), amount(totals.tax_exclusive)),
            ("tax".into(), Value::List(tax.collect())),
            ("tax_inclusive".into(), amount(totals.tax_inclusive)),
            ("total".into(), amount(totals.tax_inclusive)),
            ("prepaid".into(), amount(self.settled.prepaid)),
            ("credit_applied".into(), amount(self.settled.credit)),
            ("rounding".into(), amount(self.settled.rounding)),
            ("payable".into(), amount(self.settled.payable)),
        ]
    }

    fn shown_revenue(&self, book: &Book, decimals: u8) -> Value {
        let shown = self.revenue.iter().map(|revenue| {
            let account = book.accounts().get(revenue.account);
            let account = account.map_or("", |account| &*account.name);
            let group = self.groups.get(revenue.group);
            let code = group.and_then(|group| group.code.as_deref());
            let mut shown: Members = vec![
                ("account".into(), Value::text(account.to_owned())),
                (
                    "tax".into(),
                    Value::text(code.unwrap_or_default().to_owned()),
                ),
                ("amount".into(), Value::amount(revenue.amount, decimals)),
            ];
            if let Some(earned) = &revenue.earned {
                shown.push((EARNED.into(), Value::text(earned.clone())));
            }
            Value::Object(shown)
        });
        Value::List(shown.collect())
    }

    fn shown_deferred(&self, book: &Book, decimals: u8) -> Value {
        let shown = self.deferred.iter().map(|deferred| {
            let account = book.accounts().get(deferred.account);
            let account = account.map_or("", |account| &*account.name);
            let mut shown: Members = vec![
                ("line".into(), Value::count(deferred.line.saturating_add(1))),
                ("account".into(), Value::text(account.to_owned())),
                ("revenue".into(), Value::text(deferred.revenue.clone())),
                ("from".into(), Value::Date(deferred.when.from)),
                match deferred.when.until {
                    Until::Day(to) => ("to".into(), Value::Date(to)),
                    Until::Months(months) => ("months".into(), Value::count(months)),
                },
                ("amount".into(), Value::amount(deferred.amount, decimals)),
            ];
            // The parts of the lines come first, in the order of the lines.
            let posted = self.earned.parts.get(deferred.line);
            if let (Some(exchange), Some(posted)) = (&self.exchange, posted) {
                let decimals = exchange.functional.decimals();
                shown.push(("functional".into(), Value::amount(*posted, decimals)));
            }
            Value::Object(shown)
        });
        Value::List(shown.collect())
    }
}

impl Group<'_> {
    /// The group as documents show it; none for what is not taxed.
    fn shown(&self, base: Minor, amount: Minor, decimals: u8) -> Option<Value> {
        let (code, tax) = (self.code.as_deref()?, self.tax?);
        let mut shown: Members = vec![
            ("tax".into(), Value::text(code.to_owned())),
            ("category".into(), Value::text(tax.category.to_string())),
            ("rate".into(), Value::text(tax.rate_text.to_string())),
        ];
        match (&tax.reason, usual_reason(&tax.category)) {
            (Some(reason), _) => shown.push(("reason".into(), Value::text(reason.to_string()))),
            (None, Some(usual)) => shown.push(("reason".into(), Value::text(usual))),
            (None, None) => {}
        }
        if let Some(account) = &tax.account {
            shown.push(("account".into(), Value::text(account.to_string())));
        }
        shown.push(("base".into(), Value::amount(base, decimals)));
        shown.push(("amount".into(), Value::amount(amount, decimals)));
        Some(Value::Object(shown))
    }
}

/// Why no tax is charged in a category, in the words of EN 16931 (BR-AE-10, BR-IC-10, BR-G-10,
/// BR-O-10); why a supply is exempt only its tax code can say.
fn usual_reason(category: &str) -> Option<&'static str> {
    match category {
        "AE" => Some("Reverse charge"),
        "K" => Some("Intra-community supply"),
        "G" => Some("Export outside the EU"),
        "O" => Some("Not subject to VAT"),
        _taxed_zero_or_exempt => None,
    }
}

/// The accounts of allowances and charges where they are not the default ones.
fn extra_accounts(book: &Book, totals: &Totals) -> Members {
    let reference = book.reference();
    let amounts = [totals.allowances, totals.charges];
    let extras = EXTRAS
        .iter()
        .zip(amounts)
        .filter(|(_, amount)| *amount != 0);
    let named = extras.filter_map(|((role, name), _)| {
        let account = reference.role_account(role)?;
        Some(((*name).into(), Value::text(account.to_owned())))
    });
    named.collect()
}

/// What the document says about itself before its figures.
fn head(order: &Order<'_>, bill: &Bill) -> Members {
    let text = |text: &str| Value::text(text.to_owned());
    let dates = &order.dates;
    let mut head: Members = vec![
        ("customer".into(), text(&order.customer)),
        ("currency".into(), text(order.currency.code())),
        ("issue_date".into(), Value::Date(dates.issue)),
    ];
    if let Some(delivery) = dates.delivery {
        head.push(("delivery_date".into(), Value::Date(delivery)));
    }
    if let Some((from, to)) = dates.period {
        let period = vec![
            ("from".into(), Value::Date(from)),
            ("to".into(), Value::Date(to)),
        ];
        head.push(("period".into(), Value::Object(period)));
    }
    head.push(("due_date".into(), Value::Date(dates.due)));
    if let Some(discount) = order.discount {
        let terms = vec![
            ("days".into(), Value::count(discount.days)),
            ("percent".into(), text(&discount.percent.to_string())),
            ("until".into(), Value::Date(discount.until)),
        ];
        let terms = vec![("discount".into(), Value::Object(terms))];
        head.push(("terms".into(), Value::Object(terms)));
    }
    head.extend(order.shown.iter().cloned());
    if bill.inclusive {
        head.push(("prices_include_tax".into(), Value::Bool(true)));
    }
    head.push(("tax_rounding".into(), text(bill.tax_rounding.text())));
    head.push(("tax_rounding_mode".into(), text(bill.mode.text())));
    head
}

fn line_nets(totals: &Totals, decimals: u8) -> Value {
    let nets = totals.line_nets.iter();
    Value::List(nets.map(|net| Value::amount(*net, decimals)).collect())
}
