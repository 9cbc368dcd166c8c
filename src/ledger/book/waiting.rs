//! What waits in a book: holds, alarms, and jobs that documents keep.

use super::{Book, Inconsistent};
use crate::ids::DueCode;
use crate::ledger::alarm::{Alarm, Alarms};
use crate::ledger::digest::Canonical;
use crate::ledger::document::DocumentKind;
use crate::ledger::effect::{HoldPlaced, KeptJob};
use crate::ledger::hold::{HOLD_EXPIRY, HoldState, Placing};
use crate::ledger::leg::{Leg, Side};
use crate::money::Minor;
use crate::time::Timestamp;

impl Book {
    /// Alarms that are set; holds ring besides.
    pub fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// The job that a document keeps.
    pub fn kept(&self, document: &str) -> Option<&KeptJob> {
        self.kept.get(document)
    }

    /// The request for approval that keeps the job of a key.
    pub fn awaited(&self, key: &str) -> Option<&str> {
        self.awaited.get(key).map(|request| &**request)
    }

    /// When the next thing becomes due.
    pub fn next_due(&self) -> Option<Timestamp> {
        let alarm = self.alarms.first().map(|alarm| alarm.at);
        let expiry = self.holds.next_expiry();
        expiry.into_iter().chain(alarm).min()
    }

    /// The next thing that becomes due.
    pub fn first_due(&self) -> Option<Alarm> {
        let expiry = self.holds.next_expiry().zip(self.holds.next_expiring());
        let expiry = expiry.map(|(at, number)| Alarm {
            at,
            work: HOLD_EXPIRY,
            about: number.into(),
        });
        let alarm = self.alarms.first().cloned();
        expiry.into_iter().chain(alarm).min()
    }

    pub(super) fn apply_hold(
        &mut self,
        placed: &HoldPlaced,
        legs: &[Leg],
    ) -> Result<(), Inconsistent> {
        for leg in legs {
            self.count(leg.account, |counters| match leg.side {
                Side::Debit => counters.debits_held += Minor::from(leg.amount),
                Side::Credit => counters.credits_held += Minor::from(leg.amount),
            })?;
        }
        let placing = Placing {
            legs,
            expires_at: placed.expires_at,
            owner: placed.owner.as_deref(),
            document_ref: placed.document_ref.as_deref(),
        };
        let Some(facts) = self.holds.put(&placed.number, &placing) else {
            return Err(self.odd(format!("{} is no new number of a hold", placed.number)));
        };
        self.digest.add(facts.after);
        Ok(())
    }

    pub(super) fn apply_release(
        &mut self,
        number: &str,
        legs: &[Leg],
        state: HoldState,
    ) -> Result<(), Inconsistent> {
        let Some(facts) = self.holds.take(number, legs, state) else {
            return Err(self.odd(format!("hold {number} cannot give that back")));
        };
        if let Some(before) = facts.before {
            self.digest.remove(before);
        }
        self.digest.add(facts.after);
        for leg in legs {
            self.count(leg.account, |counters| match leg.side {
                Side::Debit => counters.debits_held -= Minor::from(leg.amount),
                Side::Credit => counters.credits_held -= Minor::from(leg.amount),
            })?;
        }
        Ok(())
    }

    pub(super) fn apply_alarm(&mut self, work: DueCode, about: &str, at: Option<Timestamp>) {
        let (before, after) = self.alarms.set(work, about, at);
        if let Some(before) = before {
            self.digest.remove(before);
        }
        if let Some(after) = after {
            self.digest.add(after);
        }
    }

    pub(super) fn apply_keep(
        &mut self,
        document: &str,
        job: Option<&KeptJob>,
    ) -> Result<(), Inconsistent> {
        let before = match job {
            Some(job) => self.kept.insert(document.into(), job.clone()),
            None => self.kept.remove(document),
        };
        if let Some(before) = &before {
            self.digest.remove(kept_fact(document, before));
            if self.awaited(&before.key) == Some(document) {
                self.awaited.remove(&before.key);
            }
        }
        let kind = self.documents.get(document).map(|known| known.kind);
        if let (Some(job), Some(DocumentKind::Approval)) = (job, kind) {
            self.awaited.insert(job.key.clone(), document.into());
        }
        match (job, before) {
            (Some(job), _) => self.digest.add(kept_fact(document, job)),
            (None, None) => return Err(self.odd(format!("document {document} keeps no job"))),
            (None, Some(_)) => {}
        }
        Ok(())
    }
}

fn kept_fact(document: &str, job: &KeptJob) -> u128 {
    let content = blake3::hash(&job.content);
    let mut form = Canonical::fact("kept");
    form.text(document).number(job.kind.0).text(&job.key);
    form.text(&job.fingerprint.to_string())
        .text(content.to_hex().as_str());
    form.text(job.principal.as_deref().unwrap_or_default());
    form.text(job.actor.as_deref().unwrap_or_default());
    form.finish()
}
