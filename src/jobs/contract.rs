//! What a kind owes, and the list that makes kinds of types.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::JobData;
use super::approval::InnerJob;
use super::fields::Text;
use crate::code::Code;
use crate::ids::EntryNo;
use crate::ledger::{Book, Facts, Plan, Rejection};

/// One kind of job. Its type is the shape of `data`; unknown members are refused by serde.
///
/// The order of checks is drawn in `docs/codes.md`. What serde refuses and what [`options`]
/// refuses is found before the book is asked; [`plan`] does the rest in order: dates, period,
/// amounts, references, units, structure, state. Approval policies, funds and limits are the
/// engine's.
///
/// [`options`]: JobKind::options
/// [`plan`]: JobKind::plan
pub trait JobKind: Serialize + DeserializeOwned + JsonSchema + std::fmt::Debug {
    /// One line for people.
    const SUMMARY: &'static str;
    /// Data that post in the book of the examples (`command/docs/example.rs`).
    const EXAMPLE: &'static str;
    /// Codes that the kind can be refused with besides those that every job can.
    const REFUSALS: &'static [Code] = &[];
    /// Whether the refusals of another job, one that it carries or decides, are its own as well.
    const REFUSES_FOR_OTHERS: bool = false;
    /// Whether a job without `actor` is refused.
    const ACTOR_NEEDED: bool = false;

    /// Hand every personal text to `visit`, with its JSON pointer relative to `data`.
    fn texts(&mut self, _visit: &mut dyn FnMut(&str, &mut Text)) {}

    /// Refuse options whose other half this release has not built.
    fn options(&self) -> Result<(), Rejection> {
        Ok(())
    }

    /// Lists that may be as long as the book allows, with their JSON pointers relative to `data`.
    fn lists(&self) -> Vec<(&'static str, usize)> {
        Vec::new()
    }

    /// Whom the texts are about: the customer, else the account; none means the job's key.
    fn subject(&self) -> Option<&str> {
        None
    }

    /// The member that led to an account of the plan (a JSON pointer relative to `data`), for
    /// refusals that the engine decides.
    fn place(&self, _account: &str) -> Option<String> {
        None
    }

    /// The accounts that the plan will ask for by name, as far as the data say it at a glance:
    /// the engine brings them near before it comes to the job.
    fn accounts(&self, _visit: &mut dyn FnMut(&str)) {}

    /// An entry of the past that the plan needs to see.
    fn entry_needed(&self) -> Option<EntryNo> {
        None
    }

    /// An account of whose past movements the plan needs all.
    fn movements_needed(&self) -> Option<&str> {
        None
    }

    /// The job that this one carries inside, to be done under a key of its own.
    fn inside(&self) -> Option<&InnerJob> {
        None
    }

    /// The document whose kept job the plan needs to see.
    fn kept_needed(&self) -> Option<&str> {
        None
    }

    /// Whether a job of the kind needs an approval as soon as the book has any approval policy.
    fn always_approved(&self) -> bool {
        false
    }

    /// What the job asks of the book, or why not. A pure function of its arguments.
    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection>;

    /// The same with the job that the document of [`JobKind::kept_needed`] keeps.
    fn plan_with(
        &self,
        _kept: Option<&JobData>,
        facts: &Facts<'_>,
        book: &Book,
        plan: &mut Plan,
    ) -> Result<(), Rejection> {
        self.plan(facts, book, plan)
    }
}

/// Work that the engine does by itself when its time has come: a job that nobody sent.
///
/// An effect sets its alarm, the engine makes a job of it when the alarm rings, and the plan must
/// set or clear that alarm. The outcome names what happened as its `event`.
pub trait DueKind: Sized + std::fmt::Debug {
    /// The work about a thing: the number of a document, a hold or an entry.
    fn about(thing: &str) -> Self;

    /// Key of the job. One that producers cannot send (with a `#`) can never be taken before.
    fn key(&self, book: &Book) -> String;

    /// What the work asks of the book, and what happened then. `kept` is the job that the document
    /// keeps, if it is about a document that keeps one.
    fn plan(
        &self,
        facts: &Facts<'_>,
        book: &Book,
        kept: Option<&JobData>,
        plan: &mut Plan,
    ) -> Result<&'static str, Rejection>;

    /// What happens instead if that is refused: by the plan itself, by the rules for all plans, or
    /// because the key is taken. Work that cannot be refused has nothing instead.
    fn missed(
        &self,
        refusal: &Rejection,
        _facts: &Facts<'_>,
        _book: &Book,
        _kept: Option<&JobData>,
        _plan: &mut Plan,
    ) -> Result<&'static str, Rejection> {
        Err(refusal.clone())
    }
}

/// Makes the closed set of what the engine does by itself from one list.
macro_rules! due_kinds {
    ($($code:literal $kind:literal $variant:ident($type:ty),)*) => {
        /// Work that the engine does by itself.
        #[derive(Debug)]
        pub enum DueData {
            $(#[doc = $kind] $variant($type),)*
        }

        impl DueData {
            /// The kinds under which the works are recorded, by ascending code of the work.
            pub const KINDS: &'static [(u8, &'static str)] = &[$(($code, $kind),)*];

            /// The work of an alarm; none if this release does not know it.
            pub fn of(work: $crate::ids::DueCode, thing: &str) -> Option<Self> {
                match work.0 {
                    $($code => Some(Self::$variant(<$type as contract::DueKind>::about(thing))),)*
                    _other => None,
                }
            }

            /// The kind under which it is recorded.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)* }
            }

            /// [`contract::DueKind::key`] of the work.
            pub fn key(&self, book: &$crate::ledger::Book) -> String {
                use contract::DueKind as _;
                match self { $(Self::$variant(work) => work.key(book),)* }
            }

            /// [`contract::DueKind::plan`] of the work.
            pub fn plan(
                &self,
                facts: &$crate::ledger::Facts<'_>,
                book: &$crate::ledger::Book,
                kept: Option<&JobData>,
                plan: &mut $crate::ledger::Plan,
            ) -> Result<&'static str, $crate::ledger::Rejection> {
                use contract::DueKind as _;
                match self { $(Self::$variant(work) => work.plan(facts, book, kept, plan),)* }
            }

            /// [`contract::DueKind::missed`] of the work.
            pub fn missed(
                &self,
                refusal: &$crate::ledger::Rejection,
                facts: &$crate::ledger::Facts<'_>,
                book: &$crate::ledger::Book,
                kept: Option<&JobData>,
                plan: &mut $crate::ledger::Plan,
            ) -> Result<&'static str, $crate::ledger::Rejection> {
                use contract::DueKind as _;
                match self {
                    $(Self::$variant(work) => work.missed(refusal, facts, book, kept, plan),)*
                }
            }
        }

        const _: () = {
            let works = DueData::KINDS;
            let mut at = 1;
            #[expect(clippy::indexing_slicing, reason = "walked within the length of a constant")]
            while at < works.len() {
                assert!(works[at - 1].0 < works[at].0, "codes ascend and are never reused");
                at += 1;
            }
        };
    };
}
pub(super) use due_kinds;

/// Makes the closed set of built kinds from one list.
macro_rules! job_kinds {
    ($($code:literal $name:literal $variant:ident($type:ty),)*) => {
        /// The data of a job of some built kind.
        #[derive(Debug)]
        pub enum JobData {
            $(#[doc = $name] $variant(Box<$type>),)*
        }

        /// Does something for each built kind with its type.
        pub trait KindVisitor {
            /// What it makes of a kind.
            type Made;
            /// Do it for one kind.
            fn visit<K: JobKind>(
                &mut self,
                info: &'static KindInfo,
                wrap: fn(Box<K>) -> JobData,
            ) -> Self::Made;
        }

        impl JobData {
            /// Codes of the built kinds, in order.
            pub const BUILT: &'static [u16] = &[$($code,)*];

            /// Visit the type of a kind; none if it is not built.
            pub fn visit<V: KindVisitor>(
                code: $crate::ids::KindCode,
                visitor: &mut V,
            ) -> Option<V::Made> {
                let info = catalogue::info(code)?;
                match code.0 {
                    $($code => Some(visitor.visit::<$type>(info, Self::$variant)),)*
                    _not_built => None,
                }
            }

            /// Code of the kind.
            pub const fn code(&self) -> $crate::ids::KindCode {
                match self { $(Self::$variant(_) => $crate::ids::KindCode($code),)* }
            }

            /// Whether the kind needs an actor.
            pub const fn actor_needed(&self) -> bool {
                match self { $(Self::$variant(_) => <$type>::ACTOR_NEEDED,)* }
            }

            /// [`JobKind::texts`] of the kind.
            pub fn texts(&mut self, visit: &mut dyn FnMut(&str, &mut Text)) {
                match self { $(Self::$variant(data) => data.texts(visit),)* }
            }

            /// [`JobKind::options`] of the kind.
            pub fn options(&self) -> Result<(), $crate::ledger::Rejection> {
                match self { $(Self::$variant(data) => data.options(),)* }
            }

            /// [`JobKind::lists`] of the kind.
            pub fn lists(&self) -> Vec<(&'static str, usize)> {
                match self { $(Self::$variant(data) => data.lists(),)* }
            }

            /// [`JobKind::subject`] of the kind.
            pub fn subject(&self) -> Option<&str> {
                match self { $(Self::$variant(data) => data.subject(),)* }
            }

            /// [`JobKind::place`] of the kind.
            pub fn place(&self, account: &str) -> Option<String> {
                match self { $(Self::$variant(data) => data.place(account),)* }
            }

            /// [`JobKind::accounts`] of the kind.
            pub fn accounts(&self, visit: &mut dyn FnMut(&str)) {
                match self { $(Self::$variant(data) => data.accounts(visit),)* }
            }

            /// [`JobKind::entry_needed`] of the kind.
            pub fn entry_needed(&self) -> Option<$crate::ids::EntryNo> {
                match self { $(Self::$variant(data) => data.entry_needed(),)* }
            }

            /// [`JobKind::movements_needed`] of the kind.
            pub fn movements_needed(&self) -> Option<&str> {
                match self { $(Self::$variant(data) => data.movements_needed(),)* }
            }

            /// [`JobKind::inside`] of the kind.
            pub fn inside(&self) -> Option<&$crate::jobs::approval::InnerJob> {
                match self { $(Self::$variant(data) => data.inside(),)* }
            }

            /// [`JobKind::kept_needed`] of the kind.
            pub fn kept_needed(&self) -> Option<&str> {
                match self { $(Self::$variant(data) => data.kept_needed(),)* }
            }

            /// [`JobKind::always_approved`] of the kind.
            pub fn always_approved(&self) -> bool {
                match self { $(Self::$variant(data) => data.always_approved(),)* }
            }

            /// [`JobKind::plan_with`] of the kind.
            pub fn plan(
                &self,
                kept: Option<&JobData>,
                facts: &$crate::ledger::Facts<'_>,
                book: &$crate::ledger::Book,
                plan: &mut $crate::ledger::Plan,
            ) -> Result<(), $crate::ledger::Rejection> {
                match self { $(Self::$variant(data) => data.plan_with(kept, facts, book, plan),)* }
            }

            /// Hand the data to a serializer-generic function.
            pub fn serialize<S: serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                use serde::Serialize as _;
                match self { $(Self::$variant(data) => (**data).serialize(serializer),)* }
            }
        }

        const _: () = {
            let codes = JobData::BUILT;
            let mut at = 1;
            #[expect(clippy::indexing_slicing, reason = "a constant list, within its length")]
            while at < codes.len() {
                assert!(codes[at - 1] < codes[at], "job codes ascend and are never reused");
                at += 1;
            }
        };
    };
}
pub(super) use job_kinds;
