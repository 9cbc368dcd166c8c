//! Notes: records that the daemon is asked for, made by `post` between the jobs.
//!
//! A note has no effect on the books. Whoever asks for it is told once it is durable, and acts only
//! then.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::persist::Frontier;
use crate::ids::Position;
use crate::ledger::Record;
use crate::ring::RingWatch;

/// Notes that wait for `post` at a time.
const WAITING_MAX: usize = 16;
/// How long somebody waits for a note to be durable.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at the durable frontier: notes are rare, and a sync takes about as long.
const LOOK: Duration = Duration::from_millis(1);

/// A record to be made, and who wants to know its position.
#[derive(Debug)]
pub struct Note {
    /// The record.
    pub record: Record,
    /// Told when the record has its place.
    pub placed: oneshot::Sender<Position>,
}

/// Asks for records; for any task.
#[derive(Clone)]
pub struct Notes {
    sender: mpsc::Sender<Note>,
    post: RingWatch,
    frontier: Frontier,
}

/// The asking end, and the one that `post` reads; `post` sleeps at this ring.
pub fn notes(post: RingWatch, frontier: Frontier) -> (Notes, mpsc::Receiver<Note>) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let notes = Notes {
        sender,
        post,
        frontier,
    };
    (notes, receiver)
}

impl Notes {
    /// Make a record and wait until it is durable; nothing if the stations end before that is
    /// known.
    pub async fn durable(&self, record: Record) -> Option<Position> {
        let until = Instant::now() + PATIENCE;
        tokio::time::timeout_at(until, self.made(record))
            .await
            .ok()?
    }

    async fn made(&self, record: Record) -> Option<Position> {
        let (placed, place) = oneshot::channel();
        self.sender.send(Note { record, placed }).await.ok()?;
        self.post.nudge();
        let position = place.await.ok()?;
        while self.frontier.position() < position {
            tokio::time::sleep(LOOK).await;
        }
        Some(position)
    }
}
