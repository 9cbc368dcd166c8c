//! Checks of the personal texts of a job, before they are sealed.

use crate::code::Code;
use crate::jobs::JobData;
use crate::jobs::cards::card_numbers;
use crate::jobs::fields::{Text, TextFault};
use crate::ledger::Rejection;
use crate::ledger::reference::PanPolicy;

/// Check every personal text; card numbers are masked where they may not stay, even in a refused
/// job.
pub(super) fn check_texts(data: &mut JobData, policy: PanPolicy) -> Result<(), Rejection> {
    let mut first: Option<Rejection> = None;
    data.texts(&mut |path, text| {
        let refusal = match text.check() {
            Ok(()) => None,
            Err(TextFault::TooLong) => Some(Rejection::schema(
                Code::FieldTooLong,
                path,
                "a text has at most 500 characters",
            )),
            Err(TextFault::Invalid) => Some(Rejection::schema(
                Code::TextInvalid,
                path,
                "control characters are not allowed",
            )),
        };
        let card = policy != PanPolicy::Off && mask(text);
        let card = (card && policy == PanPolicy::Reject).then(|| {
            Rejection::new(Code::CardDataForbidden)
                .at(path)
                .with_text("path", path)
        });
        if text.sealed().is_some() {
            // Bytes that claim to be sealed were sealed by nobody here: they are not kept.
            *text = Text::Plain(String::new());
        }
        if first.is_none() {
            first = refusal.or(card);
        }
    });
    first.map_or(Ok(()), Err)
}

/// Replace card numbers in a text; whether there was one.
fn mask(text: &mut Text) -> bool {
    let Some(masked) = text
        .plain()
        .and_then(|plain| (!card_numbers(plain).is_empty()).then(|| mask_cards(plain)))
    else {
        return false;
    };
    *text = Text::Plain(masked);
    true
}

pub(super) fn mask_cards(text: &str) -> String {
    let mut masked = text.to_owned();
    for range in card_numbers(text) {
        let hidden: String = masked
            .get(range.clone())
            .unwrap_or_default()
            .chars()
            .map(|letter| if letter.is_ascii_digit() { '*' } else { letter })
            .collect();
        masked.replace_range(range, &hidden);
    }
    masked
}
