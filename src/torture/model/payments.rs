//! Payments, what they pay, and the way back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::book::{Entry, Payment, number};
use super::{Answer, Book, Leg, Ruled, list, need, positive, print, text};

const SUSPENSE: &str = "suspense/unallocated";

/// A document and how much of it is paid.
type Item = (String, i128);

/// `payment.receive`.
pub fn receive(book: &mut Book, data: &Value) -> Ruled {
    book.period_open(need(data, "booking_date"))?;
    let amount = positive(need(data, "amount"), 2)?;
    let listed = items(data)?;
    let reference = text(data, "bank_ref").map(|text| format!("bank {text}"));
    if reference
        .as_ref()
        .is_some_and(|reference| book.is_taken(reference))
    {
        return Err("DUPLICATE_REFERENCE");
    }
    book.usable("bank/main", true)?;
    known(book, &listed)?;
    let given = text(data, "customer");
    let named = text(data, "reference").filter(|number| {
        let invoice = book.invoices.get(*number);
        invoice.is_some_and(|invoice| given.is_none_or(|given| given == invoice.customer))
    });
    let of = |number: &str| book.invoices.get(number).map(|one| one.customer.clone());
    let customer = given
        .map(str::to_owned)
        .or_else(|| listed.first().and_then(|(number, _)| of(number)))
        .or_else(|| named.and_then(of));
    let items = match text(data, "allocation") {
        Some("oldest_first") => fill(book, oldest_first(book, customer.as_deref()), amount),
        Some("none") => Vec::new(),
        Some(_) => listed.clone(),
        None => fill(book, named.map(str::to_owned).into_iter().collect(), amount),
    };
    let allocated: i128 = items.iter().map(|(_, amount)| amount).sum();
    let rest = (amount - allocated).max(0);
    let mut legs = vec![leg("bank/main", true, amount)];
    let credits = match &customer {
        None => vec![(SUSPENSE.to_owned(), rest)],
        Some(name) => vec![
            (format!("ar/{name}"), allocated),
            (format!("credit/{name}"), rest),
        ],
    };
    for (account, sum) in credits {
        if sum > 0 || account == SUSPENSE {
            book.usable(&account, false)?;
            legs.push(leg(&account, false, sum));
        }
    }
    if !listed.is_empty() {
        if allocated > amount {
            return Err("ALLOCATION_EXCEEDS_PAYMENT");
        }
        check_open(book, &items, customer.as_deref())?;
    }
    let entry = book.post(Entry {
        legs,
        owned: true,
        ..Entry::default()
    })?;
    pay(book, &items, 1, false);
    book.taken.extend(reference);
    let unallocated = if customer.is_none() { rest } else { 0 };
    let payment = format!("PAY-{:06}", number(book.payments.len()).saturating_add(1));
    let mut paid = BTreeMap::new();
    for (number, amount) in &items {
        *paid.entry(number.clone()).or_default() += amount;
    }
    book.payments.insert(
        payment.clone(),
        Payment {
            customer: given.map(str::to_owned),
            open: unallocated,
            paid,
        },
    );
    let shown = items
        .iter()
        .map(|(number, amount)| json!({ "document": number, "amount": print(*amount, 2) }));
    let answer = Answer::of("posted")
        .with("payment", payment)
        .with("allocated", shown.collect::<Vec<Value>>())
        .with(
            "credit",
            print(if customer.is_some() { rest } else { 0 }, 2),
        )
        .with("unallocated", print(unallocated, 2));
    Ok(book.posted(answer, entry))
}

fn leg(account: &str, debit: bool, amount: i128) -> Leg {
    Leg {
        account: account.to_owned(),
        debit,
        amount,
    }
}

fn items(data: &Value) -> Result<Vec<Item>, &'static str> {
    let read = |one: &Value| {
        Ok((
            need(one, "document").to_owned(),
            positive(need(one, "amount"), 2)?,
        ))
    };
    list(data, "allocations").iter().map(read).collect()
}

fn known(book: &Book, items: &[Item]) -> Result<(), &'static str> {
    let unknown = items
        .iter()
        .any(|(number, _)| !book.invoices.contains_key(number));
    if unknown {
        Err("DOCUMENT_NOT_FOUND")
    } else {
        Ok(())
    }
}

/// Open documents of a customer by due date, then by number.
fn oldest_first(book: &Book, customer: Option<&str>) -> Vec<String> {
    let mut open: Vec<(&str, &String)> = book
        .invoices
        .iter()
        .filter(|(_, one)| Some(one.customer.as_str()) == customer && one.open > 0)
        .map(|(number, one)| (one.due.as_str(), number))
        .collect();
    open.sort_unstable();
    open.into_iter().map(|(_, number)| number.clone()).collect()
}

fn fill(book: &Book, numbers: Vec<String>, amount: i128) -> Vec<Item> {
    let mut rest = amount;
    let mut items = Vec::new();
    for number in numbers {
        let open = book.invoices.get(&number).map_or(0, |one| one.open);
        let part = rest.min(open);
        if part > 0 {
            rest -= part;
            items.push((number, part));
        }
    }
    items
}

/// Every document must be the customer's, open, and open by what is asked of it so far.
fn check_open(book: &Book, items: &[Item], customer: Option<&str>) -> Result<(), &'static str> {
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for (number, amount) in items {
        let Some(invoice) = book.invoices.get(number) else {
            return Err("DOCUMENT_NOT_FOUND");
        };
        let foreign = customer.is_some_and(|customer| customer != invoice.customer);
        if foreign || !matches!(invoice.state, "open" | "partly_paid") {
            return Err("DOCUMENT_STATE");
        }
        let sum = sums.entry(number).or_default();
        *sum += amount;
        if *sum > invoice.open {
            return Err("ALLOCATION_EXCEEDS_OPEN");
        }
    }
    Ok(())
}

fn pay(book: &mut Book, items: &[Item], sign: i128, from_credit: bool) {
    for (number, amount) in items {
        if let Some(invoice) = book.invoices.get_mut(number) {
            invoice.open -= amount * sign;
            invoice.paid += amount * sign;
            invoice.state = match (invoice.open, invoice.paid) {
                (0, _) => "paid",
                (_, 0) => "open",
                (_, _) => "partly_paid",
            };
            if from_credit {
                invoice.from_credit += amount * sign;
            }
        }
    }
}

/// `payment.allocate`.
pub fn allocate(book: &mut Book, data: &Value) -> Ruled {
    book.period_open(&book.today)?;
    let items = items(data)?;
    let back = data.get("unallocate").and_then(Value::as_bool) == Some(true);
    let payment = text(data, "payment");
    let source = match payment {
        Some(number) => Some(
            book.payments
                .get(number)
                .ok_or("DOCUMENT_NOT_FOUND")?
                .clone(),
        ),
        None => None,
    };
    let given = text(data, "customer");
    let account = given.map_or_else(|| SUSPENSE.to_owned(), |name| format!("credit/{name}"));
    book.usable(&account, !back)?;
    known(book, &items)?;
    let mut receivables: BTreeMap<String, i128> = BTreeMap::new();
    let mut order = Vec::new();
    for (number, amount) in &items {
        let customer = book.invoices.get(number).map(|one| one.customer.clone());
        let name = format!("ar/{}", customer.unwrap_or_default());
        book.usable(&name, back)?;
        if !receivables.contains_key(&name) {
            order.push(name.clone());
        }
        *receivables.entry(name).or_default() += amount;
    }
    let requested: i128 = items.iter().map(|(_, amount)| amount).sum();
    let owner = given
        .map(str::to_owned)
        .or_else(|| source.as_ref()?.customer.clone());
    let mut legs = vec![leg(&account, !back, requested)];
    for name in order {
        let sum = receivables.get(&name).copied().unwrap_or_default();
        legs.push(leg(&name, back, sum));
    }
    book.asks(&legs);
    if back {
        check_paid(book, &items, owner.as_deref(), source.as_ref())?;
    } else {
        let credit = book.available(&account);
        let available = source.as_ref().map_or(credit, |payment| payment.open);
        if requested > available {
            return Err("ALLOCATION_EXCEEDS_PAYMENT");
        }
        check_open(book, &items, owner.as_deref())?;
    }
    let entry = book.post(Entry {
        legs,
        owned: true,
        ..Entry::default()
    })?;
    let sign = if back { -1 } else { 1 };
    pay(book, &items, sign, payment.is_none());
    let answer = match payment.and_then(|number| book.payments.get_mut(number)) {
        Some(payment) => {
            payment.open -= requested * sign;
            for (number, amount) in &items {
                *payment.paid.entry(number.clone()).or_default() += amount * sign;
            }
            Answer::of("posted").with("unallocated", print(payment.open, 2))
        }
        None => {
            let rest = book
                .accounts
                .get(&account)
                .map_or(0, super::Account::balance);
            Answer::of("posted").with("credit", print(rest, 2))
        }
    };
    Ok(book.posted(answer, entry))
}

/// What is taken back must have been paid from there.
fn check_paid(
    book: &Book,
    items: &[Item],
    owner: Option<&str>,
    source: Option<&Payment>,
) -> Result<(), &'static str> {
    let requested: i128 = items.iter().map(|(_, amount)| amount).sum();
    let total = |payment: &Payment| payment.paid.values().sum::<i128>();
    if source.is_some_and(|payment| requested > total(payment)) {
        return Err("ALLOCATION_EXCEEDS_PAYMENT");
    }
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for (number, amount) in items {
        let Some(invoice) = book.invoices.get(number) else {
            return Err("DOCUMENT_NOT_FOUND");
        };
        let foreign = owner.is_some_and(|owner| owner != invoice.customer);
        if foreign || !matches!(invoice.state, "partly_paid" | "paid") {
            return Err("DOCUMENT_STATE");
        }
        let sum = sums.entry(number).or_default();
        *sum += amount;
        let available = match source {
            Some(payment) => payment.paid.get(number).copied().unwrap_or_default(),
            None => invoice.from_credit,
        };
        if *sum > available {
            return Err("ALLOCATION_EXCEEDS_PAYMENT");
        }
    }
    Ok(())
}
