//! Invoices: lines, tax by group, an open item.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::book::{Entry, Invoice, TaxGroup, number};
use super::{Answer, Book, Leg, Ruled, list, minor, need, print, text};

/// The tax codes of the books and their rates in percent.
const TAXES: [(&str, i128); 3] = [("S19", 19), ("S7", 7), ("Z0", 0)];

/// `invoice.issue`.
pub fn issue(book: &mut Book, data: &Value) -> Ruled {
    let issued = need(data, "issue_date");
    book.period_open(issued)?;
    let mut lines = Vec::new();
    for line in list(data, "lines") {
        let quantity: i128 = need(line, "quantity").parse().unwrap_or_default();
        lines.push((need(line, "tax"), quantity * minor(need(line, "price"), 2)?));
    }
    let customer = need(data, "customer");
    let reference = text(data, "external_ref").map(|text| format!("RE {text}"));
    if reference
        .as_ref()
        .is_some_and(|reference| book.is_taken(reference))
    {
        return Err("DUPLICATE_REFERENCE");
    }
    let receivable = format!("ar/{customer}");
    book.usable(&receivable, true)?;
    let (groups, order) = groups(book, &lines)?;
    if lines.is_empty() {
        return Err("DOCUMENT_NO_LINES");
    }
    let net: i128 = groups.values().map(|(_, base)| base).sum();
    let taxes: i128 = groups.values().map(|(rate, base)| tax(*base, *rate)).sum();
    let total = net + taxes;
    if total < 0 {
        return Err("DOCUMENT_TOTAL_NEGATIVE");
    }
    let shown: Vec<Value> = order
        .iter()
        .filter_map(|code| Some((code, groups.get(code)?)))
        .map(|(code, (rate, base))| {
            json!({
                "tax": code,
                "base": print(*base, 2),
                "amount": print(tax(*base, *rate), 2),
                "rate": rate.to_string(),
            })
        })
        .collect();
    let document = format!("RE-{:06}", number(book.invoices.len()).saturating_add(1));
    let mut answer = Answer::of("posted")
        .with("document", document.clone())
        .with("total", print(total, 2))
        .with("payable", print(total, 2))
        .with("tax_exclusive", print(net, 2))
        .with("tax", shown);
    let legs = legs(receivable, total, net, taxes);
    if !legs.is_empty() {
        let entry = book.post(Entry {
            legs,
            owned: true,
            ..Entry::default()
        })?;
        answer = book.posted(answer, entry);
    }
    book.taken.extend(reference);
    let invoice = Invoice {
        customer: customer.to_owned(),
        due: text(data, "due_date").unwrap_or(issued).to_owned(),
        open: total,
        state: if total == 0 { "paid" } else { "open" },
        groups: order
            .iter()
            .filter_map(|code| Some((code, groups.get(code)?)))
            .map(|(code, (rate, base))| TaxGroup {
                code: (*code).to_owned(),
                base: *base,
                tax: tax(*base, *rate),
            })
            .collect(),
        ..Invoice::default()
    };
    book.invoices.insert(document, invoice);
    Ok(answer)
}

type Groups<'d> = BTreeMap<&'d str, (i128, i128)>;

/// Rate and base of every tax code, and the codes in the order of the lines.
fn groups<'d>(
    book: &Book,
    lines: &[(&'d str, i128)],
) -> Result<(Groups<'d>, Vec<&'d str>), &'static str> {
    let (mut groups, mut order) = (Groups::new(), Vec::new());
    let mut net = 0;
    for (code, line) in lines {
        let rate = rate(code).ok_or("TAX_CODE_UNKNOWN")?;
        if !groups.contains_key(code) {
            order.push(*code);
        }
        groups.entry(*code).or_insert((rate, 0)).1 += line;
        net += line;
    }
    let taxes: i128 = groups.values().map(|(rate, base)| tax(*base, *rate)).sum();
    for (account, sum) in [("rev/sales", net), ("tax/vat_out", taxes)] {
        if sum != 0 {
            book.usable(account, sum < 0)?;
        }
    }
    Ok((groups, order))
}

/// The rate of a tax code in percent.
pub fn rate(code: &str) -> Option<i128> {
    let known = TAXES.iter().find(|(known, _)| *known == code);
    known.map(|(_, rate)| *rate)
}

/// Half up, away from zero.
pub fn tax(base: i128, rate: i128) -> i128 {
    let hundredfold = base * rate;
    let rounded = (hundredfold.abs() + 50).div_euclid(100);
    rounded * hundredfold.signum()
}

fn legs(receivable: String, total: i128, net: i128, taxes: i128) -> Vec<Leg> {
    let sums = [
        (receivable, total),
        ("rev/sales".to_owned(), -net),
        ("tax/vat_out".to_owned(), -taxes),
    ];
    let leg = |(account, sum): (String, i128)| Leg {
        account,
        debit: sum > 0,
        amount: sum.abs(),
    };
    sums.into_iter()
        .filter(|(_, sum)| *sum != 0)
        .map(leg)
        .collect()
}
