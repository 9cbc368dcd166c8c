//! What becomes due by itself: alarms, in the order in which they ring.
//!
//! An alarm is an instant, a work of the engine's list and the thing it is about. Effects set and
//! clear it like everything else in a book, so every replica knows what is due when. Holds ring on
//! their own account (`hold.rs`): there are too many of them to name each one twice.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::Canonical;
use crate::ids::DueCode;
use crate::time::Timestamp;

/// Something that becomes due. Of what is due at one instant the lower work goes first, then the
/// lower name of the thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// When.
    pub at: Timestamp,
    /// What is to be done then.
    pub work: DueCode,
    /// What it is about: the number of a document, a hold or an entry.
    pub about: Box<str>,
}

/// The alarms of a book.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    order: BTreeSet<Alarm>,
    set: BTreeMap<(DueCode, Box<str>), Timestamp>,
}

impl Alarms {
    /// The one that rings first.
    pub fn first(&self) -> Option<&Alarm> {
        self.order.first()
    }

    /// When the alarm of a work about a thing rings.
    pub fn at(&self, work: DueCode, about: &str) -> Option<Timestamp> {
        self.set.get(&(work, about.into())).copied()
    }

    /// All of them, in the order in which they ring.
    pub fn iter(&self) -> impl Iterator<Item = &Alarm> {
        self.order.iter()
    }

    /// Set, move or clear an alarm; the facts that went and came.
    pub(super) fn set(
        &mut self,
        work: DueCode,
        about: &str,
        at: Option<Timestamp>,
    ) -> (Option<u128>, Option<u128>) {
        let alarm = |at| Alarm {
            at,
            work,
            about: about.into(),
        };
        let name = (work, about.into());
        let before = match at {
            Some(at) => self.set.insert(name, at),
            None => self.set.remove(&name),
        };
        let before = before.map(alarm);
        if let Some(before) = &before {
            self.order.remove(before);
        }
        let after = at.map(alarm);
        let facts = (before.as_ref().map(fact), after.as_ref().map(fact));
        self.order.extend(after);
        facts
    }
}

fn fact(alarm: &Alarm) -> u128 {
    let mut form = Canonical::fact("alarm");
    form.number(alarm.work.0)
        .text(&alarm.about)
        .number(alarm.at.0);
    form.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_ring_by_instant_then_work_then_name() {
        let mut alarms = Alarms::default();
        let all = [(7, 2, "a"), (5, 3, "b"), (5, 1, "z"), (5, 3, "a")];
        for (at, work, about) in all {
            alarms.set(DueCode(work), about, Some(Timestamp(at)));
        }
        let order = alarms
            .iter()
            .map(|alarm| (alarm.at.0, alarm.work.0, &*alarm.about));
        let sorted = [(5, 1, "z"), (5, 3, "a"), (5, 3, "b"), (7, 2, "a")];
        assert_eq!(order.collect::<Vec<_>>(), sorted);
    }

    #[test]
    fn an_alarm_that_is_moved_or_cleared_leaves_no_trace() {
        let mut alarms = Alarms::default();
        let (none, first) = alarms.set(DueCode(1), "a", Some(Timestamp(5)));
        assert_eq!(none, None);
        let (gone, second) = alarms.set(DueCode(1), "a", Some(Timestamp(9)));
        assert_eq!(
            (gone, alarms.at(DueCode(1), "a")),
            (first, Some(Timestamp(9)))
        );
        assert_eq!(alarms.set(DueCode(1), "a", None), (second, None));
        assert_eq!((alarms.first(), alarms.at(DueCode(1), "a")), (None, None));
        assert_eq!(alarms.set(DueCode(1), "a", None), (None, None));
    }
}
