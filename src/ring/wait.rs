//! How one side of a ring sleeps and the other side wakes it.
//!
//! A [`Gate`] is one condition ("there is an item", "there is room") with its sleepers. Threads and
//! tasks sleep at it alike: both are a [`Waker`], a thread's one unparks it.
//!
//! # Why no wake-up is lost
//!
//! ```text
//!   sleeper                               waker
//!   1. write itself down, count it        A. change the ring (push, pop, close)
//!   2. fence(SeqCst)                      B. fence(SeqCst)
//!   3. try once more                      C. read the count
//!   4. sleep, if that was in vain         D. if not zero: take the sleepers, wake each
//! ```
//!
//! The two fences have one order that all threads agree on. If B comes before 2, the try in 3 sees
//! the change of A, and nobody needs to be woken. If 2 comes before B, the reading in C sees the
//! count of 1, and D wakes. So at least one of the two sides sees the other; often both do, and
//! then a wake-up is spent for nothing, which is harmless: a sleeper always tries again.
//! A wake-up that comes between 3 and 4 is kept: parking returns at once, a task is polled again.
//!
//! All sleepers are woken, never one of them. Waking one would be cheaper, but a task that is
//! dropped after it was chosen would take the wake-up with it, and another one would sleep for
//! ever.
//!
//! This file does not know what the condition is; it is handed an attempt, so that the protocol can
//! be modelled by itself.

use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};
use std::time::Instant;

use smallvec::SmallVec;

use crate::atoms::{AtomicUsize, Backoff, Mutex, MutexGuard, Ordering, Parker, Unparker, fence};

/// Sleepers that fit without an allocation; rings here have one consumer and a few producers.
const SLEEPERS_INLINE: usize = 4;

/// A place to sleep until something may have changed.
#[derive(Default)]
pub(super) struct Gate {
    /// How many are written down below. Read without the lock, so that a push costs no lock
    /// while nobody sleeps.
    waiting: AtomicUsize,
    sleepers: Mutex<SmallVec<[Waker; SLEEPERS_INLINE]>>,
}

impl Gate {
    /// Write a sleeper down. It must try once more before it sleeps.
    pub(super) fn announce(&self, waker: &Waker) {
        let mut sleepers = self.lock();
        if !sleepers.iter().any(|known| known.will_wake(waker)) {
            sleepers.push(waker.clone());
        }
        self.waiting.store(sleepers.len(), Ordering::Relaxed);
        drop(sleepers);
        fence(Ordering::SeqCst);
    }

    /// Strike a sleeper out that does not need to sleep after all.
    pub(super) fn withdraw(&self, waker: &Waker) {
        let mut sleepers = self.lock();
        sleepers.retain(|known| !known.will_wake(waker));
        self.waiting.store(sleepers.len(), Ordering::Relaxed);
    }

    /// Wake everybody. To be called after the change they may wait for.
    pub(super) fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut sleepers = self.lock();
        let woken = std::mem::take(&mut *sleepers);
        self.waiting.store(0, Ordering::Relaxed);
        drop(sleepers);
        for waker in woken {
            waker.wake();
        }
    }

    /// Try until the attempt succeeds or the deadline has passed: a short spin first, then giving
    /// up the processor, then sleep.
    pub(super) fn wait<R>(
        &self,
        sleeper: &Sleeper,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let backoff = Backoff::new();
        while !backoff.is_completed() {
            if let Some(result) = attempt() {
                return Some(result);
            }
            backoff.snooze();
        }
        loop {
            self.announce(&sleeper.waker);
            if let Some(result) = attempt() {
                self.withdraw(&sleeper.waker);
                return Some(result);
            }
            match deadline {
                None => sleeper.parker.park(),
                Some(deadline) if Instant::now() < deadline => {
                    sleeper.parker.park_deadline(deadline);
                }
                Some(_) => {
                    self.withdraw(&sleeper.waker);
                    return None;
                }
            }
        }
    }

    /// A panic while the list is held leaves a list that is still true, so poison is ignored.
    fn lock(&self) -> MutexGuard<'_, SmallVec<[Waker; SLEEPERS_INLINE]>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that can sleep at a gate.
pub(super) struct Sleeper {
    parker: Parker,
    waker: Waker,
}

impl Sleeper {
    pub(super) fn new() -> Self {
        let parker = Parker::new();
        let waker = Waker::from(Arc::new(Unpark(parker.unparker().clone())));
        Self { parker, waker }
    }
}

struct Unpark(Unparker);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn wakes_a_thread_that_sleeps() {
        let gate = Gate::default();
        let open = AtomicBool::new(false);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let sleeper = Sleeper::new();
                gate.wait(&sleeper, None, || open.load(Ordering::Relaxed).then_some(7))
            });
            while gate.waiting.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
            open.store(true, Ordering::Relaxed);
            gate.wake();
            assert_eq!(waiting.join().unwrap(), Some(7));
        });
        assert!(gate.lock().is_empty());
    }

    #[test]
    fn a_deadline_ends_the_wait_and_leaves_no_sleeper_behind() {
        let gate = Gate::default();
        let sleeper = Sleeper::new();
        let deadline = Instant::now() + Duration::from_millis(5);
        assert_eq!(gate.wait(&sleeper, Some(deadline), || None::<()>), None);
        assert!(Instant::now() >= deadline);
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_same_sleeper_is_written_down_once() {
        let gate = Gate::default();
        let sleeper = Sleeper::new();
        gate.announce(&sleeper.waker);
        gate.announce(&sleeper.waker);
        assert_eq!(gate.lock().len(), 1);
    }

    /// Two threads hand a turn back and forth; one lost wake-up and the test never ends.
    #[test]
    fn turns_are_never_lost() {
        const TURNS: usize = 20_000;
        let turn = AtomicUsize::new(0);
        let gates = [Gate::default(), Gate::default()];
        thread::scope(|scope| {
            for side in 0..2 {
                let (turn, gates) = (&turn, &gates);
                scope.spawn(move || {
                    let sleeper = Sleeper::new();
                    for round in 0..TURNS {
                        let mine = 2 * round + side;
                        gates[side].wait(&sleeper, None, || {
                            (turn.load(Ordering::Relaxed) == mine).then_some(())
                        });
                        turn.store(mine + 1, Ordering::Relaxed);
                        gates[1 - side].wake();
                    }
                });
            }
        });
        assert_eq!(turn.load(Ordering::Relaxed), 2 * TURNS);
    }
}
