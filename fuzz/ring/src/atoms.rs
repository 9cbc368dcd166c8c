//! What the ring under the model is made of.
//!
//! Everything it waits or signals with is loom's, which tries every order of the threads and, for
//! each relaxed read, every value that the memory model of C11 lets it see. The queue is ours and
//! promises less than the real one: a look that finds it full or empty may be an old one.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use loom::sync::Condvar;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use loom::sync::{Mutex, MutexGuard};

pub(crate) struct ArrayQueue<T> {
    capacity: usize,
    count: AtomicUsize,
    items: Mutex<VecDeque<T>>,
}

impl<T> ArrayQueue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            count: AtomicUsize::new(0),
            items: Mutex::new(VecDeque::new()),
        }
    }

    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        if self.len() >= self.capacity {
            return Err(item);
        }
        let mut items = self.items.lock().unwrap();
        if items.len() >= self.capacity {
            return Err(item);
        }
        items.push_back(item);
        self.count.store(items.len(), Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        let mut items = self.items.lock().unwrap();
        let item = items.pop_front();
        self.count.store(items.len(), Ordering::Relaxed);
        item
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }
}

/// Keeps one wake-up, as crossbeam's does.
#[derive(Default)]
struct Bed {
    token: Mutex<bool>,
    woken: Condvar,
}

pub(crate) struct Parker {
    bed: Arc<Bed>,
    unparker: Unparker,
}

#[derive(Clone)]
pub(crate) struct Unparker {
    bed: Arc<Bed>,
}

impl Parker {
    pub(crate) fn new() -> Self {
        let bed = Arc::<Bed>::default();
        let unparker = Unparker {
            bed: Arc::clone(&bed),
        };
        Self { bed, unparker }
    }

    pub(crate) fn unparker(&self) -> &Unparker {
        &self.unparker
    }

    pub(crate) fn park(&self) {
        let mut token = self.bed.token.lock().unwrap();
        while !*token {
            token = self.bed.woken.wait(token).unwrap();
        }
        *token = false;
    }

    /// No model waits for a time: there is none in it.
    pub(crate) fn park_deadline(&self, _deadline: Instant) {
        self.park();
    }
}

impl Unparker {
    pub(crate) fn unpark(&self) {
        *self.bed.token.lock().unwrap() = true;
        self.bed.woken.notify_one();
    }
}

/// Spins no time at all: every attempt may be the last one before it sleeps.
pub(crate) struct Backoff;

impl Backoff {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn is_completed(&self) -> bool {
        true
    }

    pub(crate) fn snooze(&self) {}
}

/// Cache lines have no part in it.
#[derive(Default)]
pub(crate) struct CachePadded<T>(T);

impl<T> Deref for CachePadded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
