//! Publish: outcomes of durable commits, replies and dead letters, each until it is confirmed.
//!
//! Takes durable commits in order and gives messages to the publishing lane; results come back in
//! the order of publishing. A cursor says up to which position every outcome is confirmed; it
//! survives restarts, and what lies behind it is published again.
//!
//! Outcomes of a book go out in the order of their numbers, and nothing newer overtakes one that
//! must go again. After a lost or refused one nothing leaves before the lane has answered all
//! that it was given; then what must arrive goes again, in the order of the first time. The lane
//! does its part: it sends nothing that was given to it before the losses were known here. So
//! after a cut older ones may come again, and none is skipped. One that the broker itself refuses
//! comes after those that were under way with it.
//!
//! Nothing here decides: replies that cannot be delivered are counted and forgotten, outcomes for
//! which nobody is bound count as published, dead letters must arrive.

mod cuts;
mod letters;

pub use letters::outcome_message;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use cuts::cuts;
use letters::{Letters, What};

use super::decode::DeadPart;
use super::parcel::Tag;
use crate::broker::{ConfirmResult, Confirmed, Delivery, Publish};
use crate::code::Code;
use crate::ids::Position;
use crate::ledger::{Commit, JobRecord, NameTable, Record, Reply};
use crate::settings::ReplyTo;
use crate::time::Timestamp;

/// Proof that one part of a message has arrived among the dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetAside {
    tag: Tag,
    code: Code,
}

impl SetAside {
    /// The delivery it is a part of.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// Why it was set aside.
    pub fn code(&self) -> Code {
        self.code
    }

    #[cfg(test)]
    pub(super) fn for_test(tag: Tag) -> Self {
        let code = Code::MessageMalformed;
        Self { tag, code }
    }
}

/// How outcomes are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One message an outcome.
    Each,
    /// One message for the outcomes of a book in a commit.
    Batched,
    /// Journaled only; replies are still sent.
    Off,
}

/// Where messages go.
#[derive(Debug)]
pub struct Targets {
    /// Exchange of outcomes.
    pub outcomes: String,
    /// Exchange of dead letters.
    pub dead: String,
    /// Queues that replies may go to.
    pub replies: ReplyTo,
}

/// A dead letter on its way out.
#[derive(Debug)]
pub struct Aside {
    /// The delivery to settle once it has arrived.
    pub tag: Tag,
    /// The message.
    pub original: Arc<Delivery>,
    /// The part and why.
    pub part: DeadPart,
    /// When it was received, RFC 3339.
    pub received_at: String,
}

/// A first outcome to be published again.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// The commit that has it.
    pub commit: Arc<Commit>,
    /// Its place in the journal.
    pub position: Position,
    /// An answer owed to the one who asked again.
    pub reply: Option<Reply>,
}

/// A commit whose messages are on their way.
#[derive(Debug)]
struct Track {
    last: Position,
    recorded_at: Timestamp,
    bytes: u64,
    unconfirmed: usize,
}

/// Counts of results, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// Confirmed.
    pub acked: u64,
    /// Refused by the broker; sent again if they must arrive.
    pub nacked: u64,
    /// Returned: nobody is bound.
    pub returned: u64,
    /// Not known: the connection ended.
    pub lost: u64,
    /// Replies to queues that may not be written to.
    pub replies_refused: u64,
}

impl Results {
    fn count(&mut self, result: ConfirmResult) {
        let counter = match result {
            ConfirmResult::Acked => &mut self.acked,
            ConfirmResult::Nacked => &mut self.nacked,
            ConfirmResult::Returned | ConfirmResult::Unsendable => &mut self.returned,
            ConfirmResult::Lost => &mut self.lost,
            ConfirmResult::Unsent => return,
        };
        *counter = counter.saturating_add(1);
    }
}

/// What the broker's word on a message meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// A dead letter has arrived.
    pub set_aside: Option<SetAside>,
    /// Outcomes recorded at this time have arrived.
    pub recorded_at: Option<Timestamp>,
}

/// The station.
#[derive(Debug)]
pub struct Publisher {
    letters: Letters,
    cursor: Position,
    /// Up to where commits have been turned into messages.
    opened: Position,
    /// Of the last message that went out for the first time. A message keeps its token.
    token: u64,
    sent: VecDeque<(u64, What)>,
    /// What must be sent again, by token.
    again: BTreeMap<u64, What>,
    /// How many of `again` may be sent before the next pause.
    retries: usize,
    /// Something was not taken: nothing leaves before the lane has answered everything.
    is_settling: bool,
    asides: VecDeque<What>,
    waiting: VecDeque<What>,
    commits: VecDeque<Arc<Commit>>,
    tracks: VecDeque<Track>,
    bytes: u64,
    results: Results,
}

impl Publisher {
    /// A station whose outcomes are confirmed up to a position.
    pub fn new(mode: Mode, targets: Targets, names: NameTable, cursor: Position) -> Self {
        Self {
            letters: Letters {
                mode,
                targets,
                names,
            },
            cursor,
            opened: cursor,
            token: 0,
            sent: VecDeque::new(),
            again: BTreeMap::new(),
            retries: 0,
            is_settling: false,
            asides: VecDeque::new(),
            waiting: VecDeque::new(),
            commits: VecDeque::new(),
            tracks: VecDeque::new(),
            bytes: 0,
            results: Results::default(),
        }
    }

    /// Up to where every outcome is confirmed.
    pub fn cursor(&self) -> Position {
        self.cursor
    }

    /// Bytes of commits that are not wholly confirmed.
    pub fn backlog_bytes(&self) -> u64 {
        self.bytes
    }

    /// Outcome messages and dead letters that are not confirmed yet, as far as they are known.
    pub fn pending(&self) -> usize {
        let unsent: usize = self.commits.iter().map(|commit| commit.records.len()).sum();
        let sent = self.sent.len() + self.again.len();
        unsent + sent + self.asides.len() + self.waiting.len()
    }

    /// Messages that can be sent at once and wait for the lane.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// When the oldest commit that is not wholly confirmed was recorded.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.tracks.front().map(|track| track.recorded_at)
    }

    /// Whether everything is confirmed.
    pub fn is_idle(&self) -> bool {
        self.tracks.is_empty() && self.sent.is_empty() && self.pending() == 0
    }

    /// Results so far.
    pub fn results(&self) -> Results {
        self.results
    }

    /// Names that a commit brings: outcomes may be shown from here on that need them.
    pub fn learn(&mut self, commit: &Commit) {
        self.letters.names.learn(commit);
    }

    /// A commit became durable. Commits come in order; what the cursor has passed is left out.
    pub fn durable(&mut self, commit: Arc<Commit>) {
        self.learn(&commit);
        if commit.last() <= self.cursor {
            return;
        }
        let bytes = approximate_bytes(&commit);
        self.bytes = self.bytes.saturating_add(bytes);
        self.tracks.push_back(Track {
            last: commit.last(),
            recorded_at: commit.recorded_at,
            bytes,
            unconfirmed: 0,
        });
        self.commits.push_back(commit);
    }

    /// A first outcome must be published again.
    pub fn repeat(&mut self, repeat: Repeat) {
        if let Some(reply) = repeat.reply.clone() {
            let commit = Arc::clone(&repeat.commit);
            if let Some(at) = place(&commit, repeat.position) {
                self.reply(What::Reply {
                    commit,
                    at,
                    reply,
                    duplicate: true,
                });
            }
        }
        // One that has not gone out for the first time is still to come, in its order.
        if self.letters.mode != Mode::Off && repeat.position <= self.opened {
            self.waiting.push_back(What::Repeat(repeat));
        }
    }

    /// A part of a message must be set aside.
    pub fn set_aside(&mut self, aside: Aside) {
        self.asides.push_back(What::Aside(Box::new(aside)));
    }

    /// Send again, once, what was lost or refused until now. Called after a pause, so that a broker
    /// that refuses is not asked in a circle.
    pub fn retry(&mut self) {
        self.retries = self.again.len();
    }

    /// The next message to publish, if there is one.
    pub fn next_message(&mut self) -> Option<Publish> {
        loop {
            let (token, what) = self.take()?;
            if let Some(publish) = self.letters.message(token, self.results.lost, &what) {
                self.sent.push_back((token, what));
                return Some(publish);
            }
            // A message that cannot be made (a record that is no job) is done by that.
            self.finish(&what);
        }
    }

    /// The broker's word on the oldest message sent: it is done with, or will be sent again.
    pub fn confirmed(&mut self, confirmed: Confirmed) -> Answered {
        let Some((token, what)) = self.sent.pop_front() else {
            return Answered::default();
        };
        assert_eq!(
            token, confirmed.token,
            "results come in the order of publishing"
        );
        self.results.count(confirmed.result);
        self.is_settling |= confirmed.result == ConfirmResult::Lost;
        if goes_again(&what, confirmed.result) {
            self.is_settling = true;
            self.again.insert(token, what);
            return Answered::default();
        }
        let recorded_at = match &what {
            What::Outcomes { commit, .. } => Some(commit.recorded_at),
            What::Reply { .. } | What::Repeat(_) | What::Aside(_) => None,
        };
        Answered {
            set_aside: self.finish(&what),
            recorded_at,
        }
    }

    fn take(&mut self) -> Option<(u64, What)> {
        if self.is_settling && !self.sent.is_empty() {
            return None;
        }
        self.is_settling = false;
        let what = match self.asides.pop_front() {
            Some(aside) => aside,
            // Nothing newer overtakes what has to be sent again.
            None if !self.again.is_empty() => {
                self.retries = self.retries.checked_sub(1)?;
                return self.again.pop_first();
            }
            None => self.next_waiting()?,
        };
        self.token = self.token.saturating_add(1);
        Some((self.token, what))
    }

    fn next_waiting(&mut self) -> Option<What> {
        if self.waiting.is_empty() {
            self.open_commit()?;
        }
        self.waiting.pop_front()
    }

    /// Turn the next commit into messages.
    fn open_commit(&mut self) -> Option<()> {
        loop {
            let commit = self.commits.pop_front()?;
            let mut messages = 0_usize;
            for (from, to) in cuts(&commit, self.letters.mode, &self.letters.names) {
                let commit = Arc::clone(&commit);
                self.waiting.push_back(What::Outcomes { commit, from, to });
                messages = messages.saturating_add(1);
            }
            for (at, record) in commit.records.iter().enumerate() {
                if let Record::Job(JobRecord { envelope, .. }) = record
                    && let Some(reply) = &envelope.reply
                {
                    let commit = Arc::clone(&commit);
                    let reply = Reply::clone(reply);
                    self.reply(What::Reply {
                        commit,
                        at,
                        reply,
                        duplicate: false,
                    });
                }
            }
            let last = commit.last();
            self.opened = last;
            if let Some(track) = self.tracks.iter_mut().find(|track| track.last == last) {
                track.unconfirmed = messages;
            }
            self.advance();
            if !self.waiting.is_empty() {
                return Some(());
            }
        }
    }

    fn reply(&mut self, what: What) {
        let allowed = match &what {
            What::Reply { reply, .. } => self.letters.targets.replies.allows(&reply.to),
            What::Outcomes { .. } | What::Repeat(_) | What::Aside(_) => true,
        };
        if allowed {
            self.waiting.push_back(what);
        } else {
            self.results.replies_refused = self.results.replies_refused.saturating_add(1);
        }
    }

    fn finish(&mut self, what: &What) -> Option<SetAside> {
        match what {
            What::Outcomes { commit, .. } => {
                let last = commit.last();
                if let Some(track) = self.tracks.iter_mut().find(|track| track.last == last) {
                    track.unconfirmed = track.unconfirmed.saturating_sub(1);
                }
                self.advance();
                None
            }
            What::Reply { .. } | What::Repeat(_) => None,
            What::Aside(aside) => Some(SetAside {
                tag: aside.tag,
                code: aside.part.letter.code,
            }),
        }
    }

    /// Move the cursor over commits that are wholly confirmed.
    fn advance(&mut self) {
        let next_unopened = self.commits.front().map(|commit| commit.last());
        while let Some(track) = self.tracks.front() {
            if track.unconfirmed > 0 || next_unopened.is_some_and(|next| track.last >= next) {
                break;
            }
            self.cursor = track.last;
            self.bytes = self.bytes.saturating_sub(track.bytes);
            self.tracks.pop_front();
        }
    }
}

/// Whether a message must be sent again, by the broker's word on it.
fn goes_again(what: &What, result: ConfirmResult) -> bool {
    match (what, result) {
        (_, ConfirmResult::Unsent) => true,
        (What::Aside(_), _) => result != ConfirmResult::Acked,
        // For an outcome nobody being bound is no fault: the journal has it.
        (What::Outcomes { .. }, _) => {
            matches!(result, ConfirmResult::Nacked | ConfirmResult::Lost)
        }
        // Sent once; what became of it is counted.
        (What::Reply { .. } | What::Repeat(_), _) => false,
    }
}

fn place(commit: &Commit, position: Position) -> Option<usize> {
    usize::try_from(position.0.checked_sub(commit.first.0)?).ok()
}

/// About how many bytes a commit takes in memory: enough to bound the backlog by.
pub(super) fn approximate_bytes(commit: &Commit) -> u64 {
    let records = commit.records.len().saturating_mul(size_of::<Record>());
    let jobs = commit.records.iter().filter_map(Record::as_job);
    let contents: usize = jobs.map(|job| job.envelope.content.len()).sum();
    u64::try_from(records.saturating_add(contents)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
