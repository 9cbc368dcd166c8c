//! Bad situations.
