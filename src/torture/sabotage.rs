//! Mistakes that a simulation must find, each put in between two stations.
//!
//! Nothing of this is in the stations themselves: what passes from one to the next is changed on
//! its way. A simulator that is silent about them would be silent about anything.

use std::sync::Arc;
use std::time::Duration;

use crate::broker::{ConfirmResult, Confirmed, Publish};
use crate::ids::{Hash128, Position};
use crate::journal::ending::Ending;
use crate::journal::waypoints::Waypoints;
use crate::journal::{Journal, JournalFault, Room};
use crate::ledger::{Commit, Effect, Record};
use crate::partition::Loaded;
use crate::pipeline::decode::Item;
use crate::pipeline::parcel::Parcel;

macro_rules! sabotages {
    ($($(#[$doc:meta])* $variant:ident $text:literal;)*) => {
        /// A mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Sabotage { $($(#[$doc])* $variant,)* }

        impl Sabotage {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it is named on the command line.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

sabotages! {
    /// A group is called durable before its sync: it is acknowledged and published too early.
    SyncLater "sync-later";
    /// The same, and nobody looks at the disk before a crash does.
    SyncLaterUnseen "sync-later-unseen";
    /// A delivery is acknowledged when it is posted.
    AcknowledgeEarly "acknowledge-early";
    /// A commit is published before it is durable.
    PublishEarly "publish-early";
    /// A redelivered job is not recognised by its key.
    ForgetKey "forget-key";
    /// An entry loses a leg on its way to the journal.
    LoseLeg "lose-leg";
    /// A refused outcome counts as published.
    LoseOutcome "lose-outcome";
    /// A dead letter that nobody took counts as set aside.
    LoseDeadLetter "lose-dead-letter";
    /// An acknowledgement of a channel that ended is sent on the next one.
    StaleTag "stale-tag";
    /// An outcome that is published again has other bytes.
    OtherBytes "other-bytes";
    /// Nothing becomes due.
    SkipDue "skip-due";
    /// What waits in the publishing lane goes out before what a cut lost comes again.
    Overtake "overtake";
    /// What the engine has let go of is not looked up in the files of keys.
    ForgetOldKeys "forget-old-keys";
    /// More is acknowledged than is durable: the next delivery too.
    AcknowledgeAhead "acknowledge-ahead";
    /// The cursor says that everything durable is published.
    CursorAhead "cursor-ahead";
    /// A reply has other bytes than its outcome.
    OtherReply "other-reply";
    /// A process on a full disk ends and does not wait for room.
    LeaveWhenFull "leave-when-full";
    /// A start does not look at the marker.
    ForgetMarker "forget-marker";
    /// A marker counts after the machine went down.
    IgnoreBoot "ignore-boot";
    /// Dead letters go before the record of the act is durable.
    ActEarly "act-early";
    /// The journal does not say whose key a job has that was decided: later it posts once more.
    ForgetDecided "forget-decided";
    /// A snapshot has the name of a later position than the one that it holds.
    SnapshotAhead "snapshot-ahead";
    /// A snapshot leaves the keys out that came since the one before.
    SnapshotForgetsKeys "snapshot-forgets-keys";
    /// A snapshot does not say how the runs before it ended.
    SnapshotForgetsEnding "snapshot-forgets-ending";
    /// A snapshot does not say where in the journal things stand.
    SnapshotForgetsPlaces "snapshot-forgets-places";
}

impl Sabotage {
    /// The mistake of a name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.text() == name)
    }

    /// What happens to a parcel that was delivered before.
    pub(super) fn parcel(parcel: &mut Parcel) {
        for item in &mut parcel.items {
            if let Item::Job { job, .. } = item {
                let Hash128(hash) = job.job.key_hash;
                job.job.key_hash = Hash128(hash ^ 1);
            }
        }
    }

    /// A commit without the last leg of its last entry; none if it has no entry.
    pub(super) fn without_leg(commit: &Commit) -> Option<Arc<Commit>> {
        let mut commit = commit.clone();
        let post = commit
            .effects
            .iter_mut()
            .rev()
            .find_map(|effect| match effect {
                Effect::Post(post) if !post.opening => Some(post),
                _ => None,
            })?;
        post.legs.end = post.legs.end.saturating_sub(1);
        Some(Arc::new(commit))
    }

    /// A commit in which decided jobs do not take their keys; none if it decides none.
    pub(super) fn without_decided(commit: &Commit) -> Option<Arc<Commit>> {
        let mut commit = commit.clone();
        let mut decided = 0_usize;
        for record in &mut commit.records {
            if let Record::Job(job) = record
                && job.follows()
            {
                job.owns_key = false;
                decided = decided.saturating_add(1);
            }
        }
        (decided > 0).then(|| Arc::new(commit))
    }

    /// What happens to books before a snapshot of them is written.
    pub(super) fn snapshot(self) -> Option<fn(&mut Loaded)> {
        match self {
            Self::SnapshotAhead => Some(|loaded| {
                loaded.last.position = loaded.last.position.next();
            }),
            Self::SnapshotForgetsKeys => Some(|loaded| drop(loaded.engine.take_keys())),
            Self::SnapshotForgetsEnding => Some(|loaded| loaded.ending = Ending::default()),
            Self::SnapshotForgetsPlaces => Some(|loaded| loaded.waypoints = Waypoints::default()),
            _ => None,
        }
    }

    /// What the publisher hears of a message that did not arrive.
    pub(super) fn confirmed(self, mut confirmed: Confirmed) -> Confirmed {
        let outcome = matches!(
            confirmed.result,
            ConfirmResult::Nacked | ConfirmResult::Lost
        );
        let dead = outcome || confirmed.result == ConfirmResult::Returned;
        if (self == Self::LoseOutcome && outcome) || (self == Self::LoseDeadLetter && dead) {
            confirmed.result = ConfirmResult::Acked;
        }
        confirmed
    }

    /// A message on its way out.
    pub(super) fn publish(self, publish: &mut Publish) {
        if self == Self::Overtake {
            publish.after_losses = None;
        }
        if self == Self::OtherReply && publish.exchange.is_empty() {
            publish.body.extend_from_slice(b" ");
        }
        if self == Self::OtherBytes && publish.properties.header("kontor-duplicate").is_some() {
            publish.body.extend_from_slice(b" ");
        }
    }
}

/// A journal that may say too early that something is durable.
#[derive(Debug)]
pub(super) struct Early<J> {
    journal: J,
    is_early: bool,
    appended: Position,
}

impl<J> Early<J> {
    pub(super) fn new(journal: J, sabotage: Option<Sabotage>) -> Self {
        let is_early = matches!(
            sabotage,
            Some(Sabotage::SyncLater | Sabotage::SyncLaterUnseen)
        );
        Self {
            journal,
            is_early,
            appended: Position(0),
        }
    }
}

impl<J: Journal> Journal for Early<J> {
    fn append(&mut self, commit: &Commit) -> Result<(), JournalFault> {
        if self.is_early && self.appended > Position(0) {
            self.journal.flush()?;
        }
        self.appended = commit.last();
        self.journal.append(commit)
    }

    fn flush(&mut self) -> Result<Position, JournalFault> {
        if self.is_early {
            return Ok(self.appended);
        }
        self.journal.flush()
    }

    fn rest(&mut self) -> Result<(), JournalFault> {
        self.journal.rest()
    }

    fn room(&mut self) -> Result<Room, JournalFault> {
        self.journal.room()
    }

    fn written_bytes(&self) -> u64 {
        self.journal.written_bytes()
    }

    fn last_sync(&self) -> Option<Duration> {
        self.journal.last_sync()
    }
}
