//! Which deliveries of one channel are acknowledged: refuses what the broker would punish.
//!
//! RabbitMQ closes the channel, and everything unacknowledged on it comes again, when a tag is
//! acknowledged twice or was never delivered. For `multiple` this is about the tag named, not
//! about the tags below it. The owner of the lane keeps the order; a violation is a mistake of
//! ours and ends the process before the channel is closed on us.

use std::collections::BTreeSet;

/// The acknowledged tags of one epoch.
#[derive(Debug, Default)]
pub(super) struct AckWindow {
    /// The highest tag delivered. Tags are dense from 1.
    delivered: u64,
    /// Everything up to here is acknowledged.
    through: u64,
    /// Acknowledged one by one, above `through`. At most as many as the prefetch.
    islands: BTreeSet<u64>,
}

impl AckWindow {
    /// Note a delivery.
    pub(super) fn deliver(&mut self, tag: u64) {
        assert!(
            tag == self.delivered + 1,
            "tag {tag} follows {}",
            self.delivered
        );
        self.delivered = tag;
    }

    /// How many deliveries there were.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Note the acknowledgement of everything up to `tag`.
    pub(super) fn ack_through(&mut self, tag: u64) {
        self.assert_open(tag);
        self.through = tag;
        self.islands = self.islands.split_off(&tag);
        self.absorb();
    }

    /// Note the acknowledgement of one delivery.
    pub(super) fn ack_one(&mut self, tag: u64) {
        self.assert_open(tag);
        self.islands.insert(tag);
        self.absorb();
    }

    /// Deliveries without acknowledgement.
    #[cfg(test)]
    fn open(&self) -> u64 {
        self.delivered - self.through - u64::try_from(self.islands.len()).unwrap()
    }

    fn assert_open(&self, tag: u64) {
        assert!(tag <= self.delivered, "tag {tag} was never delivered");
        assert!(
            tag > self.through,
            "tag {tag} is acknowledged up to {}",
            self.through
        );
        assert!(
            !self.islands.contains(&tag),
            "tag {tag} is acknowledged already"
        );
    }

    fn absorb(&mut self) {
        while self
            .islands
            .first()
            .is_some_and(|first| *first == self.through + 1)
        {
            self.islands.pop_first();
            self.through += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(n: u64) -> AckWindow {
        let mut window = AckWindow::default();
        (1..=n).for_each(|tag| window.deliver(tag));
        window
    }

    #[test]
    fn multiple_may_cross_what_was_acknowledged_one_by_one() {
        let mut window = delivered(8);
        window.ack_one(3);
        window.ack_through(5);
        assert_eq!(window.open(), 3);
    }

    #[test]
    fn one_by_one_from_the_start_moves_the_bound() {
        let mut window = delivered(3);
        window.ack_one(2);
        window.ack_one(1);
        window.ack_one(3);
        assert_eq!(
            (window.open(), window.through, window.islands.len()),
            (0, 3, 0)
        );
    }

    #[test]
    #[should_panic(expected = "tag 8 is acknowledged already")]
    fn multiple_up_to_an_acknowledged_tag_is_refused() {
        let mut window = delivered(8);
        window.ack_one(8);
        window.ack_through(8);
    }

    #[test]
    #[should_panic(expected = "tag 5 is acknowledged up to 5")]
    fn the_same_bound_twice_is_refused() {
        let mut window = delivered(8);
        window.ack_through(5);
        window.ack_through(5);
    }

    #[test]
    #[should_panic(expected = "tag 9 was never delivered")]
    fn an_unknown_tag_is_refused() {
        delivered(8).ack_through(9);
    }
}
