//! What an operator does with dead letters: send them again, or throw them away; recorded first.
//!
//! As `kontor dead` does it beside a daemon: a lot is taken out, the daemon makes a record of the
//! act between two batches, and once that is durable the letters go. If the process ends before,
//! they stay, and the record with them if it was durable by then.

use super::sabotage::Sabotage;
use super::witness::Checked;
use super::world::World;
use crate::broker::{Delivery, Epoch, Letter, Publish};
use crate::ids::Position;
use crate::ledger::Record;
use crate::ledger::commit::{LetterAct, LettersRecord};

/// Acts of a run: what is sent again may die again.
const ACTS_MAX: u64 = 6;
const LOT_MAX: usize = 3;
const DEAD: &str = "kontor.dead";

/// A lot whose record was ordered.
#[derive(Debug)]
struct Lot {
    at: Position,
    record: LettersRecord,
    letters: Vec<Letter>,
}

/// The queue of dead letters, and whoever works at it.
#[derive(Debug, Default)]
pub(super) struct Desk {
    letters: Vec<Letter>,
    lot: Option<Lot>,
    acts: u64,
}

impl Desk {
    /// The broker took a message.
    pub(super) fn taken(&mut self, publish: &Publish) {
        if publish.exchange != DEAD {
            return;
        }
        let delivery = Delivery {
            epoch: Epoch(0),
            tag: 0,
            body: publish.body.clone(),
            properties: publish.properties.clone(),
            exchange: publish.exchange.clone(),
            routing_key: publish.routing_key.clone(),
            redelivered: false,
            delivery_count: None,
        };
        self.letters.push(Letter::of(delivery, DEAD));
    }

    /// The daemon is gone: a lot that was taken out is in the queue again.
    pub(super) fn give_back(&mut self) {
        if let Some(lot) = self.lot.take() {
            self.letters.extend(lot.letters);
        }
    }

    /// Whether somebody may order an act.
    pub(super) fn may_order(&self) -> bool {
        self.lot.is_none() && !self.letters.is_empty() && self.acts < ACTS_MAX
    }

    /// Up to where the journal must be durable for the lot to go.
    pub(super) fn waits_for(&self) -> Option<Position> {
        self.lot.as_ref().map(|lot| lot.at)
    }
}

impl World {
    /// Take a lot out and have the daemon record what is to become of it.
    pub(super) fn order(&mut self) -> Checked {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        let most = self.chance.below(LOT_MAX).saturating_add(1);
        let mut letters = Vec::new();
        while letters.len() < most && !self.desk.letters.is_empty() {
            let at = self.chance.below(self.desk.letters.len());
            letters.push(self.desk.letters.remove(at));
        }
        let act = if self.chance.once_in(3) {
            LetterAct::Drop
        } else {
            LetterAct::Requeue
        };
        let named = letters
            .iter()
            .map(|letter| (letter.id(), letter.reason().to_owned()));
        let record = LettersRecord {
            act,
            user: 1_000,
            operator: "clerk".into(),
            letters: named.collect(),
        };
        self.desk.acts = self.desk.acts.saturating_add(1);
        match process.note(Record::Letters(Box::new(record.clone()))) {
            Ok(at) => {
                self.desk.lot = Some(Lot {
                    at,
                    record,
                    letters,
                });
                Ok(())
            }
            Err(fault) => {
                self.desk.letters.extend(letters);
                self.fails(fault)
            }
        }
    }

    /// Whether the record of the lot is durable, as the daemon says.
    pub(super) fn may_do(&self) -> bool {
        let told = self.process.as_ref().map(super::process::Process::told);
        let early = self.sabotage == Some(Sabotage::ActEarly);
        let waits = self.desk.waits_for();
        waits.is_some() && (early || told >= waits)
    }

    /// Do what was recorded.
    pub(super) fn do_act(&mut self) -> Checked {
        let Some(lot) = self.desk.lot.take() else {
            return Ok(());
        };
        self.witness.acts(lot.at, &lot.record)?;
        if lot.record.act == LetterAct::Drop {
            return Ok(());
        }
        for letter in lot.letters {
            let Some(publish) = letter.again(0) else {
                continue;
            };
            let Some(sent) = self
                .witness
                .again(&letter, &publish, self.work.next_number())
            else {
                continue;
            };
            self.witness.sends(sent.clone());
            self.broker.publish_job(sent.message);
        }
        Ok(())
    }
}
