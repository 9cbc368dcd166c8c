//! What an invoice owes less: credit notes and write-offs; and credit that is paid out.

use serde_json::Value;

use super::book::{Entry, Invoice, TaxGroup};
use super::{Answer, Book, Leg, Ruled, invoices, list, minor, need, positive, print, text};

/// `refund.issue`.
pub fn refund(book: &mut Book, data: &Value) -> Ruled {
    book.period_open(&book.today)?;
    let amount = positive(need(data, "amount"), 2)?;
    let credit = format!("credit/{}", need(data, "customer"));
    let bank = need(data, "bank");
    book.usable(&credit, true)?;
    book.usable(bank, false)?;
    let legs = vec![leg(&credit, amount), leg(bank, -amount)];
    book.asks(&legs);
    if amount > book.available(&credit) {
        return Err("REFUND_EXCEEDS_CREDIT");
    }
    let has = book.accounts.get(&credit);
    let rest = has.map_or(0, super::Account::balance) - amount;
    let entry = book.post(Entry {
        legs,
        ..Entry::default()
    })?;
    Ok(book.posted(Answer::of("posted").with("credit", print(rest, 2)), entry))
}

/// A debit, or a credit if it is below zero.
fn leg(account: &str, amount: i128) -> Leg {
    Leg {
        account: account.to_owned(),
        debit: amount > 0,
        amount: amount.abs(),
    }
}

/// What an amount is worth by groups: gross and tax of each. None if nothing says how to divide it.
fn divided(groups: &[TaxGroup], amount: i128) -> Option<Vec<(i128, i128)>> {
    let gross: Vec<i128> = groups
        .iter()
        .map(|one| (one.base + one.tax).max(0))
        .collect();
    let whole: i128 = gross.iter().sum();
    let mut parts = match groups {
        [_] => vec![amount],
        _ if amount == 0 => vec![0; groups.len()],
        _ if whole == 0 => return None,
        _ => gross
            .iter()
            .map(|one| (amount * one).div_euclid(whole))
            .collect(),
    };
    // What is left goes unit by unit to those that lost most by rounding down.
    let left = amount - parts.iter().sum::<i128>();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    let lost = |at: &usize| {
        gross
            .get(*at)
            .map_or(0, |one| (amount * one) % whole.max(1))
    };
    order.sort_by_key(|at| (-lost(at), *at));
    for at in order
        .into_iter()
        .take(usize::try_from(left).unwrap_or_default())
    {
        if let Some(part) = parts.get_mut(at) {
            *part += 1;
        }
    }
    let tax = |(group, part): (&TaxGroup, i128)| {
        let of = group.base + group.tax;
        let tax = if of == 0 || group.tax == 0 {
            0
        } else {
            // Half up, away from zero.
            let doubled = 2 * (part * group.tax).abs() + of.abs();
            doubled.div_euclid(2 * of.abs()) * (part * group.tax * of).signum()
        };
        (part, tax)
    };
    Some(groups.iter().zip(parts).map(tax).collect())
}

/// `writeoff.post`.
pub fn write_off(book: &mut Book, data: &Value) -> Ruled {
    book.period_open(&book.today)?;
    let given = text(data, "amount")
        .map(|text| positive(text, 2))
        .transpose()?;
    let name = need(data, "document");
    let invoice = book.invoices.get(name).ok_or("DOCUMENT_NOT_FOUND")?.clone();
    let amount = given.unwrap_or(invoice.open);
    let receivable = format!("ar/{}", invoice.customer);
    book.usable(&receivable, false)?;
    let parts = divided(&invoice.groups, amount).ok_or("AMOUNT_OVERFLOW")?;
    let tax: i128 = parts.iter().map(|(_, tax)| tax).sum();
    let mut legs = vec![
        leg("exp/bad_debt", amount - tax),
        leg("tax/vat_out", tax),
        leg(&receivable, -amount),
    ];
    legs.retain(|leg| leg.amount > 0);
    book.asks(&legs);
    if !matches!(invoice.state, "open" | "partly_paid") {
        return Err("DOCUMENT_STATE");
    }
    if amount > invoice.open {
        return Err("WRITEOFF_EXCEEDS_OPEN");
    }
    let entry = book.post(Entry {
        legs,
        owned: true,
        ..Entry::default()
    })?;
    let open = invoice.open - amount;
    change(book, name, |invoice| {
        invoice.open = open;
        invoice.written_off += amount;
        if open == 0 {
            invoice.state = "written_off";
        }
    });
    let answer = Answer::of("posted")
        .with("document", name)
        .with("amount", print(amount, 2))
        .with("open", print(open, 2));
    Ok(book.posted(answer, entry))
}

fn change(book: &mut Book, name: &str, change: impl FnOnce(&mut Invoice)) {
    if let Some(invoice) = book.invoices.get_mut(name) {
        change(invoice);
    }
}

/// What a credit note takes back of a group.
type Share = (String, i128, i128);

/// What is left of an invoice, by group; none if nothing says how to divide it.
fn rest(invoice: &Invoice) -> Option<Vec<Share>> {
    let left: Vec<TaxGroup> = invoice
        .groups
        .iter()
        .map(|group| {
            let known = invoice.credited_of.get(&group.code).copied();
            let (base, tax) = known.unwrap_or_default();
            TaxGroup {
                code: group.code.clone(),
                base: group.base - base,
                tax: group.tax - tax,
            }
        })
        .collect();
    let creditable = invoice.creditable();
    let gross: i128 = left.iter().map(|one| one.base + one.tax).sum();
    let parts = if gross == creditable {
        left.iter().map(|one| (one.base, one.tax)).collect()
    } else {
        let parts = divided(&left, creditable.max(0))?.into_iter();
        parts
            .map(|(part, tax)| (part - tax, tax))
            .collect::<Vec<_>>()
    };
    let shares = left.into_iter().zip(parts);
    let shares = shares.map(|(group, (base, tax))| (group.code, base, tax));
    Some(
        shares
            .filter(|(_, base, tax)| (*base, *tax) != (0, 0))
            .collect(),
    )
}

/// What the lines of a note come to, by group.
fn of_lines(invoice: &Invoice, data: &Value) -> Result<Vec<Share>, &'static str> {
    let mut shares: Vec<Share> = Vec::new();
    for line in list(data, "lines") {
        let code = match (text(line, "tax"), invoice.groups.as_slice()) {
            (Some(code), groups) => groups.iter().find(|group| group.code == code),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let code = code.ok_or("TAX_CODE_UNKNOWN")?.code.clone();
        let quantity: i128 = need(line, "quantity").parse().unwrap_or_default();
        let net = quantity * minor(need(line, "price"), 2)?;
        match shares.iter_mut().find(|(known, ..)| *known == code) {
            Some((_, base, _)) => *base += net,
            None => shares.push((code, net, 0)),
        }
    }
    for (code, base, tax) in &mut shares {
        *tax = invoices::tax(*base, invoices::rate(code).unwrap_or_default());
    }
    Ok(shares)
}

/// `credit_note.issue`.
pub fn note(book: &mut Book, data: &Value) -> Ruled {
    book.period_open(&book.today)?;
    let name = need(data, "invoice");
    let invoice = book.invoices.get(name).ok_or("DOCUMENT_NOT_FOUND")?.clone();
    let full = data.get("full").and_then(Value::as_bool) == Some(true);
    let shares = if full {
        rest(&invoice).ok_or("AMOUNT_OVERFLOW")
    } else {
        of_lines(&invoice, data)
    };
    let known = shares.as_deref().unwrap_or_default();
    let total: i128 = known.iter().map(|(_, base, tax)| base + tax).sum();
    let applied = total.min(invoice.open).max(0);
    let credit = (total - applied).max(0);
    let claims = [
        (format!("ar/{}", invoice.customer), applied),
        (format!("credit/{}", invoice.customer), credit),
    ];
    for (account, amount) in &claims {
        if *amount != 0 {
            book.usable(account, false)?;
        }
    }
    let shares = shares?;
    if !full && list(data, "lines").is_empty() {
        return Err("DOCUMENT_NO_LINES");
    }
    if total < 0 {
        return Err("DOCUMENT_TOTAL_NEGATIVE");
    }
    let base: i128 = shares.iter().map(|(_, base, _)| base).sum();
    let tax: i128 = shares.iter().map(|(_, _, tax)| tax).sum();
    let mut legs = vec![leg("rev/sales", base), leg("tax/vat_out", tax)];
    legs.extend(claims.iter().map(|(account, amount)| leg(account, -amount)));
    legs.retain(|leg| leg.amount > 0);
    book.asks(&legs);
    let creditable = invoice.creditable();
    let is_open = matches!(invoice.state, "open" | "partly_paid" | "paid");
    let may_reopen = invoice.state == "credited" && creditable > 0;
    if !is_open && !may_reopen {
        return Err("DOCUMENT_STATE");
    }
    if total > creditable {
        return Err("CREDIT_EXCEEDS_INVOICE");
    }
    let document = format!("GS-{:06}", book.notes.saturating_add(1));
    let status = if legs.is_empty() {
        "accepted"
    } else {
        "posted"
    };
    let mut answer = Answer::of(status)
        .with("document", document)
        .with("total", print(total, 2))
        .with("applied", print(applied, 2))
        .with("credit", print(credit, 2));
    if !legs.is_empty() {
        let entry = book.post(Entry {
            legs,
            owned: true,
            ..Entry::default()
        })?;
        answer = book.posted(answer, entry);
    }
    book.notes = book.notes.saturating_add(1);
    change(book, name, |invoice| {
        invoice.open -= applied;
        invoice.credited += total;
        if matches!(invoice.state, "open" | "partly_paid") && invoice.open == 0 {
            invoice.state = "credited";
        }
        for (code, base, tax) in shares {
            let known = invoice.credited_of.entry(code).or_default();
            *known = (known.0 + base, known.1 + tax);
        }
    });
    Ok(answer)
}

impl Invoice {
    /// What can still be credited.
    fn creditable(&self) -> i128 {
        let gross: i128 = self.groups.iter().map(|one| one.base + one.tax).sum();
        gross - self.credited - self.written_off
    }
}
