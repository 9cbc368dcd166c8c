//! Invoices and what follows from them: payments, credit notes, write-offs, usage, subscriptions.

use serde_json::{Value as Json, json};

use super::super::stream::Draw;
use super::{euros, number, printed};

/// The rate of the dollar, the same in all documents of a moment.
fn rate(draw: &mut Draw) -> Json {
    let rate = draw.word(&["1.0705", "1.0389", "1.1213"]);
    if draw.once_in(3) {
        return json!({ "base": "USD", "quote": "EUR", "rate": "0.9341" });
    }
    json!({ "base": "EUR", "quote": "USD", "rate": rate })
}

pub(super) fn invoice(draw: &mut Draw) -> Json {
    if draw.once_in(8) {
        draw.counts.invoices += 1;
        let customer = format!("cust-{}", draw.between(1, 3));
        return json!({ "customer": customer, "series": "RE", "currency": "EUR",
            "from_usage": true });
    }
    if draw.once_in(3) {
        return plain(draw);
    }
    let foreign = draw.once_in(6);
    let mut data = draw.simulated("invoice.issue", if foreign { "USD" } else { "EUR" });
    if foreign {
        data["customer"] = json!("us-1");
        data["rate"] = rate(draw);
    }
    lines(draw, &mut data);
    if draw.once_in(3) {
        let percent = draw.word(&["2", "3", "2.5"]);
        let terms = json!({ "net_days": draw.between(5, 30),
            "discount": { "days": draw.between(2, 14), "percent": percent } });
        data["terms"] = terms;
        data.as_object_mut().unwrap().remove("due_date");
    }
    if draw.once_in(3) {
        data["tax_rounding"] = json!(draw.word(&["document_group", "line"]));
        data["tax_rounding_mode"] = json!(draw.word(&["half_up", "half_even", "down", "up"]));
    }
    if draw.once_in(4) {
        data["prices_include_tax"] = json!(true);
    }
    if draw.once_in(5) {
        data["allowances"] = json!([{ "amount": euros(draw, 300), "code": "SPRING" }]);
        data["charges"] = json!([{ "amount": euros(draw, 300), "tax": "S19" }]);
    }
    if draw.once_in(5) {
        data["cash_rounding"] = json!(draw.word(&["0.05", "0.10", "1.00"]));
    }
    if draw.once_in(3) {
        data["apply_credit"] = json!(true);
    }
    if draw.once_in(5)
        && let Some(line) = data["lines"].get_mut(0)
    {
        line["defer"] = json!({ "from": draw.about(10, 5), "months": draw.between(1, 12) });
        line["revenue"] = json!("sales");
    }
    data
}

/// What invoices of one line cost with tax, less their discount, and some other amounts that are
/// paid for them.
const ROUND: [&str; 6] = ["119.00", "115.43", "116.00", "100.00", "59.50", "238.00"];

/// An invoice of which payments know the total: 119.00, or 115.43 in time.
fn plain(draw: &mut Draw) -> Json {
    draw.counts.invoices += 1;
    let mut lines = vec![json!({ "quantity": "1", "price": "100.00", "tax": "S19" })];
    if draw.once_in(3) {
        lines = vec![
            json!({ "quantity": "1", "price": "50.00", "tax": "S19" }),
            json!({ "quantity": "2", "price": "27.80", "tax": "S7" }),
        ];
    }
    let customer = format!("cust-{}", draw.between(1, 3));
    json!({ "customer": customer, "series": "RE", "currency": "EUR", "lines": lines,
        "terms": { "net_days": 14, "discount": { "days": 10, "percent": "3" } } })
}

/// Mostly some lines, under taxes that are there.
fn lines(draw: &mut Draw, data: &mut Json) {
    let lines = data["lines"].as_array_mut().unwrap();
    if lines.is_empty() && !draw.once_in(5) {
        lines.push(json!({ "quantity": "3", "price": euros(draw, 9_000), "tax": "S19" }));
    }
    for line in lines {
        if line["tax"] == "S99" && !draw.once_in(5) {
            line["tax"] = json!("S7");
        }
    }
}

pub(super) fn payment(draw: &mut Draw) -> Json {
    if draw.once_in(2) {
        draw.counts.payments += 1;
        let (reference, amount) = (owed(draw), draw.word(&ROUND));
        draw.notes.paid = Some((draw.counts.payments, reference.clone(), amount.to_owned()));
        return json!({ "bank": "bank/main", "currency": "EUR", "amount": amount,
            "reference": reference });
    }
    let foreign = draw.once_in(7);
    let mut data = draw.simulated("payment.receive", if foreign { "USD" } else { "EUR" });
    if foreign {
        data["bank"] = json!("bank/usd");
        if data.get("customer").is_some() {
            data["customer"] = json!("us-1");
        }
    }
    if data.get("reference").is_some() {
        data["reference"] = json!(owed(draw));
    }
    let list = data.get_mut("allocations").and_then(Json::as_array_mut);
    for one in list.into_iter().flatten() {
        one["document"] = json!(owed(draw));
    }
    if draw.once_in(2) {
        data["value_date"] = json!(draw.about(20, 2));
    }
    data
}

pub(super) fn allocation(draw: &mut Draw) -> Json {
    if draw.once_in(4) {
        return draw.simulated("payment.allocate", "EUR");
    }
    if draw.once_in(3)
        && let Some((payment, document, amount)) = draw.notes.paid.take()
    {
        // All of it back, with the discount that came with it.
        let list = json!([{ "document": document, "amount": amount }]);
        let payment = format!("PAY-{payment:06}");
        return json!({ "payment": payment, "allocations": list, "unallocate": true });
    }
    let list: Vec<Json> = (0..draw.chance.between(1, 5).div_ceil(4))
        .map(|_| {
            let (document, round) = (owed(draw), draw.word(&ROUND));
            let amount = if draw.once_in(2) {
                euros(draw, 400)
            } else {
                round.to_owned()
            };
            json!({ "document": document, "amount": amount })
        })
        .collect();
    let mut data = json!({ "allocations": list });
    if draw.once_in(2) {
        data["payment"] = json!(number(draw, "PAY", draw.counts.payments));
    } else {
        data["customer"] = json!(format!("cust-{}", draw.between(1, 3)));
    }
    if draw.once_in(4) {
        data["unallocate"] = json!(true);
    }
    data
}

pub(super) fn credit_note(draw: &mut Draw) -> Json {
    let invoice = number(draw, "RE", draw.counts.invoices);
    if draw.once_in(3) {
        return json!({ "invoice": invoice, "series": "GS", "full": true });
    }
    let lines: Vec<Json> = (0..draw.between(1, 2))
        .map(|_| {
            let tax = draw.word(&["S19", "S19", "S19", "S7", "Z0"]);
            let quantity = draw.between(1, 3).to_string();
            json!({ "quantity": quantity, "price": euros(draw, 2_000), "tax": tax })
        })
        .collect();
    json!({ "invoice": invoice, "series": "GS", "lines": lines })
}

/// A document that somebody owes.
fn owed(draw: &mut Draw) -> String {
    match draw.between(0, 9) {
        0 => number(draw, "DN", 3),
        1 | 2 => number(draw, "INV", 4),
        3 => number(draw, "CH", draw.notes.contracts),
        _invoice => number(draw, "RE", draw.counts.invoices),
    }
}

pub(super) fn writeoff(draw: &mut Draw) -> Json {
    let mut data = json!({ "document": owed(draw), "reason": "insolvency" });
    if draw.once_in(2) {
        data["amount"] = json!(euros(draw, 3_000));
    }
    data
}

pub(super) fn dunning(draw: &mut Draw) -> Json {
    let basis = draw.word(&["ACT/360", "ACT/365F", "ACT/ACT.ISDA", "30E/360"]);
    let mut data = json!({
        "document": owed(draw),
        "from": draw.about(15, 0),
        "to": draw.about(0, 4),
        "basis": basis,
    });
    if draw.once_in(2) {
        data["rate_rule"] = json!("base_plus");
        data["points"] = json!("9");
    } else {
        data["rate_rule"] = json!("fixed");
        data["rate"] = json!("11.37");
    }
    if draw.once_in(2) {
        data["lump_sum"] = json!("40.00");
    }
    data
}

pub(super) fn usage(draw: &mut Draw) -> Json {
    let customer = format!("cust-{}", draw.between(1, 3));
    let item = draw.word(&["calls", "packs", "bulk", "calls", "nothing"]);
    let quantity = if item == "packs" {
        draw.between(1, 60).to_string()
    } else {
        printed(draw.between(1, 900_000), 3)
    };
    let mut data = json!({ "customer": customer, "item": item, "quantity": quantity });
    if draw.once_in(2) {
        draw.notes.meters += 1;
        let last = draw.notes.meters;
        let meter = draw.between(last.saturating_sub(3), last);
        data["meter_ref"] = json!(format!("m-{meter}"));
    }
    data
}

/// Names of subscriptions: a producer may call them like documents that come later.
const SUBSCRIPTIONS: [&str; 3] = ["sub-0", "PAY-000002", "RE-000003"];

/// The first and the last day of a period of a subscription.
fn period(number: u64) -> Json {
    let months = [
        "2026-11-01",
        "2026-12-01",
        "2027-01-01",
        "2027-02-01",
        "2027-03-01",
    ];
    let at = usize::try_from(number).unwrap().min(months.len() - 2);
    json!({ "from": months[at], "to": months[at + 1] })
}

pub(super) fn renewal(draw: &mut Draw) -> Json {
    let at = draw.chance.below(3);
    let (price, billed) = draw.notes.subscriptions[at];
    let price = if price == 0 {
        draw.between(500, 9_000)
    } else {
        price
    };
    let next = if draw.once_in(5) {
        billed.saturating_sub(1)
    } else {
        billed
    };
    draw.notes.subscriptions[at] = (price, billed + 1);
    let mut data = json!({ "subscription": SUBSCRIPTIONS[at], "period": period(next) });
    if billed == 0 || draw.once_in(6) {
        data["customer"] = json!(format!("cust-{}", at + 1));
        data["currency"] = json!("EUR");
        data["price"] = json!(printed(price, 2));
        if at != 1 {
            data["tax"] = json!("S19");
        }
    }
    if draw.once_in(2) {
        data["apply_credit"] = json!(true);
    }
    data
}

pub(super) fn change(draw: &mut Draw) -> Json {
    let known = draw
        .notes
        .subscriptions
        .iter()
        .position(|(_, billed)| *billed > 0);
    let at = known
        .filter(|_| !draw.once_in(3))
        .unwrap_or_else(|| draw.chance.below(3));
    let (price, billed) = draw.notes.subscriptions[at];
    let new = draw.between(300, 9_000);
    draw.notes.subscriptions[at].0 = new;
    let bill = draw.word(&["now", "now", "next", "credit"]);
    let granularity = draw.word(&["day", "second"]);
    let period = period(billed.saturating_sub(1));
    let month = period["from"]
        .as_str()
        .unwrap()
        .get(..7)
        .unwrap()
        .to_owned();
    let day = draw.between(1, 28);
    json!({
        "subscription": SUBSCRIPTIONS[at],
        "at": format!("{month}-{day:02}T09:30:00Z"),
        "period": period,
        "old_price": printed(price, 2),
        "new_price": printed(new, 2),
        "granularity": granularity,
        "bill": bill,
    })
}
