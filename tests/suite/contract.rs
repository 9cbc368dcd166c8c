//! The AsyncAPI document: valid, whole, and true of what kontor publishes.

use std::path::Path;

use kontor::broker::topology::{PartitionBooks, Topology};
use kontor::rehearsal::{Case, rehearse};
use serde_json::{Value as Json, json};

use crate::generated::{cases, files};

const ASYNCAPI: &str = include_str!("contract/asyncapi-3.0.0.json");

fn document() -> Json {
    serde_json::from_str(&files()["asyncapi.json"]).unwrap()
}

/// A validator of what a schema of the document describes.
fn validator(document: &Json, schema: &Json) -> jsonschema::Validator {
    let schemas = document.pointer("/components/schemas").unwrap();
    let whole = json!({ "allOf": [schema], "components": { "schemas": schemas } });
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft7)
        .build(&whole)
        .unwrap()
}

fn each(value: &Json, visit: &mut dyn FnMut(&str, &Json)) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| each(item, visit)),
        Json::Object(members) => {
            for (name, member) in members {
                visit(name, member);
                each(member, visit);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[test]
fn the_document_is_asyncapi() {
    let schema: Json = serde_json::from_str(ASYNCAPI).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let document = document();
    let faults: Vec<String> = validator
        .iter_errors(&document)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let mut wrong = document.clone();
    wrong["operations"]["receiveJob"]["action"] = json!("take");
    assert!(!validator.is_valid(&wrong), "the validator lets all pass");
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = 0;
    each(&document, &mut |name, place| {
        if name == "$ref" {
            let pointer = place.as_str().unwrap().strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{place}");
            references += 1;
        }
    });
    assert!(references > 100, "only {references}");
}

#[test]
fn examples_are_what_their_messages_say() {
    let document = document();
    let mut examples = 0;
    for (name, message) in document["components"]["messages"].as_object().unwrap() {
        let validator = validator(&document, &message["payload"]);
        for example in message["examples"].as_array().into_iter().flatten() {
            let payload = &example["payload"];
            if let Err(fault) = validator.validate(payload) {
                panic!("{name}: {fault} in {payload}");
            }
            examples += 1;
        }
    }
    assert!(examples > 60, "only {examples}");
}

#[test]
fn every_exchange_and_queue_is_told() {
    let partition = PartitionBooks {
        partition: 0,
        books: vec!["main".to_owned()],
    };
    let topology = Topology::new("kontor", &[partition], true);
    let exchanges = topology.exchanges.iter().map(|one| &one.name);
    let queues = topology.queues.iter().map(|one| &one.name);
    let document = document();
    let mut told = Vec::new();
    each(&document["channels"], &mut |name, value| {
        if name == "exchange" || name == "queue" {
            told.push(value["name"].as_str().unwrap().to_owned());
        }
    });
    for name in exchanges.chain(queues) {
        assert!(told.contains(name), "no channel tells of {name}");
    }
}

/// Every outcome and every refusal of the case files is one of the document's.
#[test]
fn outcomes_of_all_cases_are_as_the_document_says() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let outcome = validator(&document, &schemas["outcome"]);
    let refusal = validator(&document, &schemas["refusal"]);
    let mut seen = 0;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for path in cases(&root) {
        let case = Case::read(&std::fs::read(&path).unwrap()).unwrap();
        let Some(run) = rehearse(&case).unwrap().run else {
            continue;
        };
        for (section, validator) in [("outcomes", &outcome), ("rejections", &refusal)] {
            let all = run.seen.get(section).and_then(Json::as_array);
            // Answers and dead letters are of other kinds.
            let published = all
                .into_iter()
                .flatten()
                .filter(|one| one.get("sequence").is_some());
            for one in published.filter(|one| one["status"] != "answered") {
                if let Err(fault) = validator.validate(one) {
                    panic!("{}: {fault} in {one}", path.display());
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 500, "only {seen}");
}
