//! The unit files, checked by systemd's own tools. None of them needs a running systemd.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const UNITS: [&str; 7] = [
    "kontor.service",
    "kontor-verify.service",
    "kontor-verify.timer",
    "kontor-backup.service",
    "kontor-backup.timer",
    "kontor-drill.service",
    "kontor-drill.timer",
];

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("systemd")
        .join(name)
}

/// The units with a program that exists on this machine.
fn installed() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in UNITS {
        let text = fs::read_to_string(source(name)).unwrap();
        fs::write(
            dir.path().join(name),
            text.replace("/usr/bin/kontor", "/bin/true"),
        )
        .unwrap();
    }
    dir
}

/// Success and the two outputs; none where systemd's own program is missing.
fn run(command: &mut Command) -> Option<(bool, String, String)> {
    let done = match command.output() {
        Err(fault) if fault.kind() == ErrorKind::NotFound && std::env::var_os("CI").is_none() => {
            let program = command.get_program().display();
            writeln!(std::io::stderr(), "skipped: no {program}").unwrap();
            return None;
        }
        done => done.unwrap(),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((
        done.status.success(),
        text(&done.stdout),
        text(&done.stderr),
    ))
}

/// An unknown key or type is only a warning with exit code 0, so nothing may be said at all.
#[test]
fn verify_has_nothing_to_say() {
    let dir = installed();
    let units = UNITS.map(|name| dir.path().join(name));
    let verified = run(Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(units)
        .env("SYSTEMD_UNIT_PATH", format!("{}:", dir.path().display())));
    let Some((success, _, said)) = verified else {
        return;
    };
    assert_eq!((success, said.as_str()), (true, ""));
}

#[test]
fn the_exposure_is_small() {
    let dir = installed();
    for name in UNITS.iter().filter(|name| name.ends_with(".service")) {
        let judged = run(Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=15", "--no-pager"])
            .arg(dir.path().join(name)));
        let Some((success, table, said)) = judged else {
            return;
        };
        assert!(success, "{name}\n{table}{said}");
    }
}

#[test]
fn every_command_named_is_one_of_ours() {
    let commands = [
        "check-config",
        "run",
        "journal verify",
        "backup /var/backups/kontor",
        "restore --drill /var/backups/kontor",
    ];
    for name in UNITS {
        let text = fs::read_to_string(source(name)).unwrap();
        for line in text.lines().filter(|line| line.starts_with("Exec")) {
            if let Some((_, command)) = line.split_once("/usr/bin/kontor ") {
                assert!(commands.contains(&command), "{name}: {line}");
            }
        }
    }
}

/// Exit codes for usage, damaged data and configuration must not be answered with a restart, and
/// the drain must fit the stop.
#[test]
fn the_unit_agrees_with_the_daemon() {
    let text = fs::read_to_string(source("kontor.service")).unwrap();
    for line in [
        "Type=notify",
        "RestartPreventExitStatus=64 65 78",
        "TimeoutStopSec=90s",
    ] {
        assert!(text.lines().any(|found| found == line), "missing: {line}");
    }
    let drain = crate::settings::Settings::built_in()
        .unwrap()
        .pipeline
        .drain_budget;
    assert!(drain < std::time::Duration::from_secs(90));
}

/// A broker that stays away must not use up the starts: each of them waits, and they have no end.
#[test]
fn an_absent_broker_never_uses_up_the_starts() {
    let text = fs::read_to_string(source("kontor.service")).unwrap();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_else(|| panic!("missing: {key}"))
    };
    let seconds = |key: &str| -> u64 { value(key).trim_end_matches('s').parse().unwrap() };
    assert_eq!(value("Restart="), "on-failure");
    let prevented: Vec<&str> = value("RestartPreventExitStatus=").split(' ').collect();
    assert_eq!(prevented, ["64", "65", "78"]);
    let pause = seconds("RestartSec=");
    let turn = crate::daemon::BROKER_PATIENCE.as_secs() + pause;
    let starts = seconds("StartLimitIntervalSec=").div_ceil(turn);
    let burst = seconds("StartLimitBurst=");
    assert!(starts * 2 <= burst + 1, "{starts} starts of {burst}");
    // What falls at once does use them up, and a poison job is set aside before.
    assert!(burst * pause < seconds("StartLimitIntervalSec=") && burst > 4);
}

#[test]
fn user_and_directories_are_made() {
    // Both tools change owners, which only root may.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    let at = format!("--root={}", root.path().display());
    let Some((success, _, said)) = run(Command::new("systemd-sysusers")
        .arg(&at)
        .arg(source("kontor.sysusers")))
    else {
        return;
    };
    assert!(success, "{said}");
    let users = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    assert!(
        users.contains("kontor:") && users.contains(":/var/lib/kontor:"),
        "{users}"
    );
    let Some((success, _, said)) = run(Command::new("systemd-tmpfiles")
        .args(["--create", &at])
        .arg(source("kontor.tmpfiles")))
    else {
        return;
    };
    assert!(success, "{said}");
    assert!(root.path().join("etc/kontor/credentials").is_dir());
    assert!(root.path().join("var/lib/kontor").is_dir());
}
