//! A journal that is written, cut, killed and damaged as the input says.
//!
//! First it lives: frames are appended and synced on a disk that may fail at any call, the process
//! is killed, the power goes. Every start must find what was synced and nothing that was not
//! appended. Then its files are damaged behind everybody's back. A start may refuse that, and if it
//! does not, what it finds is still what was appended: all of it that was synced, if something else
//! knows how far that was; else all but the groups at the end that were hit.

use std::fmt;

use kontor::journal::file::disk::{Disk, DiskFile};
use kontor::journal::file::{
    Evidence, Fault, FileJournal, FrameHead, Frontier, Location, Lookup, Options, Reader,
    Recovered, Until,
};
use kontor::simulator::disk::{Accident, SimulatedDisk};

use super::script::Script;

/// Small, so that a few frames roll it.
const OPTIONS: Options = Options {
    segment_bytes: 4096,
};
/// Kind of the frames.
const COMMIT: u8 = 1;
/// Steps of all lives together: what bounds the time of an input.
const STEPS_MAX: usize = 64;
/// Bits that are flipped at once. CRC32C finds any three in a frame of this size; a fourth could
/// make a frame that was never written, and no journal could know.
const FLIPS_MAX: usize = 3;

/// A frame as it was appended.
#[derive(Clone, PartialEq, Eq)]
struct Kept {
    head: FrameHead,
    payload: Vec<u8>,
}

/// Without all of the bytes, so that a finding can be read.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FrameHead {
            first_position,
            count,
            ..
        } = self.head;
        let (bytes, tag) = (self.payload.len(), self.payload.first());
        write!(
            f,
            "[{count} at {first_position}: {bytes} bytes, tag {tag:?}]"
        )
    }
}

type Opened = (FileJournal<SimulatedDisk>, Recovered);

/// What must be in the journal, and what may be.
#[derive(Debug, Default)]
struct Model {
    /// Everything appended, in order.
    appended: Vec<Kept>,
    /// How many of these were synced.
    flushed: usize,
    /// How many there were behind each group that was synced.
    groups: Vec<usize>,
    frontier: Option<Frontier>,
    tag: u8,
}

impl Model {
    fn evidence(&self) -> Evidence {
        self.frontier.map(Evidence::from).unwrap_or_default()
    }

    /// Takes what was found for what was appended: the rest is gone.
    fn found(&mut self, disk: &SimulatedDisk, recovered: &Recovered) {
        let found = found(disk, Until::Frontier(recovered.frontier));
        assert!(
            found.len() >= self.flushed,
            "{} of {}",
            found.len(),
            self.flushed
        );
        assert_eq!(self.appended.get(..found.len()), Some(found.as_slice()));
        self.appended.truncate(found.len());
        self.synced(recovered.frontier);
    }

    fn synced(&mut self, frontier: Frontier) {
        self.flushed = self.appended.len();
        if self.groups.last() != Some(&self.flushed) {
            self.groups.push(self.flushed);
        }
        self.frontier = Some(frontier);
    }

    fn append(
        &mut self,
        journal: &mut FileJournal<SimulatedDisk>,
        length: usize,
    ) -> Result<(), Fault> {
        self.tag = self.tag.wrapping_add(1);
        let head = FrameHead {
            kind: COMMIT,
            first_position: journal.next_position(),
            // A commit has a record at least; frames without any are the journal's own.
            count: 1 + u32::from(self.tag % 3),
        };
        let tags = [self.tag, self.tag ^ 0x5a, length.to_le_bytes()[0]];
        let payload: Vec<u8> = tags.into_iter().cycle().take(length).collect();
        self.appended.push(Kept {
            head,
            payload: payload.clone(),
        });
        journal.append(head, &payload).map(drop)
    }
}

/// All frames up to a point that is known to be there.
fn found(disk: &SimulatedDisk, until: Until) -> Vec<Kept> {
    match frames(disk, until) {
        Ok(frames) => frames,
        Err(fault) => panic!("what was recovered cannot be read: {fault}"),
    }
}

fn frames(disk: &SimulatedDisk, until: Until) -> Result<Vec<Kept>, Fault> {
    let mut reader = Reader::from_position(disk.clone(), 1, until)?;
    let mut frames = Vec::new();
    while let Some(frame) = reader.next()? {
        frames.push(Kept {
            head: frame.head,
            payload: frame.payload.to_vec(),
        });
    }
    Ok(frames)
}

pub(super) fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let mut model = Model::default();
    let mut disk = SimulatedDisk::new(u64::from(script.byte()));
    let mut steps = STEPS_MAX;
    loop {
        let end = live(&disk, &mut model, &mut script, &mut steps);
        disk = match end {
            End::Stop => break,
            End::Power => disk.restart(),
            End::Kill => disk.kill(),
        };
        // Without accidents a start succeeds, whatever happened before.
        let (_, recovered) = open(&disk, model.evidence());
        model.found(&disk, &recovered);
    }
    damaged(&disk.kill(), &model, &mut script);
}

fn open(disk: &SimulatedDisk, evidence: Evidence) -> Opened {
    match FileJournal::open(disk.clone(), OPTIONS, evidence) {
        Ok(opened) => opened,
        Err(fault) => panic!("a start without damage: {fault}"),
    }
}

/// How a life ends.
enum End {
    /// Damage comes next.
    Stop,
    Power,
    Kill,
}

fn live(
    disk: &SimulatedDisk,
    model: &mut Model,
    script: &mut Script<'_>,
    steps: &mut usize,
) -> End {
    let after = |script: &mut Script<'_>| {
        if disk.is_down() || script.byte().is_multiple_of(2) {
            End::Power
        } else {
            End::Kill
        }
    };
    let accident = script.byte();
    if accident % 4 == 1 {
        disk.expect(u64::from(accident >> 2), Accident::PowerCut);
    }
    let (mut journal, recovered) = match FileJournal::open(disk.clone(), OPTIONS, model.evidence())
    {
        Ok(opened) => opened,
        Err(fault) => {
            assert!(disk.is_down(), "{fault}");
            return End::Power;
        }
    };
    model.found(disk, &recovered);
    while *steps > 0 && !script.is_over() {
        *steps -= 1;
        let step = script.byte();
        let done = match step % 16 {
            0..=4 => model.append(&mut journal, usize::from(script.byte()) * 8),
            5 => model.append(&mut journal, 6_000),
            6..=8 => journal.flush().map(|frontier| model.synced(frontier)),
            9 => journal.seal().map(|frontier| model.synced(frontier)),
            10 => journal.space().map(drop),
            11 => journal.reserve().map(drop),
            12 => {
                let accidents = [
                    Accident::PowerCut,
                    Accident::Error,
                    Accident::ShortWrite,
                    Accident::NoSpace,
                ];
                let met = accidents.get(usize::from(step >> 4) % accidents.len());
                let met = met.copied().unwrap_or(Accident::Error);
                disk.expect(u64::from(script.byte() % 32), met);
                Ok(())
            }
            13 => return End::Power,
            14 => return End::Kill,
            _ => return End::Stop,
        };
        match done {
            Ok(()) => {}
            // Nothing was written, and nothing but an append was to write more.
            Err(fault) if fault.is_recoverable() => {
                if step % 16 <= 5 {
                    model.appended.pop();
                }
            }
            Err(_fault) => return after(script),
        }
    }
    End::Stop
}

/// What was done to the files.
#[derive(Debug, Default)]
struct Done {
    /// Bits that were flipped.
    flips: usize,
    /// Anything that can take more than a group along.
    more: bool,
}

fn damaged(disk: &SimulatedDisk, model: &Model, script: &mut Script<'_>) {
    let choice = script.byte();
    let evidence = if choice & 1 == 0 {
        Evidence::default()
    } else {
        model.evidence()
    };
    if choice & 2 != 0 {
        disk.lose("frontier");
    }
    let done = damage(disk, script, choice);
    let before = segments(disk);
    reading(disk, model, script);
    match FileJournal::open(disk.clone(), OPTIONS, evidence) {
        Ok((journal, recovered)) => {
            let Some(left) = undamaged(disk, recovered.frontier) else {
                return;
            };
            let prefix = model.appended.get(..left.len());
            assert_eq!(prefix, Some(left.as_slice()), "{done:?}");
            if evidence != Evidence::default() {
                assert!(
                    left.len() >= model.flushed,
                    "{done:?}: synced frames are gone"
                );
            } else if !done.more {
                let hit = model.groups.len().checked_sub(done.flips + 1);
                let least = hit.and_then(|at| model.groups.get(at)).copied();
                assert!(
                    left.len() >= least.unwrap_or(0),
                    "{done:?}: more than was hit"
                );
            }
            drop(journal);
            goes_on(&disk.kill(), left);
        }
        Err(fault) => {
            let named = matches!(fault, Fault::Damaged(_) | Fault::VersionUnknown { .. });
            assert!(named, "{fault}");
            assert!(
                done.flips > 0 || done.more,
                "nothing was done to it: {fault}"
            );
            assert_eq!(segments(disk), before, "refused and changed");
            let again = FileJournal::open(disk.kill(), OPTIONS, evidence);
            let again = again.map(drop).map_err(|fault| fault.to_string());
            assert_eq!(again, Err(fault.to_string()), "refused in another way");
        }
    }
}

/// All frames up to a point. A start looks into the last segment; what is wrong with the others is
/// found by whoever reads them, as the start of the daemon does then, and refused as well.
fn undamaged(disk: &SimulatedDisk, frontier: Frontier) -> Option<Vec<Kept>> {
    match frames(disk, Until::Frontier(frontier)) {
        Ok(frames) => Some(frames),
        Err(Fault::Damaged(_) | Fault::PositionArchived { .. }) => None,
        Err(fault) => panic!("{fault}"),
    }
}

/// A journal that was opened has no torn tail any more, and takes more.
fn goes_on(disk: &SimulatedDisk, mut left: Vec<Kept>) {
    let (mut journal, recovered) = open(disk, Evidence::default());
    assert_eq!(recovered.cut, None);
    assert_eq!(undamaged(disk, recovered.frontier), Some(left.clone()));
    let mut model = Model::default();
    let flushed = model
        .append(&mut journal, 100)
        .and_then(|()| journal.flush());
    left.extend(model.appended);
    match flushed.map(|frontier| undamaged(disk, frontier)) {
        // A bit behind the last frame of a segment that is not the last one is seen now.
        Ok(None) => {}
        Ok(Some(frames)) => assert_eq!(frames, left),
        Err(fault) => panic!("{fault}"),
    }
}

/// The bytes of all segments.
fn segments(disk: &SimulatedDisk) -> Vec<(String, Option<Vec<u8>>)> {
    let names = disk.names().into_iter();
    names
        .filter(|name| name.starts_with("segment-"))
        .map(|name| {
            let bytes = disk.bytes(&name);
            (name, bytes)
        })
        .collect()
}

fn damage(disk: &SimulatedDisk, script: &mut Script<'_>, choice: u8) -> Done {
    let mut done = Done::default();
    let names = disk.names();
    let name = |script: &mut Script<'_>| names.get(script.below(names.len())).cloned();
    for _ in 0..usize::from(choice >> 2) % (FLIPS_MAX + 1) {
        let Some(name) = name(script) else { continue };
        let bytes = disk.bytes(&name).map_or(0, |bytes| bytes.len());
        let offset = u64::try_from(script.below(bytes)).unwrap_or(0);
        if disk.flip(&name, offset, 1 << (script.byte() % 8)) {
            done.flips += 1;
        }
    }
    while !script.is_over() {
        let what = script.byte();
        let Some(name) = name(script) else { break };
        let bytes = disk.bytes(&name).unwrap_or_default();
        let changed = match what % 8 {
            0 => disk.lose(&name),
            1 | 2 => {
                let (from, length) = (script.below(bytes.len()), script.below(bytes.len()));
                over(disk, &name, from, &vec![0; length.min(bytes.len() - from)])
            }
            // Bytes of the same file at another place: frames that were good where they were.
            3 | 4 => {
                let (from, to) = (script.below(bytes.len()), script.below(bytes.len()));
                let (from, to) = (from & !63, to & !63);
                let length = script.below(bytes.len()).min(bytes.len() - from.max(to));
                let piece = bytes.get(from..from + length).unwrap_or_default();
                over(disk, &name, to, piece)
            }
            // One file in the place of another.
            5 => {
                let other = names.get(script.below(names.len())).cloned();
                let other = other
                    .and_then(|other| disk.bytes(&other))
                    .unwrap_or_default();
                over(disk, &name, 0, &other)
            }
            _ => break,
        };
        done.more |= changed;
    }
    done
}

/// Writes over a file; false if that changed nothing.
fn over(disk: &SimulatedDisk, name: &str, at: usize, bytes: &[u8]) -> bool {
    let Ok(file) = disk.open(name) else {
        return false;
    };
    let before = disk.bytes(name);
    let at = u64::try_from(at).unwrap_or(u64::MAX);
    let written = file.write_all_at(bytes, at).and_then(|()| file.sync());
    assert!(written.is_ok(), "{written:?}");
    disk.bytes(name) != before
}

/// Readers beside a writer say what was appended, or that they cannot.
fn reading(disk: &SimulatedDisk, model: &Model, script: &mut Script<'_>) {
    if let Ok(all) = frames(disk, Until::End) {
        assert_eq!(model.appended.get(..all.len()), Some(all.as_slice()));
    }
    if let Some(frontier) = model.frontier
        && let Ok(all) = frames(disk, Until::Frontier(frontier))
    {
        assert_eq!(model.appended.get(..model.flushed), Some(all.as_slice()));
    }
    let location = Location {
        segment: u64::from(script.byte() % 4),
        offset: u64::from(script.byte()) * 64,
    };
    if let Ok(frame) = Lookup::new(disk.clone()).read_at(location) {
        let known = |kept: &Kept| kept.head == frame.head && kept.payload == frame.payload;
        let own = frame.head.kind == kontor::journal::file::KIND_SEAL;
        assert!(
            own || model.appended.iter().any(known),
            "nobody appended it"
        );
    }
}
