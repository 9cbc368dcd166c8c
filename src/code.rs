//! The stable codes: every way in which kontor says no, in the order of the catalogue.
//!
//! A code never changes its meaning and its number is never used again. The order of this list is
//! the order in which codes of one step and one place are chosen.

macro_rules! codes {
    ($($group:literal {
        $($variant:ident = $number:literal $text:literal, $meaning:literal, $advice:literal;)*
    })*) => {
        /// A stable code; consumers treat an unknown one as a final refusal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Code {
            $($(
                #[doc = $meaning]
                $variant = $number,
            )*)*
        }

        impl Code {
            /// All codes, in the order of the catalogue.
            pub const ALL: &[Self] = &[$($(Self::$variant,)*)*];

            /// The code as it is written everywhere outside.
            pub const fn text(self) -> &'static str {
                match self { $($(Self::$variant => $text,)*)* }
            }

            /// The number under which journals keep the code.
            pub const fn number(self) -> u16 {
                match self { $($(Self::$variant => $number,)*)* }
            }

            /// What is wrong, as a clause.
            pub const fn meaning(self) -> &'static str {
                match self { $($(Self::$variant => $meaning,)*)* }
            }

            /// What to do about it, as a sentence.
            pub const fn advice(self) -> &'static str {
                match self { $($(Self::$variant => $advice,)*)* }
            }

            /// The group of the catalogue.
            pub const fn group(self) -> &'static str {
                match self { $($(Self::$variant => $group,)*)* }
            }
        }
    };
}

codes! {
    "Transport" {
        MessageMalformed = 101 "MESSAGE_MALFORMED",
            "the message is not a readable job",
            "Send one JSON object (or one per line) with key, kind and data, valid UTF-8, \
             no duplicate members, at most 16 levels deep.";
        MessageTooLarge = 102 "MESSAGE_TOO_LARGE",
            "the message is larger than the limit",
            "Split it: at most 1 MiB and 10,000 jobs a message.";
        ContentTypeUnsupported = 103 "CONTENT_TYPE_UNSUPPORTED",
            "the content type is missing, unknown or encoded",
            "Send application/json, application/x-ndjson or \
             application/vnd.kontor.jobs.v1+bincode without content_encoding.";
        BookUnknown = 104 "BOOK_UNKNOWN",
            "this partition holds no such book",
            "Publish with the name of a configured book as routing key, or configure the book.";
        CrashedWorker = 105 "CRASHED_WORKER",
            "the job stopped the worker before",
            "Report it with the dead letter's id; requeue it after an update.";
    }
    "Schema" {
        SchemaInvalid = 201 "SCHEMA_INVALID",
            "the data do not fit the schema of the kind",
            "Compare the member at the path with the kind's JSON Schema.";
        SchemaVersionUnsupported = 202 "SCHEMA_VERSION_UNSUPPORTED",
            "this release does not know the schema version",
            "Send a version this release knows, or update kontor; the key stays free.";
        UnknownKind = 203 "UNKNOWN_KIND",
            "this release does not know the kind",
            "Check the spelling of kind, or update kontor; the key stays free.";
        UnsupportedOption = 204 "UNSUPPORTED_OPTION",
            "this release has not built the option",
            "Leave the member at the path out, or update kontor.";
        FieldTooLong = 205 "FIELD_TOO_LONG",
            "a text is longer than its limit",
            "Shorten the member at the path.";
        TextInvalid = 206 "TEXT_INVALID",
            "a text holds control characters",
            "Remove them from the member at the path.";
        CardDataForbidden = 207 "CARD_DATA_FORBIDDEN",
            "a text seems to hold a card number",
            "Remove it and send a token instead; the text was not stored.";
    }
    "Key and time" {
        KeyMissing = 301 "KEY_MISSING",
            "the job has no key",
            "Give every job a key of its own.";
        KeyInvalid = 302 "KEY_INVALID",
            "the key is not 1 to 128 of [A-Za-z0-9._:/-]",
            "Choose a key of that form.";
        IdempotencyKeyReused = 303 "IDEMPOTENCY_KEY_REUSED",
            "the key belongs to a job with another content",
            "Use a new key for a new job; the first outcome stands.";
        JobExpired = 304 "JOB_EXPIRED",
            "the job came after its expires_at",
            "Send it again under a new key if it still matters.";
        DateInvalid = 305 "DATE_INVALID",
            "not a date of the calendar, written YYYY-MM-DD",
            "Correct the member at the path.";
        DateOutOfRange = 306 "DATE_OUT_OF_RANGE",
            "the date lies outside what may be booked",
            "Use a date of 1900 to 2199, not more than 366 days ahead, and not in the \
             past where it must not be.";
        PeriodUnknown = 307 "PERIOD_UNKNOWN",
            "there is no such month or year",
            "Write YYYY-MM or YYYY.";
        PeriodClosed = 308 "PERIOD_CLOSED",
            "the period is closed",
            "Book into an open period; correct closed ones by a reversal there.";
        PeriodState = 309 "PERIOD_STATE",
            "the period is not in a state that allows this step",
            "Look at its state first.";
        NotABusinessDay = 310 "NOT_A_BUSINESS_DAY",
            "the day is not a business day of the calendar",
            "Choose another day or name a convention that rolls it.";
    }
    "Amount" {
        AmountFormat = 401 "AMOUNT_FORMAT",
            "not a decimal string",
            "Write digits with one optional point, as a JSON string.";
        AmountNegative = 402 "AMOUNT_NEGATIVE",
            "the amount is below zero",
            "Give a positive amount; the side or the kind says the direction.";
        AmountZero = 403 "AMOUNT_ZERO",
            "the amount is zero",
            "Leave the line out or give a positive amount.";
        AmountPrecision = 404 "AMOUNT_PRECISION",
            "more decimals than the unit has",
            "Round it yourself; kontor never does silently.";
        AmountOverflow = 405 "AMOUNT_OVERFLOW",
            "the amount is beyond the range of a leg",
            "Split it: at most 9223372036854775807 minor units.";
        QuantityInvalid = 406 "QUANTITY_INVALID",
            "not a quantity",
            "Write a decimal string with at most 9 decimals and 18 digits.";
    }
    "Account and unit" {
        AccountNotFound = 501 "ACCOUNT_NOT_FOUND",
            "the book has no such account",
            "Open it with account.open or correct the name.";
        AccountExists = 502 "ACCOUNT_EXISTS",
            "the account exists already",
            "Use account.update to change it.";
        AccountClosed = 503 "ACCOUNT_CLOSED",
            "the account is closed",
            "Use another account; a closed one stays closed.";
        AccountFrozen = 504 "ACCOUNT_FROZEN",
            "the side of the account is frozen",
            "Lift the freeze with account.update or use another account.";
        AccountNotEmpty = 505 "ACCOUNT_NOT_EMPTY",
            "the account still has a balance",
            "Clear it first.";
        AccountHasHolds = 506 "ACCOUNT_HAS_HOLDS",
            "the account still has live holds",
            "Capture or void them first.";
        CurrencyUnknown = 507 "CURRENCY_UNKNOWN",
            "no such unit, or it has ended",
            "Use a code of ISO 4217 or declare the unit in the book.";
        CurrencyMismatch = 508 "CURRENCY_MISMATCH",
            "the unit differs from the account's",
            "Use the account's unit or another account.";
    }
    "Entry" {
        ControlCountMismatch = 601 "CONTROL_COUNT_MISMATCH",
            "the count stated is not the count found",
            "Correct the batch.";
        ControlSumMismatch = 602 "CONTROL_SUM_MISMATCH",
            "the sum stated is not the sum found",
            "Correct the batch.";
        EntryTooFewLegs = 603 "ENTRY_TOO_FEW_LEGS",
            "an entry needs two legs at least",
            "Add the other side.";
        EntryTooManyLegs = 604 "ENTRY_TOO_MANY_LEGS",
            "more legs than an entry may have",
            "Split it into several entries.";
        EntrySameAccount = 605 "ENTRY_SAME_ACCOUNT",
            "one account stands on both sides",
            "Net it, or use two entries.";
        EntryUnbalanced = 606 "ENTRY_UNBALANCED",
            "debits and credits differ in a unit",
            "Correct the amounts: each unit must balance by itself.";
        EntryNotFound = 607 "ENTRY_NOT_FOUND",
            "the book has no such entry",
            "Check the entry number.";
        AlreadyReversed = 608 "ALREADY_REVERSED",
            "the entry is reversed already",
            "Nothing is left to do; post anew if needed.";
        NotReversible = 609 "NOT_REVERSIBLE",
            "this entry cannot be reversed by itself",
            "Use the job of its document (credit note, void); post a reversed entry anew \
             instead of reversing its reversal.";
        AssertionFailed = 610 "ASSERTION_FAILED",
            "an account would not have the balance asserted",
            "Find the difference before posting.";
    }
    "Funds" {
        InsufficientFunds = 701 "INSUFFICIENT_FUNDS",
            "the account would fall below its minimum",
            "Fund it, lower the amount, or change its limit.";
        LimitExceeded = 702 "LIMIT_EXCEEDED",
            "the account would exceed its maximum",
            "Reduce the exposure, or raise the limit.";
    }
    "Hold" {
        HoldNotFound = 801 "HOLD_NOT_FOUND",
            "the book has no such hold",
            "Check the hold's number.";
        HoldState = 802 "HOLD_STATE",
            "the hold is not in a state that allows this step",
            "Look at its state first.";
        HoldExpired = 803 "HOLD_EXPIRED",
            "the hold has expired",
            "Place a new one.";
        HoldAmountExceeded = 804 "HOLD_AMOUNT_EXCEEDED",
            "more than the rest of the hold",
            "Capture at most what is left.";
    }
    "Approval" {
        ApprovalRequired = 901 "APPROVAL_REQUIRED",
            "the job needs an approval",
            "Send it inside approval.request.";
        ApprovalNotFound = 902 "APPROVAL_NOT_FOUND",
            "the book has no such request",
            "Check the request's number.";
        ApprovalState = 903 "APPROVAL_STATE",
            "the request is decided already",
            "Nothing is left to decide.";
        ApprovalExpired = 904 "APPROVAL_EXPIRED",
            "the request has expired",
            "Request it again.";
        SelfApproval = 905 "SELF_APPROVAL",
            "nobody approves their own request",
            "Let another person decide.";
        ApproverNotEntitled = 906 "APPROVER_NOT_ENTITLED",
            "the person's roles do not reach this amount",
            "Let an entitled person decide.";
        AlreadyDecided = 907 "ALREADY_DECIDED",
            "this person has decided already",
            "Let another person decide.";
        ActorMissing = 908 "ACTOR_MISSING",
            "the job must name its actor",
            "Add the member actor.";
        ActorNotTrusted = 909 "ACTOR_NOT_TRUSTED",
            "nobody vouches for the actor",
            "Publish as that broker user, or through a trusted front end.";
    }
    "Document" {
        DocumentNotFound = 1001 "DOCUMENT_NOT_FOUND",
            "the book has no such document",
            "Check its number.";
        DocumentState = 1002 "DOCUMENT_STATE",
            "the document is not in a state that allows this step",
            "Look at its state first.";
        DocumentNoLines = 1003 "DOCUMENT_NO_LINES",
            "a document needs a line at least",
            "Add a line.";
        DocumentTotalNegative = 1004 "DOCUMENT_TOTAL_NEGATIVE",
            "the total is below zero",
            "Issue a credit note instead.";
        DuplicateReference = 1005 "DUPLICATE_REFERENCE",
            "the reference was used before",
            "Check whether this was sent twice.";
        SeriesUnknown = 1006 "SERIES_UNKNOWN",
            "the book has no such series",
            "Use a configured series or add it with reference.set.";
        SeriesExhausted = 1007 "SERIES_EXHAUSTED",
            "the series has no number left",
            "Start a new series.";
        TaxCodeUnknown = 1008 "TAX_CODE_UNKNOWN",
            "the book has no such tax code",
            "Use a configured code or add it with reference.set.";
        TaxNotValidOnDate = 1009 "TAX_NOT_VALID_ON_DATE",
            "the tax code is not valid on the delivery date",
            "Use the code of that time.";
        PriceNotFound = 1010 "PRICE_NOT_FOUND",
            "the price list has no such item",
            "Add its price with reference.set.";
        DiscountInvalid = 1011 "DISCOUNT_INVALID",
            "the discount is not one that can be given",
            "Correct it.";
    }
    "Receivables" {
        AllocationExceedsPayment = 1101 "ALLOCATION_EXCEEDS_PAYMENT",
            "more is allocated than there is to allocate",
            "Lower the allocations.";
        AllocationExceedsOpen = 1102 "ALLOCATION_EXCEEDS_OPEN",
            "more is allocated than is open on the document",
            "Allocate at most its open amount.";
        CreditExceedsInvoice = 1103 "CREDIT_EXCEEDS_INVOICE",
            "more is credited than the invoice has left",
            "Credit at most what can still be credited.";
        RefundExceedsCredit = 1104 "REFUND_EXCEEDS_CREDIT",
            "more is refunded than the customer has in credit",
            "Refund at most the credit.";
        WriteoffExceedsOpen = 1105 "WRITEOFF_EXCEEDS_OPEN",
            "more is written off than is open",
            "Write off at most the open amount.";
        NotOverdue = 1106 "NOT_OVERDUE",
            "the document is not overdue",
            "Wait until it is.";
    }
    "Rates and interest" {
        RateNotFound = 1201 "RATE_NOT_FOUND",
            "no rate for that pair or date",
            "Add it with reference.set.";
        RateStale = 1202 "RATE_STALE",
            "the rate is too old",
            "Give or set a newer one.";
        RatePairMismatch = 1203 "RATE_PAIR_MISMATCH",
            "the rate is of another pair",
            "Give the rate of the pair needed.";
        RateInvalid = 1204 "RATE_INVALID",
            "not a rate, or too far from the last one of its pair",
            "Write a positive decimal string with at most 12 decimals; an exchange rate that \
             really moved so far is set with reference.set first.";
        DayCountUnknown = 1205 "DAY_COUNT_UNKNOWN",
            "no such day count convention",
            "Use one of the catalogue.";
    }
    "Settlement" {
        CycleState = 1301 "CYCLE_STATE",
            "the cycle is not in a state that allows this step",
            "Look at its state first.";
        ParticipantUnknown = 1302 "PARTICIPANT_UNKNOWN",
            "no such participant",
            "Name a participant of the cycle.";
        NetPositionUnfunded = 1303 "NET_POSITION_UNFUNDED",
            "a net debtor lacks funds; nothing moved",
            "Fund the participants named and close again.";
        NetDebitCapExceeded = 1304 "NET_DEBIT_CAP_EXCEEDED",
            "the obligation lifts the net debit above the cap",
            "Lower it or settle first.";
        SplitExceedsAmount = 1305 "SPLIT_EXCEEDS_AMOUNT",
            "the parts are more than the whole",
            "Correct the splits.";
        NothingToSettle = 1306 "NOTHING_TO_SETTLE",
            "there is nothing to settle",
            "Nothing is left to do.";
        TradeDuplicate = 1307 "TRADE_DUPLICATE",
            "the trade has an instruction already",
            "Check whether this was sent twice.";
    }
    "Bank" {
        DuplicateStatement = 1401 "DUPLICATE_STATEMENT",
            "the statement was imported before",
            "Nothing is left to do.";
        StatementOutOfBalance = 1402 "STATEMENT_OUT_OF_BALANCE",
            "opening plus lines is not closing",
            "Ask the bank for a complete statement.";
        StatementGap = 1403 "STATEMENT_GAP",
            "the opening is not the last closing",
            "Import the missing statement first.";
        ToleranceExceeded = 1404 "TOLERANCE_EXCEEDED",
            "the difference is above the tolerance",
            "Match other documents or resolve the break.";
        LineAlreadyMatched = 1405 "LINE_ALREADY_MATCHED",
            "the line is matched already",
            "Nothing is left to do.";
    }
    "Compliance" {
        RetentionActive = 1501 "RETENTION_ACTIVE",
            "the retention period still runs",
            "Access is restricted until it ends.";
        LegalHold = 1502 "LEGAL_HOLD",
            "a legal hold stands",
            "Release the hold first.";
        SubjectErased = 1503 "SUBJECT_ERASED",
            "the subject is erased",
            "Nothing is left to do.";
        ScreeningHit = 1504 "SCREENING_HIT",
            "the screening found a hit",
            "Let a person decide.";
        ScreeningPending = 1505 "SCREENING_PENDING",
            "the screening has not answered yet",
            "Send it again under a new key once it is clear.";
    }
}

impl Code {
    /// The code of a number kept in a journal.
    pub fn of_number(number: u16) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.number() == number)
    }

    /// The code of its text.
    pub fn of_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.text() == text)
    }

    /// Whether a message with this fault is set aside as a dead letter instead of getting an
    /// outcome.
    pub fn is_dead_letter(self) -> bool {
        self.group() == "Transport"
            || matches!(
                self,
                Self::SchemaVersionUnsupported
                    | Self::UnknownKind
                    | Self::KeyMissing
                    | Self::KeyInvalid
            )
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_unique_and_lead_back() {
        for code in Code::ALL {
            assert_eq!(Code::of_number(code.number()), Some(*code));
            assert_eq!(Code::of_text(code.text()), Some(*code));
            assert!(code.advice().ends_with('.'), "{code} advises in a sentence");
        }
    }

    #[test]
    fn the_list_ascends_so_that_order_is_precedence() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
