//! What the books look like, for people in front of dashboards.

use std::collections::BTreeMap;

use crate::jobs::payment::UNALLOCATED;
use crate::ledger::ageing::Aged;
use crate::ledger::book::BUILT_IN_SERIES;
use crate::ledger::period::PeriodState;
use crate::ledger::{Book, DocumentKind, DocumentState};
use crate::money::Minor;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{FAIL_BUCKETS, RECEIVABLE_BUCKETS, UNALLOCATED_BUCKETS};
use crate::time::{Calendar, Date, Timestamp};

/// Show the books' gauges. Called now and then by whoever owns the books; the cost does not grow
/// with accounts, entries or closed documents.
pub fn show(metrics: &Metrics, books: &[Book], now: Timestamp) {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    metrics
        .books
        .accounts
        .set(books.iter().map(|book| count(book.accounts().len())).sum());
    let open = books.iter().map(|book| book.holds().open()).sum();
    metrics.books.holds_open.set(open);
    let documents = |kind: DocumentKind, states: &[DocumentState]| -> u64 {
        let of_book = |book: &Book| -> u64 {
            states
                .iter()
                .map(|state| book.documents().count(kind, *state))
                .sum()
        };
        books.iter().map(of_book).sum()
    };
    let receivable = [DocumentState::Open, DocumentState::PartlyPaid];
    metrics
        .documents_open("invoice")
        .set(documents(DocumentKind::Invoice, &receivable));
    let unallocated = [DocumentState::Unallocated, DocumentState::PartlyAllocated];
    metrics
        .documents_open("payment")
        .set(documents(DocumentKind::Payment, &unallocated));
    metrics
        .books
        .approvals_pending
        .set(documents(DocumentKind::Approval, &[DocumentState::Pending]));
    for state in [
        DocumentState::Pending,
        DocumentState::Failing,
        DocumentState::PartiallySettled,
        DocumentState::Settled,
        DocumentState::Cancelled,
    ] {
        let level = metrics.settlement_instructions(state.text());
        level.set(documents(DocumentKind::Instruction, &[state]));
    }
    let unbalanced = books.iter().filter(|book| !book.is_balanced()).count();
    metrics.books.out_of_balance.set(count(unbalanced));
    show_ages(metrics, books, now);
    show_watched(metrics, books);
    let mut numbers: BTreeMap<&str, u64> = BUILT_IN_SERIES.map(|name| (name, 0)).into();
    for book in books {
        for (name, series) in book.series_table() {
            let last = numbers.entry(name).or_default();
            *last = (*last).max(series.next.saturating_sub(1));
        }
        for (month, state) in book.periods() {
            metrics
                .period_open(&month.to_string())
                .set_switch(*state == PeriodState::Open);
        }
    }
    for (name, last) in numbers {
        metrics.series_last(name).set(last);
    }
}

/// Sums of one gauge by bucket and unit. Every bucket of a unit that was ever seen is shown, so
/// that what has been settled goes back to zero.
#[derive(Default)]
struct Sums<'a>(BTreeMap<(&'static str, &'a str), (Minor, u8)>);

impl<'a> Sums<'a> {
    fn add(&mut self, bucket: &'static str, unit: (&'a str, u8), amount: Minor) {
        let (code, decimals) = unit;
        let sum = &mut self.0.entry((bucket, code)).or_insert((0, decimals)).0;
        *sum = sum.saturating_add(amount);
    }
}

fn show_ages(metrics: &Metrics, books: &[Book], now: Timestamp) {
    let (mut receivable, mut unallocated) = (Sums::default(), Sums::default());
    let mut fails = FAIL_BUCKETS.map(|bucket| (bucket, 0_u64));
    for book in books {
        let today = book.zone().date(now);
        let ageing = book.documents().ageing();
        // Of the functional unit also before an account uses it.
        let functional = book.functional_unit().and_then(|code| {
            let decimals = book.units().find(code)?.decimals;
            Some((code, decimals))
        });
        let used = book.units().iter().map(|unit| (&*unit.code, unit.decimals));
        for unit in used.chain(functional) {
            for bucket in RECEIVABLE_BUCKETS {
                receivable.add(bucket, unit, 0);
            }
            for bucket in UNALLOCATED_BUCKETS {
                unallocated.add(bucket, unit, 0);
            }
        }
        let unit = |index| (book.units().code(index), book.units().decimals(index));
        for (index, due, open) in ageing.of(Aged::Receivable) {
            let bucket = receivable_bucket(due.map_or(0, |due| days_since(due, today)));
            receivable.add(bucket, unit(index), open.open);
        }
        for (index, received, open) in ageing.of(Aged::Unallocated) {
            let bucket = unallocated_bucket(received.map_or(0, |day| days_since(day, today)));
            unallocated.add(bucket, unit(index), open.open);
        }
        let calendar = book.reference().book_calendar(today);
        for (_, due, open) in ageing.of(Aged::Failing) {
            let age = due.map_or(0, |due| business_days_since(&calendar, due, today));
            if let Some((_, sum)) = fails.get_mut(fail_bucket(age)) {
                *sum = sum.saturating_add(open.count);
            }
        }
    }
    for ((bucket, unit), (amount, decimals)) in receivable.0 {
        let level = metrics.receivables_age(bucket, unit);
        level.set_amount(amount, decimals);
    }
    for ((bucket, unit), (amount, decimals)) in unallocated.0 {
        let level = metrics.unallocated_age(bucket, unit);
        level.set_amount(amount, decimals);
    }
    for (bucket, count) in fails {
        metrics.fails_age(bucket).set(count);
    }
}

/// Watched accounts by what they are for, so that no account is a label and the number of series
/// stays small; money received without an owner by itself.
fn show_watched(metrics: &Metrics, books: &[Book]) {
    let mut sums: BTreeMap<(&str, &str), (Minor, u8)> = BTreeMap::new();
    for book in books {
        for account in book.accounts().watched() {
            let name = &*account.name;
            let role = match name.split_once('/') {
                // What follows may be a customer's number; of this one it is a name of ours.
                Some((role, _)) if name != UNALLOCATED => role,
                Some(_) | None => name,
            };
            let (code, decimals) = (
                book.units().code(account.unit),
                book.units().decimals(account.unit),
            );
            let sum = &mut sums.entry((role, code)).or_insert((0, decimals)).0;
            *sum = sum.saturating_add(account.balance());
        }
    }
    for ((role, unit), (amount, decimals)) in sums {
        let level = metrics.role_balance(role, unit);
        level.set_amount(amount, decimals);
    }
}

fn days_since(day: Date, today: Date) -> i32 {
    today.days().saturating_sub(day.days())
}

/// Beyond ten it does not matter how many more there are.
fn business_days_since(calendar: &Calendar, day: Date, today: Date) -> usize {
    let after = std::iter::successors(day.plus_days(1), |day| day.plus_days(1));
    after
        .take_while(|day| *day <= today)
        .filter(|day| calendar.is_business_day(*day))
        .take(10)
        .count()
}

fn receivable_bucket(days: i32) -> &'static str {
    let [not_due, month, two, three, more] = RECEIVABLE_BUCKETS;
    match days {
        ..=0 => not_due,
        1..=30 => month,
        31..=60 => two,
        61..=90 => three,
        91.. => more,
    }
}

fn unallocated_bucket(days: i32) -> &'static str {
    let [fresh, days_old, weeks_old, more] = UNALLOCATED_BUCKETS;
    match days {
        ..=1 => fresh,
        2..=5 => days_old,
        6..=30 => weeks_old,
        31.. => more,
    }
}

/// Place in [`FAIL_BUCKETS`].
fn fail_bucket(business_days: usize) -> usize {
    match business_days {
        0 => 0,
        1 => 1,
        2..=4 => 2,
        5..=9 => 3,
        10.. => 4,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bench::rig::observer;
    use crate::jobs::desk::Desk;
    use crate::time::Zone;

    #[test]
    fn ages_and_balances_are_those_of_the_books() {
        let accounts = json!({
            "bank/main": { "unit": "EUR", "class": "asset", "opening": "0.00" },
            "ar/cust-1": { "unit": "EUR", "class": "asset", "opening": "0.00" },
            "rev/sales": { "unit": "EUR", "class": "income", "opening": "0.00" },
            "suspense/unallocated": { "unit": "EUR", "class": "liability", "opening": "0.00" },
            "suspense/cust-4711": { "unit": "EUR", "class": "liability", "opening": "1.00" },
            "suspense/cust-4712": { "unit": "EUR", "class": "liability", "opening": "2.00" },
        });
        let mut desk = Desk::given(
            &accounts,
            &json!({ "taxes": { "Z": { "category": "Z", "rate": "0" } } }),
        );
        let invoice = |due: &str, price: &str| {
            json!({
                "customer": "cust-1", "series": "RE", "currency": "EUR", "issue_date": "2026-10-01",
                "delivery_date": "2026-10-01", "due_date": due,
                "lines": [{ "quantity": "1", "price": price, "tax": "Z", "revenue": "rev/sales" }],
            })
        };
        desk.run("invoice.issue", &invoice("2026-12-01", "100.00"));
        desk.run("invoice.issue", &invoice("2026-10-15", "20.50"));
        let money = json!({
            "bank": "bank/main", "amount": "7.25", "currency": "EUR", "booking_date": "2026-11-01",
        });
        desk.run("payment.receive", &money);
        let observer = observer();
        let now = Timestamp::parse("2026-11-20T12:00:00Z").unwrap();
        show(observer.metrics(), std::slice::from_ref(desk.book()), now);
        let text = observer.metrics().render();
        for line in [
            "kontor_receivables_age{bucket=\"not_due\",unit=\"EUR\"} 100",
            "kontor_receivables_age{bucket=\"31-60\",unit=\"EUR\"} 20.5",
            "kontor_receivables_age{bucket=\"90+\",unit=\"EUR\"} 0",
            "kontor_unallocated_age{bucket=\"6-30\",unit=\"EUR\"} 7.25",
            "kontor_role_balance{role=\"suspense/unallocated\",unit=\"EUR\"} 7.25",
            "kontor_role_balance{role=\"suspense\",unit=\"EUR\"} 3",
            "kontor_documents_open{type=\"invoice\"} 2",
            "kontor_documents_open{type=\"payment\"} 1",
            "kontor_books_out_of_balance 0",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} in\n{text}");
        }
        assert!(!text.contains("cust-"), "an account is no label");
    }

    #[test]
    fn an_empty_book_shows_its_functional_unit_and_the_series_that_every_book_has() {
        let zone = Zone::find("Europe/Berlin").unwrap();
        let observer = observer();
        let book = Book::new("main", Some("EUR"), zone, 1);
        show(observer.metrics(), &[book], Timestamp(0));
        let text = observer.metrics().render();
        for line in [
            "kontor_receivables_age{bucket=\"not_due\",unit=\"EUR\"} 0",
            "kontor_unallocated_age{bucket=\"30+\",unit=\"EUR\"} 0",
            "kontor_series_last{series=\"PAY\"} 0",
            "kontor_series_last{series=\"SI\"} 0",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn fails_age_in_business_days() {
        let day = |text: &str| Date::parse(text).unwrap();
        let target = Calendar::shared("TARGET").unwrap();
        // A Thursday before Christmas: the 25th and the weekend do not count.
        let since = |today| business_days_since(&target, day("2026-12-24"), day(today));
        assert_eq!(
            [
                since("2026-12-24"),
                since("2026-12-28"),
                since("2026-12-29")
            ],
            [0, 1, 2]
        );
        assert_eq!(since("2027-06-01"), 10);
        let buckets = [0, 1, 2, 4, 5, 9, 10].map(|age| FAIL_BUCKETS[fail_bucket(age)]);
        assert_eq!(buckets, ["0", "1", "2-4", "2-4", "5-9", "5-9", "10+"]);
    }
}
