//! Members that become reference records and series.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Setup, SetupFault, fault};
use crate::ledger::Effect;
use crate::ledger::reference::{Record, Reference};
use crate::limits::SERIES_WIDTH_DEFAULT;
use crate::raw_json::RawJson;

/// Members that are maps from names to records.
const MAPS: [(&str, Record); 7] = [
    ("taxes", Record::Tax),
    ("rates", Record::Rate),
    ("price_list", Record::Price),
    ("users", Record::User),
    ("calendars", Record::Calendar),
    ("role_accounts", Record::RoleAccount),
    ("fee_plans", Record::FeePlan),
];

/// Members that are one record, named like the member.
const SINGLES: [(&str, Record); 15] = [
    ("rounding", Record::Rounding),
    ("usage", Record::Usage),
    ("proration", Record::Proration),
    ("writeoff", Record::WriteOff),
    ("recon", Record::Reconciliation),
    ("fee_plan", Record::FeePlan),
    ("reserve", Record::Reserve),
    ("approval_policy", Record::Policy),
    ("screening", Record::Screening),
    ("pan_policy", Record::PanPolicy),
    ("retention", Record::Retention),
    ("last_document", Record::Retention),
    ("unique_document_ref", Record::UniqueReference),
    ("legs_max", Record::LegsMax),
    ("calendar", Record::BookCalendar),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesRow {
    next: Option<u64>,
    width: Option<u8>,
}

/// Turn one member into effects.
pub(super) fn compile(name: &str, value: &RawJson, setup: &mut Setup) -> Result<(), SetupFault> {
    if name == "series" {
        return series(value, setup);
    }
    if let Some((_, record)) = MAPS.iter().find(|(known, _)| *known == name) {
        return map(name, *record, value, setup);
    }
    if let Some((_, record)) = SINGLES.iter().find(|(known, _)| *known == name) {
        return one(name, *record, name, value, setup);
    }
    Err(fault(
        name,
        "a book has no such member; see docs/configuration.md",
    ))
}

fn map(member: &str, record: Record, value: &RawJson, setup: &mut Setup) -> Result<(), SetupFault> {
    let entries: BTreeMap<String, Box<serde_json::value::RawValue>> =
        value.read().map_err(|what| fault(member, what))?;
    for (name, value) in entries {
        one(
            &format!("{member}.{name}"),
            record,
            &name,
            &RawJson::new(value.get()),
            setup,
        )?;
    }
    Ok(())
}

fn one(
    member: &str,
    record: Record,
    name: &str,
    value: &RawJson,
    setup: &mut Setup,
) -> Result<(), SetupFault> {
    Reference::check(record, value).map_err(|what| fault(member, what))?;
    setup.effects.push(Effect::Reference {
        record,
        name: name.into(),
        valid_from: None,
        value: value.clone(),
    });
    Ok(())
}

fn series(value: &RawJson, setup: &mut Setup) -> Result<(), SetupFault> {
    let rows: BTreeMap<String, SeriesRow> = value.read().map_err(|what| fault("series", what))?;
    for (name, row) in rows {
        let (next, width) = (
            row.next.unwrap_or(1),
            row.width.unwrap_or(SERIES_WIDTH_DEFAULT),
        );
        if next == 0 || !(1..=18).contains(&width) {
            return Err(fault(
                format!("series.{name}"),
                "next is 1 or more, width 1 to 18",
            ));
        }
        setup.effects.push(Effect::Series {
            name: name.into(),
            next,
            width,
        });
    }
    Ok(())
}
