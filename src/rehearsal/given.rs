//! What stands in a book before its first job: units, accounts with openings, reference data, documents.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::case::{Case, CaseAccount, CaseFault};
use crate::ids::{AccountIndex, EntryNo, UnitIndex};
use crate::ledger::account::{AccountClass, Freeze};
use crate::ledger::effect::{AccountChange, AccountOpened, DocumentChange, Effect, Post};
use crate::ledger::reference::{Record, Reference};
use crate::ledger::value::Members;
use crate::ledger::{DocumentKind, DocumentState, Leg, Side, Value};
use crate::money::currency::currency;
use crate::money::minor::signed_minor;
use crate::money::{Minor, Number};
use crate::raw_json::RawJson;
use crate::time::Date;

/// Openings are dated before every period.
const OPENING_DAY: (i16, i8, i8) = (1899, 12, 31);

/// The beginning of a book, as effects and their legs.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    pub(super) effects: Vec<Effect>,
    pub(super) legs: Vec<Leg>,
    pub(super) functional_unit: Option<String>,
    units: Vec<(String, u8)>,
    accounts: Vec<(String, UnitIndex)>,
}

/// The beginning that a case gives.
pub(super) fn beginning(case: &Case) -> Result<Beginning, CaseFault> {
    let mut beginning = Beginning::default();
    let decimals = own_units(&case.given.accounts)?;
    for (name, account) in &case.given.accounts {
        beginning.account(name, account, &decimals)?;
    }
    for (name, value) in &case.given.config {
        beginning.member(name, value)?;
    }
    Ok(beginning)
}

/// Decimals of the units that are no currencies: the most that an opening of theirs shows.
fn own_units(accounts: &BTreeMap<String, CaseAccount>) -> Result<BTreeMap<&str, u8>, CaseFault> {
    let mut units = BTreeMap::new();
    for (name, account) in accounts {
        let number = number(account.opening.as_deref().unwrap_or("0"), name, "opening")?;
        if currency(&account.unit).is_none() {
            let decimals: &mut u8 = units.entry(account.unit.as_str()).or_default();
            *decimals = number.scale.max(*decimals);
        }
    }
    Ok(units)
}

fn number(text: &str, account: &str, member: &str) -> Result<Number, CaseFault> {
    Number::parse(text).map_err(|_fault| {
        CaseFault::member(
            at_account(account, member),
            format!("{text:?} is no decimal amount"),
        )
    })
}

fn at_account(account: &str, member: &str) -> String {
    format!("/given/accounts/{}/{member}", account.replace('/', "~1"))
}

fn at_config(member: &str) -> String {
    format!("/given/config/{member}")
}

fn read<T: serde::de::DeserializeOwned>(path: &str, value: &Json) -> Result<T, CaseFault> {
    serde_json::from_value(value.clone())
        .map_err(|fault| CaseFault::member(path, fault.to_string()))
}

fn entries<'v>(path: &str, value: &'v Json) -> Result<&'v Map<String, Json>, CaseFault> {
    value
        .as_object()
        .ok_or_else(|| CaseFault::member(path, "expected an object by name"))
}

fn days(text: Option<&str>, path: &str) -> Result<Option<Date>, CaseFault> {
    let day = |text: &str| {
        Date::parse(text).ok_or_else(|| CaseFault::member(path, format!("{text:?} is no date")))
    };
    text.map(day).transpose()
}

/// One of `open_items`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenItem {
    document: String,
    customer: String,
    open: String,
    due: Option<String>,
}

/// One of `invoices`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenInvoice {
    customer: String,
    tax_code: String,
    net: String,
    tax: String,
    gross: String,
    open: String,
    state: String,
}

/// One of `series`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenSeries {
    next: u64,
    width: u8,
}

impl Beginning {
    fn account(
        &mut self,
        name: &str,
        given: &CaseAccount,
        own: &BTreeMap<&str, u8>,
    ) -> Result<(), CaseFault> {
        let decimals = currency(&given.unit).map(|listed| listed.decimals);
        let decimals = decimals.or_else(|| own.get(given.unit.as_str()).copied());
        let decimals = decimals.unwrap_or_default();
        let unit = self.unit(&given.unit, decimals);
        let class = AccountClass::of_text(&given.class).ok_or_else(|| {
            let classes: Vec<_> = AccountClass::ALL.iter().map(|class| class.text()).collect();
            let problem = format!("{:?} is none of {}", given.class, classes.join(", "));
            CaseFault::member(at_account(name, "class"), problem)
        })?;
        let amount = |text: &Option<String>, member: &str| match text {
            None => Ok(None),
            Some(text) => minor(number(text, name, member)?, decimals)
                .map(Some)
                .map_err(|problem| CaseFault::member(at_account(name, member), problem)),
        };
        let change = AccountChange {
            min_available: amount(&given.min_available, "min_available")?,
            max_balance: amount(&given.max_balance, "max_balance")?,
            freeze: given
                .freeze
                .as_deref()
                .map(|text| freeze(text, name))
                .transpose()?,
            ..AccountChange::default()
        };
        let account = self.open(name, unit, class, change);
        let opening = amount(&given.opening, "opening")?.unwrap_or_default();
        if opening != 0 {
            self.opening(account, class, opening, unit, &given.unit);
        }
        Ok(())
    }

    fn unit(&mut self, code: &str, decimals: u8) -> UnitIndex {
        let known = self.units.iter().position(|(known, _)| known == code);
        let place = known.unwrap_or_else(|| {
            self.effects.push(Effect::Unit {
                code: code.into(),
                decimals,
                until: currency(code).and_then(|listed| listed.until),
            });
            self.units.push((code.to_owned(), decimals));
            self.units.len().saturating_sub(1)
        });
        UnitIndex(u16::try_from(place).unwrap_or(u16::MAX))
    }

    fn open(
        &mut self,
        name: &str,
        unit: UnitIndex,
        class: AccountClass,
        change: AccountChange,
    ) -> AccountIndex {
        let known = self.accounts.iter().position(|(known, _)| known == name);
        let place = known.unwrap_or_else(|| {
            let opened = AccountOpened {
                name: name.into(),
                unit,
                class,
                change,
            };
            self.effects.push(Effect::AccountOpened(Box::new(opened)));
            self.accounts.push((name.to_owned(), unit));
            self.accounts.len().saturating_sub(1)
        });
        AccountIndex(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// Book an opening on the account's normal side against `opening/<unit>`.
    fn opening(
        &mut self,
        account: AccountIndex,
        class: AccountClass,
        opening: Minor,
        unit: UnitIndex,
        code: &str,
    ) {
        let name = format!("opening/{code}");
        let against = self.open(&name, unit, AccountClass::Equity, AccountChange::default());
        let normal = (class.normal_side() == Side::Debit) == (opening > 0);
        let (debited, credited) = if normal {
            (account, against)
        } else {
            (against, account)
        };
        // A leg's range was checked when the opening was read.
        let amount = i64::try_from(opening.abs()).unwrap_or(i64::MAX);
        let start = u32::try_from(self.legs.len()).unwrap_or(u32::MAX);
        self.legs.push(Leg::debit(debited, amount));
        self.legs.push(Leg::credit(credited, amount));
        let (year, month, day) = OPENING_DAY;
        let day = Date::new(year, month, day).unwrap_or(Date::from_days(0));
        self.effects.push(Effect::Post(Post {
            number: EntryNo(0),
            booking_date: day,
            value_date: day,
            legs: start..start.saturating_add(2),
            reverses: None,
            owned: false,
            opening: true,
            general_reversal: false,
            document_ref: None,
        }));
    }

    /// One member of `given.config`. Members of kinds that are not built yet are kept as records or, if
    /// no record holds them, left out: the case that needs them names their kind.
    fn member(&mut self, name: &str, value: &Json) -> Result<(), CaseFault> {
        let path = at_config(name);
        match name {
            "functional_unit" => self.functional_unit = Some(read(&path, value)?),
            "taxes" => self.records(Record::Tax, &path, value)?,
            "price_list" => self.records(Record::Price, &path, value)?,
            "users" => self.records(Record::User, &path, value)?,
            "calendars" => self.records(Record::Calendar, &path, value)?,
            "rates" => self.rates(&path, value)?,
            "series" => self.series(&path, value)?,
            "approval_policy" => self.record(Record::Policy, &path, "approval", None, value)?,
            "open_items" => self.open_items(&path, value)?,
            "invoices" => self.invoices(&path, value)?,
            "subscriptions" | "last_document" | "personal_text" => {}
            other => {
                let record = Record::of_text(other).filter(|record| is_single(*record));
                let record = record.ok_or_else(|| {
                    CaseFault::member(
                        path.as_str(),
                        "no book is configured by a member of this name",
                    )
                })?;
                self.record(record, &path, record.text(), None, value)?;
            }
        }
        Ok(())
    }

    fn records(&mut self, record: Record, path: &str, value: &Json) -> Result<(), CaseFault> {
        for (name, value) in entries(path, value)? {
            self.record(record, &format!("{path}/{name}"), name, None, value)?;
        }
        Ok(())
    }

    fn record(
        &mut self,
        record: Record,
        path: &str,
        name: &str,
        valid_from: Option<Date>,
        value: &Json,
    ) -> Result<(), CaseFault> {
        let value = RawJson::new(value.to_string());
        Reference::check(record, &value).map_err(|problem| CaseFault::member(path, problem))?;
        self.effects.push(Effect::Reference {
            record,
            name: name.into(),
            valid_from,
            value,
        });
        Ok(())
    }

    fn rates(&mut self, path: &str, value: &Json) -> Result<(), CaseFault> {
        for (name, versions) in entries(path, value)? {
            let versions: Vec<Json> = read(&format!("{path}/{name}"), versions)?;
            for (at, version) in versions.iter().enumerate() {
                let path = format!("{path}/{name}/{at}");
                let from = version.get("from").and_then(Json::as_str);
                let from = days(from, &path)?;
                self.record(Record::Rate, &path, name, from, version)?;
            }
        }
        Ok(())
    }

    fn series(&mut self, path: &str, value: &Json) -> Result<(), CaseFault> {
        for (name, series) in entries(path, value)? {
            let GivenSeries { next, width } = read(&format!("{path}/{name}"), series)?;
            self.effects.push(Effect::Series {
                name: name.as_str().into(),
                next,
                width,
            });
        }
        Ok(())
    }

    fn open_items(&mut self, path: &str, value: &Json) -> Result<(), CaseFault> {
        let items: Vec<OpenItem> = read(path, value)?;
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}/{at}");
            let (unit, decimals) = self.receivable(&item.customer, &path)?;
            let open = amount(&item.open, decimals, &format!("{path}/open"))?;
            let set = vec![
                ("customer".into(), Value::text(item.customer.clone())),
                ("total".into(), Value::amount(open, decimals)),
                ("payable".into(), Value::amount(open, decimals)),
            ];
            let due = days(item.due.as_deref(), &format!("{path}/due"))?;
            let state = DocumentState::Open;
            self.document(
                &item.document,
                (&item.customer, unit),
                (state, open, due),
                set,
            );
        }
        Ok(())
    }

    fn invoices(&mut self, path: &str, value: &Json) -> Result<(), CaseFault> {
        for (number, invoice) in entries(path, value)? {
            let path = format!("{path}/{number}");
            let given: GivenInvoice = read(&path, invoice)?;
            let (unit, decimals) = self.receivable(&given.customer, &path)?;
            let figure = |text: &str, member: &str| {
                amount(text, decimals, &format!("{path}/{member}"))
                    .map(|minor| Value::amount(minor, decimals))
            };
            let state = DocumentState::ALL
                .iter()
                .find(|one| one.text() == given.state);
            let state = *state.ok_or_else(|| {
                let problem = format!("no document has the state {:?}", given.state);
                CaseFault::member(format!("{path}/state"), problem)
            })?;
            let group = vec![
                ("tax".into(), Value::text(given.tax_code.clone())),
                ("base".into(), figure(&given.net, "net")?),
                ("amount".into(), figure(&given.tax, "tax")?),
            ];
            let set = vec![
                ("customer".into(), Value::text(given.customer.clone())),
                ("tax_exclusive".into(), figure(&given.net, "net")?),
                ("tax".into(), Value::List(vec![Value::Object(group)])),
                ("tax_inclusive".into(), figure(&given.gross, "gross")?),
                ("total".into(), figure(&given.gross, "gross")?),
                ("payable".into(), figure(&given.gross, "gross")?),
            ];
            let open = amount(&given.open, decimals, &format!("{path}/open"))?;
            self.document(number, (&given.customer, unit), (state, open, None), set);
        }
        Ok(())
    }

    /// Unit and decimals of a customer's receivable account.
    fn receivable(&self, customer: &str, path: &str) -> Result<(UnitIndex, u8), CaseFault> {
        let name = format!("ar/{customer}");
        let found = self.accounts.iter().find(|(known, _)| *known == name);
        let unit = found.map(|(_, unit)| *unit).ok_or_else(|| {
            CaseFault::member(
                path,
                format!("the customer needs an account {name:?} in given.accounts"),
            )
        })?;
        let decimals = self
            .units
            .get(unit.slot())
            .map_or(0, |(_, decimals)| *decimals);
        Ok((unit, decimals))
    }

    fn document(
        &mut self,
        number: &str,
        (party, unit): (&str, UnitIndex),
        (state, open, due): (DocumentState, Minor, Option<Date>),
        set: Members,
    ) {
        self.effects.push(Effect::Document(Box::new(DocumentChange {
            number: number.into(),
            kind: DocumentKind::Invoice,
            state,
            version: 1,
            unit,
            party: party.into(),
            due,
            open,
            set,
        })));
    }
}

/// Whether a record stands alone under its own name.
fn is_single(record: Record) -> bool {
    !record.settable()
        || matches!(
            record,
            Record::Rounding | Record::FeePlan | Record::Retention | Record::Policy
        )
}

fn minor(number: Number, decimals: u8) -> Result<Minor, String> {
    signed_minor(number, decimals)
        .map(Minor::from)
        .map_err(|_fault| format!("more than the {decimals} decimals of the unit, or too large"))
}

fn amount(text: &str, decimals: u8, path: &str) -> Result<Minor, CaseFault> {
    Number::parse(text)
        .map_err(|_fault| format!("{text:?} is no decimal amount"))
        .and_then(|number| minor(number, decimals))
        .map_err(|problem| CaseFault::member(path, problem))
}

fn freeze(text: &str, account: &str) -> Result<Freeze, CaseFault> {
    let all = [Freeze::None, Freeze::Debit, Freeze::Credit, Freeze::Both];
    all.into_iter()
        .find(|freeze| freeze.text() == text)
        .ok_or_else(|| {
            let problem = format!("{text:?} is none of none, debit, credit, both");
            CaseFault::member(at_account(account, "freeze"), problem)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(accounts: &str, config: &str) -> Result<Beginning, String> {
        let text = format!(
            r#"{{"title":"a","given":{{"accounts":{{{accounts}}},"config":{{{config}}}}}}}"#
        );
        let case = Case::read(text.as_bytes()).unwrap();
        beginning(&case).map_err(|fault| fault.to_string())
    }

    #[test]
    fn units_of_the_books_own_have_the_decimals_of_their_openings() {
        let begun = given(
            r#""stock/a":{"unit":"KG","class":"asset","opening":"1.5"},
               "stock/b":{"unit":"KG","class":"asset","opening":"0.125"}"#,
            "",
        );
        let begun = begun.unwrap();
        assert_eq!(begun.units, [("KG".to_owned(), 3)]);
        let amounts: Vec<i64> = begun.legs.iter().map(|leg| leg.amount).collect();
        assert_eq!(amounts, [1500, 1500, 125, 125]);
    }

    #[test]
    fn mistakes_name_their_place() {
        let account = |members: &str| format!(r#""a/b":{{"unit":"EUR",{members}}}"#);
        let fault = |accounts: &str, config: &str| given(accounts, config).unwrap_err();
        assert!(
            fault(&account(r#""class":"cash""#), "").starts_with("/given/accounts/a~1b/class: ")
        );
        let precise = account(r#""class":"asset","opening":"1.005""#);
        assert!(fault(&precise, "").starts_with("/given/accounts/a~1b/opening: "));
        assert!(fault("", r#""colour":1"#).starts_with("/given/config/colour: "));
        assert!(fault("", r#""taxes":{"X":{"rate":"7"}}"#).starts_with("/given/config/taxes/X: "));
        let item = r#""open_items":[{"document":"R","customer":"c","open":"1.00"}]"#;
        assert!(fault("", item).contains(r#"needs an account "ar/c""#));
    }
}
