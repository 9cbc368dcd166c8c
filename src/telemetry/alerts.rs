//! The alerts of `config/prometheus` against the catalogue.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use super::catalogue;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config/prometheus")
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("kontor_"))
}

/// An alert on a name that nobody serves never fires, and nobody notices.
#[test]
fn alerts_name_only_what_is_served() {
    let alerts = fs::read_to_string(folder().join("alerts.yml")).unwrap();
    for name in names(&alerts) {
        let family = name.strip_suffix("_bucket").unwrap_or(name);
        let metric = catalogue::find(family).unwrap_or_else(|| panic!("{name} is no metric"));
        assert!(metric.fed, "{name} is not fed yet");
    }
}

#[test]
fn every_alert_has_a_test() {
    let read = |name: &str| fs::read_to_string(folder().join(name)).unwrap();
    let tests = read("alerts.test.yml") + &read("alerts.days.test.yml");
    let alerts = read("alerts.yml");
    let alerts = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in alerts {
        let cases = tests.matches(&format!("alertname: {alert}\n")).count();
        assert!(cases > 0, "{alert} never fires in a test");
    }
}

/// With promtool on the path, the tests of the alerts themselves.
#[test]
fn the_alerts_fire_and_rest_as_written() {
    let run = |arguments: &[&str]| {
        let done = Command::new("promtool")
            .args(arguments)
            .current_dir(folder())
            .output()
            .ok()?;
        let said = [done.stdout, done.stderr].concat();
        Some((done.status.success(), String::from_utf8(said).unwrap()))
    };
    let Some((good, said)) = run(&["check", "rules", "--lint=all", "alerts.yml"]) else {
        writeln!(std::io::stderr(), "skipped: no promtool on the path").unwrap();
        return;
    };
    assert!(good, "{said}");
    let (good, said) = run(&["test", "rules", "alerts.test.yml", "alerts.days.test.yml"]).unwrap();
    assert!(good, "{said}");
}
