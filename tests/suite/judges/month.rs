//! A month of a company that has everything: every kind of job that is built, and every day some
//! invoices, payments and entries whose amounts are drawn.

use serde_json::{Value as Json, json};

/// Jobs that are there for their kind; one of somebody else than anna names its `actor`.
const SCRIPT: &str = include_str!("month.json");
/// Invoices and payments of the days are of customers of their own.
const CUSTOMERS: u64 = 2;

/// The book, with names and units that other programs would not take as they are.
pub(super) const BOOK: &str = r#"
[[book]]
name = "main"
functional_unit = "EUR"
time_zone = "Europe/Berlin"
[book.units]
SHR = 0
kWh = 3
"BOX-A4" = 0
[book.accounts]
"ar/cust-1" = { unit = "EUR", class = "asset" }
"ar/cust-2" = { unit = "EUR", class = "asset" }
"ar/cust-3" = { unit = "EUR", class = "asset" }
"ar/day-1" = { unit = "EUR", class = "asset" }
"ar/day-2" = { unit = "EUR", class = "asset" }
"bank/main" = { unit = "EUR", class = "asset", opening = "250000.00" }
"bank/main/pocket_1" = { unit = "EUR", class = "asset", opening = "1.50" }
"bank/main/pocket-1" = { unit = "EUR", class = "asset", opening = "2.50" }
"bank/main/dinar" = { unit = "KWD", class = "asset", opening = "1.500" }
"bank/usd" = { unit = "USD", class = "asset" }
"bank/yen" = { unit = "JPY", class = "asset", opening = "123456" }
"cash/B" = { unit = "EUR", class = "liability", opening = "25000.00" }
"cash/S" = { unit = "EUR", class = "liability" }
"credit/cust-1" = { unit = "EUR", class = "liability", opening = "190.00" }
"credit/day-1" = { unit = "EUR", class = "liability" }
"credit/day-2" = { unit = "EUR", class = "liability" }
"deferred/care" = { unit = "EUR", class = "liability" }
"deferred/cust-1" = { unit = "EUR", class = "liability", opening = "12000.00" }
"deferred/machine" = { unit = "EUR", class = "liability" }
"energy/meter_1" = { unit = "kWh", class = "asset", opening = "10.125" }
"energy/taken" = { unit = "kWh", class = "equity", opening = "10.125" }
"equity/retained" = { unit = "EUR", class = "equity" }
"exp/bad_debt" = { unit = "EUR", class = "expense" }
"exp/office" = { unit = "EUR", class = "expense" }
"exp/sales" = { unit = "EUR", class = "expense" }
"exp/service" = { unit = "EUR", class = "expense" }
"fx/realised" = { unit = "EUR", class = "income" }
"fx/unrealised" = { unit = "EUR", class = "income" }
"fxeq/USD" = { unit = "EUR", class = "asset" }
"fxpos/USD" = { unit = "USD", class = "equity" }
"income/dunning" = { unit = "EUR", class = "income" }
"income/interest" = { unit = "EUR", class = "income" }
"income/late_interest" = { unit = "EUR", class = "income" }
"interest" = { unit = "EUR", class = "income" }
"liab/accrued" = { unit = "EUR", class = "liability" }
"memo/plan" = { unit = "EUR", class = "memo_dr" }
"memo/contra" = { unit = "EUR", class = "memo_cr" }
"merchant/1" = { unit = "EUR", class = "liability" }
"rev/sales_19" = { unit = "EUR", class = "income" }
"rev/sales_7" = { unit = "EUR", class = "income" }
"rev/subscription" = { unit = "EUR", class = "income" }
"secu/B" = { unit = "SHR", class = "liability" }
"secu/S" = { unit = "SHR", class = "liability", opening = "600" }
"secu/depository" = { unit = "SHR", class = "asset", opening = "600" }
"stock/out/BOX-A4" = { unit = "BOX-A4", class = "equity", opening = "10" }
"stock/wh-1/BOX-A4" = { unit = "BOX-A4", class = "asset", opening = "10" }
"suspense/unallocated" = { unit = "EUR", class = "liability" }
"tax/vat_19" = { unit = "EUR", class = "liability" }
"tax/vat_7" = { unit = "EUR", class = "liability" }
"wallet/8" = { unit = "EUR", class = "liability", opening = "150.00", min_available = "0.00" }
[book.taxes]
DE19 = { category = "S", rate = "19" }
DE7 = { category = "S", rate = "7" }
[book.price_list.api-calls]
currency = "EUR"
model = "graduated"
tax = "DE19"
revenue = "rev/sales_19"
tiers = [{ up_to = "10000", price = "0.008" }, { price = "0.005" }]
[book.users]
"user:anna" = ["clerk", "closing"]
"user:carla" = ["controller"]
[[book.approval_policy]]
kind = "entry.post"
prefix = "exp/sales"
tiers = [{ approvals = 1, by = ["controller"] }]
[[book.rates.base]]
from = "2025-07-01"
rate = "1.27"
"#;

/// A job and when it comes.
pub(super) struct Due {
    pub(super) at: String,
    pub(super) kind: String,
    pub(super) job: Json,
}

/// What is drawn, the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1);
        (self.0 >> 33) % bound
    }

    fn amount(&mut self) -> String {
        format!("{}.{:02}", self.below(1_000), 1 + self.below(99))
    }

    fn customer(&mut self) -> String {
        format!("day-{}", 1 + self.below(CUSTOMERS))
    }

    fn lines(&mut self) -> Vec<Json> {
        let mut line = || {
            let tax = if self.below(2) == 0 { "DE19" } else { "DE7" };
            let quantity = (1 + self.below(9)).to_string();
            json!({ "quantity": quantity, "price": self.amount(), "tax": tax })
        };
        vec![line(), line(), line()]
    }
}

/// What comes every day.
fn of_day(day: u64, draw: &mut Draw) -> Vec<(&'static str, Json)> {
    let invoice = json!({ "customer": draw.customer(), "series": "RE", "currency": "EUR",
        "terms": { "net_days": 14 }, "lines": draw.lines() });
    let payment = json!({ "bank": "bank/main", "amount": draw.amount(), "currency": "EUR",
        "customer": draw.customer(), "allocation": "oldest_first" });
    // Booked for an earlier day, with a value date of its own.
    let (booked, amount) = (1 + draw.below(day), draw.amount());
    let late = json!({ "booking_date": format!("2026-03-{booked:02}"),
        "document_ref": format!("\"bill\", {day}; \\"), "legs": [
            { "dr": "exp/office", "amount": amount },
            { "cr": "bank/main", "amount": amount, "value_date": format!("2026-03-{day:02}") },
        ] });
    let (boxes, energy) = ((1 + draw.below(50)).to_string(), format!("0.{day:03}"));
    let goods = json!({ "legs": [
        { "dr": "stock/wh-1/BOX-A4", "amount": boxes },
        { "cr": "stock/out/BOX-A4", "amount": boxes },
        { "dr": "energy/meter_1", "amount": energy },
        { "cr": "energy/taken", "amount": energy },
    ] });
    vec![
        ("invoice.issue", invoice),
        ("payment.receive", payment),
        ("entry.post", late),
        ("entry.post", goods),
    ]
}

/// The jobs of the month, in the order of their time.
pub(super) fn jobs() -> Vec<Due> {
    let script: Vec<Json> = serde_json::from_str(SCRIPT).unwrap();
    let scripted = script.iter().map(|one| {
        let text = |name: &str| one.get(name).and_then(Json::as_str);
        let (at, kind) = (text("at").unwrap(), text("kind").unwrap());
        let actor = text("actor").unwrap_or("user:anna");
        due(at, kind, actor, one.get("data").unwrap())
    });
    let mut draw = Draw(20_260_301);
    let daily = (2..=30).flat_map(|day| {
        let at = format!("2026-03-{day:02}T11:00:00Z");
        let jobs = of_day(day, &mut draw).into_iter();
        jobs.map(move |(kind, data)| due(&at, kind, "user:anna", &data))
    });
    let mut all: Vec<Due> = scripted.chain(daily).collect();
    all.sort_by(|one, other| one.at.cmp(&other.at));
    for (due, number) in all.iter_mut().zip(1..) {
        let key = format!("month/{number}");
        due.job
            .as_object_mut()
            .unwrap()
            .insert("key".to_owned(), json!(key));
    }
    all
}

fn due(at: &str, kind: &str, actor: &str, data: &Json) -> Due {
    Due {
        at: at.to_owned(),
        kind: kind.to_owned(),
        job: json!({ "kind": kind, "actor": actor, "data": data }),
    }
}
