//! Jobs that waited for approval: each has its outcome right behind what decided it.

use serde_json::Value;

use super::{Checked, Known, Witness, difference, finding};
use crate::ledger::{Commit, JobRecord};

impl Witness {
    /// A job that waited was decided by the record before; its key leads here from now on.
    pub(super) fn decided(
        &mut self,
        record: &JobRecord,
        commit: &Commit,
        expected: Option<Value>,
    ) -> Checked {
        let (bytes, said) = self.said(record, commit)?;
        let Some(expected) = expected else {
            return finding(format!("a job was decided by nobody: {said}"));
        };
        if let Some(difference) = difference(&said, &expected) {
            return finding(format!(
                "a job that waited came to {said}, expected is {expected}: {difference}"
            ));
        }
        let book = self.names.book(record.book).to_owned();
        let key = record.envelope.key.to_string();
        let content = self.model.book(&book).and_then(|book| book.keys.get(&key));
        if let Some(content) = content.cloned() {
            self.keys.insert((book.clone(), key.clone()), content);
        }
        let known = Known {
            bytes,
            key,
            reply_to: None,
        };
        self.outcomes.insert((book, record.sequence.0), known);
        Ok(())
    }
}
