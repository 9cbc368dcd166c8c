//! `risk.check`: whether an account could take an amount more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, Question, Unanswered};
use crate::code::Code;
use crate::jobs::currency::Currency;
use crate::jobs::fields::Id;
use crate::ledger::value::Members;
use crate::ledger::{Rejection, Value};
use crate::money::{DecimalText, Minor};

/// Ask whether an account could take an amount more.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskCheck {
    /// The account.
    pub account: Id,
    /// How much more would stand on its normal side, in its unit.
    pub amount: DecimalText,
}

impl Question for RiskCheck {
    const NAME: &'static str = "risk.check";
    const SUMMARY: &'static str = "Whether the upper limit of an account allows an amount more.";
    const EXAMPLE: &'static str = r#"{ "account": "ar/cust-1", "amount": "3000.00" }"#;

    fn answer(&self, asked: &Asked<'_>) -> Result<Members, Unanswered> {
        let book = asked.book;
        let known = book.accounts().by_name(&self.account);
        let unit = known.map_or("", |account| book.units().code(account.unit));
        let currency = Currency::of(book, unit);
        let amount = Minor::from(currency.positive(&self.amount, "/amount")?);
        let account = known.ok_or_else(|| {
            Rejection::new(Code::AccountNotFound)
                .at("/account")
                .with_text("account", crate::ledger::plan::echo(&self.account))
        })?;
        let shown = |minor: Minor| Value::amount(minor, currency.decimals());
        let (exposure, limit) = (account.exposure(), account.max_balance());
        let allowed = limit.is_none_or(|limit| exposure + amount <= limit);
        let mut answer: Members = vec![
            ("account".into(), Value::text(account.name.to_string())),
            ("unit".into(), Value::text(unit.to_owned())),
            ("allowed".into(), Value::Bool(allowed)),
            ("exposure".into(), shown(exposure)),
        ];
        if let Some(limit) = limit {
            answer.push(("limit".into(), shown(limit)));
            answer.push(("headroom".into(), shown(limit - exposure)));
        }
        Ok(answer)
    }
}
