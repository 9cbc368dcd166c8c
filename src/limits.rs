//! Every bound of the system: its name, its unit and why it is what it is.
//!
//! Reaching a bound is a rejection, a dead letter or back-pressure, never growth.

/// Bytes of a message; a producer splits what is larger.
pub const MESSAGE_BYTES_MAX: usize = 1_048_576;
/// Bytes of a message at the most that may be configured: a commit of one such job fits a frame.
pub const MESSAGE_BYTES_LIMIT: usize = 16 * 1_048_576;
/// Jobs of one message with many jobs: one message is settled as a whole, so it must stay a
/// fraction of a second.
pub const MESSAGE_JOBS_MAX: usize = 10_000;
/// Levels of nesting of a JSON body; no schema of ours needs half of them.
pub const JSON_DEPTH_MAX: usize = 16;
/// Legs of an entry and lines of a document, unless configured otherwise.
pub const LEGS_MAX: usize = 1_000;
/// Characters of a personal text.
pub const TEXT_CHARS_MAX: usize = 500;
/// Characters of an identifier, a code or a reference.
pub const ID_CHARS_MAX: usize = 128;
/// Labels of an account.
pub const LABELS_MAX: usize = 32;
/// Characters of a value that a rejection may echo in its detail.
pub const ECHO_CHARS_MAX: usize = 64;
/// Days that a booking date may lie ahead.
pub const BOOKING_DAYS_AHEAD_MAX: i32 = 366;
/// Jobs of one engine batch, so that the first job of a backlog does not wait for a huge commit.
pub const BATCH_JOBS_MAX: usize = 8_192;
/// About how many bytes the jobs of one engine batch may take in the journal, contents and effects,
/// so that a frame stays well below its largest. The last job of a batch may exceed it.
pub const BATCH_BYTES_MAX: usize = 8 * 1_048_576;
/// Work of the engine's own in one commit (expiries, runs), so that a start after a long rest does
/// not make one huge commit of it; the jobs wait behind all that is due.
pub const DUE_JOBS_MAX: usize = 1_024;
/// Legs in one commit of the engine's own work: what is due beyond them makes a commit of its own.
pub const DUE_LEGS_MAX: usize = 262_144;
/// Bytes of a trace context; the one of W3C has 55. A longer one is left out.
pub const TRACEPARENT_BYTES_MAX: usize = 128;
/// Runs of a schedule that its job posts itself, so that one job stays bounded; the others follow
/// as jobs of their own.
pub const RUNS_AT_ONCE_MAX: u32 = 1_000;
/// Days after which a rate is too old to convert by: as long as a booking date may lie ahead.
pub const RATE_DAYS_MAX: i32 = 366;
/// Days that a hold or a request for approval may last: over a year, so that a yearly one fits.
pub const WAITING_DAYS_MAX: i64 = 400;
/// Days that a hold or a request for approval lasts if nobody says: the usual of card payments.
pub const WAITING_DAYS_DEFAULT: i64 = 7;
/// Bytes of a frame's payload; a larger length in a header is damage, not a request for memory.
pub const FRAME_BYTES_MAX: usize = 64 * 1_048_576;
/// Lines on one page of a statement: as JSON they stay well within a message.
pub const STATEMENT_LINES_MAX: usize = 1_000;
/// Numbers a series of width six can give.
pub const SERIES_WIDTH_DEFAULT: u8 = 6;

const _: () = assert!(
    BATCH_BYTES_MAX * 4 <= FRAME_BYTES_MAX,
    "a commit of one batch fits a frame"
);
const _: () = assert!(
    MESSAGE_BYTES_LIMIT * 4 <= FRAME_BYTES_MAX,
    "a commit of the largest job fits a frame"
);
const _: () = assert!(
    MESSAGE_BYTES_MAX <= BATCH_BYTES_MAX,
    "one message fits a batch"
);
