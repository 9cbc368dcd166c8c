//! The year of remote work: a company pays a housing stipend instead of renting office space.
//!
//! A stipend of 500 US dollars a month against an office of 1,000 saves 12 × (1,000 − 500), 6,000
//! for each person and year. The office is not rented, so its cost is no expense: it stands on
//! memo accounts, which show what would have been and touch nothing else.

use serde_json::json;

use super::super::order::Order;
use super::Company;
use super::ledger::{amount, minor_of};
use crate::time::Date;

/// What is paid a month, and what the office would have cost, in cents.
const STIPEND: i64 = minor_of(500, 0);
const OFFICE: i64 = minor_of(1_000, 0);

/// Where the two are booked.
pub(in crate::command::demo) const ACTUAL: &str = "exp/housing_stipend";
pub(in crate::command::demo) const BASELINE: &str = "memo/office_baseline";

impl Company {
    /// Twelve stipends paid and twelve rents saved, at the ends of last year's months.
    pub(in crate::command::demo) fn remote_year(&mut self) -> Vec<Order> {
        let year = self.today.year().saturating_sub(1);
        let ends: Vec<Date> = (1..=12)
            .filter_map(|month| end_of_month(year, month))
            .collect();
        let kinds = [
            ("stipend", ACTUAL, "bank/operating", STIPEND),
            ("office", BASELINE, "memo/office_baseline_contra", OFFICE),
        ];
        let mut orders = Vec::new();
        for (name, debit, credit, minor) in kinds {
            for end in &ends {
                self.ledger.entry(debit, credit, minor);
                let key = format!("{name}-{}", end.month());
                let order = Order::entry(key, debit, credit, &amount(minor));
                orders.push(order.with("booking_date", json!(end.to_string())));
            }
        }
        orders
    }
}

/// The last day of a month.
fn end_of_month(year: i16, month: i8) -> Option<Date> {
    let next = match month {
        12 => Date::new(year.checked_add(1)?, 1, 1),
        _ => Date::new(year, month.checked_add(1)?, 1),
    };
    next?.plus_days(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_end_where_they_end() {
        let ends = [(1, 31), (2, 29), (4, 30), (12, 31)];
        for (month, day) in ends {
            assert_eq!(end_of_month(2024, month), Date::new(2024, month, day));
        }
    }
}
