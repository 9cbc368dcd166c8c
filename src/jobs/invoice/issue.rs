//! The rule of `invoice.issue`: the checks in their order, then entry, number, document, natural
//! key.

use super::Issue;
use super::draft::{Draft, Group, Revenue};
use super::lines::unsupported;
use super::numbers::{Dates, numbers};
use crate::code::Code;
use crate::jobs::billing::{Bill, Totals};
use crate::jobs::currency::Currency;
use crate::ledger::effect::DocumentChange;
use crate::ledger::{Book, DocumentKind, DocumentState, Facts, Members, Plan, Rejection, Value};
use crate::money::{Minor, Rounding};

pub(super) fn plan(
    job: &Issue,
    facts: &Facts<'_>,
    book: &Book,
    plan: &mut Plan,
) -> Result<(), Rejection> {
    let currency = Currency::of(book, &job.currency);
    functional_only(book, &currency)?;
    let dates = Dates::read(job, facts, book)?;
    let mut bill = numbers(job, book, &currency)?;
    let draft = Draft::refer(job, facts, book, dates, &mut bill)?;
    draft.check_units(book, &currency)?;
    let totals = draft.check_structure(job, book, &currency)?;
    draft.write(job, book, plan, &bill, &totals)
}

/// Step 3, the part that needs the book: foreign currencies come with the exchange kinds. A
/// currency that nobody knows is left to step 8.
fn functional_only(book: &Book, currency: &Currency<'_>) -> Result<(), Rejection> {
    let foreign = book
        .functional_unit()
        .is_some_and(|functional| functional != currency.code());
    if foreign && currency.is_known() {
        let reason = "a currency other than the functional one is not built yet";
        return Err(unsupported("/currency", reason));
    }
    Ok(())
}

impl Draft<'_> {
    /// The entry, the number, the document, the natural key.
    fn write(
        &self,
        job: &Issue,
        book: &Book,
        plan: &mut Plan,
        bill: &Bill,
        totals: &Totals,
    ) -> Result<(), Rejection> {
        let (unit, decimals) = plan.unit(book, &job.currency, "/currency")?;
        let payable = totals.tax_inclusive;
        let issue = self.dates.issue;
        (plan.booking_date, plan.value_date) = (Some(issue), Some(issue));
        if payable != 0 || !self.postings.is_empty() {
            plan.post(issue, issue).owned = true;
            self.postings.write(plan, self.receivable, payable)?;
        }
        let number = plan.number(book, &job.series, "/series")?;
        if book.documents().get(&number).is_some() {
            // Documents of the configuration may stand where the series has not been yet.
            return Err(Rejection::new(Code::DuplicateReference)
                .at("/series")
                .with_text("document", number));
        }
        let figures = figures(totals, &self.groups, decimals);
        let mut set = self.head(job, bill);
        set.push(("line_net".into(), line_nets(bill)));
        set.extend(figures.iter().cloned());
        set.push(("revenue".into(), self.shown_revenue(book, decimals)));
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
            party: job.customer.as_str().into(),
            due: Some(self.dates.due),
            open: payable,
            set,
        });
        if let Some(hash) = self.natural {
            plan.natural_key(hash);
        }
        plan.show("document", Value::text(number));
        plan.show("due_date", Value::Date(self.dates.due));
        plan.members.extend(figures);
        if book.functional_unit().is_some() {
            plan.show("functional", Value::amount(payable, decimals));
        }
        Ok(())
    }

    /// What the document says about itself before its figures.
    fn head(&self, job: &Issue, bill: &Bill) -> Members {
        let text = |text: &str| Value::text(text.to_owned());
        let mut head: Members = vec![
            ("customer".into(), text(&job.customer)),
            ("currency".into(), text(&job.currency)),
            ("issue_date".into(), Value::Date(self.dates.issue)),
        ];
        if let Some(delivery) = self.dates.delivery {
            head.push(("delivery_date".into(), Value::Date(delivery)));
        }
        if let Some((from, to)) = self.dates.period {
            let period = vec![
                ("from".into(), Value::Date(from)),
                ("to".into(), Value::Date(to)),
            ];
            head.push(("period".into(), Value::Object(period)));
        }
        head.push(("due_date".into(), Value::Date(self.dates.due)));
        if let Some(means) = &job.payment_means {
            head.push(("payment_means".into(), text(means)));
        }
        if let Some(reference) = &job.external_ref {
            head.push(("external_ref".into(), text(reference)));
        }
        head.push(("tax_rounding".into(), text(bill.tax_rounding.text())));
        head.push(("tax_rounding_mode".into(), text(mode_text(bill.mode))));
        head
    }

    fn shown_revenue(&self, book: &Book, decimals: u8) -> Value {
        let shown = |revenue: &Revenue| {
            let account = book.accounts().get(revenue.account);
            let account = account.map_or("", |account| &*account.name);
            let tax = self
                .groups
                .get(revenue.group)
                .map_or("", |group| group.code);
            Value::Object(vec![
                ("account".into(), Value::text(account.to_owned())),
                ("tax".into(), Value::text(tax.to_owned())),
                ("amount".into(), Value::amount(revenue.amount, decimals)),
            ])
        };
        Value::List(self.revenue.iter().map(shown).collect())
    }
}

/// The figures that document and outcome both show.
fn figures(totals: &Totals, groups: &[Group<'_>], decimals: u8) -> Members {
    let amount = |minor: Minor| Value::amount(minor, decimals);
    let tax = groups.iter().zip(&totals.groups).map(|(group, total)| {
        let mut shown: Members = vec![
            ("tax".into(), Value::text(group.code.to_owned())),
            (
                "category".into(),
                Value::text(group.tax.category.to_string()),
            ),
            ("rate".into(), Value::text(group.tax.rate_text.to_string())),
        ];
        if let Some(reason) = &group.tax.reason {
            shown.push(("reason".into(), Value::text(reason.to_string())));
        }
        shown.push(("base".into(), amount(total.base)));
        shown.push(("amount".into(), amount(total.tax)));
        Value::Object(shown)
    });
    vec![
        ("sum_lines".into(), amount(totals.sum_lines)),
        ("allowances".into(), amount(totals.allowances)),
        ("charges".into(), amount(totals.charges)),
        ("tax_exclusive".into(), amount(totals.tax_exclusive)),
        ("tax".into(), Value::List(tax.collect())),
        ("tax_inclusive".into(), amount(totals.tax_inclusive)),
        ("total".into(), amount(totals.tax_inclusive)),
        ("prepaid".into(), amount(0)),
        ("credit_applied".into(), amount(0)),
        ("rounding".into(), amount(0)),
        ("payable".into(), amount(totals.tax_inclusive)),
    ]
}

fn line_nets(bill: &Bill) -> Value {
    let nets = bill.lines.iter();
    Value::List(
        nets.map(|line| Value::amount(line.net, bill.decimals))
            .collect(),
    )
}

const fn mode_text(mode: Rounding) -> &'static str {
    match mode {
        Rounding::HalfUp => "half_up",
        Rounding::HalfEven => "half_even",
        Rounding::Down => "down",
        Rounding::Up => "up",
    }
}
