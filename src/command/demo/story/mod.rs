//! The day, step by step: each sends its jobs, checks what came of them, and tells it.
//!
//! A step that goes otherwise than expected ends the demo with a sentence that says what it was.

pub(super) mod ending;
mod evening;
mod morning;
mod trouble;

use std::io::Write;

use anyhow::Context;

use super::DemoArgs;
use super::books::{Books, TrialBalance};
use super::broker;
use super::company::{Company, Size, chart};
use super::desk::Desk;
use super::page::{Page, count, seconds, wait};
use super::place::Place;
use super::site::Site;

/// The day while it is told.
struct Day<'d, 'w, W: Write> {
    place: &'d mut Place,
    page: &'d mut Page<'w, W>,
    desk: Desk,
    books: Books,
    company: Company,
}

/// Tell the whole day.
pub(super) async fn tell(
    args: &DemoArgs,
    place: &mut Place,
    page: &mut Page<'_, impl Write>,
) -> anyhow::Result<()> {
    page.title(
        "kontor demo: a day of a small company, through a real RabbitMQ into durable books.",
    )?;
    let mut day = begin(args, place, page).await?;
    let rent = day.open_books().await?;
    let invoices = day.invoices().await?;
    let (statement, payment) = day.bank_statement(&invoices).await?;
    day.till().await?;
    day.share_plan().await?;
    day.mistakes(&statement, &payment).await?;
    day.twice(&rent).await?;
    let dead = day.unreadable().await?;
    day.power_cut().await?;
    day.remote_work().await?;
    day.end(args.keep, dead).await
}

/// Broker, daemon and a connection to both.
async fn begin<'d, 'w, W: Write>(
    args: &DemoArgs,
    place: &'d mut Place,
    page: &'d mut Page<'w, W>,
) -> anyhow::Result<Day<'d, 'w, W>> {
    let size = if args.fast { Size::SHORT } else { Size::DAY };
    let company = Company::new(size, args.seed)?;
    page.step("A broker and a daemon of their own")?;
    let took = broker::start(place, !args.no_install).await?;
    let broker = place.broker.as_ref().context("there is no broker")?;
    let (uri, port) = (broker.uri(), broker.port());
    page.say(&format!(
        "RabbitMQ answers on 127.0.0.1:{port} after {}: a private node that nothing else uses.",
        seconds(took)
    ))?;
    let waiting = wait("kontor starts");
    let site = place.site.insert(Site::new(&uri, &chart::book())?);
    site.start()?;
    let took = site.ready().await?;
    waiting.end();
    page.say(&format!(
        "kontor has made its exchanges and queues there, begun a journal, and takes jobs after {}. \
         That is all there is to run: one broker, one daemon, no database.",
        seconds(took)
    ))?;
    page.lines(&[
        format!("metrics  {}", site.url("/metrics")),
        format!("state    {}", site.url("/status")),
        format!("folder   {}", site.dir().display()),
    ])?;
    let books = Books(site.state());
    let desk = Desk::open(&uri).await?;
    Ok(Day {
        place,
        page,
        desk,
        books,
        company,
    })
}

impl<W: Write> Day<'_, '_, W> {
    /// The books as they are now, compared with the company's own arithmetic.
    fn read_books(&self) -> anyhow::Result<TrialBalance> {
        let read = self.books.trial_balance(self.desk.sequence)?;
        read.check(&self.company.ledger)?;
        Ok(read)
    }
}

/// So many of something: `1 job`, `2 jobs`.
fn some(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(number))
}
