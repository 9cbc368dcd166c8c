//! What can happen next, and how likely it is.

use std::time::Duration;

use super::fault::Fault;
use super::process::{Process, Stopping};
use super::witness::Checked;
use super::world::{Damage, World};
use crate::broker::Publish;
use crate::pipeline::stations::StationFault;
use crate::simulator::broker::Fate;
use crate::simulator::disk::Accident;
use crate::time::Clock as _;
use crate::torture::work::REPLIES_NOWHERE;

/// 2036-01-01: until here time may pass. The work names years behind it as the future.
const LONG_ENOUGH: i64 = 2_082_758_400_000_000_000;

/// One step of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    Produce,
    Start,
    Pass,
    Open,
    Deliver,
    Take,
    Gate,
    Decode,
    Post,
    Persist,
    Rest,
    Dispatch,
    CatchUp,
    Read,
    Tick,
    SaveCursor,
    Snapshot,
    Connect,
    Publish,
    Send,
    BrokerReads,
    Answer,
    Confirm,
    Obey,
    NoteStop,
    Close,
    LookAhead,
    LookBeside,
    Compare,
    Order,
    CarryOut,
    BackUp,
    /// A fault.
    Fault(Fault),
}

impl World {
    /// Everything that can happen, with its weight.
    pub(super) fn acts(&self) -> Vec<(Act, u64)> {
        let mut acts = vec![(Act::Pass, 8)];
        let mut add = |act, weight, can: bool| {
            if can && weight > 0 {
                acts.push((act, weight));
            }
        };
        add(Act::Produce, 25, self.sent.len() < self.terms.messages);
        if let Some(process) = &self.process {
            let runs = self.failing.is_none();
            self.lane_acts(process, &mut add);
            self.outlet_acts(process, &mut add);
            if runs {
                self.station_acts(process, &mut add);
            }
        } else {
            add(Act::Start, 40, true);
        }
        for fault in Fault::ALL {
            add(
                Act::Fault(*fault),
                self.swarm.weight(*fault),
                self.may(*fault),
            );
        }
        acts
    }

    fn lane_acts(&self, process: &Process, add: &mut impl FnMut(Act, u64, bool)) {
        let broker = &self.broker;
        add(Act::Open, 30, broker.may_open());
        add(Act::Deliver, 60, broker.may_deliver());
        add(Act::Take, 60, broker.has_events() && process.may_take());
        add(Act::Obey, 60, broker.has_commands());
        add(Act::Connect, 30, !broker.is_connected());
        add(Act::Send, 60, broker.may_send());
        add(Act::BrokerReads, 60, broker.next_message().is_some());
        add(Act::Answer, 60, broker.has_answers());
    }

    fn outlet_acts(&self, process: &Process, add: &mut impl FnMut(Act, u64, bool)) {
        add(Act::Dispatch, 60, process.may_dispatch());
        add(Act::Confirm, 60, self.broker.has_results());
        add(Act::CatchUp, 30, process.may_catch_up());
        add(Act::Read, if process.is_reading() { 30 } else { 8 }, true);
        add(Act::Tick, 8, true);
        add(Act::SaveCursor, 6, true);
        add(Act::Publish, 40, self.broker.takes_messages());
        add(Act::CarryOut, 30, self.may_do());
    }

    fn station_acts(&self, process: &Process, add: &mut impl FnMut(Act, u64, bool)) {
        let stopping = process.stopping();
        add(Act::Gate, 15, stopping == Stopping::No);
        add(Act::Decode, 60, process.may_decode());
        add(Act::Post, 60, process.may_post());
        add(Act::Persist, 40, process.may_persist());
        let rests = stopping == Stopping::Noted;
        add(Act::Rest, if rests { 40 } else { 4 }, process.may_rest());
        add(Act::Snapshot, 4, stopping < Stopping::Ended);
        add(Act::NoteStop, 40, process.may_note_stop());
        let impatient =
            stopping == Stopping::Ended && self.steps.is_multiple_of(97) && !self.is_healed;
        add(Act::Close, 40, process.may_close(impatient));
        add(Act::LookAhead, 3, !self.is_healed);
        add(Act::LookBeside, 3, !self.is_healed);
        add(Act::BackUp, 2, !self.is_healed);
        add(Act::Compare, 3, true);
        let may_order = stopping == Stopping::No && !self.is_healed && self.desk.may_order();
        add(Act::Order, 4, may_order);
    }

    /// Whether a fault could happen now.
    fn may(&self, fault: Fault) -> bool {
        let alive = self.process.is_some();
        let runs = alive && self.failing.is_none();
        match fault {
            Fault::Kill | Fault::Stop => runs,
            Fault::Poison => false,
            Fault::Restore => self.damage.is_none() && self.vaulted.may_restore(),
            // With the power goes the evidence of what was durable.
            Fault::PowerCut => self.damage.is_none(),
            Fault::ClockJump | Fault::ClockStall | Fault::SlowDisk => true,
            Fault::LongTime => self.clock.now().0 < LONG_ENOUGH,
            Fault::PowerCutInCall
            | Fault::KillInCall
            | Fault::DiskError
            | Fault::ShortWrite
            | Fault::NoSpace
            | Fault::DiskFull
            | Fault::Lie => true,
            Fault::Rot | Fault::LostName => !alive && self.damage.is_none() && self.is_proven(),
            Fault::CutConsumer | Fault::Cancel => alive && self.broker.is_open(),
            Fault::CutPublisher => alive && self.broker.is_connected(),
            Fault::Block | Fault::Duplicate => true,
            Fault::Reorder => self.broker.queued() > 1,
            // Decided when the broker reads a message.
            Fault::Refuse | Fault::Unroutable => false,
        }
    }

    /// Do one thing.
    pub(super) fn act(&mut self, act: Act) -> Checked {
        if let Act::Fault(fault) = act {
            return self.strike(fault);
        }
        match act {
            Act::Produce => self.produce(),
            Act::Start => return self.start(),
            Act::Pass => {
                let time = self.chance.up_to(20);
                self.clock.pass(Duration::from_millis(time));
            }
            Act::Open => self.broker.open(),
            Act::Deliver => self.broker.deliver(),
            Act::Connect => self.broker.connect(),
            Act::Send => self.broker.send(),
            Act::Answer => self.broker.answer(&mut self.chance),
            Act::BrokerReads => return self.broker_reads(),
            Act::Obey => {
                let obeyed = self.broker.obey().map_err(super::witness::Finding)?;
                for message in &obeyed.acknowledged {
                    self.note(&message.number.to_le_bytes());
                    self.witness.acknowledged(message)?;
                }
                for message in &obeyed.set_aside {
                    self.witness.given_up(message);
                }
            }
            Act::LookAhead => return self.look_ahead(),
            Act::LookBeside => return self.look_beside(),
            Act::Compare => return self.witness.compare_books(),
            Act::Order => return self.order(),
            Act::BackUp => return self.back_up(),
            Act::CarryOut => return self.do_act(),
            _ => return self.station(act),
        }
        Ok(())
    }

    /// A step of the process.
    fn station(&mut self, act: Act) -> Checked {
        let most = self.chance.below(8).saturating_add(1);
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        let broker = &mut self.broker;
        let done: Result<(), StationFault> = match act {
            Act::Take => {
                if let Some(event) = broker.event() {
                    process.take(event, broker);
                }
                Ok(())
            }
            Act::Gate => process.turn_gate(broker),
            Act::Decode => process.decode(most),
            Act::Post => process.post(most, broker),
            Act::Persist => process.persist(most),
            Act::Rest => process.rest(),
            Act::NoteStop => process.note_stop(),
            Act::Close => process.close(broker),
            Act::Snapshot => process.snapshot(),
            Act::CatchUp => process.catch_up(),
            Act::Tick => process.tick(),
            Act::Dispatch => {
                process.dispatch(broker);
                Ok(())
            }
            Act::Confirm => {
                process.confirmed(broker);
                Ok(())
            }
            Act::Read => {
                process.read();
                Ok(())
            }
            Act::SaveCursor => {
                process.save_cursor();
                Ok(())
            }
            Act::Publish => {
                process.publish(broker);
                Ok(())
            }
            _ => Ok(()),
        };
        self.look_for_lies();
        if self.disk.is_down() {
            return self.ends();
        }
        if matches!(act, Act::Post | Act::Persist | Act::Rest) {
            self.observe(done.is_ok())?;
        }
        match done {
            Ok(()) => Ok(()),
            Err(fault) => self.fails(fault),
        }
    }

    fn produce(&mut self) {
        let sent = self.work.message(self.clock.now().0);
        self.poison.learn(&sent);
        self.witness.sends(sent.clone());
        self.broker
            .publish_job(std::sync::Arc::clone(&sent.message));
        self.note(&sent.message.body);
        self.sent.push(sent);
    }

    /// The broker reads a message and decides what becomes of it.
    fn broker_reads(&mut self) -> Checked {
        let Some(publish) = self.broker.next_message().cloned() else {
            return Ok(());
        };
        let fate = self.fate(&publish);
        self.note(publish.routing_key.as_bytes());
        self.note(&publish.body);
        self.broker.read(fate);
        match fate {
            Fate::Taken => {
                self.desk.taken(&publish);
                self.witness.taken(&publish)
            }
            Fate::Unroutable => self.witness.returned(&publish),
            Fate::Refused => self.witness.refused(&publish),
        }
    }

    fn fate(&mut self, publish: &Publish) -> Fate {
        if publish.exchange.is_empty() && publish.routing_key == REPLIES_NOWHERE {
            return Fate::Unroutable;
        }
        for (fault, fate) in [
            (Fault::Refuse, Fate::Refused),
            (Fault::Unroutable, Fate::Unroutable),
        ] {
            let weight = self.swarm.weight(fault);
            if weight > 0 && self.chance.up_to(39) < weight {
                self.count(fault);
                return fate;
            }
        }
        Fate::Taken
    }

    /// Make a fault happen.
    fn strike(&mut self, fault: Fault) -> Checked {
        let soon = self.chance.between(1, 40);
        let accident = match fault {
            Fault::PowerCutInCall => Some(Accident::PowerCut),
            Fault::KillInCall => Some(Accident::Kill),
            Fault::DiskError => Some(Accident::Error),
            Fault::ShortWrite => Some(Accident::ShortWrite),
            Fault::NoSpace => Some(Accident::NoSpace),
            Fault::Lie => Some(Accident::Lie),
            _ => None,
        };
        if let Some(accident) = accident {
            // Counted when it is met.
            self.disk.expect(soon, accident);
            return Ok(());
        }
        self.count(fault);
        match fault {
            Fault::Kill => return self.die(false),
            Fault::Restore => return self.restore(),
            Fault::PowerCut => return self.die(true),
            Fault::Stop => {
                if let Some(process) = &mut self.process {
                    process.stop(&mut self.broker);
                }
            }
            Fault::DiskFull => self.turn_space(),
            Fault::SlowDisk => self.clock.pass(Duration::from_secs(soon)),
            Fault::CutConsumer => return self.cut_consumer(),
            Fault::Cancel => {
                while self.broker.has_commands() {
                    self.act(Act::Obey)?;
                }
                return self.cut_consumer();
            }
            Fault::CutPublisher => self.broker.cut_publisher(),
            Fault::Block => self.broker.block(!self.broker.is_blocked()),
            Fault::Reorder => self.broker.shuffle(&mut self.chance),
            Fault::Duplicate => {
                let again = self.chance.pick(&self.sent).cloned();
                if let Some(sent) = again {
                    self.broker.publish_job(sent.message);
                }
            }
            Fault::ClockJump => {
                let seconds = i64::try_from(self.chance.up_to(7_200)).unwrap_or_default();
                let by = (seconds - 3_600).saturating_mul(1_000_000_000);
                self.clock.jump(by);
            }
            Fault::LongTime => self.long_time(),
            Fault::ClockStall => {
                self.clock.pass(Duration::from_secs(self.chance.up_to(600)));
            }
            Fault::Rot => self.rot(),
            Fault::LostName => self.lose_name(),
            Fault::PowerCutInCall
            | Fault::KillInCall
            | Fault::Poison
            | Fault::DiskError
            | Fault::ShortWrite
            | Fault::NoSpace
            | Fault::Lie
            | Fault::Refuse
            | Fault::Unroutable => {}
        }
        Ok(())
    }

    /// Months or years pass. Then somebody finds the first messages and sends them again.
    fn long_time(&mut self) {
        let most = if self.chance.once_in(3) { 900 } else { 40 };
        let days = self.chance.between(1, most);
        self.clock
            .pass(Duration::from_secs(days.saturating_mul(86_400)));
        let count = self.chance.below(6);
        for sent in self.sent.iter().take(count) {
            self.broker
                .publish_job(std::sync::Arc::clone(&sent.message));
        }
    }

    fn cut_consumer(&mut self) -> Checked {
        for message in self.broker.cut_consumer() {
            self.witness.given_up(&message);
        }
        Ok(())
    }

    /// Fill the disk or make room on it.
    fn turn_space(&mut self) {
        self.is_tight = !self.is_tight;
        let used = self.disk.used_bytes();
        self.disk.set_capacity(if self.is_tight {
            used.saturating_add(self.terms.tight_bytes)
        } else {
            u64::MAX
        });
    }

    /// Flip a bit of a file.
    fn rot(&mut self) {
        let names = self.disk.names();
        let Some(name) = self.chance.pick(&names) else {
            return;
        };
        let length = self.disk.bytes(name).map_or(0, |bytes| bytes.len());
        let offset = u64::try_from(self.chance.below(length)).unwrap_or_default();
        let mask = 1_u8 << self.chance.up_to(7);
        if let Some(file) = self.disk.file_of(name)
            && self.disk.flip_in(file, offset, mask)
        {
            self.damage = Some(Damage::Flip(file, offset, mask));
        }
    }

    /// Lose a name of a file.
    fn lose_name(&mut self) {
        let names = self.disk.names();
        let Some(name) = self.chance.pick(&names) else {
            return;
        };
        if let Some(file) = self.disk.file_of(name)
            && self.disk.lose(name)
        {
            self.damage = Some(Damage::Lost(name.clone(), file));
        }
    }
}
