//! Seals texts with the partition's vault.

use crate::journal::file::disk::Disk;
use crate::ledger::Book;
use crate::pipeline::decode::{Sealer, Subject};
use crate::vault::{SubjectId, Vault, VaultFault};

/// The vault, with the names of the books.
pub struct VaultSealer<D: Disk> {
    vault: Vault<D>,
    books: Vec<Box<str>>,
}

impl<D: Disk> VaultSealer<D> {
    /// A sealer for these books.
    pub fn new(vault: Vault<D>, books: &[Book]) -> Self {
        Self {
            vault,
            books: books.iter().map(|book| book.name().into()).collect(),
        }
    }

    fn id(&self, subject: &Subject) -> SubjectId {
        let book = self
            .books
            .get(subject.book.slot())
            .map_or("", |name| &**name);
        self.vault.subject(book, subject.what, &subject.name)
    }
}

impl<D: Disk> Sealer for VaultSealer<D> {
    type Fault = VaultFault;

    fn ensure(&mut self, subjects: &[Subject]) -> Result<(), VaultFault> {
        let ids: Vec<SubjectId> = subjects.iter().map(|subject| self.id(subject)).collect();
        self.vault.ensure(&ids)
    }

    fn seal(
        &mut self,
        subject: &Subject,
        purpose: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultFault> {
        self.vault.seal(self.id(subject), purpose, plain)
    }
}
