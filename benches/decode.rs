//! What does a job cost from bytes to a plan's input, in each content type?

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kontor::bench::decode;
use kontor::pipeline::decode::ContentType;

/// Jobs of a message, where a message may have many.
const PER_MESSAGE: u32 = 1_000;

fn of_each_type(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.sample_size(10);
    for content_type in [ContentType::Json, ContentType::Ndjson, ContentType::Binary] {
        let name = BenchmarkId::new("job", format!("{content_type:?}"));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|jobs| {
                decode::measure(content_type, jobs, PER_MESSAGE, 1).map_or_else(
                    |fault| std::panic::panic_any(fault.to_string()),
                    |measured| measured.time_of(jobs),
                )
            });
        });
    }
    group.finish();
}

criterion_group!(benches, of_each_type);
criterion_main!(benches);
