//! What the approval policies of a book ask of a job.
//!
//! The amount of a job is the largest sum of debits that it posts, holds or will have posted, by
//! unit. In a book with a functional unit it is converted at the rate of the day: the record `rate`
//! named `<base>/<quote>`, 1 base = rate quote, either way round. Stock items without a rate have
//! no amount. Policies and users, and undoing the lock of a period, always need an approval once
//! there is a policy: by any of the roles that it names, if no rule says more.

use crate::code::Code;
use crate::ids::UnitIndex;
use crate::jobs::JobData;
use crate::jobs::catalogue::{KINDS, kind_name};
use crate::ledger::commit::slice;
use crate::ledger::policy::{Jobs, Rule, rules};
use crate::ledger::shape::{Node, ShapeFault};
use crate::ledger::{Book, Effect, Leg, Plan, Rejection, Side, Value};
use crate::money::currency::currency;
use crate::money::{Minor, Number, Ratio, Rounding};
use crate::time::Date;

/// Which approvals a job needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// How many.
    pub approvals: u32,
    /// The roles that may give them; any role if there are none.
    pub by: Vec<String>,
    /// The amount that they go by, with its decimals.
    pub amount: Option<(Minor, u8)>,
}

impl Needs {
    /// As it is shown.
    pub fn shown(&self) -> Value {
        let by = self.by.iter().map(|role| Value::text(role.clone()));
        Value::Object(vec![
            ("approvals".into(), Value::count(self.approvals)),
            ("by".into(), Value::List(by.collect())),
        ])
    }

    /// The same as kept in a document.
    pub(super) fn of_document(needs: Option<&Value>, amount: Option<&Value>) -> Self {
        use crate::ledger::value::member;
        let mut read = Self {
            approvals: 1,
            by: Vec::new(),
            amount: None,
        };
        if let Some(Value::Object(members)) = needs {
            if let Some(Value::Int(count)) = member(members, "approvals") {
                read.approvals = u32::try_from(*count).unwrap_or(u32::MAX);
            }
            if let Some(Value::List(roles)) = member(members, "by") {
                let role = |role: &Value| {
                    let Value::Text(role) = role else {
                        return None;
                    };
                    Some(role.to_string())
                };
                read.by = roles.iter().filter_map(role).collect();
            }
        }
        if let Some(Value::Amount { minor, decimals }) = amount {
            read.amount = Some((*minor, *decimals));
        }
        read
    }

    /// Whether somebody may approve, by the roles of the day. A book without users knows no roles:
    /// where none is asked for, anybody may.
    pub(super) fn entitles(&self, user: &str, book: &Book, today: Date) -> bool {
        let roles = book.reference().roles(user, today);
        if self.by.is_empty() {
            return !roles.is_empty() || !book.reference().has_users();
        }
        roles.iter().any(|role| self.by.contains(role))
    }
}

/// Step 10 for a job that comes by itself: refused if it needs an approval. What refused it before
/// stands if that was said at an earlier step.
#[inline]
pub fn check_alone(
    job: &JobData,
    book: &Book,
    plan: &Plan,
    today: Date,
    planned: Result<(), Rejection>,
) -> Result<(), Rejection> {
    if book.reference().has_policy() {
        check_guarded(job, book, plan, today, planned)
    } else {
        planned
    }
}

fn check_guarded(
    job: &JobData,
    book: &Book,
    plan: &Plan,
    today: Date,
    planned: Result<(), Rejection>,
) -> Result<(), Rejection> {
    if let JobData::ApprovalRequest(_) | JobData::ApprovalDecide(_) = job {
        return planned;
    }
    let refused = match planned {
        Ok(()) => None,
        Err(refusal) if follows_approval(refusal.code()) => Some(refusal),
        Err(refusal) => return Err(refusal),
    };
    let needs = match (needs(job, book, plan, today, false), refused) {
        (Ok(needs), None) if needs.approvals == 0 => return Ok(()),
        (Ok(needs), Some(refusal)) if needs.approvals == 0 => return Err(refusal),
        (Ok(needs), _) => needs,
        (Err(unfit), Some(refusal)) if follows_approval(unfit.code()) => return Err(refusal),
        (Err(unfit), _) => return Err(unfit),
    };
    // What the kind leaves to the rules for all plans, of the steps before.
    for leg in legs(plan) {
        book.check_usable(leg.account, leg.side)?;
    }
    let mut refusal = Rejection::new(Code::ApprovalRequired).with("needs", needs.shown());
    if let Some((amount, decimals)) = needs.amount {
        refusal = refusal.with_amount("amount", amount, decimals);
    }
    Err(refusal)
}

/// Codes of the steps behind that of approvals: the state of things, and what may be taken.
fn follows_approval(code: Code) -> bool {
    matches!(
        code,
        Code::DocumentState
            | Code::HoldState
            | Code::HoldExpired
            | Code::HoldAmountExceeded
            | Code::PeriodState
            | Code::AlreadyReversed
            | Code::NotReversible
            | Code::AccountNotEmpty
            | Code::AccountHasHolds
            | Code::AllocationExceedsPayment
            | Code::AllocationExceedsOpen
            | Code::CreditExceedsInvoice
            | Code::RefundExceedsCredit
            | Code::WriteoffExceedsOpen
            | Code::NotOverdue
            | Code::InsufficientFunds
            | Code::LimitExceeded
    )
}

/// Which approvals a planned job needs; `demanded` if its kind asks for one, whatever the policy
/// says.
pub(super) fn needs(
    job: &JobData,
    book: &Book,
    plan: &Plan,
    today: Date,
    demanded: bool,
) -> Result<Needs, Rejection> {
    let reference = book.reference();
    let always = demanded || reference.has_policy() && job.always_approved();
    let kind = kind_name(job.code()).unwrap_or_default();
    let fits = |rule: &&Rule| {
        let prefix = rule.prefix.as_deref();
        rule.names(kind) && prefix.is_none_or(|prefix| touches(book, plan, prefix))
    };
    let mut needs = Needs {
        approvals: 0,
        by: Vec::new(),
        amount: None,
    };
    if let Some(rule) = reference.rules(today).find(fits) {
        let amount = Amount::of(book, plan, today)?;
        let tier = rule.tier(amount.exact).ok_or_else(|| {
            let refusal = Rejection::new(Code::LimitExceeded).at("");
            let refusal = refusal.with_amount("requested", amount.minor, amount.decimals);
            match rule.bound() {
                Some(bound) => refusal.with_text("limit", bound.to_string()),
                None => refusal,
            }
        })?;
        needs.approvals = tier.approvals;
        needs.by = tier.by.iter().map(ToString::to_string).collect();
        needs.amount = Some((amount.minor, amount.decimals));
    }
    if needs.approvals == 0 {
        needs.by.clear();
    }
    if always && needs.approvals == 0 {
        needs.approvals = 1;
        let tiers = reference.rules(today).flat_map(|rule| &rule.tiers);
        let named = tiers.flat_map(|tier| &tier.by);
        needs.by = named.map(ToString::to_string).collect();
        needs.by.sort_unstable();
        needs.by.dedup();
    }
    Ok(needs)
}

/// The legs that a plan posts or holds, and those that will be posted because of it.
fn legs(plan: &Plan) -> impl Iterator<Item = &Leg> {
    let of_effect = |effect: &Effect| {
        if let Effect::Hold(hold) = effect {
            return Some(hold.legs.clone());
        }
        effect.as_post().map(|post| post.legs.clone())
    };
    let ranges = plan.effects.iter().filter_map(of_effect);
    let now = ranges.flat_map(|range| slice(&plan.legs, &range));
    now.chain(&plan.expected)
}

/// Whether a plan is about an account whose name begins so.
fn touches(book: &Book, plan: &Plan, prefix: &str) -> bool {
    let begins = |index| {
        let account = book.accounts().get(index);
        account.is_some_and(|account| account.name.starts_with(prefix))
    };
    let changed = |effect: &Effect| {
        if let Effect::AccountOpened(opened) = effect {
            return opened.name.starts_with(prefix);
        }
        // A hold that is given back moves nothing, and is about its accounts all the same.
        if let Effect::Release { legs, .. } = effect {
            let mut legs = slice(&plan.legs, legs).iter();
            return legs.any(|leg| begins(leg.account));
        }
        matches!(effect, Effect::AccountChanged { account, .. } if begins(*account))
    };
    legs(plan).any(|leg| begins(leg.account)) || plan.effects.iter().any(changed)
}

/// The amount of a job.
struct Amount {
    exact: Ratio,
    minor: Minor,
    decimals: u8,
}

impl Amount {
    fn of(book: &Book, plan: &Plan, today: Date) -> Result<Self, Rejection> {
        let mut sums: Vec<(UnitIndex, Minor)> = Vec::new();
        for leg in legs(plan).filter(|leg| leg.side == Side::Debit) {
            let Some(account) = book.accounts().get(leg.account) else {
                continue;
            };
            let amount = Minor::from(leg.amount);
            match sums.iter_mut().find(|(unit, _)| *unit == account.unit) {
                Some((_, sum)) => *sum += amount,
                None => sums.push((account.unit, amount)),
            }
        }
        let functional = book
            .functional_unit()
            .and_then(|code| book.units().find(code));
        let mut largest = Self {
            exact: Ratio::whole(0),
            minor: 0,
            decimals: functional.as_ref().map_or(0, |unit| unit.decimals),
        };
        for (unit, minor) in sums {
            let (code, decimals) = (book.units().code(unit), book.units().decimals(unit));
            let overflow = || Rejection::new(Code::AmountOverflow).at("");
            let own = Ratio::decimal(minor, decimals).ok_or_else(overflow)?;
            let found = match &functional {
                Some(functional) if *functional.code != *code => {
                    let Some(rate) = Rate::of_day(book, &functional.code, code, today) else {
                        if currency(code).is_none() {
                            continue;
                        }
                        return Err(Rejection::new(Code::RateNotFound)
                            .at("")
                            .with_text("needed", format!("{}/{code}", functional.code)));
                    };
                    let exact = rate.convert(own).ok_or_else(overflow)?;
                    Self::rounded(exact, functional.decimals).ok_or_else(overflow)?
                }
                Some(_) | None => Self {
                    exact: own,
                    minor,
                    decimals,
                },
            };
            if found.exact.compare(largest.exact).is_gt() || largest.minor == 0 {
                largest = found;
            }
        }
        Ok(largest)
    }

    /// The amount in a unit with so many decimals; what it is measured by stays exact.
    fn rounded(exact: Ratio, decimals: u8) -> Option<Self> {
        let scale = Ratio::whole(crate::money::minor::power_of_ten(decimals)?);
        let minor = exact.times(scale)?.round(Rounding::HalfUp);
        Some(Self {
            exact,
            minor,
            decimals,
        })
    }
}

/// How much of the functional unit one of another unit is.
enum Rate {
    /// So many functional units for one.
    Times(Ratio),
    /// One functional unit for so many.
    Per(Ratio),
}

impl Rate {
    fn of_day(book: &Book, functional: &str, code: &str, today: Date) -> Option<Self> {
        let rate = |base: &str, quote: &str| {
            let listed = book
                .reference()
                .listed_rates(&format!("{base}/{quote}"), today);
            let (_, rate) = listed.into_iter().rfind(|(from, _)| *from <= today)?;
            positive(rate)
        };
        rate(code, functional)
            .map(Self::Times)
            .or_else(|| rate(functional, code).map(Self::Per))
    }

    fn convert(&self, amount: Ratio) -> Option<Ratio> {
        match self {
            Self::Times(rate) => amount.times(*rate),
            Self::Per(rate) => amount.divided_by(*rate),
        }
    }
}

fn positive(rate: Number) -> Option<Ratio> {
    Ratio::decimal(rate.signed(), rate.scale).filter(|rate| rate.is_positive())
}

/// Refuse a policy about kinds that the catalogue does not have.
pub fn check_kinds(node: &Node) -> Result<(), ShapeFault> {
    for (rule, node) in rules(node)?.iter().zip(node.list()?) {
        let (place, known) = match &rule.jobs {
            Jobs::Kind(name) => ("kind", KINDS.iter().any(|kind| *kind.name == **name)),
            Jobs::Class(_) => ("class", KINDS.iter().any(|kind| rule.names(kind.name))),
        };
        if !known {
            let node = node.object()?.need(place)?;
            return Err(node.fault("the catalogue has no such kinds"));
        }
    }
    Ok(())
}
