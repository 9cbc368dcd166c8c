//! Approval policies: which jobs need how many approvals, by people of which roles.
//!
//! A policy is a list of rules in order; the first one that fits a job counts. A rule names a kind
//! or the class of kinds that share a first word, and perhaps the accounts it is about; its tiers
//! ascend by amount, each bound inclusive. What lies above the last bound nobody can approve.

use std::cmp::Ordering;

use super::shape::{Node, ShapeFault};
use crate::money::{Number, Ratio};

/// Most approvals that a tier may ask for: more people than that do not sign one job.
const APPROVALS_MAX: u64 = 9;

/// The jobs that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jobs {
    /// Those of one kind.
    Kind(Box<str>),
    /// Those of all kinds with this first word.
    Class(Box<str>),
}

/// One tier of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The largest amount in it; without bound if none.
    pub up_to: Option<Number>,
    /// How many approvals a job needs.
    pub approvals: u32,
    /// The roles that may give them.
    pub by: Vec<Box<str>>,
}

/// One rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The jobs it is about.
    pub jobs: Jobs,
    /// Beginning of the accounts it is about; all if none.
    pub prefix: Option<Box<str>>,
    /// Its tiers, one at least.
    pub tiers: Vec<Tier>,
}

impl Rule {
    /// Whether the rule is about a kind.
    pub fn names(&self, kind: &str) -> bool {
        match &self.jobs {
            Jobs::Kind(known) => **known == *kind,
            Jobs::Class(class) => kind.split('.').next() == Some(class),
        }
    }

    /// The tier of an amount; none above the last bound.
    pub fn tier(&self, amount: Ratio) -> Option<&Tier> {
        let within = |bound: Number| {
            let bound = Ratio::decimal(bound.signed(), bound.scale);
            bound.is_some_and(|bound| amount.compare(bound) != Ordering::Greater)
        };
        self.tiers.iter().find(|tier| tier.up_to.is_none_or(within))
    }

    /// The bound above which nothing can be approved.
    pub fn bound(&self) -> Option<Number> {
        self.tiers.last().and_then(|tier| tier.up_to)
    }
}

/// The rules of a policy as it is written.
pub fn rules(node: &Node) -> Result<Vec<Rule>, ShapeFault> {
    node.list()?.iter().map(rule).collect()
}

fn rule(node: &Node) -> Result<Rule, ShapeFault> {
    let mut members = node.object()?;
    let kind = members.optional("kind", Node::id)?;
    let class = members.optional("class", Node::id)?;
    let prefix = members.optional("prefix", Node::id)?;
    let tiers = members.need("tiers")?;
    members.end()?;
    let jobs = match (kind, class) {
        (Some(kind), None) => Jobs::Kind(kind.into()),
        (None, Some(class)) => Jobs::Class(class.into()),
        (Some(_), Some(_)) | (None, None) => {
            return Err(node.fault("a rule names exactly one of kind and class"));
        }
    };
    Ok(Rule {
        jobs,
        prefix: prefix.map(Into::into),
        tiers: read_tiers(&tiers)?,
    })
}

fn read_tiers(node: &Node) -> Result<Vec<Tier>, ShapeFault> {
    let list = node.list()?;
    if list.is_empty() {
        return Err(node.fault("expected one tier at least"));
    }
    let mut tiers: Vec<Tier> = Vec::with_capacity(list.len());
    for (at, node) in list.iter().enumerate() {
        let tier = tier(node)?;
        let ratio = |number: Number| Ratio::decimal(number.signed(), number.scale);
        let before = tiers.last().and_then(|tier| tier.up_to).and_then(ratio);
        let ascends = match (before, tier.up_to.and_then(ratio)) {
            (_, None) => tier.up_to.is_none() && list.len() == at.saturating_add(1),
            (None, Some(_)) => true,
            (Some(before), Some(bound)) => before.compare(bound) == Ordering::Less,
        };
        if !ascends {
            return Err(node.fault("tiers ascend, and only the last may have no up_to"));
        }
        tiers.push(tier);
    }
    Ok(tiers)
}

fn tier(node: &Node) -> Result<Tier, ShapeFault> {
    let mut members = node.object()?;
    let up_to = members.optional("up_to", Node::not_negative)?;
    let approvals = members.need("approvals")?.whole(0, APPROVALS_MAX)?;
    let by = members.take("by");
    members.end()?;
    let by: Vec<Box<str>> = match by {
        None => Vec::new(),
        Some(by) => {
            let roles = by.list()?;
            let roles = roles.iter().map(|role| role.id().map(Into::into));
            roles.collect::<Result<_, _>>()?
        }
    };
    if approvals > 0 && by.is_empty() {
        return Err(node.fault("a tier that needs approvals names the roles that give them"));
    }
    Ok(Tier {
        up_to,
        approvals: u32::try_from(approvals).unwrap_or(u32::MAX),
        by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw_json::RawJson;

    fn read(text: &str) -> Result<Vec<Rule>, String> {
        rules(&Node::new(RawJson::new(text), "")).map_err(|fault| fault.path)
    }

    #[test]
    fn bounds_are_inclusive_and_nothing_lies_above_the_last() {
        let rules = read(
            r#"[{"kind":"entry.post","tiers":[{"up_to":"1000.00","approvals":0},
                {"up_to":"10000.00","approvals":2,"by":["clerk"]}]}]"#,
        );
        let rules = rules.unwrap();
        let needed = |minor: i128| {
            let amount = Ratio::decimal(minor, 2).unwrap();
            rules[0].tier(amount).map(|tier| tier.approvals)
        };
        assert_eq!(needed(0), Some(0));
        assert_eq!(needed(100_000), Some(0));
        assert_eq!(needed(100_001), Some(2));
        assert_eq!(needed(1_000_000), Some(2));
        assert_eq!(needed(1_000_001), None);
    }

    #[test]
    fn a_class_is_the_first_word_of_its_kinds() {
        let rules = read(r#"[{"class":"entry","tiers":[{"approvals":1,"by":["x"]}]}]"#).unwrap();
        assert!(rules[0].names("entry.post") && rules[0].names("entry.adjust"));
        assert!(!rules[0].names("entry") || rules[0].names("entry.post"));
        assert!(!rules[0].names("batch.post") && !rules[0].names("entries.post"));
        assert_eq!(rules[0].bound(), None);
    }

    #[test]
    fn mistakes_have_their_place() {
        let unfit = [
            ("{}", ""),
            (r#"[{"tiers":[{"approvals":0}]}]"#, "/0"),
            (
                r#"[{"kind":"entry.post","class":"entry","tiers":[{"approvals":0}]}]"#,
                "/0",
            ),
            (r#"[{"kind":"entry.post","tiers":[]}]"#, "/0/tiers"),
            (
                r#"[{"kind":"entry.post","tiers":[{"approvals":1}]}]"#,
                "/0/tiers/0",
            ),
            (
                r#"[{"kind":"entry.post","tiers":[{"approvals":0},{"approvals":0}]}]"#,
                "/0/tiers/0",
            ),
            (
                r#"[{"kind":"entry.post","tiers":[{"up_to":"5","approvals":0},
                    {"up_to":"5.00","approvals":0}]}]"#,
                "/0/tiers/1",
            ),
            (
                r#"[{"kind":"entry.post","tiers":[{"approvals":10,"by":["x"]}]}]"#,
                "/0/tiers/0/approvals",
            ),
            (
                r#"[{"kind":"entry.post","limit":1,"tiers":[{"approvals":0}]}]"#,
                "/0/limit",
            ),
        ];
        for (text, path) in unfit {
            assert_eq!(read(text), Err(path.to_owned()), "{text}");
        }
    }
}
