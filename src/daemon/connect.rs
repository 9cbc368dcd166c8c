//! How the daemon and the commands reach the broker, and what they expect to find there.

use std::time::Duration;

use super::DaemonFault;
use super::reload::Current;
use crate::broker::rabbit::{ConnectOptions, Reach, topology as rabbit};
use crate::broker::topology::Check;
use crate::broker::{BrokerFault, FaultClass, PartitionBooks, Topology};
use crate::settings::Settings;

/// How to reach the broker, with the credentials as they are now.
pub fn options(settings: &Settings) -> Result<ConnectOptions, DaemonFault> {
    let broker = &settings.broker;
    let mut options = ConnectOptions::parse(broker.uri.expose()).map_err(DaemonFault::Broker)?;
    let password = broker
        .password()
        .map_err(|fault| DaemonFault::Settings(fault.to_string()))?;
    options = match (&broker.username, password) {
        (Some(user), Some(password)) => options.with_credentials(user, password.expose()),
        (Some(user), None) => options.with_user(user),
        (None, Some(password)) => options.with_password(password.expose()),
        (None, None) => options,
    };
    options = options.with_timing(broker.heartbeat, broker.connect_timeout);
    let read = |path: &std::path::Path| {
        std::fs::read(path)
            .map_err(|fault| DaemonFault::Settings(format!("{}: {fault}", path.display())))
    };
    if let Some(ca) = &broker.ca_file {
        options = options.with_authorities(&String::from_utf8_lossy(&read(ca)?));
    }
    if let Some(identity) = &broker.client_identity {
        let (certificate, key) = (read(&identity.cert_file)?, read(&identity.key_file)?);
        options = options.with_client_certificate(certificate, key);
    }
    Ok(options)
}

/// The same, asked for every connection with the settings as they are then.
pub fn reach(current: &Current) -> Reach {
    let pauses = current.get().broker.reconnect;
    let current = current.clone();
    Reach::asked(pauses, move || {
        options(&current.get()).map_err(|fault| {
            let reason = fault.to_string();
            if let DaemonFault::Broker(fault) = fault {
                fault
            } else {
                BrokerFault::CredentialsUnreadable { reason }
            }
        })
    })
}

/// What the broker must have.
pub fn topology(settings: &Settings) -> Topology {
    let mut partitions: Vec<PartitionBooks> = settings
        .partitions_with_books()
        .into_iter()
        .map(|partition| PartitionBooks {
            partition: u32::from(partition),
            books: settings
                .books_of(partition)
                .map(|book| book.name.clone())
                .collect(),
        })
        .collect();
    if partitions.is_empty() {
        partitions.push(PartitionBooks {
            partition: 0,
            books: Vec::new(),
        });
    }
    Topology::new(
        &settings.broker.prefix,
        &partitions,
        settings.broker.outcomes_log,
    )
}

/// Wait for the broker, make the topology if asked to, and compare it.
pub async fn ready(
    settings: &Settings,
    topology: &Topology,
    apply: bool,
    patience: Duration,
    (mut pause, longest): (Duration, Duration),
) -> Result<(), DaemonFault> {
    let options = options(settings)?;
    let deadline = tokio::time::Instant::now() + patience;
    let mut said = None;
    let check = loop {
        let checked = if apply {
            rabbit::apply(&options, topology).await
        } else {
            rabbit::check(&options, topology).await
        };
        match checked {
            Ok(check) => break check,
            Err(fault) if may_pass(&fault) && tokio::time::Instant::now() < deadline => {
                // What is in the way is said when it changes, not with every attempt.
                if said.as_ref() != Some(&fault) {
                    tracing::warn!(%fault, "waiting for the broker");
                    said = Some(fault);
                }
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2).min(longest);
            }
            Err(fault) => return Err(DaemonFault::Broker(fault)),
        }
    };
    verdict(&check)
}

fn may_pass(fault: &BrokerFault) -> bool {
    fault.class() == FaultClass::Transient
}

/// Refuse differences that forbid running; say what could not be compared.
fn verdict(check: &Check) -> Result<(), DaemonFault> {
    for object in &check.unverified {
        tracing::warn!(object, "exists, but this user may not compare its settings");
    }
    if check.mismatches.is_empty() {
        return Ok(());
    }
    let lines = check.mismatches.iter().map(|mismatch| {
        format!(
            "{}: {}; {}",
            mismatch.object, mismatch.difference, mismatch.remedy
        )
    });
    Err(DaemonFault::Topology(lines.collect::<Vec<_>>().join("\n")))
}
