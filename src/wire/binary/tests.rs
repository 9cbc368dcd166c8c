use super::*;
use crate::lenient::{self, Lenient, lenient};
use crate::wire::schema::SchemaCode;
use crate::wire::{tree, typed};
use proptest::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, bincode::Encode)]
#[serde(deny_unknown_fields)]
struct Entry {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    legs: Vec<Leg>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    last: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, bincode::Encode)]
#[serde(deny_unknown_fields)]
struct Leg {
    side: Side,
    units: i128,
    count: u16,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, bincode::Encode)]
#[serde(rename_all = "snake_case")]
enum Side {
    Debit,
    Credit,
    Both { net: i64, pair: (u8, u32) },
    Other(String),
}

fn entry() -> Entry {
    Entry {
        text: "Müller".into(),
        note: None,
        legs: vec![
            Leg {
                side: Side::Debit,
                units: -5,
                count: 1,
            },
            Leg {
                side: Side::Both {
                    net: 7,
                    pair: (1, 2),
                },
                units: i128::MAX,
                count: 2,
            },
            Leg {
                side: Side::Other("x".into()),
                units: 0,
                count: 3,
            },
            Leg {
                side: Side::Credit,
                units: 1,
                count: 4,
            },
        ],
        labels: [("a".into(), "1".into()), ("b".into(), "2".into())].into(),
        last: true,
    }
}

fn bytes_of<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes).unwrap();
    bytes
}

fn schema_fault<T: fmt::Debug>(result: Result<T, BinaryFault>) -> (SchemaCode, String, String) {
    match result {
        Err(BinaryFault::Schema(fault)) => (fault.code, fault.path, fault.reason.into_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_bytes_are_those_of_bincode_itself() {
    let mut sample = entry();
    for note in [None, Some("late".to_owned())] {
        sample.note = note;
        let ours = bytes_of(&sample);
        assert_eq!(ours, bincode::encode_to_vec(&sample, config()).unwrap());
        assert_eq!(decode(&ours), Ok(sample.clone()));
    }
}

#[test]
fn a_skipped_member_keeps_its_place() {
    #[derive(Serialize)]
    struct Skipped {
        #[serde(skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
        b: u8,
    }
    assert_eq!(bytes_of(&Skipped { a: None, b: 7 }), [0, 7]);
    assert_eq!(bytes_of(&Skipped { a: Some(1), b: 7 }), [1, 1, 7]);
}

#[test]
fn every_cut_and_every_addition_is_a_fault() {
    let bytes = bytes_of(&entry());
    for length in 0..bytes.len() {
        let cut = decode::<Entry>(&bytes[..length]);
        assert!(
            matches!(cut, Err(BinaryFault::Malformed { .. })),
            "{length}: {cut:?}"
        );
    }
    let mut longer = bytes.clone();
    longer.push(0);
    let reason = "more bytes than the value has";
    let offset = bytes.len();
    assert_eq!(
        decode::<Entry>(&longer),
        Err(BinaryFault::Malformed { offset, reason })
    );
    assert_eq!(
        decode_first::<Entry>(&longer),
        Ok((entry(), [0].as_slice()))
    );
}

#[test]
fn a_length_that_lies_is_not_believed() {
    let huge = bytes_of(&u64::MAX);
    assert!(decode::<Vec<u8>>(&huge).is_err());
    assert!(decode::<String>(&huge).is_err());
    assert!(decode::<BTreeMap<String, String>>(&huge).is_err());
    assert!(decode::<Vec<u64>>(&bytes_of(&1_000_000_u64)).is_err());
}

#[test]
fn only_one_way_to_write_a_value() {
    let malformed = |result| matches!(result, Err(BinaryFault::Malformed { .. }));
    assert!(malformed(decode::<bool>(&[2]).map(|_| ())));
    assert!(malformed(decode::<Option<u8>>(&[2, 0]).map(|_| ())));
    assert!(malformed(
        decode::<String>(&[1, 0, 0, 0, 0, 0, 0, 0, 0xff]).map(|_| ())
    ));
    let labels = |names: [&str; 2]| {
        let mut bytes = bytes_of(&2_u64);
        for name in names {
            bytes.extend(bytes_of(&(name, "")));
        }
        decode::<BTreeMap<String, String>>(&bytes).map(|labels| labels.len())
    };
    assert_eq!(labels(["a", "b"]), Ok(2));
    assert!(malformed(labels(["b", "a"]).map(|_| ())));
    assert!(malformed(labels(["a", "a"]).map(|_| ())));
    assert!(
        malformed(labels(["\u{fc}", "u\u{308}"]).map(|_| ())),
        "the same in normal form"
    );
}

#[test]
fn text_comes_out_in_normal_form() {
    assert_eq!(
        decode::<String>(&bytes_of("Mu\u{308}ller")).unwrap(),
        "Müller"
    );
    let bytes = bytes_of("plain");
    let (borrowed, _) = decode_first::<&str>(&bytes).unwrap();
    assert_eq!(borrowed, "plain");
}

#[derive(Debug, PartialEq)]
struct Amount(Lenient<'static>);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match lenient(deserializer)? {
            Lenient::Text(text) if text.len() > 8 => {
                return Err(de::Error::custom("FIELD_TOO_LONG: at most 8 characters"));
            }
            Lenient::Text(text) => Lenient::Text(Cow::Owned(text.into_owned())),
            Lenient::Other { kind, raw } => Lenient::Other { kind, raw },
        }))
    }
}

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        lenient::serialize_decimal(&self.0, serializer)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Payment {
    amounts: Vec<Amount>,
    side: Side,
    labels: BTreeMap<String, Amount>,
}

/// Both forms give the same value, and so the same fingerprint.
#[test]
fn what_json_takes_in_binary_takes_in_too() {
    let json = r#"{"amounts":["1.0",2.50,true,[1],{"a":1}],"side":"debit","labels":{}}"#;
    let from_json: Payment = typed::read(tree::read(json.as_bytes()).unwrap().root()).unwrap();
    let bytes = bytes_of(&from_json);
    assert_eq!(decode(&bytes), Ok(from_json));
    let unknown_tag = [bytes_of(&9_u8), bytes_of("x")].concat();
    assert!(decode::<Amount>(&unknown_tag).is_err());
}

#[test]
fn a_fault_of_the_schema_has_the_code_and_path_it_has_in_json() {
    let long = || Amount(Lenient::Text("123456789".into()));
    let short = || Amount(Lenient::text("1"));
    let payment = |amounts, labels| Payment {
        amounts,
        side: Side::Debit,
        labels,
    };
    let reason = "at most 8 characters".to_owned();

    let bytes = bytes_of(&payment(vec![short(), long()], BTreeMap::new()));
    let expected = (
        SchemaCode::FieldTooLong,
        "/amounts/1".into(),
        reason.clone(),
    );
    assert_eq!(schema_fault(decode::<Payment>(&bytes)), expected);

    let bytes = bytes_of(&payment(vec![], [("fee".to_owned(), long())].into()));
    let expected = (SchemaCode::FieldTooLong, "/labels/fee".into(), reason);
    assert_eq!(schema_fault(decode::<Payment>(&bytes)), expected);

    let bytes = [bytes_of(&Vec::<Amount>::new()), bytes_of(&99_u32)].concat();
    let reason = "expected one of debit, credit, both, other";
    let expected = (SchemaCode::SchemaInvalid, "/side".into(), reason.into());
    assert_eq!(schema_fault(decode::<Payment>(&bytes)), expected);
}

#[test]
fn types_without_a_binary_form_are_refused_and_leave_nothing() {
    let mut out = vec![1];
    assert!(matches!(
        encode(&("text", 1.5), &mut out),
        Err(BinaryFault::Type(_))
    ));
    assert_eq!(out, [1]);
    assert!(matches!(decode::<f64>(&[0; 8]), Err(BinaryFault::Type(_))));
    assert!(matches!(
        decode::<serde_json::Value>(&[0; 8]),
        Err(BinaryFault::Type(_))
    ));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_what_is_read_is_what_is_written(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..160),
    ) {
        if let Ok((entry, rest)) = decode_first::<Entry>(&bytes) {
            let read = &bytes[..bytes.len() - rest.len()];
            let again: Entry = decode(&bytes_of(&entry)).unwrap();
            prop_assert_eq!(&again, &entry);
            if read.is_ascii() {
                prop_assert_eq!(bytes_of(&entry), read);
            }
        }
    }

    #[test]
    fn a_flipped_byte_is_never_read_as_the_same(place: prop::sample::Index, flip in 1_u8..) {
        let mut bytes = bytes_of(&entry());
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        prop_assert_ne!(decode::<Entry>(&bytes), Ok(entry()));
    }
}
