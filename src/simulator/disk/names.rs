//! The names in a simulated directory, and changes of them that may or may not arrive.

use std::collections::BTreeMap;

/// Which name leads to which file.
pub(super) type Names = BTreeMap<String, u64>;

/// A change that is durable only after the directory was synced.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Bind {
        name: String,
        inode: u64,
    },
    Rename {
        from: String,
        to: String,
        inode: u64,
    },
    Remove {
        name: String,
    },
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut Names) {
        match self {
            Self::Bind { name, inode } => {
                names.insert(name.clone(), *inode);
            }
            Self::Rename { from, to, inode } => {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(to.clone(), *inode);
            }
            Self::Remove { name } => {
                names.remove(name);
            }
        }
    }
}
