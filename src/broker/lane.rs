//! What a lane (one connection with one role) reports and obeys.
//!
//! Events and commands travel over bounded channels. A lane never waits for room in the one
//! without emptying the other, so two full channels cannot lock each other up.

use std::sync::Arc;

use super::fault::BrokerFault;
use super::message::{Delivery, Epoch};

/// What happens on the consuming side, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum ConsumerEvent {
    /// A channel is open; deliveries of this epoch follow.
    Opened {
        /// The new epoch.
        epoch: Epoch,
    },
    /// A message arrived. It is large and passes many hands: they pass a pointer.
    Delivery(Arc<Delivery>),
    /// The channel is gone. Its unacknowledged deliveries come again under another epoch.
    Closed {
        /// The epoch that ended.
        epoch: Epoch,
        /// Why it ended.
        reason: CloseReason,
    },
    /// Nothing will be delivered any more, as asked by [`ConsumerCommand::Drain`]. While a
    /// channel is open, acknowledgements are still taken.
    Drained,
    /// The broker refused several times in a row for a reason that waiting does not change. The
    /// lane has ended.
    Refused {
        /// The last refusal.
        fault: BrokerFault,
    },
}

/// Why a consuming channel ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// [`ConsumerCommand::Close`] was obeyed, and the broker has seen every acknowledgement.
    Requested,
    /// Something broke; a new channel follows unless the lane was draining.
    Fault(BrokerFault),
}

/// What the owner of the consuming side may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerCommand {
    /// Acknowledge. For an epoch that is not open it is counted as stale and dropped.
    AckUpTo {
        /// The epoch of the delivery.
        epoch: Epoch,
        /// Its tag. It must not be acknowledged yet: the broker closes the channel otherwise.
        tag: u64,
        /// True for everything up to the tag, false for this one delivery.
        multiple: bool,
    },
    /// Cancel the subscription but keep the channel: tags stay valid, what was prefetched comes.
    Pause,
    /// Subscribe again after a pause.
    Resume,
    /// Messages need not come one at a time any more: subscribe with the whole prefetch.
    Widen,
    /// Cancel the subscription, deliver what was prefetched, then report `Drained`.
    Drain,
    /// Close channel and connection, after the acknowledgements asked for before. The events end.
    Close,
}

/// The state of a lane, for readiness and metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneStatus {
    /// True while a channel is open.
    pub connected: bool,
    /// The broker's reason for not reading what we publish, while it does not.
    pub blocked: Option<String>,
    /// How often a connection was opened after the first one.
    pub reconnects: u64,
    /// The last fault; cleared when a channel opens.
    pub fault: Option<BrokerFault>,
    /// True if faults of configuration repeat: waiting will not help.
    pub refused: bool,
}
