//! Text that must not be shown: passwords, and addresses that contain one.

use std::fmt;

/// A password. It has no `Display`, and `Debug` shows that there is one and nothing else.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Take a text into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for whoever has to present it to the broker.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_empty() {
            "Secret(none)"
        } else {
            "Secret(***)"
        })
    }
}

/// The broker's address. Printed, its password is `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUri(String);

impl BrokerUri {
    /// Check the little that must hold before a client library sees it.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text
            .strip_prefix("amqp://")
            .or_else(|| text.strip_prefix("amqps://"))?;
        let authority = rest.split(['/', '?']).next()?;
        let address = authority
            .rsplit_once('@')
            .map_or(authority, |(_, address)| address);
        let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        (clean && has_host_and_port(address)).then(|| Self(text.to_owned()))
    }

    /// The whole address, with its password.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("amqps://")
    }
}

/// A host, in brackets if it is an IPv6 address, and perhaps a port. A `/` in a password that is
/// not written %2f ends up here too, and is refused.
fn has_host_and_port(address: &str) -> bool {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or_default())),
            None => return false,
        },
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    !host.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

impl fmt::Display for BrokerUri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for BrokerUri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "BrokerUri({self})")
    }
}

/// An address, well formed or not, with everything between the first colon of its user part and
/// the last `@` replaced. A password may hold an unescaped `/`, so the search is not cut there.
pub(super) fn without_password(uri: &str) -> String {
    let (scheme, rest) = uri
        .split_once("://")
        .map_or(("", uri), |(scheme, rest)| (scheme, rest));
    let glue = if scheme.is_empty() { "" } else { "://" };
    match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{scheme}{glue}{name}:***@{host}"),
            None => format!("{scheme}{glue}{user}@{host}"),
        },
        None => uri.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(***)");
        assert_eq!(format!("{:?}", Secret::default()), "Secret(none)");
    }

    #[test]
    fn a_printed_address_has_no_password() {
        for uri in ["amqp://u:pw@h:1/v", "amqp://u:p@w@h:1/v", "amqps://u:p/w@h"] {
            let shown =
                BrokerUri::parse(uri).map_or_else(|| without_password(uri), |u| u.to_string());
            assert!(shown.contains("u:***@h"), "{shown}");
        }
        assert_eq!(
            BrokerUri::parse("amqp://h").unwrap().to_string(),
            "amqp://h"
        );
    }

    #[test]
    fn addresses_of_other_protocols_are_refused() {
        for uri in [
            "",
            "http://h",
            "amqp://",
            "amqp://:5672",
            "amqp://u@/v",
            "amqp://h h",
        ] {
            assert!(BrokerUri::parse(uri).is_none(), "{uri}");
        }
    }
}
