//! `query.statement`: what moved on an account, line by line, with running balances, and what was
//! said about whom it belongs to: the text, `[erased]`, or `[sealed]` where the keys are not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, Opened, Question, Unanswered};
use crate::code::Code;
use crate::ids::{AccountIndex, EntryNo};
use crate::jobs::fields::Id;
use crate::jobs::invoice::order::not_before;
use crate::ledger::effect::Nature;
use crate::ledger::plan::optional_date;
use crate::ledger::value::Members;
use crate::ledger::{Rejection, Side, Value};
use crate::limits::STATEMENT_LINES_MAX;
use crate::money::Minor;
use crate::time::{Date, DateText};

/// Ask for the statement of an account.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The account.
    pub account: Id,
    /// First booking date; from the beginning by default.
    pub from: Option<DateText>,
    /// Last booking date; to the end by default.
    pub to: Option<DateText>,
    /// The `next_page` of an earlier answer, to go on behind it.
    pub page: Option<Id>,
    /// Everything on one page: only for whoever reads the books directly.
    #[serde(skip)]
    #[schemars(skip)]
    pub whole: bool,
}

/// A leg of the account.
#[derive(Clone, Copy, Debug)]
struct Line {
    entry: EntryNo,
    booking: Date,
    value: Date,
    side: Side,
    amount: Minor,
    reverses: Option<EntryNo>,
    nature: Nature,
}

impl Question for Statement {
    const NAME: &'static str = "query.statement";
    const SUMMARY: &'static str = "Statement of an account: its lines with running balances.";
    const EXAMPLE: &'static str =
        r#"{ "account": "bank/main", "from": "2026-01-01", "to": "2026-12-31" }"#;

    fn answer(&self, asked: &Asked<'_>) -> Result<Members, Unanswered> {
        let from = optional_date(self.from.as_ref(), "/from")?;
        let to = optional_date(self.to.as_ref(), "/to")?;
        if let (Some(from), Some(to)) = (from, to) {
            not_before(from, to, "/to")?;
        }
        let skipped = self.skipped()?;
        let book = asked.book;
        let index = book.account(&self.account, "/account")?;
        let account = book
            .accounts()
            .get(index)
            .ok_or_else(|| Rejection::new(Code::AccountNotFound).at("/account"))?;
        let normal = account.class.normal_side();
        let (opening, lines) = lines(asked, (index, normal), (from, to))?;
        let moved: Minor = lines.iter().map(|line| line.on(normal)).sum();
        let decimals = book.units().decimals(account.unit);
        let amount = |minor: Minor| Value::amount(minor, decimals);

        let text = |text: &str| Value::text(text.to_owned());
        let mut answer: Members = vec![
            ("account".into(), text(&account.name)),
            ("unit".into(), text(book.units().code(account.unit))),
            ("class".into(), Value::text(account.class.text())),
        ];
        for (name, day) in [("from", from), ("to", to)] {
            if let Some(day) = day {
                answer.push((name.into(), Value::Date(day)));
            }
        }
        answer.push(("opening".into(), amount(opening)));
        answer.push(("balance".into(), amount(opening + moved)));
        let mut running = opening;
        let shown = lines.iter().map(|line| {
            running += line.on(normal);
            line.shown(running, decimals)
        });
        let most = if self.whole {
            usize::MAX
        } else {
            STATEMENT_LINES_MAX
        };
        let shown: Vec<Value> = shown.skip(skipped).take(most).collect();
        let end = skipped.saturating_add(shown.len());
        answer.push(("lines".into(), Value::List(shown)));
        if end < lines.len() {
            answer.push(("next_page".into(), Value::text(end.to_string())));
        }
        let sealed = account.extra().and_then(|extra| extra.text.as_ref());
        if let Some(sealed) = sealed {
            let said = match asked.texts.of_account(&account.name, sealed) {
                Opened::Text(said) => Value::text(said),
                Opened::Erased => Value::text("[erased]"),
                Opened::Sealed => Value::text("[sealed]"),
            };
            answer.push(("text".into(), said));
        }
        Ok(answer)
    }
}

/// The balance before a period, and the lines in it, in the order of their booking dates.
fn lines(
    asked: &Asked<'_>,
    (index, normal): (AccountIndex, Side),
    (from, to): (Option<Date>, Option<Date>),
) -> Result<(Minor, Vec<Line>), Unanswered> {
    let (mut opening, mut lines): (Minor, Vec<Line>) = (0, Vec::new());
    asked.entries.each(&mut |post, legs| {
        let before = post.opening || from.is_some_and(|from| post.booking_date < from);
        let after = !post.opening && to.is_some_and(|to| post.booking_date > to);
        for leg in legs.iter().filter(|leg| leg.account == index && !after) {
            let line = Line {
                entry: post.number,
                booking: post.booking_date,
                value: leg.value_date.unwrap_or(post.value_date),
                side: leg.side,
                amount: Minor::from(leg.amount),
                reverses: post.reverses,
                nature: post.nature,
            };
            if before {
                opening += line.on(normal);
            } else {
                lines.push(line);
            }
        }
    })?;
    // A late entry may be dated before an early one; within a day they stay as they came.
    lines.sort_by_key(|line| line.booking);
    Ok((opening, lines))
}

impl Statement {
    /// How many lines earlier pages had.
    fn skipped(&self) -> Result<usize, Rejection> {
        let Some(page) = &self.page else {
            return Ok(0);
        };
        page.parse().map_err(|_other| {
            let reason = "expected the next_page of an earlier answer";
            Rejection::schema(Code::SchemaInvalid, "/page", reason)
        })
    }
}

impl Line {
    /// What it adds to a side.
    fn on(&self, side: Side) -> Minor {
        if self.side == side {
            self.amount
        } else {
            -self.amount
        }
    }

    fn shown(&self, balance: Minor, decimals: u8) -> Value {
        let mut shown: Members = vec![
            ("entry_no".into(), Value::count(self.entry.0)),
            ("booking_date".into(), Value::Date(self.booking)),
            ("value_date".into(), Value::Date(self.value)),
            ("side".into(), Value::text(self.side.text())),
            ("amount".into(), Value::amount(self.amount, decimals)),
            ("balance".into(), Value::amount(balance, decimals)),
        ];
        if let Some(reverses) = self.reverses {
            shown.push(("reverses".into(), Value::count(reverses.0)));
        }
        if self.nature != Nature::Plain {
            shown.push(("nature".into(), Value::text(self.nature.text())));
        }
        Value::Object(shown)
    }
}
