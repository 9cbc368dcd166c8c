//! What a job asks of the book: effects to be, with the outcome they would have.

use smallvec::SmallVec;

use super::account::Account;
use super::book::Book;
use super::commit::Envelope;
use super::decided::{Decided, Inside};
use super::effect::{DocumentChange, Effect, HoldPlaced, Nature, Post};
use super::hold::{Hold, HoldState};
use super::leg::{Leg, Side};
use super::outcome::Status;
use super::rejection::Rejection;
use super::series::Series;
use super::value::{Members, Name, Value};
use crate::code::Code;
use crate::ids::{AccountIndex, DueCode, EntryNo, Hash128, UnitIndex};
use crate::limits::{BOOKING_DAYS_AHEAD_MAX, ECHO_CHARS_MAX};
use crate::money::Minor;
use crate::time::{Date, DateText, InstantText, Timestamp, TimestampFault};

/// What a rule may know besides the book.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// System time of the batch.
    pub recorded_at: Timestamp,
    /// That instant as a date in the book's zone.
    pub today: Date,
    /// Key of the job.
    pub key: &'a str,
    /// The job as it is journaled, content and all.
    pub envelope: &'a Envelope,
    /// Who acts, vouched for.
    pub actor: Option<&'a str>,
    /// Makes natural keys: a keyed hash of kind and text.
    pub natural: &'a NaturalKeys,
    /// Whether the job was approved, or is only tried for somebody who may approve it.
    pub approved: bool,
    /// What is held for the job until it is decided, and is given back when it is done.
    pub reserved: Option<&'a Hold>,
    /// The job that the job carries inside, if it carries one.
    pub inside: Option<Inside<'a>>,
    /// An entry that the rule asked for by [`crate::jobs::JobKind::entry_needed`]; none if there is
    /// none.
    pub entry: Option<&'a PastEntry>,
    /// What moved on the account that the rule asked for by
    /// [`crate::jobs::JobKind::movements_needed`], by value date, openings included.
    pub movements: Option<&'a [Movement]>,
}

impl Facts<'_> {
    /// What may leave an account, with what is held there for the job itself.
    pub fn available(&self, account: AccountIndex, book: &Book) -> Minor {
        let known = book.accounts().get(account);
        known.map_or(0, Account::available) + self.reserved_on(account, book)
    }

    /// What is held for the job itself and could leave an account.
    pub fn reserved_on(&self, account: AccountIndex, book: &Book) -> Minor {
        let Some((hold, known)) = self.reserved.zip(book.accounts().get(account)) else {
            return 0;
        };
        // What would come was not available before.
        let leaving = known.class.normal_side().opposite();
        let legs = hold.legs.iter();
        let own = legs.filter(|leg| leg.account == account && leg.side == leaving);
        own.map(|leg| Minor::from(leg.rest)).sum()
    }
}

/// Hashes natural keys under a secret of the journal.
#[derive(Clone)]
pub struct NaturalKeys(pub [u8; 32]);

impl std::fmt::Debug for NaturalKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NaturalKeys(…)")
    }
}

impl NaturalKeys {
    /// The hash of a natural key of a kind ("trade", "bank_ref", …) with its parts.
    pub fn hash(&self, book: &str, kind: &str, parts: &[&str]) -> Hash128 {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in [book, kind].iter().chain(parts) {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            hasher.update(&length.to_le_bytes()).update(part.as_bytes());
        }
        Hash128::first_half(hasher.finalize().as_bytes())
    }
}

/// Hash of book and key under a journal's secret: how a key is remembered.
pub fn key_hash(secret: &[u8; 32], book: &str, key: &str) -> Hash128 {
    let mut bytes = SmallVec::<[u8; 256]>::new();
    bytes.extend_from_slice(book.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(key.as_bytes());
    Hash128::first_half(blake3::keyed_hash(secret, &bytes).as_bytes())
}

/// Something of the past that a rule needs to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastNeeded {
    /// An entry.
    Entry(EntryNo),
    /// Everything that moved on an account.
    Movements(AccountIndex),
}

impl std::fmt::Display for PastNeeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entry(entry) => write!(f, "entry {entry}"),
            Self::Movements(account) => write!(f, "the movements of account {account}"),
        }
    }
}

/// What moved on an account on a value date: debits less credits.
pub type Movement = (Date, Minor);

/// An entry of the past, read back from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastEntry {
    /// What was posted.
    pub post: Post,
    /// Its legs.
    pub legs: Vec<Leg>,
}

/// A balance that must hold while a plan is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// The account.
    pub account: AccountIndex,
    /// The balance on its normal side.
    pub balance: i128,
    /// Place in the data.
    pub path: String,
    /// Behind how many effects of the plan it must hold.
    pub effects: usize,
}

/// Effects to be, and the outcome they would have. Kept and cleared between jobs, so that planning
/// an ordinary entry allocates nothing.
#[derive(Debug)]
pub struct Plan {
    /// The effects in the order in which they apply.
    pub effects: Vec<Effect>,
    /// Legs of the effects.
    pub legs: Vec<Leg>,
    /// Status of the outcome.
    pub status: Status,
    /// Booking date shown.
    pub booking_date: Option<Date>,
    /// Value date shown.
    pub value_date: Option<Date>,
    /// Further members of the outcome.
    pub members: Members,
    /// Balances asserted, in the order of the effects behind which they must hold.
    pub asserted: Vec<Asserted>,
    /// Limits are not checked (chargebacks may overdraw a merchant).
    pub waive_limits: bool,
    /// Legs that the engine will post by itself because of this job: nothing now, but what an
    /// approval is asked about.
    pub expected: Vec<Leg>,
    /// A plan that must be admitted as well, and is not applied.
    pub trial: Option<Box<Plan>>,
    /// A kept job whose fate the plan decides.
    pub decided: Option<Box<Decided>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            effects: Vec::new(),
            legs: Vec::new(),
            status: Status::Accepted,
            booking_date: None,
            value_date: None,
            members: Members::new(),
            asserted: Vec::new(),
            waive_limits: false,
            expected: Vec::new(),
            trial: None,
            decided: None,
        }
    }
}

impl Plan {
    /// Forget everything and keep the memory.
    pub fn clear(&mut self) {
        self.effects.clear();
        self.legs.clear();
        self.status = Status::Accepted;
        self.booking_date = None;
        self.value_date = None;
        self.members.clear();
        self.asserted.clear();
        self.waive_limits = false;
        self.expected.clear();
        self.trial = None;
        self.decided = None;
    }

    /// Ask for an entry with these dates; the legs follow by [`Plan::leg`]. The outcome becomes
    /// `posted` and shows the dates of the first entry.
    pub fn post(&mut self, booking_date: Date, value_date: Date) -> &mut Post {
        let place = self.legs_end();
        self.status = Status::Posted;
        self.booking_date.get_or_insert(booking_date);
        self.value_date.get_or_insert(value_date);
        self.effects.push(Effect::Post(Post {
            number: EntryNo(0),
            booking_date,
            value_date,
            legs: place..place,
            reverses: None,
            owned: false,
            opening: false,
            nature: Nature::Plain,
            document_ref: None,
        }));
        self.last_post()
    }

    /// Add a leg to the effect asked for last (an entry, a hold, a release).
    pub fn leg(&mut self, leg: Leg) {
        self.legs.push(leg);
        let end = self.legs_end();
        if let Some(legs) = self.effects.last_mut().and_then(Effect::legs_mut) {
            legs.end = end;
        }
    }

    /// Ask for a hold; its legs follow by [`Plan::leg`].
    pub fn hold(&mut self, number: &str, expires_at: Option<Timestamp>) -> &mut HoldPlaced {
        let place = self.legs_end();
        self.effects.push(Effect::Hold(Box::new(HoldPlaced {
            number: number.into(),
            legs: place..place,
            expires_at,
            owner: None,
            document_ref: None,
        })));
        match self.effects.last_mut() {
            Some(Effect::Hold(hold)) => hold,
            Some(_) | None => std::process::abort(),
        }
    }

    /// Give a part of a hold back; the legs follow by [`Plan::leg`], one for each of the hold's, in
    /// their order, and with amount 0 where nothing is given back.
    pub fn release(&mut self, number: &str, state: HoldState) {
        let place = self.legs_end();
        self.effects.push(Effect::Release {
            number: number.into(),
            legs: place..place,
            state,
        });
    }

    /// Set, move or clear the alarm of a work about a thing.
    pub fn alarm(&mut self, work: DueCode, about: &str, at: Option<Timestamp>) {
        let about = about.into();
        self.effects.push(Effect::Alarm { work, about, at });
    }

    /// Add a leg whose amount may be zero or negative: zero legs are left out, negative ones turn
    /// sides.
    pub fn signed_leg(
        &mut self,
        account: AccountIndex,
        side: Side,
        amount: i128,
        path: &str,
    ) -> Result<(), Rejection> {
        let overflow = || {
            Rejection::new(Code::AmountOverflow)
                .at(path)
                .with_text("path", path)
        };
        let magnitude = i64::try_from(amount.unsigned_abs()).map_err(|_beyond| overflow())?;
        let side = if amount < 0 { side.opposite() } else { side };
        if magnitude > 0 {
            self.leg(Leg {
                account,
                side,
                amount: magnitude,
                value_date: None,
            });
        }
        Ok(())
    }

    /// Place where the next effect's legs begin.
    pub fn legs_end(&self) -> u32 {
        u32::try_from(self.legs.len()).unwrap_or(u32::MAX)
    }

    /// Take the next number of a series of the book and say how it is written.
    pub fn number(&mut self, book: &Book, series: &str, path: &str) -> Result<String, Rejection> {
        let taken = self.effects.iter().filter(
            |effect| matches!(effect, Effect::Number { series: other, .. } if &**other == series),
        );
        let earlier = u64::try_from(taken.count()).unwrap_or(u64::MAX);
        let known = Self::check_series(book, series, path)?;
        let number = known.next.saturating_add(earlier);
        if number > known.last_possible() {
            return Err(exhausted(series, path));
        }
        self.effects.push(Effect::Number {
            series: series.into(),
            number,
        });
        Ok(known.print(series, number))
    }

    /// A series that has a number left: step 7, long before the number is taken.
    pub fn check_series(book: &Book, series: &str, path: &str) -> Result<Series, Rejection> {
        let known = book.series(series).ok_or_else(|| {
            Rejection::new(Code::SeriesUnknown)
                .at(path)
                .with_text("series", echo(series))
        })?;
        if known.next > known.last_possible() {
            return Err(exhausted(series, path));
        }
        Ok(known)
    }

    /// Change a document, or begin it if the book has none of that number.
    pub fn document(&mut self, change: DocumentChange) {
        self.effects.push(Effect::Document(Box::new(change)));
    }

    /// The unit of a code, brought into the book's list if this is its first use.
    pub fn unit(
        &mut self,
        book: &Book,
        code: &str,
        path: &str,
    ) -> Result<(UnitIndex, u8), Rejection> {
        let unknown = || {
            Rejection::new(Code::CurrencyUnknown)
                .at(path)
                .with_text("unit", echo(code))
        };
        let unit = book.units().find(code).ok_or_else(unknown)?;
        if let Some(index) = book.units().index(code) {
            return Ok((index, unit.decimals));
        }
        let new = self.effects.iter().filter_map(Effect::as_unit);
        let known = book.units().iter().count();
        let place = new.clone().position(|other| other == code);
        let slot = known.saturating_add(place.unwrap_or_else(|| new.count()));
        if place.is_none() {
            let (decimals, until) = (unit.decimals, unit.until);
            self.effects.push(Effect::Unit {
                code: unit.code,
                decimals,
                until,
            });
        }
        Ok((
            UnitIndex(u16::try_from(slot).map_err(|_many| unknown())?),
            unit.decimals,
        ))
    }

    /// Take a natural key.
    pub fn natural_key(&mut self, hash: Hash128) {
        self.effects.push(Effect::NaturalKey(hash));
    }

    /// Show a member in the outcome.
    pub fn show(&mut self, name: impl Into<Name>, value: Value) {
        self.members.push((name.into(), value));
    }

    fn last_post(&mut self) -> &mut Post {
        // `post` has just pushed it; the closed form of the match keeps that promise checkable.
        match self.effects.last_mut() {
            Some(Effect::Post(post)) => post,
            Some(_) | None => std::process::abort(),
        }
    }
}

fn exhausted(series: &str, path: &str) -> Rejection {
    Rejection::new(Code::SeriesExhausted)
        .at(path)
        .with_text("series", echo(series))
}

/// A text that a rejection may echo: short and of plain characters, else a placeholder.
pub fn echo(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte);
    if !text.is_empty() && text.len() <= ECHO_CHARS_MAX && text.bytes().all(plain) {
        text.to_owned()
    } else {
        "(not shown)".to_owned()
    }
}

/// A date of the data, in range.
pub fn date(text: &DateText, path: &str) -> Result<Date, Rejection> {
    let Some(date) = text.date() else {
        let refusal = Rejection::new(Code::DateInvalid).at(path);
        return Err(match text.shown() {
            Some(shown) => refusal.with_text("value", shown),
            None => refusal,
        });
    };
    if date.in_range() {
        Ok(date)
    } else {
        Err(Rejection::new(Code::DateOutOfRange)
            .at(path)
            .with("value", Value::Date(date)))
    }
}

/// An instant of the data that lies ahead, at most so many days.
pub fn instant_ahead(
    text: &InstantText,
    path: &str,
    now: Timestamp,
    days_max: i64,
) -> Result<Timestamp, Rejection> {
    let latest = now.plus_days(days_max);
    let code = match text.read() {
        Ok(instant) if now < instant && instant <= latest => return Ok(instant),
        Ok(_) | Err(TimestampFault::Range) => Code::DateOutOfRange,
        Err(TimestampFault::Form) => Code::DateInvalid,
    };
    let mut refusal = Rejection::new(code).at(path);
    if let Some(shown) = text.shown() {
        refusal = refusal.with_text("value", shown);
    }
    if code == Code::DateOutOfRange {
        refusal = refusal.with_text("latest", latest.short());
    }
    Err(refusal)
}

/// An optional date of the data.
pub fn optional_date(text: Option<&DateText>, path: &str) -> Result<Option<Date>, Rejection> {
    text.map(|text| date(text, path)).transpose()
}

/// An instant of the data, in range.
pub fn instant(text: &InstantText, path: &str) -> Result<Timestamp, Rejection> {
    text.read().map_err(|fault| {
        let code = match fault {
            TimestampFault::Form => Code::DateInvalid,
            TimestampFault::Range => Code::DateOutOfRange,
        };
        let refusal = Rejection::new(code).at(path);
        match text.shown() {
            Some(shown) => refusal.with_text("value", shown),
            None => refusal,
        }
    })
}

/// An optional instant of the data.
pub fn optional_instant(
    text: Option<&InstantText>,
    path: &str,
) -> Result<Option<Timestamp>, Rejection> {
    text.map(|text| instant(text, path)).transpose()
}

/// A booking date: the given one or today, not too far ahead, in a period the actor may post to.
/// The second half of step 5 of the order of checks; the first half, [`date`], comes before for all
/// dates.
pub fn booking_date(
    given: Option<Date>,
    path: &str,
    facts: &Facts<'_>,
    book: &Book,
) -> Result<Date, Rejection> {
    let date = given.unwrap_or(facts.today);
    let latest = facts
        .today
        .plus_days(BOOKING_DAYS_AHEAD_MAX)
        .unwrap_or(facts.today);
    if date > latest {
        return Err(Rejection::new(Code::DateOutOfRange)
            .at(path)
            .with("value", Value::Date(date))
            .with("latest", Value::Date(latest)));
    }
    book.may_post(date, facts.actor, facts.today)
        .map_err(|refusal| refusal.at(path))?;
    Ok(date)
}
