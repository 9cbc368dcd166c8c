//! Every act on dead letters is a record of the journal before it is done.
//!
//! The journal has one writer. If a daemon runs, it is asked to make the record; otherwise the
//! command takes the lock of the directory for as long as it works. Without a record nothing is
//! done.

use std::path::PathBuf;

use anyhow::Context;

use crate::command::open_books::{OpenJournal, owned, settings_of};
use crate::daemon::orders::{order, takes_orders};
use crate::ledger::Record;
use crate::ledger::commit::LettersRecord;
use crate::partition::{Claim, Recorder};
use crate::settings::Settings;
use crate::time::SystemClock;

/// Who makes the records.
pub(super) enum Audit {
    /// The daemon that runs on the directory.
    Daemon(PathBuf),
    /// This process, which has the lock.
    Alone(Box<Recorder>),
}

impl Audit {
    /// For the directory of a partition: of the daemon if one takes orders there, otherwise of this
    /// process, if nobody else has the lock.
    pub(super) fn begin(journal: OpenJournal, settings: &Settings) -> anyhow::Result<Self> {
        let path = journal.path;
        if takes_orders(&path) {
            return Ok(Self::Daemon(path));
        }
        owned(&path)?;
        let (there, partition) = settings_of(&path, settings)?;
        let refused = "acts on dead letters are recorded in the journal, and nobody does it";
        let claim = Claim::take(&there, partition).context(refused)?;
        Ok(Self::Alone(Box::new(Recorder::open(&there, claim)?)))
    }

    /// Have an act recorded.
    pub(super) fn record(&mut self, letters: LettersRecord) -> anyhow::Result<()> {
        match self {
            Self::Daemon(path) => order(path, letters).map(drop)?,
            Self::Alone(recorder) => {
                let record = Record::Letters(Box::new(letters));
                recorder.record(record, &SystemClock::new()).map(drop)?;
            }
        }
        Ok(())
    }
}
