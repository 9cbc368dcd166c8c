//! Which document a payment's reference names.

use crate::ledger::{Book, Document, DocumentKind};

/// Digits and letters that a creditor reference may hold behind its check digits.
const BODY_CHARS_MAX: usize = 21;

/// The document that a reference names: by its number, by the contract that it is the price of,
/// else by a creditor reference made of its number.
pub(super) fn referenced<'a>(book: &'a Book, reference: &str) -> Option<(&'a str, &'a Document)> {
    let reference = reference.trim();
    let documents = book.documents();
    let of_contract = || {
        let contract = documents.of_kind(DocumentKind::Contract, reference)?;
        documents.find(contract.text("document"))
    };
    let found = documents.find(reference).or_else(of_contract).or_else(|| {
        let body = creditor_reference(reference)?;
        documents.by_structured_form(&body)
    });
    found.filter(|(_, document)| document.is_receivable())
}

/// The body of a creditor reference (ISO 11649): `RF`, two check digits, up to 21 letters and
/// digits. Blanks between groups of four are how people print it. None if the check digits are
/// wrong.
fn creditor_reference(text: &str) -> Option<String> {
    let compact: String = text
        .chars()
        .filter(|letter| *letter != ' ')
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    let rest = compact.strip_prefix("RF")?;
    let (check, body) = rest.split_at_checked(2)?;
    let fits = (1..=BODY_CHARS_MAX).contains(&body.len())
        && check.bytes().all(|byte| byte.is_ascii_digit())
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (fits && remainder_97(&format!("{body}RF{check}")) == 1).then(|| body.to_owned())
}

/// The remainder by 97 of a text in which letters stand for 10 to 35.
fn remainder_97(text: &str) -> u32 {
    text.chars()
        .filter_map(|letter| letter.to_digit(36))
        .fold(0, |rest, value| {
            let shift = if value < 10 { 10 } else { 100 };
            (rest * shift + value) % 97
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creditor_references_count_with_right_check_digits_only() {
        // The standard's own example, as printed and as sent.
        let body = Some("539007547034".to_owned());
        assert_eq!(creditor_reference("RF18 5390 0754 7034"), body);
        assert_eq!(creditor_reference("rf18539007547034"), body);
        assert_eq!(creditor_reference("RF19539007547034"), None);
        for wrong in ["", "RF", "RF18", "RFXX539", "RF18-5390", "RF18ä"] {
            assert_eq!(creditor_reference(wrong), None, "{wrong}");
        }
    }
}
