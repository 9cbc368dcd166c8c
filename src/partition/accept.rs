//! After a restore: somebody is shown what is missing, and the directory may be used.
//!
//! A restore leaves a record of the cut and a list of the outcomes that it knows to be missing. The
//! daemon refuses the directory until a record says that an operator has seen the list.

use super::{Claim, OpenFault, Recorder, rebuild};
use crate::ids::{Lineage, Position};
use crate::journal::file::Until;
use crate::journal::file::disk::Disk;
use crate::journal::{Commits, JournalFault};
use crate::ledger::Record;
use crate::ledger::commit::CutRecord;
use crate::settings::Settings;
use crate::time::Clock;

/// The list of outcomes that the restore which began a lineage knew to be missing: one a line, as
/// published.
pub fn missing_file(lineage: Lineage) -> String {
    format!("missing-{lineage}")
}

/// Show what is missing in a restored directory, and record that it was shown; none if nothing
/// waits to be accepted.
pub fn accept<D: Disk, E: From<OpenFault>>(
    settings: &Settings,
    claim: Claim<D>,
    clock: &dyn Clock,
    show: impl FnOnce(&D, &CutRecord) -> Result<(), E>,
) -> Result<Option<CutRecord>, E> {
    let disk = claim.disk.clone();
    let rebuilt = rebuild(settings, claim, &mut |_percent| {})?;
    if rebuilt.loaded.ending.cut.is_none() {
        return Ok(None);
    }
    let frontier = rebuilt.recovered.frontier;
    let cut = last_cut(
        &disk,
        Position(frontier.position),
        Until::Frontier(frontier),
    );
    let cut = cut.map_err(OpenFault::from)?;
    show(&disk, &cut)?;
    let lineage = cut.lineage;
    let accepted = Recorder::of(rebuilt, disk).record(Record::Accepted { lineage }, clock);
    accepted.map_err(OpenFault::from)?;
    Ok(Some(cut))
}

/// The cut that the journal ends with.
fn last_cut<D: Disk>(disk: &D, last: Position, until: Until) -> Result<CutRecord, JournalFault> {
    let mut commits = Commits::from_position(disk.clone(), last, until)?;
    while let Some(found) = commits.next()? {
        for record in &found.commit.records {
            if let Record::Cut(cut) = record {
                return Ok(*cut);
            }
        }
    }
    let words = "the journal does not end with the cut that waits to be accepted".to_owned();
    Err(JournalFault::Damaged(words))
}
