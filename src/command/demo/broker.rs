//! The demo's broker: RabbitMQ from the system's packages, as a private node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::page;
use super::place::Place;
use crate::broker::package;
use crate::broker::private::{Options, PACKAGE, PrivateBroker, SCRIPTS_VARIABLE};
use crate::command::Unavailable;

/// Start the broker, after installing it if need be; how long the start took.
pub(super) async fn start(place: &mut Place, may_install: bool) -> anyhow::Result<Duration> {
    if !PrivateBroker::installed() {
        install(place, may_install).await?;
    }
    let options = Options {
        stop: Arc::clone(&place.stop),
        ..Options::default()
    };
    let (since, waiting) = (Instant::now(), page::wait("RabbitMQ starts"));
    let start = move || PrivateBroker::start(&options, |_| {});
    let starting = place.starting.insert(tokio::task::spawn_blocking(start));
    let started = starting.await;
    place.starting = None;
    waiting.end();
    place.broker = Some(started.context("the start of the broker broke off")??);
    Ok(since.elapsed())
}

async fn install(place: &mut Place, may_install: bool) -> anyhow::Result<()> {
    if !may_install {
        return Err(missing("--no-install forbids to install it").into());
    }
    if std::env::var_os(SCRIPTS_VARIABLE).is_some() {
        let why = format!("{SCRIPTS_VARIABLE} names another folder than that of the package");
        return Err(missing(&why).into());
    }
    package::permitted().map_err(|fault| missing(&fault.to_string()))?;
    let waiting = page::wait("apt installs rabbitmq-server, which is missing, without starting it");
    let installing = tokio::task::spawn_blocking(|| package::install(PACKAGE));
    let installed = place.installing.insert(installing).await;
    place.installing = None;
    waiting.end();
    match installed.context("the installation broke off")? {
        Ok(()) if PrivateBroker::installed() => Ok(()),
        Ok(()) => Err(missing("what apt installed has no such scripts").into()),
        Err(fault) => Err(missing(&fault.to_string()).into()),
    }
}

fn missing(why: &str) -> Unavailable {
    Unavailable(format!(
        "the demo needs RabbitMQ, which is not installed, and {why}\n\
         Install it (apt-get install {PACKAGE}; it need not run) and try again. If it lies in an \
         unusual place, {SCRIPTS_VARIABLE} names the folder with its inner script rabbitmq-server."
    ))
}
