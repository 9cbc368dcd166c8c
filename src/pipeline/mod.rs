//! The journey of a job, one file per station.

pub mod parcel;
pub mod decode;
pub mod post;
pub mod persist;
pub mod acknowledge;
pub mod publish;
