//! On what a measurement was taken: machine, kernel, versions.

use std::fs;
use std::process::Command;

/// Facts in the order in which they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine(pub Vec<(String, String)>);

impl Machine {
    /// This one. What cannot be found out is left out.
    pub fn this() -> Self {
        let mut machine = Self::default();
        machine.note("kontor", Some(env!("CARGO_PKG_VERSION").to_owned()));
        machine.note("commit", commit());
        machine.note("build", Some(build().to_owned()));
        machine.note("processor", line_of("/proc/cpuinfo", "model name"));
        let cores = std::thread::available_parallelism();
        machine.note("cores", cores.ok().map(|cores| cores.to_string()));
        machine.note("memory", line_of("/proc/meminfo", "MemTotal"));
        machine.note("kernel", first_line("/proc/sys/kernel/osrelease"));
        machine.note("rustc", says("rustc", &["--version"]));
        machine
    }

    /// Add a fact, if it is known.
    pub fn note(&mut self, name: &str, fact: Option<String>) {
        self.0.extend(fact.map(|fact| (name.to_owned(), fact)));
    }
}

/// The first line that a program prints; none if it cannot be run.
pub fn says(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}

/// What the program was built from, or what lies in the current directory.
fn commit() -> Option<String> {
    let built = option_env!("KONTOR_COMMIT").map(ToOwned::to_owned);
    built.or_else(|| says("git", &["describe", "--always", "--dirty", "--abbrev=12"]))
}

/// A figure of a debug build is a rehearsal.
fn build() -> &'static str {
    if cfg!(debug_assertions) {
        "debug: no figure of it counts"
    } else {
        "release"
    }
}

fn first_line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

fn line_of(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let (_, value) = line.split_once(':')?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_where_it_runs() {
        let machine = Machine::this();
        let named = |name: &str| machine.0.iter().any(|(known, _)| known == name);
        assert!(named("kernel") && named("cores") && named("memory"));
        assert_eq!(says("false", &[]), None);
        assert_eq!(says("no-such-program", &[]), None);
    }
}
