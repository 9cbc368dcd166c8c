//! The world of one seed: producers, broker, disk, clock and one life of the daemon after the
//! other, in one thread. Chance decides what happens next; everything else follows.

use std::time::Duration;

use super::fault::{Fault, Swarm, Tally};
use super::letters::Desk;
use super::lies::Syncs;
use super::process::{Poisons, Process, Stopping};
use super::restore::Vaulted;
use super::sabotage::Sabotage;
use super::terms::Terms;
use super::witness::{Checked, Finding, Witness, finding, names_a_job};
use super::work::{Sent, Work};
use crate::ids::Position;
use crate::journal::file::disk::Disk as _;
use crate::journal::file::{Frontier, Until};
use crate::journal::{Commits, Cursor, JournalFault};
use crate::ledger::Commit;
use crate::pipeline::observe::Observer;
use crate::pipeline::stations::StationFault;
use crate::simulator::Chance;
use crate::simulator::broker::Broker;
use crate::simulator::clock::SimulatedClock;
use crate::simulator::disk::{Accident, FileId, SimulatedDisk};

/// Damage that was done while nobody looked, so that it can be undone.
#[derive(Debug)]
pub(super) enum Damage {
    /// A flipped bit.
    Flip(FileId, u64, u8),
    /// A lost name.
    Lost(String, FileId),
}

/// How the names of the journal's files begin.
const SEGMENTS: &str = "segment-";

/// The world.
pub(super) struct World {
    pub(super) terms: Terms,
    pub(super) swarm: Swarm,
    pub(super) chance: Chance,
    pub(super) clock: SimulatedClock,
    pub(super) disk: SimulatedDisk,
    pub(super) broker: Broker,
    pub(super) observer: Observer,
    pub(super) sabotage: Option<Sabotage>,
    pub(super) process: Option<Process>,
    /// Why the process is about to end, and how many steps the others still make.
    pub(super) failing: Option<(StationFault, u64)>,
    /// Reads what is durable.
    pub(super) reader: Option<Commits<SimulatedDisk>>,
    pub(super) witness: Witness,
    pub(super) work: Work,
    pub(super) sent: Vec<Sent>,
    /// Jobs that fell the process.
    pub(super) poison: Poisons,
    /// Dead letters, and what somebody does with them.
    pub(super) desk: Desk,
    /// Backups.
    pub(super) vaulted: Vaulted,
    pub(super) damage: Option<Damage>,
    /// Whether the disk is full for a while.
    pub(super) is_tight: bool,
    /// Whether the last power cut left what says how far the journal was durable.
    pub(super) left_proof: bool,
    /// What the syncs of the disk were worth so far.
    pub(super) syncs: Syncs,
    /// Whether everything was healed.
    pub(super) is_healed: bool,
    pub(super) tally: Tally,
    pub(super) steps: u64,
    pub(super) lives: u64,
    /// Running hash of everything that happened.
    pub(super) trace: blake3::Hasher,
}

impl World {
    pub(super) fn count(&mut self, fault: Fault) {
        let count = self.tally.entry(fault).or_default();
        *count = count.saturating_add(1);
    }

    /// Let something into the running hash.
    pub(super) fn note(&mut self, what: &[u8]) {
        self.trace.update(what);
    }

    /// Start the daemon. It may fail only for a reason that was given to it.
    pub(super) fn start(&mut self) -> Checked {
        self.lives = self.lives.saturating_add(1);
        self.failing = None;
        let marker = self.disk.bytes("marker");
        let hidden = matches!(&self.damage, Some(Damage::Lost(name, _)) if name == "marker");
        if marker.is_none() && !hidden && self.may_have_failed() {
            // Where it cannot be written it goes, and every verdict with it.
            self.witness.forgets_falls();
        }
        let named = names_a_job(&marker.unwrap_or_default(), self.disk.boot().0);
        let named = Some(named).filter(|_| self.damage.is_none());
        let segments = self.segments();
        let opened = Process::open(
            &self.disk,
            &self.terms,
            &self.clock,
            &self.observer,
            self.sabotage,
            &self.witness.held,
            &self.poison,
        );
        self.look_for_lies();
        let process = match opened {
            Ok(process) => process,
            Err(_) if self.disk.is_down() => {
                if let Some(Damage::Lost(name, _)) = &self.damage
                    && name.starts_with(SEGMENTS)
                    && segments.iter().all(|(other, _)| other < name)
                    && segments != self.segments()
                {
                    // The newest one: it did not miss the name and has written in the file's place.
                    self.damage = None;
                }
                return self.ends();
            }
            Err(fault) => return self.refused(&fault),
        };
        if process.told() < self.witness.last() && self.nobody_can_know() {
            self.note(b"lost");
            self.syncs = Syncs::LostTheJournal;
            return Ok(());
        }
        self.note(b"started");
        let recovered = self.recovered(&process);
        match (recovered, &self.damage) {
            (Ok(()), None) => {}
            // What is gone and was not missed stays gone.
            (Ok(()), Some(Damage::Lost(..))) => self.damage = None,
            (Ok(()), Some(Damage::Flip(..))) => self.undo_damage(),
            // Damage far back is found by reading, and here everything was read.
            (Err(JournalSays::Fault(_)), Some(_)) => {
                self.undo_damage();
                self.recovered(&process)
                    .map_err(JournalSays::into_finding)?;
            }
            // The start has written where the journal had lost something.
            (Err(_), _) if self.nobody_can_know() => {
                self.note(b"lost");
                self.syncs = Syncs::LostTheJournal;
                return Ok(());
            }
            (Err(says), _) => return Err(says.into_finding()),
        }
        self.concluded(&process, named)?;
        if self.is_healed {
            // A kill leaves commits that nobody knew to be durable, made by a clock that was ahead.
            self.clock.pass(process.late());
        }
        self.begins(process);
        Ok(())
    }

    /// The files of the journal.
    fn segments(&self) -> Vec<(String, Option<FileId>)> {
        let mut names = self.disk.names();
        names.retain(|name| name.starts_with(SEGMENTS));
        let with_file = |name: String| {
            let file = self.disk.file_of(&name);
            (name, file)
        };
        names.into_iter().map(with_file).collect()
    }

    /// A life begins.
    fn begins(&mut self, process: Process) {
        if process.goes_alone() {
            self.broker.narrow();
        }
        self.process = Some(process);
    }

    /// A start that was refused: by damage that was done, or by a call that failed.
    fn refused(&mut self, fault: &crate::partition::OpenFault) -> Checked {
        let code = fault.exit_code();
        match (&self.damage, code) {
            (Some(Damage::Flip(..)), 65) | (Some(Damage::Lost(..)), 65 | 74) => {
                self.note(b"damage found");
                self.undo_damage();
            }
            (None, 65) if self.has_lied() => self.syncs = Syncs::LostTheJournal,
            (_, 74) if self.may_have_failed() => {}
            _ => return finding(format!("a start was refused with {code}: {fault}")),
        }
        self.disk = self.disk.kill();
        Ok(())
    }

    /// Whether a call of the disk may have failed since the last start.
    pub(super) fn may_have_failed(&self) -> bool {
        let met = self.disk.met();
        let failed = [Accident::Error, Accident::ShortWrite, Accident::NoSpace];
        self.is_tight || failed.iter().any(|accident| met.contains_key(accident))
    }

    pub(super) fn undo_damage(&mut self) {
        match self.damage.take() {
            Some(Damage::Flip(file, offset, mask)) => {
                // A file that was written anew in the meantime is not the one that was damaged.
                self.disk.flip_in(file, offset, mask);
            }
            Some(Damage::Lost(name, file)) => {
                if self.disk.file_of(&name).is_none() {
                    self.disk.bring_back(&name, file);
                }
            }
            None => {}
        }
    }

    /// Show the witness the whole journal of a start.
    fn recovered(&mut self, process: &Process) -> Result<(), JournalSays> {
        let until = Until::End;
        let first = Commits::from_position(self.disk.clone(), Position(1), until);
        let mut commits = first.map_err(|fault| JournalSays::Fault(fault.to_string()))?;
        let mut fault = None;
        let mut next = || next(&mut commits, &mut fault);
        let seen = self.witness.recovered(&process.secrets, &mut next);
        if let Some(fault) = fault {
            return Err(JournalSays::Fault(fault.to_string()));
        }
        seen.map_err(JournalSays::Finding)?;
        if Some(process.opened) != self.witness.digest() {
            let what = "the books that were opened have another digest than a replica that read \
                        the whole journal";
            return Err(JournalSays::Finding(Finding(what.to_owned())));
        }
        self.reader = None;
        Ok(())
    }

    /// Show the witness what has become durable. It looks at the disk as any power cut would leave
    /// it, not at what the daemon says.
    ///
    /// After a step that failed half way only what the daemon was told counts: posting may have
    /// waited for something to become durable before, and what was under way may go again.
    pub(super) fn observe(&mut self, whole: bool) -> Checked {
        let told = self.process.as_ref().map(Process::told);
        let limit = told.filter(|_| !whole);
        let unseen = self.has_lied() || self.sabotage == Some(Sabotage::SyncLaterUnseen);
        if self.reader.is_none() {
            let disk = if unseen {
                self.disk.clone()
            } else {
                self.disk.certain()
            };
            let reader = Commits::from_position(disk, self.witness.last().next(), Until::End);
            self.reader = Some(reader.map_err(|fault| Finding(fault.to_string()))?);
        }
        let Some(reader) = &mut self.reader else {
            return Ok(());
        };
        let mut beyond = false;
        while !beyond {
            match reader.next() {
                Ok(Some(found)) if limit.is_some_and(|limit| found.commit.last() > limit) => {
                    beyond = true;
                }
                Ok(Some(found)) => {
                    self.trace.update(&found.hash);
                    self.witness.durable(&found.commit)?;
                }
                Ok(None) => break,
                Err(fault) => return finding(format!("what is durable cannot be read: {fault}")),
            }
        }
        if beyond {
            self.reader = None;
        }
        match told {
            Some(told) if told > self.witness.last() && !unseen => finding(format!(
                "position {told} was called durable, a power cut now would leave {}",
                self.witness.last()
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether what is written after every sync says how far the journal was durable.
    pub(super) fn is_proven(&self) -> bool {
        let told = Frontier::read(&self.disk).ok().flatten();
        told.is_some_and(|told| told.position >= self.witness.last().0)
    }

    /// Whether that or the cursor says so.
    fn is_witnessed(&self) -> bool {
        let told = Cursor::read(&self.disk).ok().flatten();
        self.is_proven() || told.is_some_and(|told| told.position >= self.witness.last())
    }

    /// The process has ended in the middle of something, or the machine with it.
    pub(super) fn ends(&mut self) -> Checked {
        let over_a_job = self.poison.take_fall();
        if over_a_job {
            self.count(Fault::Poison);
        }
        let power = !self.disk.was_killed();
        if power {
            // The evidence of what was durable may go with the power.
            self.undo_damage();
        } else if self.process.is_some() {
            let marker = self.disk.bytes("marker").unwrap_or_default();
            self.witness.falls(&marker, over_a_job)?;
        }
        self.die(power)
    }

    /// The process ends at once. What it had written to the broker may still be read.
    pub(super) fn die(&mut self, power: bool) -> Checked {
        self.note(if power { b"power" } else { b"killed" });
        self.disk = if power {
            self.disk.restart()
        } else {
            self.disk.kill()
        };
        let read = self.chance.below(6);
        self.process = None;
        self.failing = None;
        self.reader = None;
        self.desk.give_back();
        let ended = self.broker.process_ended(read).map_err(Finding)?;
        for publish in &ended.taken {
            self.desk.taken(publish);
            self.witness.taken(publish)?;
        }
        for message in &ended.obeyed.acknowledged {
            self.witness.acknowledged(message)?;
        }
        for message in &ended.obeyed.set_aside {
            self.witness.given_up(message);
        }
        if power {
            self.witness.forgets_falls();
            self.left_proof = self.is_witnessed();
        }
        Ok(())
    }

    /// A station has ended by a fault: the others go on for a moment.
    pub(super) fn fails(&mut self, fault: StationFault) -> Checked {
        if self.disk.is_down() {
            return self.ends();
        }
        if !self.may_have_failed() && !self.has_lied() {
            return finding(format!("the process ends without a reason: {fault}"));
        }
        let stopping = self.process.as_ref().map(Process::stopping);
        let no_room = matches!(fault, StationFault::Journal(JournalFault::NoRoom(_)));
        if no_room && stopping < Some(Stopping::Noted) {
            return finding(format!("the process ends and could wait for room: {fault}"));
        }
        self.note(b"fails");
        self.failing = Some((fault, self.chance.up_to(12)));
        Ok(())
    }

    /// Make everything well: from here on there must be progress.
    pub(super) fn heal(&mut self) -> Checked {
        self.is_healed = true;
        self.is_tight = false;
        self.swarm = Swarm::default();
        self.disk.plan([]);
        self.disk.set_capacity(u64::MAX);
        self.broker.block(false);
        self.clock.jump(self.clock.off_by().saturating_neg());
        // A process may hold intake because the clock jumped; somebody restarts it.
        self.die(false)?;
        self.undo_damage();
        self.disk.plan([]);
        let late = self.witness.late(&self.clock);
        self.clock.pass(late.saturating_add(Duration::from_secs(1)));
        Ok(())
    }

    /// Whether everything was sent, taken, recorded, acknowledged and published.
    pub(super) fn is_quiet(&self) -> bool {
        let idle = self.process.as_ref();
        let idle = idle.is_some_and(|process| process.is_idle() && !process.is_due());
        self.sent.len() >= self.terms.messages && self.broker.is_idle() && idle
    }

    /// Whether the process has stopped in order and the broker has seen it.
    pub(super) fn has_stopped(&self) -> bool {
        let closed = |process: &Process| process.stopping() == Stopping::Closed;
        self.process.as_ref().is_some_and(closed) && self.broker.is_closed()
    }
}

/// What a journal that was read says.
#[derive(Debug)]
enum JournalSays {
    /// It cannot be read.
    Fault(String),
    /// What was read must not be.
    Finding(Finding),
}

impl JournalSays {
    fn into_finding(self) -> Finding {
        match self {
            Self::Fault(fault) => Finding(format!("a recovered journal cannot be read: {fault}")),
            Self::Finding(finding) => finding,
        }
    }
}

pub(super) fn next(
    commits: &mut Commits<SimulatedDisk>,
    fault: &mut Option<JournalFault>,
) -> Result<Option<Commit>, String> {
    match commits.next() {
        Ok(found) => Ok(found.map(|found| found.commit)),
        Err(found) => {
            let words = found.to_string();
            *fault = Some(found);
            Err(words)
        }
    }
}
