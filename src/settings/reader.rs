//! From gathered values to typed ones, noting every mistake on the way.
//!
//! A value that is wrong is noted and its default goes on in its place, so that one run finds all
//! mistakes. The defaults never reach anyone then: settings with a mistake are not handed out.

use std::collections::BTreeMap;

use super::mistake::{Mistake, Place};
use super::node::{Node, Shape};
use super::secret::{Secret, without_password};
use super::setting::{Rule, Setting};
use super::table;

/// A setting as it counts, for `check-config` and for comparing two configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The value as TOML would show it; `***` for a secret.
    pub shown: String,
    /// Where it came from.
    pub place: Place,
    /// Tells two values apart, also two secrets.
    digest: [u8; 32],
}

impl Resolved {
    /// Whether both mean the same, wherever they came from.
    pub fn same_value(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

pub(super) struct Reader {
    values: BTreeMap<String, Node>,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) resolved: BTreeMap<&'static str, Resolved>,
}

impl Reader {
    pub(super) fn new(values: BTreeMap<String, Node>, mistakes: Vec<Mistake>) -> Self {
        Self {
            values,
            mistakes,
            resolved: BTreeMap::new(),
        }
    }

    pub(super) fn text(&mut self, key: &'static str) -> String {
        let (setting, node) = self.find(key);
        let default = match setting.map(|setting| setting.rule) {
            Some(Rule::Text { default } | Rule::Choice { default, .. }) => default,
            _ => "",
        };
        let text = match (node.as_ref().map(|node| &node.shape), setting) {
            (None, _) | (_, None) => default.to_owned(),
            (Some(Shape::Text(text)), Some(setting)) if allows(setting, text) => text.clone(),
            (Some(_), Some(setting)) => {
                self.misfit(setting, node.as_ref());
                default.to_owned()
            }
        };
        let shown = if key == "broker.uri" {
            without_password(&text)
        } else {
            text.clone()
        };
        self.resolve(key, node.as_ref(), format!("{shown:?}"), &text);
        text
    }

    pub(super) fn secret(&mut self, key: &'static str) -> Secret {
        let (setting, node) = self.find(key);
        let text = match (node.as_ref().map(|node| &node.shape), setting) {
            (Some(Shape::Text(text)), _) => text.clone(),
            (Some(_), Some(setting)) => {
                self.misfit(setting, node.as_ref());
                String::new()
            }
            (None, _) | (_, None) => String::new(),
        };
        let shown = if text.is_empty() { "\"\"" } else { "***" };
        self.resolve(key, node.as_ref(), shown.to_owned(), &text);
        Secret::new(text)
    }

    pub(super) fn number<T: TryFrom<u64> + Default>(&mut self, key: &'static str) -> T {
        let (setting, node) = self.find(key);
        let Some((setting, (default, min, max))) = setting.and_then(|s| Some((s, bounds(s)?)))
        else {
            return T::default();
        };
        let mut number = default;
        if let Some(node) = &node {
            match whole(node).filter(|found| (min..=max).contains(found)) {
                Some(found) => number = found,
                None => self.misfit(setting, Some(node)),
            }
        }
        self.resolve(key, node.as_ref(), number.to_string(), &number.to_string());
        // The bounds in the table fit the type, which a test holds.
        T::try_from(number).unwrap_or_default()
    }

    pub(super) fn switch(&mut self, key: &'static str) -> bool {
        let (setting, node) = self.find(key);
        let mut yes = matches!(
            setting.map(|s| s.rule),
            Some(Rule::Switch { default: true })
        );
        match (&node, setting) {
            (
                Some(Node {
                    shape: Shape::Switch(found),
                    ..
                }),
                _,
            ) => yes = *found,
            (Some(node), Some(setting)) => self.misfit(setting, Some(node)),
            (None, _) | (_, None) => {}
        }
        self.resolve(key, node.as_ref(), yes.to_string(), &yes.to_string());
        yes
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let found = self.items(key, |_, item| {
            let Shape::Text(text) = &item.shape else {
                return None;
            };
            (!text.is_empty()).then(|| text.clone())
        });
        found.unwrap_or_default()
    }

    pub(super) fn numbers(&mut self, key: &'static str) -> Vec<u16> {
        let found = self.items(key, |setting, item| {
            let Rule::Wholes { max, .. } = setting.rule else {
                return None;
            };
            whole(item)
                .filter(|number| *number <= max)
                .and_then(|n| u16::try_from(n).ok())
        });
        found.unwrap_or_else(|| match table::find(key).map(|setting| setting.rule) {
            Some(Rule::Wholes { default, .. }) => default
                .iter()
                .filter_map(|number| u16::try_from(*number).ok())
                .collect(),
            _ => Vec::new(),
        })
    }

    /// The items of a list, or none if there is no list or one of them does not fit.
    fn items<T: std::fmt::Debug>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Setting, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let (setting, node) = self.find(key);
        let setting = setting?;
        let mut found = None;
        if let Some(node) = &node {
            let Shape::List(items) = &node.shape else {
                self.misfit(setting, Some(node));
                return None;
            };
            match items.iter().find(|item| read(setting, item).is_none()) {
                Some(item) => self.misfit(setting, Some(item)),
                None => found = items.iter().map(|item| read(setting, item)).collect(),
            }
        }
        let shown = found
            .as_ref()
            .map_or_else(|| setting.default_toml(), |f| format!("{f:?}"));
        self.resolve(key, node.as_ref(), shown.clone(), &shown);
        found
    }

    /// Note that what stands at a key cannot stand there.
    pub(super) fn refuse(&mut self, key: &str, problem: impl Into<String>) {
        let place = self
            .resolved
            .get(key)
            .map_or(Place::Default, |value| value.place.clone());
        self.mistakes.push(Mistake {
            place,
            key: key.to_owned(),
            problem: problem.into(),
        });
    }

    fn find(&mut self, key: &'static str) -> (Option<&'static Setting>, Option<Node>) {
        (table::find(key), self.values.remove(key))
    }

    fn misfit(&mut self, setting: &Setting, node: Option<&Node>) {
        let Some(node) = node else { return };
        let secret = matches!(setting.rule, Rule::Secret);
        let found = if secret {
            "something else".to_owned()
        } else {
            node.shown()
        };
        self.mistakes.push(Mistake {
            place: node.place.clone(),
            key: setting.key.to_owned(),
            problem: format!("found {found}, allowed is {}", setting.allowed()),
        });
    }

    fn resolve(&mut self, key: &'static str, node: Option<&Node>, shown: String, exact: &str) {
        let place = node.map_or(Place::Default, |node| node.place.clone());
        let digest = *blake3::hash(exact.as_bytes()).as_bytes();
        self.resolved.insert(
            key,
            Resolved {
                shown,
                place,
                digest,
            },
        );
    }
}

fn allows(setting: &Setting, text: &str) -> bool {
    match setting.rule {
        Rule::Choice { of, .. } => of.contains(&text),
        Rule::Text { .. } => !text.chars().any(char::is_control),
        Rule::Secret
        | Rule::Whole { .. }
        | Rule::Switch { .. }
        | Rule::Texts
        | Rule::Wholes { .. } => false,
    }
}

fn bounds(setting: &Setting) -> Option<(u64, u64, u64)> {
    let Rule::Whole { default, min, max } = setting.rule else {
        return None;
    };
    Some((default, min, max))
}

pub(super) fn whole(node: &Node) -> Option<u64> {
    let Shape::Whole(number) = node.shape else {
        return None;
    };
    u64::try_from(number).ok()
}
