//! The log: lines for an operator, on standard error.
//!
//! Our own events at the level that was asked for, those of libraries from warnings upwards, and
//! lapin not at all: it reports every lost connection as an error, which our own reconnect loop
//! already says once and in context. Job contents are never logged; that is up to the callers.

use std::io;

use ::tracing::level_filters::LevelFilter;
use ::tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt, reload};

/// Shape of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people; without a time where journald adds one.
    Text,
    /// One JSON object a line.
    Json,
}

/// Changes the level of a running log.
#[derive(Debug, Clone)]
pub struct LogControl {
    filter: reload::Handle<Targets, Registry>,
}

impl LogControl {
    /// Write from this level upwards from now on.
    pub fn set_level(&self, level: Level) -> Result<(), reload::Error> {
        self.filter.reload(targets(level))
    }
}

/// Start logging, once per process.
pub fn install(level: Level, format: Format) -> Result<LogControl, TryInitError> {
    let time = std::env::var_os("JOURNAL_STREAM").is_none();
    let (subscriber, control) = subscriber(level, format, time, io::stderr);
    subscriber.try_init()?;
    Ok(control)
}

fn subscriber<W>(
    level: Level,
    format: Format,
    time: bool,
    writer: W,
) -> (impl Subscriber + Send + Sync, LogControl)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(targets(level));
    let lines = fmt::layer().with_writer(writer);
    let lines = match (format, time) {
        (Format::Json, _) => lines.json().flatten_event(true).boxed(),
        (Format::Text, true) => lines.boxed(),
        (Format::Text, false) => lines.without_time().boxed(),
    };
    (
        Registry::default().with(filter).with(lines),
        LogControl { filter: handle },
    )
}

fn targets(level: Level) -> Targets {
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("kontor", level)
        .with_target("lapin", LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use ::tracing::{debug, error, info, subscriber::with_default};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(level: Level, format: Format, work: impl FnOnce(&LogControl)) -> String {
        let page = Page::default();
        let writer = page.clone();
        let (subscriber, control) = subscriber(level, format, false, move || writer.clone());
        with_default(subscriber, || work(&control));
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_level_counts_for_us_and_lapin_is_silent() {
        let text = written(Level::INFO, Format::Text, |_| {
            info!(job = "a-1", "job rejected");
            debug!("too fine");
            error!(target: "lapin::channel", "channel closed");
            info!(target: "hyper", "chatter");
            error!(target: "hyper", "trouble");
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].contains("job rejected job=\"a-1\""), "{text}");
        assert!(lines[1].contains("trouble"), "{text}");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = written(Level::INFO, Format::Json, |_| {
            info!(job = "a-1", "job rejected");
        });
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(
            (&line["message"], &line["job"]),
            (&"job rejected".into(), &"a-1".into())
        );
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn the_level_can_change_while_running() {
        let text = written(Level::INFO, Format::Text, |control| {
            debug!("before");
            control.set_level(Level::DEBUG).unwrap();
            debug!("after");
        });
        assert!(!text.contains("before") && text.contains("after"), "{text}");
    }
}
