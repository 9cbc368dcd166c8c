//! Settlement: securities against cash, both sides in one entry or neither.
//!
//! | Kind                  | Debit              | Credit             | Amount                    |
//! |-----------------------|--------------------|--------------------|---------------------------|
//! | `settlement.instruct` | –                  | –                  | nothing is posted         |
//! | `settlement.attempt`  | `secu/<deliverer>` | `secu/<receiver>`  | quantity, whole or a part |
//! |                       | `cash/<receiver>`  | `cash/<deliverer>` | cash, by cumulative share |
//!
//! A DVP moves both lines, a FOP the first one, a PAYMENT the second one. An instruction goes from
//! `pending` over `failing` and `partially_settled` to `settled`; one that settled in part stays
//! `partially_settled` when a later attempt falls short. Shortage is never a rejection: the
//! instruction lives on and is tried again.
//!
//! What is there to settle with is what the account has available above its lower limit. An account
//! without a limit settles what it has and no more: whoever may overdraw says so by a negative
//! limit.
//!
//! Not here: cancelling and changing instructions, payment against payment, and the run over all
//! instructions of a date.

mod attempt;
mod instruct;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use attempt::Attempt;
pub use instruct::{CashData, Instruct, Partial, Priority};

/// What is exchanged for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SettlementType {
    /// Delivery versus payment: securities against cash.
    Dvp,
    /// Free of payment: securities alone.
    Fop,
    /// Payment versus payment: cash against cash.
    Pvp,
    /// Cash alone.
    Payment,
}

impl SettlementType {
    /// As it is written outside.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Dvp => "DVP",
            Self::Fop => "FOP",
            Self::Pvp => "PVP",
            Self::Payment => "PAYMENT",
        }
    }

    /// Whether securities are delivered.
    const fn has_securities(self) -> bool {
        matches!(self, Self::Dvp | Self::Fop)
    }

    /// Whether cash is paid.
    const fn has_cash(self) -> bool {
        matches!(self, Self::Dvp | Self::Payment)
    }
}

/// The account on which a party holds securities.
fn securities_account(party: &str) -> String {
    format!("secu/{party}")
}

/// The account on which a party holds cash.
fn cash_account(party: &str) -> String {
    format!("cash/{party}")
}

/// Names of the members under which an instruction keeps its facts.
mod facts {
    pub(super) const DELIVERER: &str = "deliverer";
    pub(super) const RECEIVER: &str = "receiver";
    pub(super) const SECURITY: &str = "security";
    pub(super) const QUANTITY: &str = "quantity";
    pub(super) const CASH: &str = "cash";
    pub(super) const CURRENCY: &str = "currency";
    pub(super) const SETTLEMENT_DATE: &str = "settlement_date";
    pub(super) const PARTIAL: &str = "partial";
    pub(super) const ON_HOLD: &str = "on_hold";
    pub(super) const SETTLED_QUANTITY: &str = "settled_quantity";
    pub(super) const SETTLED_CASH: &str = "settled_cash";
    pub(super) const ATTEMPTS: &str = "attempts";
}
