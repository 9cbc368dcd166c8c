//! The rule of `invoice.issue`: steps 5 to 11 of the order of checks, then number, document and entry.

use super::lines::{LineData, overflow, unsupported};
use super::{ExtraData, Issue};
use crate::code::Code;
use crate::ids::{AccountIndex, Hash128};
use crate::jobs::billing::{Bill, BillFault, BillLine, Extra, Totals};
use crate::jobs::currency::Currency;
use crate::jobs::fields::Id;
use crate::jobs::postings::{Postings, first_open, open_account};
use crate::ledger::effect::DocumentChange;
use crate::ledger::plan::{booking_date, date, echo, optional_date};
use crate::ledger::reference::TaxCode;
use crate::ledger::{
    Book, DocumentKind, DocumentState, Facts, Members, Plan, Rejection, Side, Value,
};
use crate::limits::LEGS_MAX;
use crate::money::{Minor, RateValue, Ratio, Rounding};
use crate::time::Date;

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

/// Step 3, the part that needs the book: foreign currencies come with the exchange kinds. A currency
/// that nobody knows is left to step 8.
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

/// The dates of an invoice.
#[derive(Clone, Copy, Debug)]
struct Dates {
    /// Issue and booking date.
    issue: Date,
    /// The day that decides which tax is valid.
    tax_point: Date,
    delivery: Option<Date>,
    period: Option<(Date, Date)>,
    due: Date,
}

impl Dates {
    fn read(job: &Issue, facts: &Facts<'_>, book: &Book) -> Result<Self, Rejection> {
        let issue = optional_date(job.issue_date.as_ref(), "/issue_date")?;
        let delivery = optional_date(job.delivery_date.as_ref(), "/delivery_date")?;
        let period = match &job.period {
            None => None,
            Some(period) => {
                let from = date(&period.from, "/period/from")?;
                let to = date(&period.to, "/period/to")?;
                if to < from {
                    return Err(Rejection::new(Code::DateInvalid)
                        .at("/period/to")
                        .with("value", Value::Date(to)));
                }
                Some((from, to))
            }
        };
        let due = optional_date(job.due_date.as_ref(), "/due_date")?;
        let of_rate = job.rate.as_ref().and_then(|rate| rate.as_of.as_ref());
        optional_date(of_rate, "/rate/as_of")?;
        let due = match (due, &job.terms) {
            (None, Some(terms)) => {
                let start = issue.unwrap_or(facts.today);
                Some(days_later(start, terms.net_days)?)
            }
            (due, _) => due,
        };
        let issue = booking_date(issue, "/issue_date", facts, book)?;
        Ok(Self {
            issue,
            tax_point: delivery.or(period.map(|(_, to)| to)).unwrap_or(issue),
            delivery,
            period,
            due: due.unwrap_or(issue),
        })
    }
}

fn days_later(start: Date, days: u16) -> Result<Date, Rejection> {
    let due = start.plus_days(i32::from(days));
    due.filter(|due| due.in_range()).ok_or_else(|| {
        Rejection::new(Code::DateOutOfRange)
            .at("/terms/net_days")
            .with("value", Value::count(days))
    })
}

/// Step 6: every number, and the line nets that follow from the job alone. Tax groups come in step 7.
fn numbers(job: &Issue, book: &Book, currency: &Currency<'_>) -> Result<Bill, Rejection> {
    let mode = job
        .tax_rounding_mode
        .unwrap_or_else(|| book.reference().rounding());
    let mut bill = Bill {
        decimals: currency.decimals(),
        mode,
        tax_rounding: job.tax_rounding.unwrap_or_default(),
        factors: Vec::new(),
        lines: Vec::new(),
        allowances: Vec::new(),
        charges: Vec::new(),
    };
    for (at, line) in job.lines.iter().flatten().enumerate() {
        let (terms, net) = line.read(at, currency, mode)?;
        bill.lines.push(BillLine {
            terms,
            net,
            group: 0,
        });
    }
    bill.allowances = extras(job.allowances.as_deref(), "allowances", currency)?;
    bill.charges = extras(job.charges.as_deref(), "charges", currency)?;
    if let Some(rate) = &job.rate {
        let positive = rate.rate.number().map(RateValue::positive);
        if !matches!(positive, Ok(Ok(_))) {
            return Err(Rejection::new(Code::RateInvalid).at("/rate/rate"));
        }
    }
    Ok(bill)
}

fn extras(
    list: Option<&[ExtraData]>,
    name: &str,
    currency: &Currency<'_>,
) -> Result<Vec<Extra>, Rejection> {
    let mut read = Vec::new();
    for (at, extra) in list.unwrap_or_default().iter().enumerate() {
        let amount = extra.read(&format!("/{name}/{at}"), currency)?;
        read.push(Extra {
            amount,
            group: None,
        });
    }
    Ok(read)
}

/// A tax group: the lines and extras of one tax code.
#[derive(Debug)]
struct Group<'a> {
    code: &'a str,
    tax: &'a TaxCode,
    /// Where the code stands first.
    path: String,
}

/// What of a tax group went to which revenue account: a credit note takes it back from there.
#[derive(Debug)]
struct Revenue {
    group: usize,
    account: AccountIndex,
    amount: Minor,
}

/// An invoice whose references are found.
#[derive(Debug)]
struct Draft<'a> {
    dates: Dates,
    natural: Option<Hash128>,
    receivable: AccountIndex,
    groups: Vec<Group<'a>>,
    revenue: Vec<Revenue>,
    /// Credits by account; the receivable is not among them.
    postings: Postings,
    totals: Result<Totals, BillFault>,
}

impl<'a> Draft<'a> {
    /// Step 7: natural key, customer, series, then line by line.
    fn refer(
        job: &'a Issue,
        facts: &Facts<'_>,
        book: &'a Book,
        dates: Dates,
        bill: &mut Bill,
    ) -> Result<Self, Rejection> {
        let mut draft = Self {
            dates,
            natural: natural_key(job, facts, book)?,
            receivable: book.usable(&format!("ar/{}", job.customer), Side::Debit, "/customer")?,
            groups: Vec::new(),
            revenue: Vec::new(),
            postings: Postings::default(),
            totals: Ok(Totals::default()),
        };
        Plan::check_series(book, &job.series, "/series")?;
        for ((at, line), numbers) in job.lines.iter().flatten().enumerate().zip(&mut bill.lines) {
            numbers.group = draft.group(book, &line.tax, format!("/lines/{at}/tax"))?;
            draft.revenue(book, at, line, *numbers)?;
        }
        let allowances = job.allowances.as_deref().unwrap_or_default();
        draft.extras(book, allowances, &mut bill.allowances, "allowances", -1)?;
        let charges = job.charges.as_deref().unwrap_or_default();
        draft.extras(book, charges, &mut bill.charges, "charges", 1)?;
        bill.factors = draft.groups.iter().map(Group::factor).collect();
        draft.totals = bill.totals();
        draft.taxes(book, bill)?;
        draft.postings.check_sides(book)?;
        Ok(draft)
    }

    /// The place of a tax code among the groups; a new one goes to the end.
    fn group(&mut self, book: &'a Book, code: &'a str, path: String) -> Result<usize, Rejection> {
        if let Some(place) = self.groups.iter().position(|group| group.code == code) {
            return Ok(place);
        }
        let on = self.dates.tax_point;
        let Some(tax) = book.reference().tax(code, on) else {
            return Err(Rejection::new(Code::TaxCodeUnknown)
                .at(path)
                .with_text("tax", echo(code)));
        };
        if tax.from.is_some_and(|from| on < from) || tax.to.is_some_and(|to| on > to) {
            let mut refusal = Rejection::new(Code::TaxNotValidOnDate)
                .at(path)
                .with_text("tax", echo(code))
                .with("date", Value::Date(on));
            for (name, day) in [("from", tax.from), ("to", tax.to)] {
                if let Some(day) = day {
                    refusal = refusal.with(name, Value::Date(day));
                }
            }
            return Err(refusal);
        }
        self.groups.push(Group { code, tax, path });
        Ok(self.groups.len().saturating_sub(1))
    }

    fn revenue(
        &mut self,
        book: &Book,
        at: usize,
        line: &LineData,
        numbers: BillLine,
    ) -> Result<(), Rejection> {
        let of_code = self.groups.get(numbers.group).map(|group| group.tax);
        let (account, path) = revenue_account(book, at, line, of_code)?;
        self.postings.credit(account, numbers.net, &path);
        let same = |known: &&mut Revenue| (known.group, known.account) == (numbers.group, account);
        match self.revenue.iter_mut().find(same) {
            Some(known) => known.amount += numbers.net,
            None => self.revenue.push(Revenue {
                group: numbers.group,
                account,
                amount: numbers.net,
            }),
        }
        Ok(())
    }

    fn extras(
        &mut self,
        book: &'a Book,
        data: &'a [ExtraData],
        numbers: &mut [Extra],
        name: &str,
        sign: Minor,
    ) -> Result<(), Rejection> {
        for ((at, extra), numbers) in data.iter().enumerate().zip(numbers.iter_mut()) {
            if let Some(code) = &extra.tax {
                numbers.group = Some(self.group(book, code, format!("/{name}/{at}/tax"))?);
            }
        }
        let sum: Minor = numbers.iter().map(|extra| extra.amount).sum();
        if sum != 0 {
            let path = format!("/{name}");
            let account = open_account(book, &format!("rev/{name}"), &path)?;
            self.postings.credit(account, sum * sign, &path);
        }
        Ok(())
    }

    /// The tax accounts, now that the taxes are known: a group without tax needs none.
    fn taxes(&mut self, book: &Book, bill: &Bill) -> Result<(), Rejection> {
        let totals = match &self.totals {
            Ok(totals) => totals,
            Err(BillFault::Overflow) => return Err(overflow(&largest_line(bill))),
            // Nothing to be spread over: a matter of structure, refused in step 9.
            Err(BillFault::AllowanceWithoutBase(_) | BillFault::ChargeWithoutBase(_)) => {
                return Ok(());
            }
        };
        for (group, total) in self.groups.iter().zip(&totals.groups) {
            if total.tax != 0 {
                let by_rate = format!("tax/vat_{}", group.tax.rate_text);
                let account = if let Some(named) = &group.tax.account {
                    open_account(book, named, &group.path)?
                } else {
                    first_open(book, [&*by_rate, "tax/vat_out"], &group.path)?
                };
                self.postings.credit(account, total.tax, &group.path);
            }
        }
        Ok(())
    }

    /// Step 8.
    fn check_units(&self, book: &Book, currency: &Currency<'_>) -> Result<(), Rejection> {
        currency.check(self.dates.issue, "/currency")?;
        currency.check_account(book, self.receivable, "/currency")?;
        self.postings.check_units(book, currency)
    }

    /// Step 9.
    fn check_structure(
        &self,
        job: &Issue,
        book: &Book,
        currency: &Currency<'_>,
    ) -> Result<Totals, Rejection> {
        if job.lines.as_ref().is_none_or(Vec::is_empty) {
            return Err(Rejection::new(Code::DocumentNoLines).at("/lines"));
        }
        let without_base = |list: &str, at: usize| {
            Rejection::new(Code::DiscountInvalid)
                .at(format!("/{list}/{at}"))
                .with_text("path", format!("/{list}/{at}"))
                .with_text("reason", "no line has a positive net; name its tax code")
        };
        let totals = match &self.totals {
            Ok(totals) => totals.clone(),
            Err(BillFault::AllowanceWithoutBase(at)) => {
                return Err(without_base("allowances", *at));
            }
            Err(BillFault::ChargeWithoutBase(at)) => return Err(without_base("charges", *at)),
            Err(BillFault::Overflow) => return Err(overflow("/lines")),
        };
        if totals.tax_inclusive < 0 {
            return Err(Rejection::new(Code::DocumentTotalNegative)
                .at("/lines")
                .with_amount("total", totals.tax_inclusive, currency.decimals()));
        }
        if let Some(path) = self.postings.path_of(self.receivable) {
            let name = book.accounts().get(self.receivable);
            return Err(Rejection::new(Code::EntrySameAccount)
                .at(path)
                .with_text("account", name.map_or("", |account| &*account.name)));
        }
        let legs = self.postings.len().saturating_add(1);
        if legs > LEGS_MAX {
            return Err(Rejection::new(Code::EntryTooManyLegs)
                .at("/lines")
                .with("legs", Value::count(legs))
                .with("limit", Value::count(LEGS_MAX)));
        }
        Ok(totals)
    }

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

impl Group<'_> {
    /// The factor of the tax. Only category S has tax of the seller's: reverse charge, exports and
    /// exempt sales have none, whatever rate their record repeats.
    fn factor(&self) -> Ratio {
        let none = Ratio::whole(0);
        if &*self.tax.category == "S" {
            self.tax.rate.factor().unwrap_or(none)
        } else {
            none
        }
    }
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

/// The line's account, the tax code's, the one of the rate, the one of all sales.
fn revenue_account(
    book: &Book,
    at: usize,
    line: &LineData,
    tax: Option<&TaxCode>,
) -> Result<(AccountIndex, String), Rejection> {
    let of_line = line.revenue.as_ref().map(Id::as_str);
    let of_code = tax.and_then(|tax| tax.revenue.as_deref());
    let path = if of_line.is_some() {
        format!("/lines/{at}/revenue")
    } else {
        format!("/lines/{at}/tax")
    };
    let account = match of_line.or(of_code) {
        Some(name) if name.contains('/') => open_account(book, name, &path)?,
        Some(name) => open_account(book, &format!("rev/{name}"), &path)?,
        None => {
            let rate = tax.map_or("", |tax| &*tax.rate_text);
            first_open(book, [&*format!("rev/sales_{rate}"), "rev/sales"], &path)?
        }
    };
    Ok((account, path))
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

/// The line that a figure beyond the range is blamed on: the largest one.
fn largest_line(bill: &Bill) -> String {
    let nets = bill.lines.iter().enumerate();
    let largest = nets.max_by_key(|(_, line)| line.net.abs());
    largest.map_or_else(|| "/lines".to_owned(), |(at, _)| format!("/lines/{at}"))
}

const fn mode_text(mode: Rounding) -> &'static str {
    match mode {
        Rounding::HalfUp => "half_up",
        Rounding::HalfEven => "half_even",
        Rounding::Down => "down",
        Rounding::Up => "up",
    }
}
