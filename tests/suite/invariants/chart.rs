//! The book of a stream: accounts in several units, and settings that differ from stream to stream.

use serde_json::{Map, Value as Json, json};

use super::stream::Draw;

/// Who acts; roles stand in the settings.
pub(super) const ACTORS: [&str; 6] = [
    "user:anna",
    "user:anna",
    "user:anna",
    "user:bert",
    "user:carla",
    "user:zoe",
];
/// Who has the role `closing`.
pub(super) const CLOSING: &str = "user:zoe";
/// Months that entries are drawn for, in order.
pub(super) const MONTHS: [&str; 7] = [
    "2026-01", "2026-02", "2026-03", "2026-04", "2026-11", "2026-12", "2027-01",
];
/// Units besides the euro, and two accounts that entries may be posted to in each.
pub(super) const UNITS: [(&str, usize, [&str; 2]); 5] = [
    ("EUR", 2, ["bank/main", "exp/office"]),
    ("USD", 2, ["bank/usd", "wallet/usd"]),
    ("JPY", 0, ["bank/jpy", "wallet/jpy"]),
    ("KWD", 3, ["bank/kwd", "wallet/kwd"]),
    ("BOX", 0, ["stock/wh-1/BOX", "stock/out/BOX"]),
];

/// Name, unit, class, opening.
const ACCOUNTS: &[(&str, &str, &str, &str)] = &[
    ("bank/main", "EUR", "asset", "50000.00"),
    ("bank/usd", "USD", "asset", "2000.00"),
    ("bank/jpy", "JPY", "asset", "100000"),
    ("bank/kwd", "KWD", "asset", "100.500"),
    ("contract/unbilled", "EUR", "asset", ""),
    ("equity/capital", "EUR", "equity", "48000.00"),
    ("equity/retained", "EUR", "equity", ""),
    ("exp/office", "EUR", "expense", ""),
    ("exp/travel", "EUR", "expense", ""),
    ("exp/bad_debt", "EUR", "expense", ""),
    ("fx/realised", "EUR", "income", ""),
    ("fx/unrealised", "EUR", "income", ""),
    ("fxeq/USD", "EUR", "asset", ""),
    ("fxpos/USD", "USD", "equity", ""),
    ("income/dunning", "EUR", "income", ""),
    ("income/interest", "EUR", "income", ""),
    ("income/late_interest", "EUR", "income", ""),
    ("liab/accrued", "EUR", "liability", ""),
    ("loan/1", "EUR", "liability", "9000.00"),
    ("merchant/1", "EUR", "liability", ""),
    ("merchant/2", "EUR", "liability", ""),
    ("rev/sales", "EUR", "income", ""),
    ("rev/sales_19", "EUR", "income", ""),
    ("rev/skonto", "EUR", "income", ""),
    ("rev/allowances", "EUR", "income", ""),
    ("rev/charges", "EUR", "income", ""),
    ("rev/usage", "EUR", "income", ""),
    ("rev/subscription", "EUR", "income", ""),
    ("rev/machine", "EUR", "income", ""),
    ("rev/care", "EUR", "income", ""),
    ("rounding/cash", "EUR", "income", ""),
    ("suspense/unallocated", "EUR", "liability", ""),
    ("tax/vat_19", "EUR", "liability", ""),
    ("tax/vat_out", "EUR", "liability", ""),
    ("deferred/machine", "EUR", "liability", ""),
    ("deferred/care", "EUR", "liability", ""),
    ("deferred/sales", "EUR", "liability", "600.00"),
    ("ar/us-1", "USD", "asset", ""),
    ("credit/us-1", "USD", "liability", ""),
    ("stock/wh-1/BOX", "BOX", "asset", "500"),
    ("stock/out/BOX", "BOX", "equity", "500"),
    ("secu/depository", "SHR", "asset", "900"),
    ("wallet/usd", "USD", "liability", "500.00"),
    ("wallet/jpy", "JPY", "liability", "5000"),
    ("wallet/kwd", "KWD", "liability", "10.250"),
    ("wallet/1", "EUR", "liability", "900.00"),
    ("wallet/2", "EUR", "liability", "120.55"),
    ("wallet/3", "EUR", "liability", "5000.00"),
];
/// Accounts that must not fall below zero.
const BOUNDED: [&str; 5] = [
    "bank/kwd",
    "wallet/1",
    "wallet/2",
    "wallet/jpy",
    "cash/beta",
];

fn accounts() -> Map<String, Json> {
    let mut all = Map::new();
    let mut open = |name: String, unit: &str, class: &str, opening: &str| {
        let mut account = json!({ "unit": unit, "class": class });
        if !opening.is_empty() {
            account["opening"] = json!(opening);
        }
        if BOUNDED.contains(&name.as_str()) {
            account["min_available"] = json!(if name == "bank/kwd" { "0.000" } else { "0" });
        }
        if name == "merchant/2" {
            account["max_balance"] = json!("400.00");
        }
        all.insert(name, account);
    };
    for (name, unit, class, opening) in ACCOUNTS {
        open((*name).to_owned(), unit, class, opening);
    }
    for number in 1..=3 {
        open(format!("ar/cust-{number}"), "EUR", "asset", "");
        open(format!("credit/cust-{number}"), "EUR", "liability", "");
    }
    // The third customer's subscriptions are earned at once.
    for number in 1..=2 {
        open(format!("deferred/cust-{number}"), "EUR", "liability", "");
    }
    for party in ["alpha", "beta", "gamma"] {
        open(format!("secu/{party}"), "SHR", "liability", "300");
        open(format!("cash/{party}"), "EUR", "liability", "20000.00");
    }
    all
}

/// Accounts and settings.
pub(super) fn book(draw: &mut Draw) -> (Json, Json) {
    let mut config = json!({
        "functional_unit": "EUR",
        "taxes": {
            "S19": { "category": "S", "rate": "19" },
            "S7": { "category": "S", "rate": "7" },
            "Z0": { "category": "Z", "rate": "0" },
        },
        "rates": { "base": [
            { "from": "2025-07-01", "rate": "1.27" }, { "from": "2026-07-01", "rate": "2.5" },
        ],
            "EUR/USD": [{ "from": "2025-07-01", "rate": "1.0705" }],
            "EUR/JPY": [{ "from": "2025-07-01", "rate": "163.06" }],
        },
        "price_list": {
            "calls": { "currency": "EUR", "model": "graduated", "tax": "S19", "tiers": [
                { "up_to": "1000", "price": "0.0083" }, { "price": "0.0051", "flat": "2.00" },
            ] },
            "packs": { "currency": "EUR", "model": "package", "tiers": [{ "price": "3.333" }] },
            "bulk": { "currency": "EUR", "model": "volume", "tax": "S7", "tiers": [
                { "up_to": "50", "price": "1.115" }, { "price": "0.995" },
            ] },
        },
        "users": {
            "user:anna": ["clerk"], "user:bert": ["controller"], "user:carla": ["controller"],
            "user:zoe": ["closing"],
        },
    });
    let mode = draw.word(&["half_up", "half_up", "half_even", "down", "up"]);
    config["rounding"] = json!(mode);
    if draw.once_in(3) {
        config["allowances"] = json!("net");
    }
    if draw.once_in(3) {
        config["hold_days"] = json!({ "wallet/": 2, "wallet/1": 9 });
    }
    if draw.once_in(3) {
        config["rate_guard"] = json!({ "age_days_max": 400, "deviation_percent_max": "5" });
    }
    if draw.once_in(2) {
        config["usage"] = json!({ "period": "month" });
    }
    if draw.once_in(3) {
        config["role_accounts"] = json!({ "contract_asset": { "account": "contract/unbilled" } });
    }
    if !draw.once_in(3) {
        config["approval_policy"] = json!([
            { "kind": "refund.issue", "tiers": [
                { "up_to": "5.00", "approvals": 0 },
                { "up_to": "900.00", "approvals": 1, "by": ["controller"] },
            ] },
            { "kind": "entry.post", "prefix": "exp/travel", "tiers": [
                { "up_to": "60.00", "approvals": 1, "by": ["controller"] },
                { "approvals": 2, "by": ["controller", "closing"] },
            ] },
            { "class": "hold", "tiers": [
                { "up_to": "2000.00", "approvals": 0 }, { "approvals": 1, "by": ["controller"] },
            ] },
        ]);
    }
    (Json::Object(accounts()), config)
}
