//! Many jobs in one binary message: `application/vnd.kontor.jobs.v1+bincode`.
//!
//! ```text
//! message  offset 0  magic             8 bytes  "kontorj" 0x00
//!                 8  version           u16      1
//!                10  reserved          u16      0
//!                12  number of items   u32      1 ..= JOBS_MAX
//!                16  items, one after the other, to the end of the message
//!
//! item     offset 0  kind              u16      the kind's code in the catalogue
//!                 2  schema version    u16      of the data
//!                 4  length of body    u32      in bytes
//!                 8  body              envelope, then the kind's data to the end
//! ```
//!
//! Numbers are little endian; envelope and data are written as `wire/binary` does. The frames are
//! walked before any item is handed out: a container that does not add up is one fault, and none
//! of its jobs happens. An item whose body cannot be read falls alone.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::binary::{self, BinaryFault};

/// The content type of such a message.
pub const CONTENT_TYPE: &str = "application/vnd.kontor.jobs.v1+bincode";

/// Most jobs in one message, of this form and of lines of JSON: a message is acknowledged as a
/// whole, so this bounds what one crash makes us look at again.
pub const JOBS_MAX: u32 = 10_000;

/// Last byte zero: no text begins like this.
const MAGIC: [u8; 8] = *b"kontorj\0";

const VERSION: u16 = 1;

/// Bytes of the message before its first item.
pub(super) const HEAD_BYTES: usize = 16;

/// Bytes of an item before its body.
const ITEM_HEAD_BYTES: usize = 8;

#[derive(Serialize, Deserialize)]
struct Head {
    magic: [u8; 8],
    version: u16,
    reserved: u16,
    items: u32,
}

#[derive(Serialize, Deserialize)]
struct ItemHead {
    kind: u16,
    schema_version: u16,
    length: u32,
}

/// What a job says about itself, whatever its kind. The same members as in JSON; kind and schema
/// version stand in front of the body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinaryEnvelope<'a> {
    /// The job's key.
    #[serde(borrow)]
    pub key: Cow<'a, str>,
    /// The book, if not that of the routing key.
    pub book: Option<String>,
    /// When it happened, as in JSON.
    pub occurred_at: Option<String>,
    /// When it is no longer wanted, as in JSON.
    pub expires_at: Option<String>,
    /// Who asks for it.
    pub actor: Option<String>,
}

/// Why a message is no container. None of its jobs was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContainerFault {
    /// Too short for a head, or another magic.
    #[error("not a message of binary jobs; check content_type against the body")]
    NotAContainer,
    /// A version that this release does not know.
    #[error("version {found} of the binary message is not known here, only {VERSION}")]
    UnknownVersion {
        /// The one it claims.
        found: u16,
    },
    /// Bytes in use that this version keeps at zero.
    #[error("the reserved bytes of the message's head are not zero")]
    Reserved,
    /// No job at all.
    #[error("the message holds no job")]
    Empty,
    /// Above [`JOBS_MAX`].
    #[error("{found} jobs in one message, at most {JOBS_MAX} are taken; split it")]
    TooManyItems {
        /// As many as it claims.
        found: u32,
    },
    /// An item reaches beyond the end.
    #[error("the message ends inside item {index}")]
    EndsTooSoon {
        /// Which, counted from zero.
        index: u32,
    },
    /// Bytes behind the last item.
    #[error("{bytes} bytes behind the last item")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

/// A message whose frames add up.
#[derive(Debug, Clone, Copy)]
pub struct Container<'a> {
    items: &'a [u8],
    count: u32,
}

impl<'a> Container<'a> {
    /// Check the frames of a message.
    pub fn open(message: &'a [u8]) -> Result<Self, ContainerFault> {
        let (head, items) = binary::decode_first::<Head>(message)
            .ok()
            .filter(|(head, _)| head.magic == MAGIC)
            .ok_or(ContainerFault::NotAContainer)?;
        if head.version != VERSION {
            return Err(ContainerFault::UnknownVersion {
                found: head.version,
            });
        }
        if head.reserved != 0 {
            return Err(ContainerFault::Reserved);
        }
        match head.items {
            0 => return Err(ContainerFault::Empty),
            found if found > JOBS_MAX => return Err(ContainerFault::TooManyItems { found }),
            _ => {}
        }
        let mut rest = items;
        for index in 0..head.items {
            let (_, after) = item(index, rest).ok_or(ContainerFault::EndsTooSoon { index })?;
            rest = after;
        }
        if rest.is_empty() {
            Ok(Self {
                items,
                count: head.items,
            })
        } else {
            Err(ContainerFault::Trailing { bytes: rest.len() })
        }
    }

    /// How many jobs there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The jobs in order.
    pub fn items(&self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let mut rest = self.items;
        (0..self.count).map_while(move |index| {
            let (item, after) = item(index, rest)?;
            rest = after;
            Some(item)
        })
    }
}

/// Split the first item off.
fn item(index: u32, bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (head, rest) = binary::decode_first::<ItemHead>(bytes).ok()?;
    let length = usize::try_from(head.length).ok()?;
    let (body, after) = rest.split_at_checked(length)?;
    let raw = bytes.get(..ITEM_HEAD_BYTES.checked_add(length)?)?;
    let ItemHead {
        kind,
        schema_version,
        ..
    } = head;
    Some((
        Item {
            index,
            kind,
            schema_version,
            body,
            raw,
        },
        after,
    ))
}

/// One job in its frame, not yet read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its place in the message, counted from zero.
    pub index: u32,
    /// The kind's code.
    pub kind: u16,
    /// The schema version of its data.
    pub schema_version: u16,
    /// Envelope and data.
    pub body: &'a [u8],
    /// The item with its head, as it was sent.
    pub raw: &'a [u8],
}

impl<'a> Item<'a> {
    /// The envelope, and the bytes of the data, which may then be bad by themselves.
    pub fn open(&self) -> Result<(BinaryEnvelope<'a>, &'a [u8]), BinaryFault> {
        binary::decode_first(self.body)
    }

    /// This item as a message of its own, so that it can be set aside and sent again alone.
    pub fn alone(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEAD_BYTES + self.raw.len());
        message.extend_from_slice(&head(1));
        message.extend_from_slice(self.raw);
        message
    }
}

/// The head of a message of so many items.
pub(super) fn head(items: u32) -> [u8; HEAD_BYTES] {
    let [v0, v1] = VERSION.to_le_bytes();
    let [n0, n1, n2, n3] = items.to_le_bytes();
    let [m0, m1, m2, m3, m4, m5, m6, m7] = MAGIC;
    [m0, m1, m2, m3, m4, m5, m6, m7, v0, v1, 0, 0, n0, n1, n2, n3]
}

/// Append an item. After a fault nothing was appended.
pub(super) fn append<T: Serialize + ?Sized>(
    kind: u16,
    schema_version: u16,
    envelope: &BinaryEnvelope<'_>,
    data: &T,
    out: &mut Vec<u8>,
) -> Result<(), BinaryFault> {
    let mut body = Vec::with_capacity(256);
    binary::encode(envelope, &mut body)?;
    binary::encode(data, &mut body)?;
    let too_long = |_| BinaryFault::Type("a body above 4 GiB".to_owned());
    let length = u32::try_from(body.len()).map_err(too_long)?;
    binary::encode(
        &ItemHead {
            kind,
            schema_version,
            length,
        },
        out,
    )?;
    out.extend_from_slice(&body);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client::JobsMessage;
    use proptest::prelude::*;

    fn envelope(key: &str) -> BinaryEnvelope<'_> {
        BinaryEnvelope {
            key: key.into(),
            book: Some("main".into()),
            ..BinaryEnvelope::default()
        }
    }

    fn message() -> Vec<u8> {
        let mut message = JobsMessage::new();
        message.push(101, 1, &envelope("k-1"), "first").unwrap();
        message.push(102, 2, &envelope("k-2"), &7_u32).unwrap();
        message.finish()
    }

    /// The drawing, spelt out once. These bytes are a promise to every producer.
    #[test]
    fn golden_bytes() {
        let mut expected = b"kontorj\0\x01\0\0\0\x02\0\0\0".to_vec();
        expected.extend(b"\x65\0\x01\0\x28\0\0\0");
        expected.extend(b"\x03\0\0\0\0\0\0\0k-1\x01\x04\0\0\0\0\0\0\0main\0\0\0");
        expected.extend(b"\x05\0\0\0\0\0\0\0first");
        expected.extend(b"\x66\0\x02\0\x1f\0\0\0");
        expected.extend(b"\x03\0\0\0\0\0\0\0k-2\x01\x04\0\0\0\0\0\0\0main\0\0\0");
        expected.extend(b"\x07\0\0\0");
        assert_eq!(message(), expected);
    }

    #[test]
    fn items_come_out_as_they_went_in() {
        let message = message();
        let container = Container::open(&message).unwrap();
        assert_eq!(container.count(), 2);
        let items: Vec<_> = container.items().collect();
        assert_eq!(
            (items[1].index, items[1].kind, items[1].schema_version),
            (1, 102, 2)
        );
        let (first, data) = items[0].open().unwrap();
        assert_eq!(first, envelope("k-1"));
        assert!(matches!(first.key, Cow::Borrowed("k-1")));
        assert_eq!(binary::decode::<&str>(data), Ok("first"));
        let (_, data) = items[1].open().unwrap();
        assert_eq!(binary::decode::<u32>(data), Ok(7));
    }

    #[test]
    fn a_bad_item_falls_alone() {
        let mut message = message();
        // The length of the first key: its envelope is beyond reading, the frames are not.
        message[HEAD_BYTES + ITEM_HEAD_BYTES] = 0xff;
        let container = Container::open(&message).unwrap();
        let items: Vec<_> = container.items().collect();
        assert!(items[0].open().is_err());
        assert_eq!(items[1].open().unwrap().0, envelope("k-2"));
        let alone = items[1].alone();
        let container = Container::open(&alone).unwrap();
        let again: Vec<_> = container.items().collect();
        assert_eq!(
            (again.len(), again[0].raw, again[0].kind),
            (1, items[1].raw, 102)
        );
    }

    #[test]
    fn a_broken_container_is_one_fault() {
        let good = message();
        let open = |message: &[u8]| Container::open(message).map(|it| it.count());
        let with = |place: usize, byte: u8| {
            let mut message = good.clone();
            message[place] = byte;
            open(&message)
        };
        assert_eq!(open(b""), Err(ContainerFault::NotAContainer));
        assert_eq!(
            open(b"{\"key\":\"x\"}........"),
            Err(ContainerFault::NotAContainer)
        );
        assert_eq!(with(8, 2), Err(ContainerFault::UnknownVersion { found: 2 }));
        assert_eq!(with(10, 1), Err(ContainerFault::Reserved));
        assert_eq!(with(12, 0), Err(ContainerFault::Empty));
        assert_eq!(with(12, 1), Err(ContainerFault::Trailing { bytes: 39 }));
        assert_eq!(with(12, 3), Err(ContainerFault::EndsTooSoon { index: 2 }));
        assert_eq!(
            with(14, 1),
            Err(ContainerFault::TooManyItems { found: 65_538 })
        );
        assert_eq!(
            with(23, 0xff),
            Err(ContainerFault::EndsTooSoon { index: 0 })
        );
        for length in HEAD_BYTES..good.len() {
            assert!(matches!(
                open(&good[..length]),
                Err(ContainerFault::EndsTooSoon { .. })
            ));
        }
        let longer = [good.as_slice(), b"x"].concat();
        assert_eq!(open(&longer), Err(ContainerFault::Trailing { bytes: 1 }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            tail in prop::collection::vec(any::<u8>(), 0..80),
            count in 0_u32..4,
        ) {
            let bytes = [head(count).as_slice(), &tail].concat();
            if let Ok(container) = Container::open(&bytes) {
                prop_assert_eq!(container.items().count(), usize::try_from(count).unwrap());
                for item in container.items() {
                    prop_assert!(item.alone().ends_with(item.raw));
                }
            }
        }
    }
}
