//! Unicode normal form C, so that what looks equal is equal.
//!
//! Text of a job is normalised once, where it is read; keys, names and fingerprints further in
//! compare bytes.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The text in normal form C; it is only copied if that changes it (or may change it).
pub(super) fn normal(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composes_what_was_decomposed() {
        assert_eq!(normal("Mu\u{308}ller"), "Müller");
        assert!(matches!(normal("Müller"), Cow::Borrowed(_)));
        assert!(matches!(normal("Mueller"), Cow::Borrowed(_)));
    }
}
