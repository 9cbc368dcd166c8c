//! The journey of a job, one file per station.
//!
//! ```text
//!   intake ─▶ [ring] ─▶ decode ─▶ [ring] ─▶ post ─▶ [ring] ─▶ persist ─▶ outlet ─┬▶ acknowledge
//!   task                thread              thread            thread     task    └▶ publish
//! ```
//!
//! | File | Station |
//! |---|---|
//! | `intake.rs` | takes deliveries from the broker's consuming lane |
//! | `decode.rs` | bytes to jobs, texts sealed |
//! | `cold.rs` | what a job must know of the past, from files |
//! | `alone.rs` | the same, one message at a time, while a job is looked for that fells us |
//! | `post.rs` | jobs to a commit, by the engine |
//! | `notes.rs` | records that the daemon is asked for, beside the jobs |
//! | `timer.rs` | wakes `post` when something becomes due |
//! | `persist.rs` | commits to stable storage; makes the proof that they are |
//! | `acknowledge.rs` | what may be acknowledged, by proof |
//! | `publish.rs` | outcomes, replies and dead letters until they are confirmed |
//! | `dispatch.rs` | the last two together, in the order of what becomes durable |
//!
//! The rules of each station are plain functions of values, so that they can be driven without
//! threads and without a broker; `stations.rs`, `intake.rs` and `outlet.rs` give them threads,
//! tasks and lanes.

pub mod parcel;
pub mod observe;
pub mod gauges;
pub mod alone;
pub mod intake;
pub mod decode;
pub mod cold;
pub mod post;
pub mod timer;
mod sabotage;
pub mod persist;
pub mod notes;
pub mod acknowledge;
pub mod publish;
pub mod dispatch;
pub mod stations;
pub mod outlet;
pub mod lanes;
pub mod journey;
