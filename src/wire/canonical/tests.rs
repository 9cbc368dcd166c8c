use super::bytes::normal_decimal;
use super::*;
use crate::lenient::{self, Lenient};
use crate::wire::tree;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn typed<T: Serialize>(value: &T) -> u128 {
    Fingerprinter::new([7; 32])
        .typed("entry.post", value)
        .unwrap()
}

fn tree_of(text: &str) -> u128 {
    let json = tree::read(text.as_bytes()).unwrap();
    Fingerprinter::new([7; 32]).tree("entry.post", json.root())
}

struct Decimal(Lenient<'static>);

impl Serialize for Decimal {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        lenient::serialize_decimal(&self.0, serializer)
    }
}

fn decimal(text: &'static str) -> u128 {
    typed(&Decimal(Lenient::text(text)))
}

fn number(raw: &str) -> u128 {
    typed(&Decimal(Lenient::Other {
        kind: "number",
        raw: raw.into(),
    }))
}

#[derive(Serialize, Default)]
struct Entry {
    text: Option<String>,
    legs: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    later: Option<bool>,
}

#[test]
fn the_order_of_members_does_not_count_and_that_of_items_does() {
    #[derive(Serialize)]
    struct Before {
        a: u8,
        bb: Inner,
        c: &'static str,
    }
    #[derive(Serialize)]
    struct After {
        c: &'static str,
        bb: Rinne,
        a: i64,
    }
    #[derive(Serialize)]
    struct Inner {
        x: bool,
        y: u8,
    }
    #[derive(Serialize)]
    struct Rinne {
        y: u8,
        x: bool,
    }
    let before = typed(&Before {
        a: 1,
        bb: Inner { x: true, y: 2 },
        c: "z",
    });
    let after = typed(&After {
        c: "z",
        bb: Rinne { y: 2, x: true },
        a: 1,
    });
    assert_eq!(before, after);
    assert_ne!(typed(&[1, 2]), typed(&[2, 1]));
    assert_eq!(
        tree_of(r#"{"a":1,"b":[{"x":1,"y":2}]}"#),
        tree_of(r#"{"b":[{"y":2,"x":1}],"a":1}"#)
    );
    assert_ne!(tree_of("[1,2]"), tree_of("[2,1]"));
}

#[test]
fn absent_members_leave_no_trace_and_present_ones_do() {
    #[derive(Serialize)]
    struct Older {
        legs: Vec<u32>,
    }
    let entry = |text: Option<&str>, later| Entry {
        text: text.map(Into::into),
        legs: vec![1],
        later,
    };
    assert_eq!(typed(&entry(None, None)), typed(&Older { legs: vec![1] }));
    assert_ne!(typed(&entry(Some(""), None)), typed(&entry(None, None)));
    assert_ne!(typed(&entry(None, Some(false))), typed(&entry(None, None)));
    assert_ne!(
        typed(&Older { legs: vec![] }),
        typed(&BTreeMap::<String, u8>::new())
    );
    assert_ne!(typed(&[None, Some(1)]), typed(&[Some(1), None]));
}

#[test]
fn decimals_count_by_value_and_other_numbers_by_text() {
    assert_eq!(decimal("10"), decimal("10.0"));
    assert_eq!(decimal("10"), decimal("10.00"));
    assert_eq!(decimal("0.50"), decimal("0.5"));
    assert_ne!(decimal("10"), decimal("1"));
    assert_ne!(decimal("100"), decimal("10"));
    assert_ne!(decimal("-1"), decimal("1"));
    // Not in the grammar, so it counts as it was written.
    assert_ne!(decimal("010.0"), decimal("010"));
    assert_ne!(decimal("1."), decimal("1"));
    assert_ne!(decimal("1.0 "), decimal("1 "));
    assert_ne!(decimal(".50"), decimal(".5"));
    // A number instead of a string is another, wrong, order.
    assert_ne!(number("10"), decimal("10"));
    assert_ne!(number("10"), number("10.0"));
    // Text that only looks like a decimal is text.
    assert_ne!(typed(&"10.0"), typed(&"10"));
    assert_ne!(tree_of("\"10.0\""), tree_of("\"10\""));
}

#[test]
fn a_decimal_does_not_make_its_neighbour_one() {
    let pair = |text: &'static str| typed(&(Decimal(Lenient::text("1")), text));
    assert_ne!(pair("10"), pair("10.0"));
}

#[test]
fn kind_secret_and_source_count() {
    let of = |secret: u8, kind| Fingerprinter::new([secret; 32]).typed(kind, &"x").unwrap();
    assert_ne!(of(1, "a"), of(2, "a"));
    assert_ne!(of(1, "a"), of(1, "b"));
    let mut printer = Fingerprinter::new([1; 32]);
    let tree = printer.tree("a", Json::String("x"));
    assert_ne!(tree, of(1, "a"));
    assert_ne!(printer.bytes("a", b"x"), of(1, "a"));
    assert_eq!(
        printer.typed("a", &"x").unwrap(),
        of(1, "a"),
        "the buffer starts afresh"
    );
}

#[test]
fn borders_between_values_count() {
    assert_ne!(typed(&["ab", "c"]), typed(&["a", "bc"]));
    assert_ne!(typed(&(vec![1], vec![2, 3])), typed(&(vec![1, 2], vec![3])));
    assert_ne!(tree_of(r#"{"a":{"b":1}}"#), tree_of(r#"{"a":{},"b":1}"#));
}

#[test]
fn names_are_sorted_by_themselves_not_by_length() {
    #[derive(Serialize)]
    struct Same {
        b: u8,
        aa: u8,
    }
    let map: BTreeMap<_, _> = [("aa", 1), ("b", 2)].into();
    assert_eq!(typed(&map), typed(&Same { b: 2, aa: 1 }));
}

#[test]
fn floats_and_odd_names_have_no_fingerprint() {
    let mut printer = Fingerprinter::new([0; 32]);
    assert_eq!(printer.typed("a", &1.5), Err(CanonicalFault::Float));
    let map: BTreeMap<_, _> = [(1, 2)].into();
    assert_eq!(printer.typed("a", &map), Err(CanonicalFault::NameNotText));
}

/// The drawing in the module's doc, spelt out once.
#[test]
fn the_bytes_are_as_drawn() {
    #[derive(Serialize)]
    struct Sample {
        b: Decimal,
        a: bool,
    }
    let mut printer = Fingerprinter::new([7; 32]);
    let sample = Sample {
        b: Decimal(Lenient::text("1.50")),
        a: true,
    };
    let print = printer.typed("k", &sample).unwrap();
    let bytes = b"kontor\x01Ts\x01k{s\x01ats\x01bd\x031.5}".to_vec();
    assert_eq!(printer.buffer.out, bytes);
    assert_eq!(
        &print.to_le_bytes(),
        &blake3::keyed_hash(&[7; 32], &bytes).as_bytes()[..16]
    );
}

#[test]
fn lengths_and_numbers_take_as_few_bytes_as_they_need() {
    let mut printer = Fingerprinter::new([7; 32]);
    let mut bytes = |value: &dyn Fn(&mut Fingerprinter) -> u128| {
        value(&mut printer);
        printer.buffer.out.split_off(b"kontor\x01Ts\x01k".len())
    };
    let mut number = |number: i128| bytes(&|printer| printer.typed("k", &number).unwrap());
    assert_eq!(number(0), b"i\0");
    assert_eq!(number(-1), b"i\x01\x01");
    assert_eq!(number(128), b"i\x02\0\x01");
    assert_eq!(number(i128::MIN), [&b"i\x10"[..], &[255; 16]].concat());
    let mut text = |length: usize| {
        let text = "x".repeat(length);
        bytes(&|printer| printer.typed("k", &text).unwrap())
    };
    assert_eq!(text(254), [b"s\xfe".to_vec(), vec![b'x'; 254]].concat());
    let long = [b"s\xff\xff\0\0\0\0\0\0\0".to_vec(), vec![b'x'; 255]].concat();
    assert_eq!(text(255), long);
}

/// Fingerprints are kept for ever: this number may only change together with the rule.
#[test]
fn the_rule_is_frozen() {
    #[derive(Serialize)]
    struct Sample {
        text: &'static str,
        amount: Decimal,
        legs: Vec<Option<u16>>,
        side: Side,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Side {
        Debit,
        Both { net: i64 },
    }
    let sample = |side| Sample {
        text: "Müller",
        amount: Decimal(Lenient::text("10.00")),
        legs: vec![Some(1), None],
        side,
    };
    assert_eq!(RULE_VERSION, 1);
    let prints = [
        typed(&sample(Side::Debit)),
        typed(&sample(Side::Both { net: -5 })),
        tree_of(r#"{"b":[1.0,null,true],"a":"x"}"#),
    ];
    let frozen = [
        0x8524_7d93_8988_6bd3_1a60_3419_7cb7_3fee,
        0xe8c6_781d_7ac9_8791_af4d_23f4_925d_95df,
        0x3241_027d_e4de_5c15_8697_dfe7_4a44_47ac,
    ];
    assert_eq!(prints, frozen);
}

/// Members in the order given.
struct Pairs<'a>(&'a [(&'a String, &'a i64)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: ser::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().copied())
    }
}

proptest! {
    #[test]
    fn shuffled_members_agree(
        members in prop::collection::btree_map("[a-z]{1,12}", any::<i64>(), 0..40),
        seed: u64,
    ) {
        let mut shuffled: Vec<_> = members.iter().collect();
        shuffled.sort_by_cached_key(|(name, _)| {
            *blake3::hash(format!("{seed}{name}").as_bytes()).as_bytes()
        });
        let text = |members: &[(&String, &i64)]| {
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        };
        let sorted: Vec<_> = members.iter().collect();
        prop_assert_eq!(tree_of(&text(&sorted)), tree_of(&text(&shuffled)));
        prop_assert_eq!(typed(&members), typed(&Pairs(&shuffled)));
    }

    #[test]
    fn other_text_is_another_fingerprint(one in ".{0,20}", two in ".{0,20}") {
        prop_assume!(one != two);
        prop_assert_ne!(typed(&one), typed(&two));
    }

    #[test]
    fn zeros_at_the_end_do_not_count(
        whole in 0_u64..,
        fraction in "[0-9]{1,10}",
        zeros in 0_usize..5,
    ) {
        let text = format!("{whole}.{fraction}");
        let longer = format!("{text}{}", "0".repeat(zeros));
        prop_assert_eq!(normal_decimal(&text), normal_decimal(&longer));
    }
}
