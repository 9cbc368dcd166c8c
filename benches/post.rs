//! What does a two-leg entry cost the engine, with its key, its number and its period checked?

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kontor::bench::engine;

fn post(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("post");
    group.sample_size(10);
    for accounts in [10_000_u32, 1_000_000] {
        let name = BenchmarkId::new("entry", format!("{accounts} accounts"));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|entries| {
                engine::measure(entries, accounts, 1).map_or_else(
                    |fault| std::panic::panic_any(fault.to_string()),
                    |measured| measured.time_of(entries),
                )
            });
        });
    }
    group.finish();
}

criterion_group!(benches, post);
criterion_main!(benches);
