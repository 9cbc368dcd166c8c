//! What the books look like, for people in front of dashboards.

use crate::ledger::hold::HoldState;
use crate::ledger::period::PeriodState;
use crate::ledger::{Book, DocumentKind, DocumentState};
use crate::telemetry::Metrics;

/// Show the books' gauges. Called now and then by whoever owns the books; the cost does not grow
/// with accounts, entries or closed documents.
pub fn show(metrics: &Metrics, books: &[Book]) {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    metrics
        .books
        .accounts
        .set(books.iter().map(|book| count(book.accounts().len())).sum());
    let open = |book: &Book| {
        count(
            book.holds()
                .values()
                .filter(|hold| hold.state == HoldState::Placed)
                .count(),
        )
    };
    metrics.books.holds_open.set(books.iter().map(open).sum());
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
    for book in books {
        for (name, series) in book.series_table() {
            metrics.series_last(name).set(series.next.saturating_sub(1));
        }
        for (month, state) in book.periods() {
            metrics
                .period_open(&month.to_string())
                .set_switch(*state == PeriodState::Open);
        }
    }
}
