//! Files that are out of the page cache: what a start after a reboot finds.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise};

/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// The files of a directory whose names one of these begins, each time the last one only: what a
/// start reads whole.
pub fn newest(dir: &Path, prefixes: &[&str]) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort_unstable();
    let last = |prefix: &&str| names.iter().rev().find(|name| name.starts_with(prefix));
    let found = prefixes.iter().filter_map(last);
    Ok(found.map(|name| dir.join(name)).collect())
}

/// All files of a directory.
pub fn all(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path()));
    paths.collect()
}

/// Have the system drop files from its cache. What it does is its own affair: nothing is promised.
pub fn drop_cached(files: &[PathBuf]) -> io::Result<()> {
    for path in files.iter().filter(|path| path.is_file()) {
        let file = File::open(path)?;
        // Only what is on the disk can be dropped.
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

/// Read files from end to end; how long that took, and how many bytes it were.
pub fn read(files: &[PathBuf]) -> io::Result<(Duration, u64)> {
    let began = Instant::now();
    let mut bytes = 0_u64;
    let mut piece = vec![0_u8; PIECE];
    for path in files {
        let mut file = File::open(path)?;
        loop {
            let length = file.read(&mut piece)?;
            if length == 0 {
                break;
            }
            bytes = bytes.saturating_add(u64::try_from(length).unwrap_or_default());
        }
    }
    Ok((began.elapsed(), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_file_of_each_kind_is_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in [("a-1", 10), ("a-2", 2_000_000), ("b-1", 3), ("c", 4)] {
            fs::write(dir.path().join(name), vec![1; bytes]).unwrap();
        }
        let files = newest(dir.path(), &["a-", "b-", "none-"]).unwrap();
        assert_eq!(files.len(), 2);
        drop_cached(&all(dir.path()).unwrap()).unwrap();
        assert_eq!(read(&files).unwrap().1, 2_000_003);
    }
}
