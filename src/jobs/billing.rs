//! The arithmetic of bills: line nets, tax groups, totals.
//!
//! Pure functions of numbers: no book, no names, no JSON. Every formula stays an exact rational
//! until its one rounding, and what does not fit the range of a leg is a fault, never a wrap.
//!
//! | Figure          | Formula                                                               |
//! |-----------------|-----------------------------------------------------------------------|
//! | line net        | round(quantity × price / base quantity + charge − allowance)          |
//! | base of a group | Σ line nets + Σ charges − Σ allowances of its tax code                |
//! | tax of a group  | `document_group`: round(base × rate)                                  |
//! |                 | `line`: Σ round(line net × rate)                                      |
//! |                 | `unit`: Σ quantity × round(price × rate)                              |
//! | total           | Σ bases + Σ taxes                                                     |
//!
//! Allowances and charges of the whole document are taxed like lines. One without a tax code is
//! spread over the groups in proportion to their positive line nets, by largest remainder.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::share::largest_remainder;
use crate::money::{AMOUNT_MAX, Minor, Price, Quantity, Ratio, Rounding};

/// What the tax is rounded on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxRounding {
    /// Once per tax group: invoices.
    #[default]
    DocumentGroup,
    /// Per line: receipts of a cash register.
    Line,
    /// Per piece: prices shown with tax on a shelf.
    Unit,
}

impl TaxRounding {
    /// As it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::DocumentGroup => "document_group",
            Self::Line => "line",
            Self::Unit => "unit",
        }
    }
}

/// The numbers of one line.
#[derive(Clone, Copy, Debug)]
pub struct LineTerms {
    /// How many; may be negative.
    pub quantity: Quantity,
    /// Price of the base quantity.
    pub price: Price,
    /// How many the price is for; one if none.
    pub base_quantity: Option<Quantity>,
    /// Taken off the line, minor units.
    pub allowance: Minor,
    /// Put on the line, minor units.
    pub charge: Minor,
}

impl LineTerms {
    /// The line net in a unit with so many decimals; none if it does not fit a leg.
    pub fn net(&self, decimals: u8, mode: Rounding) -> Option<Minor> {
        let price = self.price.minor_ratio(decimals)?;
        let mut net = self.quantity.ratio()?.times(price)?;
        if let Some(base) = self.base_quantity {
            net = net.divided_by(base.ratio()?)?;
        }
        within_leg(net.plus(self.charge - self.allowance)?.round(mode))
    }

    /// The tax on a line of whole pieces, rounded per piece.
    fn tax_by_piece(&self, decimals: u8, factor: Ratio, mode: Rounding) -> Option<Minor> {
        let piece = self.price.minor_ratio(decimals)?.times(factor)?;
        let pieces = self.quantity.ratio()?.round(Rounding::Down);
        pieces.checked_mul(piece.round(mode)).and_then(within_leg)
    }
}

/// One line of a bill with its tax group.
#[derive(Clone, Copy, Debug)]
pub struct BillLine {
    /// Its numbers.
    pub terms: LineTerms,
    /// Its net, from [`LineTerms::net`].
    pub net: Minor,
    /// Place of its tax group.
    pub group: usize,
}

/// An allowance or a charge of the whole document.
#[derive(Clone, Copy, Debug)]
pub struct Extra {
    /// Minor units, not negative.
    pub amount: Minor,
    /// Place of its tax group; none spreads it.
    pub group: Option<usize>,
}

/// Everything that a bill's totals follow from.
#[derive(Clone, Debug)]
pub struct Bill {
    /// Decimals of the unit.
    pub decimals: u8,
    /// How each formula is rounded.
    pub mode: Rounding,
    /// What the tax is rounded on.
    pub tax_rounding: TaxRounding,
    /// Factor of each tax group, in order of first appearance.
    pub factors: Vec<Ratio>,
    /// Lines.
    pub lines: Vec<BillLine>,
    /// Allowances of the document.
    pub allowances: Vec<Extra>,
    /// Charges of the document.
    pub charges: Vec<Extra>,
}

/// Base and tax of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupTotal {
    /// What the tax is on.
    pub base: Minor,
    /// The tax.
    pub tax: Minor,
}

/// The totals of a bill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Σ line nets.
    pub sum_lines: Minor,
    /// Σ allowances of the document.
    pub allowances: Minor,
    /// Σ charges of the document.
    pub charges: Minor,
    /// Without tax.
    pub tax_exclusive: Minor,
    /// With tax.
    pub tax_inclusive: Minor,
    /// The groups, zero ones too.
    pub groups: Vec<GroupTotal>,
}

/// Why a bill has no totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BillFault {
    /// A figure is beyond the range of a leg.
    Overflow,
    /// An allowance without tax code has no positive net to be spread over.
    AllowanceWithoutBase(usize),
    /// A charge likewise.
    ChargeWithoutBase(usize),
}

/// A group while it is summed up.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Σ line nets.
    lines: Minor,
    /// Line nets, charges and allowances.
    base: Minor,
    /// Taxes of the items, for the roundings other than by group.
    item_taxes: Minor,
}

impl Bill {
    /// The totals.
    pub fn totals(&self) -> Result<Totals, BillFault> {
        let mut sums = vec![Sums::default(); self.factors.len()];
        for line in &self.lines {
            let tax = self.line_tax(line).ok_or(BillFault::Overflow)?;
            if let Some(group) = sums.get_mut(line.group) {
                group.lines += line.net;
                group.base += line.net;
                group.item_taxes += tax;
            }
        }
        let weights: Vec<Minor> = sums.iter().map(|group| group.lines.max(0)).collect();
        for (at, charge) in self.charges.iter().enumerate() {
            let parts = charge.parts(&weights);
            self.put(
                &mut sums,
                &parts.ok_or(BillFault::ChargeWithoutBase(at))?,
                1,
            )?;
        }
        for (at, allowance) in self.allowances.iter().enumerate() {
            let parts = allowance.parts(&weights);
            let parts = parts.ok_or(BillFault::AllowanceWithoutBase(at))?;
            self.put(&mut sums, &parts, -1)?;
        }
        self.sum_up(&sums).ok_or(BillFault::Overflow)
    }

    fn line_tax(&self, line: &BillLine) -> Option<Minor> {
        let factor = *self.factors.get(line.group)?;
        match self.tax_rounding {
            TaxRounding::DocumentGroup => Some(0),
            TaxRounding::Line => self.tax(line.net, factor),
            TaxRounding::Unit => line.terms.tax_by_piece(self.decimals, factor, self.mode),
        }
    }

    fn tax(&self, base: Minor, factor: Ratio) -> Option<Minor> {
        let tax = Ratio::whole(base).times(factor)?.round(self.mode);
        within_leg(tax)
    }

    /// Add the parts of an allowance (sign −1) or a charge to the groups.
    fn put(&self, sums: &mut [Sums], parts: &[Minor], sign: Minor) -> Result<(), BillFault> {
        for ((group, part), factor) in sums.iter_mut().zip(parts).zip(&self.factors) {
            let part = part * sign;
            group.base += part;
            group.item_taxes += self.tax(part, *factor).ok_or(BillFault::Overflow)?;
        }
        Ok(())
    }

    fn sum_up(&self, sums: &[Sums]) -> Option<Totals> {
        let mut totals = Totals {
            allowances: total(&self.allowances)?,
            charges: total(&self.charges)?,
            ..Totals::default()
        };
        for (group, factor) in sums.iter().zip(&self.factors) {
            let tax = match self.tax_rounding {
                TaxRounding::DocumentGroup => self.tax(within_leg(group.base)?, *factor)?,
                TaxRounding::Line | TaxRounding::Unit => within_leg(group.item_taxes)?,
            };
            totals.sum_lines += group.lines;
            totals.tax_exclusive += within_leg(group.base)?;
            totals.tax_inclusive += group.base + tax;
            totals.groups.push(GroupTotal {
                base: group.base,
                tax,
            });
        }
        for figure in [totals.sum_lines, totals.tax_exclusive, totals.tax_inclusive] {
            within_leg(figure)?;
        }
        Some(totals)
    }
}

impl Extra {
    /// What falls on each group; none if nothing says how to spread it.
    fn parts(&self, weights: &[Minor]) -> Option<Vec<Minor>> {
        let mut parts = vec![0; weights.len()];
        let only = (weights.len() == 1).then_some(0);
        if let Some(group) = self.group.or(only) {
            *parts.get_mut(group)? = self.amount;
            return Some(parts);
        }
        if self.amount == 0 {
            return Some(parts);
        }
        largest_remainder(self.amount, weights)
    }
}

fn total(extras: &[Extra]) -> Option<Minor> {
    within_leg(extras.iter().map(|extra| extra.amount).sum())
}

/// The figure, if a leg could carry it.
fn within_leg(figure: Minor) -> Option<Minor> {
    (-AMOUNT_MAX..=AMOUNT_MAX)
        .contains(&figure)
        .then_some(figure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Number, Percent};

    fn terms(quantity: &str, price: &str) -> LineTerms {
        LineTerms {
            quantity: Quantity::new(Number::parse(quantity).unwrap()).unwrap(),
            price: Price::not_negative(Number::parse(price).unwrap()).unwrap(),
            base_quantity: None,
            allowance: 0,
            charge: 0,
        }
    }

    fn factor(percent: &str) -> Ratio {
        let percent = Percent::new(Number::parse(percent).unwrap()).unwrap();
        percent.factor().unwrap()
    }

    fn bill(tax_rounding: TaxRounding, rates: &[&str], lines: &[(&str, &str, usize)]) -> Bill {
        let mode = Rounding::HalfUp;
        let lines = lines.iter().map(|(quantity, price, group)| {
            let terms = terms(quantity, price);
            let net = terms.net(2, mode).unwrap();
            BillLine {
                terms,
                net,
                group: *group,
            }
        });
        Bill {
            decimals: 2,
            mode,
            tax_rounding,
            factors: rates.iter().map(|rate| factor(rate)).collect(),
            lines: lines.collect(),
            allowances: Vec::new(),
            charges: Vec::new(),
        }
    }

    fn taxes(bill: &Bill) -> Vec<(Minor, Minor)> {
        let groups = bill.totals().unwrap().groups;
        groups.iter().map(|group| (group.base, group.tax)).collect()
    }

    #[test]
    fn nets_of_the_published_allowance_example() {
        let mut first = terms("10", "410");
        (first.charge, first.allowance) = (100, 10_100);
        assert_eq!(first.net(2, Rounding::HalfUp), Some(400_000));
        let mut second = terms("10", "200");
        second.base_quantity = Some(terms("2", "0").quantity);
        assert_eq!(second.net(2, Rounding::HalfUp), Some(100_000));
        // 1/3 of 10.00 is rounded once, after the charge: 3.333… + 0.01 = 3.34.
        let mut third = terms("1", "10");
        third.base_quantity = Some(terms("3", "0").quantity);
        third.charge = 1;
        assert_eq!(third.net(2, Rounding::HalfUp), Some(334));
        assert_eq!(terms("-1", "0.125").net(2, Rounding::HalfUp), Some(-13));
    }

    #[test]
    fn tax_is_rounded_on_what_the_document_says() {
        let lines = [("1", "6.66", 0), ("1", "1.24", 0)];
        let by = |rounding| taxes(&bill(rounding, &["19"], &lines));
        assert_eq!(by(TaxRounding::DocumentGroup), [(790, 150)]);
        assert_eq!(by(TaxRounding::Line), [(790, 151)]);
        // 100 pieces of 0.03 at 19 %: 0.0057 → 0.01 each, 1.00 together; the group has 0.57.
        let pieces = [("100", "0.03", 0)];
        let unit = bill(TaxRounding::Unit, &["19"], &pieces);
        assert_eq!(taxes(&unit), [(300, 100)]);
        let group = bill(TaxRounding::DocumentGroup, &["19"], &pieces);
        assert_eq!(taxes(&group), [(300, 57)]);
    }

    #[test]
    fn extras_without_tax_code_follow_the_groups() {
        let mut bill = bill(
            TaxRounding::DocumentGroup,
            &["19", "7", "0"],
            &[("1", "100", 0), ("1", "50", 1), ("-1", "30", 2)],
        );
        let spread = |amount| Extra {
            amount,
            group: None,
        };
        bill.allowances = vec![spread(100)];
        // 1.00 over 100 : 50 : 0 is 0.666…, 0.333…: the missing cent goes to the larger fraction.
        let totals = bill.totals().unwrap();
        let bases: Vec<Minor> = totals.groups.iter().map(|group| group.base).collect();
        assert_eq!(bases, [10_000 - 67, 5_000 - 33, -3_000]);
        assert_eq!((totals.allowances, totals.tax_exclusive), (100, 11_900));
        bill.lines.retain(|line| line.group == 2);
        assert_eq!(bill.totals(), Err(BillFault::AllowanceWithoutBase(0)));
        bill.charges = vec![spread(1)];
        assert_eq!(bill.totals(), Err(BillFault::ChargeWithoutBase(0)));
    }

    #[test]
    fn figures_beyond_a_leg_are_faults() {
        assert_eq!(
            terms("1000000000", "1000000000").net(2, Rounding::HalfUp),
            None
        );
        let mut huge = bill(
            TaxRounding::DocumentGroup,
            &["19"],
            &[("1", "80000000000000000", 0)],
        );
        assert_eq!(huge.totals(), Err(BillFault::Overflow));
        huge.factors = vec![factor("0")];
        assert!(huge.totals().is_ok());
    }
}
