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
        if mark.line > 0 {
            // Its lines are at hand, so the message as a whole did no harm.
            self.pen.passed(mark.message)?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::disk::SimulatedDisk;

    const MESSAGE: Hash128 = Hash128(7);

    fn mark(line: u32) -> Mark {
        let message = MESSAGE;
        Mark { message, line }
    }

    /// The condemned of a run, and what reads in it; it ends as whoever drops it ends.
    fn run(disk: &SimulatedDisk) -> (Vec<Mark>, Alone) {
        let markers = Markers::begin(disk).unwrap();
        (markers.condemned().to_vec(), Alone::of(&markers))
    }

    /// A message of many is killed twice while it is opened, and was read well in between.
    #[test]
    fn a_message_of_many_that_was_opened_well_in_between_begins_anew() {
        let disk = SimulatedDisk::new(1);
        let (_, mut alone) = run(&disk);
        alone.reading(mark(0)).unwrap();
        let (condemned, mut alone) = run(&disk);
        assert!(condemned.is_empty());
        for line in 0..3 {
            assert!(alone.reading(mark(line)).unwrap().is_none());
        }
        // The broker gives it once more.
        alone.reading(mark(0)).unwrap();
        let (condemned, mut alone) = run(&disk);
        assert!(condemned.is_empty(), "{condemned:?}");
        // Without that in between the second one condemns.
        alone.reading(mark(0)).unwrap();
        assert_eq!(run(&disk).0, [mark(0)]);
    }
}
