//! The load of the benchmarks: entries between many accounts, each job with a key of its own.

use std::fmt::Write as _;

use crate::jobs::entry;
use crate::simulator::Chance;
use crate::wire::client::{BinaryEnvelope, JobsMessage};
use crate::wire::{tree, typed};

pub use super::books::{BOOK, SECRET, engine, reader};
pub use super::stock::Stock;

/// What the jobs of a load ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Two legs between accounts that are drawn evenly.
    #[default]
    Even,
    /// Two legs, the debit always on the first account.
    Hot,
    /// So many legs, half of them debits.
    Legs(u32),
    /// Two legs, one on an account that does not exist: refused.
    Refused,
    /// Two legs, in so many books by turns.
    Books(u32),
}

/// Makes jobs.
#[derive(Debug)]
pub struct Load {
    accounts: u64,
    shape: Shape,
    chance: Chance,
    number: u64,
}

impl Load {
    /// Two-leg entries between so many accounts, the same for the same seed.
    pub fn new(accounts: u32, seed: u64) -> Self {
        Self {
            accounts: u64::from(accounts.max(2)),
            shape: Shape::Even,
            chance: Chance::new(seed),
            number: 0,
        }
    }

    /// The same load in another shape.
    #[must_use]
    pub fn shaped(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// The next job as JSON.
    pub fn json(&mut self, out: &mut String) {
        self.number = self.number.saturating_add(1);
        let (number, book) = (self.number, self.book());
        // Writing to a string cannot fail.
        let _infallible = write!(
            out,
            "{{\"key\":\"bench-{number:012}\",\"kind\":\"entry.post\",\"book\":\"{book}\",\
             \"data\":{{\"legs\":["
        );
        let pairs = match self.shape {
            Shape::Legs(legs) => legs.div_euclid(2).max(1),
            Shape::Even | Shape::Hot | Shape::Refused | Shape::Books(_) => 1,
        };
        for pair in 0..pairs {
            if pair > 0 {
                out.push(',');
            }
            self.pair(out);
        }
        out.push_str("]}}");
    }

    /// A message of so many jobs, one a line.
    pub fn lines(&mut self, jobs: u32) -> Vec<u8> {
        let mut text = String::new();
        for _ in 0..jobs {
            self.json(&mut text);
            text.push('\n');
        }
        text.into_bytes()
    }

    /// A message of so many jobs in binary form; none if the form cannot hold them.
    pub fn binary(&mut self, jobs: u32) -> Option<Vec<u8>> {
        let mut message = JobsMessage::new();
        let mut text = String::new();
        for _ in 0..jobs {
            text.clear();
            self.json(&mut text);
            let tree = tree::read(text.as_bytes()).ok()?;
            let data: entry::Post = typed::read(tree.root().get("data")?).ok()?;
            let envelope = BinaryEnvelope {
                key: tree.root().get("key")?.text()?.to_owned().into(),
                book: Some(tree.root().get("book")?.text()?.to_owned()),
                ..BinaryEnvelope::default()
            };
            message.push(ENTRY_POST, 1, &envelope, &data).ok()?;
        }
        Some(message.finish())
    }

    /// The book of the job in hand.
    fn book(&self) -> String {
        match self.shape {
            Shape::Books(books) => book_name(self.number % u64::from(books.max(1))),
            Shape::Even | Shape::Hot | Shape::Legs(_) | Shape::Refused => BOOK.to_owned(),
        }
    }

    /// A debit and a credit of one amount.
    fn pair(&mut self, out: &mut String) {
        let (debit, credit) = draw(&mut self.chance, self.accounts);
        let (debit, credit) = match self.shape {
            Shape::Hot => (0, credit.max(1)),
            Shape::Refused => (debit, self.accounts),
            Shape::Even | Shape::Legs(_) | Shape::Books(_) => (debit, credit),
        };
        let minor = 1 + self.chance.up_to(99_999);
        let (whole, part) = (minor.div_euclid(100), minor % 100);
        let (debit, credit) = (
            account_name(debit, self.accounts),
            account_name(credit, self.accounts),
        );
        let _infallible = write!(
            out,
            "{{\"dr\":\"{debit}\",\"amount\":\"{whole}.{part:02}\"}},\
             {{\"cr\":\"{credit}\",\"amount\":\"{whole}.{part:02}\"}}"
        );
    }
}

/// Two different ones of so many accounts.
pub(super) fn draw(chance: &mut Chance, accounts: u64) -> (u64, u64) {
    let debit = chance.up_to(accounts.saturating_sub(1));
    let step = 1 + chance.up_to(accounts.saturating_sub(2));
    (debit, (debit + step) % accounts)
}

/// The name of one of so many accounts; all of them are equally long.
pub fn account_name(number: u64, accounts: u64) -> String {
    let width = account_digits(accounts);
    format!("{ACCOUNT_PREFIX}{number:0width$}")
}

/// Digits in the name of an account.
pub(super) fn account_digits(accounts: u64) -> usize {
    accounts.saturating_sub(1).to_string().len()
}

/// The name of one of many books.
pub(super) fn book_name(number: u64) -> String {
    if number == 0 {
        BOOK.to_owned()
    } else {
        format!("book-{number:05}")
    }
}

/// Every account of the load begins so and goes on with digits.
pub(super) const ACCOUNT_PREFIX: &str = "wallet/";
/// Every key of the load begins so and goes on with digits.
pub(super) const KEY_PREFIX: &str = "bench-";
/// Digits of a key.
pub(super) const KEY_DIGITS: usize = 12;
/// Code of `entry.post`.
const ENTRY_POST: u16 = 201;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::decode::{ContentType, Item, decode};
    use crate::wire::message::Head;

    #[test]
    fn binary_jobs_say_the_same_as_lines() {
        let (mut text, mut binary) = (Load::new(10, 1), Load::new(10, 1));
        let prints = |content_type, body: &[u8]| {
            let (mut items, head) = (Vec::new(), Head::default());
            decode(
                &mut reader(),
                Ok(content_type),
                &head,
                body,
                usize::MAX,
                &mut items,
            );
            let print = |item| match item {
                Item::Job { job, .. } => job.job.envelope.fingerprint,
                Item::Dead(part) => panic!("{part:?}"),
            };
            items.into_iter().map(print).collect::<Vec<_>>()
        };
        let lines = prints(ContentType::Ndjson, &text.lines(5));
        assert_eq!(lines.len(), 5);
        assert_eq!(
            lines,
            prints(ContentType::Binary, &binary.binary(5).unwrap())
        );
    }

    #[test]
    fn names_of_accounts_are_equally_long() {
        assert_eq!(account_name(7, 10_000), "wallet/0007");
        assert_eq!(account_name(9_999, 10_000), "wallet/9999");
        assert_eq!(account_name(1, 2), "wallet/1");
        assert_ne!(account_name(10_000, 10_000).len(), "wallet/9999".len());
    }

    #[test]
    fn each_shape_asks_for_what_it_says() {
        let text = |shape| {
            let mut text = String::new();
            Load::new(10_000, 1).shaped(shape).json(&mut text);
            text
        };
        assert!(text(Shape::Hot).contains("\"dr\":\"wallet/0000\""));
        assert!(text(Shape::Refused).contains("\"cr\":\"wallet/10000\""));
        assert_eq!(text(Shape::Legs(8)).matches("wallet/").count(), 8);
        assert!(text(Shape::Books(3)).contains("\"book\":\"book-00001\""));
    }
}
