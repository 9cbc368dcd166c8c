//! `docs/metrics.md`, made from the catalogue. It is committed, and a test fails when it is stale.

use super::catalogue::METRICS;
use super::metric::{Kind, Metric};

/// `docs/metrics.md`.
pub fn render() -> String {
    let mut out = String::from(INTRODUCTION);
    out.push_str(HEAD);
    out.extend(METRICS.iter().filter(|metric| metric.fed).map(row));
    out.push_str(NOT_FED);
    out.push_str(HEAD);
    out.extend(METRICS.iter().filter(|metric| !metric.fed).map(row));
    out.push_str(BUCKETS);
    for metric in METRICS {
        if let Kind::Histogram(_) = metric.kind {
            let bounds: Vec<_> = metric
                .bounds()
                .iter()
                .map(|b| metric.bound_text(*b))
                .collect();
            out.extend([
                "- `",
                metric.name,
                "`: ",
                &bounds.join(", "),
                "
",
            ]);
        }
    }
    out
}

fn row(metric: &Metric) -> String {
    let Metric {
        name,
        unit,
        labels,
        help,
        ..
    } = metric;
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    format!(
        "| `{name}` | {kind} | {unit} | {} | {help} |\n",
        labels.join(", ")
    )
}

const HEAD: &str = "| Name | Type | Unit | Labels | What it says |\n\
                    | --- | --- | --- | --- | --- |\n";

const INTRODUCTION: &str = "\
# Metrics

Served at `http.listen` under `/metrics`, in the text format of Prometheus. Every series whose
labels are known beforehand is there from the start, so that a rate sees the first event; pairs of
kind and code, units, series and months appear as they are seen. No account, customer, document, key
or text is ever a label, and the number of series that appear later is bounded.

Counters of jobs count what is durable, never what is only computed. Of a process with several
partitions, metrics without the label `partition` are drawn from all of them: counts, amounts and
distributions are sums; an age is the longest, a number of a series the greatest, a time of
verification or of a snapshot the earliest; a month is open if it is open in any book. A sample is a
64-bit float: amounts are for looking at, the comparison with zero is made inside the engine.

";

const NOT_FED: &str = "
## Named, not fed yet

These names are settled. They are not served before a kind exists that can feed them.

";

const BUCKETS: &str = "
## Buckets

Upper bounds, in the unit of the metric.

";
