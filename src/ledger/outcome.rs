//! The answer to one job.

use super::rejection::Rejection;
use super::value::Members;
use crate::ids::EntryNo;
use crate::time::Date;

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $text:literal;)*) => {
        /// What became of a job.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Status { $($(#[$doc])* $variant,)* }

        impl Status {
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

            /// The status of a number kept in a journal.
            pub fn of_number(number: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|status| status.number() == number)
            }
        }
    };
}

statuses! {
    /// The ledger changed.
    Posted = 1 "posted";
    /// A hold was placed.
    Held = 2 "held";
    /// A document or reference data changed, no money.
    Accepted = 3 "accepted";
    /// Waits for people.
    PendingApproval = 4 "pending_approval";
    /// Waits for screening.
    Parked = 5 "parked";
    /// Settled wholly.
    Settled = 6 "settled";
    /// Settled in part.
    PartiallySettled = 7 "partially_settled";
    /// Could not settle and will be tried again.
    Failing = 8 "failing";
    /// A period was closed.
    Closed = 9 "closed";
    /// A period was opened.
    Opened = 10 "opened";
    /// A person's data were erased.
    Erased = 11 "erased";
    /// Nothing was left to do.
    NoChange = 12 "no_change";
    /// A question was answered.
    Answered = 13 "answered";
    /// The book said no.
    Rejected = 14 "rejected";
}

/// The outcome of a job, without the names and times that its record carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What became of the job.
    pub status: Status,
    /// Booking date, if the kind has one.
    pub booking_date: Option<Date>,
    /// Value date, if the kind has one.
    pub value_date: Option<Date>,
    /// The first entry posted.
    pub entry_no: Option<EntryNo>,
    /// How many entries were posted.
    pub entries: u32,
    /// Further members, in the order shown.
    pub members: Members,
    /// The refusal, if the status is `rejected`.
    pub rejection: Option<Rejection>,
}

impl Outcome {
    /// An outcome with nothing but a status.
    pub fn of(status: Status) -> Self {
        Self {
            status,
            booking_date: None,
            value_date: None,
            entry_no: None,
            entries: 0,
            members: Members::new(),
            rejection: None,
        }
    }

    /// The outcome of a refusal.
    pub fn rejected(rejection: Rejection) -> Self {
        Self {
            rejection: Some(rejection),
            ..Self::of(Status::Rejected)
        }
    }
}
