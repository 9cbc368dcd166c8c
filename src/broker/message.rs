//! Messages as the pipeline sees them: plain data, free of any client library.
//!
//! Every AMQP table value has a place in [`HeaderValue`], because a dead letter carries the
//! headers of its original whatever a producer put there.

/// The life of one consuming channel.
///
/// Delivery tags start again with every channel, so a tag means nothing without the epoch it
/// belongs to. Epochs are unique within the process and only grow.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// One message as the broker delivered it.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_field_names, reason = "the broker's own word")]
pub struct Delivery {
    /// The channel life the tag belongs to.
    pub epoch: Epoch,
    /// The place on the channel, counted 1, 2, 3 … without a gap.
    pub tag: u64,
    /// What the producer sent, untouched.
    pub body: Vec<u8>,
    /// Properties and headers.
    pub properties: Properties,
    /// The exchange it was published to; empty for the default exchange.
    pub exchange: String,
    /// The routing key it was published with.
    pub routing_key: String,
    /// True if the broker has delivered it before. A hint for metrics, never for a decision.
    pub redelivered: bool,
    /// How often a quorum queue has taken it back; absent on the first delivery.
    pub delivery_count: Option<u64>,
}

/// The basic properties of a message and its headers, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties {
    /// MIME type of the body.
    pub content_type: Option<String>,
    /// Encoding of the body, such as `gzip`.
    pub content_encoding: Option<String>,
    /// The sender's name for the message.
    pub message_id: Option<String>,
    /// The AMQP property `type`.
    pub kind: Option<String>,
    /// The user as the broker checked it against the connection.
    pub user_id: Option<String>,
    /// Where an answer is wanted.
    pub reply_to: Option<String>,
    /// What an answer is to be matched with.
    pub correlation_id: Option<String>,
    /// Seconds since 1970, as the sender set it.
    pub timestamp: Option<u64>,
    /// Life time in milliseconds, as text. The broker obeys it, so it is never copied.
    pub expiration: Option<String>,
    /// The sending application.
    pub app_id: Option<String>,
    /// 2 is persistent.
    pub delivery_mode: Option<u8>,
    /// Priority in the queue.
    pub priority: Option<u8>,
    /// Headers by name.
    pub headers: Vec<(String, HeaderValue)>,
}

/// Any value an AMQP header can hold.
#[derive(Debug, Clone, PartialEq)]
pub enum HeaderValue {
    /// True or false.
    Bool(bool),
    /// Signed, 8 bits.
    I8(i8),
    /// Unsigned, 8 bits.
    U8(u8),
    /// Signed, 16 bits.
    I16(i16),
    /// Unsigned, 16 bits.
    U16(u16),
    /// Signed, 32 bits.
    I32(i32),
    /// Unsigned, 32 bits.
    U32(u32),
    /// Signed, 64 bits.
    I64(i64),
    /// Floating point, 32 bits; carried, never computed with.
    F32(f32),
    /// Floating point, 64 bits; carried, never computed with.
    F64(f64),
    /// The AMQP decimal: `value` divided by ten to the `scale`.
    Decimal {
        /// Digits behind the point.
        scale: u8,
        /// The digits.
        value: u32,
    },
    /// A long string: usually text, but the protocol allows any bytes.
    Text(Vec<u8>),
    /// A string of up to 255 bytes, from old clients.
    ShortText(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Seconds since 1970.
    Timestamp(u64),
    /// A list.
    Array(Vec<HeaderValue>),
    /// A table in a table.
    Table(Vec<(String, HeaderValue)>),
    /// Nothing.
    Void,
}

/// A message to be sent, with the number its confirm is reported under.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Publish {
    /// Chosen by the sender, given back in [`Confirmed`].
    pub token: u64,
    /// How many [`ConfirmResult::Lost`] the sender has read of this lane. If more were lost by
    /// the time it is to be sent, it comes back as [`ConfirmResult::Unsent`], so that it cannot
    /// overtake them. None for a message that may go in any order.
    pub after_losses: Option<u64>,
    /// The exchange; empty for the default exchange.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// True if the broker must return the message when no queue takes it.
    pub mandatory: bool,
    /// Properties and headers.
    pub properties: Properties,
    /// The bytes.
    pub body: Vec<u8>,
}

/// What became of one [`Publish`]. Reported in the order of publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// The token of the message.
    pub token: u64,
    /// What the broker said, or did not say any more.
    pub result: ConfirmResult,
}

/// The broker's answer to a published message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfirmResult {
    /// The broker has it, durably if message and queue are durable.
    Acked,
    /// The broker refused responsibility, for instance because the queue is full.
    Nacked,
    /// No queue was bound for it. Only a mandatory message is returned.
    Returned,
    /// The connection ended before an answer: it may or may not have arrived.
    Lost,
    /// It was not sent, because earlier ones were lost that its sender did not know of, or because
    /// the lane ended: it has not arrived.
    Unsent,
    /// It can never be sent: a property is longer than the protocol allows. Sending it again is
    /// of no use.
    Unsendable,
}

impl Publish {
    /// Whether its sender did not know yet that so many were lost.
    pub fn is_ignorant_of(&self, lost: u64) -> bool {
        self.after_losses.is_some_and(|known| known < lost)
    }
}

impl Properties {
    /// The value of a header, if it is there.
    pub fn header(&self, name: &str) -> Option<&HeaderValue> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value)
    }

    /// A header that is text in UTF-8.
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(HeaderValue::as_text)
    }

    /// The W3C trace context of the sender.
    pub fn traceparent(&self) -> Option<&str> {
        self.header_text("traceparent")
    }

    /// Set a header, replacing one of the same name.
    pub fn set_header(&mut self, name: &str, value: HeaderValue) {
        if let Some((_, old)) = self.headers.iter_mut().find(|(n, _)| n == name) {
            *old = value;
        } else {
            self.headers.push((name.to_owned(), value));
        }
    }

    /// [`Self::set_header`] with text, for building a message in one expression.
    #[must_use]
    pub fn with_text(mut self, name: &str, text: &str) -> Self {
        self.set_header(name, HeaderValue::text(text));
        self
    }
}

impl HeaderValue {
    /// Text as AMQP clients expect it, a long string.
    pub fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    /// The text, if the value is text in UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(bytes) = self {
            std::str::from_utf8(bytes).ok()
        } else if let Self::ShortText(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The number, if the value is a whole one and not negative.
    pub fn as_count(&self) -> Option<u64> {
        match *self {
            Self::I8(n) => u64::try_from(n).ok(),
            Self::U8(n) => Some(n.into()),
            Self::I16(n) => u64::try_from(n).ok(),
            Self::U16(n) => Some(n.into()),
            Self::I32(n) => u64::try_from(n).ok(),
            Self::U32(n) => Some(n.into()),
            Self::I64(n) => u64::try_from(n).ok(),
            Self::Bool(_)
            | Self::F32(_)
            | Self::F64(_)
            | Self::Decimal { .. }
            | Self::Text(_)
            | Self::ShortText(_)
            | Self::Bytes(_)
            | Self::Timestamp(_)
            | Self::Array(_)
            | Self::Table(_)
            | Self::Void => None,
        }
    }

    /// Bytes the value takes on the wire, its type mark included.
    pub fn wire_len(&self) -> usize {
        let payload = match self {
            Self::Void => 0,
            Self::Bool(_) | Self::I8(_) | Self::U8(_) => 1,
            Self::I16(_) | Self::U16(_) => 2,
            Self::I32(_) | Self::U32(_) | Self::F32(_) => 4,
            Self::Decimal { .. } => 5,
            Self::I64(_) | Self::F64(_) | Self::Timestamp(_) => 8,
            Self::ShortText(text) => text.len().saturating_add(1),
            Self::Text(bytes) | Self::Bytes(bytes) => bytes.len().saturating_add(4),
            Self::Array(values) => values.iter().map(Self::wire_len).sum::<usize>() + 4,
            Self::Table(fields) => table_wire_len(fields),
        };
        payload.saturating_add(1)
    }
}

/// Bytes a header table takes on the wire.
pub fn table_wire_len(fields: &[(String, HeaderValue)]) -> usize {
    fields
        .iter()
        .map(|(name, value)| name.len() + 1 + value.wire_len())
        .sum::<usize>()
        + 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_replaced_and_not_doubled() {
        let mut properties = Properties::default().with_text("traceparent", "00-aa");
        properties.set_header("traceparent", HeaderValue::text("00-bb"));
        assert_eq!(properties.traceparent(), Some("00-bb"));
        assert_eq!(properties.headers.len(), 1);
    }

    #[test]
    fn text_that_is_not_utf8_is_kept_but_not_read() {
        let value = HeaderValue::Text(vec![0xff, 0xfe]);
        assert_eq!(value.as_text(), None);
        assert_eq!(value.wire_len(), 7);
    }

    #[test]
    fn counts_are_never_negative() {
        assert_eq!(HeaderValue::I64(-1).as_count(), None);
        assert_eq!(HeaderValue::I64(3).as_count(), Some(3));
        assert_eq!(HeaderValue::Timestamp(3).as_count(), None);
    }
}
