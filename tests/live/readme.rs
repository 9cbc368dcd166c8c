//! What README.md shows is run: its producer in Python against the real broker and a real daemon.

use std::process::{Command, Stdio};

use kontor::broker::package;

use crate::support::beside_others;
use crate::support::daemon::Site;

/// The first block of a language in README.md.
fn block(language: &str) -> String {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, block) = readme
        .split_once(&format!("```{language}\n"))
        .unwrap_or_else(|| panic!("README.md has no block of {language}"));
    let (block, _) = block.split_once("\n```").unwrap();
    block.to_owned()
}

/// A Python that has the client library: Debian's package is for Debian's own.
fn python() -> &'static str {
    let knows = |python: &&str| {
        let asked = Command::new(python)
            .args(["-c", "import pika"])
            .stderr(Stdio::null())
            .status();
        asked.is_ok_and(|status| status.success())
    };
    let find = || ["/usr/bin/python3", "python3"].into_iter().find(knows);
    find().unwrap_or_else(|| {
        let installed = package::install("python3-pika");
        installed.expect("README's example: apt-get install python3-pika");
        find().expect("a Python that knows pika")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_producer_in_the_readme_does_what_the_readme_says() {
    let _beside = beside_others().await;
    let mut site = Site::new("readme");
    // The example speaks to the exchange of the default prefix, which no other test uses.
    site.prefix = "kontor".to_owned();
    let daemon = site.run().await;
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let mut example = Command::new(python());
        example
            .args(["-c", &block("python")])
            .env("KONTOR_URI", &site.uri);
        let output = tokio::task::spawn_blocking(move || example.output());
        let output = output.await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}\n{complaint}");
        let words: Vec<&str> = said.split_whitespace().collect();
        let ["accepted", "accepted", "posted", number] = words[..] else {
            panic!("unexpected: {said}");
        };
        numbers.push(number.to_owned());
    }
    assert_eq!(numbers, ["1", "2"], "each run posts an entry of its own");
    daemon.stop().await;
}
