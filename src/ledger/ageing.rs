//! What is open, by unit and day, kept up with every change of a document.
//!
//! Dashboards ask how old money and fails are. Sums by day answer that without a look at the
//! documents: asking costs as much as there are different days.

use std::collections::BTreeMap;

use super::document::{Document, DocumentKind, DocumentState};
use super::value::Value;
use crate::ids::UnitIndex;
use crate::money::Minor;
use crate::time::Date;

/// What grows old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aged {
    /// Money that customers owe, by due date.
    Receivable,
    /// Money received without owner, by value date.
    Unallocated,
    /// Instructions that fail, by settlement date.
    Failing,
}

/// What is open on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOn {
    /// How many documents.
    pub count: u64,
    /// How much.
    pub open: Minor,
}

/// The sums of a book.
#[derive(Clone, Debug, Default)]
pub struct Ageing {
    days: BTreeMap<(Aged, UnitIndex, Option<Date>), OpenOn>,
}

impl Ageing {
    /// What is open of one sort: unit, day, sums.
    pub fn of(&self, aged: Aged) -> impl Iterator<Item = (UnitIndex, Option<Date>, OpenOn)> {
        self.days
            .iter()
            .filter(move |((sort, ..), _)| *sort == aged)
            .map(|((_, unit, day), open)| (*unit, *day, *open))
    }

    /// A document came, or came back changed.
    pub(super) fn add(&mut self, document: &Document) {
        if let Some((aged, day)) = sort(document) {
            let open = self.days.entry((aged, document.unit, day)).or_default();
            open.count = open.count.saturating_add(1);
            open.open = open.open.saturating_add(document.open);
        }
    }

    /// A document goes, or is about to change.
    pub(super) fn remove(&mut self, document: &Document) {
        let Some((aged, day)) = sort(document) else {
            return;
        };
        let place = (aged, document.unit, day);
        if let Some(open) = self.days.get_mut(&place) {
            open.count = open.count.saturating_sub(1);
            open.open = open.open.saturating_sub(document.open);
            if open.count == 0 {
                self.days.remove(&place);
            }
        }
    }
}

/// What a document is to the sums, and from which day it ages.
fn sort(document: &Document) -> Option<(Aged, Option<Date>)> {
    let (kind, state) = (document.kind, document.state);
    if document.is_open_item() {
        return Some((Aged::Receivable, document.due));
    }
    let unallocated = matches!(
        state,
        DocumentState::Unallocated | DocumentState::PartlyAllocated
    );
    if kind == DocumentKind::Payment && unallocated {
        let day = document.member("value_date").and_then(Value::date);
        return Some((Aged::Unallocated, day));
    }
    let failing = kind == DocumentKind::Instruction && state == DocumentState::Failing;
    failing.then_some((Aged::Failing, document.due))
}
