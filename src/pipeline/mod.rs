//! The journey of a job, one file per station.

pub mod decode;
