//! The dead letter: a message kontor cannot read, set aside with its reason.
//!
//! Three properties and two headers must not travel as they are. RabbitMQ closes the channel on
//! the `user_id` of another user, lets a copied `expiration` delete the evidence, routes by
//! `CC`/`BCC`, and a copied `reply_to` would invite answers. They, and the broker's own `x-…`
//! headers, are kept under `kontor-original-…`.

use super::message::{Delivery, HeaderValue, Properties, Publish, table_wire_len};

/// Bytes of a producer's headers that a dead letter carries at most. All properties must fit
/// into one frame of 128 KiB or the broker ends the connection; half of it is for our own.
const FOREIGN_HEADERS_BYTES_MAX: usize = 64 * 1024;

/// The name of the header that identifies a dead letter.
pub const DEAD_ID: &str = "kontor-dead-id";

const ORIGINAL: &str = "kontor-original-";

/// Why a message, or a line of it, is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Why<'a> {
    /// The stable code.
    pub reason: &'a str,
    /// What is wrong and what to do.
    pub detail: &'a str,
    /// JSON pointer to the culprit, if there is one.
    pub path: Option<&'a str>,
    /// Number of the line or item in the message, counted from 1, if it has several.
    pub line: Option<u64>,
    /// When the message was received, RFC 3339.
    pub received_at: &'a str,
}

/// The message for the dead-letter exchange. `part` is the line or item that cannot be read;
/// without it the whole body is set aside.
pub fn dead_letter(
    exchange: &str,
    token: u64,
    delivery: &Delivery,
    part: Option<&[u8]>,
    why: &Why<'_>,
) -> Publish {
    let body = part.unwrap_or(&delivery.body).to_vec();
    let original = &delivery.properties;
    let mut properties = Properties {
        content_type: original.content_type.clone(),
        content_encoding: original.content_encoding.clone(),
        message_id: original.message_id.clone(),
        kind: original.kind.clone(),
        correlation_id: original.correlation_id.clone(),
        timestamp: original.timestamp,
        app_id: original.app_id.clone(),
        priority: original.priority,
        delivery_mode: Some(2),
        user_id: None,
        reply_to: None,
        expiration: None,
        headers: foreign_headers(&original.headers),
    };
    keep_original(&mut properties, delivery);
    explain(&mut properties, delivery, why);
    properties.set_header(DEAD_ID, HeaderValue::text(&dead_id(&body, why.line)));
    Publish {
        token,
        exchange: exchange.to_owned(),
        routing_key: delivery.routing_key.clone(),
        mandatory: true,
        properties,
        body,
        ..Publish::default()
    }
}

/// The identity of a dead letter: the same bytes at the same line have the same one, so that
/// copies made after a redelivery can be told from other dead letters.
pub fn dead_id(body: &[u8], line: Option<u64>) -> String {
    let mut hasher = blake3::Hasher::new();
    // The line goes first with a fixed length, so no body can imitate another line's input.
    hasher.update(&line.unwrap_or(0).to_le_bytes());
    hasher.update(body);
    hasher.finalize().to_hex().to_string()
}

/// The identity of a message while it is being tried: the first half of the hash of its body.
pub fn message_hash(body: &[u8]) -> u128 {
    let mut half = [0; 16];
    let mut hash = blake3::Hasher::new();
    hash.update(body).finalize_xof().fill(&mut half);
    u128::from_le_bytes(half)
}

fn foreign_headers(headers: &[(String, HeaderValue)]) -> Vec<(String, HeaderValue)> {
    let bytes = table_wire_len(headers);
    if bytes > FOREIGN_HEADERS_BYTES_MAX {
        let note = format!("{} headers of {bytes} bytes were left out", headers.len());
        return vec![(
            "kontor-headers-omitted".to_owned(),
            HeaderValue::text(&note),
        )];
    }
    // A header of ours on an incoming message is from an earlier death or forged: only what is
    // known of the original survives, and a fresh value replaces it.
    headers
        .iter()
        .filter(|(name, _)| !name.starts_with("kontor-") || name.starts_with(ORIGINAL))
        .map(|(name, value)| (safe_name(name), value.clone()))
        .collect()
}

fn safe_name(name: &str) -> String {
    let acted_on = name.eq_ignore_ascii_case("CC") || name.eq_ignore_ascii_case("BCC");
    if acted_on || name.starts_with("x-") {
        let renamed = format!("{ORIGINAL}{}", name.to_ascii_lowercase());
        // A header name has at most 255 bytes; one that long keeps its own.
        if renamed.len() <= 255 {
            return renamed;
        }
    }
    name.to_owned()
}

fn keep_original(properties: &mut Properties, delivery: &Delivery) {
    let original = &delivery.properties;
    let kept = [
        ("kontor-original-user-id", original.user_id.as_deref()),
        ("kontor-original-reply-to", original.reply_to.as_deref()),
        ("kontor-original-expiration", original.expiration.as_deref()),
        ("kontor-original-exchange", Some(delivery.exchange.as_str())),
        (
            "kontor-original-routing-key",
            Some(delivery.routing_key.as_str()),
        ),
    ];
    for (name, value) in kept {
        if let Some(text) = value {
            properties.set_header(name, HeaderValue::text(text));
        }
    }
}

fn explain(properties: &mut Properties, delivery: &Delivery, why: &Why<'_>) {
    properties.set_header("kontor-reason", HeaderValue::text(why.reason));
    properties.set_header("kontor-detail", HeaderValue::text(why.detail));
    properties.set_header("kontor-received-at", HeaderValue::text(why.received_at));
    if let Some(path) = why.path {
        properties.set_header("kontor-path", HeaderValue::text(path));
    }
    let numbers = [
        ("kontor-line", why.line),
        (
            "kontor-delivery-count",
            Some(delivery.delivery_count.unwrap_or(0)),
        ),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            properties.set_header(name, HeaderValue::I64(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Epoch;
    use super::*;

    fn delivery() -> Delivery {
        Delivery {
            epoch: Epoch(1),
            tag: 7,
            body: b"{\"key\":1}\nnot json\n".to_vec(),
            properties: Properties {
                content_type: Some("application/x-ndjson".to_owned()),
                message_id: Some("m-1".to_owned()),
                kind: Some("entry.post".to_owned()),
                user_id: Some("shop".to_owned()),
                reply_to: Some("kontor.replies.shop".to_owned()),
                correlation_id: Some("c-1".to_owned()),
                timestamp: Some(1_700_000_000),
                expiration: Some("60000".to_owned()),
                delivery_mode: Some(1),
                headers: vec![
                    (
                        "BCC".to_owned(),
                        HeaderValue::Array(vec![HeaderValue::text("spy")]),
                    ),
                    (
                        "CC".to_owned(),
                        HeaderValue::Array(vec![HeaderValue::text("all")]),
                    ),
                    ("kontor-reason".to_owned(), HeaderValue::text("FORGED")),
                    ("shop-ref".to_owned(), HeaderValue::I64(3)),
                    ("traceparent".to_owned(), HeaderValue::text("00-ab")),
                    ("x-delivery-count".to_owned(), HeaderValue::I64(2)),
                ],
                ..Properties::default()
            },
            exchange: "kontor.jobs".to_owned(),
            routing_key: "main".to_owned(),
            redelivered: true,
            delivery_count: Some(2),
        }
    }

    fn why() -> Why<'static> {
        Why {
            reason: "MESSAGE_MALFORMED",
            detail: "line 2 is not JSON",
            path: Some("/key"),
            line: Some(2),
            received_at: "2026-11-24T03:00:00Z",
        }
    }

    #[test]
    fn what_the_broker_would_act_on_travels_only_as_a_record() {
        let letter = dead_letter("kontor.dead", 9, &delivery(), Some(b"not json"), &why());
        let p = &letter.properties;
        assert_eq!(
            (&p.user_id, &p.reply_to, &p.expiration),
            (&None, &None, &None)
        );
        assert_eq!((p.header("CC"), p.header("BCC")), (None, None));
        assert_eq!(p.header_text("kontor-original-user-id"), Some("shop"));
        assert_eq!(
            p.header_text("kontor-original-reply-to"),
            Some("kontor.replies.shop")
        );
        assert_eq!(p.header_text("kontor-original-expiration"), Some("60000"));
        let all = HeaderValue::Array(vec![HeaderValue::text("all")]);
        assert_eq!(p.header("kontor-original-cc"), Some(&all));
        assert!(p.header("kontor-original-bcc").is_some());
        assert_eq!(p.header("x-delivery-count"), None);
    }

    #[test]
    fn the_rest_is_as_it_was_and_explained() {
        let letter = dead_letter("kontor.dead", 9, &delivery(), Some(b"not json"), &why());
        let p = &letter.properties;
        assert_eq!(letter.body, b"not json");
        assert!(letter.mandatory);
        assert_eq!((letter.exchange.as_str(), letter.token), ("kontor.dead", 9));
        assert_eq!(p.content_type.as_deref(), Some("application/x-ndjson"));
        assert_eq!(p.message_id.as_deref(), Some("m-1"));
        assert_eq!(p.kind.as_deref(), Some("entry.post"));
        assert_eq!(p.correlation_id.as_deref(), Some("c-1"));
        assert_eq!(
            (p.timestamp, p.delivery_mode),
            (Some(1_700_000_000), Some(2))
        );
        assert_eq!(p.traceparent(), Some("00-ab"));
        assert_eq!(p.header("shop-ref"), Some(&HeaderValue::I64(3)));
        assert_eq!(p.header_text("kontor-reason"), Some("MESSAGE_MALFORMED"));
        assert_eq!(p.header_text("kontor-detail"), Some("line 2 is not JSON"));
        assert_eq!(p.header_text("kontor-path"), Some("/key"));
        assert_eq!(p.header("kontor-line"), Some(&HeaderValue::I64(2)));
        assert_eq!(
            p.header("kontor-delivery-count"),
            Some(&HeaderValue::I64(2))
        );
        assert_eq!(
            p.header_text("kontor-received-at"),
            Some("2026-11-24T03:00:00Z")
        );
        assert_eq!(
            p.header_text("kontor-original-exchange"),
            Some("kontor.jobs")
        );
        assert_eq!(p.header_text("kontor-original-routing-key"), Some("main"));
    }

    #[test]
    fn the_identity_is_of_body_and_line_alone() {
        let first = dead_letter("kontor.dead", 1, &delivery(), Some(b"not json"), &why());
        let mut again = delivery();
        (again.epoch, again.tag, again.delivery_count) = (Epoch(5), 1, Some(9));
        let second = dead_letter("kontor.dead", 2, &again, Some(b"not json"), &why());
        assert_eq!(
            first.properties.header(DEAD_ID),
            second.properties.header(DEAD_ID)
        );
        assert_ne!(dead_id(b"not json", Some(2)), dead_id(b"not json", Some(3)));
        assert_ne!(dead_id(b"not json", Some(2)), dead_id(b"not jsom", Some(2)));
    }

    #[test]
    fn without_a_part_the_whole_body_is_kept() {
        let whole = Why {
            line: None,
            path: None,
            ..why()
        };
        let letter = dead_letter("kontor.dead", 1, &delivery(), None, &whole);
        assert_eq!(letter.body, delivery().body);
        assert_eq!(letter.properties.header("kontor-line"), None);
    }

    #[test]
    fn headers_too_big_for_a_frame_are_left_out_and_counted() {
        let mut big = delivery();
        big.properties
            .set_header("blob", HeaderValue::Text(vec![b'x'; 100_000]));
        let letter = dead_letter("kontor.dead", 1, &big, None, &why());
        assert!(table_wire_len(&letter.properties.headers) < 4096);
        let note = letter
            .properties
            .header_text("kontor-headers-omitted")
            .unwrap();
        assert!(note.starts_with("7 headers of "), "{note}");
        assert_eq!(
            letter.properties.header_text("kontor-reason"),
            Some("MESSAGE_MALFORMED")
        );
    }
}
