//! The demo's broker: RabbitMQ from the system's packages, as a private node.
//!
//! If it is not installed, it is installed through apt where that is permitted: as root, or with a
//! sudo that asks for nothing. Packages that bring a daemon start it on installation; a policy file
//! that is there for just as long forbids that.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::page;
use super::place::Place;
use crate::broker::private::{Options, PrivateBroker, SCRIPTS_VARIABLE};
use crate::command::Unavailable;

/// Installs the package; root runs it.
const INSTALL: &str = r#"
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 0755 "$policy"
fi
exec 2>&1
apt-get --quiet --quiet --option Acquire::Retries=3 update
apt-get --quiet --quiet --option Acquire::Retries=3 --option DPkg::Lock::Timeout=300 \
    install --yes --no-install-recommends rabbitmq-server
"#;
const APT: &str = "/usr/bin/apt-get";
/// Lines of apt's output that are shown when it fails.
const LAST_LINES: usize = 8;

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
    let root = rustix::process::geteuid().is_root();
    if !may_install {
        return Err(missing("--no-install forbids to install it").into());
    }
    if std::env::var_os(SCRIPTS_VARIABLE).is_some() {
        let why = format!("{SCRIPTS_VARIABLE} names another folder than that of the package");
        return Err(missing(&why).into());
    }
    if !Path::new(APT).exists() {
        return Err(missing("there is no apt to install it with").into());
    }
    if !root && !sudo_asks_nothing() {
        return Err(missing("only root, or a sudo that asks nothing, may install it").into());
    }
    let mut command = Command::new(if root { "/bin/sh" } else { "sudo" });
    if !root {
        command.args(["--non-interactive", "/bin/sh"]);
    }
    // A group of its own: Ctrl-C must not leave the package system in the middle of something.
    command.args(["-c", INSTALL]).process_group(0);
    command.stdin(Stdio::null());
    page::aside("rabbitmq-server is not installed: installing it with apt, without starting it.");
    let waiting = page::wait("apt installs rabbitmq-server");
    let installing = tokio::task::spawn_blocking(move || command.output());
    let installed = place.installing.insert(installing).await;
    place.installing = None;
    waiting.end();
    let output = installed
        .context("the installation broke off")?
        .context("cannot run apt-get")?;
    if output.status.success() && PrivateBroker::installed() {
        return Ok(());
    }
    let why = format!("apt could not install it:\n{}", last_lines(&output));
    Err(missing(&why).into())
}

fn sudo_asks_nothing() -> bool {
    let asked = Command::new("sudo")
        .args(["--non-interactive", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

fn last_lines(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = said.lines().collect();
    let from = lines.len().saturating_sub(LAST_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

fn missing(why: &str) -> Unavailable {
    Unavailable(format!(
        "the demo needs RabbitMQ, which is not installed, and {why}\n\
         Install it (apt-get install rabbitmq-server; it need not run) and try again. If it lies \
         in an unusual place, {SCRIPTS_VARIABLE} names the folder with its inner script \
         rabbitmq-server."
    ))
}
