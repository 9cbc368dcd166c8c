//! What a kind owes, and the list that makes kinds of types.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

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
    /// Whether a job without `actor` is refused.
    const ACTOR_NEEDED: bool = false;

    /// Hand every personal text to `visit`, with its JSON pointer relative to `data`.
    fn texts(&mut self, _visit: &mut dyn FnMut(&str, &mut Text)) {}

    /// Refuse options whose other half this release has not built.
    fn options(&self) -> Result<(), Rejection> {
        Ok(())
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

    /// An entry of the past that the plan needs to see.
    fn entry_needed(&self) -> Option<EntryNo> {
        None
    }

    /// What the job asks of the book, or why not. A pure function of its arguments.
    fn plan(&self, facts: &Facts<'_>, book: &Book, plan: &mut Plan) -> Result<(), Rejection>;
}

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

            /// [`JobKind::subject`] of the kind.
            pub fn subject(&self) -> Option<&str> {
                match self { $(Self::$variant(data) => data.subject(),)* }
            }

            /// [`JobKind::place`] of the kind.
            pub fn place(&self, account: &str) -> Option<String> {
                match self { $(Self::$variant(data) => data.place(account),)* }
            }

            /// [`JobKind::entry_needed`] of the kind.
            pub fn entry_needed(&self) -> Option<$crate::ids::EntryNo> {
                match self { $(Self::$variant(data) => data.entry_needed(),)* }
            }

            /// [`JobKind::plan`] of the kind.
            pub fn plan(
                &self,
                facts: &$crate::ledger::Facts<'_>,
                book: &$crate::ledger::Book,
                plan: &mut $crate::ledger::Plan,
            ) -> Result<(), $crate::ledger::Rejection> {
                match self { $(Self::$variant(data) => data.plan(facts, book, plan),)* }
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
