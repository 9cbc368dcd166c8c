//! Personal texts of accounts, read with the keys that lie beside a journal.
//!
//! A directory without its keys, as a backup without them is one, has its texts sealed: that is an
//! answer and no fault.

use crate::jobs::query::{Opened, Texts};
use crate::journal::file::disk::Disk;
use crate::vault::{self, JournalSecret, Vault};

/// The texts of one book in a partition's directory.
#[derive(Debug)]
pub struct AccountTexts<D: Disk> {
    disk: D,
    book: String,
}

impl<D: Disk> AccountTexts<D> {
    /// Those of a book; the keys are looked for when a text is asked for.
    pub fn of(disk: &D, book: &str) -> Self {
        Self {
            disk: disk.clone(),
            book: book.to_owned(),
        }
    }

    fn open(&self, account: &str, sealed: &[u8]) -> Option<vault::Opened> {
        let secret = JournalSecret::load(&self.disk).ok()??;
        let vault = Vault::open_read_only(&self.disk, &secret).ok()?;
        // As intake names whom the texts of an account are about, and where in its jobs they stand.
        let subject = vault.subject(&self.book, "subject", account);
        vault.open_text(subject, "/text", sealed).ok()
    }
}

impl<D: Disk> Texts for AccountTexts<D> {
    fn of_account(&self, account: &str, sealed: &[u8]) -> Opened {
        match self.open(account, sealed) {
            Some(vault::Opened::Text(said)) => {
                String::from_utf8(said).map_or(Opened::Sealed, Opened::Text)
            }
            Some(vault::Opened::Erased) => Opened::Erased,
            Some(vault::Opened::Unreadable) | None => Opened::Sealed,
        }
    }
}
