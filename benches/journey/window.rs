//! The part of a run that counts: from the first tenth to the last acknowledgement, in time and in
//! processor time.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Processor time is counted in these everywhere on Linux that a program can see.
const TICK: Duration = Duration::from_millis(10);

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) messages: u64,
    pub(crate) time: Duration,
    /// Processor time of the contender's process.
    pub(crate) client: Duration,
    /// Processor time of everything on the machine.
    pub(crate) machine: Duration,
}

impl Took {
    /// Messages in a second.
    pub(crate) fn rate(self) -> u64 {
        let nanos = self.time.as_nanos().max(1);
        let rate = u128::from(self.messages)
            .saturating_mul(1_000_000_000)
            .div_euclid(nanos);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

/// A run of so many messages that is being measured.
pub(crate) struct Window {
    process: u32,
    messages: u64,
    began: Option<Began>,
}

struct Began {
    done: u64,
    at: Instant,
    client: Duration,
    machine: Duration,
}

impl Window {
    /// Of a run by a process.
    pub(crate) fn of(process: u32, messages: u64) -> Self {
        Self {
            process,
            messages,
            began: None,
        }
    }

    /// So many messages are done; what was taken once all of them are.
    pub(crate) fn done(&mut self, done: u64) -> Result<Option<Took>> {
        let Some(began) = &self.began else {
            ensure!(done < self.messages, "too few messages to measure");
            if done >= self.messages.div_euclid(10) {
                self.began = Some(Began {
                    done,
                    client: process_time(self.process)?,
                    machine: machine_time()?,
                    at: Instant::now(),
                });
            }
            return Ok(None);
        };
        if done < self.messages {
            return Ok(None);
        }
        let time = began.at.elapsed();
        Ok(Some(Took {
            messages: done.saturating_sub(began.done),
            time,
            client: process_time(self.process)?.saturating_sub(began.client),
            machine: machine_time()?.saturating_sub(began.machine),
        }))
    }
}

/// User and system time of a process.
fn process_time(process: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may hold blanks; the fields are counted behind it.
    let (_, fields) = text.rsplit_once(')').context("no name in the status")?;
    ticks(fields.split_whitespace().skip(11).take(2))
}

/// Time in which the processors did anything: user, nice, system, interrupts.
fn machine_time() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("no line of the processors")?;
    let fields = line.split_whitespace().skip(1).take(7).enumerate();
    ticks(
        fields
            .filter(|(place, _)| !matches!(place, 3 | 4))
            .map(|(_, field)| field),
    )
}

fn ticks<'f>(fields: impl Iterator<Item = &'f str>) -> Result<Duration> {
    let mut sum = 0_u32;
    for field in fields {
        sum = sum.saturating_add(field.parse()?);
    }
    Ok(TICK.saturating_mul(sum))
}
