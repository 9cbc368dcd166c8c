//! The ring: items handed from one thread to another, taken in batches as the stations take them.

use std::thread;
use std::time::Instant;

use super::{BenchFault, Measured};
use crate::ring::{Taken, ring};

/// Hand so many items over a ring with so many slots.
pub fn measure(items: u64, slots: usize, batch: usize) -> Result<Measured, BenchFault> {
    let (producer, mut consumer) = ring::<u64>("bench", slots);
    let began = Instant::now();
    let taker = thread::Builder::new().spawn(move || {
        let (mut taken, mut batches, mut sum) = (Vec::with_capacity(batch), 0_u64, 0_u64);
        while consumer.take(&mut taken, batch) != Taken::Closed {
            batches = batches.saturating_add(1);
            sum = taken.drain(..).fold(sum, u64::wrapping_add);
        }
        (batches, sum)
    })?;
    for item in 0..items {
        producer.push(item).map_err(|_closed| BenchFault::Stopped)?;
    }
    drop(producer);
    let (batches, _sum) = taker.join().map_err(|_panic| BenchFault::Stopped)?;
    let mut measured = Measured::new(format!("ring, {slots} slots"), items, began.elapsed());
    measured.note("items per batch", items.div_euclid(batches.max(1)));
    Ok(measured)
}
