//! Money as integers: minor units inside, decimals only at the edge.
//!
//! A number from outside is read exactly ([`number`]), becomes minor units of one unit of account
//! ([`minor`]) and stays an integer from there on. Rates, prices and quantities stay exact decimals
//! until the one rounding at the end of a formula ([`round`]). Nothing here uses a float, and no
//! product wraps: what does not fit is an overflow, said as such.

pub mod number;
pub mod minor;
pub mod decimal;
pub mod round;
pub mod share;
pub mod percentage;
pub mod currency;
pub mod day_count;

pub use day_count::DayCount;
pub use decimal::{Percent, Price, Quantity, RateValue};
pub use minor::{AMOUNT_MAX, Minor, print_minor};
pub use number::{DecimalText, Number, NumberFault};
pub use percentage::percentage;
pub use round::{Ratio, Rounding};
