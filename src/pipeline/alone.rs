//! Alone: how messages are read while a job is looked for that fells the process.
//!
//! After two falls in a row intake takes one message at a time, until a whole window of them has
//! gone through. Each of its jobs is named in the [`marker`](crate::journal::marker) before it is
//! read and before it is posted; what the marker condemned at the start is set aside unread. So a
//! job that fells the process takes nothing with it but the message it came in, and that only until
//! the next start.

use super::decode::{Item, Sealer, seal, subjects};
use crate::code::Code;
use crate::ids::Hash128;
use crate::jobs::job::DeadLetter;
use crate::journal::JournalFault;
use crate::journal::marker::{Mark, Markers, Pen, Station};

/// What `decode` needs to read messages alone.
#[derive(Debug)]
pub struct Alone {
    pen: Pen,
    condemned: Vec<Mark>,
}

impl Alone {
    /// With the verdicts of a start.
    pub fn of(markers: &Markers) -> Self {
        Self {
            pen: markers.pen(Station::Reading),
            condemned: markers.condemned().to_vec(),
        }
    }

    /// A part of it is about to be read; a dead letter if it must not be.
    pub(super) fn reading(&mut self, mark: Mark) -> Result<Option<DeadLetter>, JournalFault> {
        if self.condemned.contains(&mark) {
            return Ok(Some(DeadLetter::new(
                Code::CrashedWorker,
                "the process ended while it worked on this job alone",
            )));
        }
        self.pen.trying(mark)?;
        Ok(None)
    }

    /// Seal the texts of what was read, one job at a time.
    pub(super) fn seal<S>(
        &mut self,
        message: Hash128,
        items: &mut [Item],
        sealer: &mut S,
    ) -> Result<Result<(), S::Fault>, JournalFault>
    where
        S: Sealer,
    {
        for item in items {
            let line = item.line();
            self.pen.trying(Mark { message, line })?;
            let subjects = subjects(std::iter::once(&mut *item));
            // Making keys durable takes long, and if it fails it is not the job's fault.
            self.pen.pause()?;
            if let Err(fault) = sealer.ensure(&subjects) {
                return Ok(Err(fault));
            }
            self.pen.trying(Mark { message, line })?;
            let sealed = seal(std::iter::once(item), sealer);
            self.pen.done()?;
            if sealed.is_err() {
                return Ok(sealed);
            }
        }
        self.pen.done()?;
        Ok(Ok(()))
    }
}
