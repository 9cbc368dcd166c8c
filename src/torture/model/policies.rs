//! Who must approve what: policies by kind, account and amount, and the roles of users by day.

use serde_json::{Value, json};

use super::{Book, Leg, list, minor, need, print, text};

/// Values of a record with the first day of each; none from the beginning.
pub type Dated = Vec<(String, Value)>;

/// From a day on a record has another value.
pub fn set(
    records: &mut std::collections::BTreeMap<String, Dated>,
    name: &str,
    from: String,
    value: Value,
) {
    let dated = records.entry(name.to_owned()).or_default();
    dated.push((from, value));
    dated.sort_by(|(one, _), (other, _)| one.cmp(other));
}

/// The value that holds on a day.
fn on<'d>(dated: &'d Dated, day: &str) -> Option<&'d Value> {
    let holds = dated.iter().rev().find(|(from, _)| from.as_str() <= day);
    holds.map(|(_, value)| value)
}

/// Which approvals a job needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// How many.
    pub approvals: usize,
    /// By people of which roles.
    pub by: Vec<String>,
    /// What it is measured by, if a rule measures it.
    pub amount: Option<i128>,
}

impl Needs {
    /// As outcomes show it.
    pub fn shown(&self) -> Value {
        json!({ "approvals": self.approvals, "by": self.by })
    }

    /// The amount as outcomes print it.
    pub fn measured(&self) -> Option<String> {
        self.amount.map(|amount| print(amount, 2))
    }

    /// Whether somebody's roles of today reach it. Where no role is asked for any will do, and none
    /// if the book has no users.
    pub fn entitles(&self, who: &str, book: &Book) -> bool {
        let roles = book.roles(who);
        if self.by.is_empty() {
            return !roles.is_empty() || book.users.is_empty();
        }
        roles.iter().any(|role| self.by.contains(role))
    }
}

impl Book {
    /// The roles that somebody has today.
    pub fn roles(&self, who: &str) -> Vec<String> {
        let roles = self.users.get(who).and_then(|dated| on(dated, &self.today));
        let roles = roles.and_then(Value::as_array);
        let role = |role: &Value| role.as_str().map(str::to_owned);
        roles.into_iter().flatten().filter_map(role).collect()
    }

    /// The roles of whoever does what is judged now.
    pub fn actor_roles(&self) -> Vec<String> {
        self.actor
            .as_deref()
            .map(|who| self.roles(who))
            .unwrap_or_default()
    }

    /// All rules of today in their order.
    fn rules(&self) -> impl Iterator<Item = &Value> {
        let today = self
            .policies
            .values()
            .filter_map(|dated| on(dated, &self.today));
        today.filter_map(Value::as_array).flatten()
    }

    /// Whether a job may need an approval at all.
    pub fn is_guarded(&self, kind: &str, data: &Value) -> bool {
        !self.policies.is_empty()
            && (always(kind, data) || self.rules().any(|rule| names(rule, kind)))
    }

    /// What a job needs, once the book knows what it asks for.
    pub fn needs(&self, kind: &str, data: &Value, tried: &Self) -> Result<Needs, &'static str> {
        let begins = |prefix: &str| {
            let legs = tried.asked.iter().map(|leg| &leg.account);
            legs.chain(&tried.touched)
                .any(|account| account.starts_with(prefix))
        };
        let fits = |rule: &&Value| names(rule, kind) && text(rule, "prefix").is_none_or(begins);
        let mut needs = Needs::default();
        if let Some(rule) = self.rules().find(fits) {
            let amount = self.measure(&tried.asked);
            let within = |tier: &&Value| {
                let bound = text(tier, "up_to").map(|text| minor(text, 2));
                bound.is_none_or(|bound| bound.is_ok_and(|bound| amount <= bound))
            };
            let tier = list(rule, "tiers").iter().find(within);
            let tier = tier.ok_or("LIMIT_EXCEEDED")?;
            needs.approvals = count(tier);
            needs.amount = Some(amount);
            if needs.approvals > 0 {
                needs.by = roles(tier).collect();
            }
        }
        if needs.approvals == 0 && !self.policies.is_empty() && always(kind, data) {
            needs.approvals = 1;
            let tiers = self.rules().flat_map(|rule| list(rule, "tiers"));
            needs.by = tiers.flat_map(roles).collect();
            needs.by.sort_unstable();
            needs.by.dedup();
        }
        Ok(needs)
    }

    /// The debits of legs in the unit of the book.
    fn measure(&self, legs: &[Leg]) -> i128 {
        let counts = |leg: &&Leg| {
            let account = self.accounts.get(&leg.account);
            leg.debit && account.is_some_and(|account| account.unit == self.unit)
        };
        legs.iter().filter(counts).map(|leg| leg.amount).sum()
    }
}

fn count(tier: &Value) -> usize {
    let count = tier.get("approvals").and_then(Value::as_u64);
    usize::try_from(count.unwrap_or_default()).unwrap_or_default()
}

fn roles(tier: &Value) -> impl Iterator<Item = String> {
    let roles = list(tier, "by").iter().filter_map(Value::as_str);
    roles.map(str::to_owned)
}

/// Whether a rule is about a kind: it names the kind, or its first word.
fn names(rule: &Value, kind: &str) -> bool {
    let class = kind.split('.').next();
    text(rule, "kind") == Some(kind)
        || text(rule, "class").is_some_and(|known| Some(known) == class)
}

/// Who decides about approvals is itself approved, and so is undoing a lock.
fn always(kind: &str, data: &Value) -> bool {
    match kind {
        "reference.set" => matches!(need(data, "record"), "user" | "policy"),
        "period.close" => need(data, "mode") == "reopen",
        _ => false,
    }
}

/// Refusals that an approval comes before: the state of things, and what may be taken from them.
pub fn is_late(code: &str) -> bool {
    let state = [
        "DOCUMENT_STATE",
        "HOLD_STATE",
        "HOLD_EXPIRED",
        "PERIOD_STATE",
        "ALREADY_REVERSED",
        "NOT_REVERSIBLE",
        "ACCOUNT_NOT_EMPTY",
        "ACCOUNT_HAS_HOLDS",
    ];
    state.contains(&code) || code.contains("EXCEED") || is_last(code)
}

/// Refusals by what an account would have at the end.
pub fn is_last(code: &str) -> bool {
    ["ASSERTION_FAILED", "INSUFFICIENT_FUNDS", "LIMIT_EXCEEDED"].contains(&code)
}
