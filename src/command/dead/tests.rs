use super::list::{Line, groups};
use super::show::{hex, text};
use super::*;
use crate::broker::{Delivery, Epoch, Properties};
use crate::ledger::Value;

fn line(place: u32, reason: &str, died: Option<i64>) -> Line {
    Line {
        place,
        id: format!("{place:064}"),
        reason: reason.to_owned(),
        died: died.map(|hours| Timestamp(hours * 3_600 * NANOS)),
        from: "kontor.jobs main".to_owned(),
        message_id: None,
        bytes: 1,
        returns: 0,
    }
}

#[test]
fn letters_are_grouped_by_reason_and_age() {
    let lines = [
        line(1, "UNKNOWN_KIND", Some(999)),
        line(2, "BOOK_UNKNOWN", Some(999)),
        line(3, "UNKNOWN_KIND", Some(990)),
        line(4, "UNKNOWN_KIND", Some(985)),
        line(5, "UNKNOWN_KIND", Some(900)),
        line(6, "UNKNOWN_KIND", Some(1)),
        line(7, "UNKNOWN_KIND", None),
    ];
    let now = Timestamp(999 * 3_600 * NANOS + 1);
    let rows = groups(&lines, now);
    let text = |cell: &Option<Value>| match cell {
        Some(Value::Text(text)) => text.to_string(),
        Some(Value::Int(count)) => count.to_string(),
        _other => String::new(),
    };
    let rows: Vec<String> = rows
        .iter()
        .map(|row| row.iter().take(3).map(text).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(
        rows,
        [
            "BOOK_UNKNOWN|under 1 hour|1",
            "UNKNOWN_KIND|under 1 hour|1",
            "UNKNOWN_KIND|under 1 day|2",
            "UNKNOWN_KIND|under 7 days|1",
            "UNKNOWN_KIND|7 days and more|1",
            "UNKNOWN_KIND|not known|1",
        ]
    );
}

#[test]
fn bytes_that_are_no_text_or_would_act_on_a_terminal_are_shown_as_digits() {
    assert_eq!(text(b"{\n\t\"a\":1}\r\n").unwrap(), "{\n\t\"a\":1}\r\n");
    assert_eq!(text(b"\x1b[2J"), None);
    assert_eq!(text(&[0xff, 0x00]), None);
    assert_eq!(hex(&[0xff, 0x00, 0x1b]), "ff001b");
}

#[test]
fn a_letter_is_named_by_its_id_the_beginning_of_it_or_the_message_id() {
    let delivery = Delivery {
        epoch: Epoch(0),
        tag: 1,
        body: b"x".to_vec(),
        properties: Properties {
            message_id: Some("pay-1".to_owned()),
            ..Properties::default()
        },
        exchange: "kontor.jobs".to_owned(),
        routing_key: "main".to_owned(),
        redelivered: false,
        delivery_count: None,
    };
    let letter = Letter::of(delivery, "kontor.dead");
    let id = letter.id();
    let filter = |reason: Option<&str>, id: Option<&str>| Filter {
        reason: reason.map(str::to_owned),
        id: id.map(str::to_owned),
    };
    for known in [id.as_str(), id.split_at(8).0, "pay-1"] {
        assert!(filter(None, Some(known)).takes(&letter), "{known}");
        assert!(!filter(Some("UNKNOWN"), Some(known)).takes(&letter));
    }
    for unknown in [id.split_at(7).0, "", "pay-", "pay-12"] {
        assert!(!filter(None, Some(unknown)).takes(&letter), "{unknown}");
    }
    assert!(filter(Some("UNROUTABLE"), None).takes(&letter));
    assert!(filter(None, None).takes(&letter));
}

#[test]
fn what_cannot_be_meant_is_64() {
    let said = |line: &str| {
        let line = line.split(' ').map(std::ffi::OsString::from);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = crate::command::run(line, &mut out, &mut err);
        (code, String::from_utf8(err).unwrap())
    };
    for line in [
        "kontor dead",
        "kontor dead show",
        "kontor dead show abc --place 1",
        "kontor dead show --place 0",
        "kontor dead list --max 1",
        "kontor dead requeue --rate 0",
        "kontor dead requeue --max 0",
        "kontor dead requeue --yes",
    ] {
        assert_eq!(said(line).0, 64, "{line}");
    }
    let (code, words) = said("kontor dead drop --reason UNKNOWN_KIND");
    assert_eq!(code, 64);
    assert!(words.contains("--yes"), "{words}");
}
