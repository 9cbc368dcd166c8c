//! `kontor status`: the running daemon on one screen.
//!
//! Everything comes from its own `/status` and `/metrics`, looked at twice a second apart, so that
//! rates are those of this moment.

mod page;

use std::io::{Read as _, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde_json::Value as Json;

use super::{Done, Globals, NotFound};
use crate::report::{Table, render};
use page::{Page, shown};

/// Between the two looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer: thousands of series.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// What a terminal understands as: begin again at the top of an empty screen.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Show the running daemon on one screen: partitions, rates, latencies, journal, outbox
///
/// Asks the daemon at `http.listen`; exit 1 if none answers there or if it is not ready.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor status
  kontor --format json status
  kontor status --watch")]
pub struct StatusArgs {
    /// Show it again and again until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// Run the command.
pub fn run(args: &StatusArgs, globals: &Globals, out: &mut impl Write) -> anyhow::Result<Done> {
    let address = globals.settings()?.listen;
    loop {
        let (table, is_ready) = look(address)?;
        if args.watch {
            write!(out, "{CLEAR}")?;
        }
        write!(out, "{}", render(&table, globals.format())?)?;
        out.flush()?;
        if !args.watch {
            return Ok(if is_ready { Done::Yes } else { Done::No });
        }
    }
}

fn look(address: SocketAddr) -> anyhow::Result<(Table, bool)> {
    let before = Page::read(&get(address, "/metrics")?);
    let since = Instant::now();
    std::thread::sleep(LOOK);
    let status: Json = serde_json::from_str(&get(address, "/status")?)
        .with_context(|| format!("what answers at {address} is no kontor"))?;
    let now = Page::read(&get(address, "/metrics")?);
    let is_ready = status.get("ready") == Some(&Json::Bool(true));
    Ok((shown(&status, &before, &now, since.elapsed()), is_ready))
}

/// The body of an answer over HTTP/1.0, which ends with the connection.
fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let silent = |fault: std::io::Error| {
        NotFound(format!(
            "no daemon answers at {address} ({fault}); start it, or correct http.listen"
        ))
    };
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(silent)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(silent)?;
    let mut answer = String::new();
    let mut reader = stream.take(ANSWER_BYTES_MAX);
    reader.read_to_string(&mut answer).map_err(silent)?;
    let good = answer.split_once("\r\n\r\n").filter(|(head, _)| {
        let line = head.lines().next().unwrap_or_default();
        line.split(' ').nth(1) == Some("200")
    });
    let (_, body) = good.with_context(|| format!("{address} has no page {path} of kontor's"))?;
    Ok(body.to_owned())
}
