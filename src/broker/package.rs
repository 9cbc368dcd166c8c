//! Installs one of Debian's packages where that is permitted: as root, or with a sudo that asks for
//! nothing.
//!
//! Packages that bring a daemon start it on installation; a policy file that is there for just as
//! long forbids that. The package system works in a process group of its own: Ctrl-C at the
//! terminal does not leave it in the middle of something.
//!
//! Blocking on purpose: there is nothing to do before it is done.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::geteuid;
use thiserror::Error;

const APT: &str = "/usr/bin/apt-get";
/// Installs the package `$1`; root runs it.
const INSTALL: &str = r#"
set -e
exec 2>&1
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 0755 "$policy"
fi
apt-get --quiet --quiet --option Acquire::Retries=3 update
apt-get --quiet --quiet --option Acquire::Retries=3 --option DPkg::Lock::Timeout=300 \
    install --yes --no-install-recommends "$1"
"#;
/// Lines of apt's output that a fault repeats.
const LAST_LINES: usize = 8;

/// Why a package was not installed.
#[derive(Debug, Error)]
pub enum PackageFault {
    /// Not a Debian.
    #[error("there is no apt to install it with")]
    NoApt,
    /// Somebody else has to do it.
    #[error("only root, or a sudo that asks for nothing, may install it")]
    NotPermitted,
    /// It was tried.
    #[error("apt could not install it:\n{last_words}")]
    Failed {
        /// The end of what apt said.
        last_words: String,
    },
    /// It could not even be tried.
    #[error("apt cannot be run: {0}")]
    Io(#[from] io::Error),
}

/// Whether a package may be installed here.
pub fn permitted() -> Result<(), PackageFault> {
    shell().map(drop)
}

/// Install a package without starting any daemon that it brings.
pub fn install(package: &str) -> Result<(), PackageFault> {
    let mut command = shell()?;
    command.args(["-c", INSTALL, "kontor-install", package]);
    let output = command.stdin(Stdio::null()).process_group(0).output()?;
    if output.status.success() {
        return Ok(());
    }
    let last_words = last_lines(&output);
    Err(PackageFault::Failed { last_words })
}

/// A shell that may install packages.
fn shell() -> Result<Command, PackageFault> {
    if !Path::new(APT).exists() {
        Err(PackageFault::NoApt)
    } else if geteuid().is_root() {
        Ok(Command::new("/bin/sh"))
    } else if sudo_asks_for_nothing() {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "/bin/sh"]);
        Ok(sudo)
    } else {
        Err(PackageFault::NotPermitted)
    }
}

fn sudo_asks_for_nothing() -> bool {
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
