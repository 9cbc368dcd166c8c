//! Dividing a whole without losing a unit.
//!
//! Parts that stand side by side use the largest remainder; parts that follow each other in time
//! use cumulative rounding, so that every prefix is right within half a unit and the last one
//! exact.

use super::round::{Ratio, Rounding};

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

    #[test]
    fn a_partial_delivery_pays_its_cumulative_share() {
        // 600 of 1,000 at 25,000.00, then the rest.
        let first = prefix(2_500_000, 600, 1_000, Rounding::HalfUp).unwrap();
        let both = prefix(2_500_000, 1_000, 1_000, Rounding::HalfUp).unwrap();
        assert_eq!((first, both - first), (1_500_000, 1_000_000));
    }

    proptest! {
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
