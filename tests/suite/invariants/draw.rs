//! One drawer a kind: data of a job, mostly good ones, now and then wrong ones.
//!
//! What the simulator draws is drawn by its own drawers, and then dressed with more members.

mod billing;
mod money;

use serde_json::{Value as Json, json};

use super::chart::{MONTHS, UNITS};
use super::stream::Draw;

/// Draws the data of a kind.
pub(super) struct Drawer {
    pub(super) kind: &'static str,
    /// Its share of the jobs.
    pub(super) weight: u64,
    pub(super) draw: fn(&mut Draw) -> Json,
}

const fn of(kind: &'static str, weight: u64, draw: fn(&mut Draw) -> Json) -> Drawer {
    Drawer { kind, weight, draw }
}

/// All of them; a kind that is built has to stand here.
pub(super) const DRAWERS: &[Drawer] = &[
    of("account.open", 3, |draw| {
        draw.simulated("account.open", "EUR")
    }),
    of("account.update", 3, update),
    of("account.close", 1, |draw| {
        draw.simulated("account.close", "EUR")
    }),
    of("reference.set", 1, reference),
    of("entry.post", 12, entry),
    of("entry.reverse", 4, reversal),
    of("batch.post", 3, batch),
    of("entry.allocate", 3, allocation),
    of("recurring.post", 2, recurring),
    of("entry.adjust", 2, adjustment),
    of("hold.place", 7, hold),
    of("hold.capture", 8, capture),
    of("hold.void", 2, void),
    of("approval.request", 4, request),
    of("approval.decide", 6, decision),
    of("invoice.issue", 10, billing::invoice),
    of("credit_note.issue", 5, billing::credit_note),
    of("payment.receive", 10, billing::payment),
    of("payment.allocate", 6, billing::allocation),
    of("refund.issue", 2, refund),
    of("usage.rate", 4, billing::usage),
    of("writeoff.post", 3, billing::writeoff),
    of("dunning.charge", 3, billing::dunning),
    of("interest.charge", 2, money::interest),
    of("subscription.renew", 4, billing::renewal),
    of("subscription.change", 3, billing::change),
    of("revenue.schedule", 3, money::schedule),
    of("revenue.recognise", 4, money::recognition),
    of("revenue.allocate", 1, money::contract),
    of("settlement.instruct", 4, instruction),
    of("settlement.attempt", 6, attempt),
    of("fx.convert", 3, money::conversion),
    of("fx.revalue", 2, money::revaluation),
    of("period.open", 1, opening),
    of("period.close", 4, closing),
    of("accrual.post", 3, accrual),
];

/// Now, or from a later day on.
fn update(draw: &mut Draw) -> Json {
    let mut data = draw.simulated("account.update", "EUR");
    if draw.once_in(3) {
        data["valid_from"] = json!(draw.about(1, 6));
    }
    data
}

/// A tax, or how amounts are rounded from some day on.
fn reference(draw: &mut Draw) -> Json {
    let mut data = draw.simulated("reference.set", "EUR");
    if draw.once_in(2) {
        let mode = draw.word(&["half_up", "half_even", "down", "up"]);
        data["record"] = json!("rounding");
        data["name"] = json!("rounding");
        data["value"] = json!(mode);
    }
    if draw.once_in(2) {
        data["valid_from"] = json!(draw.about(1, 6));
    }
    data
}

/// The drawer of a kind.
pub(super) fn drawer(kind: &str) -> &'static Drawer {
    DRAWERS.iter().find(|one| one.kind == kind).unwrap()
}

/// Minor units as an amount of a unit with so many decimals.
fn printed(minor: u64, decimals: usize) -> String {
    if decimals == 0 {
        return minor.to_string();
    }
    let scale = 10_u64.pow(u32::try_from(decimals).unwrap());
    format!("{}.{:0decimals$}", minor.div_euclid(scale), minor % scale)
}

/// An amount in euros up to so many minor units.
fn euros(draw: &mut Draw, most: u64) -> String {
    printed(draw.between(1, most), 2)
}

/// Two legs of a unit and the same amount on both.
fn pair(draw: &mut Draw) -> Vec<Json> {
    let (_, decimals, mut accounts) = *draw.chance.pick(&UNITS).unwrap();
    let amount = printed(draw.between(1, 9_000), decimals);
    if draw.once_in(2) {
        accounts.reverse();
    }
    let [debit, credit] = accounts;
    vec![
        json!({ "dr": debit, "amount": amount }),
        json!({ "cr": credit, "amount": amount }),
    ]
}

/// Three legs or more in euros that add up, or do not.
fn many(draw: &mut Draw) -> Vec<Json> {
    let parts: Vec<u64> = (0..draw.between(2, 5))
        .map(|_| draw.between(1, 5_000))
        .collect();
    let sum: u64 = parts.iter().sum::<u64>() + u64::from(draw.once_in(20));
    let to = [
        "exp/office",
        "exp/travel",
        "merchant/1",
        "merchant/2",
        "wallet/3",
    ];
    let from = draw.word(&["bank/main", "wallet/1", "wallet/2"]);
    let mut legs = vec![json!({ "cr": from, "amount": printed(sum, 2) })];
    for (part, account) in parts.iter().zip(to) {
        legs.push(json!({ "dr": account, "amount": printed(*part, 2) }));
    }
    legs
}

fn legs(draw: &mut Draw) -> Vec<Json> {
    if draw.once_in(2) {
        return many(draw);
    }
    let mut legs = pair(draw);
    if draw.once_in(3) {
        let more = pair(draw);
        legs.extend(more);
    }
    legs
}

/// A booking date that may lie in a locked month.
fn booked(draw: &mut Draw, data: &mut Json) {
    if draw.once_in(3) {
        let month = draw.word(&MONTHS);
        data["booking_date"] = json!(format!("{month}-{:02}", draw.between(1, 28)));
    }
}

fn entry(draw: &mut Draw) -> Json {
    if draw.once_in(2) {
        return draw.simulated("entry.post", "EUR");
    }
    draw.counts.entries += 1;
    let mut data = json!({ "legs": legs(draw) });
    booked(draw, &mut data);
    data
}

fn reversal(draw: &mut Draw) -> Json {
    let mut data = draw.simulated("entry.reverse", "EUR");
    data["entry"] = json!(draw.guess(draw.counts.entries));
    data
}

/// Often one of which only a part can settle until more comes.
fn instruction(draw: &mut Draw) -> Json {
    if draw.once_in(2) {
        return draw.simulated("settlement.instruct", "EUR");
    }
    draw.counts.instructions += 1;
    let mut parties = ["alpha", "beta", "gamma"];
    parties.rotate_left(draw.chance.below(3));
    let [deliverer, receiver, _] = parties;
    let (quantity, cash) = (draw.between(1, 500), euros(draw, 99_999));
    json!({ "type": "DVP", "deliverer": deliverer, "receiver": receiver, "security": "SHR",
        "quantity": quantity.to_string(), "cash": { "amount": cash, "currency": "EUR" },
        "settlement_date": "2026-11-02", "partial": "allowed" })
}

fn attempt(draw: &mut Draw) -> Json {
    json!({ "instruction": number(draw, "SI", draw.counts.instructions) })
}

fn batch(draw: &mut Draw) -> Json {
    let entries: Vec<Json> = (0..draw.between(1, 3))
        .map(|_| {
            draw.counts.entries += 1;
            json!({ "legs": legs(draw) })
        })
        .collect();
    // The sum in thousandths, so that all units fit.
    let debits = entries
        .iter()
        .flat_map(|entry| entry["legs"].as_array().unwrap());
    let debits = debits.filter(|leg| leg.get("dr").is_some());
    let sum: u64 = debits
        .map(|leg| thousandths(leg["amount"].as_str().unwrap()))
        .sum();
    let sum = sum + u64::from(draw.once_in(10));
    json!({ "count": entries.len(), "control_sum": printed(sum, 3), "entries": entries })
}

fn thousandths(amount: &str) -> u64 {
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    format!("{whole}{part:0<3}").parse().unwrap()
}

fn allocation(draw: &mut Draw) -> Json {
    let targets = ["exp/travel", "merchant/1", "merchant/2", "wallet/3"];
    let count = usize::try_from(draw.between(1, 4)).unwrap();
    let targets: Vec<Json> = targets
        .iter()
        .take(count)
        .map(|account| {
            let weight = draw.word(&["1", "2", "0.333", "7.5", "1000000", "0"]);
            json!({ "account": account, "weight": weight })
        })
        .collect();
    let side = draw.word(&["debit", "credit"]);
    draw.counts.entries += 1;
    let amount = euros(draw, 9_000);
    json!({ "from": "exp/office", "amount": amount, "side": side, "targets": targets })
}

fn recurring(draw: &mut Draw) -> Json {
    draw.notes.schedules += 1;
    let every = draw.word(&["day", "week", "month", "month_end", "quarter", "year"]);
    let mut data = json!({
        "first": draw.about(20, 10),
        "every": every,
        "legs": legs(draw),
    });
    if draw.once_in(3) {
        data["until"] = json!(draw.about(0, 40));
    } else {
        data["count"] = json!(draw.between(1, 4));
    }
    if draw.once_in(2) {
        let roll = draw.word(&["none", "following", "modified_following", "preceding"]);
        data["roll"] = json!(roll);
        data["calendar"] = json!("TARGET");
    }
    data
}

fn adjustment(draw: &mut Draw) -> Json {
    let mut data = entry(draw);
    data["adjusts"] = json!(draw.guess(draw.counts.entries));
    data["reason"] = json!("one too many");
    data
}

fn accrual(draw: &mut Draw) -> Json {
    draw.counts.entries += 2;
    json!({
        "booking_date": draw.about(5, 0),
        "auto_reverse": draw.about(-1, 40),
        "legs": legs(draw),
    })
}

fn hold(draw: &mut Draw) -> Json {
    draw.notes.holds += 1;
    let mut data = if draw.once_in(3) {
        json!({ "legs": legs(draw) })
    } else {
        let debit = draw.word(&["wallet/1", "wallet/2", "wallet/3", "bank/main"]);
        let credit = draw.word(&["merchant/1", "merchant/1", "merchant/2"]);
        let most = if draw.once_in(4) { 400_000 } else { 30_000 };
        let amount = euros(draw, most);
        json!({ "debit": debit, "credit": credit, "amount": amount })
    };
    if draw.once_in(2) {
        let minutes = i64::try_from(draw.between(1, 6_000)).unwrap();
        data["expires_at"] = json!(draw.instant(minutes));
    }
    data
}

fn number(draw: &mut Draw, series: &str, drawn: u64) -> String {
    format!("{series}-{:06}", draw.guess(drawn))
}

fn capture(draw: &mut Draw) -> Json {
    draw.counts.entries += 1;
    let mut data = json!({ "hold": number(draw, "H", draw.notes.holds) });
    if !draw.once_in(4) {
        data["amount"] = json!(euros(draw, 9_000));
    }
    if draw.once_in(2) {
        data["final"] = json!(draw.once_in(3));
    }
    if draw.once_in(4) {
        booked(draw, &mut data);
    }
    data
}

fn void(draw: &mut Draw) -> Json {
    json!({ "hold": number(draw, "H", draw.notes.holds) })
}

fn refund(draw: &mut Draw) -> Json {
    let customer = format!("cust-{}", draw.between(1, 3));
    let amount = euros(draw, 3_000);
    json!({ "customer": customer, "amount": amount, "currency": "EUR", "bank": "bank/main" })
}

/// A request for a job whose legs follow from its data alone, so that what it holds is known.
fn request(draw: &mut Draw) -> Json {
    draw.notes.requests += 1;
    draw.notes.keys += 1;
    let (kind, data) = match draw.between(0, 6) {
        0 => ("refund.issue", refund(draw)),
        1..=3 => {
            let amount = euros(draw, 9_000);
            let legs = json!([{ "dr": "exp/travel", "amount": amount },
                { "cr": "bank/main", "amount": amount }]);
            ("entry.post", json!({ "legs": legs }))
        }
        4 | 5 => ("hold.place", hold(draw)),
        _lock => {
            let month = draw.word(&MONTHS);
            ("period.close", json!({ "period": month, "mode": "reopen" }))
        }
    };
    let key = format!("k-{}", draw.notes.keys);
    let mut data = json!({ "job": { "kind": kind, "key": key, "data": data } });
    if kind != "hold.place" && draw.once_in(2) {
        data["reserve"] = json!(true);
        draw.notes.holds += 1;
    }
    if draw.once_in(5) {
        let minutes = i64::try_from(draw.between(1, 5_000)).unwrap();
        data["expires_at"] = json!(draw.instant(minutes));
    }
    data
}

fn decision(draw: &mut Draw) -> Json {
    let decision = draw.word(&["approve", "approve", "approve", "reject"]);
    json!({ "request": number(draw, "APR", draw.notes.requests), "decision": decision })
}

fn opening(draw: &mut Draw) -> Json {
    let period = draw.word(&[
        "2026-12", "2027-01", "2027-02", "2027-03", "2026-01", "2027",
    ]);
    json!({ "period": period })
}

fn closing(draw: &mut Draw) -> Json {
    let mode = draw.word(&["soft_lock", "soft_lock", "reopen", "hard_close"]);
    let period = if draw.once_in(15) {
        "2026"
    } else {
        draw.word(&MONTHS)
    };
    json!({ "period": period, "mode": mode })
}
