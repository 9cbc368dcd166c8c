//! The share plan and the year of remote work.

use std::io::Write;

use super::super::company::Company;
use super::super::company::ledger::minor_of;
use super::super::company::remote::{ACTUAL, BASELINE};
use super::super::order::{Form, member};
use super::super::page::grouped;
use super::Day;
use crate::command::Unexpected;
use crate::money::print_minor;
use crate::report::Column;

/// What the year must save, in cents: 12 × (1,000.00 − 500.00).
const SAVED: i64 = minor_of(6_000, 0);

impl<W: Write> Day<'_, '_, W> {
    /// Delivery against payment: it fails, it fails again, it settles.
    pub(super) async fn share_plan(&mut self) -> anyhow::Result<()> {
        self.page
            .step("Anna sells Ben 40 shares: delivery against payment")?;
        self.page.say(
            "The company keeps shares and cash of its staff. Neither side gives first: both legs \
             move in one entry or not at all. A shortage is no refusal; the instruction waits.",
        )?;
        let instructed = self.desk.send_one(self.company.trade("trade-1")).await?;
        let instruction = member(&instructed.body, "instruction").unwrap_or_default();
        let mut rows = Vec::new();
        let tries = [
            ("nothing has arrived yet", None, "LACK_OF_SECURITIES"),
            (
                "the depository delivers",
                Some(self.company.shares_arrive()),
                "LACK_OF_CASH",
            ),
            ("Ben pays in", Some(self.company.cash_arrives()), ""),
        ];
        for ((before, order, reason), number) in tries.into_iter().zip(1..) {
            if let Some(order) = order {
                self.desk.send_one(order).await?;
            }
            let key = format!("settle-{number}");
            let attempt = if reason.is_empty() {
                self.company.settle(&key, instruction)
            } else {
                Company::attempt(&key, instruction).hears("reason", reason)
            };
            let outcome = self.desk.send_one(attempt).await?.body;
            let said = |name| member(&outcome, name).unwrap_or_default().to_owned();
            let moved = match said("status").as_str() {
                "settled" => format!(
                    "{} shares, {} EUR",
                    said("quantity"),
                    grouped(&said("cash"))
                ),
                _ => String::new(),
            };
            let short = grouped(&said("short"));
            rows.push(vec![
                before.to_owned(),
                said("status"),
                said("reason"),
                short,
                moved,
            ]);
        }
        let columns = vec![
            Column::words("before the attempt"),
            Column::words("status"),
            Column::words("reason"),
            Column::figures("short"),
            Column::words("moved"),
        ];
        self.page.table(columns, rows)?;
        self.read_books()?;
        Ok(())
    }

    /// Twelve months of a stipend against twelve months of an office.
    pub(super) async fn remote_work(&mut self) -> anyhow::Result<()> {
        let year = self.company.today.year().saturating_sub(1);
        self.page
            .step(&format!("Did working from home save money in {year}?"))?;
        let orders = self.company.remote_year();
        self.desk.send(&orders, Form::Each).await?;
        self.page.say(
            "24 entries in US dollars: twelve times a housing stipend of 500.00 that was paid, and \
             twelve times an office of 1,000.00 that was not rented (memo accounts: they show what \
             would have been and touch nothing else).",
        )?;
        let read = self.read_books()?;
        let on = |account: &str| {
            let found = read
                .accounts
                .get(account)
                .filter(|account| account.unit == "USD");
            found.map(|account| account.minor)
        };
        let (Some(office), Some(stipend)) = (on(BASELINE), on(ACTUAL)) else {
            return Err(Unexpected("the accounts of remote work are missing".to_owned()).into());
        };
        let saved = office.saturating_sub(stipend);
        if saved != SAVED {
            let problem = format!("remote work saved {saved} cents, not {SAVED}");
            return Err(Unexpected(problem).into());
        }
        let dollars = |minor: i64| grouped(&print_minor(minor.into(), 2));
        let line = |what, sum, minor, account| {
            format!(
                "{what:<18} {sum:<26} = {:>9} USD   {account}",
                dollars(minor)
            )
        };
        self.page.space()?;
        self.page.lines(&[
            line("office not rented", "12 × 1,000.00", office, BASELINE),
            line("stipend paid", "12 × 500.00", stipend, ACTUAL),
            line("saved", "12 × (1,000.00 − 500.00)", saved, ""),
        ])?;
        Ok(())
    }
}
