//! Which accounts a document's lines and taxes are posted to: what the job or a record names is
//! taken as named, of defaults the first that the book has (CATALOGUE.md, section 8.2).

use super::order::{Deferral, Order, OrderLine, Role};
use crate::ids::AccountIndex;
use crate::jobs::postings::{first_open, first_role, open_account, role_account};
use crate::jobs::receivable::Group;
use crate::ledger::reference::TaxCode;
use crate::ledger::{Book, Rejection};
use crate::time::Date;

/// Where the net of a line goes.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) account: AccountIndex,
    /// Where the account was asked for.
    pub(super) path: String,
    /// For revenue that is earned later: name of the account that earns it, and when.
    pub(super) later: Option<(String, Deferral)>,
    /// For revenue that was earned before: name of the account that earned it.
    pub(super) earned: Option<String>,
}

/// The account of a line.
pub(super) fn line_account(
    book: &Book,
    order: &Order<'_>,
    line: &OrderLine<'_>,
    tax: Option<&TaxCode>,
) -> Result<Line, Rejection> {
    let of_line = line.revenue.as_deref();
    let of_code = tax.and_then(|tax| tax.revenue.as_deref());
    let path = if of_line.is_some() {
        line.revenue_path.to_string()
    } else {
        line.tax_path.to_string()
    };
    let named = of_line.or(of_code).map(|name| revenue_name(book, name));
    let Some(when) = line.defer else {
        let account = if let Some(name) = named {
            open_account(book, &name, &path)?
        } else {
            let [first, last] = sales(line.role, tax);
            first_open(book, [&first, &last], &path)?
        };
        return Ok(Line {
            account,
            path,
            later: None,
            earned: line.earned.as_deref().map(str::to_owned),
        });
    };
    let revenue = named.unwrap_or_else(|| {
        let [first, last] = sales(line.role, tax);
        first_role(book, [&first, &last]).to_owned()
    });
    let of_customer = format!("deferred/{}", order.customer);
    let names = match line.role {
        Role::Subscription => [of_customer, revenue.clone()],
        Role::Sales => [deferred_name(&revenue, &of_customer), of_customer],
    };
    let [first, last] = &names;
    let path = line.defer_path.to_string();
    Ok(Line {
        account: first_open(book, [first, last], &path)?,
        path,
        later: Some((revenue, when)),
        earned: None,
    })
}

/// The revenue account of a tax group of an invoice that does not say where its revenue went.
pub(crate) fn group_account(
    book: &Book,
    group: &Group<'_>,
    day: Date,
    path: &str,
) -> Result<AccountIndex, Rejection> {
    let code = book.reference().tax(group.code, day);
    if let Some(name) = code.and_then(|code| code.revenue.as_deref()) {
        return open_account(book, &revenue_name(book, name), path);
    }
    let last = "rev/sales";
    let first = match group.rate {
        "" => last.to_owned(),
        rate => format!("{last}_{rate}"),
    };
    first_open(book, [&first, last], path)
}

/// The account of all allowances or charges of a document.
pub(super) fn extra_account(book: &Book, name: &str) -> Result<AccountIndex, Rejection> {
    role_account(book, &format!("rev/{name}"), &format!("/{name}"))
}

/// The account of a tax: the code's, the one of the rate, the one of all sales.
pub(crate) fn tax_account(
    book: &Book,
    named: Option<&str>,
    rate: &str,
    path: &str,
) -> Result<AccountIndex, Rejection> {
    match named {
        Some(named) => open_account(book, named, path),
        None => first_open(book, [&format!("tax/vat_{rate}"), "tax/vat_out"], path),
    }
}

/// The name of a revenue account: one with a slash is an account, another a role. A role has the
/// account that the records name for it, or for `rev/<role>`, else `rev/<role>` itself.
pub(crate) fn revenue_name(book: &Book, name: &str) -> String {
    if name.contains('/') {
        return name.to_owned();
    }
    let reference = book.reference();
    match reference.role_account(name) {
        Some(account) => account.to_owned(),
        None => reference.role(&format!("rev/{name}")).to_owned(),
    }
}

/// The default revenue accounts: the first that the book has.
fn sales(role: Role, tax: Option<&TaxCode>) -> [String; 2] {
    let last = match role {
        Role::Subscription => "rev/subscription",
        Role::Sales => "rev/sales",
    };
    let first = match (role, tax) {
        (Role::Sales, Some(tax)) => format!("rev/sales_{}", tax.rate_text),
        (Role::Sales, None) | (Role::Subscription, _) => last.to_owned(),
    };
    [first, last.to_owned()]
}

/// The account in which revenue of `rev/<x>` waits: `deferred/<x>`.
pub(crate) fn deferred_name(revenue: &str, of_customer: &str) -> String {
    match revenue.strip_prefix("rev/") {
        Some(rest) => format!("deferred/{rest}"),
        None => of_customer.to_owned(),
    }
}
