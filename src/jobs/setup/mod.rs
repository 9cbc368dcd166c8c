//! Setting a book up: what stands under `[[book]]`, or in a case file, before the first job.
//!
//! Every member becomes effects of one journaled record, so that the engine knows only the journal.
//! Members whose kinds a release has not built are kept as reference records: nothing is lost.

mod accounts;
mod documents;
mod records;

use crate::ledger::{Effect, Leg};
use crate::raw_json::RawJson;

/// A member of a book that cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {what}")]
pub struct SetupFault {
    /// Dotted path of the member.
    pub member: String,
    /// What is wrong and what to do.
    pub what: String,
}

/// The effects that set a book up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// The effects, in order.
    pub effects: Vec<Effect>,
    /// Legs of the openings.
    pub legs: Vec<Leg>,
}

/// Turn a book's members (name and JSON value, in the order of the file) into effects.
///
/// Accounts come first whatever the order, because documents need their units.
pub fn compile(members: &[(String, RawJson)]) -> Result<Setup, SetupFault> {
    let mut setup = Setup::default();
    let member = |name: &str| {
        members
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    };
    let units = accounts::Chart::read(member("units"), member("accounts"))?;
    units.compile(&mut setup);
    for (name, value) in members {
        match name.as_str() {
            // The first are compiled already; of the last, which only a case about erasing names, the text
            // itself is never journaled in the clear.
            "units" | "accounts" | "functional_unit" | "personal_text" => {}
            "open_items" => documents::open_items(value, &units, &mut setup)?,
            "invoices" => documents::invoices(value, &units, &mut setup)?,
            "subscriptions" => documents::subscriptions(value, &units, &mut setup)?,
            _record => records::compile(name, value, &mut setup)?,
        }
    }
    Ok(setup)
}

fn fault(member: impl Into<String>, what: impl Into<String>) -> SetupFault {
    SetupFault {
        member: member.into(),
        what: what.into(),
    }
}

#[cfg(test)]
mod tests;
