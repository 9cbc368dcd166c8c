//! Decimals as a job writes them: a strict grammar, read exactly or not at all.
//!
//! Grammar: `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, ASCII, at most 64 characters and 38 digits. There is no
//! plus sign, exponent, blank, separator or bare point. A minus sign is read so that the refusal
//! can say "negative" instead of "malformed".

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::lenient::{Lenient, lenient, serialize, serialize_decimal};

/// Longest text of a decimal, in characters; longer ones cannot name an amount we can hold.
pub const NUMBER_CHARS_MAX: usize = 64;
/// Most digits of a decimal, so that its mantissa always fits an `i128`.
pub const NUMBER_DIGITS_MAX: usize = 38;

/// An exact decimal: `mantissa × 10^-scale`, with its sign kept apart so that `-0` is still
/// negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Whether a minus sign was written.
    pub negative: bool,
    /// All digits as one integer.
    pub mantissa: i128,
    /// How many of the digits stand behind the point.
    pub scale: u8,
}

/// Why a text is not a decimal of the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// Not of the grammar; the reason for people.
    Form(&'static str),
    /// Of the grammar, but with more than 38 digits.
    Digits(Shadow),
}

/// What is known of a number that is too long to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// Whether a minus sign was written.
    pub negative: bool,
    /// Whether every digit is a zero.
    pub zero: bool,
    /// How many of the digits stand behind the point.
    pub scale: u8,
}

impl Shadow {
    /// A small number of the same sign, with as many decimals: what may be said of it may be said
    /// of the long one.
    pub fn number(self) -> Number {
        Number {
            negative: self.negative,
            mantissa: i128::from(!self.zero),
            scale: self.scale,
        }
    }
}

impl Number {
    /// Read a decimal of the grammar.
    pub fn parse(text: &str) -> Result<Self, NumberFault> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (digits, None),
        };
        check_form(text, whole, fraction)?;
        let fraction = fraction.unwrap_or_default();
        let scale =
            u8::try_from(fraction.len()).map_err(|_too_long| NumberFault::Form("digits"))?;
        if whole.len().saturating_add(fraction.len()) > NUMBER_DIGITS_MAX {
            let zero = digits.bytes().all(|byte| matches!(byte, b'0' | b'.'));
            return Err(NumberFault::Digits(Shadow {
                negative,
                zero,
                scale,
            }));
        }
        Ok(Self {
            negative,
            mantissa: mantissa(whole, fraction),
            scale,
        })
    }

    /// The mantissa with its sign.
    pub fn signed(self) -> i128 {
        if self.negative {
            -self.mantissa
        } else {
            self.mantissa
        }
    }

    /// The digits before the point as an integer.
    pub fn whole(self) -> i128 {
        let unit = super::minor::power_of_ten(self.scale);
        unit.and_then(|unit| self.mantissa.checked_div(unit))
            .unwrap_or_default()
    }

    /// The same value without trailing zeros behind the point: equal values become equal numbers.
    pub fn normal(self) -> Self {
        let mut number = self;
        while number.scale > 0 && number.mantissa % 10 == 0 {
            number.mantissa = number.mantissa.checked_div(10).unwrap_or_default();
            number.scale -= 1;
        }
        number
    }
}

/// Digits as a number: 38 of them are at most 10^38 - 1, which an `i128` holds.
fn mantissa(whole: &str, fraction: &str) -> i128 {
    let digits = whole.bytes().chain(fraction.bytes());
    let digits = digits.map(|byte| byte.wrapping_sub(b'0'));
    if whole.len().saturating_add(fraction.len()) < WORD_DIGITS {
        let number = digits.fold(0_i64, |number, digit| number * 10 + i64::from(digit));
        return i128::from(number);
    }
    digits.fold(0, |number, digit| number * 10 + i128::from(digit))
}

fn check_form(text: &str, whole: &str, fraction: Option<&str>) -> Result<(), NumberFault> {
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if text.is_empty() {
        return Err(NumberFault::Form("empty text"));
    }
    if whole.is_empty() || fraction == Some("") {
        return Err(NumberFault::Form("a point needs digits on both sides"));
    }
    if !all_digits(whole) || !fraction.is_none_or(all_digits) {
        return Err(NumberFault::Form(
            "only digits, one point and a leading minus are allowed",
        ));
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(NumberFault::Form("no leading zero"));
    }
    Ok(())
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

/// Bytes of the longest text of a number: sign, a zero before the point, the point, and the digits.
const TEXT_BYTES: usize = NUMBER_DIGITS_MAX + 3;

/// A number as text, without memory of its own.
#[derive(Clone, Copy, Debug)]
pub struct NumberText {
    /// The text stands at the end.
    bytes: [u8; TEXT_BYTES],
    start: usize,
}

impl NumberText {
    /// The text.
    pub fn as_str(&self) -> &str {
        let text = self.bytes.get(self.start..).unwrap_or_default();
        // Nothing but ASCII was written.
        std::str::from_utf8(text).unwrap_or_default()
    }
}

/// Writes a number from its last digit to its first.
struct Backwards<'b> {
    places: std::iter::Rev<std::slice::IterMut<'b, u8>>,
    written: usize,
}

impl Backwards<'_> {
    fn put(&mut self, byte: u8) {
        if let Some(place) = self.places.next() {
            *place = byte;
            self.written += 1;
        }
    }

    /// Write so many digits behind a point, and at least one before it, be it a zero. `next` gives
    /// a digit and whether there is none before it.
    fn number(&mut self, scale: u8, mut next: impl FnMut() -> (u8, bool)) {
        for _ in 0..scale {
            self.put(next().0);
        }
        if scale > 0 {
            self.put(b'.');
        }
        loop {
            let (digit, first) = next();
            self.put(digit);
            if first {
                break;
            }
        }
    }
}

impl Number {
    /// As it was written.
    pub fn text(self) -> NumberText {
        let mut bytes = [0; TEXT_BYTES];
        let mut out = Backwards {
            places: bytes.iter_mut().rev(),
            written: 0,
        };
        if let Ok(mut left) = u64::try_from(self.mantissa) {
            out.number(self.scale, || {
                let digit = last_digit(left);
                left = left.checked_div(10).unwrap_or_default();
                (digit, left == 0)
            });
        } else {
            let mut digits = Digits::of(self.mantissa.unsigned_abs());
            out.number(self.scale, || (digits.next(), digits.is_zero()));
        }
        if self.negative {
            out.put(b'-');
        }
        let start = TEXT_BYTES.saturating_sub(out.written);
        NumberText { bytes, start }
    }
}

fn last_digit(number: u64) -> u8 {
    b'0'.saturating_add(u8::try_from(number % 10).unwrap_or_default())
}

/// Digits of a number, the last one first.
struct Digits {
    /// The part that a machine word holds.
    low: u64,
    /// The digits before it.
    high: u128,
    /// Digits that `low` still stands for while there are others before it.
    places: usize,
}

/// Digits that a word holds whatever they are.
const WORD_DIGITS: usize = 19;
/// The first number with more of them.
const WORD: u64 = 10_000_000_000_000_000_000;

impl Digits {
    fn of(number: u128) -> Self {
        match u64::try_from(number) {
            Ok(low) => Self {
                low,
                high: 0,
                places: 0,
            },
            Err(_large) => Self::split(number),
        }
    }

    fn split(number: u128) -> Self {
        let word = u128::from(WORD);
        Self {
            low: u64::try_from(number % word).unwrap_or_default(),
            high: number.checked_div(word).unwrap_or_default(),
            places: WORD_DIGITS,
        }
    }

    fn next(&mut self) -> u8 {
        if self.places == 0 && self.high > 0 {
            *self = Self::split(self.high);
        }
        let digit = last_digit(self.low);
        self.low = self.low.checked_div(10).unwrap_or_default();
        self.places = self.places.saturating_sub(1);
        digit
    }

    fn is_zero(&self) -> bool {
        self.low == 0 && self.high == 0
    }
}

/// A member that should be a decimal string, kept even if it is not one.
///
/// Amounts of a wrong form have codes of their own that come later than the schema in the order of
/// checks, so reading the member never fails: the job's rule asks for the number when its turn
/// comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecimalText {
    parsed: Result<Number, NumberFault>,
    written: Written,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Written {
    Text(SmolStr),
    /// No text: JSON kind and value.
    Other(Box<Lenient<'static>>),
}

impl DecimalText {
    /// The number, or why there is none.
    pub fn number(&self) -> Result<Number, NumberFault> {
        self.parsed
    }

    /// Read from text, never failing.
    pub fn read(text: &str) -> Self {
        Self {
            parsed: Number::parse(text),
            written: Written::Text(text.into()),
        }
    }
}

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match lenient(deserializer)? {
            Lenient::Text(text)
                if text.len() > NUMBER_CHARS_MAX && text.chars().count() > NUMBER_CHARS_MAX =>
            {
                Err(serde::de::Error::custom(format!(
                    "FIELD_TOO_LONG: a decimal has at most {NUMBER_CHARS_MAX} characters"
                )))
            }
            Lenient::Text(text) => Ok(Self::read(&text)),
            Lenient::Other { kind, raw } => {
                let reason = if kind == "number" {
                    "number, not string"
                } else {
                    "not a string"
                };
                Ok(Self {
                    parsed: Err(NumberFault::Form(reason)),
                    written: Written::Other(Box::new(Lenient::Other { kind, raw })),
                })
            }
        }
    }
}

impl Serialize for DecimalText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.written {
            Written::Text(text) if self.parsed.is_ok() => {
                serialize_decimal(&Lenient::text(text), serializer)
            }
            Written::Text(text) => serialize(&Lenient::text(text), serializer),
            Written::Other(other) => serialize(other, serializer),
        }
    }
}

impl schemars::JsonSchema for DecimalText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "maxLength": NUMBER_CHARS_MAX,
            "pattern": "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?$",
            "description": "Decimal string; never a JSON number."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the examples in RFC 8259, section 13, are of the grammar; what section 6 does
    /// not allow is not, as the files `n_number_*` of JSONTestSuite list it, and neither are
    /// exponents, which JSON has and amounts have not.
    #[test]
    fn numbers_of_rfc_8259_without_exponents_are_of_the_grammar() {
        for good in ["800", "116", "38793", "37.7668", "-122.3959", "-122.026020"] {
            assert_eq!(Number::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "012", "-012", "+1", ".123", "1.", "-2.", "-.123", "1 000.0", "0x1", "NaN", "Infinity",
            "１", "1+2", "-1x", "1e5", "1E+2",
        ] {
            let form = matches!(Number::parse(bad), Err(NumberFault::Form(_)));
            assert!(form, "{bad:?}");
        }
    }

    #[test]
    fn the_grammar_takes_plain_decimals_only() {
        for good in [
            "0",
            "5",
            "10.00",
            "0.5",
            "-3.25",
            "-0",
            "99999999999999999999999999999999999999",
            "10000000000000000000",
            "100000000000000000000000000000000000.00",
            "-0.0000000000000000000000000000000000001",
            "12345678901234567890.5",
        ] {
            assert_eq!(Number::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "", "-", "+1", "1e3", "1,000.00", " 5", "5 ", "NaN", "5.", ".5", "05", "1.2.3", "٥",
        ] {
            assert!(
                matches!(Number::parse(bad), Err(NumberFault::Form(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn more_than_38_digits_are_an_overflow_not_a_wrap() {
        let shadow = |text: &str| match Number::parse(text) {
            Err(NumberFault::Digits(shadow)) => (shadow.negative, shadow.zero, shadow.scale),
            other => panic!("{other:?}"),
        };
        assert_eq!(shadow(&"1".repeat(39)), (false, false, 0));
        assert_eq!(shadow(&format!("-{}", "1".repeat(39))), (true, false, 0));
        assert_eq!(shadow(&format!("0.{}", "0".repeat(39))), (false, true, 39));
        assert!(Number::parse(&"1".repeat(38)).is_ok());
    }

    #[test]
    fn equal_values_normalise_to_equal_numbers() {
        let normal = |text: &str| Number::parse(text).unwrap().normal();
        assert_eq!(normal("10.00"), normal("10"));
        assert_ne!(normal("10.01"), normal("10"));
        assert_eq!(normal("0.00"), normal("0"));
    }
}
