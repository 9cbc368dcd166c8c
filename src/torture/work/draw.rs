//! One generator a kind: draws the data of a job, right and wrong ones.

use serde_json::{Value, json};

use super::sketch::{Sketch, amount, object};

/// `account.open`.
pub fn account_open(sketch: &mut Sketch<'_>) -> Value {
    let unit = if sketch.once_in(40) {
        "XXQ"
    } else {
        sketch.unit
    };
    object(json!({
        "account": sketch.wallet(),
        "unit": unit,
        "class": sketch.word(&["liability", "liability", "asset", "equity"]),
        "min_available": sketch.once_in(2).then_some("0.00"),
        "max_balance": sketch.once_in(6).then(|| amount(sketch.chance.between(10_000, 90_000))),
        "freeze": sketch.once_in(30).then_some("credit"),
        "text": sketch.text(),
    }))
}

/// `account.update`.
pub fn account_update(sketch: &mut Sketch<'_>) -> Value {
    let member = match sketch.chance.up_to(3) {
        0 => (
            "freeze",
            json!(sketch.word(&["none", "none", "debit", "both"])),
        ),
        1 => ("min_available", json!(sketch.word(&["0.00", "-50.00"]))),
        2 => (
            "max_balance",
            json!(amount(sketch.chance.between(20_000, 9_000_000))),
        ),
        _ => ("text", json!("moved to Lisbon")),
    };
    object(json!({ "account": sketch.wallet(), member.0: member.1 }))
}

/// `account.close`.
pub fn account_close(sketch: &mut Sketch<'_>) -> Value {
    let account = if sketch.once_in(12) {
        format!("ar/{}", sketch.customer())
    } else {
        sketch.wallet()
    };
    object(json!({ "account": account, "reason": sketch.text() }))
}

/// `entry.post`.
pub fn entry_post(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    let (debit, credit, minor) = (sketch.account(), sketch.account(), sketch.minor());
    let mut legs = vec![json!({ "dr": debit, "amount": amount(minor) })];
    if minor > 1 && sketch.once_in(5) {
        // Two creditors share; one of them may be the debtor, which is refused.
        let part = sketch.chance.between(1, minor.saturating_sub(1));
        legs.push(json!({ "cr": credit, "amount": amount(part) }));
        let rest = minor.saturating_sub(part);
        legs.push(json!({ "cr": sketch.account(), "amount": amount(rest) }));
    } else if !sketch.once_in(50) {
        let text = match sketch.chance.up_to(59) {
            0 => amount(minor.saturating_add(1)),
            1 => "0.00".to_owned(),
            2 => "-1.00".to_owned(),
            3 => "1.001".to_owned(),
            4 => "1,50".to_owned(),
            _ => amount(minor),
        };
        legs.push(json!({ "cr": credit, "amount": text }));
    }
    object(json!({
        "booking_date": sketch.date(),
        "legs": legs,
        "text": sketch.text(),
        "assert": sketch.once_in(25).then(|| {
            json!([{ "account": "bank/main", "balance": "0.00" }])
        }),
    }))
}

/// `entry.reverse`.
pub fn entry_reverse(sketch: &mut Sketch<'_>) -> Value {
    let entry = sketch.guess(sketch.counts.entries);
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    json!({
        "entry": entry,
        "booking_date": sketch.date(),
        "reason": "typed twice",
        "general_reversal": sketch.once_in(2),
    })
}

/// `hold.place`.
pub fn hold_place(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.holds = sketch.counts.holds.saturating_add(1);
    let debit = if sketch.once_in(8) {
        format!("credit/{}", sketch.customer())
    } else {
        sketch.account()
    };
    json!({
        "debit": debit,
        "credit": sketch.account(),
        "amount": sketch.amount(),
        "expires_at": sketch.soon(),
    })
}

/// `hold.capture`.
pub fn hold_capture(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    object(json!({
        "hold": hold(sketch),
        "amount": sketch.once_in(2).then(|| amount(sketch.chance.between(0, 3_000))),
        "final": sketch.once_in(2).then(|| sketch.once_in(3)),
        "booking_date": sketch.once_in(2).then(|| sketch.date()),
    }))
}

/// `hold.void`.
pub fn hold_void(sketch: &mut Sketch<'_>) -> Value {
    object(json!({ "hold": hold(sketch), "reason": sketch.text() }))
}

fn hold(sketch: &mut Sketch<'_>) -> String {
    format!("H-{:06}", sketch.guess(sketch.counts.holds))
}

/// `recurring.post`.
pub fn recurring_post(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    let every = sketch.word(&["day", "week", "month", "month_end", "quarter", "year"]);
    let first = if sketch.once_in(3) {
        sketch.date()
    } else {
        sketch.near(20, 20)
    };
    // Days and weeks would come too often in a long time.
    let counted = matches!(every, "day" | "week") || sketch.once_in(2);
    object(json!({
        "first": first,
        "every": every,
        "count": counted.then(|| sketch.chance.between(1, 9)),
        "legs": two_legs(sketch),
    }))
}

fn two_legs(sketch: &mut Sketch<'_>) -> Value {
    let minor = sketch.minor();
    json!([
        { "dr": sketch.account(), "amount": amount(minor) },
        { "cr": sketch.account(), "amount": amount(minor) },
    ])
}

/// `accrual.post`.
pub fn accrual_post(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    let day = if sketch.once_in(4) {
        sketch.date()
    } else {
        sketch.near(2, 60)
    };
    json!({
        "booking_date": sketch.date(),
        "auto_reverse": day,
        "legs": two_legs(sketch),
    })
}

/// `invoice.issue`.
pub fn invoice_issue(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    sketch.counts.invoices = sketch.counts.invoices.saturating_add(1);
    let count = sketch.chance.up_to(3);
    let lines: Vec<Value> = (0..count).map(|_| line(sketch)).collect();
    let issued = sketch.date();
    object(json!({
        "customer": sketch.customer(),
        "series": "RE",
        "currency": sketch.unit,
        "issue_date": issued,
        "delivery_date": issued,
        "due_date": sketch.once_in(2).then(|| {
            format!("2026-12-{:02}", sketch.chance.between(1, 28))
        }),
        "lines": lines,
        "external_ref": sketch.reference(),
    }))
}

fn line(sketch: &mut Sketch<'_>) -> Value {
    let quantity = sketch.chance.between(1, 9);
    let quantity = if sketch.once_in(12) {
        format!("-{quantity}")
    } else {
        quantity.to_string()
    };
    object(json!({
        "quantity": quantity,
        "price": sketch.amount(),
        "tax": sketch.word(&["S19", "S19", "S7", "Z0", "S99"]),
        "text": sketch.text(),
    }))
}

/// `payment.receive`.
pub fn payment_receive(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    sketch.counts.payments = sketch.counts.payments.saturating_add(1);
    let minor = sketch.minor();
    let mut data = json!({
        "bank": "bank/main",
        "amount": amount(minor),
        "currency": sketch.unit,
        "booking_date": sketch.date(),
        "bank_ref": sketch.reference(),
    });
    let customer = json!(sketch.customer());
    let invoice = json!(invoice(sketch));
    let members: Vec<(&str, Value)> = match sketch.chance.up_to(5) {
        0 => vec![
            ("customer", customer),
            ("allocation", json!("oldest_first")),
        ],
        1 => vec![("customer", customer), ("allocation", json!("none"))],
        2 => vec![("reference", invoice)],
        3 => vec![("customer", customer), ("reference", invoice)],
        4 => {
            let list = allocations(sketch, minor);
            vec![("allocation", json!("explicit")), ("allocations", list)]
        }
        _ => Vec::new(),
    };
    if let Value::Object(object) = &mut data {
        object.extend(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
    }
    object(data)
}

fn invoice(sketch: &mut Sketch<'_>) -> String {
    format!("RE-{:06}", sketch.guess(sketch.counts.invoices))
}

/// One or two documents that share an amount, or more than that.
fn allocations(sketch: &mut Sketch<'_>, minor: u64) -> Value {
    let part = sketch.chance.between(1, minor);
    let mut list = vec![json!({ "document": invoice(sketch), "amount": amount(part) })];
    let rest = minor
        .saturating_sub(part)
        .saturating_add(sketch.chance.up_to(1));
    if rest > 0 && sketch.once_in(2) {
        list.push(json!({ "document": invoice(sketch), "amount": amount(rest) }));
    }
    json!(list)
}

/// `payment.allocate`.
pub fn payment_allocate(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    let minor = sketch.minor();
    let from_payment = sketch.once_in(2);
    let payment = format!("PAY-{:06}", sketch.guess(sketch.counts.payments));
    object(json!({
        "payment": from_payment.then_some(payment),
        "customer": (!from_payment).then(|| sketch.customer()),
        "allocations": allocations(sketch, minor),
        "unallocate": sketch.once_in(4).then_some(true),
    }))
}

/// `credit_note.issue`.
pub fn credit_note_issue(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    let full = sketch.once_in(3);
    let count = sketch.chance.up_to(3);
    let lines: Vec<Value> = (0..count).map(|_| note_line(sketch)).collect();
    object(json!({
        "invoice": invoice(sketch),
        "series": "GS",
        "full": full.then_some(true),
        "lines": (!full).then_some(lines),
        "reason": sketch.text(),
    }))
}

fn note_line(sketch: &mut Sketch<'_>) -> Value {
    let quantity = sketch.word(&["1", "1", "2", "-1"]);
    let tax = sketch.word(&["S19", "S19", "S7", "Z0"]);
    object(json!({
        "quantity": quantity,
        "price": amount(sketch.chance.between(1, 3_000)),
        "tax": (!sketch.once_in(3)).then_some(tax),
        "text": sketch.text(),
    }))
}

/// `refund.issue`.
pub fn refund_issue(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    let bank = if sketch.once_in(4) {
        sketch.wallet()
    } else {
        "bank/main".to_owned()
    };
    object(json!({
        "customer": sketch.customer(),
        "amount": amount(sketch.chance.between(1, 20_000)),
        "currency": sketch.unit,
        "bank": bank,
        "reason": sketch.text(),
    }))
}

/// `writeoff.post`.
pub fn writeoff_post(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    object(json!({
        "document": invoice(sketch),
        "amount": sketch.once_in(2).then(|| amount(sketch.chance.between(1, 20_000))),
        "reason": "insolvency",
    }))
}

/// `settlement.instruct`.
pub fn settlement_instruct(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.instructions = sketch.counts.instructions.saturating_add(1);
    let kind = sketch.word(&["DVP", "DVP", "FOP", "PAYMENT"]);
    let quantity = (kind != "PAYMENT").then(|| sketch.chance.between(1, 400).to_string());
    let cash =
        (kind != "FOP").then(|| json!({ "amount": sketch.amount(), "currency": sketch.unit }));
    let day = if sketch.once_in(12) {
        "2090-01-02"
    } else {
        "2026-06-01"
    };
    object(json!({
        "trade": sketch.reference(),
        "type": kind,
        "deliverer": sketch.party(),
        "receiver": sketch.party(),
        "security": quantity.as_ref().map(|_| "SHR"),
        "quantity": quantity,
        "cash": cash,
        "settlement_date": day,
        "partial": sketch.once_in(2).then_some("allowed"),
    }))
}

/// `settlement.attempt`.
pub fn settlement_attempt(sketch: &mut Sketch<'_>) -> Value {
    sketch.counts.entries = sketch.counts.entries.saturating_add(1);
    let number = sketch.guess(sketch.counts.instructions);
    json!({ "instruction": format!("SI-{number:06}") })
}

/// `period.open`.
pub fn period_open(sketch: &mut Sketch<'_>) -> Value {
    let period = sketch.word(&["2040-01", "2040-02", "2026-02", "20-1"]);
    json!({ "period": period })
}

/// `period.close`.
pub fn period_close(sketch: &mut Sketch<'_>) -> Value {
    let mode = sketch.word(&["soft_lock", "reopen", "reopen"]);
    json!({ "period": sketch.month(), "mode": mode })
}
