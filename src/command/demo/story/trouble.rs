//! What goes wrong: mistakes, a job that comes twice, messages nobody can read, a power cut.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::super::company::bank::Statement;
use super::super::company::chart::BANK;
use super::super::order::{Form, Order, member};
use super::super::page::{count, grouped, seconds};
use super::super::site::Site;
use super::morning::Rent;
use super::{Day, some};
use crate::broker::{Delivery, HeaderValue};
use crate::command::Unexpected;
use crate::report::Column;

/// Characters of an unreadable body that are shown.
const BODY_SHOWN: usize = 40;

/// How long the new daemon may take to see what was sent again.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
/// Sales that a till sends again while nobody answers.
const IMPATIENT: usize = 5;

/// How the daemon came back after it was killed.
struct Revival {
    /// Until it took jobs again.
    took: Duration,
    /// Deliveries that it was given a second time.
    redelivered: u64,
    /// Jobs in them that had their effect already.
    known: u64,
}

impl<W: Write> Day<'_, '_, W> {
    /// A dozen jobs that must not be booked.
    pub(super) async fn mistakes(
        &mut self,
        statement: &Statement,
        payment: &str,
    ) -> anyhow::Result<()> {
        let mistakes = self.company.mistakes(statement, payment);
        self.page
            .step(&format!("{} mistakes", count(mistakes.len())))?;
        let orders: Vec<Order> = mistakes.iter().map(|one| one.order.clone()).collect();
        let sent = self.desk.send(&orders, Form::Each).await?;
        self.page.say(
            "A refusal is a durable outcome like any other: a stable code, the place of the \
             mistake as a JSON pointer, and a sentence that says what to do. Nothing else is \
             changed by it.",
        )?;
        let rows = mistakes.iter().zip(&sent.answers).map(|(mistake, answer)| {
            let said = |name| member(&answer.body, name).unwrap_or_default().to_owned();
            vec![mistake.what.to_owned(), said("code"), said("path")]
        });
        let columns = vec![
            Column::words("what was sent"),
            Column::words("code"),
            Column::words("path"),
        ];
        self.page.table(columns, rows.collect())?;
        if let Some(first) = sent.answers.first() {
            let words = member(&first.body, "message").unwrap_or_default();
            self.page
                .say(&format!("To the first of them it says: “{words}”"))?;
        }
        self.read_books()?;
        Ok(())
    }

    /// A job that comes again, since its producer did not hear that it had arrived.
    pub(super) async fn twice(&mut self, rent: &Rent) -> anyhow::Result<()> {
        self.page.step("The rent is sent again")?;
        let Rent(order, first) = rent;
        let before = self.read_books()?.shown(BANK);
        let again = self.desk.send_one(order.clone()).await?;
        if again.body != first.body || !again.duplicate {
            let problem = "the rent was sent twice, and its outcomes differ".to_owned();
            return Err(Unexpected(problem).into());
        }
        let after = self.read_books()?.shown(BANK);
        if before != after {
            return Err(Unexpected("the rent was paid twice".to_owned()).into());
        }
        let number = |name| {
            first
                .body
                .get(name)
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        self.page.say(&format!(
            "A producer that heard nothing sends the same job with the same key once more. One \
             effect: the answer is the first one, byte for byte (sequence {}, entry {}), with the \
             header kontor-duplicate; the bank holds {} EUR before and after.",
            number("sequence"),
            number("entry_no"),
            grouped(&after),
        ))?;
        Ok(())
    }

    /// Messages in which something cannot be read; how many dead letters they became.
    pub(super) async fn unreadable(&mut self) -> anyhow::Result<usize> {
        self.page.step("Two messages that nobody can read")?;
        let (parcels, good) = self.company.unreadable();
        self.desk.carry(&parcels, &good, || ()).await?;
        let count = u32::try_from(parcels.len()).unwrap_or(u32::MAX);
        let letters = self.desk.dead_letters(count).await?;
        self.page.say(
            "One breaks off; the other has three lines, of which the second has no key. Nothing is \
             dropped: what cannot be read is set aside in the queue kontor.dead, with its reason \
             and its original bytes, and the other two lines are booked.",
        )?;
        let rows: Vec<Vec<String>> = letters.iter().map(dead_letter).collect();
        let columns = vec![
            Column::words("dead letter"),
            Column::figures("line"),
            Column::words("reason"),
        ];
        let reasons = ["MESSAGE_MALFORMED", "KEY_MISSING"];
        for reason in reasons {
            if !rows.iter().any(|row| row.iter().any(|cell| cell == reason)) {
                return Err(Unexpected(format!("there is no dead letter {reason}")).into());
            }
        }
        self.page.table(columns, rows)?;
        for letter in &letters {
            let words = letter.properties.header_text("kontor-detail");
            self.page
                .say(&format!("It says: “{}”", words.unwrap_or_default()))?;
        }
        self.read_books()?;
        Ok(letters.len())
    }

    /// The daemon is killed in the middle of its work, and nothing comes of it.
    pub(super) async fn power_cut(&mut self) -> anyhow::Result<()> {
        self.page.step("The power fails")?;
        let orders = self.company.sales("late", self.company.size.late_sales);
        let (first, heard) = oneshot::channel();
        let (mut first, mut before) = (Some(first), 0_usize);
        let dead = AtomicBool::new(false);
        let enough = orders.len().div_euclid(3);
        let told = || {
            if !dead.load(Ordering::Relaxed) {
                before += 1;
            }
            if before >= enough
                && let Some(first) = first.take()
            {
                // Nobody waits any more if the daemon could not be killed; that is told elsewhere.
                first.send(()).unwrap_or_default();
            }
        };
        let Some(site) = self.place.site.as_mut() else {
            return Err(Unexpected("there is no daemon to kill".to_owned()).into());
        };
        let beside = self.desk.beside();
        let again = orders.get(..IMPATIENT).unwrap_or(&orders);
        let cut = async {
            if heard.await.is_err() {
                return Err(Unexpected("no sale was answered".to_owned()).into());
            }
            // What comes now is delivered and cannot be acknowledged, so it comes again for sure.
            site.halt().await?;
            beside.send(again).await?;
            site.kill();
            dead.store(true, Ordering::Relaxed);
            revive(site).await
        };
        let (sent, revived) = tokio::join!(self.desk.send_telling(&orders, Form::Each, told), cut);
        let (sent, mut revival) = (sent?, revived?);
        if let Some(site) = &self.place.site {
            revival.look(site, again.len()).await?;
        }
        let evening = self.company.card_money();
        self.desk.send_one(evening).await?;
        self.read_books()?;
        self.page.say(&format!(
            "{}, one a message. After {} the daemon stood still. A till that heard nothing sent {} \
             again; then the daemon was killed without warning (SIGKILL) and started again: it \
             read its journal and took jobs {} later. {} Every sale has one entry and its outcome, \
             {} after the first was sent.",
            some(sent.answers.len(), "sale"),
            some(before, "outcome"),
            some(again.len(), "sale"),
            seconds(revival.took),
            revival.given_again(),
            seconds(sent.took),
        ))?;
        self.page.say(
            "Acknowledged means durable: a message is acknowledged after its record was synced, so \
             what the broker no longer has is in the books, and what it gives again is recognised \
             by its key.",
        )?;
        Ok(())
    }
}

/// Start the daemon again.
async fn revive(site: &mut Site) -> anyhow::Result<Revival> {
    let since = Instant::now();
    site.start()?;
    site.ready().await?;
    Ok(Revival {
        took: since.elapsed(),
        redelivered: 0,
        known: 0,
    })
}

impl Revival {
    /// Ask the new daemon what it was given, until it has seen what was sent again.
    async fn look(&mut self, site: &Site, again: usize) -> anyhow::Result<()> {
        let redelivered = "kontor_deliveries_total{partition=\"0\",redelivered=\"true\"}";
        let known = "kontor_jobs_duplicate_total{kind=\"entry.post\"}";
        let again = u64::try_from(again).unwrap_or(u64::MAX);
        let since = Instant::now();
        while self.redelivered == 0 || self.known < again {
            if since.elapsed() > PATIENCE {
                let (came, known) = (self.redelivered, self.known);
                let problem = format!(
                    "{came} messages came a second time and {known} jobs were known, of {again} \
                     that were sent again"
                );
                return Err(Unexpected(problem).into());
            }
            tokio::time::sleep(POLL).await;
            self.redelivered = site.metric(redelivered).await.unwrap_or_default();
            self.known = site.metric(known).await.unwrap_or_default();
        }
        Ok(())
    }

    /// What the broker gave a second time.
    fn given_again(&self) -> String {
        let number = |count| usize::try_from(count).unwrap_or(usize::MAX);
        let (messages, known) = (number(self.redelivered), number(self.known));
        format!(
            "The broker gave it {} a second time; {} in the journal already had no second effect.",
            some(messages, "message"),
            some(known, "job"),
        )
    }
}

fn dead_letter(letter: &Delivery) -> Vec<String> {
    let properties = &letter.properties;
    let text = |name| properties.header_text(name).unwrap_or_default().to_owned();
    let line = properties
        .header("kontor-line")
        .and_then(HeaderValue::as_count);
    let body = String::from_utf8_lossy(&letter.body);
    let mut shown: String = body.chars().take(BODY_SHOWN).collect();
    if shown.len() < body.len() {
        shown.push('…');
    }
    let line = line.map(|line| line.to_string()).unwrap_or_default();
    vec![shown, line, text("kontor-reason")]
}
