//! The replica's books against the model's: every balance, every document, every number.

use super::{Checked, Witness, finding};
use crate::engine::Engine;
use crate::ids::BookIndex;
use crate::ledger::{Book, DocumentKind, Value};
use crate::torture::model::{self, print};

impl Witness {
    /// Compare everything that the model knows.
    pub fn compare_books(&self) -> Checked {
        let books = self.replica.as_ref().map(Engine::books);
        for (book, index) in books.unwrap_or_default().iter().zip((0..).map(BookIndex)) {
            if self.book_name(index) != book.name() {
                return finding(format!(
                    "book {index} has another name than {}",
                    book.name()
                ));
            }
            let Some(expected) = self.model.book(book.name()) else {
                return finding(format!("a book {} that nobody has begun", book.name()));
            };
            numbers(book, expected)?;
            balances(book, expected)?;
            documents(book, expected)?;
            holds(book, expected)?;
            requests(book, expected)?;
            if !book.is_balanced() {
                return finding(format!("book {} is out of balance", book.name()));
            }
        }
        Ok(())
    }
}

fn numbers(book: &Book, expected: &model::Book) -> Checked {
    let entries = model::book::number(expected.entries.len());
    let found = [book.next_entry().0, book.next_sequence().0];
    let wanted = [entries, expected.sequence].map(|last| last.saturating_add(1));
    if found != wanted {
        return finding(format!(
            "book {}: next entry and outcome are {found:?}, expected are {wanted:?}",
            book.name()
        ));
    }
    let series = [
        ("RE", expected.invoices.len()),
        ("GS", usize::try_from(expected.notes).unwrap_or_default()),
        ("PAY", expected.payments.len()),
        ("SI", expected.instructions.len()),
        ("H", expected.holds.len()),
        ("RS", expected.schedules.len()),
        ("APR", expected.requests.len()),
    ];
    for (name, count) in series {
        let found = book
            .series_table()
            .get(name)
            .map_or(1, |series| series.next);
        let wanted = model::book::number(count).saturating_add(1);
        if found != wanted {
            return finding(format!(
                "book {}: series {name} stands at {found}, expected is {wanted}",
                book.name()
            ));
        }
    }
    Ok(())
}

fn balances(book: &Book, expected: &model::Book) -> Checked {
    let opened = book
        .accounts()
        .iter()
        .filter(|(_, account)| !account.name.starts_with("opening/"));
    let count = opened.count();
    if count != expected.accounts.len() {
        return finding(format!(
            "book {} has {count} accounts, expected are {}",
            book.name(),
            expected.accounts.len()
        ));
    }
    for (name, account) in &expected.accounts {
        let found = book.accounts().by_name(name);
        let found = found.map(|found| (found.balance(), found.available(), found.closed));
        let wanted = (account.balance(), account.available(), account.closed);
        if found != Some(wanted) {
            return finding(format!(
                "book {}: account {name} has (balance, available, closed) {found:?}, expected is \
                 {wanted:?}",
                book.name()
            ));
        }
    }
    Ok(())
}

fn holds(book: &Book, expected: &model::Book) -> Checked {
    for (number, one) in &expected.holds {
        let found = book.holds().get(number);
        let state = found.map(|hold| hold.state.text());
        if state != Some(one.state) {
            return finding(format!(
                "book {}: {number} is {state:?}, expected is {}",
                book.name(),
                one.state
            ));
        }
    }
    let found = book.next_due().map(|at| at.0);
    let wanted = expected.alarms.first().map(|alarm| alarm.at);
    if found != wanted {
        return finding(format!(
            "book {}: the next thing is due at {found:?}, expected is {wanted:?}",
            book.name()
        ));
    }
    Ok(())
}

/// Requests for approval: their states, who has decided, and whether their jobs wait.
fn requests(book: &Book, expected: &model::Book) -> Checked {
    for (number, one) in &expected.requests {
        let found = book.documents().get(number);
        let decided = found.and_then(|found| found.member("decided"));
        let count = match decided {
            Some(Value::List(decided)) => decided.len(),
            Some(_) | None => 0,
        };
        let state = found.map(|found| found.state.text());
        let waits = one.state == "pending";
        let kept = book.kept(number).is_some();
        let awaited = book.awaited(&one.key) == Some(number.as_str());
        let is = (state, count, kept, awaited);
        let wanted = (Some(one.state), one.decided.len(), waits, waits);
        if is != wanted {
            return finding(format!(
                "book {}: {number} has (state, decisions, job, key) {is:?}, expected is {wanted:?}",
                book.name()
            ));
        }
    }
    Ok(())
}

fn documents(book: &Book, expected: &model::Book) -> Checked {
    let invoices = expected
        .invoices
        .iter()
        .map(|(number, one)| (number, one.open));
    let payments = expected
        .payments
        .iter()
        .map(|(number, one)| (number, one.open));
    for (number, open) in invoices.chain(payments) {
        let found = book.documents().get(number).map(|document| document.open);
        if found != Some(open) {
            return finding(format!(
                "book {}: {number} has {found:?} open, expected is {}",
                book.name(),
                print(open, 2)
            ));
        }
    }
    for (number, one) in &expected.invoices {
        let found = book.documents().get(number);
        let state = found.map(|document| document.state.text());
        if state != Some(one.state) {
            return finding(format!(
                "book {}: {number} is {state:?}, expected is {}",
                book.name(),
                one.state
            ));
        }
    }
    for (number, one) in &expected.instructions {
        let found = book.documents().get(number);
        let state = found
            .filter(|document| document.kind == DocumentKind::Instruction)
            .map(|document| document.state.text());
        if state != Some(one.state) {
            return finding(format!(
                "book {}: {number} is {state:?}, expected is {}",
                book.name(),
                one.state
            ));
        }
    }
    Ok(())
}
