//! For producers written in Rust: many jobs in one binary message.
//!
//! ```
//! use kontor::wire::client::{BinaryEnvelope, CONTENT_TYPE, JobsMessage};
//!
//! let mut message = JobsMessage::new();
//! let envelope = BinaryEnvelope { key: "pay-1".into(), ..BinaryEnvelope::default() };
//! // The code and the struct of a kind stand in `kontor::jobs`.
//! message.push(201, 1, &envelope, &("bank/main", "400.00"))?;
//! let body = message.finish();
//! assert!(body.starts_with(b"kontorj\0"));
//! # let _content_type = CONTENT_TYPE;
//! # Ok::<(), kontor::wire::binary::BinaryFault>(())
//! ```
//!
//! Nothing is checked here but the form: what the books think of a job they say in its outcome.

pub use super::container::{BinaryEnvelope, CONTENT_TYPE, JOBS_MAX};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::binary::BinaryFault;
use super::container::{HEAD_BYTES, append, head};
use super::schema::SchemaFault;
use super::{tree, typed};

/// The struct of a kind from its data as JSON, for producers that have them so.
pub fn data<T: DeserializeOwned>(json: &str) -> Result<T, SchemaFault> {
    let tree = tree::read(json.as_bytes()).map_err(|fault| SchemaFault::new(fault.to_string()))?;
    typed::read(tree.root())
}

/// A message in the making.
#[derive(Debug, Clone)]
pub struct JobsMessage {
    bytes: Vec<u8>,
    count: u32,
}

impl Default for JobsMessage {
    fn default() -> Self {
        Self {
            bytes: vec![0; HEAD_BYTES],
            count: 0,
        }
    }
}

impl JobsMessage {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Add a job. After a fault the message is as it was before.
    pub fn push<T: Serialize + ?Sized>(
        &mut self,
        kind: u16,
        schema_version: u16,
        envelope: &BinaryEnvelope<'_>,
        data: &T,
    ) -> Result<(), BinaryFault> {
        if self.count == JOBS_MAX {
            return Err(BinaryFault::Type(format!(
                "more than {JOBS_MAX} jobs in one message"
            )));
        }
        append(kind, schema_version, envelope, data, &mut self.bytes)?;
        self.count += 1;
        Ok(())
    }

    /// How many jobs it holds.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How long its body is so far; the broker side takes 1 MiB.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The body to publish. A message without jobs is refused by its reader.
    pub fn finish(mut self) -> Vec<u8> {
        for (to, from) in self.bytes.iter_mut().zip(head(self.count)) {
            *to = from;
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::container::Container;

    #[test]
    fn a_job_that_cannot_be_written_leaves_the_message_whole() {
        let mut message = JobsMessage::new();
        let envelope = BinaryEnvelope {
            key: "k".into(),
            ..BinaryEnvelope::default()
        };
        message.push(1, 1, &envelope, "good").unwrap();
        let before = message.bytes();
        assert!(message.push(1, 1, &envelope, &1.5).is_err());
        assert_eq!((message.count(), message.bytes()), (1, before));
        assert_eq!(Container::open(&message.finish()).unwrap().count(), 1);
    }

    #[test]
    fn it_takes_no_more_jobs_than_the_reader() {
        let mut message = JobsMessage::new();
        let envelope = BinaryEnvelope::default();
        for _ in 0..JOBS_MAX {
            message.push(1, 1, &envelope, &()).unwrap();
        }
        assert!(message.push(1, 1, &envelope, &()).is_err());
        assert_eq!(
            Container::open(&message.finish()).unwrap().count(),
            JOBS_MAX
        );
    }
}
