//! The arithmetic of bills: line nets, tax groups, totals.
//!
//! Pure functions of numbers: no book, no names, no JSON. Every formula stays an exact rational
//! until its one rounding, and what does not fit the range of a leg is a fault, never a wrap.
//!
//! | Figure          | Formula                                                               |
//! |-----------------|-----------------------------------------------------------------------|
//! | line amount     | round(quantity × price / base quantity + charge − allowance)          |
//! | sum of a group  | Σ line amounts + Σ charges − Σ allowances of its tax code             |
//! | tax of a group  | `document_group`: round(sum × rate)                                   |
//! |                 | `line`: Σ round(line amount × rate)                                   |
//! |                 | `unit`: Σ quantity × round(price × rate)                              |
//! | base of a group | its sum                                                               |
//! | total           | Σ bases + Σ taxes                                                     |
//!
//! With prices that include tax, every amount does: the rate above is `rate / (100 + rate)`, and
//! the base of a group is its sum less its tax. The nets of its lines are made to add up to the
//! base by giving the tax to them by largest fractions.
//!
//! Allowances and charges of the whole document are taxed like lines. One without a tax code is
//! spread over the groups in proportion to their positive line amounts, by largest remainder.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::share::{largest_fractions, largest_remainder};
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DocumentGroup, Self::Line, Self::Unit];

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
    /// The line amount in a unit with so many decimals; none if it does not fit a leg.
    pub fn amount(&self, decimals: u8, mode: Rounding) -> Option<Minor> {
        let price = self.price.minor_ratio(decimals)?;
        let mut amount = self.quantity.ratio()?.times(price)?;
        if let Some(base) = self.base_quantity {
            amount = amount.divided_by(base.ratio()?)?;
        }
        within_leg(amount.plus(self.charge - self.allowance)?.round(mode))
    }

    /// The tax on a line of whole pieces, rounded per piece.
    fn tax_by_piece(&self, decimals: u8, rate: Ratio, mode: Rounding) -> Option<Minor> {
        let piece = self.price.minor_ratio(decimals)?.times(rate)?;
        let pieces = self.quantity.ratio()?.round(Rounding::Down);
        pieces.checked_mul(piece.round(mode)).and_then(within_leg)
    }
}

/// One line of a bill with its tax group.
#[derive(Clone, Copy, Debug)]
pub struct BillLine {
    /// Its numbers; none if only its amount is known, as of usage that was rated before.
    pub terms: Option<LineTerms>,
    /// Its amount, from [`LineTerms::amount`].
    pub amount: Minor,
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
    /// Whether all amounts include the tax.
    pub inclusive: bool,
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

/// The totals of a bill, without tax where nothing else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Net of every line.
    pub line_nets: Vec<Minor>,
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
    /// What of the allowances falls on each group.
    pub group_allowances: Vec<Minor>,
}

/// Why a bill has no totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BillFault {
    /// A figure is beyond the range of a leg.
    Overflow,
    /// An allowance without tax code has no positive amount to be spread over.
    AllowanceWithoutBase(usize),
    /// A charge likewise.
    ChargeWithoutBase(usize),
}

/// What a group is made of: a line, or what of a document allowance or charge falls on it.
#[derive(Clone, Copy, Debug)]
struct Item {
    place: Place,
    group: usize,
    /// An allowance is negative.
    amount: Minor,
    /// The tax rounded on it; zero by group.
    tax: Minor,
}

/// Where an item stands on the document.
#[derive(Clone, Copy, Debug)]
enum Place {
    Line,
    Allowance,
    Charge,
}

impl Bill {
    /// The totals.
    pub fn totals(&self) -> Result<Totals, BillFault> {
        let mut items = Vec::with_capacity(self.lines.len());
        let mut weights = vec![0; self.factors.len()];
        for line in &self.lines {
            let item = self.line_item(line).ok_or(BillFault::Overflow)?;
            items.push(item);
            if let Some(weight) = weights.get_mut(line.group) {
                *weight += line.amount;
            }
        }
        weights
            .iter_mut()
            .for_each(|weight| *weight = (*weight).max(0));
        for (at, charge) in self.charges.iter().enumerate() {
            let parts = charge.parts(&weights);
            let parts = parts.ok_or(BillFault::ChargeWithoutBase(at))?;
            self.extra_items(Place::Charge, &parts, &mut items)?;
        }
        for (at, allowance) in self.allowances.iter().enumerate() {
            let parts = allowance.parts(&weights);
            let mut parts = parts.ok_or(BillFault::AllowanceWithoutBase(at))?;
            parts.iter_mut().for_each(|part| *part = -*part);
            self.extra_items(Place::Allowance, &parts, &mut items)?;
        }
        self.sum_up(&items).ok_or(BillFault::Overflow)
    }

    /// What of an amount is tax, as a factor.
    fn rate(&self, group: usize) -> Option<Ratio> {
        let factor = *self.factors.get(group)?;
        if !self.inclusive {
            return Some(factor);
        }
        // r / (100 + r), with the factor being r / 100.
        factor.divided_by(factor.plus(1)?)
    }

    fn line_item(&self, line: &BillLine) -> Option<Item> {
        let by_piece = match (self.tax_rounding, line.terms) {
            (TaxRounding::Unit, Some(terms)) => {
                Some(terms.tax_by_piece(self.decimals, self.rate(line.group)?, self.mode)?)
            }
            (TaxRounding::DocumentGroup | TaxRounding::Line | TaxRounding::Unit, _) => None,
        };
        let tax = match by_piece {
            Some(tax) => tax,
            None => self.item_tax(line.group, line.amount)?,
        };
        Some(Item {
            place: Place::Line,
            group: line.group,
            amount: line.amount,
            tax,
        })
    }

    /// The tax rounded on one amount; nothing as long as the group is what is rounded on.
    fn item_tax(&self, group: usize, amount: Minor) -> Option<Minor> {
        match self.tax_rounding {
            TaxRounding::DocumentGroup => Some(0),
            TaxRounding::Line | TaxRounding::Unit => self.tax(group, amount),
        }
    }

    fn tax(&self, group: usize, amount: Minor) -> Option<Minor> {
        let tax = Ratio::whole(amount).times(self.rate(group)?)?;
        within_leg(tax.round(self.mode))
    }

    fn extra_items(
        &self,
        place: Place,
        parts: &[Minor],
        items: &mut Vec<Item>,
    ) -> Result<(), BillFault> {
        for (group, amount) in parts.iter().copied().enumerate() {
            if amount != 0 {
                let tax = self.item_tax(group, amount).ok_or(BillFault::Overflow)?;
                items.push(Item {
                    place,
                    group,
                    amount,
                    tax,
                });
            }
        }
        Ok(())
    }

    fn sum_up(&self, items: &[Item]) -> Option<Totals> {
        let mut totals = Totals::default();
        // What of every item is tax, if prices include it.
        let mut included = vec![0; items.len()];
        for group in 0..self.factors.len() {
            let of_group = || items.iter().filter(|item| item.group == group);
            let sum = within_leg(of_group().map(|item| item.amount).sum())?;
            let tax = match self.tax_rounding {
                TaxRounding::DocumentGroup => self.tax(group, sum)?,
                TaxRounding::Line | TaxRounding::Unit => {
                    within_leg(of_group().map(|item| item.tax).sum())?
                }
            };
            let base = if self.inclusive {
                self.give_tax(group, tax, items, &mut included)?;
                sum - tax
            } else {
                sum
            };
            totals.tax_exclusive += within_leg(base)?;
            totals.tax_inclusive += base + tax;
            totals.groups.push(GroupTotal { base, tax });
            totals.group_allowances.push(0);
        }
        for (item, included) in items.iter().zip(included) {
            let net = item.amount - included;
            match item.place {
                Place::Line => {
                    totals.line_nets.push(net);
                    totals.sum_lines += net;
                }
                Place::Allowance => {
                    totals.allowances -= net;
                    *totals.group_allowances.get_mut(item.group)? -= net;
                }
                Place::Charge => totals.charges += net,
            }
        }
        let figures = [totals.sum_lines, totals.allowances, totals.charges];
        for figure in figures
            .into_iter()
            .chain([totals.tax_exclusive, totals.tax_inclusive])
        {
            within_leg(figure)?;
        }
        Some(totals)
    }

    /// Say of every item of a group what of it is tax, so that the taxes add up to the group's.
    fn give_tax(
        &self,
        group: usize,
        tax: Minor,
        items: &[Item],
        included: &mut [Minor],
    ) -> Option<()> {
        let places: Vec<usize> = (0..items.len())
            .filter(|at| items.get(*at).is_some_and(|item| item.group == group))
            .collect();
        let of = |at: &usize| items.get(*at);
        let taxes: Vec<Minor> = match self.tax_rounding {
            TaxRounding::Line | TaxRounding::Unit => {
                places.iter().filter_map(of).map(|item| item.tax).collect()
            }
            TaxRounding::DocumentGroup => {
                let rate = self.rate(group)?;
                let exact = places.iter().filter_map(of);
                let exact: Option<Vec<Ratio>> = exact
                    .map(|item| Ratio::whole(item.amount).times(rate))
                    .collect();
                largest_fractions(tax, &exact?)?
            }
        };
        for (at, tax) in places.iter().zip(taxes) {
            *included.get_mut(*at)? = tax;
        }
        Some(())
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

/// The figure, if a leg could carry it.
fn within_leg(figure: Minor) -> Option<Minor> {
    (-AMOUNT_MAX..=AMOUNT_MAX)
        .contains(&figure)
        .then_some(figure)
}
