//! The nouns of double entry: what a book holds and the one way it changes.
//!
//! A [`Book`] is one legal entity's accounts, documents, series, periods and reference data. Jobs
//! read it and ask for a [`Plan`]; the engine checks the plan and turns it into [`Effect`]s; a book
//! changes through [`Book::apply`] only, live and in replay alike. Plain data and pure functions:
//! no clock, no I/O, no order that differs from run to run.

pub mod value;
pub mod rejection;
pub mod outcome;
pub mod unit;
pub mod account;
pub mod leg;
pub mod hold;
pub mod ageing;
pub mod alarm;
pub mod document;
pub mod series;
pub mod period;
pub mod months;
pub mod shape;
pub mod policy;
pub mod records;
pub mod reference;
pub mod calendars;
pub mod effect;
pub mod digest;
pub mod plan;
pub mod decided;
pub mod book;
pub mod structure;
pub mod commit;
pub mod names;
pub mod movements;
pub mod weight;

pub use account::{Account, AccountClass, Accounts, Freeze};
pub use alarm::{Alarm, Alarms};
pub use book::{Book, Inconsistent};
pub use commit::{Commit, Envelope, JobRecord, Record, Reply};
pub use digest::StateDigest;
pub use document::{Document, DocumentKind, DocumentState, Documents};
pub use effect::{Effect, Post};
pub use hold::{Hold, Holds};
pub use leg::{Leg, Side};
pub use movements::Movements;
pub use names::NameTable;
pub use outcome::{Outcome, Status};
pub use plan::{Facts, Plan};
pub use rejection::Rejection;
pub use value::{Members, Value};
