//! Tables for people and programs: books and answers in, text, CSV or JSON out.
//!
//! Everything here is pure: no file, no terminal, no clock. A [`Table`] knows what it shows; how it
//! looks is `render.rs`. JSON is not made from the table but carries the same facts in the shape
//! that programs rely on.
//!
//! | File            | Shows                                        |
//! |-----------------|----------------------------------------------|
//! | `answer.rs`     | answers of one row: price, variance          |
//! | `balances.rs`   | balances and the trial balance, from answers |
//! | `document.rs`   | one document                                 |
//! | `entry.rs`      | one entry with its legs                      |
//! | `export/`       | all entries, for other programs              |
//! | `open_items.rs` | open items by age, from an answer            |
//! | `outcome.rs`    | what became of one job                       |
//! | `statement.rs`  | an account line by line, from an answer      |

pub mod answer;
pub mod balances;
pub mod document;
pub mod entry;
pub mod export;
pub mod open_items;
pub mod outcome;
pub mod render;
pub mod statement;

pub use render::{Format, RenderFault, render};

use crate::ledger::Value;
use crate::ledger::value::Members;

/// On which side of its column a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// A column: the member of a row that it shows, which is its heading too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The member.
    pub name: &'static str,
    /// Where its values stand.
    pub align: Align,
}

impl Column {
    /// A column of words.
    pub const fn words(name: &'static str) -> Self {
        let align = Align::Left;
        Self { name, align }
    }

    /// A column of figures.
    pub const fn figures(name: &'static str) -> Self {
        let align = Align::Right;
        Self { name, align }
    }
}

/// A row: one cell per column, nothing where there is nothing to show.
pub type Row = Vec<Option<Value>>;

/// A table with what stands above and below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it is.
    pub title: String,
    /// Facts about the whole, shown above it.
    pub facts: Members,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Sums, shown below it and left out of CSV.
    pub totals: Vec<Row>,
    /// The same facts in the shape of the JSON.
    pub json: Members,
    /// Members that the JSON has too, and that hold nothing: `null`.
    pub absent: &'static [&'static str],
}

/// The cells of an object, in the order of the columns.
fn cells(columns: &[Column], object: &Value) -> Row {
    let member = |column: &Column| match object {
        Value::Object(members) => crate::ledger::value::member(members, column.name).cloned(),
        Value::Bool(_)
        | Value::Int(_)
        | Value::Text(_)
        | Value::Amount { .. }
        | Value::Date(_)
        | Value::List(_) => None,
    };
    columns.iter().map(member).collect()
}
