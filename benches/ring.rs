//! What does the hand-over of one item to another thread cost under load?

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kontor::bench::rings;

fn hand_over(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring");
    for (slots, batch) in [(64_usize, 64_usize), (16_384, 8_192)] {
        let name = BenchmarkId::new("item", format!("{slots} slots"));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|items| {
                rings::measure(items, slots, batch).map_or_else(
                    |fault| std::panic::panic_any(fault.to_string()),
                    |measured| measured.time_of(items),
                )
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hand_over);
criterion_main!(benches);
