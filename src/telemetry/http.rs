//! `/metrics`, `/livez`, `/readyz` and `/status` over HTTP/1.1.
//!
//! The server answers questions and changes nothing. It does not know who asks, so on a loopback
//! address it answers only requests whose `Host` is an IP address or localhost: a web page that
//! points its own name at 127.0.0.1 cannot read it through somebody's browser. Nothing is ever
//! built from that header. Further routes, such as the read side, are merged by whoever has them.

use std::future::{Future, IntoFuture};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::door::{CONNECTIONS_MAX, Door, SILENCE_MAX};
use super::{Health, Metrics};

/// The version of the text format that Prometheus asks to be told.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT_TYPE: &str = "text/plain; charset=utf-8";
const JSON_TYPE: &str = "application/json";
/// How long a stop waits for clients that read slowly.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the routes show.
pub struct Shown {
    /// Counters and levels.
    pub metrics: Arc<Metrics>,
    /// Life and readiness.
    pub health: Arc<Health>,
    /// How long a station may stand still before `/livez` says so.
    pub patience: Duration,
    /// Sets the levels that are only measured when somebody looks, such as ages.
    pub before_scrape: Box<dyn Fn() + Send + Sync>,
}

/// The routes of this module.
pub fn router(shown: Arc<Shown>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/status", get(status))
        .with_state(shown)
}

/// Serve until `stop` is done, then let running answers finish for a moment.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let door = Door::new(listener, CONNECTIONS_MAX, SILENCE_MAX);
    let guard = middleware::from_fn(move |request, next| guard(address, request, next));
    let router = router.fallback(unknown).layer(guard);
    let (stopping, stopped) = oneshot::channel();
    let graceful = async move {
        stop.await;
        // It is refused only if the server has ended already.
        stopping.send(()).unwrap_or_default();
    };
    let farewell = async move {
        match stopped.await {
            Ok(()) => tokio::time::sleep(FAREWELL).await,
            // The server is gone; its own branch says how it ended.
            Err(_) => std::future::pending().await,
        }
    };
    let server = axum::serve(door, router).with_graceful_shutdown(graceful);
    tokio::select! {
        biased;
        ended = server.into_future() => ended,
        () = farewell => Ok(()),
    }
}

async fn guard(address: SocketAddr, request: Request, next: Next) -> Response {
    if address.ip().is_loopback() && !is_local(request.headers()) {
        let why =
            "this Host is not served on a loopback address; use its IP address or localhost\n";
        return text(StatusCode::MISDIRECTED_REQUEST, TEXT_TYPE, why.to_owned());
    }
    next.run(request).await
}

/// Whether the client addressed this machine by number, or by the one name that cannot be anybody
/// else's. HTTP/1.0 has no Host and no browser.
fn is_local(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return headers.get(HOST).is_none();
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = host_name(host);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// A host without its port and, if it is IPv6, without its brackets.
fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

async fn metrics(State(shown): State<Arc<Shown>>) -> Response {
    (shown.before_scrape)();
    text(StatusCode::OK, METRICS_TYPE, shown.metrics.render())
}

async fn livez(State(shown): State<Arc<Shown>>) -> Response {
    let stuck = shown.health.stuck(Instant::now(), shown.patience);
    if stuck.is_empty() {
        return text(StatusCode::OK, TEXT_TYPE, "ok\n".to_owned());
    }
    let line = |stuck: &super::health::Stuck| match stuck.still {
        Some(still) => format!("{}: no progress for {} s\n", stuck.station, still.as_secs()),
        None => format!("{}: gone\n", stuck.station),
    };
    let lines = stuck.iter().map(line).collect();
    text(StatusCode::SERVICE_UNAVAILABLE, TEXT_TYPE, lines)
}

async fn readyz(State(shown): State<Arc<Shown>>) -> Response {
    let reasons = shown.health.reasons();
    if reasons.is_empty() {
        return text(StatusCode::OK, TEXT_TYPE, "ok\n".to_owned());
    }
    text(
        StatusCode::SERVICE_UNAVAILABLE,
        TEXT_TYPE,
        format!("{}\n", reasons.join("\n")),
    )
}

async fn status(State(shown): State<Arc<Shown>>) -> Response {
    (shown.before_scrape)();
    text(
        StatusCode::OK,
        JSON_TYPE,
        format!("{}\n", shown.health.status()),
    )
}

async fn unknown() -> Response {
    text(StatusCode::NOT_FOUND, TEXT_TYPE, "not found\n".to_owned())
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store")];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::telemetry::Known;

    struct World {
        address: SocketAddr,
        health: Arc<Health>,
        scrapes: Arc<AtomicU64>,
        stop: oneshot::Sender<()>,
        server: JoinHandle<io::Result<()>>,
    }

    async fn world() -> World {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::new(&Known::default()));
        let health = Arc::new(Health::new("1", &[0]));
        let scrapes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&scrapes);
        let shown = Arc::new(Shown {
            metrics,
            health: Arc::clone(&health),
            patience: Duration::ZERO,
            before_scrape: Box::new(move || {
                counted.fetch_add(1, Relaxed);
            }),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let server = serve(listener, router(shown), async move { drop(stopped.await) });
        World {
            address,
            health,
            scrapes,
            stop,
            server: tokio::spawn(server),
        }
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn get(address: SocketAddr, path: &str) -> String {
        let host = format!("Host: {address}\r\nConnection: close\r\n\r\n");
        ask(address, &format!("GET {path} HTTP/1.1\r\n{host}")).await
    }

    #[tokio::test]
    async fn the_routes_answer_with_their_types() {
        let world = world().await;
        let metrics = get(world.address, "/metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
        assert!(metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        assert!(metrics.contains("\nkontor_legs_total 0\n"), "{metrics}");
        assert_eq!(world.scrapes.load(Relaxed), 1);
        let status = get(world.address, "/status").await;
        assert!(
            status.contains("content-type: application/json\r\n"),
            "{status}"
        );
        assert!(status.contains("\"journal_id\":null"), "{status}");
        assert!(get(world.address, "/").await.starts_with("HTTP/1.1 404"));
        let post = "POST /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        assert!(ask(world.address, post).await.starts_with("HTTP/1.1 405"));
    }

    #[tokio::test]
    async fn readiness_names_its_reasons() {
        let world = world().await;
        let answer = get(world.address, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.ends_with("start: starting\n"), "{answer}");
        world.health.ready("start");
        assert!(
            get(world.address, "/readyz")
                .await
                .starts_with("HTTP/1.1 200")
        );
    }

    #[tokio::test]
    async fn life_is_denied_when_a_station_is_stuck_or_gone() {
        let world = world().await;
        let pulse = world.health.station("p0.persist");
        assert!(
            get(world.address, "/livez")
                .await
                .starts_with("HTTP/1.1 200")
        );
        let answer = get(world.address, "/livez").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("p0.persist: no progress"), "{answer}");
        pulse.beat();
        assert!(
            get(world.address, "/livez")
                .await
                .starts_with("HTTP/1.1 200")
        );
        drop(pulse);
        assert!(
            get(world.address, "/livez")
                .await
                .ends_with("p0.persist: gone\n")
        );
    }

    #[tokio::test]
    async fn a_foreign_host_is_not_answered_on_loopback() {
        let world = world().await;
        for host in [
            "evil.example",
            "evil.example:9464",
            "127.0.0.1.evil.example",
            "",
        ] {
            let request =
                format!("GET /status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let answer = ask(world.address, &request).await;
            assert!(answer.starts_with("HTTP/1.1 421"), "{host}: {answer}");
        }
        for host in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1",
            "[::1]:9464",
            "[::1]",
        ] {
            let request =
                format!("GET /status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let answer = ask(world.address, &request).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{host}: {answer}");
        }
        assert!(
            ask(world.address, "GET /livez HTTP/1.0\r\n\r\n")
                .await
                .starts_with("HTTP/1.0 200")
        );
    }

    #[tokio::test]
    async fn a_stop_ends_the_server_even_if_a_client_hangs() {
        let world = world().await;
        let mut hanging = TcpStream::connect(world.address).await.unwrap();
        hanging.write_all(b"GET /met").await.unwrap();
        get(world.address, "/livez").await;
        world.stop.send(()).unwrap();
        let ended = tokio::time::timeout(FAREWELL * 3, world.server).await;
        ended.expect("the server ends").unwrap().unwrap();
        assert!(TcpStream::connect(world.address).await.is_err());
    }
}
