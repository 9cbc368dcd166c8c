//! Reference data: versioned records that rules look up, journaled like everything else.
//!
//! A record is a type, a name and a JSON value; setting it again adds a version. The records that
//! rules ask often are kept in typed form beside the list.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::policy::{self, Rule};
use super::records;
use super::shape::{Node, ShapeFault};
use crate::limits::LEGS_MAX;
use crate::money::{Number, Percent, Price, Quantity, Rounding};
use crate::raw_json::RawJson;
use crate::time::Date;

macro_rules! records {
    ($($variant:ident = $number:literal $text:literal $settable:literal;)*) => {
        /// The types of reference records.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Record { $(#[doc = $text] $variant,)* }

        impl Record {
            /// All types.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As it is written outside.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The number under which journals keep it.
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)* }
            }

            /// Whether `reference.set` may set it; the others stand in the configuration only.
            pub const fn settable(self) -> bool {
                match self { $(Self::$variant => $settable,)* }
            }

            /// The type of its text.
            pub fn of_text(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|record| record.text() == text)
            }

            /// The type of a number kept in a journal.
            pub fn of_number(number: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|record| record.number() == number)
            }
        }
    };
}

records! {
    Tax = 1 "tax" true;
    Rate = 2 "rate" true;
    Price = 3 "price" true;
    Calendar = 4 "calendar" true;
    Series = 5 "series" true;
    RoleAccount = 6 "role_account" true;
    Policy = 7 "policy" true;
    User = 8 "user" true;
    FeePlan = 9 "fee_plan" true;
    Retention = 10 "retention" true;
    Rounding = 11 "rounding" true;
    Usage = 12 "usage" false;
    Proration = 13 "proration" false;
    WriteOff = 14 "writeoff" false;
    Reconciliation = 15 "recon" false;
    Reserve = 16 "reserve" false;
    Screening = 17 "screening" false;
    PanPolicy = 18 "pan_policy" false;
    UniqueReference = 19 "unique_document_ref" false;
    LegsMax = 20 "legs_max" false;
    BookCalendar = 21 "book_calendar" false;
    LastDocument = 22 "last_document" false;
    RateGuard = 23 "rate_guard" false;
    HardClose = 24 "hard_close" false;
    HoldDays = 25 "hold_days" false;
    Allowances = 26 "allowances" false;
}

/// One version of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Counted from 1.
    pub number: u32,
    /// From when it holds; none from the beginning.
    pub valid_from: Option<Date>,
    /// The value, canonical JSON.
    pub value: RawJson,
}

/// A tax code ready for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxCode {
    /// Category of EN 16931.
    pub category: Box<str>,
    /// Rate in percent.
    pub rate: Percent,
    /// The rate as written, which default accounts carry in their names.
    pub rate_text: Box<str>,
    /// Why no tax is due.
    pub reason: Option<Box<str>>,
    /// First day.
    pub from: Option<Date>,
    /// Last day.
    pub to: Option<Date>,
    /// Account of the tax leg.
    pub account: Option<Box<str>>,
    /// Account of the revenue leg.
    pub revenue: Option<Box<str>>,
}

/// How a quantity is priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceModel {
    /// One price for each.
    PerUnit,
    /// One price for each package begun.
    Package,
    /// Each tier has its price.
    Graduated,
    /// One price for all, by the tier that the quantity ends in.
    Volume,
}

impl PriceModel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::PerUnit, Self::Package, Self::Graduated, Self::Volume];

    /// As it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::PerUnit => "per_unit",
            Self::Package => "package",
            Self::Graduated => "graduated",
            Self::Volume => "volume",
        }
    }
}

/// A tier of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The last quantity in it; none for the last tier. Of a package, what is in it.
    pub up_to: Option<Quantity>,
    /// Price of one, or of one package.
    pub price: Price,
    /// Fee for the tier as a whole.
    pub flat: Option<Price>,
}

/// An item of the price list ready for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceItem {
    /// Currency of its prices.
    pub currency: Box<str>,
    /// How quantities are priced.
    pub model: PriceModel,
    /// Its tiers, one at least.
    pub tiers: Vec<Tier>,
    /// Quantity that costs nothing.
    pub included: Option<Quantity>,
    /// The least that any usage costs.
    pub minimum: Option<Price>,
    /// Tax code of its sales; none if they are not taxed.
    pub tax: Option<Box<str>>,
    /// Account of the revenue leg.
    pub revenue: Option<Box<str>>,
}

/// A rate as its record lists it.
#[derive(Deserialize)]
struct Listed {
    from: String,
    rate: String,
}

/// The account of a role.
#[derive(Deserialize)]
struct Named {
    account: String,
}

/// What happens with texts that seem to hold card numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PanPolicy {
    /// The job is refused.
    #[default]
    Reject,
    /// The digits are masked before the text is sealed.
    Mask,
    /// Nothing.
    Off,
}

/// Versions in order of their first day, by name.
type Dated<T> = BTreeMap<Box<str>, Vec<(Option<Date>, T)>>;

/// The reference data of a book.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    records: BTreeMap<(Record, Box<str>), Vec<Version>>,
    taxes: Dated<TaxCode>,
    users: Dated<Vec<String>>,
    policies: Dated<Vec<Rule>>,
    rounding: Rounding,
    pan_policy: PanPolicy,
    legs_max: Option<usize>,
    /// Accounts by the roles that rules post to.
    roles: BTreeMap<Box<str>, Box<str>>,
}

/// The version of a list that holds on a date: the last one whose start is not later.
fn valid<T>(versions: &[(Option<Date>, T)], on: Date) -> Option<&T> {
    versions
        .iter()
        .rev()
        .find(|(from, _)| from.is_none_or(|from| from <= on))
        .map(|(_, one)| one)
}

impl Reference {
    /// All versions of a record.
    pub fn versions(&self, record: Record, name: &str) -> &[Version] {
        self.records
            .get(&(record, name.into()))
            .map_or(&[], Vec::as_slice)
    }

    /// The value of a record that holds on a date.
    pub fn value(&self, record: Record, name: &str, on: Date) -> Option<&RawJson> {
        let holds = |version: &&Version| version.valid_from.is_none_or(|from| from <= on);
        self.versions(record, name)
            .iter()
            .rev()
            .find(holds)
            .map(|version| &version.value)
    }

    /// Whether any record of a type is set.
    pub fn has_any(&self, record: Record) -> bool {
        self.records
            .range((record, "".into())..)
            .next()
            .is_some_and(|((first, _), _)| *first == record)
    }

    /// All records in order.
    pub fn iter(&self) -> impl Iterator<Item = (Record, &str, &[Version])> {
        self.records
            .iter()
            .map(|((record, name), versions)| (*record, &**name, versions.as_slice()))
    }

    /// The tax code as it stands on a date, whether or not the code itself is valid then.
    pub fn tax(&self, code: &str, on: Date) -> Option<&TaxCode> {
        let versions = self.taxes.get(code)?;
        valid(versions, on).or_else(|| versions.first().map(|(_, code)| code))
    }

    /// The item of the price list as it stands on a date.
    pub fn price(&self, item: &str, on: Date) -> Option<PriceItem> {
        let value = self.value(Record::Price, item, on)?;
        // Its shape was checked when it came in.
        records::price(&Node::new(value.clone(), "")).ok()
    }

    /// The rates of a name as they are known on a day, by their first days.
    pub fn listed_rates(&self, name: &str, on: Date) -> Vec<(Date, Number)> {
        let listed = self.value(Record::Rate, name, on);
        let listed = listed.and_then(|value| value.read::<Vec<Listed>>().ok());
        let read = |one: &Listed| Some((Date::parse(&one.from)?, Number::parse(&one.rate).ok()?));
        let mut rates: Vec<(Date, Number)> =
            listed.unwrap_or_default().iter().filter_map(read).collect();
        rates.sort_by_key(|(first, _)| *first);
        rates
    }

    /// The one record of a type that a book has one of.
    pub fn single(&self, record: Record, on: Date) -> Option<&RawJson> {
        let mut records = self.records.range((record, "".into())..);
        let ((known, name), _) = records.next()?;
        (*known == record)
            .then(|| self.value(record, name, on))
            .flatten()
    }

    /// The roles of a user on a date.
    pub fn roles(&self, user: &str, on: Date) -> &[String] {
        let versions = self.users.get(user);
        let roles = versions.and_then(|versions| valid(versions, on));
        roles.map_or(&[], Vec::as_slice)
    }

    /// Whether a user has a role on a date.
    pub fn has_role(&self, user: &str, role: &str, on: Date) -> bool {
        self.roles(user, on).iter().any(|known| known == role)
    }

    /// Whether an approval policy was ever set.
    pub fn has_policy(&self) -> bool {
        !self.policies.is_empty()
    }

    /// The rules of all approval policies as they stand on a date, in order.
    pub fn rules(&self, on: Date) -> impl Iterator<Item = &Rule> {
        let policies = self.policies.values();
        policies
            .filter_map(move |versions| valid(versions, on))
            .flatten()
    }

    /// Whether users with roles are configured.
    pub fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// The book's rounding of taxes and invoices.
    pub fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// What happens with card numbers in texts.
    pub fn pan_policy(&self) -> PanPolicy {
        self.pan_policy
    }

    /// The account that the records name for a role, if they name one.
    pub fn role_account(&self, role: &str) -> Option<&str> {
        self.roles.get(role).map(|account| &**account)
    }

    /// The account of a role that is called like its default account.
    pub fn role<'r>(&'r self, default: &'r str) -> &'r str {
        self.role_account(default).unwrap_or(default)
    }

    /// Most legs of an entry and lines of a document.
    pub fn legs_max(&self) -> usize {
        self.legs_max.unwrap_or(LEGS_MAX)
    }

    /// Whether a value has the shape of its record type; if not, where and why.
    pub fn check(record: Record, value: &RawJson) -> Result<(), ShapeFault> {
        records::check(record, value)
    }

    pub(super) fn set(
        &mut self,
        record: Record,
        name: &str,
        version: Version,
    ) -> Result<(), String> {
        let from = version.valid_from;
        match record {
            Record::Tax => {
                let node = Node::new(version.value.clone(), "");
                let code = records::tax_code(&node).map_err(|fault| fault.to_string())?;
                let versions = self.taxes.entry(name.into()).or_default();
                versions.push((from, code));
                versions.sort_by_key(|(from, _)| *from);
            }
            Record::User => {
                let roles = version.value.read::<Vec<String>>()?;
                let versions = self.users.entry(name.into()).or_default();
                versions.push((from, roles));
                versions.sort_by_key(|(from, _)| *from);
            }
            Record::Policy => {
                let node = Node::new(version.value.clone(), "");
                let rules = policy::rules(&node).map_err(|fault| fault.to_string())?;
                let versions = self.policies.entry(name.into()).or_default();
                versions.push((from, rules));
                versions.sort_by_key(|(from, _)| *from);
            }
            Record::Rounding => self.rounding = version.value.read()?,
            Record::PanPolicy => self.pan_policy = version.value.read()?,
            Record::LegsMax => self.legs_max = Some(version.value.read()?),
            Record::RoleAccount => {
                let named: Named = version.value.read()?;
                self.roles.insert(name.into(), named.account.into());
            }
            Record::Rate
            | Record::Price
            | Record::Calendar
            | Record::Series
            | Record::FeePlan
            | Record::Retention
            | Record::Usage
            | Record::Proration
            | Record::WriteOff
            | Record::Reconciliation
            | Record::Reserve
            | Record::Screening
            | Record::UniqueReference
            | Record::BookCalendar
            | Record::LastDocument
            | Record::RateGuard
            | Record::HardClose
            | Record::HoldDays
            | Record::Allowances => {}
        }
        let versions = self.records.entry((record, name.into())).or_default();
        versions.push(version);
        versions.sort_by_key(|version| (version.valid_from, version.number));
        Ok(())
    }
}
