//! kontor
fn main() {
    let m = kontor::bench::engine::measure(2_000_000, 1_000_000, 1).unwrap();
    eprintln!("{} {}/s {:?}", m.what, m.per_second(), m.notes);
    let m = kontor::bench::engine::measure(2_000_000, 10_000, 1).unwrap();
    eprintln!("{} {}/s {:?}", m.what, m.per_second(), m.notes);
    for t in [
        kontor::pipeline::decode::ContentType::Json,
        kontor::pipeline::decode::ContentType::Ndjson,
        kontor::pipeline::decode::ContentType::Binary,
    ] {
        let m = kontor::bench::decode::measure(t, 1_000_000, 1000, 1);
        eprintln!("{} {}/s {:?}", m.what, m.per_second(), m.notes);
    }
}
