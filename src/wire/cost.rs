//! Not a pass or fail: prints what the steps of reading one job cost.
//! `cargo test --release --lib wire::cost -- --ignored --nocapture`

use std::hint::black_box;
use std::time::Instant;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::binary;
use super::canonical::Fingerprinter;
use super::tree::{self, Json};
use super::typed;
use crate::lenient::{Lenient, lenient, serialize_decimal};

const JOB: &str = r#"{ "key": "pay-2026-000123", "kind": "payment.receive", "book": "main",
  "schema_version": 1, "occurred_at": "2026-11-23T10:15:00+01:00",
  "data": { "bank": "bank/main", "customer": "cust-1", "amount": "400.00", "currency": "EUR",
            "value_date": "2026-11-23", "allocation": "oldest_first" } }"#;

struct Amount(String);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match lenient(deserializer)? {
            Lenient::Text(text) => text.into_owned(),
            Lenient::Other { raw, .. } => raw,
        }))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_decimal(&Lenient::text(&self.0), serializer)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payment {
    bank: String,
    customer: String,
    amount: Amount,
    currency: String,
    value_date: String,
    allocation: Option<Allocation>,
    text: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Allocation {
    OldestFirst,
    Explicit,
}

#[expect(clippy::print_stdout, reason = "a measurement prints its numbers")]
fn measure(step: &str, mut run: impl FnMut()) {
    const ROUNDS: u32 = 200_000;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        run();
    }
    println!("{step:<40} {:>6} ns", (start.elapsed() / ROUNDS).as_nanos());
}

#[test]
#[ignore = "a measurement"]
fn cost() {
    let json = tree::read(JOB.as_bytes()).unwrap();
    let data = json.root().get("data").unwrap();
    let payment: Payment = typed::read(data).unwrap();
    let mut bytes = Vec::new();
    binary::encode(&payment, &mut bytes).unwrap();
    let mut printer = Fingerprinter::new([7; 32]);

    measure("serde_json to its own tree (comparison)", || {
        black_box(serde_json::from_str::<serde_json::Value>(black_box(JOB)).unwrap());
    });
    measure("JSON to tree", || {
        black_box(tree::read(black_box(JOB.as_bytes())).unwrap());
    });
    measure("tree to struct", || {
        black_box(typed::read::<Payment>(black_box(data)).unwrap());
    });
    measure("struct to binary", || {
        bytes.clear();
        binary::encode(black_box(&payment), &mut bytes).unwrap();
    });
    measure("binary to struct", || {
        black_box(binary::decode::<Payment>(black_box(&bytes)).unwrap());
    });
    measure("fingerprint of struct", || {
        black_box(
            printer
                .typed("payment.receive", black_box(&payment))
                .unwrap(),
        );
    });
    measure("fingerprint of tree", || {
        black_box(printer.tree("payment.receive", black_box::<Json<'_>>(data)));
    });
}
