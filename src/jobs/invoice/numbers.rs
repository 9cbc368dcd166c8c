//! Dates and numbers of `invoice.issue`: steps 5 and 6 of the order of checks.

use super::{ExtraData, Issue};
use crate::code::Code;
use crate::jobs::billing::{Bill, BillLine, Extra};
use crate::jobs::currency::Currency;
use crate::ledger::plan::{booking_date, date, optional_date};
use crate::ledger::{Book, Facts, Rejection, Value};
use crate::money::RateValue;
use crate::time::Date;

/// The dates of an invoice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dates {
    /// Issue and booking date.
    pub(super) issue: Date,
    /// The day that decides which tax is valid.
    pub(super) tax_point: Date,
    pub(super) delivery: Option<Date>,
    pub(super) period: Option<(Date, Date)>,
    pub(super) due: Date,
}

impl Dates {
    pub(super) fn read(job: &Issue, facts: &Facts<'_>, book: &Book) -> Result<Self, Rejection> {
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

/// Step 6: every number, and the line nets that follow from the job alone. Tax groups come in step
/// 7.
pub(super) fn numbers(
    job: &Issue,
    book: &Book,
    currency: &Currency<'_>,
) -> Result<Bill, Rejection> {
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
