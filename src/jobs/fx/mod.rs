//! Foreign currencies: converted through position accounts, revalued at the end of a period.
//!
//! | Kind         | Debit                 | Credit             | Amount                       |
//! |--------------|-----------------------|--------------------|------------------------------|
//! | `fx.convert` | account that receives | `fxpos/<receive>`  | received                     |
//! |              | `fxpos/<give>`        | account that gives | given                        |
//! |              | `fxeq/<unit>`         |                    | functional amount, bought    |
//! |              |                       | `fxeq/<unit>`      | book value of what was sold  |
//! |              | `fx/realised`         | `fx/realised`      | loss, gain                   |
//! | `fx.revalue` | `fxeq/<unit>`         | `fx/unrealised`    | gain; a loss turns the sides |
//!
//! The functional unit has no position: what it gives or takes is its side of the entry. Where
//! neither side is functional, both positions move and the next revaluation values them; in a book
//! without functional unit every unit has a position and none has a value.
//!
//! | Figure               | Formula                                              |
//! |----------------------|------------------------------------------------------|
//! | position             | credit balance of `fxpos/<unit>`; short is negative  |
//! | book value           | debit balance of `fxeq/<unit>`                       |
//! | of a part sold       | round(book value × part ÷ position), all of the last |
//! | realised             | functional amount − book value                       |
//! | unrealised           | round(position × rate) − book value                  |

mod convert;
mod position;
mod revalue;

pub use convert::{Convert, Side as ConvertSide};
pub(crate) use position::{Position, revaluation};
pub use revalue::Revalue;
