//! What a setting is: key, rule, default, unit, text.
//!
//! The settings themselves stand in [`super::table`].

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// `section.name`, as in the file.
    pub key: &'static str,
    /// What may stand there.
    pub rule: Rule,
    /// What a number counts; empty where nothing is counted.
    pub unit: &'static str,
    /// When a changed value takes effect.
    pub reload: Reload,
    /// What it is for, in sentences.
    pub text: &'static str,
}

/// What may stand at a key, and what stands there if nobody says anything.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// Text without further rule here.
    Text {
        /// What stands there.
        default: &'static str,
    },
    /// Text that is never shown: not in messages, not in `check-config`, not in logs.
    Secret,
    /// One word of a closed list.
    Choice {
        /// One of them.
        default: &'static str,
        /// All of them.
        of: &'static [&'static str],
    },
    /// A whole number between two bounds, both allowed.
    Whole {
        /// The usual one.
        default: u64,
        /// The smallest that is allowed.
        min: u64,
        /// The largest that is allowed.
        max: u64,
    },
    /// Yes or no.
    Switch {
        /// Yes or no.
        default: bool,
    },
    /// A list of texts, empty by default.
    Texts,
    /// A list of whole numbers up to a bound.
    Wholes {
        /// The usual ones.
        default: &'static [u64],
        /// The largest that is allowed.
        max: u64,
    },
}

/// When a changed value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// With SIGHUP, in the running daemon.
    Live,
    /// With the next start.
    Restart,
}

/// A section of the file, with its settings in the order in which they are read.
#[derive(Debug)]
pub struct Section {
    /// The word in brackets.
    pub name: &'static str,
    /// What the section is about.
    pub text: &'static str,
    /// Its settings.
    pub settings: &'static [Setting],
}

impl Setting {
    /// The part after the dot.
    pub fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// The environment variable that overrides it.
    pub fn variable(&self) -> String {
        format!(
            "KONTOR__{}",
            self.key.replace('.', "__").to_ascii_uppercase()
        )
    }

    /// The default as it stands in the file.
    pub fn default_toml(&self) -> String {
        match self.rule {
            Rule::Text { default } | Rule::Choice { default, .. } => quoted(default),
            Rule::Secret => quoted(""),
            Rule::Whole { default, .. } => default.to_string(),
            Rule::Switch { default } => default.to_string(),
            Rule::Texts => "[]".to_owned(),
            Rule::Wholes { default, .. } => format!("{default:?}"),
        }
    }

    /// What is allowed there, as the end of a sentence.
    pub fn allowed(&self) -> String {
        let of = if self.unit.is_empty() {
            String::new()
        } else {
            format!(" of {}", self.unit)
        };
        match self.rule {
            Rule::Text { .. } | Rule::Secret => "text in quotes".to_owned(),
            Rule::Choice { of, .. } => {
                let words: Vec<String> = of.iter().map(|word| quoted(word)).collect();
                words.join(", ")
            }
            Rule::Whole { min, max, .. } => format!("a whole number{of} from {min} to {max}"),
            Rule::Switch { .. } => "true or false".to_owned(),
            Rule::Texts => "a list of texts in quotes".to_owned(),
            Rule::Wholes { max, .. } => format!("a list{of}, each from 0 to {max}"),
        }
    }
}

/// Text as TOML writes it; the table's own texts need no escapes but that of the backslash.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
