//! What the books look like, for people in front of dashboards.

use crate::jobs::payment::UNALLOCATED;
use crate::ledger::ageing::Aged;
use crate::ledger::book::BUILT_IN_SERIES;
use crate::ledger::period::PeriodState;
use crate::ledger::{Book, DocumentKind, DocumentState};
use crate::telemetry::metrics::{FAIL_BUCKETS, RECEIVABLE_BUCKETS, UNALLOCATED_BUCKETS};
use crate::telemetry::{Figure, Figures, Metrics};
use crate::time::{Calendar, Date, Timestamp};

/// Show the gauges of a partition's books. Called now and then by whoever owns the books; the cost
/// does not grow with accounts, entries or closed documents.
pub fn show(metrics: &Metrics, partition: u16, books: &[Book], now: Timestamp) {
    let mut figures = Figures::default();
    for name in BUILT_IN_SERIES {
        figures.put("kontor_series_last", &[name], Figure::Reached(0));
    }
    for book in books {
        add_counts(&mut figures, book);
        add_ages(&mut figures, book, now);
        add_watched(&mut figures, book);
        for (name, series) in book.series_table() {
            let last = Figure::Reached(series.next.saturating_sub(1));
            figures.put("kontor_series_last", &[name], last);
        }
        add_periods(&mut figures, book, now);
    }
    metrics.put(partition, figures);
}

fn add_counts(figures: &mut Figures, book: &Book) {
    let accounts = u64::try_from(book.accounts().len()).unwrap_or(u64::MAX);
    figures.put("kontor_accounts", &[], Figure::Count(accounts));
    let holds = book.holds().open();
    figures.put("kontor_holds_open", &[], Figure::Count(holds));
    let unbalanced = u64::from(!book.is_balanced());
    figures.put(
        "kontor_books_out_of_balance",
        &[],
        Figure::Count(unbalanced),
    );
    let documents = |kind: DocumentKind, states: &[DocumentState]| {
        let in_state = |state: &DocumentState| book.documents().count(kind, *state);
        Figure::Count(states.iter().map(in_state).sum())
    };
    let receivable = [DocumentState::Open, DocumentState::PartlyPaid];
    let invoices = documents(DocumentKind::Invoice, &receivable);
    figures.put("kontor_documents_open", &["invoice"], invoices);
    let unallocated = [DocumentState::Unallocated, DocumentState::PartlyAllocated];
    let payments = documents(DocumentKind::Payment, &unallocated);
    figures.put("kontor_documents_open", &["payment"], payments);
    let requests = documents(DocumentKind::Approval, &[DocumentState::Pending]);
    figures.put("kontor_approvals_pending", &[], requests);
    for state in [
        DocumentState::Pending,
        DocumentState::Failing,
        DocumentState::PartiallySettled,
        DocumentState::Settled,
        DocumentState::Cancelled,
    ] {
        let instructions = documents(DocumentKind::Instruction, &[state]);
        let name = "kontor_settlement_instructions";
        figures.put(name, &[state.text()], instructions);
    }
}

/// The month of today and the one before it, which closings are about, and what a job has named.
fn add_periods(figures: &mut Figures, book: &Book, now: Timestamp) {
    let today = book.zone().date(now);
    let last = today.month().first_day().and_then(|day| day.plus_days(-1));
    let recent = [Some(today), last].into_iter().flatten().map(Date::month);
    let named = book.periods().keys().copied();
    for month in recent.chain(named) {
        let is_open = Figure::Is(book.period(month) == PeriodState::Open);
        figures.put("kontor_period_open", &[&month.to_string()], is_open);
    }
}

const RECEIVABLES: &str = "kontor_receivables_age";
const UNOWNED: &str = "kontor_unallocated_age";
const FAILS: &str = "kontor_fails_age";

/// Every bucket of a unit that is used is shown, so that what has been settled goes back to zero.
fn add_ages(figures: &mut Figures, book: &Book, now: Timestamp) {
    let today = book.zone().date(now);
    // Of the functional unit also before an account uses it.
    let functional = book.functional_unit().and_then(|code| {
        let decimals = book.units().find(code)?.decimals;
        Some((code, decimals))
    });
    let used = book.units().iter().map(|unit| (&*unit.code, unit.decimals));
    for (unit, decimals) in used.chain(functional) {
        let nothing = Figure::Amount(0, decimals);
        for bucket in RECEIVABLE_BUCKETS {
            figures.put(RECEIVABLES, &[bucket, unit], nothing);
        }
        for bucket in UNALLOCATED_BUCKETS {
            figures.put(UNOWNED, &[bucket, unit], nothing);
        }
    }
    for bucket in FAIL_BUCKETS {
        figures.put(FAILS, &[bucket], Figure::Count(0));
    }
    let ageing = book.documents().ageing();
    for (unit, due, open) in ageing.of(Aged::Receivable) {
        let bucket = receivable_bucket(due.map_or(0, |due| days_since(due, today)));
        let amount = Figure::Amount(open.open, book.units().decimals(unit));
        figures.put(RECEIVABLES, &[bucket, book.units().code(unit)], amount);
    }
    for (unit, received, open) in ageing.of(Aged::Unallocated) {
        let bucket = unallocated_bucket(received.map_or(0, |day| days_since(day, today)));
        let amount = Figure::Amount(open.open, book.units().decimals(unit));
        figures.put(UNOWNED, &[bucket, book.units().code(unit)], amount);
    }
    let calendar = book.reference().book_calendar(today);
    for (_, due, open) in ageing.of(Aged::Failing) {
        let age = due.map_or(0, |due| business_days_since(&calendar, due, today));
        if let Some(bucket) = FAIL_BUCKETS.get(fail_bucket(age)) {
            figures.put(FAILS, &[bucket], Figure::Count(open.count));
        }
    }
}

/// Watched accounts by what they are for, so that no account is a label and the number of series
/// stays small; money received without an owner by itself.
fn add_watched(figures: &mut Figures, book: &Book) {
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
        let balance = Figure::Amount(account.balance(), decimals);
        figures.put("kontor_role_balance", &[role, code], balance);
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
        show(
            observer.metrics(),
            0,
            std::slice::from_ref(desk.book()),
            now,
        );
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
        // A partition with the same books doubles every sum, and shown again it changes nothing.
        for _ in 0..2 {
            show(
                observer.metrics(),
                1,
                std::slice::from_ref(desk.book()),
                now,
            );
        }
        let text = observer.metrics().render();
        for line in [
            "kontor_receivables_age{bucket=\"not_due\",unit=\"EUR\"} 200",
            "kontor_unallocated_age{bucket=\"6-30\",unit=\"EUR\"} 14.5",
            "kontor_role_balance{role=\"suspense\",unit=\"EUR\"} 6",
            "kontor_documents_open{type=\"invoice\"} 4",
            "kontor_series_last{series=\"RE\"} 2",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn an_empty_book_shows_its_functional_unit_and_the_series_that_every_book_has() {
        let zone = Zone::find("Europe/Berlin").unwrap();
        let observer = observer();
        let book = Book::new("main", Some("EUR"), zone, 1);
        show(observer.metrics(), 0, &[book], Timestamp(0));
        let text = observer.metrics().render();
        for line in [
            "kontor_receivables_age{bucket=\"not_due\",unit=\"EUR\"} 0",
            "kontor_unallocated_age{bucket=\"30+\",unit=\"EUR\"} 0",
            "kontor_series_last{series=\"PAY\"} 0",
            "kontor_series_last{series=\"SI\"} 0",
            "kontor_period_open{period=\"1970-01\"} 1",
            "kontor_period_open{period=\"1969-12\"} 1",
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
