//! Instructions and attempts to settle them.

use serde_json::Value;

use super::book::{Entry, Instruction, number};
use super::{Answer, Book, Leg, Ruled, need, positive, print, text};

/// Securities have no decimals here, cash has two.
const SHARES: u32 = 0;
const CASH: u32 = 2;

/// `settlement.instruct`.
pub fn instruct(book: &mut Book, data: &Value) -> Ruled {
    let quantity = text(data, "quantity")
        .map(|text| positive(text, SHARES))
        .transpose()?;
    let cash = data
        .get("cash")
        .map(|cash| positive(need(cash, "amount"), CASH))
        .transpose()?;
    let trade = text(data, "trade").map(|text| format!("trade {text}"));
    if trade.as_ref().is_some_and(|trade| book.is_taken(trade)) {
        return Err("TRADE_DUPLICATE");
    }
    let (deliverer, receiver) = (need(data, "deliverer"), need(data, "receiver"));
    if deliverer == receiver {
        return Err("ENTRY_SAME_ACCOUNT");
    }
    book.taken.extend(trade);
    let name = format!(
        "SI-{:06}",
        number(book.instructions.len()).saturating_add(1)
    );
    let day = need(data, "settlement_date");
    book.instructions.insert(
        name.clone(),
        Instruction {
            deliverer: deliverer.to_owned(),
            receiver: receiver.to_owned(),
            quantity: quantity.map(|quantity| (quantity, 0)),
            cash: cash.map(|cash| (cash, 0)),
            day: day.to_owned(),
            partial: text(data, "partial") == Some("allowed"),
            state: "pending",
            attempts: 0,
        },
    );
    Ok(Answer::of("accepted")
        .with("instruction", name)
        .with("settlement_date", day)
        .with("state", "pending"))
}

/// What an attempt moves, or what it lacks.
enum Part {
    Moves(i128, i128),
    Short(&'static str, String),
}

/// `settlement.attempt`.
pub fn attempt(book: &mut Book, data: &Value) -> Ruled {
    book.period_open(&book.today)?;
    let name = need(data, "instruction");
    let found = book.instructions.get(name).ok_or("DOCUMENT_NOT_FOUND")?;
    let mut instruction = found.clone();
    if instruction.quantity.is_some() {
        book.usable(&format!("secu/{}", instruction.deliverer), true)?;
        book.usable(&format!("secu/{}", instruction.receiver), false)?;
    }
    if instruction.cash.is_some() {
        book.usable(&format!("cash/{}", instruction.receiver), true)?;
        book.usable(&format!("cash/{}", instruction.deliverer), false)?;
    }
    let is_open = matches!(
        instruction.state,
        "pending" | "failing" | "partially_settled"
    );
    // The one day that the generator draws beside a past one lies behind every simulation.
    if !is_open || instruction.day.starts_with("2090") {
        return Err("DOCUMENT_STATE");
    }
    instruction.attempts = instruction.attempts.saturating_add(1);
    let answer = match part(book, &instruction) {
        Part::Short(reason, short) => {
            if instruction.state != "partially_settled" {
                instruction.state = "failing";
            }
            shown("failing", name, &instruction, (0, 0))
                .with("reason", reason)
                .with("short", short)
        }
        Part::Moves(quantity, cash) => {
            let entry = book.post(Entry {
                legs: legs(&instruction, quantity, cash),
                owned: true,
                ..Entry::default()
            })?;
            if let Some((_, settled)) = &mut instruction.quantity {
                *settled += quantity;
            }
            if let Some((_, settled)) = &mut instruction.cash {
                *settled += cash;
            }
            let status = if rest(&instruction) == 0 {
                "settled"
            } else {
                "partially_settled"
            };
            instruction.state = status;
            book.posted(shown(status, name, &instruction, (quantity, cash)), entry)
        }
    };
    let (state, attempts) = (instruction.state, instruction.attempts);
    book.instructions.insert(name.to_owned(), instruction);
    Ok(answer.with("state", state).with("attempts", attempts))
}

/// What is left of what leads: the securities, else the cash.
fn rest(instruction: &Instruction) -> i128 {
    let lead = instruction.quantity.or(instruction.cash);
    lead.map_or(0, |(total, settled)| total - settled)
}

fn shown(
    status: &'static str,
    name: &str,
    instruction: &Instruction,
    (quantity, cash): (i128, i128),
) -> Answer {
    let mut answer = Answer::of(status).with("instruction", name);
    if instruction.quantity.is_some() {
        answer = answer.with("quantity", print(quantity, SHARES));
    }
    if instruction.cash.is_some() {
        answer = answer.with("cash", print(cash, CASH));
    }
    let decimals = if instruction.quantity.is_some() {
        SHARES
    } else {
        CASH
    };
    answer.with("remaining", print(rest(instruction), decimals))
}

fn legs(instruction: &Instruction, quantity: i128, cash: i128) -> Vec<Leg> {
    let Instruction {
        deliverer,
        receiver,
        ..
    } = instruction;
    let leg = |account: String, debit, amount| Leg {
        account,
        debit,
        amount,
    };
    let mut legs = vec![
        leg(format!("secu/{deliverer}"), true, quantity),
        leg(format!("secu/{receiver}"), false, quantity),
        leg(format!("cash/{receiver}"), true, cash),
        leg(format!("cash/{deliverer}"), false, cash),
    ];
    legs.retain(|leg| leg.amount > 0);
    legs
}

/// What an account has above its lower limit. All accounts of parties are of the credit side.
fn free(book: &Book, account: &str) -> i128 {
    let known = book.accounts.get(account);
    known.map_or(0, |known| {
        (book.available(account) - known.min.unwrap_or_default()).max(0)
    })
}

fn part(book: &Book, instruction: &Instruction) -> Part {
    let some = |(total, settled): (i128, i128), free: i128| {
        let rest = total - settled;
        if free >= rest {
            Ok(rest)
        } else if instruction.partial && free > 0 {
            Ok(free)
        } else {
            Err(rest - free)
        }
    };
    let payer = free(book, &format!("cash/{}", instruction.receiver));
    let Some(shares) = instruction.quantity else {
        return match some(instruction.cash.unwrap_or_default(), payer) {
            Ok(cash) => Part::Moves(0, cash),
            Err(short) => Part::Short("LACK_OF_CASH", print(short, CASH)),
        };
    };
    let giver = free(book, &format!("secu/{}", instruction.deliverer));
    let quantity = match some(shares, giver) {
        Ok(quantity) => quantity,
        Err(short) => return Part::Short("LACK_OF_SECURITIES", print(short, SHARES)),
    };
    let Some((total, settled)) = instruction.cash else {
        return Part::Moves(quantity, 0);
    };
    // Cash follows the securities delivered so far, rounded half up once.
    let delivered = shares.1 + quantity;
    let share = (2 * total * delivered + shares.0).div_euclid(2 * shares.0);
    let due = share - settled;
    if payer < due {
        return Part::Short("LACK_OF_CASH", print(due - payer, CASH));
    }
    Part::Moves(quantity, due)
}
