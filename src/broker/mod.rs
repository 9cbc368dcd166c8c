//! The broker: deliveries come in, acknowledgements and confirmed messages go out.
//!
//! This folder is the only one that knows RabbitMQ, and [`rabbit`] the only one that names its
//! client library. Everything it hands out is plain data ([`message`], [`lane`], [`topology`]),
//! so the stations of the pipeline can be driven without a broker.
//!
//! Two roles never share a connection: a blocked connection stops every write on it, and an
//! acknowledgement must not wait behind a memory alarm that is about publishing.
//!
//! It deliberately does not decide anything about jobs: it neither reads bodies nor knows when a
//! delivery may be acknowledged. It only refuses what the protocol would punish, such as an
//! acknowledgement for a channel that no longer exists.

pub mod message;
pub mod dead_letter;
pub mod fault;
pub mod lane;
pub mod letter;
pub mod package;
pub mod private;
pub mod rabbit;
pub mod topology;

pub use dead_letter::{Why, dead_letter, message_hash};
pub use fault::{BrokerFault, FaultClass};
pub use lane::{CloseReason, ConsumerCommand, ConsumerEvent, LaneStatus};
pub use letter::{Died, Letter};
pub use message::{ConfirmResult, Confirmed, Delivery, Epoch, HeaderValue, Properties, Publish};
pub use topology::{PartitionBooks, Topology};
