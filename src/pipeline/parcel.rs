//! What travels through the journey: a message and what became of it, station by station.

use std::sync::Arc;
use std::time::Duration;

use super::decode::{DeadPart, Item};
use crate::broker::{Delivery, Epoch};
use crate::ids::{Hash128, KindCode, Position};
use crate::ledger::{Commit, Reply};

/// A delivery's place: tags mean nothing without the channel life they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// The channel life.
    pub epoch: Epoch,
    /// The tag in it.
    pub tag: u64,
}

/// A delivery on its way to `decode`.
#[derive(Debug)]
pub struct Arrived {
    /// The message.
    pub delivery: Arc<Delivery>,
    /// When it was received, on the monotonic clock.
    pub received: Duration,
    /// It came alone and goes alone, because a job is looked for that fells the process.
    pub alone: bool,
}

/// A decoded message on its way to `post`.
#[derive(Debug)]
pub struct Parcel {
    /// The delivery to settle.
    pub tag: Tag,
    /// When it was received, on the monotonic clock.
    pub received: Duration,
    /// What is in it, in order.
    pub items: Vec<Item>,
    /// Up to where the files are complete in which its jobs were looked up. Never less than in the
    /// parcel before.
    pub through: Position,
    /// The message itself, if something of it is set aside or might be.
    pub original: Option<Arc<Delivery>>,
    /// Hash of the message, if it goes alone.
    pub alone: Option<Hash128>,
}

/// A message whose jobs have been applied.
#[derive(Debug)]
pub struct Posted {
    /// The delivery to settle.
    pub tag: Tag,
    /// When it was received, on the monotonic clock.
    pub received: Duration,
    /// It may be settled once everything up to here is durable.
    pub after: Position,
    /// How many jobs, lines or items it has, readable or not.
    pub items: u32,
    /// How many jobs of it have outcomes in this batch.
    pub jobs: u32,
    /// What must be set aside before it is settled.
    pub dead: Vec<DeadPart>,
    /// The message itself, if something of it is set aside.
    pub original: Option<Arc<Delivery>>,
}

/// A job that came before: its first outcome is published again.
#[derive(Clone, Debug)]
pub struct Again {
    /// Where the first outcome stands.
    pub first: Position,
    /// Its kind.
    pub kind: KindCode,
    /// An answer owed to the one who asked again.
    pub reply: Option<Reply>,
}

/// What `post` made of a batch of parcels.
#[derive(Debug)]
pub struct Batch {
    /// The commit; none if nothing of the batch has an outcome of its own.
    pub commit: Option<Arc<Commit>>,
    /// The messages, in order.
    pub posted: Vec<Posted>,
    /// Duplicates, in order.
    pub again: Vec<Again>,
}
