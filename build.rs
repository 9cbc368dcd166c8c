//! The commit that a build is of, for `kontor_build_info` and the start records of journals.
//!
//! A release asks git, and without a repository of its own takes `KONTOR_COMMIT` from the
//! environment, as a build of packed sources sets it. Other builds only do the latter: each commit
//! would have everything compiled again.

use std::path::Path;
use std::process::Command;

const VARIABLE: &str = "KONTOR_COMMIT";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let given = || std::env::var(VARIABLE).ok();
    let commit = is_release.then(of_repository).flatten().or_else(given);
    if let Some(commit) = commit.filter(|commit| !commit.is_empty()) {
        println!("cargo::rustc-env={VARIABLE}={commit}");
    }
}

/// The commit that is checked out here; none if the sources are not a repository of their own.
fn of_repository() -> Option<String> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    let own = Path::new(&root).canonicalize().ok()? == Path::new(".").canonicalize().ok()?;
    if !own {
        return None;
    }
    // What moves when another commit is checked out or made.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let done = Command::new("git").args(arguments).output().ok()?;
    let said = String::from_utf8(done.stdout).ok()?;
    done.status.success().then(|| said.trim().to_owned())
}
