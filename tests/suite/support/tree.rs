//! The files of the repository as they stand in this working tree.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the repository.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Its path from the root, with slashes.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

impl File {
    /// A file that exists in a test only.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// How its name ends, without the dot.
    pub(crate) fn extension(&self) -> &str {
        self.name()
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension)
    }

    /// Its name without the folders.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One file.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// Every text file below a folder of the repository, in order of the paths; all with `""`.
///
/// What a build leaves behind is not part of the repository, nor is what git keeps for itself.
pub(crate) fn files(below: &str) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root().join(below), &mut found);
    found.sort();
    let text = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        let path = path.strip_prefix(root()).unwrap().to_str().unwrap();
        let text = String::from_utf8(bytes).ok()?;
        Some(File::new(path, &text))
    };
    found.into_iter().filter_map(text).collect()
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if matches!(&*name, "target" | ".git" | "proptest-regressions") {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The names in a table of dependencies of a manifest.
pub(crate) fn dependencies(manifest: &str, table: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let table = manifest.get(table).and_then(toml::Value::as_table).unwrap();
    table.keys().cloned().collect()
}
