//! Dividing a whole without losing a unit.
//!
//! Parts that stand side by side use the largest remainder; parts that follow each other in time
//! use cumulative rounding, so that every prefix is right within half a unit and the last one
//! exact.

use super::decimal::Quantity;
use super::round::{Ratio, Rounding, gcd};

/// Split `total` in proportion to `weights` by largest remainder; ties go to the lower index.
///
/// None if a weight is negative, all weights are zero, or a product does not fit. A negative total
/// is split by its magnitude and mirrored.
pub fn largest_remainder(total: i128, weights: &[i128]) -> Option<Vec<i128>> {
    let sum = weights
        .iter()
        .try_fold(0_i128, |sum, weight| sum.checked_add(*weight))?;
    if sum <= 0 || weights.iter().any(|weight| *weight < 0) {
        return None;
    }
    let magnitude = total.checked_abs()?;
    let mut parts = Vec::with_capacity(weights.len());
    let mut rests = Vec::with_capacity(weights.len());
    for (index, weight) in weights.iter().enumerate() {
        let product = magnitude.checked_mul(*weight)?;
        parts.push(product.checked_div(sum)?);
        // All fractions share the denominator `sum`, so comparing remainders compares them exactly.
        rests.push((product.checked_rem(sum)?, index));
    }
    let given = parts
        .iter()
        .try_fold(0_i128, |given, part| given.checked_add(*part))?;
    let missing = usize::try_from(magnitude.checked_sub(given)?).ok()?;
    rests.sort_by(|(a, i), (b, j)| b.cmp(a).then(i.cmp(j)));
    for (_, index) in rests.iter().take(missing) {
        if let Some(part) = parts.get_mut(*index) {
            *part = part.checked_add(1)?;
        }
    }
    if total < 0 {
        parts.iter_mut().for_each(|part| *part = -*part);
    }
    Some(parts)
}

/// Split `total` in proportion to quantities, as [`largest_remainder`] does.
pub fn shares(total: i128, weights: &[Quantity]) -> Option<Vec<i128>> {
    let scale = weights.iter().map(|weight| weight.scale()).max()?;
    let whole = weights.iter().map(|weight| weight.scaled(scale));
    largest_remainder(total, &smallest(whole.collect::<Option<Vec<_>>>()?))
}

/// The same proportions in the smallest whole numbers, so that products stay small.
fn smallest(mut weights: Vec<i128>) -> Vec<i128> {
    let divisor = weights
        .iter()
        .fold(0, |divisor, weight| gcd(divisor, weight.unsigned_abs()));
    if let Ok(divisor @ 2..) = i128::try_from(divisor) {
        for weight in &mut weights {
            *weight = weight.checked_div(divisor).unwrap_or(*weight);
        }
    }
    weights
}

/// Round parts whose exact values are known so that they add up to `total`: the floors, then the
/// missing units one by one to the largest fractions; ties go to the lower index.
///
/// The total is the rounded sum of the parts, or near it: further units go round again. A negative
/// total is split by its magnitude and mirrored. None if there is no part or a figure does not fit.
pub fn largest_fractions(total: i128, exact: &[Ratio]) -> Option<Vec<i128>> {
    if total < 0 {
        let mirrored: Vec<Ratio> = exact.iter().map(|part| part.negated()).collect();
        let mut parts = largest_fractions(total.checked_neg()?, &mirrored)?;
        parts.iter_mut().for_each(|part| *part = -*part);
        return Some(parts);
    }
    let (mut parts, mut rests) = (Vec::new(), Vec::new());
    for (index, part) in exact.iter().enumerate() {
        let (floor, rest) = part.floor_and_rest();
        parts.push(floor);
        rests.push((rest, index));
    }
    let given = parts
        .iter()
        .try_fold(0_i128, |given, part| given.checked_add(*part))?;
    let missing = total.checked_sub(given)?;
    let step = missing.signum();
    // Too much is taken from the smallest fractions first.
    rests.sort_by(|(a, i), (b, j)| match step {
        -1 => a.compare(*b).then(j.cmp(i)),
        _ => b.compare(*a).then(i.cmp(j)),
    });
    if rests.is_empty() && missing != 0 {
        return None;
    }
    let times = usize::try_from(missing.unsigned_abs()).ok()?;
    for (_, index) in rests.iter().cycle().take(times) {
        if let Some(part) = parts.get_mut(*index) {
            *part = part.checked_add(step)?;
        }
    }
    Some(parts)
}

/// The prefix `round(total × done / whole)`; a part is the difference of two prefixes.
pub fn prefix(total: i128, done: i128, whole: i128, mode: Rounding) -> Option<i128> {
    Some(
        Ratio::new(done, whole)?
            .times(Ratio::whole(total))?
            .round(mode),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ties_go_to_the_lower_index() {
        assert_eq!(largest_remainder(100, &[1, 1, 1]), Some(vec![34, 33, 33]));
        assert_eq!(
            largest_remainder(-100, &[1, 1, 1]),
            Some(vec![-34, -33, -33])
        );
        assert_eq!(largest_remainder(1, &[0, 0]), None);
    }

    /// The examples below zero in the tests of the library `money2` (`allocationAccordingTo`), each
    /// beside its mirror.
    #[test]
    fn negative_totals_mirror_as_published() {
        let examples: [(i128, &[i128], &[i128]); 9] = [
            (-100, &[50], &[-100]),
            (-100, &[1, 1], &[-50, -50]),
            (-100, &[1, 1, 1], &[-34, -33, -33]),
            (-101, &[1, 1, 1], &[-34, -34, -33]),
            (-2, &[1, 1, 1], &[-1, -1, 0]),
            (-5, &[3, 7], &[-2, -3]),
            (-5, &[7, 3], &[-4, -1]),
            (-5, &[0, 7, 3], &[0, -4, -1]),
            (-5, &[7, 3, 0], &[-4, -1, 0]),
        ];
        for (total, weights, parts) in examples {
            assert_eq!(largest_remainder(total, weights), Some(parts.to_vec()));
            let mirror: Vec<i128> = parts.iter().map(|part| -part).collect();
            assert_eq!(largest_remainder(-total, weights), Some(mirror));
        }
    }

    #[test]
    fn weights_with_decimals_are_brought_to_one_scale() {
        let of = |text: &str| Quantity::new(crate::money::Number::parse(text).unwrap()).unwrap();
        let split = |total, weights: &[&str]| {
            let weights: Vec<Quantity> = weights.iter().map(|weight| of(weight)).collect();
            shares(total, &weights)
        };
        assert_eq!(
            split(10_000, &["50", "25", "75"]),
            Some(vec![3_333, 1_667, 5_000])
        );
        assert_eq!(split(100, &["0.5", "0.25", "0"]), Some(vec![67, 33, 0]));
        // 10^18 beside 10^-9 has no product that fits; the same weights in common do.
        let large = "1000000000000000000";
        assert_eq!(split(i64::MAX.into(), &[large, "0.000000001"]), None);
        let halves = split(i64::MAX.into(), &[large, large]).unwrap();
        assert_eq!(halves.iter().sum::<i128>(), i128::from(i64::MAX));
        assert_eq!(split(1, &["0"]), None);
        assert_eq!(split(1, &[]), None);
    }

    #[test]
    fn a_partial_delivery_pays_its_cumulative_share() {
        // 600 of 1,000 at 25,000.00, then the rest.
        let first = prefix(2_500_000, 600, 1_000, Rounding::HalfUp).unwrap();
        let both = prefix(2_500_000, 1_000, 1_000, Rounding::HalfUp).unwrap();
        assert_eq!((first, both - first), (1_500_000, 1_000_000));
    }

    /// A running tally that is rounded, as Stack Overflow's answer to "How to make rounded
    /// percentages add up to 100%" (question 13483430) shows it for both lists.
    #[test]
    fn parts_in_a_row_as_published() {
        let parts = |exact: &[i128], whole: i128| {
            let (mut tally, mut given) = (0, 0);
            let next = |value: &i128| {
                tally += value;
                let to = prefix(100, tally, whole, Rounding::HalfUp).unwrap();
                let part = to - given;
                given = to;
                part
            };
            exact.iter().map(next).collect::<Vec<_>>()
        };
        let shares = [13_626_332, 47_989_636, 9_596_008, 28_788_024];
        assert_eq!(parts(&shares, 100_000_000), [14, 48, 9, 29]);
        assert_eq!(parts(&[33_333_333; 3], 100_000_000), [33, 34, 33]);
    }

    #[test]
    fn known_parts_are_rounded_to_their_sum() {
        let thirds: Vec<Ratio> = [100, 100, 100].map(|n| Ratio::new(n, 3).unwrap()).into();
        assert_eq!(largest_fractions(100, &thirds), Some(vec![34, 33, 33]));
        let mirrored: Vec<Ratio> = thirds.iter().map(|part| part.negated()).collect();
        assert_eq!(
            largest_fractions(-100, &mirrored),
            Some(vec![-34, -33, -33])
        );
        // A discount among the parts: 4.75 and −0.95 make 3.80.
        let mixed = [Ratio::new(475, 100).unwrap(), Ratio::new(-95, 100).unwrap()];
        assert_eq!(largest_fractions(4, &mixed), Some(vec![5, -1]));
        assert_eq!(largest_fractions(3, &mixed), Some(vec![4, -1]));
        assert_eq!(largest_fractions(1, &[]), None);
        assert_eq!(largest_fractions(0, &[]), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn known_parts_add_up_and_stay_within_a_unit(
            parts in prop::collection::vec((-10_000_i128..10_000, 1_i128..500), 1..20),
        ) {
            let exact = parts.iter().map(|(n, d)| Ratio::new(*n, *d).unwrap());
            let exact: Vec<Ratio> = exact.collect();
            let sum = exact.iter().try_fold(Ratio::whole(0), |sum, part| sum.and(*part));
            let Some(sum) = sum else { return Ok(()) };
            let total = sum.round(Rounding::HalfUp);
            let rounded = largest_fractions(total, &exact).unwrap();
            prop_assert_eq!(rounded.iter().sum::<i128>(), total);
            for (part, exact) in rounded.iter().zip(&exact) {
                let (floor, _) = exact.floor_and_rest();
                prop_assert!((floor..=floor + 1).contains(part));
            }
        }

        #[test]
        fn parts_add_up_to_the_whole(
            total in -1_000_000_i128..1_000_000,
            weights in prop::collection::vec(0_i128..10_000, 1..20),
        ) {
            if let Some(parts) = largest_remainder(total, &weights) {
                prop_assert_eq!(parts.iter().sum::<i128>(), total);
            } else {
                prop_assert!(weights.iter().all(|weight| *weight == 0));
            }
        }
    }
}
