//! Interest, revenue over time, foreign currencies.

use serde_json::{Value as Json, json};

use super::super::stream::Draw;
use super::{euros, number};

pub(super) fn interest(draw: &mut Draw) -> Json {
    let account = draw.word(&["loan/1", "bank/main", "wallet/3", "ar/cust-1"]);
    let rate = draw.word(&["3.65", "10", "0.125"]);
    let basis = draw.word(&[
        "ACT/360",
        "ACT/365F",
        "ACT/ACT.ISDA",
        "ACT/ACT.AFB",
        "30/360",
        "30E/360",
        "ACT/ACT.ICMA",
    ]);
    let mut data = json!({
        "account": account,
        "rate": rate,
        "basis": basis,
        "from": draw.about(60, 0),
        "to": draw.about(-1, 30),
    });
    if basis == "ACT/ACT.ICMA" && !draw.once_in(6) {
        let per_year = draw.word(&["1", "2", "4"]).parse::<u64>().unwrap();
        data["coupon_period"] = json!({ "from": draw.about(90, 0), "to": draw.about(-1, 90),
            "per_year": per_year });
    }
    if draw.once_in(2) {
        data["principal"] = json!(euros(draw, 900_000));
    }
    data
}

pub(super) fn schedule(draw: &mut Draw) -> Json {
    draw.notes.schedules += 1;
    let method = draw.word(&["month_equal", "daily"]);
    let mut data = json!({ "from": draw.about(70, 20), "method": method });
    if draw.once_in(3) {
        data["document"] = json!(number(draw, "RE", draw.counts.invoices));
    } else {
        data["amount"] = json!(euros(draw, 90_000));
        data["currency"] = json!("EUR");
        data["deferred"] = json!("deferred/sales");
        data["revenue"] = json!("sales");
    }
    if draw.once_in(2) {
        data["months"] = json!(draw.between(1, 14));
    } else {
        data["to"] = json!(draw.about(-21, 120));
    }
    data
}

pub(super) fn recognition(draw: &mut Draw) -> Json {
    if draw.notes.contracts > 0 && draw.once_in(3) {
        let contract = format!("K-{}", draw.guess(draw.notes.contracts));
        if draw.once_in(2) {
            let share = draw.word(&["33.3", "50", "100"]);
            return json!({ "contract": contract, "obligation": "machine", "satisfied": share });
        }
        let passed = draw.between(1, 24);
        return json!({ "contract": contract, "obligation": "care", "through_month": passed });
    }
    let schedule = number(draw, "RS", draw.notes.schedules);
    json!({ "schedule": schedule, "through": draw.about(40, 90) })
}

pub(super) fn contract(draw: &mut Draw) -> Json {
    draw.notes.contracts += 1;
    let customer = format!("cust-{}", draw.between(1, 3));
    json!({
        "contract": format!("K-{}", draw.notes.contracts),
        "customer": customer,
        "currency": "EUR",
        "price": euros(draw, 90_000),
        "obligations": [
            { "id": "machine", "pattern": "point", "ssp": euros(draw, 90_000) },
            { "id": "care", "pattern": "straight_line", "ssp": euros(draw, 9_000),
              "months": draw.between(1, 24) },
        ],
    })
}

fn rate(draw: &mut Draw) -> Json {
    let rate = draw.word(&["1.0705", "1.0389", "1.1213", "0.97"]);
    json!({ "base": "EUR", "quote": "USD", "rate": rate })
}

pub(super) fn conversion(draw: &mut Draw) -> Json {
    let mut euro = json!({ "account": "bank/main", "currency": "EUR" });
    let mut dollar = json!({ "account": "bank/usd", "currency": "USD" });
    let known = if draw.once_in(2) {
        &mut euro
    } else {
        &mut dollar
    };
    known["amount"] = json!(euros(draw, 60_000));
    let rate = rate(draw);
    if draw.once_in(2) {
        json!({ "give": euro, "receive": dollar, "rate": rate })
    } else {
        json!({ "give": dollar, "receive": euro, "rate": rate })
    }
}

pub(super) fn revaluation(draw: &mut Draw) -> Json {
    let last = draw.word(&[
        "2026-11-30",
        "2026-12-31",
        "2026-01-31",
        "2026-02-28",
        "2026-03-31",
    ]);
    let day = if draw.once_in(2) {
        draw.day(0)
    } else {
        last.to_owned()
    };
    let mut data = json!({ "as_of": day });
    if draw.once_in(2) {
        data["unit"] = json!("USD");
        data["rate"] = rate(draw);
    } else {
        if draw.once_in(2) {
            data["unit"] = json!("all");
        }
        let yen = json!({ "base": "EUR", "quote": "JPY", "rate": "163.06" });
        data["rates"] = json!([rate(draw), yen]);
    }
    if draw.once_in(3) {
        data["auto_reverse"] = json!(draw.about(-1, 20));
    }
    data
}
