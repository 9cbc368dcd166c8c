//! Throws bytes at everything of kontor that reads bytes, guided by what the bytes reach.
//!
//! libFuzzer brings `main` along; which target is tried stands in the environment, so that one
//! binary holds all of them. `fuzz/run` builds and runs it.
//!
//! | Variable             | Says                                                    |
//! |----------------------|---------------------------------------------------------|
//! | `KONTOR_FUZZ`        | the target                                              |
//! | `KONTOR_FUZZ_SEEDS`  | a folder: its seeds are written there, and that is all  |

#![no_main]

mod mutate;
mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target, fuzzer_mutate};

use targets::{TARGETS, Target, seeds};

static TARGET: OnceLock<&Target> = OnceLock::new();

fn target() -> &'static Target {
    TARGET.get_or_init(|| {
        let name = std::env::var("KONTOR_FUZZ").unwrap_or_default();
        let found = TARGETS.iter().find(|target| target.name == name);
        found.unwrap_or_else(|| {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            panic!(
                "KONTOR_FUZZ is {name:?}, and the targets are {}",
                names.join(", ")
            )
        })
    })
}

fn write_seeds() {
    let Some(folder) = std::env::var_os("KONTOR_FUZZ_SEEDS") else {
        return;
    };
    let target = target();
    for (number, seed) in seeds::of(target.name).iter().enumerate() {
        if seed.len() <= target.bytes_max {
            let path = std::path::Path::new(&folder).join(format!("{number:05}"));
            std::fs::write(path, seed).expect("the folder for seeds can be written to");
        }
    }
    std::process::exit(0);
}

fuzz_target!(
    init: write_seeds(),
    |input: &[u8]| -> Corpus {
        let target = target();
        if input.len() > target.bytes_max {
            return Corpus::Reject;
        }
        (target.run)(input);
        Corpus::Keep
    }
);

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let max_size = max_size.min(target().bytes_max);
    // JSON every other time only: libFuzzer knows the dictionary and what was compared.
    if data.first() == Some(&b'{') && seed % 2 == 0 {
        if let Some(changed) = mutate::json(&data[..size], max_size, seed / 2) {
            data[..changed.len()].copy_from_slice(&changed);
            return changed.len();
        }
    }
    fuzzer_mutate(data, size, max_size)
});
