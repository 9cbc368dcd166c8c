//! What a job did to a book: the primitives of the kernel, as journaled and as replayed.
//!
//! A plan is a list of effects to be; the engine numbers its entries, checks it and applies it
//! whole. Replay applies the same effects and never runs a rule again.

use std::ops::Range;

use super::account::{AccountClass, Freeze};
use super::commit::Envelope;
use super::document::{DocumentKind, DocumentState};
use super::hold::HoldState;
use super::period::PeriodState;
use super::reference::Record;
use super::value::Members;
use crate::ids::{
    AccountIndex, DueCode, EntryNo, Hash128, KindCode, SchemaVersion, Sequence, UnitIndex,
};
use crate::money::Minor;
use crate::raw_json::RawJson;
use crate::time::{Date, Month, Timestamp};

/// Legs of an effect: a range of the legs that stand beside the effects.
pub type Legs = Range<u32>;

/// What an entry is marked as, for reports and exports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nature {
    /// Nothing particular.
    #[default]
    Plain,
    /// A general reversal (Generalumkehr).
    GeneralReversal,
    /// It puts an earlier entry right.
    Adjustment,
    /// It closes a period: income and expense move to retained earnings.
    Closing,
}

impl Nature {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Plain,
        Self::GeneralReversal,
        Self::Adjustment,
        Self::Closing,
    ];

    /// As it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::GeneralReversal => "general_reversal",
            Self::Adjustment => "adjustment",
            Self::Closing => "closing",
        }
    }

    /// The number under which journals keep it.
    pub const fn number(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::GeneralReversal => 1,
            Self::Adjustment => 2,
            Self::Closing => 3,
        }
    }

    /// The nature of a number kept in a journal.
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|nature| nature.number() == number)
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Its number, given when the plan is admitted; 0 marks openings, which take none.
    pub number: EntryNo,
    /// Booking date: the period.
    pub booking_date: Date,
    /// Value date of all legs that have none of their own.
    pub value_date: Date,
    /// The legs.
    pub legs: Legs,
    /// The entry this one mirrors.
    pub reverses: Option<EntryNo>,
    /// Whether a document owns the entry, so that only the document's own jobs may undo it.
    pub owned: bool,
    /// Whether it opens a book: dated before every period, without number.
    pub opening: bool,
    /// What it is marked as.
    pub nature: Nature,
    /// Reference to a document outside.
    pub document_ref: Option<Box<str>>,
}

/// A hold as it is placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldPlaced {
    /// Number of the hold.
    pub number: Box<str>,
    /// The legs.
    pub legs: Legs,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// The document whose own jobs alone may end it.
    pub owner: Option<Box<str>>,
    /// Reference to a document outside.
    pub document_ref: Option<Box<str>>,
}

/// A job that a document keeps until its time comes: one that waits for approval, one that is
/// repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptJob {
    /// Its kind.
    pub kind: KindCode,
    /// Its key; of a repeated one the key that its runs begin with.
    pub key: Box<str>,
    /// Fingerprint of kind and content.
    pub fingerprint: Hash128,
    /// Content, in binary form with sealed texts.
    pub content: Vec<u8>,
    /// The publisher the broker vouched for.
    pub principal: Option<Box<str>>,
    /// Who acts.
    pub actor: Option<Box<str>>,
}

impl KeptJob {
    /// A job that is kept as it came.
    pub fn of(envelope: &Envelope) -> Self {
        Self {
            kind: envelope.kind,
            key: envelope.key.clone(),
            fingerprint: envelope.fingerprint,
            content: envelope.content.clone(),
            principal: envelope.principal.clone(),
            actor: envelope.actor.clone(),
        }
    }

    /// The job again, as it would have been sent by itself.
    pub fn envelope(&self) -> Envelope {
        Envelope {
            key: self.key.clone(),
            kind: self.kind,
            schema_version: SchemaVersion(1),
            fingerprint: self.fingerprint,
            // There has been one rule so far.
            fingerprint_rule: 1,
            content: self.content.clone(),
            sealed: false,
            principal: self.principal.clone(),
            actor: self.actor.clone(),
            reply: None,
            traceparent: None,
            occurred_at: None,
        }
    }

    /// What an approval is given to: the job's key, kind and content. The fingerprint in it is a
    /// keyed hash, so nobody can try out which amount gave a digest.
    pub fn digest(&self) -> Hash128 {
        let mut hasher = blake3::Hasher::new();
        let content = u64::try_from(self.content.len()).unwrap_or(u64::MAX);
        hasher.update(&self.kind.0.to_le_bytes());
        hasher.update(&self.fingerprint.0.to_le_bytes());
        hasher.update(&content.to_le_bytes()).update(&self.content);
        hasher.update(self.key.as_bytes());
        Hash128::first_half(hasher.finalize().as_bytes())
    }
}

/// What an account is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountOpened {
    /// Name.
    pub name: Box<str>,
    /// Unit.
    pub unit: UnitIndex,
    /// Class.
    pub class: AccountClass,
    /// The rest, as a change.
    pub change: AccountChange,
}

/// Changes of an account's record; what is none stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// Lower limit of available.
    pub min_available: Option<Minor>,
    /// Upper limit of exposure.
    pub max_balance: Option<Minor>,
    /// Frozen sides.
    pub freeze: Option<Freeze>,
    /// Labels, as a whole.
    pub labels: Option<Vec<(String, String)>>,
    /// Sealed personal text.
    pub text: Option<Vec<u8>>,
    /// Closed for ever.
    pub closed: bool,
}

/// A change of a document; a document that is not there begins with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentChange {
    /// Number.
    pub number: Box<str>,
    /// Kind.
    pub kind: DocumentKind,
    /// State after the change.
    pub state: DocumentState,
    /// Version after the change.
    pub version: u32,
    /// Unit.
    pub unit: UnitIndex,
    /// Customer, merchant or party.
    pub party: Box<str>,
    /// When it is due.
    pub due: Option<Date>,
    /// Open amount after the change.
    pub open: Minor,
    /// Members set by the change; the others stay.
    pub set: Members,
}

/// One primitive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A unit of the book's own, or a currency when it is first used.
    Unit {
        /// Code.
        code: Box<str>,
        /// Decimals.
        decimals: u8,
        /// Last day of posting.
        until: Option<Date>,
    },
    /// POST: an entry.
    Post(Post),
    /// HOLD: legs held.
    Hold(Box<HoldPlaced>),
    /// The held side of TAKE, and DROP: legs given back, in the order of the hold's legs.
    Release {
        /// Number of the hold.
        number: Box<str>,
        /// The amounts given back; a leg of zero is written as absent by its amount 0.
        legs: Legs,
        /// State of the hold afterwards.
        state: HoldState,
    },
    /// NUMBER: the next number of a series was taken.
    Number {
        /// Name of the series.
        series: Box<str>,
        /// The number taken.
        number: u64,
    },
    /// DOC: a document changed.
    Document(Box<DocumentChange>),
    /// REF on an account: opened.
    AccountOpened(Box<AccountOpened>),
    /// REF on an account: changed.
    AccountChanged {
        /// The account.
        account: AccountIndex,
        /// What changed.
        change: Box<AccountChange>,
    },
    /// REF: a reference record got a version.
    Reference {
        /// Type of the record.
        record: Record,
        /// Name.
        name: Box<str>,
        /// From when it holds.
        valid_from: Option<Date>,
        /// Value, canonical JSON.
        value: RawJson,
    },
    /// A series was configured.
    Series {
        /// Name.
        name: Box<str>,
        /// The next number.
        next: u64,
        /// Digits.
        width: u8,
    },
    /// A month changed its state.
    Period {
        /// The month.
        month: Month,
        /// Its state.
        state: PeriodState,
    },
    /// A natural key is taken.
    NaturalKey(Hash128),
    /// An entry was reversed.
    Reversed {
        /// The entry.
        entry: EntryNo,
        /// The entry that reverses it.
        by: EntryNo,
    },
    /// An alarm was set, moved or cleared.
    Alarm {
        /// What is to be done when it rings.
        work: DueCode,
        /// What it is about.
        about: Box<str>,
        /// When it rings; none clears it.
        at: Option<Timestamp>,
    },
    /// A document keeps a job, or lets it go.
    Keep {
        /// Number of the document.
        document: Box<str>,
        /// The job.
        job: Option<Box<KeptJob>>,
    },
    /// What a snapshot carries over because no other effect can say it; no job has it.
    Carried(Carried),
}

/// Totals and counts that many effects made, carried over as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// An account's four counters and the version of its record.
    Account {
        /// The account.
        account: AccountIndex,
        /// Debits and credits posted, debits and credits held.
        counters: [Minor; 4],
        /// Version of the record; 0 if it was never changed.
        version: u32,
    },
    /// A series.
    Series {
        /// Name.
        name: Box<str>,
        /// The next number.
        next: u64,
        /// Digits.
        width: u8,
        /// The first number ever given.
        first: u64,
        /// Whether the book lists its series, so that others are unknown.
        listed: bool,
    },
    /// A month that holds entries and is not closed.
    Month {
        /// The month.
        month: Month,
        /// What income and expense accounts moved in it: debits less credits.
        moved: Vec<(AccountIndex, Minor)>,
    },
    /// The book's own numbers.
    Book {
        /// The next entry.
        next_entry: EntryNo,
        /// The next outcome.
        next_sequence: Sequence,
    },
}

impl Effect {
    /// The effect for a list of legs in which its own stand so much further behind.
    #[must_use]
    pub fn shifted(mut self, by: u32) -> Self {
        if let Some(legs) = self.legs_mut() {
            *legs = legs.start.saturating_add(by)..legs.end.saturating_add(by);
        }
        self
    }

    /// The range of its legs, if it has legs.
    pub fn legs_mut(&mut self) -> Option<&mut Legs> {
        match self {
            Self::Post(post) => Some(&mut post.legs),
            Self::Hold(hold) => Some(&mut hold.legs),
            Self::Release { legs, .. } => Some(legs),
            Self::Unit { .. }
            | Self::Number { .. }
            | Self::Document(_)
            | Self::AccountOpened(_)
            | Self::AccountChanged { .. }
            | Self::Reference { .. }
            | Self::Series { .. }
            | Self::Period { .. }
            | Self::NaturalKey(_)
            | Self::Reversed { .. }
            | Self::Alarm { .. }
            | Self::Keep { .. }
            | Self::Carried(_) => None,
        }
    }

    /// Mark the entry, if this is one.
    pub fn mark(&mut self, nature: Nature) {
        if let Self::Post(post) = self {
            post.nature = nature;
        }
    }

    /// The entry, if this is one.
    pub fn as_post(&self) -> Option<&Post> {
        if let Self::Post(post) = self {
            Some(post)
        } else {
            None
        }
    }

    /// Code of the unit, if this brings one in.
    pub fn as_unit(&self) -> Option<&str> {
        if let Self::Unit { code, .. } = self {
            Some(code)
        } else {
            None
        }
    }
}
