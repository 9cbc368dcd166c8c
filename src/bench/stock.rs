//! Messages made once and given again and again with fresh keys, so that a run of millions of jobs
//! neither holds them all in memory nor pays for their making.

use super::load::{ACCOUNT_PREFIX, KEY_DIGITS, KEY_PREFIX, account_digits, draw};
use crate::simulator::Chance;

/// A stock of messages.
#[derive(Debug)]
pub struct Stock {
    messages: Vec<Message>,
    turn: usize,
    number: u64,
    spread: Option<Spread>,
}

#[derive(Debug)]
struct Message {
    body: Vec<u8>,
    /// Where the digits of the keys stand, in order.
    keys: Vec<usize>,
    /// Where the digits of the accounts stand, in order.
    accounts: Vec<usize>,
}

/// Draws accounts anew for every message.
#[derive(Debug)]
struct Spread {
    accounts: u64,
    digits: usize,
    chance: Chance,
}

impl Stock {
    /// A stock of these messages, which [`Load`](super::load::Load) made.
    pub fn new(bodies: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let messages = bodies.into_iter().map(|body| Message {
            keys: behind(&body, KEY_PREFIX),
            accounts: behind(&body, ACCOUNT_PREFIX),
            body,
        });
        Self {
            messages: messages.collect(),
            turn: 0,
            number: 0,
            spread: None,
        }
    }

    /// The same stock with keys from a number on.
    #[must_use]
    pub fn starting_at(mut self, number: u64) -> Self {
        self.number = number;
        self
    }

    /// The same stock, whose two-leg entries go each time between other accounts: what it was made
    /// with is too few of them to reach all of many.
    #[must_use]
    pub fn spread_over(mut self, accounts: u32, seed: u64) -> Self {
        let accounts = u64::from(accounts.max(2));
        self.spread = Some(Spread {
            accounts,
            digits: account_digits(accounts),
            chance: Chance::new(seed),
        });
        self
    }

    /// The next message; none if the stock is empty.
    pub fn message(&mut self) -> Option<Vec<u8>> {
        let message = self.messages.get(self.turn)?;
        let mut body = message.body.clone();
        for at in &message.keys {
            self.number = self.number.saturating_add(1);
            let digits = *at..at.saturating_add(KEY_DIGITS);
            write_digits(self.number, body.get_mut(digits)?);
        }
        if let Some(spread) = &mut self.spread {
            for pair in message.accounts.chunks_exact(2) {
                let (debit, credit) = draw(&mut spread.chance, spread.accounts);
                for (at, number) in pair.iter().zip([debit, credit]) {
                    let digits = *at..at.saturating_add(spread.digits);
                    write_digits(number, body.get_mut(digits)?);
                }
            }
        }
        self.turn = self.turn.saturating_add(1) % self.messages.len();
        Some(body)
    }
}

/// The places behind a text in a message.
fn behind(body: &[u8], text: &str) -> Vec<usize> {
    let found = body.windows(text.len()).enumerate();
    let found = found.filter(|(_, window)| *window == text.as_bytes());
    found.map(|(at, _)| at.saturating_add(text.len())).collect()
}

fn write_digits(number: u64, into: &mut [u8]) {
    let mut rest = number;
    for place in into.iter_mut().rev() {
        let digit = u8::try_from(rest % 10).unwrap_or_default();
        *place = b'0'.saturating_add(digit);
        rest = rest.div_euclid(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::{Load, reader};
    use crate::pipeline::decode::{ContentType, Item, decode};
    use crate::wire::message::Head;
    use std::collections::BTreeSet;

    #[test]
    fn every_job_of_a_stock_has_a_key_of_its_own() {
        let mut load = Load::new(10, 1);
        let mut stock = Stock::new([load.lines(3), load.lines(2)]);
        let mut keys = BTreeSet::new();
        for _ in 0..4 {
            let mut items = Vec::new();
            let body = stock.message().unwrap();
            let head = Head::default();
            let ndjson = Ok(ContentType::Ndjson);
            decode(&mut reader(), ndjson, &head, &body, usize::MAX, &mut items);
            for item in items {
                let Item::Job { job, .. } = item else {
                    panic!("the load makes jobs only");
                };
                assert!(keys.insert(job.job.envelope.key.to_string()));
            }
        }
        assert_eq!(keys.len(), 10);
        assert!(keys.contains("bench-000000000010"));
    }

    #[test]
    fn a_stock_that_is_spread_reaches_far_more_accounts_than_it_was_made_with() {
        let mut load = Load::new(1_000, 1);
        let mut stock = Stock::new([load.binary(10).unwrap()]).spread_over(1_000, 1);
        let mut seen = BTreeSet::new();
        for _ in 0..200 {
            let body = stock.message().unwrap();
            let places = behind(&body, ACCOUNT_PREFIX);
            assert_eq!(places.len(), 20);
            for pair in places.chunks(2) {
                let name = |at: usize| body[at..at + 3].to_vec();
                assert_ne!(name(pair[0]), name(pair[1]));
                seen.insert(name(pair[0]));
            }
        }
        assert!(seen.len() > 800, "{}", seen.len());
    }
}
