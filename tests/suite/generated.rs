//! What the program writes about itself is committed, fresh and true.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use kontor::code::Code;
use kontor::command::docs;
use kontor::rehearsal::Case;
use serde_json::{Value as Json, json};
use unicode_normalization::UnicodeNormalization as _;

use crate::support::{exits, kontor};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_reference_is_fresh() {
    let files = files();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        exits(&kontor(&["docs", "docs"]), 0);
    }
    for (name, text) in files {
        let found = std::fs::read_to_string(root().join("docs").join(name)).unwrap_or_default();
        assert!(
            found == *text,
            "docs/{name} is stale: `kontor docs docs` writes it anew"
        );
    }
    let kept = std::fs::read_dir(root().join("docs/jobs")).unwrap();
    for page in kept {
        let name = page.unwrap().file_name().into_string().unwrap();
        assert!(
            files.contains_key(&format!("jobs/{name}")),
            "docs/jobs/{name} is about no kind"
        );
    }
}

#[test]
fn docs_go_where_they_are_sent() {
    let dir = tempfile::tempdir().unwrap();
    exits(&kontor(&["docs", dir.path().to_str().unwrap()]), 0);
    assert!(dir.path().join("jobs/entry.post.schema.json").exists());
    assert!(dir.path().join("codes.md").exists());
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let under = file.join("docs");
    assert_ne!(
        kontor(&["docs", under.to_str().unwrap()]).status.code(),
        Some(0)
    );
}

/// The files of the reference, made once: the examples are taken through the engine for them.
pub(crate) fn files() -> &'static BTreeMap<String, String> {
    static FILES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    FILES.get_or_init(docs::files)
}

/// The schemas of other kinds, which stand in files beside one that refers to them.
struct Siblings;

impl jsonschema::Retrieve for Siblings {
    fn retrieve(
        &self,
        uri: &jsonschema::Uri<String>,
    ) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str().rsplit('/').next().unwrap();
        let file = files().get(&format!("jobs/{name}"));
        let file = file.ok_or_else(|| format!("{name} is no file of the reference"))?;
        Ok(serde_json::from_str(file)?)
    }
}

fn validator(kind: &str) -> jsonschema::Validator {
    let name = format!("{kind}.schema.json");
    let schema = serde_json::from_str(&files()[&format!("jobs/{name}")]).unwrap();
    let options = jsonschema::options().with_base_uri(format!("file:///docs/jobs/{name}"));
    options.with_retriever(Siblings).build(&schema).unwrap()
}

#[test]
fn a_job_inside_has_the_schema_of_its_own_kind() {
    let validator = validator("approval.request");
    let request = |kind: &str, data: Json| {
        let job = json!({ "kind": kind, "key": "inner", "data": data });
        json!({ "key": "k", "kind": "approval.request", "actor": "anna", "data": { "job": job } })
    };
    let refund = json!({ "customer": "c", "amount": "19.00", "currency": "EUR", "bank": "b" });
    assert!(validator.is_valid(&request("refund.issue", refund.clone())));
    let mut unknown = refund.clone();
    unknown["surprise"] = json!(true);
    assert!(!validator.is_valid(&request("refund.issue", unknown)));
    assert!(!validator.is_valid(&request("hold.void", refund.clone())));
    assert!(!validator.is_valid(&request("approval.request", refund)));
}

fn kinds() -> Vec<String> {
    let names = files().keys();
    names
        .filter_map(|name| {
            Some(
                name.strip_prefix("jobs/")?
                    .strip_suffix(".schema.json")?
                    .to_owned(),
            )
        })
        .collect()
}

#[test]
fn examples_are_what_their_schemas_ask_for() {
    for kind in kinds() {
        let page = &files()[&format!("jobs/{kind}.md")];
        let example = page
            .split("```json\n")
            .nth(1)
            .unwrap()
            .split("\n```")
            .next()
            .unwrap();
        let example: Json =
            serde_json::from_str(example).unwrap_or_else(|fault| panic!("{kind}: {fault}"));
        let validator = validator(&kind);
        if let Err(fault) = validator.validate(&example) {
            panic!("{kind}: {fault} in {example}");
        }
        let mut unknown = example.clone();
        unknown["data"]["surprise"] = json!(true);
        assert!(
            !validator.is_valid(&unknown),
            "{kind} takes an unknown member"
        );
        for (name, _) in example["data"].as_object().unwrap() {
            let mut null = example.clone();
            null["data"][name] = Json::Null;
            assert!(!validator.is_valid(&null), "{kind} takes null for {name}");
        }
    }
}

/// Every job of a case whose outcome is no refusal fits the schema of its kind.
#[test]
fn schemas_take_every_job_that_was_taken() {
    let mut tried = 0;
    let built = kinds();
    let validators: BTreeMap<&str, jsonschema::Validator> = built
        .iter()
        .map(|kind| (kind.as_str(), validator(kind)))
        .collect();
    for path in cases(&root().join("tests/cases")) {
        let case = Case::read(&std::fs::read(&path).unwrap()).unwrap();
        let outcomes = case.expect.get("outcomes").and_then(Json::as_array);
        let taken: Vec<&Json> = outcomes
            .into_iter()
            .flatten()
            // A known key leads to its outcome, whatever else is wrong.
            .filter(|one| one.get("duplicate").is_none())
            .map(|one| &one["job"])
            .collect();
        for job in &case.jobs {
            let Some(validator) = validators.get(job.kind.as_str()) else {
                continue;
            };
            if !taken.contains(&&json!(job.n)) {
                continue;
            }
            // A schema counts characters as they come; kontor composes them first.
            let text = String::from_utf8(job.message()).unwrap();
            let text: String = text.nfc().collect();
            let message: Json = serde_json::from_str(&text).unwrap();
            if let Err(fault) = validator.validate(&message) {
                panic!("{} job {}: {fault}", path.display(), job.n);
            }
            tried += 1;
        }
    }
    assert!(tried > 100, "only {tried} jobs were tried");
}

pub(crate) fn cases(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(cases(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_patterns_of_the_envelope_are_those_of_the_code() {
    let validator = validator("entry.post");
    let long = "k".repeat(128);
    for key in [
        "a",
        "A-b_c.d:e/f",
        "",
        "a b",
        "ä",
        long.as_str(),
        &(long.clone() + "k"),
    ] {
        let job = json!({ "key": key, "kind": "entry.post", "data": { "legs": [] } });
        assert_eq!(
            validator.is_valid(&job),
            kontor::ids::is_key(key),
            "{key:?}"
        );
    }
    for book in ["main", "a_b-1", "Main", "", "a.b"] {
        let job = json!({ "key": "k", "kind": "entry.post", "book": book, "data": { "legs": [] } });
        assert_eq!(
            validator.is_valid(&job),
            kontor::ids::is_book_name(book),
            "{book:?}"
        );
    }
}

/// A page that leaves a code out sends its reader looking elsewhere.
#[test]
fn pages_name_every_code_that_a_case_shows() {
    let files = files();
    let common = &files["jobs/README.md"];
    let not_built = std::fs::read_to_string(root().join("tests/cases/not_built.txt")).unwrap();
    for path in cases(&root().join("tests/cases")) {
        let name = path.strip_prefix(root().join("tests/cases")).unwrap();
        if not_built.lines().any(|line| Path::new(line) == name) {
            continue;
        }
        let case = Case::read(&std::fs::read(&path).unwrap()).unwrap();
        let rejections = case.expect.get("rejections").and_then(Json::as_array);
        for rejection in rejections.into_iter().flatten() {
            let Some(code) = rejection["code"].as_str().and_then(Code::of_text) else {
                continue;
            };
            let job = case
                .jobs
                .iter()
                .find(|job| rejection["job"] == json!(job.n))
                .unwrap();
            let page = files.get(&format!("jobs/{}.md", job.kind));
            let inside = "those of the job inside, and:";
            let told =
                |text: &str| text.contains(&format!("`{}`", code.text())) || text.contains(inside);
            assert!(
                code.is_dead_letter() || told(common) || page.is_none_or(|page| told(page)),
                "{} is refused with {code} in {}: name it in the kind's REFUSALS",
                job.kind,
                name.display()
            );
        }
    }
}

/// The decimals among the members of data, with what is said about them.
fn decimals(node: &Json, definitions: &Json, path: &str, found: &mut Vec<(String, String)>) {
    let properties = node.get("properties").and_then(Json::as_object);
    for (name, member) in properties.into_iter().flatten() {
        let path = format!("{path}{name}");
        let shape = member.to_string();
        if shape.contains("#/$defs/Decimal\"") {
            let said = member.get("description").and_then(Json::as_str);
            found.push((path.clone(), said.unwrap_or_default().to_owned()));
        }
        for (name, definition) in definitions.as_object().into_iter().flatten() {
            if shape.contains(&format!("#/$defs/{name}\"")) {
                decimals(definition, definitions, &format!("{path}."), found);
            }
        }
    }
}

/// What a decimal is measured in: nobody has to guess whether cents or percent are meant.
#[test]
fn every_decimal_says_its_unit() {
    let measures = ["unit", "currency", "percent", "Percent", "rate", "Rate"];
    let counts = [
        "How many",
        "How much of",
        "How much was used",
        "weight",
        "uantit",
    ];
    let mut held = 0;
    for kind in kinds() {
        let schema: Json =
            serde_json::from_str(&files()[&format!("jobs/{kind}.schema.json")]).unwrap();
        let mut found = Vec::new();
        let data = &schema["properties"]["data"];
        decimals(data, &schema["$defs"], "", &mut found);
        for (path, said) in found {
            held += 1;
            let says = measures
                .iter()
                .chain(&counts)
                .any(|word| said.contains(word));
            assert!(says, "{kind} {path}: {said:?} does not say in what");
        }
    }
    assert!(held > 60, "only {held} decimals");
}
