//! Users and passwords that change while the daemon runs, with no more rights than it needs.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::client::{Client, account, entry};
use crate::support::daemon::{Daemon, Site};
use crate::support::{alone, apply, ctl, eventually};

/// A user with the rights that docs/operations.md gives.
async fn user(site: &Site, name: &str, password: &str) {
    let prefix = &site.prefix;
    ctl(&["add_user", name, password]).await;
    let write = format!(r"^({prefix}\.(outcomes|dead)|amq\.default)$");
    let read = format!(r"^{prefix}\.jobs\.[0-9]+$");
    ctl(&["set_permissions", name, "^$", &write, &read]).await;
}

/// The configuration, with the user's password in a file beside it.
fn configure(site: &Site, user: &str, password: &str) {
    let secret = site.config().with_file_name("password");
    std::fs::write(&secret, format!("{password}\n")).unwrap();
    let text = format!(
        "[broker]\nuri = \"{}\"\nprefix = \"{}\"\nusername = \"{user}\"\npassword_file = \"{}\"\n\
         [journal]\ndir = \"{}\"\n[http]\nlisten = \"127.0.0.1:{}\"\n{}",
        site.uri,
        site.prefix,
        secret.display(),
        site.state().display(),
        site.http,
        site.books,
    );
    std::fs::write(site.config(), text).unwrap();
}

/// Send jobs and see them answered, over the daemon's connections as they are now.
async fn works(site: &Site, jobs: &[Value]) {
    let client = Client::of(site).await;
    let seen = client.watch_outcomes().await;
    client.send_jobs(jobs).await;
    assert_eq!(client.take(&seen, jobs.len()).await.len(), jobs.len());
    client.close().await;
}

/// Cut every connection and wait until the daemon has made its own anew.
async fn cut(daemon: &Daemon) {
    let count = |role: &str| {
        let series = format!("kontor_amqp_reconnects_total{{role=\"{role}\"}}");
        daemon.metric(&series).unwrap_or_default()
    };
    let before = (count("intake"), count("publish"));
    ctl(&["close_all_connections", "rotated"]).await;
    eventually("both connections are made anew", async || {
        count("intake") > before.0 && count("publish") > before.1
    })
    .await;
    daemon.ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_password_and_another_user_are_used_for_the_next_connection() {
    let _alone = alone().await;
    let site = Site::new("rotated");
    apply(&site.prefix).await;
    user(&site, "kontor-one", "first").await;
    user(&site, "kontor-two", "other").await;
    configure(&site, "kontor-one", "first");
    let daemon = site.launch(false);
    daemon.ready().await;
    works(
        &site,
        &[
            account("bank/main", "asset", None),
            account("equity/owner", "equity", None),
        ],
    )
    .await;

    ctl(&["change_password", "kontor-one", "second"]).await;
    configure(&site, "kontor-one", "second");
    cut(&daemon).await;
    works(&site, &[entry("a", "bank/main", "equity/owner", "1.00")]).await;

    configure(&site, "kontor-two", "other");
    daemon.signal(Signal::HUP);
    eventually("the reload is in the log", async || {
        daemon.log().contains("broker.username")
    })
    .await;
    cut(&daemon).await;
    let connections = ctl(&["list_connections", "user"]).await;
    assert!(connections.contains("kontor-two"), "{connections}");
    assert!(!connections.contains("kontor-one"), "{connections}");
    daemon.stop().await;
}
