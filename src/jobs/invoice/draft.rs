//! The references and the structure of `invoice.issue`: steps 7 to 9 of the order of checks.

use super::lines::{LineData, overflow};
use super::numbers::Dates;
use super::{ExtraData, Issue};
use crate::code::Code;
use crate::ids::{AccountIndex, Hash128};
use crate::jobs::billing::{Bill, BillFault, BillLine, Extra, Totals};
use crate::jobs::currency::Currency;
use crate::jobs::fields::Id;
use crate::jobs::postings::{Postings, first_open, open_account};
use crate::ledger::plan::echo;
use crate::ledger::reference::TaxCode;
use crate::ledger::{Book, Facts, Plan, Rejection, Side, Value};
use crate::limits::LEGS_MAX;
use crate::money::{Minor, Ratio};

/// A tax group: the lines and extras of one tax code.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) code: &'a str,
    pub(super) tax: &'a TaxCode,
    /// Where the code stands first.
    pub(super) path: String,
}

/// What of a tax group went to which revenue account: a credit note takes it back from there.
#[derive(Debug)]
pub(super) struct Revenue {
    pub(super) group: usize,
    pub(super) account: AccountIndex,
    pub(super) amount: Minor,
}

/// An invoice whose references are found.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) dates: Dates,
    pub(super) natural: Option<Hash128>,
    pub(super) receivable: AccountIndex,
    pub(super) groups: Vec<Group<'a>>,
    pub(super) revenue: Vec<Revenue>,
    /// Credits by account; the receivable is not among them.
    pub(super) postings: Postings,
    totals: Result<Totals, BillFault>,
}

impl<'a> Draft<'a> {
    /// Step 7: natural key, customer, series, then line by line.
    pub(super) fn refer(
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
    pub(super) fn check_units(
        &self,
        book: &Book,
        currency: &Currency<'_>,
    ) -> Result<(), Rejection> {
        currency.check(self.dates.issue, "/currency")?;
        currency.check_account(book, self.receivable, "/currency")?;
        self.postings.check_units(book, currency)
    }

    /// Step 9.
    pub(super) fn check_structure(
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

/// The line that a figure beyond the range is blamed on: the largest one.
fn largest_line(bill: &Bill) -> String {
    let nets = bill.lines.iter().enumerate();
    let largest = nets.max_by_key(|(_, line)| line.net.abs());
    largest.map_or_else(|| "/lines".to_owned(), |(at, _)| format!("/lines/{at}"))
}
