//! The morning: accounts, invoices, the bank statement, the till.

use std::io::Write;

use super::super::company::Company;
use super::super::company::bank::Statement;
use super::super::company::chart::{BANK, UNALLOCATED};
use super::super::company::sales::Invoice;
use super::super::order::{Form, Order, member};
use super::super::page::{count, grouped, per_second, seconds};
use super::{Day, some};
use crate::command::Unexpected;
use crate::command::submit::courier::Answer;
use crate::report::Column;

/// A job that was sent, and its first outcome.
pub(super) struct Rent(pub(super) Order, pub(super) Answer);

impl<W: Write> Day<'_, '_, W> {
    /// Accounts, a tax code, capital and the first expenses.
    pub(super) async fn open_books(&mut self) -> anyhow::Result<Rent> {
        self.page.step("Nordlicht GmbH opens its books")?;
        let accounts = self.company.open_accounts();
        self.desk.send(&accounts, Form::Lines).await?;
        self.page.say(&format!(
            "{} in euro, US dollars and shares, opened by one message of many jobs (ndjson, a job \
             a line). A tax code for customers abroad, set in the name of the user that the broker \
             vouches for. Then capital, rent and salaries, a message each. This is one of them, \
             and its outcome, which came when the entry was on disk and not before:",
            some(accounts.len(), "account"),
        ))?;
        self.desk.send_one(Company::tax_code()).await?;
        let mut orders = self.company.capital();
        orders.extend(self.company.expenses());
        let sent = self.desk.send(&orders, Form::Each).await?;
        let rent = orders.into_iter().zip(sent.answers);
        let rent = rent.into_iter().find(|(order, _)| order.key == "rent");
        let (order, answer) =
            rent.ok_or_else(|| Unexpected("the company pays no rent".to_owned()))?;
        let job = serde_json::from_str(&order.message())?;
        self.page.json("job", &job)?;
        self.page.json("outcome", &answer.body)?;
        self.read_books()?;
        Ok(Rent(order, answer))
    }

    /// Invoices with VAT; each with the number that kontor gave it.
    pub(super) async fn invoices(&mut self) -> anyhow::Result<Vec<(Invoice, String)>> {
        let (invoices, sums) = self.company.invoices();
        self.page.step(&some(invoices.len(), "invoice"))?;
        let orders: Vec<Order> = invoices.iter().map(|one| one.order.clone()).collect();
        let sent = self.desk.send(&orders, Form::Each).await?;
        let numbers = sent.answers.iter().map(|answer| {
            let number = member(&answer.body, "document").map(str::to_owned);
            number.ok_or_else(|| Unexpected(format!("{} has no number", answer.key)))
        });
        let numbers = numbers.collect::<Result<Vec<String>, _>>()?;
        let ends = [numbers.first(), numbers.last()].map(|end| end.cloned().unwrap_or_default());
        self.page.say(&format!(
            "One job and one message each. kontor numbers them without a gap ({} to {}), works out \
             the tax of each rate, and books receivable, revenue and tax in one entry. Every total \
             is the one that the company had worked out itself.",
            ends[0], ends[1],
        ))?;
        let read = self.read_books()?;
        let rows = sums.keys().map(|code| {
            let percent = code.trim_start_matches(|letter: char| !letter.is_ascii_digit());
            let tax = read.shown(&format!("tax/vat_{percent}"));
            let revenue = read.shown(&format!("rev/sales_{percent}"));
            let note = if percent == "0" {
                "owed by the customer"
            } else {
                ""
            };
            let cells = [code, percent, &grouped(&revenue), &grouped(&tax), note];
            cells.map(str::to_owned).to_vec()
        });
        let columns = vec![
            Column::words("tax code"),
            Column::figures("percent"),
            Column::figures("net, EUR"),
            Column::figures("tax, EUR"),
            Column::words(""),
        ];
        self.page.table(columns, rows.collect())?;
        self.page.say(&format!(
            "{} in {}, from the first message to the last outcome: {} a second.",
            some(orders.len(), "job"),
            seconds(sent.took),
            per_second(orders.len(), sent.took),
        ))?;
        Ok(invoices.into_iter().zip(numbers).collect())
    }

    /// Payments, matched or not, and the allocation of those that were not. Gives the number of a
    /// payment that is used up.
    pub(super) async fn bank_statement(
        &mut self,
        invoices: &[(Invoice, String)],
    ) -> anyhow::Result<(Statement, String)> {
        self.page.step("The bank statement")?;
        let statement = self.company.payments(invoices);
        let sent = self.desk.send(&statement.orders, Form::Each).await?;
        let waiting = self.read_books()?.shown(UNALLOCATED);
        self.page.say(&format!(
            "{}. Most name their invoice. {} cover half of it and leave it partly paid; {} are too \
             much, and the rest is the customer's credit. {} name an invoice that does not exist, \
             with the letter O for a zero. Money received is always booked: {} EUR wait on \
             {UNALLOCATED}.",
            some(statement.orders.len(), "payment"),
            count(statement.part),
            count(statement.too_much),
            count(statement.unmatched.len()),
            grouped(&waiting),
        ))?;
        let mut numbers = Vec::new();
        let mut orders = Vec::new();
        for found in &statement.unmatched {
            let answer = sent.answers.iter().find(|answer| answer.key == found.key);
            let number = answer.and_then(|answer| member(&answer.body, "payment"));
            let number =
                number.ok_or_else(|| Unexpected(format!("{} has no number", found.key)))?;
            orders.push(self.company.allocate(found, number));
            numbers.push(number.to_owned());
        }
        self.desk.send(&orders, Form::Each).await?;
        let read = self.read_books()?;
        self.page.say(&format!(
            "Then somebody found out what they were meant for: {} later {} EUR wait there, and the \
             bank holds {} EUR.",
            some(orders.len(), "payment.allocate job"),
            read.shown(UNALLOCATED),
            grouped(&read.shown(BANK)),
        ))?;
        Ok((statement, numbers.pop().unwrap_or_default()))
    }

    /// Small sales, many a message.
    pub(super) async fn till(&mut self) -> anyhow::Result<()> {
        let each = self.company.size.sales;
        self.page.step(&format!(
            "{} sales at the till, in two messages",
            count(2 * each)
        ))?;
        let mut rows = Vec::new();
        for (form, name) in [
            (Form::Lines, "application/x-ndjson"),
            (Form::Binary, "binary"),
        ] {
            let till = if form == Form::Lines {
                "till-a"
            } else {
                "till-b"
            };
            let orders = self.company.sales(till, each);
            let sent = self.desk.send(&orders, form).await?;
            rows.push(vec![
                name.to_owned(),
                count(orders.len()),
                seconds(sent.took),
                per_second(orders.len(), sent.took),
            ]);
        }
        self.read_books()?;
        self.page.say(
            "A message may carry up to 10,000 jobs, as lines of JSON or in a binary form. Each \
             sale is an entry of its own with its tax and its own outcome; the message is \
             acknowledged when all of them are durable.",
        )?;
        let columns = vec![
            Column::words("message"),
            Column::figures("jobs"),
            Column::figures("until the last outcome"),
            Column::figures("jobs a second"),
        ];
        self.page.table(columns, rows)
    }
}
