//! What arrives at a socket that stands for systemd's.
//!
//! The socket is named by an environment variable, which a test must not set for its own process.
//! So the test starts its own binary again, for the one test that speaks.

use std::cell::Cell;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use super::*;

const SCRIPT: &str = "NOTIFY_TEST_SCRIPT";
/// Sent by the test when the child has ended.
const END: &str = "END";

/// Run a script of [`speak`] in a child and return what it said, one message each.
fn said(script: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    // The kernel queues ten datagrams; the child would wait for room, so read while it speaks.
    let reader = std::thread::spawn(move || {
        let (mut messages, mut buffer) = (Vec::new(), [0; 4_096]);
        loop {
            let length = socket.recv(&mut buffer).unwrap();
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if message == END {
                return messages;
            }
            messages.push(message);
        }
    });
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "notify::tests::speak", "--nocapture"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "40000")
        .env_remove("WATCHDOG_PID")
        .env(SCRIPT, script)
        .output()
        .unwrap();
    UnixDatagram::unbound()
        .unwrap()
        .send_to(END.as_bytes(), &path)
        .unwrap();
    let messages = reader.join().unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
    messages
}

/// Not a test by itself: what the child does.
#[test]
fn speak() {
    let Ok(script) = std::env::var(SCRIPT) else {
        return;
    };
    match script.as_str() {
        "life" => {
            status("replaying 41 %");
            ready("serving 1 partition");
            reloading();
            ready("serving 1 partition");
            stopping("draining");
        }
        "extension" => {
            let (mut extension, start) = (Extension::default(), Instant::now());
            for tenth in 0..25 {
                let now = start + Duration::from_millis(tenth * 100);
                extension.progress(now, || format!("replaying {tenth}"));
            }
        }
        "watchdog" => {
            let period = watchdog_period().unwrap();
            assert_eq!(period, Duration::from_millis(40));
            // Alive for three rounds, stuck for three, alive again.
            let round = Cell::new(0_u32);
            let stuck = |_, patience| {
                assert_eq!(patience, Duration::from_millis(20));
                round.set(round.get() + 1);
                let still = (4..=6).contains(&round.get());
                if still {
                    vec!["p0.persist".to_owned()]
                } else {
                    Vec::new()
                }
            };
            let pause = |_| async {
                status(&format!("round {}", round.get()));
                if round.get() == 8 {
                    std::future::pending::<()>().await;
                }
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build();
            runtime.unwrap().block_on(async {
                let watching = watch_with(period, stuck, pause);
                tokio::time::timeout(Duration::from_millis(50), watching)
                    .await
                    .unwrap_err();
            });
        }
        other => panic!("no script {other}"),
    }
}

#[test]
fn the_life_of_a_daemon_is_told() {
    let told = said("life");
    assert_eq!(told[0], "STATUS=replaying 41 %\n");
    assert_eq!(told[1], "READY=1\nSTATUS=serving 1 partition\n");
    assert!(
        told[2].starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{told:?}"
    );
    assert_eq!(told[3], told[1]);
    assert_eq!(told[4..], ["STOPPING=1\nSTATUS=draining\n"]);
}

#[test]
fn progress_buys_time_once_a_second() {
    let expected = [0, 10, 20]
        .map(|tenth| format!("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=replaying {tenth}\n"));
    assert_eq!(said("extension"), expected);
}

#[test]
fn the_watchdog_is_fed_only_while_all_is_well() {
    let told = said("watchdog");
    let fed = |round: u32| -> bool {
        let end = told
            .iter()
            .position(|m| *m == format!("STATUS=round {round}\n"))
            .unwrap();
        end > 0 && told[end - 1] == "WATCHDOG=1\n"
    };
    let rounds: Vec<u32> = (1..=8).filter(|round| fed(*round)).collect();
    assert_eq!(rounds, [1, 2, 3, 7, 8], "{told:?}");
}
