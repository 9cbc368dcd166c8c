# Short names for commands that work without them.

default: check

# What must hold before a change is merged.
check:
    .ci/run --offline

# Everything that can be tested without a broker, in under a minute once built.
quick:
    cargo test --lib --bins --test suite --test cases

test:
    cargo test

# The live tests alone; they start a broker of their own.
live:
    cargo test --test live

# The hand-over between stations, under every order in which its threads can run.
model:
    cargo run --release --manifest-path fuzz/Cargo.toml -p ring-model

# Everything that reads bytes, given bytes that nobody would write, guided by what they reach.
fuzz seconds="60":
    fuzz/run {{seconds}}

demo:
    cargo run --release -- demo

bench:
    cargo run --release -- bench

# Writes the documents that come from the code.
docs:
    cargo run -- docs docs

# One case as tables.
explain case:
    cargo run -- rehearse --explain {{case}}
