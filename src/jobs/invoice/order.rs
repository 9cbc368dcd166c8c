//! What is to be invoiced, whichever job says so: dates, numbers and names, read and not yet looked
//! up.
//!
//! `invoice.issue` makes an order of its data (steps 5 and 6 of the order of checks); other kinds
//! that bill make one of theirs. Everything behind is the same for all of them.

use std::borrow::Cow;

use super::{ExtraData, Issue};
use crate::code::Code;
use crate::ids::Hash128;
use crate::jobs::billing::{Bill, BillLine, Extra};
use crate::jobs::currency::Currency;
use crate::jobs::exchange::{Guard, Offer};
use crate::jobs::fields::Id;
use crate::ledger::plan::{booking_date, date, optional_date};
use crate::ledger::{Book, Facts, Members, Rejection, Value};
use crate::money::{Minor, Percent, Ratio};
use crate::time::Date;

/// What is to be invoiced.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    /// Customer.
    pub(crate) customer: Cow<'a, str>,
    /// Where the customer stands in the data.
    pub(crate) customer_path: &'static str,
    /// Series that gives the number.
    pub(crate) series: &'a str,
    /// Where the series stands in the data.
    pub(crate) series_path: &'static str,
    /// Currency.
    pub(crate) currency: Currency<'a>,
    /// Where the currency stands in the data.
    pub(crate) currency_path: &'static str,
    /// Dates.
    pub(crate) dates: Dates,
    /// Discount for early payment.
    pub(crate) discount: Option<Discount>,
    /// Numbers; the tax groups come in step 7.
    pub(crate) bill: Bill,
    /// Names of the lines, one for each line of the bill.
    pub(crate) lines: Vec<OrderLine<'a>>,
    /// Where lines that are not there were asked for.
    pub(crate) lines_path: &'static str,
    /// Tax codes of the allowances of the document.
    pub(crate) allowances: Vec<Option<&'a str>>,
    /// Tax codes of its charges.
    pub(crate) charges: Vec<Option<&'a str>>,
    /// Payment on account to set off.
    pub(crate) prepaid: Minor,
    /// Whether the customer's credit is set off.
    pub(crate) apply_credit: bool,
    /// What is held for the job itself of the customer's credit, and of what was paid on account.
    pub(crate) reserved: Reserved,
    /// Smallest coin that what is left to pay is rounded to.
    pub(crate) coin: Option<Minor>,
    /// Exchange rate.
    pub(crate) rate: Option<Offer<'a>>,
    /// What makes a rate plausible.
    pub(crate) guard: Guard,
    /// Where the rate stands in the data, or what it would be for.
    pub(crate) rate_path: &'static str,
    /// Natural key to take.
    pub(crate) natural: Option<Hash128>,
    /// Numbers of the usage that is billed.
    pub(crate) usage: Vec<&'a str>,
    /// Further facts that the document shows.
    pub(crate) shown: Members,
}

/// What is held for a job until it is decided.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reserved {
    /// Of the customer's credit.
    pub(crate) credit: Minor,
    /// Of what was paid on account.
    pub(crate) prepaid: Minor,
}

impl Reserved {
    /// For a job about a customer.
    pub(crate) fn of(customer: &str, facts: &Facts<'_>, book: &Book) -> Self {
        let held = |role: &str| {
            let account = book.accounts().find(&format!("{role}/{customer}"));
            account.map_or(0, |account| facts.reserved_on(account, book))
        };
        if facts.reserved.is_none() {
            return Self::default();
        }
        Self {
            credit: held("credit"),
            prepaid: held("prepaid"),
        }
    }
}

/// The names of one line.
#[derive(Debug)]
pub(crate) struct OrderLine<'a> {
    /// Tax code; none for what is not taxed.
    pub(crate) tax: Option<Cow<'a, str>>,
    /// Where it stands in the data.
    pub(crate) tax_path: Cow<'static, str>,
    /// Revenue account, or the part of its name behind `rev/`.
    pub(crate) revenue: Option<Cow<'a, str>>,
    /// Where it stands in the data.
    pub(crate) revenue_path: Cow<'static, str>,
    /// Account that earned the revenue before it was billed, if the one above is where it waited.
    pub(crate) earned: Option<Cow<'a, str>>,
    /// Where the revenue goes if neither line nor tax code names an account.
    pub(crate) role: Role,
    /// When the revenue is earned, if not at once.
    pub(crate) defer: Option<Deferral>,
    /// Where that stands in the data.
    pub(crate) defer_path: Cow<'static, str>,
}

/// What a line sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Goods and services.
    Sales,
    /// A period of a subscription.
    Subscription,
}

/// When revenue is earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deferral {
    /// First day.
    pub(crate) from: Date,
    /// Until when.
    pub(crate) until: Until,
}

/// The end of a deferral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Last day.
    Day(Date),
    /// So many months.
    Months(u16),
}

/// Discount for early payment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Discount {
    /// Days in which it is given.
    pub(crate) days: u16,
    /// Percentage of what is open.
    pub(crate) percent: Percent,
    /// Last value date.
    pub(crate) until: Date,
}

/// The dates of an invoice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dates {
    /// Issue and booking date.
    pub(crate) issue: Date,
    /// The day that decides which tax is valid.
    pub(crate) tax_point: Date,
    /// Day of delivery.
    pub(crate) delivery: Option<Date>,
    /// Period of a continuous service, both days included.
    pub(crate) period: Option<(Date, Date)>,
    /// When it is due.
    pub(crate) due: Date,
}

impl<'a> Order<'a> {
    /// Steps 5 and 6: dates, then numbers, in the order of the fields.
    pub(super) fn read(job: &'a Issue, facts: &Facts<'_>, book: &Book) -> Result<Self, Rejection> {
        let currency = Currency::of(book, &job.currency);
        let read = ReadDates::of(job, facts)?;
        let dates = read.dates(facts, book)?;
        let discount = discount(job, read.discount_until, &currency)?;
        let bill = numbers(job, book, &currency)?;
        let coin = job.cash_rounding.as_ref();
        let coin = coin.map(|text| currency.positive(text, "/cash_rounding"));
        let prepaid = job.apply_prepaid.as_ref();
        let rate = job.rate.as_ref();
        let lines = job.lines.iter().flatten().enumerate();
        let names = |(at, line): (usize, &'a super::LineData)| OrderLine {
            tax: Some(Cow::Borrowed(&*line.tax)),
            tax_path: format!("/lines/{at}/tax").into(),
            revenue: line.revenue.as_ref().map(|name| Cow::Borrowed(&**name)),
            revenue_path: format!("/lines/{at}/revenue").into(),
            earned: None,
            role: Role::Sales,
            defer: read.deferrals.get(at).copied().flatten(),
            defer_path: format!("/lines/{at}/defer").into(),
        };
        Ok(Self {
            customer: Cow::Borrowed(&job.customer),
            customer_path: "/customer",
            series: &job.series,
            series_path: "/series",
            currency_path: "/currency",
            dates,
            discount,
            bill,
            lines: lines.map(names).collect(),
            lines_path: if job.from_usage == Some(true) {
                "/from_usage"
            } else {
                "/lines"
            },
            allowances: taxes(job.allowances.as_deref()),
            charges: taxes(job.charges.as_deref()),
            coin: coin.transpose()?.map(Minor::from),
            prepaid: currency.or_zero(prepaid, "/apply_prepaid")?,
            apply_credit: job.apply_credit == Some(true),
            reserved: Reserved::of(&job.customer, facts, book),
            rate: match rate {
                Some(data) => Some(Offer {
                    data,
                    rate: data.read("/rate")?,
                    listed: false,
                }),
                None => None,
            },
            guard: Guard::of(book, dates.issue, facts.today),
            rate_path: "/rate",
            natural: None,
            usage: Vec::new(),
            shown: shown(job, &currency)?,
            currency,
        })
    }
}

/// The dates of a job, before the period is judged.
struct ReadDates {
    issue: Option<Date>,
    delivery: Option<Date>,
    period: Option<(Date, Date)>,
    due: Option<Date>,
    discount_until: Option<Date>,
    deferrals: Vec<Option<Deferral>>,
}

impl ReadDates {
    fn of(job: &Issue, facts: &Facts<'_>) -> Result<Self, Rejection> {
        let issue = optional_date(job.issue_date.as_ref(), "/issue_date")?;
        let delivery = optional_date(job.delivery_date.as_ref(), "/delivery_date")?;
        let period = match &job.period {
            None => None,
            Some(period) => {
                let from = date(&period.from, "/period/from")?;
                let to = date(&period.to, "/period/to")?;
                Some((from, not_before(from, to, "/period/to")?))
            }
        };
        let due = optional_date(job.due_date.as_ref(), "/due_date")?;
        let lines = job.lines.iter().flatten().enumerate();
        let deferrals = lines.map(|(at, line)| line.deferral(at));
        let deferrals = deferrals.collect::<Result<Vec<_>, _>>()?;
        let of_rate = job.rate.as_ref().and_then(|rate| rate.as_of.as_ref());
        optional_date(of_rate, "/rate/as_of")?;
        let start = issue.unwrap_or(facts.today);
        let (mut discount_until, mut due) = (None, due);
        if let Some(terms) = &job.terms {
            due = Some(days_later(start, terms.net_days, "/terms/net_days")?);
            if let Some(discount) = &terms.discount {
                let path = "/terms/discount/days";
                discount_until = Some(days_later(start, discount.days, path)?);
            }
        }
        Ok(Self {
            issue,
            delivery,
            period,
            due,
            discount_until,
            deferrals,
        })
    }

    fn dates(&self, facts: &Facts<'_>, book: &Book) -> Result<Dates, Rejection> {
        let issue = booking_date(self.issue, "/issue_date", facts, book)?;
        let of_service = self.period.map(|(_, to)| to);
        Ok(Dates {
            issue,
            tax_point: self.delivery.or(of_service).unwrap_or(issue),
            delivery: self.delivery,
            period: self.period,
            due: self.due.unwrap_or(issue),
        })
    }
}

/// A last day that does not lie before the first one.
pub(crate) fn not_before(from: Date, to: Date, path: &str) -> Result<Date, Rejection> {
    if to < from {
        return Err(Rejection::new(Code::DateInvalid)
            .at(path)
            .with("value", Value::Date(to)));
    }
    Ok(to)
}

fn days_later(start: Date, days: u16, path: &str) -> Result<Date, Rejection> {
    let day = start.plus_days(i32::from(days));
    day.filter(|day| day.in_range()).ok_or_else(|| {
        Rejection::new(Code::DateOutOfRange)
            .at(path)
            .with("value", Value::count(days))
    })
}

/// Step 6: every number, and the line amounts that follow from the job alone. Tax groups come in
/// step 7.
fn numbers(job: &Issue, book: &Book, currency: &Currency<'_>) -> Result<Bill, Rejection> {
    let mode = job
        .tax_rounding_mode
        .unwrap_or_else(|| book.reference().rounding());
    let mut bill = Bill {
        decimals: currency.decimals(),
        mode,
        tax_rounding: job.tax_rounding.unwrap_or_default(),
        inclusive: job.prices_include_tax == Some(true),
        factors: Vec::new(),
        lines: Vec::new(),
        allowances: Vec::new(),
        charges: Vec::new(),
    };
    for (at, line) in job.lines.iter().flatten().enumerate() {
        let (terms, amount) = line.numbers().read(at, currency, mode)?;
        bill.lines.push(BillLine {
            terms: Some(terms),
            amount,
            group: 0,
        });
    }
    bill.allowances = extras(job.allowances.as_deref(), "allowances", currency)?;
    bill.charges = extras(job.charges.as_deref(), "charges", currency)?;
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

fn taxes(list: Option<&[ExtraData]>) -> Vec<Option<&str>> {
    let list = list.unwrap_or_default().iter();
    list.map(|extra| extra.tax.as_ref().map(Id::as_str))
        .collect()
}

fn discount(
    job: &Issue,
    until: Option<Date>,
    currency: &Currency<'_>,
) -> Result<Option<Discount>, Rejection> {
    let terms = job.terms.as_ref().and_then(|terms| terms.discount.as_ref());
    let (Some(terms), Some(until)) = (terms, until) else {
        return Ok(None);
    };
    let path = "/terms/discount/percent";
    let percent = currency.percent(&terms.percent, path)?;
    if percent
        .factor()
        .is_none_or(|factor| factor.plus(-1).is_none_or(Ratio::is_positive))
    {
        return Err(Rejection::new(Code::DiscountInvalid)
            .at(path)
            .with_text("path", path)
            .with_text("reason", "a discount is 100 percent at the most"));
    }
    Ok(Some(Discount {
        days: terms.days,
        percent,
        until,
    }))
}

/// What the document shows besides dates and figures.
fn shown(job: &Issue, currency: &Currency<'_>) -> Result<Members, Rejection> {
    let text = |text: &Id| Value::text(text.to_string());
    let mut shown = Members::new();
    if let Some(means) = &job.payment_means {
        shown.push(("payment_means".into(), text(means)));
    }
    if let Some(reference) = &job.external_ref {
        shown.push(("external_ref".into(), text(reference)));
    }
    let mut coupons = Vec::new();
    for (at, extra) in job.allowances.iter().flatten().enumerate() {
        if let Some(code) = &extra.code {
            let amount = extra.read(&format!("/allowances/{at}"), currency)?;
            let coupon: Members = vec![
                ("code".into(), text(code)),
                ("amount".into(), Value::amount(amount, currency.decimals())),
            ];
            coupons.push(Value::Object(coupon));
        }
    }
    if !coupons.is_empty() {
        shown.push(("coupons".into(), Value::List(coupons)));
    }
    Ok(shown)
}
