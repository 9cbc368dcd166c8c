//! A case file, read strictly: a member that nobody knows is a mistake of whoever wrote it.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use crate::jobs::setup::{self, Setup};
use crate::jobs::{DueData, JobData, QuestionData, kind_code};
use crate::money::currency::currency;
use crate::raw_json::RawJson;
use crate::wire::tree;

/// The kind of a job that is bytes on the queue.
pub const RAW: &str = "raw";

/// Sections that `expect` may have. `variant` is a hint for other tests and is skipped.
const SECTIONS: [&str; 12] = [
    "balances",
    "held",
    "entries",
    "outcomes",
    "rejections",
    "documents",
    "series",
    "events",
    "by_period",
    "checks",
    "function_checks",
    VARIANT,
];

/// Bytes of a body that a case gives by its size: twice what any broker is asked to take, so that
/// too large a message can be shown, and a slip of the pen takes no memory.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The section that is no expectation.
pub const VARIANT: &str = "variant";

/// A case file that cannot be rehearsed, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseFault {
    /// Not JSON, or not strict JSON.
    #[error("line {line}: {problem} (at {path:?})")]
    Json {
        /// Line, counted from 1.
        line: usize,
        /// JSON pointer.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A member is missing, unknown or of a wrong type.
    #[error("line {line}, column {column}: {problem}")]
    Shape {
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// A member has the right type and makes no sense.
    #[error("{path}: {problem}")]
    Member {
        /// JSON pointer.
        path: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

impl CaseFault {
    /// A member that makes no sense.
    pub fn member(path: impl Into<String>, problem: impl Into<String>) -> Self {
        let (path, problem) = (path.into(), problem.into());
        Self::Member { path, problem }
    }
}

/// A case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, in one line.
    pub title: String,
    /// Where its figures come from.
    pub source: Option<String>,
    /// What stands in the books.
    #[serde(default)]
    pub given: Given,
    /// The jobs, in order.
    #[serde(default)]
    pub jobs: Vec<CaseJob>,
    /// What must have become of them: sections by their names.
    #[serde(default)]
    pub expect: Map<String, Json>,
    /// The arithmetic, for people.
    #[serde(default)]
    pub why: Vec<String>,
}

/// What stands in the books before the first job.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Accounts by name, with their openings.
    #[serde(default)]
    pub accounts: Map<String, Json>,
    /// Configuration of the book: what would stand under `[[book]]`.
    #[serde(default)]
    pub config: Map<String, Json>,
}

impl Given {
    /// The members of the book's `[[book]]`, but for its name.
    pub fn members(&self) -> Map<String, Json> {
        let mut accounts = self.accounts.clone();
        accounts.values_mut().for_each(declare_unit);
        let mut members = self.config.clone();
        members.insert("accounts".to_owned(), Json::Object(accounts));
        members
    }

    /// What the book begins with, compiled as the daemon does.
    pub fn setup(&self) -> Result<Setup, CaseFault> {
        let raw = |value: Json| RawJson::new(value.to_string());
        let members = self.members().into_iter();
        let members: Vec<_> = members.map(|(name, value)| (name, raw(value))).collect();
        setup::compile(&members).map_err(|fault| {
            let accounts = fault.member.starts_with("accounts");
            let within = if accounts { "given" } else { "given.config" };
            CaseFault::member(format!("{within}.{}", fault.member), fault.what)
        })
    }
}

/// Accounts declare units that are no currencies, with the decimals of their openings: one that
/// names no opening declares a unit of whole pieces.
fn declare_unit(account: &mut Json) {
    let unit = account.get("unit").and_then(Json::as_str);
    let own = unit.is_some_and(|code| currency(code).is_none());
    if let Some(members) = account.as_object_mut().filter(|_| own) {
        members.entry("opening").or_insert(json!("0"));
    }
}

/// A member as written, so that a wrong form stays wrong.
type Written = Option<Box<RawValue>>;

/// A `null` is written too; only an absent member is none.
fn written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Written, D::Error> {
    Box::deserialize(deserializer).map(Some)
}

/// One job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseJob {
    /// Its number, by which `expect` names it.
    pub n: u64,
    /// Kind, or `raw`.
    pub kind: String,
    /// Key.
    #[serde(default, deserialize_with = "written")]
    key: Written,
    /// Book; `main` if none is named.
    #[serde(default, deserialize_with = "written")]
    book: Written,
    /// Who acts; counts as vouched for.
    #[serde(default, deserialize_with = "written")]
    actor: Written,
    /// Version of the kind's schema.
    #[serde(default, deserialize_with = "written")]
    schema_version: Written,
    /// When it makes no sense any more.
    #[serde(default, deserialize_with = "written")]
    expires_at: Written,
    /// When the producer says it occurred.
    #[serde(default, deserialize_with = "written")]
    occurred_at: Written,
    /// Where the clock is moved before the job.
    pub at: Option<String>,
    /// Data.
    #[serde(default, deserialize_with = "written")]
    pub data: Written,
}

/// Bytes on the queue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBody {
    body: Option<String>,
    body_hex: Option<String>,
    body_size: Option<usize>,
    /// Content type of the message; JSON if none is named.
    pub content_type: Option<String>,
}

impl Case {
    /// Read a case file.
    pub fn read(bytes: &[u8]) -> Result<Self, CaseFault> {
        tree::read(bytes).map_err(|fault| CaseFault::Json {
            line: fault.line,
            path: fault.path,
            problem: fault.problem.to_string(),
        })?;
        let case: Self = serde_json::from_slice(bytes).map_err(|fault| CaseFault::Shape {
            line: fault.line(),
            column: fault.column(),
            problem: without_place(&fault.to_string()),
        })?;
        for name in case.expect.keys() {
            if !SECTIONS.contains(&name.as_str()) {
                return Err(CaseFault::member(
                    format!("/expect/{name}"),
                    format!("unknown section; known are {}", SECTIONS.join(", ")),
                ));
            }
        }
        let mut numbers = BTreeSet::new();
        for (at, job) in case.jobs.iter().enumerate() {
            if !numbers.insert(job.n) {
                let problem = format!("another job has the number {} already", job.n);
                return Err(CaseFault::member(format!("/jobs/{at}/n"), problem));
            }
        }
        Ok(case)
    }

    /// The word that a job has at a place of its data, if it is one: what was chosen of an option.
    pub fn chosen(&self, number: u64, place: &str) -> Option<String> {
        let job = self.jobs.iter().find(|job| job.n == number)?;
        let data: Json = serde_json::from_str(job.data.as_ref()?.get()).ok()?;
        data.pointer(place)?.as_str().map(str::to_owned)
    }

    /// Kinds of the catalogue that the case uses and this release has not built.
    pub fn kinds_not_built(&self) -> BTreeSet<String> {
        let is_built = |kind: &str| {
            // A name that is not in the catalogue is an unknown kind on purpose.
            kind_code(kind).is_none_or(|code| {
                JobData::BUILT.contains(&code.0)
                    || QuestionData::BUILT.contains(&code.0)
                    || DueData::KINDS.iter().any(|(_, name)| *name == kind)
            })
        };
        self.jobs
            .iter()
            .map(|job| job.kind.as_str())
            .filter(|kind| !is_built(kind))
            .map(str::to_owned)
            .collect()
    }
}

impl CaseJob {
    /// The key, if it is text.
    pub fn key(&self) -> Option<String> {
        text(&self.key)
    }

    /// The book that the job names, to which its producer sends it; none if it is not text.
    pub fn book(&self) -> Option<String> {
        text(&self.book)
    }

    /// Who acts, if it is text.
    pub fn actor(&self) -> Option<String> {
        text(&self.actor)
    }

    /// The message's body for a job that is not raw.
    pub fn message(&self) -> Vec<u8> {
        let kind = Json::String(self.kind.clone()).to_string();
        let mut out = format!("{{\"kind\":{kind}");
        let members = [
            ("key", &self.key),
            ("book", &self.book),
            ("schema_version", &self.schema_version),
            ("actor", &self.actor),
            ("occurred_at", &self.occurred_at),
            ("expires_at", &self.expires_at),
            ("data", &self.data),
        ];
        for (name, written) in members {
            if let Some(written) = written {
                out.extend([",\"", name, "\":", written.get()]);
            }
        }
        out.push('}');
        out.into_bytes()
    }

    /// The body of a raw job.
    pub fn raw(&self) -> Result<RawBody, String> {
        let data = self.data.as_ref().map_or("{}", |data| data.get());
        serde_json::from_str(data).map_err(|fault| fault.to_string())
    }
}

fn text(written: &Written) -> Option<String> {
    serde_json::from_str(written.as_ref()?.get()).ok()
}

impl RawBody {
    /// The bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        match (&self.body, &self.body_hex, self.body_size) {
            (Some(text), None, None) => Ok(text.as_bytes().to_vec()),
            (None, Some(hex), None) => {
                unhex(hex).ok_or_else(|| "body_hex takes pairs of hexadecimal digits".to_owned())
            }
            (None, None, Some(size)) if size > BODY_BYTES_MAX => {
                Err(format!("body_size is at most {BODY_BYTES_MAX}"))
            }
            (None, None, Some(size)) => Ok(vec![b' '; size]),
            _ => Err("give one of body, body_hex and body_size".to_owned()),
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|letter| letter.to_digit(16)).collect();
    let digits = digits?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from((high << 4) | low).ok(),
            _ => None,
        })
        .collect()
}

/// What the parser says, without the place that stands in front already.
fn without_place(said: &str) -> String {
    let cut = said.rsplit_once(" at line ");
    cut.map_or(said, |(said, _)| said).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        Case::read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_case_is_read_strictly() {
        assert!(
            fault("{\"title\":\"a\",\n\"title\":\"b\"}").starts_with("line 2: duplicate member")
        );
        assert!(fault("{\"title\":\"a\",\n\"colour\":1}").contains("unknown field `colour`"));
        let unknown = fault(r#"{"title":"a","expect":{"balance":{}}}"#);
        assert!(unknown.starts_with("/expect/balance: unknown section"));
        let twice = r#"{"title":"a","jobs":[{"n":1,"kind":"raw"},{"n":1,"kind":"raw"}]}"#;
        assert!(fault(twice).starts_with("/jobs/1/n: "));
    }

    #[test]
    fn wrong_data_reach_the_decoder_as_they_were_written() {
        let text = r#"{"title":"a","jobs":[{"n":1,"kind":"entry.post","key":"k",
            "data":{"amount": 1.50e0}}]}"#;
        let case = Case::read(text.as_bytes()).unwrap();
        let message = String::from_utf8(case.jobs[0].message()).unwrap();
        assert_eq!(
            message,
            r#"{"kind":"entry.post","key":"k","data":{"amount": 1.50e0}}"#
        );
        let text = r#"{"title":"a","jobs":[{"n":1,"kind":"entry.post","key":7,"actor":null}]}"#;
        let case = Case::read(text.as_bytes()).unwrap();
        let message = String::from_utf8(case.jobs[0].message()).unwrap();
        assert_eq!(message, r#"{"kind":"entry.post","key":7,"actor":null}"#);
        assert_eq!(case.jobs[0].key(), None);
    }

    #[test]
    fn accounts_declare_units_of_their_own() {
        let setup = |account: &str| {
            let text = format!(r#"{{"title":"a","given":{{"accounts":{{"a":{account}}}}}}}"#);
            Case::read(text.as_bytes()).unwrap().given.setup()
        };
        assert!(setup(r#"{"unit":"SHR","class":"asset","opening":"1.5"}"#).is_ok());
        assert!(setup(r#"{"unit":"SHR","class":"asset"}"#).is_ok());
        assert!(setup(r#"{"class":"asset"}"#).is_err());
    }

    #[test]
    fn what_cannot_be_given_names_its_place() {
        let fault = |given: &str| {
            let text = format!(r#"{{"title":"a","given":{{{given}}}}}"#);
            let case = Case::read(text.as_bytes()).unwrap();
            case.given.setup().unwrap_err().to_string()
        };
        let account = r#""accounts":{"a":{"unit":"EUR","class":"asset","opening":"1.005"}}"#;
        assert!(
            fault(account).starts_with("given.accounts.a.opening: "),
            "{}",
            fault(account)
        );
        assert!(fault(r#""config":{"colour":1}"#).starts_with("given.config.colour: "));
    }

    #[test]
    fn raw_jobs_are_bytes() {
        let raw = |data: &str| serde_json::from_str::<RawBody>(data).unwrap().bytes();
        assert_eq!(raw(r#"{"body_hex":"7b22"}"#), Ok(b"{\"".to_vec()));
        assert_eq!(raw(r#"{"body_size":3}"#).map(|bytes| bytes.len()), Ok(3));
        assert!(raw(r#"{"body_hex":"7b2"}"#).is_err());
        assert!(raw(r#"{"body":"x","body_size":3}"#).is_err());
        for size in [BODY_BYTES_MAX + 1, usize::MAX] {
            assert!(raw(&format!(r#"{{"body_size":{size}}}"#)).is_err());
        }
    }

    #[test]
    fn names_outside_the_catalogue_are_unknown_and_not_unbuilt() {
        let text = r#"{"title":"a","jobs":[{"n":1,"kind":"entry.pots"},{"n":2,"kind":"entry.post"},
            {"n":3,"kind":"export.audit"},{"n":4,"kind":"query.balance"}]}"#;
        let case = Case::read(text.as_bytes()).unwrap();
        assert_eq!(
            case.kinds_not_built(),
            BTreeSet::from(["export.audit".to_owned()])
        );
    }
}
