//! Currencies of ISO 4217 list one with their minor units, as data.
//!
//! Codes that ended stay usable for history and carry their last day. Metals, test codes and funds
//! are left out on purpose: a book that wants them declares them as units of its own.

use crate::time::Date;

/// One currency of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency {
    /// Alphabetic code.
    pub code: &'static str,
    /// Decimals of the minor unit.
    pub decimals: u8,
    /// Last day on which it may be posted, if it ended.
    pub until: Option<Date>,
}

/// Currencies without a minor unit.
const DECIMALS_0: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
/// Currencies with thousandths.
const DECIMALS_3: &str = "BHD IQD JOD KWD LYD OMR TND";
/// Units of account with ten-thousandths.
const DECIMALS_4: &str = "CLF UYW";
/// All others: hundredths (MRU and MGA are listed so although their sub-unit is a fifth).
const DECIMALS_2: &str = "\
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD \
    CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS \
    GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD \
    LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB \
    PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP \
    SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";
/// Ended codes (all with hundredths) and their last day of posting.
const ENDED: [(&str, i16, i8, i8); 5] = [
    ("HRK", 2022, 12, 31),
    ("SLL", 2023, 12, 31),
    ("ZWL", 2024, 8, 31),
    ("ANG", 2025, 3, 31),
    ("BGN", 2025, 12, 31),
];

/// The currency of a code, if the list has it.
pub fn currency(code: &str) -> Option<Currency> {
    let listed = |list: &'static str| list.split_ascii_whitespace().find(|entry| *entry == code);
    let by_decimals = [
        (DECIMALS_2, 2),
        (DECIMALS_0, 0),
        (DECIMALS_3, 3),
        (DECIMALS_4, 4),
    ];
    for (list, decimals) in by_decimals {
        if let Some(code) = listed(list) {
            return Some(Currency {
                code,
                decimals,
                until: None,
            });
        }
    }
    let (code, year, month, day) = ENDED.into_iter().find(|(ended, ..)| *ended == code)?;
    Some(Currency {
        code,
        decimals: 2,
        until: Date::new(year, month, day),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_agrees_with_an_independent_table() {
        let lists = [DECIMALS_0, DECIMALS_2, DECIMALS_3, DECIMALS_4];
        for code in lists.iter().flat_map(|list| list.split_ascii_whitespace()) {
            let ours = currency(code).unwrap();
            // The table may be older than a code, but may not differ on one it knows.
            if let Some(known) = iso_currency::Currency::from_code(code) {
                let decimals = known.exponent().unwrap_or(2);
                assert_eq!(u16::from(ours.decimals), decimals, "{code}");
            }
        }
        for code in ["EUR", "USD", "JPY", "KWD", "CLF", "CHF", "SEK"] {
            assert!(currency(code).is_some(), "{code}");
        }
    }

    #[test]
    fn metals_and_test_codes_are_not_units_of_account() {
        for code in ["XAU", "XAG", "XTS", "XXX", "EURO", "eur", ""] {
            assert_eq!(currency(code), None, "{code}");
        }
    }

    #[test]
    fn ended_codes_carry_their_last_day() {
        assert_eq!(currency("HRK").unwrap().until, Date::new(2022, 12, 31));
        assert_eq!(currency("EUR").unwrap().until, None);
    }
}
