//! What does a durable group cost on this disk, by its size?

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kontor::bench::{BenchFault, journal};

fn group_commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(10);
    for bytes in [4_usize << 10, 256 << 10, 2 << 20] {
        group.throughput(Throughput::Bytes(u64::try_from(bytes).unwrap_or_default()));
        let name = BenchmarkId::new("group", format!("{} KiB", bytes >> 10));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|groups| {
                flushed(bytes, groups)
                    .unwrap_or_else(|fault| std::panic::panic_any(fault.to_string()))
            });
        });
    }
    group.finish();
}

fn flushed(bytes: usize, groups: u64) -> Result<Duration, BenchFault> {
    let dir = tempfile::tempdir_in(".")?;
    let count = u32::try_from(groups).unwrap_or(u32::MAX);
    Ok(journal::measure(dir.path(), bytes, 1, count)?.time_of(groups))
}

criterion_group!(benches, group_commit);
criterion_main!(benches);
