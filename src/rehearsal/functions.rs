//! The pure functions that a case may check: largest remainder, business days, day count.
//!
//! A check is an object with arguments and results. What comes back is the same object with the
//! results as they are, or with `problem` in their place, so that comparing shows what differs.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::money::currency::currency;
use crate::money::day_count::{CouponPeriod, DayCount};
use crate::money::minor::signed_minor;
use crate::money::share::largest_remainder;
use crate::money::{Number, Ratio, Rounding, print_minor};
use crate::time::Date;
use crate::time::calendar::{Calendar, Convention};

/// Decimals of a fraction of a year.
const FRACTION_DECIMALS: u8 = 12;
/// The interest that checks name is that of a year at ten per cent, in minor units.
const INTEREST_MINOR: i128 = 100_000;

/// What a check gives.
pub(super) fn check(check: &Json) -> Json {
    let made = if check.get("weights").is_some() {
        remainder(check)
    } else if check.get("calendar").is_some() {
        business_day(check)
    } else if check.get("basis").is_some() {
        day_count(check)
    } else {
        Err("no function has these arguments".to_owned())
    };
    let arguments = check.as_object().cloned().unwrap_or_default();
    let mut shown: Map<String, Json> = arguments
        .into_iter()
        .filter(|(name, _)| !is_result(name))
        .collect();
    match made {
        Ok(results) => shown.extend(results),
        Err(problem) => {
            shown.insert("problem".to_owned(), json!(problem));
        }
    }
    Json::Object(shown)
}

fn is_result(name: &str) -> bool {
    matches!(
        name,
        "result" | "fraction_12" | "interest_on_10000_at_10pct"
    )
}

type Results = Result<Map<String, Json>, String>;

fn arguments<T: serde::de::DeserializeOwned>(check: &Json) -> Result<T, String> {
    serde_json::from_value(check.clone()).map_err(|fault| fault.to_string())
}

fn results<const N: usize>(members: [(&str, Json); N]) -> Map<String, Json> {
    members
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

#[derive(Deserialize)]
struct Remainder {
    amount: String,
    unit: String,
    weights: Vec<String>,
}

fn remainder(check: &Json) -> Results {
    let Remainder {
        amount,
        unit,
        weights,
    } = arguments(check)?;
    let decimals = currency(&unit).ok_or("the unit is no currency")?.decimals;
    let number =
        |text: &str| Number::parse(text).map_err(|_fault| format!("{text:?} is no decimal"));
    let total = signed_minor(number(&amount)?, decimals)
        .map_err(|_fault| format!("{amount:?} is no amount of {unit}"))?;
    let weights: Vec<Number> = weights
        .iter()
        .map(|text| number(text))
        .collect::<Result<_, _>>()?;
    // On one scale, so that weights with decimals are compared as what they are.
    let scale = weights
        .iter()
        .map(|weight| weight.scale)
        .max()
        .unwrap_or_default();
    let weights: Option<Vec<i128>> = weights
        .iter()
        .map(|weight| {
            let factor = crate::money::minor::power_of_ten(scale.saturating_sub(weight.scale))?;
            weight.signed().checked_mul(factor)
        })
        .collect();
    let parts =
        weights.and_then(|weights: Vec<i128>| largest_remainder(i128::from(total), &weights));
    let parts = parts.ok_or("the amount cannot be divided by these weights")?;
    let parts = parts.iter().map(|part| json!(print_minor(*part, decimals)));
    Ok(results([("result", Json::Array(parts.collect()))]))
}

#[derive(Deserialize)]
struct BusinessDay {
    calendar: String,
    from: String,
    add_business_days: Option<u32>,
    roll: Option<String>,
}

fn business_day(check: &Json) -> Results {
    let given: BusinessDay = arguments(check)?;
    let calendar = Calendar::shared(&given.calendar).ok_or("no such calendar")?;
    let from = date(&given.from)?;
    let day = match (given.add_business_days, given.roll) {
        (Some(count), None) => calendar.add_business_days(from, count),
        (None, Some(roll)) => {
            let convention: Convention = arguments(&json!(roll))?;
            calendar.roll(from, convention)
        }
        _ => return Err("give one of add_business_days and roll".to_owned()),
    };
    let day = day.ok_or("the calendar has no such day")?;
    Ok(results([("result", json!(day.to_string()))]))
}

#[derive(Deserialize)]
struct Span {
    basis: String,
    from: String,
    to: String,
    coupon_period: Option<Coupon>,
}

#[derive(Deserialize)]
struct Coupon {
    from: String,
    to: String,
    per_year: u16,
}

fn day_count(check: &Json) -> Results {
    let given: Span = arguments(check)?;
    let basis = DayCount::of_text(&given.basis).ok_or("no such day count convention")?;
    let coupon = given.coupon_period.map(|coupon| {
        let (from, to) = (date(&coupon.from)?, date(&coupon.to)?);
        let per_year = coupon.per_year;
        Ok::<_, String>(CouponPeriod { from, to, per_year })
    });
    let (from, to) = (date(&given.from)?, date(&given.to)?);
    let fraction = basis.fraction(from, to, coupon.transpose()?);
    let fraction = fraction.ok_or("the convention gives no fraction for these dates")?;
    let scaled = |factor: i128| {
        let product = fraction.times(Ratio::whole(factor));
        product.map(|product| product.round(Rounding::HalfUp))
    };
    let one = crate::money::minor::power_of_ten(FRACTION_DECIMALS).ok_or("too many decimals")?;
    let (year, interest) = (scaled(one), scaled(INTEREST_MINOR));
    let (year, interest) = year.zip(interest).ok_or("the fraction does not fit")?;
    Ok(results([
        ("fraction_12", json!(print_minor(year, FRACTION_DECIMALS))),
        (
            "interest_on_10000_at_10pct",
            json!(print_minor(interest, 2)),
        ),
    ]))
}

fn date(text: &str) -> Result<Date, String> {
    Date::parse(text).ok_or_else(|| format!("{text:?} is no date"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let weights = json!({ "amount": "100", "unit": "JPY", "weights": ["1", "1", "1.0"] });
        assert_eq!(check(&weights)["result"], json!(["34", "33", "33"]));
        let easter = json!({ "calendar": "TARGET", "from": "2026-04-02", "add_business_days": 2 });
        assert_eq!(check(&easter)["result"], json!("2026-04-08"));
        let roll = json!({ "calendar": "TARGET", "from": "2014-06-28", "roll": "following" });
        assert_eq!(check(&roll)["result"], json!("2014-06-30"));
        let isda = json!({ "basis": "ACT/ACT.ISDA", "from": "1999-07-01", "to": "2000-07-01" });
        assert_eq!(check(&isda)["fraction_12"], json!("1.001377348604"));
        assert_eq!(check(&isda)["interest_on_10000_at_10pct"], json!("1001.38"));
    }

    #[test]
    fn a_wrong_result_is_not_copied_from_the_case() {
        let wrong = json!({ "calendar": "MARS", "from": "2026-04-02", "add_business_days": 2,
            "result": "2026-04-08" });
        let made = check(&wrong);
        assert_eq!(
            (made.get("result"), &made["problem"]),
            (None, &json!("no such calendar"))
        );
    }
}
