//! Documents: business objects with a number, a state machine and an open amount.
//!
//! A document has a small head that rules work with, and members in the form in which they are
//! shown. A kind keeps further facts of its documents as members, so that a new kind needs no new
//! type here.

use std::collections::{BTreeMap, BTreeSet};

use super::ageing::Ageing;
use super::digest::Canonical;
use super::value::{Members, Value, member};
use crate::ids::UnitIndex;
use crate::money::Minor;
use crate::time::Date;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $number:literal $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $(#[doc = $text] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As it is written outside.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The number under which journals keep it.
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The one of a number kept in a journal.
            pub fn of_number(number: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.number() == number)
            }
        }
    };
}

words! {
    /// What kind of business object a document is: the whole catalogue's list.
    DocumentKind {
        Invoice = 1 "invoice";
        CreditNote = 2 "credit_note";
        Payment = 3 "payment";
        Approval = 4 "approval";
        Instruction = 5 "settlement_instruction";
        Cycle = 6 "netting_cycle";
        Obligation = 7 "netting_obligation";
        Schedule = 8 "schedule";
        Dunning = 9 "dunning";
        Payout = 10 "payout";
        Charge = 11 "charge";
        Statement = 12 "statement";
        StatementLine = 13 "statement_line";
        Subscription = 14 "subscription";
        Contract = 15 "contract";
        Subject = 16 "subject";
        Usage = 17 "usage";
        Rate = 18 "rate";
    }
}

words! {
    /// The states of all documents; each kind of document uses some of them.
    DocumentState {
        Open = 1 "open";
        PartlyPaid = 2 "partly_paid";
        Paid = 3 "paid";
        Credited = 4 "credited";
        WrittenOff = 5 "written_off";
        Applied = 6 "applied";
        Allocated = 7 "allocated";
        PartlyAllocated = 8 "partly_allocated";
        Unallocated = 9 "unallocated";
        Pending = 10 "pending";
        Failing = 11 "failing";
        PartiallySettled = 12 "partially_settled";
        Settled = 13 "settled";
        Cancelled = 14 "cancelled";
        Approved = 15 "approved";
        Rejected = 16 "rejected";
        Expired = 17 "expired";
        Active = 18 "active";
        Ended = 19 "ended";
        Erased = 20 "erased";
    }
}

impl DocumentKind {
    /// Whether two documents may not have the same name.
    pub fn shares_names_with(self, other: Self) -> bool {
        self.register() == other.register()
    }

    fn register(self) -> Register {
        match self {
            Self::Subscription => Register::Subscriptions,
            Self::Contract => Register::Contracts,
            Self::Usage => Register::Usage,
            Self::Rate => Register::Rates,
            Self::Invoice
            | Self::CreditNote
            | Self::Payment
            | Self::Approval
            | Self::Instruction
            | Self::Cycle
            | Self::Obligation
            | Self::Schedule
            | Self::Dunning
            | Self::Payout
            | Self::Charge
            | Self::Statement
            | Self::StatementLine
            | Self::Subject => Register::Numbered,
        }
    }
}

/// Where a name stands for one document only. What producers name themselves never takes the place
/// of a number that a series will give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Register {
    /// Numbers of series, and those that the configuration brought.
    Numbered,
    /// Subscriptions, by the producer's names.
    Subscriptions,
    /// Contracts, by the producer's names.
    Contracts,
    /// Usage that was rated, and what counts it.
    Usage,
    /// The rates that jobs were posted at, by their pairs.
    Rates,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// Where it stands.
    pub state: DocumentState,
    /// Counts its changes from 1.
    pub version: u32,
    /// Unit of its amounts.
    pub unit: UnitIndex,
    /// Customer, merchant or party it belongs to; empty if none.
    pub party: Box<str>,
    /// When it is due.
    pub due: Option<Date>,
    /// What is still open on it (invoices) or unallocated (payments).
    pub open: Minor,
    /// Everything shown, and the facts of the kind.
    pub members: Members,
}

impl Document {
    /// The value of a member.
    pub fn member(&self, name: &str) -> Option<&Value> {
        member(&self.members, name)
    }

    /// The minor units of a member; zero if it is not there.
    pub fn minor(&self, name: &str) -> Minor {
        self.member(name).and_then(Value::minor).unwrap_or_default()
    }

    /// The count in a member; zero if it is not there.
    pub fn count(&self, name: &str) -> i64 {
        match self.member(name) {
            Some(Value::Int(count)) => *count,
            Some(_) | None => 0,
        }
    }

    /// The text of a member; empty if it is not there.
    pub fn text(&self, name: &str) -> &str {
        match self.member(name) {
            Some(Value::Text(text)) => text,
            Some(_) | None => "",
        }
    }

    /// Whether it is of a kind that customers pay.
    pub fn is_receivable(&self) -> bool {
        matches!(
            self.kind,
            DocumentKind::Invoice | DocumentKind::Dunning | DocumentKind::Charge
        )
    }

    pub(super) fn is_open_item(&self) -> bool {
        self.is_receivable()
            && matches!(self.state, DocumentState::Open | DocumentState::PartlyPaid)
    }

    fn is_unbilled(&self) -> bool {
        self.kind == DocumentKind::Usage && self.state == DocumentState::Open
    }

    fn fact(&self, number: &str) -> u128 {
        let mut form = Canonical::fact("document");
        form.text(number)
            .number(self.kind.number())
            .number(self.state.number());
        form.number(self.version)
            .number(self.open)
            .text(&self.party);
        form.number(self.due.map_or(i32::MIN, Date::days));
        for (name, value) in &self.members {
            form.text(name);
            write_value(&mut form, value);
        }
        form.finish()
    }
}

fn write_value(form: &mut Canonical, value: &Value) {
    match value {
        Value::Bool(flag) => form.number(1).number(u8::from(*flag)),
        Value::Int(count) => form.number(2).number(*count),
        Value::Text(text) => form.number(3).text(text),
        Value::Amount { minor, decimals } => form.number(4).number(*minor).number(*decimals),
        Value::Date(date) => form.number(5).number(date.days()),
        Value::List(values) => {
            form.number(6)
                .number(i128::try_from(values.len()).unwrap_or(i128::MAX));
            values.iter().for_each(|value| write_value(form, value));
            form
        }
        Value::Object(members) => {
            form.number(7)
                .number(i128::try_from(members.len()).unwrap_or(i128::MAX));
            for (name, value) in members {
                form.text(name);
                write_value(form, value);
            }
            form
        }
    };
}

/// Place of an open item among those of its customer: due date, then document number.
type OpenItem = (Box<str>, Option<Date>, Box<str>);

/// Documents by the names of one register.
type Table = BTreeMap<Box<str>, Document>;

/// The documents of a book by number.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    numbered: Table,
    subscriptions: Table,
    contracts: Table,
    usage: Table,
    rates: Table,
    open_items: BTreeSet<OpenItem>,
    /// Usage that no invoice has yet: customer and number.
    unbilled: BTreeSet<(Box<str>, Box<str>)>,
    /// Numbers of receivables by their structured form; none where two share a form.
    structured: BTreeMap<Box<str>, Option<Box<str>>>,
    counts: BTreeMap<(DocumentKind, DocumentState), u64>,
    ageing: Ageing,
}

impl Documents {
    /// How many documents of a kind stand in a state.
    pub fn count(&self, kind: DocumentKind, state: DocumentState) -> u64 {
        self.counts.get(&(kind, state)).copied().unwrap_or_default()
    }

    /// What is open, by unit and day.
    pub fn ageing(&self) -> &Ageing {
        &self.ageing
    }

    /// The document of a number that a series gave, or that the configuration brought.
    pub fn get(&self, number: &str) -> Option<&Document> {
        self.numbered.get(number)
    }

    /// The document that has a name of those of a kind.
    pub fn holder(&self, kind: DocumentKind, name: &str) -> Option<&Document> {
        self.table(kind.register()).get(name)
    }

    /// The document of a kind and a name.
    pub fn of_kind(&self, kind: DocumentKind, name: &str) -> Option<&Document> {
        self.holder(kind, name)
            .filter(|document| document.kind == kind)
    }

    /// All documents of a name: the numbered one first.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Document> {
        self.tables().filter_map(move |table| table.get(name))
    }

    fn table(&self, register: Register) -> &Table {
        match register {
            Register::Numbered => &self.numbered,
            Register::Subscriptions => &self.subscriptions,
            Register::Contracts => &self.contracts,
            Register::Usage => &self.usage,
            Register::Rates => &self.rates,
        }
    }

    fn table_mut(&mut self, register: Register) -> &mut Table {
        match register {
            Register::Numbered => &mut self.numbered,
            Register::Subscriptions => &mut self.subscriptions,
            Register::Contracts => &mut self.contracts,
            Register::Usage => &mut self.usage,
            Register::Rates => &mut self.rates,
        }
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        let all = [
            &self.numbered,
            &self.subscriptions,
            &self.contracts,
            &self.usage,
            &self.rates,
        ];
        all.into_iter()
    }

    /// The document of a number, with the number as the book keeps it.
    pub fn find(&self, number: &str) -> Option<(&str, &Document)> {
        self.numbered
            .get_key_value(number)
            .map(|(number, document)| (&**number, document))
    }

    /// The receivable whose number has these letters and digits, in upper case; none if several do.
    pub fn by_structured_form(&self, form: &str) -> Option<(&str, &Document)> {
        self.structured
            .get(form)
            .and_then(Option::as_deref)
            .and_then(|number| self.find(number))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tables().map(BTreeMap::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tables().all(BTreeMap::is_empty)
    }

    /// All documents in order of their numbers; those that producers name come behind.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.tables()
            .flatten()
            .map(|(number, document)| (&**number, document))
    }

    /// The open items of a customer: by due date, then by number; those without due date first.
    pub fn open_items<'a>(
        &'a self,
        customer: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Document)> {
        let first: OpenItem = (customer.into(), None, "".into());
        self.open_items
            .range(first..)
            .take_while(move |(party, ..)| &**party == customer)
            .filter_map(|(_, _, number)| Some((&**number, self.numbered.get(number)?)))
    }

    /// The usage of a customer that no invoice has yet, by number.
    pub fn unbilled_usage<'a>(
        &'a self,
        customer: &str,
    ) -> impl Iterator<Item = (&'a str, &'a Document)> {
        let first: (Box<str>, Box<str>) = (customer.into(), "".into());
        let customer: Box<str> = customer.into();
        self.unbilled
            .range(first..)
            .take_while(move |(party, _)| *party == customer)
            .filter_map(|(_, number)| Some((&**number, self.usage.get(number)?)))
    }

    /// Put a document in its place and return the facts that went and came.
    pub(super) fn put(&mut self, number: &str, document: Document) -> (Option<u128>, u128) {
        let register = document.kind.register();
        let before = self.table_mut(register).remove(number).map(|old| {
            self.open_items
                .remove(&(old.party.clone(), old.due, number.into()));
            self.ageing.remove(&old);
            let count = self.counts.entry((old.kind, old.state)).or_default();
            *count = count.saturating_sub(1);
            if old.is_unbilled() {
                self.unbilled.remove(&(old.party.clone(), number.into()));
            }
            old.fact(number)
        });
        if before.is_none() && document.is_receivable() {
            self.structured
                .entry(structured_form(number))
                .and_modify(|shared| *shared = None)
                .or_insert_with(|| Some(number.into()));
        }
        if document.is_open_item() {
            self.open_items
                .insert((document.party.clone(), document.due, number.into()));
        }
        self.ageing.add(&document);
        let count = self.counts.entry((document.kind, document.state));
        let count = count.or_default();
        *count = count.saturating_add(1);
        if document.is_unbilled() {
            self.unbilled
                .insert((document.party.clone(), number.into()));
        }
        let after = document.fact(number);
        self.table_mut(register).insert(number.into(), document);
        (before, after)
    }
}

/// A number as a structured reference can carry it: letters and digits only, in upper case.
fn structured_form(number: &str) -> Box<str> {
    let kept = number.chars().filter(char::is_ascii_alphanumeric);
    let form: String = kept.map(|letter| letter.to_ascii_uppercase()).collect();
    form.into()
}
