//! The messages published and not yet confirmed, in order.
//!
//! Two things make this more than a list of futures.
//!
//! **Cost.** A window of a thousand confirms would be polled a thousand times per wake-up. Each
//! slot has a waker of its own that notes its number, and only noted slots are polled.
//!
//! **Returns.** The client library keeps returned messages in one queue and hands the first of
//! them to whichever confirm completes next, so a return usually sits on the confirm of another
//! message. We match it by what is inside the returned message. A confirm may be believed only
//! once a return of that message can no longer turn up. The broker returns a message before it
//! confirms it, and every completed confirm takes a return along if one waits; so when all
//! messages up to N are completed, all returns of messages up to N sit on completed confirms.
//! Hence the rule: poll everything that is noted until nothing is noted any more, and only then
//! release results, in order, up to the first that is still open.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::Notify;

use super::super::message::{ConfirmResult, Confirmed};

/// What tells one message in flight from another. A dead letter has its own identity because
/// its message id is the producer's; a reply has the message id of its outcome but another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) exchange: String,
    pub(super) routing_key: String,
    pub(super) name: Option<String>,
}

/// What the broker said to one message.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) acked: bool,
    /// The identity of a returned message that came along; rarely that of the same message.
    pub(super) returned: Option<Identity>,
}

/// The way to the broker's answer; an error if the channel died first.
pub(super) type Pending<E> = Pin<Box<dyn Future<Output = Result<Answer, E>> + Send>>;

/// All messages in flight.
pub(super) struct Confirms<E> {
    slots: VecDeque<Slot<E>>,
    /// The number of the first slot.
    first: u64,
    noted: Arc<Noted>,
    /// Returned messages that match nothing in flight: never expected, so worth counting.
    pub(super) unmatched_returns: u64,
}

struct Slot<E> {
    token: u64,
    identity: Option<Identity>,
    pending: Option<Pending<E>>,
    note: Arc<Note>,
    result: Option<ConfirmResult>,
    returned: bool,
}

/// Which slots want to be polled.
struct Noted {
    numbers: Mutex<Vec<u64>>,
    some: Notify,
}

struct Note {
    number: u64,
    /// Noted already and not polled since.
    pending: AtomicBool,
    noted: Arc<Noted>,
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.pending.swap(true, Ordering::AcqRel) {
            self.noted.lock().push(self.number);
            self.noted.some.notify_one();
        }
    }
}

impl Noted {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        // The list is whole after every statement, so a panic elsewhere leaves nothing half done.
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> Confirms<E> {
    pub(super) fn new() -> Self {
        let noted = Arc::new(Noted {
            numbers: Mutex::default(),
            some: Notify::new(),
        });
        Self {
            slots: VecDeque::new(),
            first: 0,
            noted,
            unmatched_returns: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Take a message in. The first poll of `pending` writes the message; it happens in the next
    /// [`Self::collect`], in the order of taking in.
    pub(super) fn push(&mut self, token: u64, identity: Option<Identity>, pending: Pending<E>) {
        let number = self.next_number();
        let note = Note {
            number,
            pending: AtomicBool::new(true),
            noted: Arc::clone(&self.noted),
        };
        self.slots.push_back(Slot {
            token,
            identity,
            pending: Some(pending),
            note: Arc::new(note),
            result: None,
            returned: false,
        });
        self.noted.lock().push(number);
    }

    /// Take a message in whose result is known, so that it is reported in its place.
    pub(super) fn push_settled(&mut self, token: u64, result: ConfirmResult) {
        let (number, noted) = (self.next_number(), Arc::clone(&self.noted));
        let note = Arc::new(Note {
            number,
            pending: AtomicBool::new(true),
            noted,
        });
        let (identity, pending, returned) = (None, None, false);
        self.slots.push_back(Slot {
            token,
            identity,
            pending,
            note,
            result: Some(result),
            returned,
        });
    }

    /// Wait until some slot wants to be polled.
    pub(super) fn noted(&self) -> impl Future<Output = ()> + Send + use<E> {
        let noted = Arc::clone(&self.noted);
        async move { noted.some.notified().await }
    }

    /// Poll what wants to be polled, and give out the results that may be believed. An error
    /// means that the channel is dead; nothing more will be answered on it.
    pub(super) fn collect(&mut self, out: &mut VecDeque<Confirmed>) -> Result<(), E> {
        let mut dead = None;
        loop {
            let numbers = std::mem::take(&mut *self.noted.lock());
            if numbers.is_empty() {
                break;
            }
            for number in numbers {
                if let Err(error) = self.poll(number) {
                    dead.get_or_insert(error);
                }
            }
        }
        if let Some(error) = dead {
            return Err(error);
        }
        self.release(out);
        Ok(())
    }

    /// Give up: what is not answered is lost. What was answered is reported as it was, except an
    /// acknowledgement that a missing return could still turn around. Says how many are lost.
    pub(super) fn give_up(&mut self, out: &mut VecDeque<Confirmed>) -> u64 {
        self.release(out);
        let mut lost = 0;
        for slot in self.slots.drain(..) {
            let result = match slot.result {
                Some(ConfirmResult::Acked) if slot.returned => ConfirmResult::Returned,
                Some(ConfirmResult::Acked) if slot.identity.is_some() => ConfirmResult::Lost,
                Some(result) => result,
                None => ConfirmResult::Lost,
            };
            lost += u64::from(result == ConfirmResult::Lost);
            out.push_back(Confirmed {
                token: slot.token,
                result,
            });
        }
        lost
    }

    fn next_number(&self) -> u64 {
        self.first + u64::try_from(self.slots.len()).unwrap_or(u64::MAX)
    }

    fn poll(&mut self, number: u64) -> Result<(), E> {
        let place = number
            .checked_sub(self.first)
            .and_then(|n| usize::try_from(n).ok());
        let Some(slot) = place.and_then(|place| self.slots.get_mut(place)) else {
            return Ok(());
        };
        let Some(pending) = slot.pending.as_mut() else {
            return Ok(());
        };
        slot.note.pending.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&slot.note));
        let answer = match pending.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => return Ok(()),
            Poll::Ready(answer) => answer,
        };
        slot.pending = None;
        let answer = answer?;
        let result = if answer.acked {
            ConfirmResult::Acked
        } else {
            ConfirmResult::Nacked
        };
        slot.result = Some(result);
        if let Some(identity) = answer.returned {
            self.mark_returned(&identity);
        }
        Ok(())
    }

    fn mark_returned(&mut self, identity: &Identity) {
        let matching = self
            .slots
            .iter_mut()
            .find(|s| !s.returned && s.identity.as_ref() == Some(identity));
        match matching {
            Some(slot) => slot.returned = true,
            None => self.unmatched_returns += 1,
        }
    }

    fn release(&mut self, out: &mut VecDeque<Confirmed>) {
        while let Some(slot) = self.slots.front() {
            let Some(mut result) = slot.result else { break };
            if slot.returned && result == ConfirmResult::Acked {
                result = ConfirmResult::Returned;
            }
            out.push_back(Confirmed {
                token: slot.token,
                result,
            });
            self.slots.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::ConfirmResult::{Acked, Lost, Nacked, Returned, Unsendable};
    use super::*;

    type Sender = oneshot::Sender<Result<Answer, ()>>;

    fn identity(name: &str) -> Identity {
        Identity {
            exchange: "x".to_owned(),
            routing_key: "k".to_owned(),
            name: Some(name.to_owned()),
        }
    }

    fn publish(confirms: &mut Confirms<()>, token: u64) -> Sender {
        let (sender, receiver) = oneshot::channel();
        let pending = Box::pin(async move { receiver.await.unwrap_or(Err(())) });
        confirms.push(token, Some(identity(&format!("m{token}"))), pending);
        sender
    }

    fn acked(returned: Option<&str>) -> Answer {
        Answer {
            acked: true,
            returned: returned.map(identity),
        }
    }

    fn collect(confirms: &mut Confirms<()>) -> Vec<(u64, ConfirmResult)> {
        let mut out = VecDeque::new();
        confirms.collect(&mut out).unwrap();
        out.iter().map(|c| (c.token, c.result)).collect()
    }

    #[test]
    fn a_return_on_the_confirm_of_another_message_finds_its_own() {
        let mut confirms = Confirms::new();
        let senders: Vec<Sender> = (0..3).map(|token| publish(&mut confirms, token)).collect();
        assert_eq!(collect(&mut confirms), []);
        let mut senders = senders.into_iter();
        let (first, second, third) = (
            senders.next().unwrap(),
            senders.next().unwrap(),
            senders.next().unwrap(),
        );
        // The return of message 0 comes along with the confirm of message 2.
        third.send(Ok(acked(Some("m0")))).unwrap();
        assert_eq!(
            collect(&mut confirms),
            [],
            "nothing is believed before the first is done"
        );
        second.send(Ok(acked(None))).unwrap();
        first.send(Ok(acked(None))).unwrap();
        assert_eq!(
            collect(&mut confirms),
            [(0, Returned), (1, Acked), (2, Acked)]
        );
        assert_eq!((confirms.len(), confirms.unmatched_returns), (0, 0));
    }

    #[test]
    fn a_return_that_turns_up_during_the_polling_still_counts() {
        let mut confirms = Confirms::new();
        let (sender, receiver) = oneshot::channel::<Result<Answer, ()>>();
        let mut sender = Some(sender);
        let mut polled = false;
        // When message 0 turns out confirmed, its return is handed to message 1.
        let first = std::future::poll_fn(move |context| {
            if !std::mem::replace(&mut polled, true) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            sender.take().unwrap().send(Ok(acked(Some("m0")))).unwrap();
            Poll::Ready(Ok(acked(None)))
        });
        let second = async move { receiver.await.unwrap_or(Err(())) };
        confirms.push(0, Some(identity("m0")), Box::pin(first));
        confirms.push(1, Some(identity("m1")), Box::pin(second));
        assert_eq!(collect(&mut confirms), [(0, Returned), (1, Acked)]);
    }

    #[test]
    fn results_come_in_the_order_of_publishing() {
        let mut confirms = Confirms::new();
        let first = publish(&mut confirms, 10);
        confirms.push_settled(11, Unsendable);
        let third = publish(&mut confirms, 12);
        third
            .send(Ok(Answer {
                acked: false,
                returned: None,
            }))
            .unwrap();
        assert_eq!(collect(&mut confirms), []);
        first.send(Ok(acked(None))).unwrap();
        assert_eq!(
            collect(&mut confirms),
            [(10, Acked), (11, Unsendable), (12, Nacked)]
        );
    }

    #[test]
    fn at_the_end_everything_open_is_lost_and_nothing_is_silent() {
        let mut confirms = Confirms::new();
        let first = publish(&mut confirms, 1);
        let second = publish(&mut confirms, 2);
        let third = publish(&mut confirms, 3);
        assert_eq!(collect(&mut confirms), []);
        third.send(Ok(acked(Some("m3")))).unwrap();
        second.send(Ok(acked(None))).unwrap();
        drop(first);
        let mut out = VecDeque::new();
        assert_eq!(confirms.collect(&mut out), Err(()));
        confirms.give_up(&mut out);
        let results: Vec<_> = out.iter().map(|c| (c.token, c.result)).collect();
        assert_eq!(results, [(1, Lost), (2, Lost), (3, Returned)]);
    }

    #[test]
    fn only_noted_slots_are_polled() {
        let mut confirms: Confirms<()> = Confirms::new();
        let polls = Arc::new(Mutex::new(0_u32));
        for token in 0..10 {
            let polls = Arc::clone(&polls);
            let pending = Box::pin(std::future::poll_fn(move |_| {
                *polls.lock().unwrap() += 1;
                Poll::Pending
            }));
            confirms.push(token, None, pending);
        }
        let last = publish(&mut confirms, 10);
        collect(&mut confirms);
        last.send(Ok(acked(None))).unwrap();
        collect(&mut confirms);
        collect(&mut confirms);
        assert_eq!(*polls.lock().unwrap(), 10);
    }
}
