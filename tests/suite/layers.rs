//! Imports point down, and every crate from outside has its place.
//!
//! The tables are the architecture; ARCHITECTURE.md tells the story behind them. What is only for
//! tests may look anywhere.

mod imports;

use std::collections::BTreeSet;

use imports::{Import, What, imports};

use crate::support::rust::{reached, tokens, without_tests};
use crate::support::tree::{File, dependencies, files, read};

/// A folder of `src`, or a file in it, and what it may import of its own crate.
struct Layer {
    name: &'static str,
    may: &'static [&'static [&'static str]],
}

const fn layer(name: &'static str, may: &'static [&'static [&'static str]]) -> Layer {
    Layer { name, may }
}

/// Money, time and names: what everybody may speak of.
const WORDS: &[&str] = &[
    "lenient", "raw_json", "time", "money", "ids", "limits", "code",
];
const BOOKS: &[&str] = &["ledger"];
const KINDS: &[&str] = &["jobs"];
const MACHINERY: &[&str] = &["wire", "engine", "journal"];

/// From the bottom up: a layer may import only what stands above it in this list.
const LAYERS: &[Layer] = &[
    layer("lenient", &[]),
    layer("raw_json", &[&["lenient"]]),
    layer("time", &[&["lenient"]]),
    layer("money", &[&["lenient", "time"]]),
    layer("ids", &[]),
    layer("limits", &[]),
    layer("code", &[]),
    layer("ledger", &[WORDS]),
    layer("jobs", &[WORDS, BOOKS]),
    layer("wire", &[WORDS, BOOKS, KINDS]),
    // Hands anything from thread to thread and knows nothing of it.
    layer("atoms", &[]),
    layer("ring", &[&["atoms"]]),
    layer("engine", &[WORDS, BOOKS, KINDS]),
    // Keeps commits; it does not judge them.
    layer("journal", &[WORDS, BOOKS]),
    // Holds processes; it knows nothing of what they do.
    layer("guarded", &[]),
    // Carries bytes; it does not read them.
    layer("broker", &[&["guarded"]]),
    layer("vault", &[&["journal"]]),
    layer("settings", &[]),
    layer("telemetry", &[&["time"]]),
    layer("notify", &[]),
    layer(
        "pipeline",
        &[
            WORDS,
            BOOKS,
            KINDS,
            MACHINERY,
            &["ring", "broker", "vault", "settings", "telemetry"],
        ],
    ),
    layer("report", &[WORDS, BOOKS]),
    // Another disk under the journal's one seam.
    // And another broker and clock.
    layer("simulator", &[&["journal", "broker", "time"]]),
    layer(
        "partition",
        &[
            WORDS,
            BOOKS,
            KINDS,
            MACHINERY,
            &["vault", "settings", "pipeline"],
        ],
    ),
    layer(
        "backup",
        &[WORDS, BOOKS, MACHINERY, &["vault", "partition"]],
    ),
    layer(
        "daemon",
        &[
            WORDS,
            BOOKS,
            KINDS,
            MACHINERY,
            &["ring", "broker", "vault", "settings", "telemetry", "notify"],
            &["pipeline", "partition"],
        ],
    ),
    layer(
        "torture",
        &[
            WORDS,
            BOOKS,
            KINDS,
            MACHINERY,
            &["broker", "vault", "settings", "telemetry"],
            &["pipeline", "simulator", "partition", "backup", "daemon"],
        ],
    ),
    layer(
        "bench",
        &[
            WORDS,
            BOOKS,
            KINDS,
            MACHINERY,
            &["ring", "broker", "vault", "settings", "telemetry"],
            &["pipeline", "simulator", "partition"],
        ],
    ),
    layer(
        "rehearsal",
        &[
            WORDS,
            BOOKS,
            KINDS,
            MACHINERY,
            &["pipeline", "report", "simulator"],
        ],
    ),
    layer(
        "command",
        &[
            WORDS,
            BOOKS,
            KINDS,
            MACHINERY,
            &["guarded", "broker", "vault", "settings", "telemetry"],
            &[
                "pipeline",
                "report",
                "simulator",
                "partition",
                "backup",
                "daemon",
                "torture",
                "bench",
                "rehearsal",
            ],
        ],
    ),
];

/// Crates from outside, and the places of `src` that may name them. A crate that is not here is
/// named in one folder only, or it is a decision that somebody has to take.
const CRATES: &[(&str, &[&str])] = &[
    ("anyhow", &["command"]),
    ("axum", &["telemetry"]),
    ("bincode", &["wire/binary", "journal/record"]),
    (
        "blake3",
        &[
            "ledger",
            "wire",
            "journal",
            "broker",
            "vault",
            "settings",
            "backup",
            "torture",
            "rehearsal",
            "bench/limits.rs",
        ],
    ),
    ("chacha20poly1305", &["vault/cipher.rs"]),
    ("clap", &["command"]),
    ("comfy_table", &["report/render.rs"]),
    ("crc32c", &["journal", "vault", "bench/limits.rs"]),
    ("crossbeam", &["atoms.rs"]),
    ("csv", &["report/render.rs", "command/submit"]),
    ("futures_lite", &["broker/rabbit"]),
    // Keys, and what must not be the same twice; never an outcome.
    ("getrandom", &["journal/file/disk.rs", "broker", "command"]),
    // Only ever asked for one thing: an order of its own would differ from run to run.
    ("hashbrown", &["ledger", "engine"]),
    ("indicatif", &["command"]),
    ("jiff", &["time", "settings/book.rs"]),
    ("lapin", &["broker/rabbit"]),
    ("metrics", &["telemetry"]),
    ("metrics_exporter_prometheus", &["telemetry"]),
    ("metrics_process", &["telemetry"]),
    ("mimalloc", &["main.rs"]),
    ("regex", &["settings/reply_to.rs"]),
    // What people read in percent; nothing is booked from it.
    ("rust_decimal", &["money/percentage.rs"]),
    (
        "rustix",
        &[
            "journal/file/disk.rs",
            "journal/file/priority.rs",
            "guarded.rs",
            "broker/private.rs",
            "broker/package.rs",
            "bench/cold.rs",
        ],
    ),
    (
        "schemars",
        &["raw_json.rs", "time", "money", "jobs", "command/docs"],
    ),
    ("sd_notify", &["notify.rs"]),
    (
        "serde",
        &[
            "lenient.rs",
            "raw_json.rs",
            "time",
            "money",
            "ids.rs",
            "ledger/reference.rs",
            "jobs",
            "wire",
            "report/render.rs",
            "rehearsal",
        ],
    ),
    (
        "serde_json",
        &[
            "raw_json.rs",
            "broker/topology.rs",
            "settings",
            "telemetry",
            "report/render.rs",
            "bench",
            "torture",
            "rehearsal",
            "command",
        ],
    ),
    ("smallvec", &["ring", "ledger"]),
    ("smol_str", &["jobs", "ledger", "money"]),
    // Faults are types of their own wherever one can happen.
    ("thiserror", &[""]),
    (
        "tokio",
        &[
            "broker/rabbit",
            "telemetry",
            "notify.rs",
            "pipeline",
            "partition",
            "daemon",
            "bench",
            "command",
        ],
    ),
    ("toml", &["settings/node.rs"]),
    (
        "tracing",
        &[
            "settings",
            "telemetry/tracing.rs",
            "notify.rs",
            "pipeline",
            "partition",
            "daemon",
        ],
    ),
    ("tracing_subscriber", &["telemetry/tracing.rs"]),
    ("unicode_normalization", &["jobs/fields.rs", "wire/text.rs"]),
    ("zeroize", &["vault"]),
];

/// What a place may not speak of, because the same state and the same batch must give the same
/// commit.
const FORBIDDEN: &[(&[&str], &[&str])] = &[(
    &[
        "lenient", "raw_json", "money", "ids", "limits", "code", "ledger", "jobs", "engine",
    ],
    &[
        "std::env",
        "std::fs",
        "std::io",
        "std::net",
        "std::sync",
        "std::thread",
        "std::time",
    ],
)];

/// The layer of a file: the folder or the file directly below `src`.
fn layer_of(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside
        .split('/')
        .next()
        .unwrap_or(inside)
        .trim_end_matches(".rs")
}

/// Whether a place of a table holds a file.
fn holds(place: &str, path: &str) -> bool {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    place.is_empty()
        || inside == place
        || inside
            .strip_prefix(place)
            .is_some_and(|rest| rest.starts_with('/'))
        || inside.strip_suffix(".rs") == Some(place)
}

/// What is wrong with an import; none if it is right.
fn objection(path: &str, import: &Import<'_>, crates: &[String]) -> Option<String> {
    let layer = layer_of(path);
    match import.what {
        What::Ours(name) => {
            let known = LAYERS.iter().find(|known| known.name == layer);
            let is_layer = LAYERS.iter().any(|known| known.name == name);
            let may = |known: &Layer| known.may.iter().any(|group| group.contains(&name));
            if !is_layer || name == layer || known.is_some_and(may) {
                return None;
            }
            Some(format!(
                "{layer} may not import crate::{name}: imports point down; move what is needed \
                 below both, or hand it in from above"
            ))
        }
        What::Theirs("std" | "core" | "alloc", step) => {
            let whole = format!("std::{step}");
            forbidden(layer, &whole).then(|| {
                format!(
                    "{layer} may not use {whole}: what it computes must not depend on it; hand \
                         the value in from above"
                )
            })
        }
        What::Theirs(name, _) => {
            if !crates.iter().any(|known| known == name) {
                return None;
            }
            let places = CRATES.iter().find(|(known, _)| *known == name);
            let Some((_, places)) = places else {
                return Some(format!(
                    "{name} has no place: say in tests/suite/layers.rs which folder may name it"
                ));
            };
            (!places.iter().any(|place| holds(place, path))).then(|| {
                format!(
                    "{name} may only be named in {}: ask that folder for what is needed",
                    places.join(", ")
                )
            })
        }
    }
}

fn forbidden(layer: &str, what: &str) -> bool {
    let rules = FORBIDDEN
        .iter()
        .filter(|(layers, _)| layers.contains(&layer));
    rules.into_iter().any(|(_, whats)| whats.contains(&what))
}

/// The dependencies of the manifest, as the source names them.
fn crates(manifest: &str) -> Vec<String> {
    dependencies(manifest, "dependencies")
        .into_iter()
        .map(|name| name.replace('-', "_"))
        .collect()
}

/// The files that are compiled into the program.
fn shipped(all: &[File]) -> Vec<&File> {
    let reached = reached("src/lib.rs", all);
    let is_shipped = |file: &&File| {
        file.path == "src/main.rs" || reached.get(&file.path).is_some_and(|for_tests| !for_tests)
    };
    all.iter().filter(is_shipped).collect()
}

/// Everything that is wrong with the imports of some files.
fn objections(all: &[File], crates: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for file in shipped(all) {
        for import in imports(&file.path, &without_tests(&tokens(&file.text))) {
            if let Some(objection) = objection(&file.path, &import, crates) {
                found.push(format!("{}:{}: {objection}", file.path, import.line));
            }
        }
    }
    found
}

#[test]
fn imports_point_down() {
    let found = objections(&files("src"), &crates(&read("Cargo.toml")));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_table_itself_points_down() {
    for (at, layer) in LAYERS.iter().enumerate() {
        for name in layer.may.iter().copied().flatten() {
            let below = LAYERS.iter().take(at).any(|lower| lower.name == *name);
            assert!(
                below,
                "{} may import {name}, which does not stand above it in the list",
                layer.name
            );
        }
    }
}

/// A place that nobody uses any more would let the crate come back unseen.
#[test]
fn every_row_of_the_tables_is_needed() {
    let all = files("src");
    let mut layers: Vec<&str> = all.iter().map(|file| layer_of(&file.path)).collect();
    layers.sort_unstable();
    layers.dedup();
    for layer in layers {
        let known = LAYERS.iter().any(|known| known.name == layer);
        assert!(
            known || matches!(layer, "lib" | "main"),
            "src/{layer} has no place in the table of layers: say what it may import"
        );
    }
    let mut named = BTreeSet::new();
    for file in shipped(&all) {
        for import in imports(&file.path, &without_tests(&tokens(&file.text))) {
            if let What::Theirs(name, _) = import.what {
                named.insert((name, file.path.as_str()));
            }
        }
    }
    for (name, places) in CRATES {
        for place in *places {
            let used = named
                .iter()
                .any(|(used, path)| used == name && holds(place, path));
            assert!(
                used,
                "{name} is not named in {place} any more: take the place out of the table"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| File::new(path, text))
            .collect();
        objections(
            &files,
            &["lapin".to_owned(), "tokio".to_owned(), "novel".to_owned()],
        )
    }

    #[test]
    fn an_import_that_points_up_is_named_with_its_place() {
        let found = told(&[
            ("src/lib.rs", "pub mod ledger; pub mod jobs;"),
            ("src/ledger/mod.rs", "mod book;"),
            (
                "src/ledger/book.rs",
                "// crate::jobs\nuse crate::money::Minor;\nuse super::super::jobs::Job;",
            ),
            (
                "src/jobs/mod.rs",
                "use crate::{ids::{Key, engine}, ledger::Book,\n    engine::{Engine, self}};\n\
             #[cfg(test)] mod tests { use crate::engine::Engine; }",
            ),
        ]);
        let expected = [
            "src/ledger/book.rs:3: ledger may not import crate::jobs",
            "src/jobs/mod.rs:2: jobs may not import crate::engine",
        ];
        assert_eq!(found.len(), 2, "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn a_crate_out_of_its_place_is_named() {
        let found = told(&[
            ("src/lib.rs", "mod broker; mod engine;"),
            ("src/broker/mod.rs", "mod rabbit; mod lane; use ::lapin::X;"),
            ("src/broker/rabbit.rs", "use lapin::Channel;"),
            (
                "src/broker/lane.rs",
                "fn f() { a::lapin::g(); lapin::h(); novel::i() }",
            ),
            (
                "src/engine/mod.rs",
                "use std::{fmt, time::Instant}; fn f() { std::fs::read(); }",
            ),
        ]);
        let expected = [
            "src/broker/mod.rs:1: lapin may only",
            "src/broker/lane.rs:1: lapin may only be named in broker/rabbit",
            "src/broker/lane.rs:1: novel has no place",
            "src/engine/mod.rs:1: engine may not use std::time",
            "src/engine/mod.rs:1: engine may not use std::fs",
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn a_name_of_ours_hides_a_crate() {
        let found = told(&[
            ("src/lib.rs", "mod daemon;"),
            (
                "src/daemon/mod.rs",
                "use crate::telemetry::lapin; fn f() { lapin::g(); }",
            ),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }
}
