//! kontor
