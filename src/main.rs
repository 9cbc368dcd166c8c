//! kontor: parse the command line, run one command, map its result to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    kontor::command::main(std::env::args_os())
}
