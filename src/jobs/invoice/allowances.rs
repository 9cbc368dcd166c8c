//! Allowances of a whole document where the book shows revenue net: they are taken off the lines.

use crate::jobs::billing::BillLine;
use crate::ledger::Book;
use crate::ledger::reference::Record;
use crate::money::Minor;
use crate::money::share::largest_remainder;
use crate::time::Date;

/// Whether the book's setting `allowances` is `net`: without one they have an account of their own.
pub(super) fn are_net(book: &Book, day: Date) -> bool {
    let setting = book.reference().single(Record::Allowances, day);
    setting.is_some_and(|word| word.text() == r#""net""#)
}

/// Take the allowances of each tax group off the nets of its lines, in proportion to those above
/// zero; what no line takes is left.
pub(super) fn lessen(
    nets: &mut [Minor],
    lines: &[BillLine],
    allowances: &[Minor],
) -> Option<Minor> {
    let mut left = 0;
    for (group, allowance) in allowances.iter().enumerate() {
        let of_group = |(net, line): (&Minor, &BillLine)| {
            if line.group == group {
                (*net).max(0)
            } else {
                0
            }
        };
        let weights: Vec<Minor> = nets.iter().zip(lines).map(of_group).collect();
        if *allowance == 0 || weights.iter().all(|weight| *weight == 0) {
            left += allowance;
            continue;
        }
        let parts = largest_remainder(*allowance, &weights)?;
        for (net, part) in nets.iter_mut().zip(parts) {
            *net -= part;
        }
    }
    Some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lessened(nets: &[Minor], groups: &[usize], allowances: &[Minor]) -> (Vec<Minor>, Minor) {
        let line = |group: &usize| BillLine {
            terms: None,
            amount: 0,
            group: *group,
        };
        let lines: Vec<BillLine> = groups.iter().map(line).collect();
        let mut nets = nets.to_vec();
        let left = lessen(&mut nets, &lines, allowances).unwrap();
        (nets, left)
    }

    #[test]
    fn each_group_takes_its_own_and_nothing_is_lost() {
        // 1.00 over 100.00 twice and a line given back; 5.00 of a group without a line above zero.
        let got = lessened(&[10_000, 10_000, -500, -300], &[0, 0, 0, 1], &[101, 500]);
        assert_eq!(got, (vec![9_949, 9_950, -500, -300], 500));
        assert_eq!(lessened(&[7], &[0], &[0]), (vec![7], 0));
    }
}
