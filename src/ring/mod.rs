//! Bounded hand-over between threads, in order, without locks on the way.
//!
//! A ring carries items from one station to the next. A full ring holds its producers back, which
//! is how back-pressure travels up to the broker; an empty one lets its consumer sleep without
//! using the processor. The consumer takes whatever is there, up to a limit: batches are small
//! while there is little to do and grow by themselves under load, and nobody waits for a batch
//! to fill.
//!
//! * Items of one producer arrive in the order they were pushed; two producers interleave.
//! * When the last producer is dropped the consumer still gets what is in, then [`Taken::Closed`].
//! * When the consumer is dropped, pushing gives the item back in [`Closed`].
//!
//! Threads block, tasks are woken: both ends have an `async` form that needs no runtime of any
//! kind. How sleeping and waking fit together stands in `wait.rs`.
//!
//! A ring does not know what it carries, spawns nothing, and never grows.

mod wait;

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wait::{Gate, Sleeper};

use crate::atoms::{ArrayQueue, AtomicBool, AtomicU64, AtomicUsize, CachePadded, Ordering, fence};

/// Make a ring with room for `capacity` items (at least one). The name is for the metrics.
pub fn ring<T: Send + 'static>(name: &'static str, capacity: usize) -> (Producer<T>, Consumer<T>) {
    let shared = Arc::new(Shared {
        name,
        queue: ArrayQueue::new(capacity.max(1)),
        items: CachePadded::default(),
        room: CachePadded::default(),
        producers: AtomicUsize::new(1),
        abandoned: AtomicBool::new(false),
        nudged: AtomicBool::new(false),
        full_waits: AtomicU64::new(0),
        idle_waits: AtomicU64::new(0),
    });
    let consumer = Consumer {
        shared: Arc::clone(&shared),
        sleeper: Sleeper::new(),
    };
    (Producer { shared }, consumer)
}

/// The end that gives.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
}

/// The end that takes. There is one.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    sleeper: Sleeper,
}

/// The other end is gone; the item comes back.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the consumer of this ring is gone")]
pub struct Closed<T>(pub T);

/// Why an item was not taken in at once; it comes back.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotPushed<T> {
    /// No room at the moment.
    #[error("the ring is full")]
    Full(T),
    /// The consumer is gone for good.
    #[error("the consumer of this ring is gone")]
    Closed(T),
}

/// What a taking brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// So many items were appended, at least one.
    Some(usize),
    /// All producers are gone and everything they pushed was taken.
    Closed,
}

/// What the metrics read of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingSample {
    /// Which ring.
    pub name: &'static str,
    /// Items in it now.
    pub occupied: usize,
    /// Items it has room for.
    pub capacity: usize,
    /// How often a producer found it full and had to wait.
    pub full_waits: u64,
    /// How often the consumer found it empty and had to wait.
    pub idle_waits: u64,
}

/// Reads a ring's numbers from anywhere, without keeping it open.
#[derive(Clone)]
pub struct RingWatch {
    ring: Arc<dyn Watched>,
}

impl RingWatch {
    /// The numbers now.
    pub fn sample(&self) -> RingSample {
        self.ring.sample()
    }

    /// Make the consumer look up though nothing came: it takes no items, once. What it is to see
    /// then must have been done before.
    pub fn nudge(&self) {
        self.ring.nudge();
    }
}

trait Watched: Send + Sync {
    fn sample(&self) -> RingSample;
    fn nudge(&self);
}

/// What both ends hold.
struct Shared<T> {
    name: &'static str,
    queue: ArrayQueue<T>,
    /// Where the consumer waits for items, and where producers wait for room; on cache lines of
    /// their own, since each is written by one side and read by the other.
    items: CachePadded<Gate>,
    room: CachePadded<Gate>,
    /// Producers alive.
    producers: AtomicUsize,
    /// The consumer is gone.
    abandoned: AtomicBool,
    /// The consumer is to look up though nothing came.
    nudged: AtomicBool,
    full_waits: AtomicU64,
    idle_waits: AtomicU64,
}

impl<T> Shared<T> {
    fn try_push(&self, item: T) -> Result<(), NotPushed<T>> {
        if self.abandoned.load(Ordering::Acquire) {
            return Err(NotPushed::Closed(item));
        }
        self.queue.push(item).map_err(NotPushed::Full)?;
        self.items.wake();
        // The consumer may have left since, and looked into the ring before this item was in. One
        // of the two sees the other: here is the fence of the wake-up, there is one of its own.
        if self.abandoned.load(Ordering::Relaxed) {
            self.empty();
        }
        Ok(())
    }

    /// Drop what is in. It may hold something that others wait for.
    fn empty(&self) {
        while self.queue.pop().is_some() {}
    }

    /// Push what stands in the slot; `None` means no room yet.
    fn push_from(&self, slot: &mut Option<T>) -> Option<Result<(), Closed<T>>> {
        let Some(item) = slot.take() else {
            return Some(Ok(()));
        };
        match self.try_push(item) {
            Ok(()) => Some(Ok(())),
            Err(NotPushed::Closed(item)) => Some(Err(Closed(item))),
            Err(NotPushed::Full(item)) => {
                *slot = Some(item);
                None
            }
        }
    }

    fn try_take(&self, into: &mut Vec<T>, max: usize) -> Option<Taken> {
        // Read before the queue: a producer pushes first and leaves afterwards, so a queue found
        // empty after all producers were seen gone stays empty.
        let closed = self.producers.load(Ordering::Acquire) == 0;
        let mut count = 0;
        while count < max {
            let Some(item) = self.queue.pop() else { break };
            into.push(item);
            count += 1;
        }
        if count > 0 {
            // Once for the whole batch: a producer that waited finds a lot of room.
            self.room.wake();
            return Some(Taken::Some(count));
        }
        if closed {
            return Some(Taken::Closed);
        }
        // Read first: nearly always there is no nudge, and reading leaves the line shared.
        let nudged =
            self.nudged.load(Ordering::Relaxed) && self.nudged.swap(false, Ordering::AcqRel);
        nudged.then_some(Taken::Some(0))
    }
}

impl<T: Send> Watched for Shared<T> {
    fn sample(&self) -> RingSample {
        RingSample {
            name: self.name,
            occupied: self.queue.len(),
            capacity: self.queue.capacity(),
            full_waits: self.full_waits.load(Ordering::Relaxed),
            idle_waits: self.idle_waits.load(Ordering::Relaxed),
        }
    }

    fn nudge(&self) {
        self.nudged.store(true, Ordering::Release);
        self.items.wake();
    }
}

impl<T> Producer<T> {
    /// Push, and block this thread while there is no room.
    pub fn push(&self, item: T) -> Result<(), Closed<T>> {
        let mut slot = Some(item);
        if let Some(result) = self.shared.push_from(&mut slot) {
            return result;
        }
        self.shared.full_waits.fetch_add(1, Ordering::Relaxed);
        // Made only here: a ring that is never full costs its producers no parker.
        let sleeper = Sleeper::new();
        let pushed = self
            .shared
            .room
            .wait(&sleeper, None, || self.shared.push_from(&mut slot));
        pushed.unwrap_or(Ok(()))
    }

    /// Push if there is room.
    pub fn try_push(&self, item: T) -> Result<(), NotPushed<T>> {
        self.shared.try_push(item)
    }

    /// Push what stands in `slot`, or have the task woken when there is room.
    pub fn poll_push(
        &self,
        cx: &mut Context<'_>,
        slot: &mut Option<T>,
    ) -> Poll<Result<(), Closed<T>>> {
        if let Some(result) = self.shared.push_from(slot) {
            return Poll::Ready(result);
        }
        self.shared.room.announce(cx.waker());
        if let Some(result) = self.shared.push_from(slot) {
            self.shared.room.withdraw(cx.waker());
            return Poll::Ready(result);
        }
        Poll::Pending
    }

    /// Push, and let the task wait while there is no room. Dropping the future drops the item.
    pub async fn push_async(&self, item: T) -> Result<(), Closed<T>> {
        let mut slot = Some(item);
        let mut waited = false;
        poll_fn(|cx| {
            let pushed = self.poll_push(cx, &mut slot);
            if pushed.is_pending() && !waited {
                waited = true;
                self.shared.full_waits.fetch_add(1, Ordering::Relaxed);
            }
            pushed
        })
        .await
    }
}

impl<T: Send + 'static> Producer<T> {
    /// A reader of this ring's numbers.
    pub fn watch(&self) -> RingWatch {
        RingWatch {
            ring: self.shared.clone(),
        }
    }
}

impl<T> Clone for Producer<T> {
    fn clone(&self) -> Self {
        self.shared.producers.fetch_add(1, Ordering::Relaxed);
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        if self.shared.producers.fetch_sub(1, Ordering::Release) == 1 {
            self.shared.items.wake();
        }
    }
}

impl<T> Consumer<T> {
    /// Append what is there, up to `max` items, and block this thread while there is nothing.
    pub fn take(&mut self, into: &mut Vec<T>, max: usize) -> Taken {
        // Without a deadline the wait ends only with a result.
        self.take_until(into, max, None).unwrap_or(Taken::Closed)
    }

    /// Like [`take`](Self::take), but gives up after a while with `None`.
    pub fn take_timeout(
        &mut self,
        into: &mut Vec<T>,
        max: usize,
        timeout: Duration,
    ) -> Option<Taken> {
        // A timeout beyond the clock's range is no deadline at all.
        self.take_until(into, max, Instant::now().checked_add(timeout))
    }

    /// Append what is there, up to `max` items; `None` if there is nothing yet.
    pub fn try_take(&mut self, into: &mut Vec<T>, max: usize) -> Option<Taken> {
        self.shared.try_take(into, max.max(1))
    }

    /// Whether all producers are gone: nothing more comes than what is in.
    pub fn is_closed(&self) -> bool {
        self.shared.producers.load(Ordering::Acquire) == 0
    }

    /// Append what is there, or have the task woken when there is something.
    pub fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut Vec<T>,
        max: usize,
    ) -> Poll<Taken> {
        if let Some(taken) = self.try_take(into, max) {
            return Poll::Ready(taken);
        }
        self.shared.items.announce(cx.waker());
        if let Some(taken) = self.try_take(into, max) {
            self.shared.items.withdraw(cx.waker());
            return Poll::Ready(taken);
        }
        self.shared.idle_waits.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }

    /// Append what is there, and let the task wait while there is nothing. Dropping the future
    /// loses no item.
    pub async fn take_async(&mut self, into: &mut Vec<T>, max: usize) -> Taken {
        poll_fn(|cx| self.poll_take(cx, into, max)).await
    }

    fn take_until(
        &mut self,
        into: &mut Vec<T>,
        max: usize,
        deadline: Option<Instant>,
    ) -> Option<Taken> {
        let max = max.max(1);
        let shared = &self.shared;
        if let Some(taken) = shared.try_take(into, max) {
            return Some(taken);
        }
        shared.idle_waits.fetch_add(1, Ordering::Relaxed);
        shared
            .items
            .wait(&self.sleeper, deadline, || shared.try_take(into, max))
    }
}

impl<T: Send + 'static> Consumer<T> {
    /// A reader of this ring's numbers.
    pub fn watch(&self) -> RingWatch {
        RingWatch {
            ring: self.shared.clone(),
        }
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
        // Now, and not when the last producer or watch goes.
        self.shared.empty();
        self.shared.room.wake();
    }
}
