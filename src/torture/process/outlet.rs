//! The outlet's part of a life: what is acknowledged and published, and how the outlet closes.

use super::{Process, Stopping};
use crate::broker::ConsumerCommand;
use crate::pipeline::dispatch::first_outcomes;
use crate::pipeline::stations::StationFault;
use crate::simulator::broker::Broker;
use crate::torture::sabotage::Sabotage;

impl Process {
    /// Whether something durable waits for the outlet.
    pub(in crate::torture) fn may_dispatch(&self) -> bool {
        !self.bench.borrow().persisted.is_empty()
    }

    /// Outlet: take what became durable and acknowledge it.
    pub(in crate::torture) fn dispatch(&mut self, broker: &mut Broker) {
        let persisted = self.bench.borrow_mut().persisted.pop_front();
        if let Some(persisted) = persisted {
            let due = self.dispatch.durable(persisted);
            self.acknowledge(due, broker);
        }
    }

    /// Outlet: take a result of the publishing lane.
    pub(in crate::torture) fn confirmed(&mut self, broker: &mut Broker) {
        if let Some(mut confirmed) = broker.result() {
            if let Some(sabotage) = self.sabotage {
                confirmed = sabotage.confirmed(confirmed);
            }
            let due = self.dispatch.confirmed(confirmed);
            self.acknowledge(due, broker);
        }
    }

    fn acknowledge(&self, due: Option<ConsumerCommand>, broker: &mut Broker) {
        let Some(mut command) = due else { return };
        match self.sabotage {
            Some(Sabotage::AcknowledgeEarly) => return,
            Some(Sabotage::AcknowledgeAhead) => {
                if let ConsumerCommand::AckUpTo { tag, multiple, .. } = &mut command {
                    (*tag, *multiple) = (tag.saturating_add(1), true);
                }
            }
            Some(Sabotage::StaleTag) => {
                if let ConsumerCommand::AckUpTo { epoch, .. } = &mut command {
                    *epoch = self.epoch;
                }
            }
            Some(_) | None => {}
        }
        broker.command(command);
    }

    /// Whether commits of before the start are to be handed over.
    pub(in crate::torture) fn may_catch_up(&self) -> bool {
        self.dispatch.wants_earlier()
    }

    /// Outlet: take a commit of before the start.
    pub(in crate::torture) fn catch_up(&mut self) -> Result<(), StationFault> {
        let next = self.earlier.next()?;
        self.dispatch.earlier(next);
        Ok(())
    }

    /// Whether first outcomes are being read.
    pub(in crate::torture) fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// Outlet: begin or end reading first outcomes of duplicates.
    pub(in crate::torture) fn read(&mut self) {
        match self.reading.take() {
            Some(owed) => {
                let repeats = first_outcomes(&self.outcomes, owed);
                self.dispatch.read(repeats);
            }
            None => self.reading = self.dispatch.unread(),
        }
    }

    /// Outlet: try lost messages again and say how far publishing has come.
    pub(in crate::torture) fn tick(&mut self) -> Result<(), StationFault> {
        Ok(self.dispatch.tick()?)
    }

    /// Outlet: give a message to the publishing lane; false if there is none.
    pub(in crate::torture) fn publish(&mut self, broker: &mut Broker) -> bool {
        match self.dispatch.next_message() {
            Some(mut publish) => {
                if let Some(sabotage) = self.sabotage {
                    sabotage.publish(&mut publish);
                }
                broker.publish(publish);
                true
            }
            None => false,
        }
    }

    /// Write the cursor's file.
    pub(in crate::torture) fn save_cursor(&mut self) {
        self.saver.lock().save();
    }

    /// Whether the outlet may close: everything has left, or it is told to wait no longer.
    pub(in crate::torture) fn may_close(&self, impatient: bool) -> bool {
        self.stopping == Stopping::Ended
            && !self.may_dispatch()
            && (self.dispatch.is_clean() || impatient)
    }

    /// Outlet: write the cursor durably and close the lanes.
    pub(in crate::torture) fn close(&mut self, broker: &mut Broker) -> Result<(), StationFault> {
        self.dispatch.save(true)?;
        broker.command(ConsumerCommand::Close);
        self.stopping = Stopping::Closed;
        Ok(())
    }
}
