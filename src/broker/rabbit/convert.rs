//! Between the client library's types and ours.
//!
//! Incoming, everything has a place. Outgoing, the protocol has bounds (255 bytes for a name or
//! a short property, one frame for all properties) and breaking them costs the connection, so
//! they are checked before anything is written.

use lapin::BasicProperties;
use lapin::message::Delivery as AmqpDelivery;
use lapin::types::{AMQPValue, ByteArray, DecimalValue, FieldArray, FieldTable, ShortString};

use super::super::message::{Delivery, Epoch, HeaderValue, Properties, table_wire_len};
use super::super::topology::Argument;
use super::connection::short;

/// All properties of a message travel in one frame of 131,072 bytes at most. What is left of it
/// is enough for every short property at its longest.
const HEADERS_BYTES_MAX: usize = 120_000;

/// The message cannot be expressed in AMQP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

pub(super) fn delivery(epoch: Epoch, from: AmqpDelivery) -> Delivery {
    let properties = properties(&from.properties);
    let delivery_count = properties
        .header("x-delivery-count")
        .and_then(HeaderValue::as_count);
    Delivery {
        epoch,
        tag: from.delivery_tag,
        body: from.data,
        properties,
        exchange: from.exchange.into(),
        routing_key: from.routing_key.into(),
        redelivered: from.redelivered,
        delivery_count,
    }
}

pub(super) fn properties(from: &BasicProperties) -> Properties {
    Properties {
        content_type: text(from.content_type().as_ref()),
        content_encoding: text(from.content_encoding().as_ref()),
        message_id: text(from.message_id().as_ref()),
        kind: text(from.kind().as_ref()),
        user_id: text(from.user_id().as_ref()),
        reply_to: text(from.reply_to().as_ref()),
        correlation_id: text(from.correlation_id().as_ref()),
        timestamp: *from.timestamp(),
        expiration: text(from.expiration().as_ref()),
        app_id: text(from.app_id().as_ref()),
        delivery_mode: *from.delivery_mode(),
        priority: *from.priority(),
        headers: from.headers().as_ref().map(table).unwrap_or_default(),
    }
}

fn text(from: Option<&ShortString>) -> Option<String> {
    from.map(|text| text.as_str().to_owned())
}

fn table(from: &FieldTable) -> Vec<(String, HeaderValue)> {
    from.into_iter()
        .map(|(name, field)| (name.as_str().to_owned(), value(field)))
        .collect()
}

fn value(from: &AMQPValue) -> HeaderValue {
    match from {
        AMQPValue::Boolean(b) => HeaderValue::Bool(*b),
        AMQPValue::ShortShortInt(n) => HeaderValue::I8(*n),
        AMQPValue::ShortShortUInt(n) => HeaderValue::U8(*n),
        AMQPValue::ShortInt(n) => HeaderValue::I16(*n),
        AMQPValue::ShortUInt(n) => HeaderValue::U16(*n),
        AMQPValue::LongInt(n) => HeaderValue::I32(*n),
        AMQPValue::LongUInt(n) => HeaderValue::U32(*n),
        AMQPValue::LongLongInt(n) => HeaderValue::I64(*n),
        AMQPValue::Float(n) => HeaderValue::F32(*n),
        AMQPValue::Double(n) => HeaderValue::F64(*n),
        AMQPValue::DecimalValue(n) => HeaderValue::Decimal {
            scale: n.scale,
            value: n.value,
        },
        AMQPValue::ShortString(s) => HeaderValue::ShortText(s.as_str().to_owned()),
        AMQPValue::LongString(s) => HeaderValue::Text(s.as_bytes().to_vec()),
        AMQPValue::FieldArray(a) => HeaderValue::Array(a.as_slice().iter().map(value).collect()),
        AMQPValue::Timestamp(t) => HeaderValue::Timestamp(*t),
        AMQPValue::FieldTable(t) => HeaderValue::Table(table(t)),
        AMQPValue::ByteArray(b) => HeaderValue::Bytes(b.as_slice().to_vec()),
        AMQPValue::Void => HeaderValue::Void,
    }
}

pub(super) fn short_text(text: String) -> Result<ShortString, TooLong> {
    ShortString::try_new(text).map_err(|_too_long| TooLong)
}

/// A property of the client library that holds text.
type SetText = fn(BasicProperties, ShortString) -> BasicProperties;

pub(super) fn amqp_properties(from: Properties) -> Result<BasicProperties, TooLong> {
    if table_wire_len(&from.headers) > HEADERS_BYTES_MAX {
        return Err(TooLong);
    }
    let mut to = BasicProperties::default();
    let texts: [(Option<String>, SetText); 9] = [
        (from.content_type, BasicProperties::with_content_type),
        (
            from.content_encoding,
            BasicProperties::with_content_encoding,
        ),
        (from.message_id, BasicProperties::with_message_id),
        (from.kind, BasicProperties::with_type),
        (from.user_id, BasicProperties::with_user_id),
        (from.reply_to, BasicProperties::with_reply_to),
        (from.correlation_id, BasicProperties::with_correlation_id),
        (from.expiration, BasicProperties::with_expiration),
        (from.app_id, BasicProperties::with_app_id),
    ];
    for (text, set) in texts {
        if let Some(text) = text {
            to = set(to, short_text(text)?);
        }
    }
    if let Some(timestamp) = from.timestamp {
        to = to.with_timestamp(timestamp);
    }
    if let Some(mode) = from.delivery_mode {
        to = to.with_delivery_mode(mode);
    }
    if let Some(priority) = from.priority {
        to = to.with_priority(priority);
    }
    if !from.headers.is_empty() {
        to = to.with_headers(amqp_table(from.headers)?);
    }
    Ok(to)
}

fn amqp_table(from: Vec<(String, HeaderValue)>) -> Result<FieldTable, TooLong> {
    let mut to = FieldTable::default();
    for (name, field) in from {
        to.insert(short_text(name)?, amqp_value(field)?);
    }
    Ok(to)
}

fn amqp_value(from: HeaderValue) -> Result<AMQPValue, TooLong> {
    Ok(match from {
        HeaderValue::Bool(b) => AMQPValue::Boolean(b),
        HeaderValue::I8(n) => AMQPValue::ShortShortInt(n),
        HeaderValue::U8(n) => AMQPValue::ShortShortUInt(n),
        HeaderValue::I16(n) => AMQPValue::ShortInt(n),
        HeaderValue::U16(n) => AMQPValue::ShortUInt(n),
        HeaderValue::I32(n) => AMQPValue::LongInt(n),
        HeaderValue::U32(n) => AMQPValue::LongUInt(n),
        HeaderValue::I64(n) => AMQPValue::LongLongInt(n),
        HeaderValue::F32(n) => AMQPValue::Float(n),
        HeaderValue::F64(n) => AMQPValue::Double(n),
        HeaderValue::Decimal { scale, value } => {
            AMQPValue::DecimalValue(DecimalValue { scale, value })
        }
        HeaderValue::Text(bytes) => AMQPValue::LongString(bytes.into()),
        HeaderValue::ShortText(text) => AMQPValue::ShortString(short_text(text)?),
        HeaderValue::Bytes(bytes) => AMQPValue::ByteArray(ByteArray::from(bytes)),
        HeaderValue::Timestamp(t) => AMQPValue::Timestamp(t),
        HeaderValue::Array(values) => {
            let values: Result<Vec<_>, _> = values.into_iter().map(amqp_value).collect();
            AMQPValue::FieldArray(FieldArray::from(values?))
        }
        HeaderValue::Table(fields) => AMQPValue::FieldTable(amqp_table(fields)?),
        HeaderValue::Void => AMQPValue::Void,
    })
}

/// Arguments of our own topology, whose names are short.
pub(super) fn amqp_arguments(from: &[(String, Argument)]) -> FieldTable {
    let mut to = FieldTable::default();
    for (name, argument) in from {
        let value = match argument {
            Argument::Text(text) => AMQPValue::LongString(text.as_str().into()),
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
            Argument::Flag(flag) => AMQPValue::Boolean(*flag),
        };
        to.insert(short(name), value);
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_value() -> Vec<(String, HeaderValue)> {
        let inner = vec![("inner".to_owned(), HeaderValue::I8(-8))];
        let values = [
            HeaderValue::Bool(true),
            HeaderValue::I8(-1),
            HeaderValue::U8(1),
            HeaderValue::I16(-2),
            HeaderValue::U16(2),
            HeaderValue::I32(-3),
            HeaderValue::U32(3),
            HeaderValue::I64(-4),
            HeaderValue::F32(1.5),
            HeaderValue::F64(-2.5),
            HeaderValue::Decimal {
                scale: 2,
                value: 12345,
            },
            HeaderValue::Text(vec![0, 0xff]),
            HeaderValue::ShortText("old".to_owned()),
            HeaderValue::Bytes(vec![1, 2]),
            HeaderValue::Timestamp(1_700_000_000),
            HeaderValue::Array(vec![HeaderValue::Void, HeaderValue::text("x")]),
            HeaderValue::Table(inner),
            HeaderValue::Void,
        ];
        values
            .into_iter()
            .enumerate()
            .map(|(i, v)| (format!("h{i:02}"), v))
            .collect()
    }

    #[test]
    fn every_property_and_header_survives_the_way_there_and_back() {
        let text = |s: &str| Some(s.to_owned());
        let ours = Properties {
            content_type: text("a"),
            content_encoding: text("b"),
            message_id: text("c"),
            kind: text("d"),
            user_id: text("e"),
            reply_to: text("f"),
            correlation_id: text("g"),
            timestamp: Some(7),
            expiration: text("h"),
            app_id: text("i"),
            delivery_mode: Some(2),
            priority: Some(3),
            headers: every_value(),
        };
        assert_eq!(properties(&amqp_properties(ours.clone()).unwrap()), ours);
    }

    #[test]
    fn what_the_protocol_cannot_carry_is_refused_here() {
        let long = || Some("x".repeat(256));
        let properties = Properties {
            correlation_id: long(),
            ..Properties::default()
        };
        assert_eq!(amqp_properties(properties), Err(TooLong));
        let mut properties = Properties::default();
        properties.set_header("big", HeaderValue::Bytes(vec![0; HEADERS_BYTES_MAX]));
        assert_eq!(amqp_properties(properties), Err(TooLong));
    }
}
