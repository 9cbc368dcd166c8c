//! Card numbers in texts: what PCI DSS wants to keep out of the books.
//!
//! A card number is 13 to 19 digits with the prefix of a known issuer and a right check digit
//! (Luhn, ISO/IEC 7812). People print it in groups, so blanks and dashes between digits are passed
//! over; a number that stands in its printed groups inside a longer row of digits (`… 1111 12 27`)
//! is found there too. Digits glued to letters are the groups of an IBAN or of a reference and
//! count as one.

use std::ops::Range;

/// Digits of a card number.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// First six digits that issuers of cards have, by ranges.
const ISSUERS: [(u32, u32); 9] = [
    (220_000, 220_499),
    (222_100, 272_099),
    (300_000, 305_999),
    (309_500, 309_599),
    (340_000, 349_999),
    (352_800, 399_999),
    (400_000, 589_999),
    (600_000, 699_999),
    (810_000, 819_999),
];

/// How many digits stand in each group of a printed card number.
const PRINTED: [&[usize]; 3] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

/// Digits without anything between them, and where they stand.
#[derive(Debug)]
struct Group<'t> {
    at: Range<usize>,
    digits: &'t str,
}

/// Byte ranges of a text that look like card numbers, in order and apart from each other.
pub fn card_numbers(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut row: Vec<Group<'_>> = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, letter)) = rest.next() {
        if letter.is_ascii_digit() {
            while rest.next_if(|(_, next)| next.is_ascii_digit()).is_some() {}
            let end = rest.peek().map_or(text.len(), |(end, _)| *end);
            let digits = text.get(at..end).unwrap_or_default();
            row.push(Group {
                at: at..end,
                digits,
            });
        } else if !separates(letter) {
            look_through(text, &row, &mut found);
            row.clear();
        }
    }
    look_through(text, &row, &mut found);
    found
}

/// Blanks and dashes that people put between the groups of a number.
fn separates(letter: char) -> bool {
    matches!(
        letter,
        ' ' | '-' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{2010}'..='\u{2015}'
    )
}

/// Find card numbers in a row of groups: the row itself, else what is printed as one inside of it.
fn look_through(text: &str, row: &[Group<'_>], found: &mut Vec<Range<usize>>) {
    if is_card(row) {
        found.extend(span(row));
        return;
    }
    let before = row.first().and_then(|first| text.get(..first.at.start));
    if before.is_some_and(|before| before.ends_with(|one: char| one.is_ascii_alphabetic())) {
        return;
    }
    let mut at = 0;
    while let Some(rest) = row.get(at..).filter(|rest| !rest.is_empty()) {
        let mut printed = PRINTED.iter().filter_map(|groups| printed(row, at, groups));
        let alone = || rest.get(..1);
        let card = printed.find(|row| is_card(row)).or_else(alone);
        let card = card.filter(|card| is_card(card));
        found.extend(card.and_then(span));
        at += card.map_or(1, <[_]>::len);
    }
}

/// The groups from a place on, if they are those of a printed card number and no more of its kind
/// stand beside them: digits in fours without end are some other number.
fn printed<'r, 't>(row: &'r [Group<'t>], at: usize, lengths: &[usize]) -> Option<&'r [Group<'t>]> {
    let end = at.checked_add(lengths.len())?;
    let groups = row.get(at..end)?;
    let fits = |(group, length): (&Group<'_>, &usize)| group.digits.len() == *length;
    let before = at.checked_sub(1).and_then(|before| row.get(before));
    let mut beside = [before, row.get(end)].into_iter().flatten();
    let goes_on = beside.any(|group| Some(&group.digits.len()) == lengths.first());
    (groups.iter().zip(lengths).all(fits) && !goes_on).then_some(groups)
}

fn span(row: &[Group<'_>]) -> Option<Range<usize>> {
    Some(row.first()?.at.start..row.last()?.at.end)
}

fn is_card(row: &[Group<'_>]) -> bool {
    let length: usize = row.iter().map(|group| group.digits.len()).sum();
    if !DIGITS.contains(&length) {
        return false;
    }
    let digits: String = row.iter().map(|group| group.digits).collect();
    let issuer = digits.get(..6).and_then(|first| first.parse().ok());
    let known = |issuer: u32| {
        let mut ranges = ISSUERS.iter();
        ranges.any(|(low, high)| (*low..=*high).contains(&issuer))
    };
    issuer.is_some_and(known) && luhn(&digits)
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit.saturating_sub(b'0'));
            match (place % 2, digit) {
                (0, digit) => digit,
                (_, digit) if digit > 4 => digit * 2 - 9,
                (_, digit) => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let ranges = card_numbers(text).into_iter();
        ranges.map(|range| text.get(range).unwrap()).collect()
    }

    #[test]
    fn test_numbers_of_the_card_schemes_are_found() {
        for number in [
            "4111111111111111",
            "4222222222222",
            "5500000000000004",
            "2223000048400011",
            "2720992593319364",
            "340000000000009",
            "378282246310005",
            "30569309025904",
            "36148900647913",
            "38520000023237",
            "3530111333300000",
            "6011000990139424",
            "6304000000000000",
            "5018000000000009",
            "6250941006528599",
            "2200000000000004",
        ] {
            assert_eq!(found(&format!("card {number}.")), [number]);
        }
    }

    #[test]
    fn blanks_and_dashes_are_passed_over() {
        for printed in [
            "4111 1111 1111 1111",
            "5500-0000-0000-0004",
            "4111\u{a0}1111\u{2011}1111 - 1111",
            "41 11 11 11 11 11 11 11",
        ] {
            assert_eq!(found(&format!("({printed})")), [printed]);
        }
    }

    #[test]
    fn a_number_printed_inside_a_longer_row_of_digits_is_found() {
        assert_eq!(found("4111 1111 1111 1111 12/27"), ["4111 1111 1111 1111"]);
        assert_eq!(found("no 17 378282246310005 123"), ["378282246310005"]);
        assert_eq!(found("3782 822463 10005 - 99"), ["3782 822463 10005"]);
    }

    #[test]
    fn other_numbers_are_not_cards() {
        for text in [
            "",
            "4111 1111 1111 1112",
            "9999 9999 9999 9995",
            "4111 1111 1111 1111 1111",
            "0000 4111 1111 1111 1111",
            "41111111111111111111",
            "invoice 2026-000123",
            "4111.1111.1111.1111",
            "DE89 3704 0044 0532 0130 00",
            "DE89370400440532013000",
            "RF18 5390 0754 7034",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
