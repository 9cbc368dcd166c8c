//! The process itself, as the system sees it: the names that every Prometheus client has.

use std::time::Duration;

use ::metrics::Counter;
use metrics_process::collector;

use super::{Level, Register};

/// What is read at every scrape.
pub(super) struct Process {
    cpu_seconds: Counter,
    open_fds: Level,
    max_fds: Level,
    virtual_bytes: Level,
    resident_bytes: Level,
    start_time: Level,
    threads: Level,
}

impl Process {
    /// All handles.
    pub(super) fn new(register: &Register) -> Self {
        Self {
            cpu_seconds: register.counter("process_cpu_seconds_total", &[]),
            open_fds: register.level("process_open_fds", &[]),
            max_fds: register.level("process_max_fds", &[]),
            virtual_bytes: register.level("process_virtual_memory_bytes", &[]),
            resident_bytes: register.level("process_resident_memory_bytes", &[]),
            start_time: register.level("process_start_time_seconds", &[]),
            threads: register.level("process_threads", &[]),
        }
    }

    /// From `/proc/self`, which stays readable under the unit's `ProcSubset=pid`.
    pub(super) fn read(&self) {
        let now = collector::collect();
        let seconds = now
            .cpu_seconds_total
            .and_then(|s| Duration::try_from_secs_f64(s).ok());
        self.cpu_seconds
            .absolute(seconds.unwrap_or_default().as_secs());
        let levels = [
            (&self.open_fds, now.open_fds),
            (&self.max_fds, now.max_fds),
            (&self.virtual_bytes, now.virtual_memory_bytes),
            (&self.resident_bytes, now.resident_memory_bytes),
            (&self.start_time, now.start_time_seconds),
            (&self.threads, now.threads),
        ];
        for (level, value) in levels {
            level.set(value.unwrap_or_default());
        }
    }
}
