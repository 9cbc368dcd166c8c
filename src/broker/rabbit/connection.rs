//! Opening a connection: address, credentials, TLS, and what its failures mean.
//!
//! Credentials are kept apart from the address, so that everything printed about a connection is
//! free of secrets by construction. Nothing reconnects here; that is the business of the lanes.

use std::fmt;
use std::io::ErrorKind as Io;
use std::time::Duration;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::types::ShortString;
use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use lapin::{Connect, Connection, ConnectionProperties, ErrorKind, Event, runtime};
use tokio::sync::watch;

use super::super::fault::BrokerFault;
use super::super::lane::LaneStatus;

/// A dead peer is noticed after two intervals; the library's default of a minute is too slow for
/// a daemon whose jobs wait meanwhile.
const HEARTBEAT_SECONDS: u16 = 12;
/// TCP, TLS and login together. Longer than any healthy broker under load, short enough that a
/// black hole in the network is reported while somebody still watches the start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// An answer to a request on a channel. A queue without a leader gives none, for as long as that
/// lasts; then it is better to be seen trying than to wait silently.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a polite goodbye may take; afterwards the socket is simply dropped.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the broker is and who we are there.
#[derive(Clone)]
pub struct ConnectOptions {
    uri: AMQPUri,
    tls: OwnedTLSConfig,
    attempt: Duration,
}

impl ConnectOptions {
    /// Read an `amqp://` or `amqps://` address. User and password in it are honoured.
    pub fn parse(address: &str) -> Result<Self, BrokerFault> {
        // The parser's own message may repeat the address with its password: it is not passed on.
        let mut uri: AMQPUri = address
            .parse()
            .map_err(|reason| address_fault(address, reason))?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        Ok(Self {
            uri,
            tls: OwnedTLSConfig::default(),
            attempt: CONNECT_TIMEOUT,
        })
    }

    /// Use these credentials instead of those in the address.
    #[must_use]
    pub fn with_credentials(mut self, user: &str, password: &str) -> Self {
        user.clone_into(&mut self.uri.authority.userinfo.username);
        self.with_password(password)
    }

    /// Log in as this user instead of the one in the address.
    #[must_use]
    pub fn with_user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.uri.authority.userinfo.username);
        self
    }

    /// Beat like this and give an attempt so long.
    #[must_use]
    pub fn with_timing(mut self, heartbeat: Duration, attempt: Duration) -> Self {
        let seconds = u16::try_from(heartbeat.as_secs()).unwrap_or(u16::MAX);
        self.uri.query.heartbeat = Some(seconds);
        self.attempt = attempt;
        self
    }

    /// Use this password instead of the one in the address.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.uri.authority.userinfo.password);
        self
    }

    /// Trust these authorities (PEM) instead of those of the system.
    #[must_use]
    pub fn with_authorities(mut self, pem: &str) -> Self {
        self.tls.cert_chain = Some(pem.to_owned());
        self
    }

    /// Show this certificate (PEM, with its key as PKCS#8 PEM) and let it name the user.
    #[must_use]
    pub fn with_client_certificate(mut self, pem: Vec<u8>, key: Vec<u8>) -> Self {
        self.tls.identity = Some(OwnedIdentity::PKCS8 { pem, key });
        self.uri
            .query
            .auth_mechanism
            .get_or_insert(SASLMechanism::External);
        self
    }

    /// Host, port and virtual host: all that may be printed.
    pub fn address(&self) -> String {
        let authority = &self.uri.authority;
        format!(
            "{}:{} (virtual host {:?})",
            authority.host, authority.port, self.uri.vhost
        )
    }

    /// The virtual host.
    pub fn vhost(&self) -> &str {
        &self.uri.vhost
    }

    /// The user that logs in.
    pub fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    /// True if the connection is encrypted.
    pub fn encrypted(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("address", &self.address())
            .field("user", &self.user())
            .field("encrypted", &self.encrypted())
            .finish_non_exhaustive()
    }
}

/// Open a connection that the broker's operator sees under `name`.
pub(super) async fn connect(
    options: &ConnectOptions,
    name: &str,
) -> Result<Connection, BrokerFault> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let runtime = runtime::default_runtime().map_err(|error| lost(&error))?;
    let attempt = options
        .uri
        .clone()
        .connect_with_config(properties, options.tls.clone(), runtime);
    match tokio::time::timeout(options.attempt, attempt).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(connect_fault(options, &error)),
        Err(_elapsed) => Err(BrokerFault::Unreachable {
            address: options.address(),
            reason: format!("no answer within {:?}", options.attempt),
        }),
    }
}

/// Wait for the broker's answer to a request.
pub(super) async fn answered<T>(
    request: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BrokerFault> {
    match tokio::time::timeout(ANSWER_TIMEOUT, request).await {
        Ok(answer) => answer.map_err(|error| fault(&error)),
        Err(_elapsed) => Err(BrokerFault::Lost {
            reason: format!("no answer within {ANSWER_TIMEOUT:?}; is the queue available?"),
        }),
    }
}

/// Say goodbye, so that the broker has handled everything sent before. True if it answered.
pub(super) async fn close(connection: &Connection) -> bool {
    let goodbye = connection.close(200, short("closing"));
    matches!(
        tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await,
        Ok(Ok(()))
    )
}

/// What an error on an open connection means.
pub(super) fn fault(error: &lapin::Error) -> BrokerFault {
    if let ErrorKind::ParsingError(_) = error.kind() {
        return BrokerFault::Unreadable;
    }
    let ErrorKind::ProtocolError(said) = error.kind() else {
        return lost(error);
    };
    let detail = said.get_message().to_string();
    match said.get_id() {
        403 => BrokerFault::AccessRefused { detail },
        404 => BrokerFault::NotFound { detail },
        406 if is_overdue(&detail) => BrokerFault::AckOverdue { detail },
        406 => BrokerFault::PreconditionFailed { detail },
        _ => lost(error),
    }
}

/// Whether a refusal (406) means that the broker's patience with an acknowledgement is over. It has
/// the number of a broken rule, but nothing has to be changed for a new channel to be opened.
fn is_overdue(detail: &str) -> bool {
    detail.contains("delivery acknowledgement") && detail.contains("timed out")
}

/// Keep the status true while the broker stops and starts reading what we publish.
pub(super) fn note_blocked(event: &Event, status: &watch::Sender<LaneStatus>) {
    if let Event::ConnectionBlocked(reason) = event {
        status.send_modify(|status| status.blocked = Some(reason.clone()));
    } else if let Event::ConnectionUnblocked = event {
        status.send_modify(|status| status.blocked = None);
    }
}

/// The connection is gone without a word.
pub(super) fn ended() -> BrokerFault {
    BrokerFault::Lost {
        reason: "it ended without a reason".to_owned(),
    }
}

/// A short string of our own making: names of at most 255 bytes.
pub(super) fn short(text: &str) -> ShortString {
    ShortString::try_new(text).unwrap_or_default()
}

fn connect_fault(options: &ConnectOptions, error: &lapin::Error) -> BrokerFault {
    let address = options.address();
    let user = options.user().to_owned();
    if let ErrorKind::ProtocolError(said) = error.kind() {
        let detail = said.get_message().to_string();
        match said.get_id() {
            403 => return BrokerFault::LoginRefused { address, user },
            530 | 402 => {
                return BrokerFault::VhostRefused {
                    address,
                    user,
                    detail,
                };
            }
            _ => {}
        }
    }
    let reason = error.to_string();
    if options.encrypted() && is_tls(error) {
        return BrokerFault::TlsRefused { address, reason };
    }
    BrokerFault::Unreachable { address, reason }
}

fn is_tls(error: &lapin::Error) -> bool {
    let ErrorKind::IOError(io) = error.kind() else {
        return false;
    };
    matches!(
        io.kind(),
        Io::InvalidData | Io::InvalidInput | Io::Other | Io::UnexpectedEof
    )
}

fn lost(error: &lapin::Error) -> BrokerFault {
    BrokerFault::Lost {
        reason: error.to_string(),
    }
}

fn address_fault(address: &str, reason: String) -> BrokerFault {
    let secret = address.contains('@');
    let reason = if secret {
        "it is not a valid AMQP URI".to_owned()
    } else {
        reason
    };
    BrokerFault::AddressInvalid { reason }
}

#[cfg(test)]
mod tests {
    use super::super::super::fault::FaultClass;
    use super::*;

    #[test]
    fn nothing_printed_shows_a_password() {
        let options = ConnectOptions::parse("amqp://shop:geheim@10.0.0.1:5673/%2f").unwrap();
        let printed = format!("{options:?} {}", options.address());
        assert!(
            printed.contains("10.0.0.1:5673") && printed.contains("shop"),
            "{printed}"
        );
        assert!(!printed.contains("geheim"), "{printed}");
        let fault = ConnectOptions::parse("http://shop:geheim@10.0.0.1").unwrap_err();
        assert!(!fault.to_string().contains("geheim"), "{fault}");
    }

    #[test]
    fn credentials_from_elsewhere_win() {
        let options = ConnectOptions::parse("amqp://shop:old@localhost").unwrap();
        let options = options.with_credentials("kontor", "new");
        assert_eq!(options.user(), "kontor");
        assert_eq!(options.uri.authority.userinfo.password, "new");
    }

    #[test]
    fn an_overdue_acknowledgement_is_no_matter_of_configuration() {
        let said = |text: &str| {
            let soft = lapin::protocol::AMQPSoftError::PRECONDITIONFAILED;
            let said = lapin::protocol::AMQPError::new(soft.into(), text.into());
            fault(&ErrorKind::ProtocolError(said).into())
        };
        let overdue = said(
            "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value \
             used: 1800000 ms. This timeout value can be configured",
        );
        assert_eq!(overdue.class(), FaultClass::Transient, "{overdue}");
        assert!(!overdue.to_string().contains("topology"), "{overdue}");
        let mismatch = said("PRECONDITION_FAILED - inequivalent arg 'x-queue-type'");
        assert_eq!(mismatch.class(), FaultClass::Configuration);
    }

    #[test]
    fn a_heartbeat_is_always_asked_for() {
        let default = ConnectOptions::parse("amqp://localhost").unwrap();
        assert_eq!(default.uri.query.heartbeat, Some(HEARTBEAT_SECONDS));
        let chosen = ConnectOptions::parse("amqp://localhost?heartbeat=30").unwrap();
        assert_eq!(chosen.uri.query.heartbeat, Some(30));
    }

    #[test]
    fn a_client_certificate_names_the_user() {
        let options = ConnectOptions::parse("amqps://localhost").unwrap();
        let options = options.with_client_certificate(vec![1], vec![2]);
        assert_eq!(
            options.uri.query.auth_mechanism,
            Some(SASLMechanism::External)
        );
    }
}
