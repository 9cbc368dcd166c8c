//! What whoever copies a journal needs to know of its files: where the segments end, and whether a
//! copy of before is the beginning of this journal.

use super::disk::Disk;
use super::fault::Fault;
use super::frontier::{Frontier, FrontierFile};
use super::reader::{Reader, Until};
use super::segment;

/// A segment of a journal, open.
#[derive(Debug)]
pub struct SegmentFile<F> {
    /// Name of its file.
    pub name: String,
    /// The file.
    pub file: F,
    /// Bytes it has.
    pub length: u64,
}

/// The number in the name of a segment's file.
pub fn segment_number(name: &str) -> Option<u64> {
    segment::number_of(name)
}

/// Number of the oldest segment, in the archive if there is one; none if there is no journal.
pub fn oldest_segment<D: Disk>(disk: &D) -> Result<Option<u64>, Fault> {
    let Some(oldest) = segment::list(disk)?.first().copied() else {
        return Ok(None);
    };
    if disk.archive().is_none() {
        return Ok(Some(oldest));
    }
    let archived = segment::archived(disk, oldest)?;
    Ok(archived.first().copied().or(Some(oldest)))
}

/// Open a segment by its number, with its header checked.
pub fn open_segment<D: Disk>(disk: &D, number: u64) -> Result<SegmentFile<D::File>, Fault> {
    let (file, header) = segment::open(disk, number)?;
    Ok(SegmentFile {
        name: segment::file_name(number),
        file,
        length: header.length,
    })
}

/// Whether a journal that is known up to `until` begins with everything up to `before`.
pub fn begins_with<D: Disk>(disk: &D, before: Frontier, until: Frontier) -> Result<bool, Fault> {
    if before.frame > until.frame {
        return Ok(false);
    }
    let read = |stop: Frontier| {
        let until = Until::Frontier(stop);
        let mut reader = Reader::from_position(disk.clone(), stop.position, until)?;
        while reader.next()?.is_some() {}
        Ok(reader.frontier().is_same_frame(&stop))
    };
    match read(before) {
        Err(Fault::Damaged(_)) => {
            // Either it is damaged, which reading it as it is finds as well, or it goes otherwise.
            let mut reader =
                Reader::from_position(disk.clone(), before.position, Until::Frontier(until))?;
            while reader.next()?.is_some() {}
            Ok(false)
        }
        other => other,
    }
}

/// Tell readers of a copy how far it reaches.
pub fn tell_readers<D: Disk>(disk: &D, frontier: &Frontier) -> Result<(), Fault> {
    FrontierFile::open(disk)?.write(frontier)
}
