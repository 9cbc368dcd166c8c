//! Acknowledge: what may be acknowledged, and in which order.
//!
//! Tags of a channel are dense: 1, 2, 3 … A window holds those that are not acknowledged yet; a
//! delivery is settled when everything it waits for has been proven, and the settled run at the
//! front of the window is acknowledged with one `ack(multiple)`. A window lives as long as its
//! channel: what comes late for an old one is counted and dropped, because its deliveries come
//! again.
//!
//! Proofs come from elsewhere and cannot be made here: [`Durable`] from `persist`, [`SetAside`]
//! from the confirm of a dead letter. So acknowledging too early does not compile.

use std::collections::VecDeque;

use super::parcel::{Posted, Tag};
use super::persist::Durable;
use super::publish::SetAside;
use crate::broker::{ConsumerCommand, Epoch};

/// What a delivery in the window still waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Its jobs are not durable yet.
    Open,
    /// Its jobs are durable; so many of its parts are not set aside yet.
    Aside(u32),
    /// Nothing.
    Settled,
}

/// The deliveries of one channel that are not acknowledged yet.
#[derive(Debug)]
pub struct Window {
    epoch: Epoch,
    /// Tag of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
    settled: u64,
    stale: u64,
}

impl Window {
    /// The window of a channel on which nothing was delivered yet.
    pub fn open(epoch: Epoch) -> Self {
        Self {
            epoch,
            first: 1,
            slots: VecDeque::new(),
            settled: 0,
            stale: 0,
        }
    }

    /// A new channel: the old window is forgotten.
    pub fn reopen(&mut self, epoch: Epoch) {
        let stale = self.stale;
        *self = Self {
            stale,
            ..Self::open(epoch)
        };
    }

    /// The channel life of the window.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Deliveries not acknowledged yet.
    pub fn unacknowledged(&self) -> usize {
        self.slots.len()
    }

    /// Proofs that came for a channel that had ended, since this was last asked.
    pub fn take_stale(&mut self) -> u64 {
        std::mem::take(&mut self.stale)
    }

    /// A delivery arrived.
    pub fn delivered(&mut self, tag: Tag) {
        if tag.epoch != self.epoch {
            return;
        }
        // Tags are dense; should the broker ever skip one, the gap never settles and nothing behind
        // it is acknowledged: late, but never too early.
        let known = self.first.saturating_add(slots(self.slots.len()));
        for _ in known..=tag.tag {
            self.slots.push_back(Slot::Open);
        }
    }

    /// The jobs of a message are durable.
    pub fn durable(&mut self, proof: Durable, posted: &Posted) {
        assert!(
            posted.after <= proof.position(),
            "a message is settled by a later proof only"
        );
        self.delivered(posted.tag);
        let parts = u32::try_from(posted.dead.len()).unwrap_or(u32::MAX);
        let next = if parts == 0 {
            Slot::Settled
        } else {
            Slot::Aside(parts)
        };
        self.step(posted.tag, next);
    }

    /// A part of a message is set aside.
    pub fn set_aside(&mut self, proof: &SetAside) {
        let next = match self.slot(proof.tag()) {
            Some(Slot::Aside(parts)) if *parts > 1 => Slot::Aside(*parts - 1),
            Some(Slot::Aside(_)) => Slot::Settled,
            Some(Slot::Open | Slot::Settled) | None => return,
        };
        self.step(proof.tag(), next);
    }

    /// Acknowledge the settled run at the front, if there is one.
    pub fn due(&mut self) -> Option<ConsumerCommand> {
        let run = self
            .slots
            .iter()
            .take_while(|slot| **slot == Slot::Settled)
            .count();
        if run == 0 {
            return None;
        }
        self.slots.drain(..run);
        self.first = self.first.saturating_add(slots(run));
        self.settled = self.settled.saturating_add(slots(run));
        let tag = self.first.saturating_sub(1);
        Some(ConsumerCommand::AckUpTo {
            epoch: self.epoch,
            tag,
            multiple: run > 1,
        })
    }

    fn step(&mut self, tag: Tag, next: Slot) {
        match self.slot(tag) {
            Some(slot) => *slot = next,
            None => self.stale = self.stale.saturating_add(1),
        }
    }

    fn slot(&mut self, tag: Tag) -> Option<&mut Slot> {
        if tag.epoch != self.epoch {
            return None;
        }
        let place = usize::try_from(tag.tag.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(place)
    }
}

fn slots(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::ids::Position;
    use crate::jobs::job::DeadLetter;
    use crate::pipeline::decode::DeadPart;
    use std::time::Duration;

    fn tag(epoch: u64, tag: u64) -> Tag {
        Tag {
            epoch: Epoch(epoch),
            tag,
        }
    }

    fn posted(tag: Tag, after: u64, parts: usize) -> Posted {
        let letter = DeadLetter::new(Code::MessageMalformed, "x");
        let part = DeadPart { letter, line: 0 };
        Posted {
            tag,
            received: Duration::ZERO,
            after: Position(after),
            items: 1,
            jobs: 1,
            dead: vec![part; parts],
            original: None,
        }
    }

    fn up_to(epoch: u64, tag: u64, multiple: bool) -> Option<ConsumerCommand> {
        Some(ConsumerCommand::AckUpTo {
            epoch: Epoch(epoch),
            tag,
            multiple,
        })
    }

    #[test]
    fn only_the_settled_run_at_the_front_is_acknowledged() {
        let mut window = Window::open(Epoch(1));
        (1..=4).for_each(|number| window.delivered(tag(1, number)));
        let proof = Durable::for_test(Position(9));
        window.durable(proof, &posted(tag(1, 2), 9, 0));
        assert_eq!(window.due(), None);
        window.durable(proof, &posted(tag(1, 1), 8, 0));
        assert_eq!(window.due(), up_to(1, 2, true));
        assert_eq!(window.due(), None);
        window.durable(proof, &posted(tag(1, 3), 9, 0));
        assert_eq!(window.due(), up_to(1, 3, false));
        assert_eq!(window.unacknowledged(), 1);
    }

    #[test]
    fn a_dead_letter_holds_its_message_until_it_is_set_aside() {
        let mut window = Window::open(Epoch(1));
        window.delivered(tag(1, 1));
        window.durable(Durable::for_test(Position(1)), &posted(tag(1, 1), 0, 2));
        window.set_aside(&SetAside::for_test(tag(1, 1)));
        assert_eq!(window.due(), None);
        window.set_aside(&SetAside::for_test(tag(1, 1)));
        assert_eq!(window.due(), up_to(1, 1, false));
    }

    #[test]
    fn proofs_of_an_old_channel_do_not_touch_the_new_one() {
        let mut window = Window::open(Epoch(1));
        window.delivered(tag(1, 1));
        window.reopen(Epoch(2));
        window.delivered(tag(2, 1));
        window.durable(Durable::for_test(Position(5)), &posted(tag(1, 1), 5, 0));
        assert_eq!((window.due(), window.take_stale()), (None, 1));
    }

    #[test]
    #[should_panic(expected = "later proof")]
    fn a_proof_that_came_before_the_jobs_proves_nothing() {
        let mut window = Window::open(Epoch(1));
        window.delivered(tag(1, 1));
        window.durable(Durable::for_test(Position(4)), &posted(tag(1, 1), 5, 0));
    }
}
