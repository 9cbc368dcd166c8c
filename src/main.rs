//! kontor: parse the command line, run one command, map its result to an exit code.

use std::process::ExitCode;

/// Jobs are made on the decoding thread and freed on the posting one.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kontor::command::main(std::env::args_os())
}
