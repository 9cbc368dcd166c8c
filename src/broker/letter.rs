//! A letter as it lies in the dead-letter queue: why, since when, and where it came from.
//!
//! Three hands lay letters there, and each says so in its own way: kontor in headers of its own
//! ([`dead_letter`](super::dead_letter())), the broker in `x-death`, and an exchange that has no
//! queue for a message not at all. A producer can write any header, so what counts is decided by
//! what it cannot write: the exchange of the delivery, and the broker's own list in front.

use super::dead_letter::{DEAD_ID, dead_id};
use super::message::{Delivery, HeaderValue, Properties, Publish};

/// The reason of a message that no queue was bound for.
pub const UNROUTABLE: &str = "UNROUTABLE";
/// The reason of a message that says nothing of how it came there.
pub const UNKNOWN: &str = "UNKNOWN";

/// Whose letter it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    Ours,
    Broker,
    Unrouted,
    Unknown,
}

/// When a letter died, as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Died {
    /// RFC 3339.
    Text(String),
    /// Seconds since 1970.
    Seconds(u64),
}

/// A message out of the dead-letter queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// It as it was delivered.
    pub delivery: Delivery,
    hand: Hand,
}

impl Letter {
    /// Out of the queue behind an exchange of this name.
    pub fn of(delivery: Delivery, dead_exchange: &str) -> Self {
        let hand = if delivery.exchange != dead_exchange {
            Hand::Unrouted
        } else if death(&delivery.properties).is_some() {
            Hand::Broker
        } else if delivery.properties.header("kontor-reason").is_some() {
            Hand::Ours
        } else {
            Hand::Unknown
        };
        Self { delivery, hand }
    }

    /// Its identity: the same for copies of one letter.
    pub fn id(&self) -> String {
        let told = self.delivery.properties.header_text(DEAD_ID);
        match told.filter(|_| self.hand == Hand::Ours) {
            Some(id) => id.to_owned(),
            None => dead_id(&self.delivery.body, None),
        }
    }

    /// Why it is there: a code of ours, a word of the broker's, [`UNROUTABLE`] or [`UNKNOWN`].
    pub fn reason(&self) -> &str {
        let properties = &self.delivery.properties;
        let told = match self.hand {
            Hand::Ours => properties.header_text("kontor-reason"),
            Hand::Broker => death(properties).and_then(|death| text(death, "reason")),
            Hand::Unrouted => Some(UNROUTABLE),
            Hand::Unknown => None,
        };
        told.unwrap_or(UNKNOWN)
    }

    /// When it died; of a message without a queue only its own time is known.
    pub fn died(&self) -> Option<Died> {
        let properties = &self.delivery.properties;
        match self.hand {
            Hand::Ours => {
                let told = properties.header_text("kontor-received-at")?;
                Some(Died::Text(told.to_owned()))
            }
            Hand::Broker => {
                let time = field(death(properties)?, "time")?;
                let HeaderValue::Timestamp(seconds) = time else {
                    return None;
                };
                Some(Died::Seconds(*seconds))
            }
            Hand::Unrouted | Hand::Unknown => properties.timestamp.map(Died::Seconds),
        }
    }

    /// Exchange and routing key that it came from, if that is known.
    pub fn origin(&self) -> Option<(&str, &str)> {
        let properties = &self.delivery.properties;
        match self.hand {
            Hand::Ours => {
                let exchange = properties.header_text("kontor-original-exchange")?;
                let key = properties.header_text("kontor-original-routing-key")?;
                Some((exchange, key))
            }
            Hand::Broker => {
                let death = death(properties)?;
                let Some(HeaderValue::Array(keys)) = field(death, "routing-keys") else {
                    return None;
                };
                Some((text(death, "exchange")?, keys.first()?.as_text()?))
            }
            Hand::Unrouted => Some((&self.delivery.exchange, &self.delivery.routing_key)),
            Hand::Unknown => None,
        }
    }

    /// The original again, for where it came from; nothing if that is not known.
    ///
    /// `reply_to` is as it was. The user is not: the broker would close the channel on another
    /// one's, and nobody vouches for it any more. An expiry has passed, `CC` would send copies to
    /// others, and what kontor and the broker wrote down goes.
    pub fn again(&self, token: u64) -> Option<Publish> {
        let (exchange, routing_key) = self.origin()?;
        let died = &self.delivery.properties;
        let reply_to = match self.hand {
            Hand::Ours => died.header_text("kontor-original-reply-to"),
            Hand::Broker | Hand::Unrouted | Hand::Unknown => died.reply_to.as_deref(),
        };
        let headers = died.headers.iter();
        let headers = headers.filter(|(name, _)| !is_of_the_way(name));
        let properties = Properties {
            user_id: None,
            expiration: None,
            reply_to: reply_to.map(str::to_owned),
            delivery_mode: Some(2),
            headers: headers.cloned().collect(),
            ..died.clone()
        };
        Some(Publish {
            token,
            after_losses: None,
            exchange: exchange.to_owned(),
            routing_key: routing_key.to_owned(),
            mandatory: true,
            properties,
            body: self.delivery.body.clone(),
        })
    }
}

/// Written on the way here, or obeyed by the broker.
fn is_of_the_way(name: &str) -> bool {
    let copies = name.eq_ignore_ascii_case("CC") || name.eq_ignore_ascii_case("BCC");
    copies || name.starts_with("x-") || name.starts_with("kontor-")
}

/// The broker's note of the last time that it set the message aside.
fn death(properties: &Properties) -> Option<&[(String, HeaderValue)]> {
    let Some(HeaderValue::Array(deaths)) = properties.header("x-death") else {
        return None;
    };
    match deaths.first() {
        Some(HeaderValue::Table(death)) => Some(death),
        Some(_) | None => None,
    }
}

fn field<'a>(table: &'a [(String, HeaderValue)], name: &str) -> Option<&'a HeaderValue> {
    let found = table.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value)
}

fn text<'a>(table: &'a [(String, HeaderValue)], name: &str) -> Option<&'a str> {
    field(table, name).and_then(HeaderValue::as_text)
}

#[cfg(test)]
mod tests {
    use super::super::dead_letter::{Why, dead_letter};
    use super::super::message::Epoch;
    use super::*;

    const DEAD: &str = "kontor.dead";

    fn delivery(exchange: &str, properties: Properties) -> Delivery {
        Delivery {
            epoch: Epoch(0),
            tag: 1,
            body: b"{\"key\":1}".to_vec(),
            properties,
            exchange: exchange.to_owned(),
            routing_key: "main".to_owned(),
            redelivered: false,
            delivery_count: None,
        }
    }

    fn original() -> Properties {
        Properties {
            content_type: Some("application/json".to_owned()),
            message_id: Some("m-1".to_owned()),
            kind: Some("entry.post".to_owned()),
            user_id: Some("shop".to_owned()),
            reply_to: Some("kontor.replies.shop".to_owned()),
            expiration: Some("60000".to_owned()),
            timestamp: Some(1_700_000_000),
            headers: vec![
                ("CC".to_owned(), HeaderValue::Array(Vec::new())),
                ("shop-ref".to_owned(), HeaderValue::I64(3)),
                ("traceparent".to_owned(), HeaderValue::text("00-ab")),
            ],
            ..Properties::default()
        }
    }

    fn ours() -> Letter {
        let why = Why {
            reason: "MESSAGE_MALFORMED",
            detail: "not JSON",
            path: None,
            line: None,
            received_at: "2026-11-24T03:00:00Z",
        };
        let letter = dead_letter(DEAD, 0, &delivery("kontor.jobs", original()), None, &why);
        Letter::of(delivery(DEAD, letter.properties), DEAD)
    }

    fn of_the_broker() -> Letter {
        let death = vec![
            ("reason".to_owned(), HeaderValue::text("delivery_limit")),
            ("exchange".to_owned(), HeaderValue::text("kontor.jobs")),
            (
                "routing-keys".to_owned(),
                HeaderValue::Array(vec![HeaderValue::text("main")]),
            ),
            ("time".to_owned(), HeaderValue::Timestamp(1_700_000_100)),
        ];
        let mut properties = original();
        let deaths = HeaderValue::Array(vec![HeaderValue::Table(death)]);
        properties.set_header("x-death", deaths);
        Letter::of(delivery(DEAD, properties), DEAD)
    }

    #[test]
    fn every_hand_is_known_by_its_own_marks() {
        let letter = ours();
        assert_eq!(letter.reason(), "MESSAGE_MALFORMED");
        assert_eq!(letter.origin(), Some(("kontor.jobs", "main")));
        let told = Died::Text("2026-11-24T03:00:00Z".to_owned());
        assert_eq!(letter.died(), Some(told));
        let letter = of_the_broker();
        assert_eq!(letter.reason(), "delivery_limit");
        assert_eq!(letter.origin(), Some(("kontor.jobs", "main")));
        assert_eq!(letter.died(), Some(Died::Seconds(1_700_000_100)));
        let letter = Letter::of(delivery("kontor.jobs", original()), DEAD);
        assert_eq!(letter.reason(), UNROUTABLE);
        assert_eq!(letter.origin(), Some(("kontor.jobs", "main")));
        assert_eq!(letter.died(), Some(Died::Seconds(1_700_000_000)));
        let letter = Letter::of(delivery(DEAD, original()), DEAD);
        assert_eq!((letter.reason(), letter.origin()), (UNKNOWN, None));
        assert_eq!(letter.again(1), None);
    }

    #[test]
    fn a_producer_cannot_choose_where_its_letter_goes() {
        let forged = original()
            .with_text("kontor-reason", "MESSAGE_MALFORMED")
            .with_text("kontor-original-exchange", "kontor.outcomes")
            .with_text("kontor-original-routing-key", "main.entry.post.posted")
            .with_text(DEAD_ID, "chosen");
        let unrouted = Letter::of(delivery("kontor.jobs", forged.clone()), DEAD);
        assert_eq!(unrouted.origin(), Some(("kontor.jobs", "main")));
        assert_ne!(unrouted.id(), "chosen");
        let mut limited = of_the_broker();
        limited.delivery.properties.headers.extend(forged.headers);
        assert_eq!(limited.origin(), Some(("kontor.jobs", "main")));
        assert_ne!(limited.id(), "chosen");
    }

    #[test]
    fn the_original_goes_again_without_what_was_written_on_the_way() {
        for letter in [ours(), of_the_broker()] {
            let again = letter.again(7).unwrap();
            assert_eq!((again.token, again.mandatory), (7, true));
            assert_eq!(again.exchange, "kontor.jobs");
            assert_eq!(again.routing_key, "main");
            assert_eq!(again.body, letter.delivery.body);
            let p = again.properties;
            assert_eq!((&p.user_id, &p.expiration), (&None, &None));
            assert_eq!(p.reply_to.as_deref(), Some("kontor.replies.shop"));
            assert_eq!(p.message_id.as_deref(), Some("m-1"));
            assert_eq!(p.kind.as_deref(), Some("entry.post"));
            assert_eq!(p.timestamp, Some(1_700_000_000));
            let names = p.headers.iter().map(|(name, _)| name.as_str());
            assert_eq!(names.collect::<Vec<_>>(), ["shop-ref", "traceparent"]);
        }
    }
}
