//! The reverse of an invoice that was never issued as one: what was billed too much becomes the
//! customer's credit.
//!
//! | Posting | Debit                          | Credit              | Amount |
//! |---------|--------------------------------|---------------------|--------|
//! |         | revenue or deferred, net       | `credit/<customer>` | gross  |
//! |         | tax account of the code        |                     | tax    |

use super::draft::Search;
use super::lines::overflow;
use super::order::Order;
use crate::jobs::exchange::{Earned, Exchange, Part};
use crate::jobs::postings::Postings;
use crate::ledger::{Book, Plan, Rejection, Side, Value};

/// Steps 7 to 11 of giving an order's total back, and the entry.
pub(crate) fn credit(
    order: &Order<'_>,
    book: &Book,
    plan: &mut Plan,
    check: impl FnOnce() -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let (currency, path) = (&order.currency, order.customer_path);
    let account = format!("credit/{}", order.customer);
    let account = book.usable(&account, Side::Credit, path)?;
    let mut bill = order.bill.clone();
    let mut search = Search::new(book, order, &mut bill);
    search.lines_and_extras()?;
    let totals = search.totals.clone().map_err(|_fault| overflow(path))?;
    let debits = search.parts.iter().map(|part| Part {
        amount: -part.amount,
        ..part.clone()
    });
    let debits: Vec<Part> = debits.collect();
    let (rate, mode) = ((order.rate, order.guard), order.bill.mode);
    let exchange = Exchange::of_job(book, currency, rate, order.rate_path, mode)?;
    let earned = Earned::of(&debits, exchange.as_ref())?;
    earned.postings.check_sides(book)?;

    currency.check(order.dates.issue, order.currency_path)?;
    currency.check_account(book, account, path)?;
    match &exchange {
        None => earned.postings.check_units(book, currency)?,
        Some(exchange) => {
            exchange.check_units(book, currency)?;
            earned.postings.check_units(book, &exchange.functional)?;
        }
    }

    // From here on the plan shows what would move, should it need an approval.
    let total = totals.tax_inclusive;
    let mut claims = Postings::default();
    claims.credit(account, total, path);
    plan.post(order.dates.issue, order.dates.issue).owned = true;
    match &exchange {
        None => earned.postings.with(&claims).write_alone(plan)?,
        Some(exchange) => {
            claims.write_alone(plan)?;
            exchange.write(plan, -total, earned.sum)?;
            earned.postings.write_alone(plan)?;
            exchange.keep_rate(book, plan);
        }
    }
    check()?;
    plan.show("credit", Value::amount(total, currency.decimals()));
    Ok(())
}
