//! What can break between kontor and its broker, told apart by what an operator must do.

use thiserror::Error;

/// An incident at the broker. Messages never show a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BrokerFault {
    /// The address cannot be read.
    #[error("the broker address cannot be read: {reason}; write amqp://host:port/vhost")]
    AddressInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// A password or a certificate cannot be read.
    #[error("cannot read how to log in at the broker: {reason}")]
    CredentialsUnreadable {
        /// Which file, and why.
        reason: String,
    },
    /// Nobody answers there.
    #[error("no broker answers at {address}: {reason}; start it or correct broker.uri")]
    Unreachable {
        /// Host, port and virtual host.
        address: String,
        /// What the network said.
        reason: String,
    },
    /// The encrypted connection was not agreed on.
    #[error("no TLS connection to {address}: {reason}; check the certificates of both sides")]
    TlsRefused {
        /// Host, port and virtual host.
        address: String,
        /// What the TLS library said.
        reason: String,
    },
    /// User or password are wrong.
    #[error("the broker at {address} refused the login of {user:?}; check user and password")]
    LoginRefused {
        /// Host, port and virtual host.
        address: String,
        /// The user as configured.
        user: String,
    },
    /// The virtual host does not exist or is closed to the user.
    #[error("the broker at {address} does not let {user:?} into the virtual host: {detail}")]
    VhostRefused {
        /// Host, port and virtual host.
        address: String,
        /// The user as configured.
        user: String,
        /// What the broker said.
        detail: String,
    },
    /// The user may not do this (403).
    #[error("the broker refuses access: {detail}; grant the permission or use another user")]
    AccessRefused {
        /// What the broker said.
        detail: String,
    },
    /// Queue or exchange do not exist (404).
    #[error("missing at the broker: {detail}; run `kontor topology apply`")]
    NotFound {
        /// What the broker said.
        detail: String,
    },
    /// It exists, but otherwise, or a rule of the protocol was broken (406).
    #[error("the broker refuses: {detail}; run `kontor topology check`")]
    PreconditionFailed {
        /// What the broker said.
        detail: String,
    },
    /// A delivery was not acknowledged for longer than the broker waits for one. It has closed the
    /// channel and delivers again.
    #[error("{detail}; what was delivered comes again")]
    AckOverdue {
        /// What the broker said.
        detail: String,
    },
    /// The queue stopped delivering, for instance because it was deleted.
    #[error("the broker ended the subscription of {queue}; it was deleted or moved")]
    SubscriptionEnded {
        /// The queue.
        queue: String,
    },
    /// The broker sent what the client library cannot read: a text property or a header name of
    /// some message is not UTF-8. The library gives up the connection then.
    #[error(
        "a message has a property that is not UTF-8 text and cannot be read; the broker sets it \
         aside when the delivery limit of its queue is reached"
    )]
    Unreadable,
    /// The same of a message that stands in a queue where nobody sets it aside.
    #[error(
        "a message of {queue} has a property that is not UTF-8 text: neither it nor what stands \
         behind it can be read; take it out with another client, such as the broker's own pages"
    )]
    LetterUnreadable {
        /// The queue.
        queue: String,
    },
    /// The connection ended.
    #[error("the connection to the broker ended: {reason}")]
    Lost {
        /// What is known of the cause.
        reason: String,
    },
}

/// What may be hoped for by trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// Somebody must change a setting, at the broker or here (exit code 78).
    Configuration,
    /// Something is missing that may be made while we wait.
    Missing,
    /// Broker or network are away and may come back (exit code 69).
    Transient,
}

impl BrokerFault {
    /// Which kind of remedy there is.
    pub fn class(&self) -> FaultClass {
        match self {
            Self::AddressInvalid { .. }
            | Self::LoginRefused { .. }
            | Self::VhostRefused { .. }
            | Self::AccessRefused { .. }
            | Self::LetterUnreadable { .. }
            | Self::PreconditionFailed { .. } => FaultClass::Configuration,
            Self::NotFound { .. } | Self::SubscriptionEnded { .. } => FaultClass::Missing,
            Self::CredentialsUnreadable { .. }
            | Self::Unreachable { .. }
            | Self::TlsRefused { .. }
            | Self::AckOverdue { .. }
            | Self::Unreadable
            | Self::Lost { .. } => FaultClass::Transient,
        }
    }
}
