//! The books as a child would keep them: one plain number per account, no code of kontor's.

use serde_json::{Value, json};

use super::work::{Move, WALLETS, account_name};

/// Cents as text.
pub(crate) fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents.div_euclid(100), cents % 100)
}

/// Balances in cents as people read them: what the bank has, what wallets hold.
pub(crate) struct Model {
    pub(crate) cents: Vec<i64>,
    pub(crate) entries: u64,
}

impl Model {
    pub(crate) fn new() -> Self {
        let accounts = usize::try_from(WALLETS).expect("small") + 1;
        Self {
            cents: vec![0; accounts],
            entries: 0,
        }
    }

    /// The members of the outcome that a move must have.
    pub(crate) fn apply(
        &mut self,
        Move {
            debit,
            credit,
            cents,
        }: Move,
    ) -> Value {
        let there = self.cents[debit];
        if debit != 0 && there < cents {
            let (available, requested) = (money(there), money(cents));
            let account = account_name(debit);
            return json!({
                "status": "rejected",
                "code": "INSUFFICIENT_FUNDS",
                "detail": { "account": account, "available": available, "requested": requested },
            });
        }
        // The bank grows by debits, a wallet by credits.
        self.cents[debit] += if debit == 0 { cents } else { -cents };
        self.cents[credit] += if credit == 0 { -cents } else { cents };
        self.entries += 1;
        let mut balances = serde_json::Map::new();
        for account in [debit, credit] {
            balances.insert(account_name(account), money(self.cents[account]).into());
        }
        json!({ "status": "posted", "entry_no": self.entries, "balances": balances })
    }
}

/// The differences between what was said and what the model says.
pub(crate) fn differences(said: &Value, expected: &Value) -> Vec<String> {
    let expected = expected.as_object().expect("an object");
    let differs = |(name, value): (&String, &Value)| {
        (said.get(name) != Some(value))
            .then(|| format!("{name}: {value} was expected, the outcome says {said}"))
    };
    expected.iter().filter_map(differs).collect()
}
