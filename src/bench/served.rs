//! The pipeline behind a loopback socket: batches of two-leg entries, each answered when durable.
//!
//! The same workload as the usual benchmark of TigerBeetle: batches of 8,189 transfers between
//! 10,000 accounts, one client that sends the next batch when the last one was answered. Whoever
//! has that server can run both in turn. What the two do not do alike stands beside the figures.
//!
//! A message is its length in four bytes and the binary form of jobs; an answer is the number of
//! the message in eight bytes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::feeder::delivery;
use super::figure::{Figure, Target, Unit};
use super::pipeline::{Course, Plan, start};
use super::rig::{Tally, observer};
use super::room::Room;
use super::{BenchFault, Measured, per_second, quantile};
use crate::pipeline::observe::Observer;
use crate::pipeline::parcel::Arrived;
use crate::pipeline::persist::Persisted;
use crate::ring::Producer;
use crate::settings::Settings;

/// Transfers of a batch.
pub const BATCH: u32 = 8_189;
/// Three times what TigerBeetle's own benchmark gives on a machine of two cores, a second.
const AT_LEAST: u64 = 3 * 191_000;
/// What each side does and does not do.
const SIDES: [(&str, &str); 4] = [
    (
        "kontor also does",
        "keys of text, a hash chain, a digest of books, numbers without gaps, periods, outcomes",
    ),
    (
        "kontor does not",
        "index entries by account (a statement reads the journal), replicate, run the client apart",
    ),
    (
        "TigerBeetle also does",
        "an index of transfers by account and time; client and server are two processes",
    ),
    (
        "TigerBeetle does not",
        "keep texts or an outcome a job, number entries without gaps, refuse by period",
    ),
];

/// Serve the plan's jobs to one client with so many messages under way.
pub fn measure(plan: &Plan, rounds: u32) -> Result<Measured, BenchFault> {
    let plan = Plan {
        per_message: BATCH,
        ..plan.clone()
    };
    let mut figures = Vec::new();
    let (mut jobs, mut spent) = (0_u64, Duration::ZERO);
    for (under_way, target) in [(1, Some(AT_LEAST)), (plan.prefetch.max(2), None)] {
        let (mut rates, mut medians, mut longest) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds.max(1) {
            let served = once(&plan, under_way)?;
            rates.push(per_second(served.jobs, served.took));
            medians.push(micros(quantile(&served.waits, 50)));
            longest.push(micros(quantile(&served.waits, 100)));
            jobs = jobs.saturating_add(served.jobs);
            spent = spent.saturating_add(served.took);
        }
        let what = |what: &str| format!("served, {under_way} under way: {what}");
        let rate = Figure::new(what("throughput"), Unit::PerSecond("transfers"), rates);
        figures.push(match target {
            Some(least) => rate.aiming_at(Target::AtLeast(least)),
            None => rate,
        });
        figures.push(Figure::new(what("a batch, p50"), Unit::Micros, medians));
        figures.push(Figure::new(what("a batch, longest"), Unit::Micros, longest));
    }
    let mut measured = Measured::new("served over a loopback socket", jobs, spent);
    measured.figures = figures;
    measured.note("transfers of a batch", BATCH);
    measured.note("accounts", plan.accounts);
    for (who, what) in SIDES {
        measured.note(who, what);
    }
    measured.note("to be run in turn", "tigerbeetle benchmark");
    Ok(measured)
}

struct Served {
    jobs: u64,
    took: Duration,
    /// Sent to answered, in order of size.
    waits: Vec<Duration>,
}

fn once(plan: &Plan, under_way: usize) -> Result<Served, BenchFault> {
    let room = Room::make(&plan.dir)?;
    let plan = Plan {
        dir: room.path().to_owned(),
        prefetch: under_way,
        ..plan.clone()
    };
    let settings = Settings::built_in()?;
    let observer = observer();
    let course = Course::new(&plan, &Tally::shared())?;
    let (arrived, persisted, threads) = start(&plan, &settings, &observer, course)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let served = thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener, arrived, persisted, &observer));
        let stream = TcpStream::connect(address)?;
        let served = ask(&plan, under_way, stream);
        let ended = server.join().map_err(|_panic| BenchFault::Stopped)?;
        let served = served?;
        ended?;
        Ok::<Served, BenchFault>(served)
    });
    for thread in threads {
        thread.join().map_err(|_panic| BenchFault::Stopped)??;
    }
    served
}

/// The client: sends batches and waits for their answers.
fn ask(plan: &Plan, under_way: usize, stream: TcpStream) -> Result<Served, BenchFault> {
    stream.set_nodelay(true)?;
    let (mut answers, mut out) = (stream.try_clone()?, stream);
    let mut stock = plan.stock();
    let messages = plan.jobs.div_ceil(u64::from(plan.per_message)).max(1);
    let (mut sent, mut open) = (0_u64, std::collections::VecDeque::new());
    let mut waits = Vec::new();
    let began = Instant::now();
    for _ in 0..messages {
        while open.len() < under_way && sent < messages {
            let body = stock.message().ok_or(BenchFault::Load)?;
            let length = u32::try_from(body.len()).map_err(|_long| BenchFault::Load)?;
            open.push_back(Instant::now());
            out.write_all(&length.to_le_bytes())?;
            out.write_all(&body)?;
            sent = sent.saturating_add(1);
        }
        let mut answer = [0; 8];
        answers.read_exact(&mut answer)?;
        let since = open.pop_front().ok_or(BenchFault::Load)?;
        waits.push(since.elapsed());
        let wanted = u64::try_from(waits.len()).unwrap_or(u64::MAX);
        if u64::from_le_bytes(answer) != wanted {
            return Err(BenchFault::Load);
        }
    }
    let took = began.elapsed();
    waits.sort_unstable();
    let jobs = messages.saturating_mul(u64::from(plan.per_message));
    Ok(Served { jobs, took, waits })
}

/// The server: hands what comes to the pipeline, and answers what is durable.
fn serve(
    listener: &TcpListener,
    arrived: Producer<Arrived>,
    mut persisted: mpsc::Receiver<Persisted>,
    observer: &Observer,
) -> Result<(), BenchFault> {
    let (stream, _client) = listener.accept()?;
    stream.set_nodelay(true)?;
    let (mut input, mut out) = (stream.try_clone()?, stream);
    thread::scope(|scope| {
        // The stations end when it drops its end, and then the answers do.
        let taker = scope.spawn(move || take(&mut input, &arrived, observer));
        let answered = answer(&mut out, &mut persisted);
        // A client that is gone ends the other side as well.
        drop(persisted);
        let taken = taker.join().map_err(|_panic| BenchFault::Stopped)?;
        answered?;
        taken
    })
}

fn take(
    input: &mut TcpStream,
    arrived: &Producer<Arrived>,
    observer: &Observer,
) -> Result<(), BenchFault> {
    let mut tag = 0_u64;
    loop {
        let mut length = [0; 4];
        match input.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        tag = tag.saturating_add(1);
        let message = Arrived {
            delivery: Arc::new(delivery(tag, body, true)),
            received: observer.clock().elapsed(),
            alone: false,
        };
        arrived
            .push(message)
            .map_err(|_closed| BenchFault::Stopped)?;
    }
}

fn answer(
    out: &mut TcpStream,
    persisted: &mut mpsc::Receiver<Persisted>,
) -> Result<(), BenchFault> {
    while let Some(group) = persisted.blocking_recv() {
        for posted in group.batches.iter().flat_map(|batch| &batch.posted) {
            if !posted.dead.is_empty() {
                return Err(BenchFault::Load);
            }
            out.write_all(&posted.tag.tag.to_le_bytes())?;
        }
    }
    Ok(())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::contrast::small_plan;
    use super::*;

    #[test]
    fn every_batch_is_answered_once_it_is_durable() {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan {
            jobs: 3 * u64::from(BATCH),
            ..small_plan(dir.path())
        };
        let measured = measure(&plan, 1).unwrap();
        assert_eq!(measured.count, 2 * 3 * u64::from(BATCH));
        assert_eq!(measured.figures[0].target, Some(Target::AtLeast(573_000)));
        assert!(measured.figures[1].median() > 0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
