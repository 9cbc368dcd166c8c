//! Accounts and reference records.

use serde_json::Value;

use super::{Account, Answer, Book, Ruled, minor, need, policies, text};

/// `account.open`.
pub fn open(book: &mut Book, data: &Value) -> Ruled {
    let name = need(data, "account");
    if book.accounts.contains_key(name) {
        return Err("ACCOUNT_EXISTS");
    }
    if need(data, "unit") != book.unit {
        return Err("CURRENCY_UNKNOWN");
    }
    let mut account = Account {
        unit: book.unit,
        decimals: 2,
        debit_side: matches!(need(data, "class"), "asset" | "expense" | "memo_dr"),
        ..Account::default()
    };
    change(&mut account, data)?;
    book.touched.push(name.to_owned());
    book.accounts.insert(name.to_owned(), account);
    Ok(state(name, "open"))
}

/// `account.update`.
pub fn update(book: &mut Book, data: &Value) -> Ruled {
    let name = need(data, "account");
    let account = book.accounts.get_mut(name).ok_or("ACCOUNT_NOT_FOUND")?;
    if account.closed {
        return Err("ACCOUNT_CLOSED");
    }
    change(account, data)?;
    book.touched.push(name.to_owned());
    Ok(state(name, "open"))
}

fn change(account: &mut Account, data: &Value) -> Result<(), &'static str> {
    if let Some(min) = text(data, "min_available") {
        account.min = Some(minor(min, account.decimals)?);
    }
    if let Some(max) = text(data, "max_balance") {
        account.max = Some(minor(max, account.decimals)?);
    }
    if let Some(freeze) = text(data, "freeze") {
        account.freeze = match freeze {
            "debit" => "debit",
            "credit" => "credit",
            "both" => "both",
            _ => "none",
        };
    }
    Ok(())
}

/// `account.close`.
pub fn close(book: &mut Book, data: &Value) -> Ruled {
    let name = need(data, "account");
    let account = book.accounts.get(name).ok_or("ACCOUNT_NOT_FOUND")?;
    if account.closed {
        return Err("ACCOUNT_CLOSED");
    }
    book.touched.push(name.to_owned());
    let customer = name.strip_prefix("ar/");
    let mut invoices = book.invoices.values();
    let has_open = invoices.any(|one| customer == Some(&one.customer) && one.open > 0);
    if account.balance() != 0 {
        return Err("ACCOUNT_NOT_EMPTY");
    }
    if account.debits_held + account.credits_held != 0 {
        return Err("ACCOUNT_HAS_HOLDS");
    }
    if has_open {
        return Err("ACCOUNT_NOT_EMPTY");
    }
    if let Some(account) = book.accounts.get_mut(name) {
        account.closed = true;
    }
    Ok(state(name, "closed"))
}

fn state(account: &str, state: &'static str) -> Answer {
    Answer::of("accepted")
        .with("account", account)
        .with("state", state)
}

/// `reference.set`: a new version of a record, from a day on.
pub fn reference(book: &mut Book, data: &Value) -> Ruled {
    let (record, name) = (need(data, "record"), need(data, "name"));
    let from = text(data, "valid_from").unwrap_or(&book.today).to_owned();
    if from < book.today {
        return Err("DATE_OUT_OF_RANGE");
    }
    let value = data.get("value").cloned().unwrap_or_default();
    match record {
        "user" => policies::set(&mut book.users, name, from, value),
        "policy" => policies::set(&mut book.policies, name, from, value),
        _ => {}
    }
    let versions = book.versions.entry(format!("{record} {name}")).or_default();
    *versions = versions.saturating_add(1);
    Ok(Answer::of("accepted")
        .with("record", record)
        .with("name", name)
        .with("version", *versions))
}
