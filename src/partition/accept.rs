//! After a restore: somebody is shown what is missing, and the directory may be used.
//!
//! A restore leaves a record of the cut and a list of the outcomes that it knows to be missing. The
//! daemon refuses the directory until a record says that an operator has seen the list.

use super::{Claim, OpenFault, Rebuilt, rebuild};
use crate::ids::{Lineage, Position};
use crate::journal::file::Until;
use crate::journal::file::disk::Disk;
use crate::journal::{Commits, Journal as _, JournalFault, Store};
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
    let Rebuilt {
        file,
        recovered,
        loaded,
        ..
    } = rebuild(settings, claim, &mut |_percent| {})?;
    if loaded.ending.cut.is_none() {
        return Ok(None);
    }
    let until = Until::Frontier(recovered.frontier);
    let cut = last_cut(&disk, Position(recovered.frontier.position), until);
    let cut = cut.map_err(OpenFault::from)?;
    show(&disk, &cut)?;
    let mut engine = loaded.engine;
    let mut store = Store::new(file, disk, loaded.waypoints, 0);
    let mut commit = engine.begin(clock.now());
    let lineage = cut.lineage;
    engine.note(Record::Accepted { lineage }, &mut commit);
    engine.finish(&mut commit);
    let written = store.append(&commit).and_then(|()| store.flush());
    written
        .and_then(|_position| store.rest())
        .map_err(OpenFault::from)?;
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
