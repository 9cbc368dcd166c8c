//! Where settings come from: flag over environment over file over default.
//!
//! The process's own environment and the standard places are read in one function,
//! [`Sources::of_process`]; everything below it is a function of its arguments.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document;
use super::mistake::{Mistake, Place, SettingsFault};
use super::node::{self, Member, Node, Shape};
use super::setting::{Rule, Setting};
use super::table;

/// The standard places, first found first served.
pub const PLACES: [&str; 2] = ["config/kontor.toml", "/etc/kontor/kontor.toml"];

/// First letters of every variable that is ours.
const VARIABLES: &str = "KONTOR__";

/// Everything a configuration may be made of.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file of `--config`. It must exist.
    pub config: Option<PathBuf>,
    /// Where to look if no file was named.
    pub places: Vec<PathBuf>,
    /// Variables that begin with `KONTOR__`; `None` for a value that is not UTF-8.
    pub environment: Vec<(String, Option<String>)>,
    /// Settings that have a flag of their own on the command line.
    pub flags: Vec<Flag>,
}

/// A setting given on the command line.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The flag as the operator wrote it, for messages.
    pub name: &'static str,
    /// The setting it stands for.
    pub key: &'static str,
    /// The value, text without quotes.
    pub value: String,
}

/// Which file the settings came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file; none if the built-in defaults were used.
    pub path: Option<PathBuf>,
    /// BLAKE3 of its bytes, or of `config/kontor.toml` as this release ships it.
    pub blake3: [u8; 32],
}

/// All layers laid over each other, unchecked but for the names of the keys.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) values: BTreeMap<String, Node>,
    pub(super) books: Option<Node>,
    pub(super) origin: Origin,
    pub(super) mistakes: Vec<Mistake>,
}

impl Sources {
    /// What this process was given.
    pub fn of_process(config: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        let mut environment: Vec<_> = std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.into_string().ok(),
                )
            })
            .filter(|(name, _)| name.starts_with(VARIABLES))
            .collect();
        environment.sort();
        let places = PLACES.map(PathBuf::from).into();
        Self {
            config,
            places,
            environment,
            flags,
        }
    }

    pub(super) fn gather(&self) -> Result<Gathered, SettingsFault> {
        let mut gathered = match self.locate()? {
            Some((path, text)) => from_file(&path, &text)?,
            None => Gathered::built_in(),
        };
        for (variable, value) in &self.environment {
            gathered.variable(variable, value.as_deref());
        }
        for Flag { name, key, value } in &self.flags {
            gathered.given(key, Place::Flag(name), value);
        }
        Ok(gathered)
    }

    /// The file that counts, with its text.
    fn locate(&self) -> Result<Option<(PathBuf, String)>, SettingsFault> {
        if let Some(path) = &self.config {
            return read(path).map(|text| Some((path.clone(), text)));
        }
        for path in &self.places {
            match read(path) {
                Ok(text) => return Ok(Some((path.clone(), text))),
                Err(SettingsFault::Unreadable { source, .. })
                    if source.kind() == io::ErrorKind::NotFound => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(None)
    }
}

fn read(path: &Path) -> Result<String, SettingsFault> {
    let unreadable = |source| SettingsFault::Unreadable {
        path: path.to_owned(),
        source,
    };
    std::fs::read_to_string(path).map_err(unreadable)
}

pub(super) fn from_file(path: &Path, text: &str) -> Result<Gathered, SettingsFault> {
    let shown: Arc<str> = path.display().to_string().into();
    let members = node::parse_file(&shown, text).map_err(SettingsFault::mistakes)?;
    let origin = Origin {
        path: Some(path.to_owned()),
        blake3: *blake3::hash(text.as_bytes()).as_bytes(),
    };
    let mut gathered = Gathered {
        origin,
        ..Gathered::built_in()
    };
    for member in members {
        gathered.section(member);
    }
    Ok(gathered)
}

impl Gathered {
    pub(super) fn built_in() -> Self {
        let blake3 = *blake3::hash(document::reference().as_bytes()).as_bytes();
        Self {
            values: BTreeMap::new(),
            books: None,
            origin: Origin { path: None, blake3 },
            mistakes: Vec::new(),
        }
    }

    fn section(&mut self, member: Member) {
        let Member { name, place, value } = member;
        if name == "book" {
            self.books = Some(value);
            return;
        }
        let Some(section) = table::SECTIONS.iter().find(|section| section.name == name) else {
            return self.mistake(place, &name, unknown("section", &sections()));
        };
        let Shape::Table(settings) = value.shape else {
            let problem = format!("found {}, allowed is a section [{name}]", value.shown());
            return self.mistake(value.place, &name, problem);
        };
        for setting in settings {
            let key = format!("{name}.{}", setting.name);
            if table::all().any(|known| known.key == key) {
                self.values.insert(key, setting.value);
            } else {
                let names: Vec<&str> = section.settings.iter().map(Setting::name).collect();
                self.mistake(setting.place, &key, unknown("key", &names));
            }
        }
    }

    fn variable(&mut self, variable: &str, value: Option<&str>) {
        let place = Place::Environment(variable.to_owned());
        let Some(value) = value else {
            return self.mistake(place, "", "the value is not UTF-8".to_owned());
        };
        let name = variable.strip_prefix(VARIABLES).unwrap_or_default();
        let key = name.to_ascii_lowercase().replacen("__", ".", 1);
        self.given(&key, place, value);
    }

    /// A value that came as plain text: taken as it is where text is meant, else read as TOML.
    fn given(&mut self, key: &str, place: Place, text: &str) {
        let setting = table::all().find(|setting| setting.key == key);
        let node = match setting.map(|setting| setting.rule) {
            None if key != "book" => {
                let problem = "no such setting; docs/configuration.md lists all".to_owned();
                return self.mistake(place, key, problem);
            }
            Some(Rule::Text { .. } | Rule::Secret | Rule::Choice { .. }) => Ok(Node {
                place,
                shape: Shape::Text(text.to_owned()),
            }),
            _ => node::parse_value(&place, text),
        };
        let node = node.map_err(|mistake| match setting {
            // A number without more: what is allowed says more than TOML's grammar.
            Some(setting) if matches!(setting.rule, Rule::Whole { .. } | Rule::Switch { .. }) => {
                let problem = format!("found {text:?}, allowed is {}", setting.allowed());
                Mistake { problem, ..mistake }
            }
            _ => mistake,
        });
        match node {
            Ok(node) if key == "book" => self.books = Some(node),
            Ok(node) => drop(self.values.insert(key.to_owned(), node)),
            Err(mistake) => self.mistake(mistake.place, key, mistake.problem),
        }
    }

    fn mistake(&mut self, place: Place, key: &str, problem: String) {
        self.mistakes.push(Mistake {
            place,
            key: key.to_owned(),
            problem,
        });
    }
}

fn sections() -> Vec<&'static str> {
    table::SECTIONS
        .iter()
        .map(|section| section.name)
        .chain(["book"])
        .collect()
}

fn unknown(what: &str, known: &[&str]) -> String {
    format!("unknown {what}; there are {}", known.join(", "))
}
