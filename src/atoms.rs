//! What rings are made of, in one place.
//!
//! `fuzz/ring` compiles the ring's own source over another module of this name, whose parts try
//! every order in which threads can see each other's writes.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Mutex, MutexGuard};

pub(crate) use crossbeam::queue::ArrayQueue;
pub(crate) use crossbeam::sync::{Parker, Unparker};
pub(crate) use crossbeam::utils::{Backoff, CachePadded};
