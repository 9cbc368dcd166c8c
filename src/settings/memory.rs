//! How many deliveries may be open so that they fit the memory there is.
//!
//! Every open delivery may be as large as the message limit. Their sum must fit `intake_bytes_max`
//! and half the memory limit of the cgroup; where it does not, prefetch is lowered as far as one
//! batch, and below that the daemon refuses to start. The rule is a pure function; only
//! [`cgroup_limit`] looks at the machine. `/proc/meminfo` is not read: the unit hides it, and free
//! memory now says nothing about later.

use std::fs;
use std::path::Path;

use super::Settings;

/// What the configuration asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Deliveries open per partition.
    pub prefetch: u16,
    /// How far that may be lowered.
    pub prefetch_min: u16,
    /// Partitions of this process.
    pub partitions: usize,
    /// Largest message.
    pub message_bytes_max: usize,
    /// Most memory for all of them.
    pub intake_bytes_max: u64,
}

impl Demand {
    /// What settings ask for.
    pub fn of(settings: &Settings) -> Self {
        let broker = &settings.broker;
        Self {
            prefetch: broker.prefetch,
            prefetch_min: broker.prefetch_min,
            partitions: settings.partitions.len(),
            message_bytes_max: broker.message_bytes_max,
            intake_bytes_max: broker.intake_bytes_max,
        }
    }
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The prefetch to use.
    pub prefetch: u16,
    /// Memory that its deliveries may take.
    pub bytes: u64,
    /// The bound they must fit.
    pub bytes_max: u64,
    /// Whether the bound is half of a cgroup's limit.
    pub by_cgroup: bool,
    /// Whether prefetch was lowered, which is worth a warning.
    pub lowered: bool,
}

/// Not even one batch fits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "prefetch {prefetch} x broker.message_bytes_max {message_bytes_max} x {partitions} \
     partition(s) is {bytes} bytes and does not fit {bytes_max} ({}); lower \
     broker.message_bytes_max or broker.prefetch_min, or {}",
    if *.by_cgroup { "half the memory limit of the cgroup" } else { "broker.intake_bytes_max" },
    if *.by_cgroup { "give the unit more memory" } else { "raise broker.intake_bytes_max" }
)]
pub struct IntakeTooLarge {
    prefetch: u16,
    message_bytes_max: usize,
    partitions: usize,
    bytes: u64,
    bytes_max: u64,
    by_cgroup: bool,
}

/// The prefetch that fits. `memory_limit` is that of the cgroup, if it has one.
pub fn allow(demand: Demand, memory_limit: Option<u64>) -> Result<Allowance, IntakeTooLarge> {
    let Demand {
        prefetch,
        prefetch_min,
        partitions,
        message_bytes_max,
        intake_bytes_max,
    } = demand;
    let half = memory_limit.map_or(u64::MAX, |limit| limit.div_euclid(2));
    let bytes_max = intake_bytes_max.min(half);
    let by_cgroup = half < intake_bytes_max;
    let each = u64::try_from(partitions.saturating_mul(message_bytes_max)).unwrap_or(u64::MAX);
    let fits = bytes_max.checked_div(each).unwrap_or(u64::MAX);
    let fitting = u16::try_from(fits).unwrap_or(u16::MAX).min(prefetch);
    let bytes_of = |prefetch: u16| each.saturating_mul(u64::from(prefetch));
    // Someone who asks for less than one batch gets it; only lowering stops at one batch.
    let least = prefetch_min.min(prefetch);
    if fitting < least {
        let (prefetch, bytes) = (least, bytes_of(least));
        return Err(IntakeTooLarge {
            prefetch,
            message_bytes_max,
            partitions,
            bytes,
            bytes_max,
            by_cgroup,
        });
    }
    let (bytes, lowered) = (bytes_of(fitting), fitting < prefetch);
    Ok(Allowance {
        prefetch: fitting,
        bytes,
        bytes_max,
        by_cgroup,
        lowered,
    })
}

/// The memory limit of the cgroup this process is in, the smallest on the way up to the root.
pub fn cgroup_limit() -> Option<u64> {
    limit_below(Path::new("/proc/self/cgroup"), Path::new("/sys/fs/cgroup"))
}

fn limit_below(membership: &Path, mount: &Path) -> Option<u64> {
    let membership = fs::read_to_string(membership).ok()?;
    let limits = membership.lines().filter_map(|line| {
        // hierarchy:controllers:path; version 2 is hierarchy 0 without controllers.
        let mut parts = line.splitn(3, ':');
        match (parts.next()?, parts.next()?, parts.next()?) {
            ("0", "", path) => smallest(mount, path, "memory.max"),
            (_, controllers, path) if controllers.split(',').any(|c| c == "memory") => {
                smallest(&mount.join("memory"), path, "memory.limit_in_bytes")
            }
            _ => None,
        }
    });
    limits.min()
}

/// The limit of a parent holds for its children. Inside a container the path may lead outside what
/// is mounted; then only the levels that are there are read.
fn smallest(mount: &Path, path: &str, file: &str) -> Option<u64> {
    let path = Path::new(path.trim_start_matches('/'));
    let levels = path.ancestors().map(|level| mount.join(level).join(file));
    let texts = levels.filter_map(|file| fs::read_to_string(file).ok());
    texts.filter_map(|text| bounded(text.trim())).min()
}

/// `max` in version 2, and in version 1 a number near 2^63, mean that there is no limit.
fn bounded(text: &str) -> Option<u64> {
    text.parse().ok().filter(|limit| *limit < 1 << 62)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMAND: Demand = Demand {
        prefetch: 2_000,
        prefetch_min: 256,
        partitions: 1,
        message_bytes_max: 1 << 20,
        intake_bytes_max: 2 << 30,
    };

    #[test]
    fn the_default_fits_without_a_cgroup() {
        let allowance = allow(DEMAND, None).unwrap();
        assert_eq!((allowance.prefetch, allowance.lowered), (2_000, false));
        assert_eq!(allowance.bytes, 2_000 << 20);
    }

    #[test]
    fn half_a_small_cgroup_lowers_prefetch() {
        let allowance = allow(DEMAND, Some(1 << 30)).unwrap();
        assert_eq!(
            (allowance.prefetch, allowance.lowered, allowance.by_cgroup),
            (512, true, true)
        );
        assert!(allowance.bytes <= allowance.bytes_max);
    }

    #[test]
    fn below_one_batch_it_refuses() {
        assert_eq!(allow(DEMAND, Some(512 << 20)).unwrap().prefetch, 256);
        let refused = allow(DEMAND, Some((512 << 20) - 2)).unwrap_err();
        assert!(
            refused.to_string().contains("give the unit more memory"),
            "{refused}"
        );
        let demand = Demand {
            intake_bytes_max: 1 << 20,
            ..DEMAND
        };
        let refused = allow(demand, None).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("raise broker.intake_bytes_max"),
            "{refused}"
        );
    }

    #[test]
    fn partitions_share_the_memory() {
        assert_eq!(
            allow(
                Demand {
                    partitions: 4,
                    ..DEMAND
                },
                None
            )
            .unwrap()
            .prefetch,
            512
        );
    }

    #[test]
    fn a_prefetch_of_one_is_not_raised() {
        assert_eq!(
            allow(
                Demand {
                    prefetch: 1,
                    ..DEMAND
                },
                Some(4 << 20)
            )
            .unwrap()
            .prefetch,
            1
        );
        assert!(
            allow(
                Demand {
                    prefetch: 1,
                    ..DEMAND
                },
                Some(1 << 20)
            )
            .is_err()
        );
    }

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn limit(files: &[(&str, &str)]) -> Option<u64> {
        let dir = tree(files);
        limit_below(&dir.path().join("cgroup"), dir.path())
    }

    #[test]
    fn version_2_takes_the_smallest_on_the_way_up() {
        let files = [
            ("cgroup", "0::/system.slice/kontor.service\n"),
            ("system.slice/memory.max", "1000\n"),
            ("system.slice/kontor.service/memory.max", "max\n"),
        ];
        assert_eq!(limit(&files), Some(1_000));
    }

    #[test]
    fn version_1_has_its_own_hierarchy() {
        let files = [
            (
                "cgroup",
                "5:cpu,cpuacct:/x\n4:memory:/x\n1:name=systemd:/x\n",
            ),
            ("memory/x/memory.limit_in_bytes", "2000\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ];
        assert_eq!(limit(&files), Some(2_000));
    }

    #[test]
    fn without_a_limit_there_is_none() {
        assert_eq!(
            limit(&[("cgroup", "0::/\n"), ("memory.max", "max\n")]),
            None
        );
        assert_eq!(limit(&[]), None);
    }
}
