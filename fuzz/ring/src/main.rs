//! The hand-over between stations, under every order in which its threads can run.
//!
//! The source of the ring is the daemon's own; see `atoms.rs` for what it stands on here. loom ends
//! a model that can come to a point where nobody runs and somebody sleeps: that is a lost wake-up.
//!
//! ```sh
//! cargo run --release --manifest-path fuzz/Cargo.toml -p ring-model
//! ```

mod atoms;
#[path = "../../../src/ring/mod.rs"]
#[expect(dead_code, reason = "the models use what has an order to get wrong")]
mod ring;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use loom::future::block_on;
use loom::thread;
use ring::{Closed, Consumer, Taken, ring};

/// Takes until all producers are gone.
fn take_all(mut consumer: Consumer<u32>) -> Vec<u32> {
    let mut taken = Vec::new();
    while consumer.take(&mut taken, 8) != Taken::Closed {}
    taken
}

/// A full ring holds its producer back; the consumer wakes it, and it the consumer.
fn one_producer() {
    let (producer, consumer) = ring("model", 1);
    let pushing = thread::spawn(move || {
        producer.push(1).unwrap();
        producer.push(2).unwrap();
    });
    assert_eq!(take_all(consumer), [1, 2]);
    pushing.join().unwrap();
}

/// Room for one wakes two that wait for it.
fn two_producers() {
    let (producer, consumer) = ring("model", 1);
    let other = producer.clone();
    let pushing = [(producer, 1), (other, 2)]
        .map(|(producer, item)| thread::spawn(move || producer.push(item).unwrap()));
    let mut taken = take_all(consumer);
    taken.sort_unstable();
    assert_eq!(taken, [1, 2]);
    for pushing in pushing {
        pushing.join().unwrap();
    }
}

/// Whoever waits for room is told that none will come.
fn a_consumer_that_leaves() {
    let (producer, consumer) = ring("model", 1);
    let pushing = thread::spawn(move || {
        let first = producer.push(1);
        let second = producer.push(2);
        assert!(
            first.is_ok() || second == Err(Closed(2)),
            "{first:?} {second:?}"
        );
        // Room came once more at the most: with what the consumer dropped when it left.
        let third = producer.push(3);
        assert_eq!(third, Err(Closed(3)));
    });
    drop(consumer);
    pushing.join().unwrap();
}

/// What is in a ring when its consumer leaves is dropped then, and what comes in later as well:
/// somebody may wait for it.
fn nothing_stays_in() {
    struct Item(Arc<AtomicUsize>);
    impl Drop for Item {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let (producer, consumer) = ring("model", 2);
    let item = Item(Arc::clone(&dropped));
    let pushing = thread::spawn(move || {
        let _in_or_back = producer.push(item);
        producer
    });
    drop(consumer);
    let producer = pushing.join().unwrap();
    assert_eq!(dropped.load(Ordering::SeqCst), 1, "it is still in the ring");
    drop(producer);
}

/// A nudge makes the consumer look up; what was done before it is seen.
fn a_nudge() {
    let (producer, mut consumer) = ring::<u32>("model", 1);
    let watch = producer.watch();
    let done = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&done);
    let nudging = thread::spawn(move || {
        told.store(1, Ordering::Relaxed);
        watch.nudge();
    });
    assert_eq!(consumer.take(&mut Vec::new(), 8), Taken::Some(0));
    assert_eq!(done.load(Ordering::Relaxed), 1);
    nudging.join().unwrap();
    drop(producer);
}

/// Tasks instead of threads, on both sides.
fn tasks() {
    let (producer, mut consumer) = ring("model", 1);
    let pushing = thread::spawn(move || {
        block_on(async {
            producer.push_async(1).await.unwrap();
            producer.push_async(2).await.unwrap();
        });
    });
    let mut taken = Vec::new();
    block_on(async { while consumer.take_async(&mut taken, 8).await != Taken::Closed {} });
    assert_eq!(taken, [1, 2]);
    pushing.join().unwrap();
}

/// A task that waits for room and is given up takes no wake-up with it.
fn a_task_that_is_given_up() {
    let (producer, consumer) = ring("model", 1);
    producer.try_push(1).unwrap();
    let other = producer.clone();
    let given_up = thread::spawn(move || {
        let waker = futures_waker();
        let mut context = std::task::Context::from_waker(&waker);
        let _polled_once = other.poll_push(&mut context, &mut Some(2));
    });
    let pushing = thread::spawn(move || producer.push(3).unwrap());
    let taken = take_all(consumer);
    assert!(taken.starts_with(&[1]) && taken.contains(&3), "{taken:?}");
    given_up.join().unwrap();
    pushing.join().unwrap();
}

/// Wakes nobody.
fn futures_waker() -> std::task::Waker {
    struct Nobody;
    impl std::task::Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    Arc::new(Nobody).into()
}

fn main() {
    // Orders that need more switches of a running thread than this are left out: with a third
    // thread the number of orders grows beyond all time.
    let models: [(&str, usize, fn()); 7] = [
        ("one producer", 4, one_producer),
        ("two producers", 2, two_producers),
        ("a consumer that leaves", 5, a_consumer_that_leaves),
        ("nothing stays in", 5, nothing_stays_in),
        ("a nudge", 5, a_nudge),
        ("tasks", 3, tasks),
        ("a task that is given up", 2, a_task_that_is_given_up),
    ];
    for (name, preemptions, model) in models {
        let begun = Instant::now();
        let orders = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&orders);
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            model();
        });
        let orders = orders.load(Ordering::Relaxed);
        println!(
            "{name}, up to {preemptions} preemptions: {orders} orders, {:?}",
            begun.elapsed()
        );
    }
}
