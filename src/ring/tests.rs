use super::*;
use std::sync::mpsc::sync_channel;
use std::thread;

/// Runs a future on this thread, parking between polls.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut cx = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Takes everything until the ring closes.
fn drain<T>(consumer: &mut Consumer<T>, batch: usize) -> Vec<T> {
    let mut all = Vec::new();
    loop {
        let before = all.len();
        match consumer.take(&mut all, batch) {
            Taken::Some(count) => {
                assert!(count <= batch);
                assert_eq!(all.len(), before + count);
            }
            Taken::Closed => return all,
        }
    }
}

#[test]
fn takes_what_is_there_up_to_the_limit() {
    let (producer, mut consumer) = ring("test", 8);
    for item in 0..5 {
        producer.push(item).unwrap();
    }
    let mut batch = Vec::new();
    assert_eq!(consumer.take(&mut batch, 3), Taken::Some(3));
    assert_eq!(consumer.take(&mut batch, 3), Taken::Some(2));
    assert_eq!(batch, [0, 1, 2, 3, 4]);
    assert_eq!(consumer.try_take(&mut batch, 3), None);
}

#[test]
fn what_is_in_is_delivered_before_closed() {
    let (producer, mut consumer) = ring("test", 8);
    let second = producer.clone();
    producer.push(1).unwrap();
    drop(producer);
    second.push(2).unwrap();
    drop(second);
    assert_eq!(drain(&mut consumer, 8), [1, 2]);
    assert_eq!(consumer.try_take(&mut Vec::new(), 1), Some(Taken::Closed));
}

#[test]
fn an_item_comes_back_when_the_consumer_is_gone() {
    let (producer, consumer) = ring("test", 1);
    producer.push("kept").unwrap();
    assert_eq!(producer.try_push("late"), Err(NotPushed::Full("late")));
    drop(consumer);
    assert_eq!(producer.push("late"), Err(Closed("late")));
    assert_eq!(producer.try_push("late"), Err(NotPushed::Closed("late")));
    assert_eq!(block_on(producer.push_async("late")), Err(Closed("late")));
}

#[test]
fn a_dropped_consumer_drops_what_is_in() {
    let (producer, consumer) = ring("test", 2);
    let item = Arc::new(());
    producer.push(Arc::clone(&item)).unwrap();
    drop(consumer);
    assert_eq!(Arc::strong_count(&item), 1);
}

#[test]
fn a_blocked_producer_is_freed_when_the_consumer_goes() {
    let (producer, consumer) = ring("test", 1);
    producer.push(0).unwrap();
    let watch = producer.watch();
    let blocked = thread::spawn(move || producer.push(1));
    while watch.sample().full_waits == 0 {
        thread::yield_now();
    }
    thread::sleep(Duration::from_millis(2));
    drop(consumer);
    assert_eq!(blocked.join().unwrap(), Err(Closed(1)));
}

#[test]
fn a_sleeping_consumer_is_freed_when_the_last_producer_goes() {
    let (producer, mut consumer) = ring::<u8>("test", 1);
    let second = producer.clone();
    let asleep = thread::spawn(move || consumer.take(&mut Vec::new(), 1));
    thread::sleep(Duration::from_millis(5));
    drop(producer);
    assert!(!asleep.is_finished());
    drop(second);
    assert_eq!(asleep.join().unwrap(), Taken::Closed);
}

#[test]
fn a_timeout_brings_nothing_and_loses_nothing() {
    let (producer, mut consumer) = ring("test", 4);
    let mut batch = Vec::new();
    let start = Instant::now();
    assert_eq!(
        consumer.take_timeout(&mut batch, 4, Duration::from_millis(5)),
        None
    );
    assert!(start.elapsed() >= Duration::from_millis(5));
    producer.push(9).unwrap();
    assert_eq!(
        consumer.take_timeout(&mut batch, 4, Duration::MAX),
        Some(Taken::Some(1))
    );
    assert_eq!(batch, [9]);
}

#[test]
fn numbers_can_be_read_from_outside() {
    let (producer, mut consumer) = ring("gather", 4);
    producer.push(1).unwrap();
    let watch = consumer.watch();
    let sample = watch.sample();
    assert_eq!(
        (sample.name, sample.occupied, sample.capacity),
        ("gather", 1, 4)
    );
    assert_eq!(
        consumer.take_timeout(&mut Vec::new(), 4, Duration::ZERO),
        Some(Taken::Some(1))
    );
    assert_eq!(
        consumer.take_timeout(&mut Vec::new(), 4, Duration::ZERO),
        None
    );
    assert_eq!(watch.sample().idle_waits, 1);
    drop(consumer);
    assert_eq!(
        producer.push(1),
        Err(Closed(1)),
        "a watch does not keep a ring open"
    );
}

#[test]
fn many_producers_lose_and_reorder_nothing() {
    const EACH: u64 = 30_000;
    for (producers, capacity, batch) in [(1, 1, 1), (1, 2, 64), (3, 4, 7), (4, 256, 64)] {
        let (first, mut consumer) = ring("test", capacity);
        thread::scope(|scope| {
            for number in 0..producers {
                let producer = first.clone();
                scope.spawn(move || {
                    for item in 0..EACH {
                        producer.push((number, item)).unwrap();
                    }
                });
            }
            drop(first);
            let all = drain(&mut consumer, batch);
            for number in 0..producers {
                let of_one = all
                    .iter()
                    .filter(|(from, _)| *from == number)
                    .map(|(_, item)| *item);
                assert!(of_one.eq(0..EACH), "producer {number} of {producers}");
            }
        });
    }
}

#[test]
fn tasks_and_threads_share_a_ring() {
    const EACH: u64 = 20_000;
    let (producer, mut consumer) = ring("test", 3);
    thread::scope(|scope| {
        let task = producer.clone();
        scope.spawn(move || {
            block_on(async {
                for item in 0..EACH {
                    task.push_async(item).await.unwrap();
                }
            });
        });
        scope.spawn(move || {
            for item in 0..EACH {
                producer.push(item).unwrap();
            }
        });
        let mut all = Vec::new();
        block_on(async { while consumer.take_async(&mut all, 2).await != Taken::Closed {} });
        assert_eq!(all.iter().sum::<u64>(), EACH * (EACH - 1));
    });
}

/// The trickle: every item finds its consumer asleep, so each needs a wake-up of its own.
#[test]
fn a_trickle_wakes_the_consumer_each_time() {
    let (there, mut from) = ring("there", 4);
    let (back, mut answers) = ring("back", 4);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut batch = Vec::new();
            while from.take(&mut batch, 4) != Taken::Closed {
                for item in batch.drain(..) {
                    back.push(item).unwrap();
                }
            }
        });
        let mut batch = Vec::new();
        for item in 0..5_000_u32 {
            there.push(item).unwrap();
            batch.clear();
            assert_eq!(answers.take(&mut batch, 4), Taken::Some(1));
            assert_eq!(batch, [item]);
        }
        drop(there);
        assert_eq!(answers.take(&mut batch, 4), Taken::Closed);
    });
}

/// Not a pass or fail: prints what a hand-over costs next to the standard library's channel.
/// `cargo test --release --lib ring::tests::cost -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement prints its numbers")]
fn cost() {
    const ITEMS: u64 = 5_000_000;
    let start = Instant::now();
    let (producer, mut consumer) = ring("cost", 4096);
    thread::scope(|scope| {
        scope.spawn(move || (0..ITEMS).for_each(|item| producer.push([item; 8]).unwrap()));
        let mut batch = Vec::with_capacity(512);
        while consumer.take(&mut batch, 512) != Taken::Closed {
            batch.clear();
        }
    });
    let ours = start.elapsed();

    let start = Instant::now();
    let (sender, receiver) = sync_channel(4096);
    thread::scope(|scope| {
        scope.spawn(move || (0..ITEMS).for_each(|item| sender.send([item; 8]).unwrap()));
        while receiver.recv().is_ok() {}
    });
    let theirs = start.elapsed();
    println!("ring {ours:?}, sync_channel {theirs:?} for {ITEMS} items of 64 bytes");
}

#[test]
fn a_nudge_wakes_the_consumer_once_and_takes_nothing() {
    let (producer, mut consumer) = ring::<u8>("test", 4);
    let watch = producer.watch();
    let mut taken = Vec::new();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| consumer.take(&mut taken, 4));
        watch.nudge();
        assert_eq!(waiting.join().unwrap(), Taken::Some(0));
    });
    assert_eq!(consumer.try_take(&mut taken, 4), None);
    watch.nudge();
    producer.push(1).unwrap();
    assert_eq!(consumer.take(&mut taken, 4), Taken::Some(1));
    assert_eq!(consumer.take(&mut taken, 4), Taken::Some(0));
    drop(producer);
    assert_eq!(consumer.take(&mut taken, 4), Taken::Closed);
}
