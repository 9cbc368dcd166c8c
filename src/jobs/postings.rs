//! The legs of a document's entry: accounts found by role, amounts summed per account.

use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::currency::Currency;
use crate::ledger::{Book, Plan, Rejection, Side};
use crate::money::Minor;

/// An account that is there and not closed. Whether its side is frozen is known once sums are.
pub(crate) fn open_account(book: &Book, name: &str, path: &str) -> Result<AccountIndex, Rejection> {
    let index = book.account(name, path)?;
    let closed = book
        .accounts()
        .get(index)
        .is_some_and(|account| account.closed);
    if closed {
        return Err(Rejection::new(Code::AccountClosed)
            .at(path)
            .with_text("account", name));
    }
    Ok(index)
}

/// The account of a role, called like its default account: the one that the records name, else the
/// default.
pub(crate) fn role_account(
    book: &Book,
    default: &str,
    path: &str,
) -> Result<AccountIndex, Rejection> {
    open_account(book, book.reference().role(default), path)
}

/// The account of what was earned or promised before it is billed, if the book's records name one:
/// then it is debited in place of the customer, and the invoice credits it.
pub(crate) fn contract_asset(book: &Book) -> Option<&str> {
    book.reference().role_account("contract_asset")
}

/// The first of two roles that has an account of its own or whose default account the book has; if
/// neither has, the last is missing.
pub(crate) fn first_role<'n>(book: &'n Book, [first, last]: [&'n str; 2]) -> &'n str {
    let reference = book.reference();
    if reference.role_account(first).is_some() || book.accounts().find(first).is_some() {
        reference.role(first)
    } else {
        reference.role(last)
    }
}

/// The first of two default accounts that the book has; if it has neither, the last is missing.
pub(crate) fn first_open(
    book: &Book,
    names: [&str; 2],
    path: &str,
) -> Result<AccountIndex, Rejection> {
    open_account(book, first_role(book, names), path)
}

/// The other side of a document's entry: credits by account in order of first use; a debit is a
/// negative credit.
#[derive(Debug, Default)]
pub(crate) struct Postings {
    sums: Vec<Posting>,
}

#[derive(Debug)]
struct Posting {
    account: AccountIndex,
    credit: Minor,
    /// Where the account was first asked for.
    path: String,
}

impl Postings {
    /// Credit an account, or debit it if the amount is negative.
    pub(crate) fn credit(&mut self, account: AccountIndex, amount: Minor, path: &str) {
        match self.sums.iter_mut().find(|known| known.account == account) {
            Some(known) => known.credit += amount,
            None => self.sums.push(Posting {
                account,
                credit: amount,
                path: path.to_owned(),
            }),
        }
    }

    /// These and others, summed per account.
    pub(crate) fn with(&self, others: &Self) -> Self {
        let mut all = Self::default();
        for posting in self.sums.iter().chain(&others.sums) {
            all.credit(posting.account, posting.credit, &posting.path);
        }
        all
    }

    /// Where an account was first asked for, if it was.
    pub(crate) fn path_of(&self, account: AccountIndex) -> Option<&str> {
        let mut sums = self.sums.iter();
        sums.find(|known| known.account == account)
            .map(|known| &*known.path)
    }

    /// An account that others post to as well, and where they asked for it.
    pub(crate) fn shared<'p>(&self, others: &'p Self) -> Option<(AccountIndex, &'p str)> {
        let mut sums = self.sums.iter();
        sums.find_map(|known| Some((known.account, others.path_of(known.account)?)))
    }

    /// How many legs there are.
    pub(crate) fn len(&self) -> usize {
        self.sums.iter().filter(|known| known.credit != 0).count()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.sums.iter().all(|known| known.credit == 0)
    }

    /// Step 7, its end: no side that is posted to is frozen.
    pub(crate) fn check_sides(&self, book: &Book) -> Result<(), Rejection> {
        for posting in &self.sums {
            if posting.credit != 0 {
                book.check_usable(posting.account, side(posting.credit))
                    .map_err(|refusal| refusal.at(posting.path.clone()))?;
            }
        }
        Ok(())
    }

    /// Step 8: every account is in the currency.
    pub(crate) fn check_units(
        &self,
        book: &Book,
        currency: &Currency<'_>,
    ) -> Result<(), Rejection> {
        let mut sums = self.sums.iter();
        sums.try_for_each(|posting| currency.check_account(book, posting.account, &posting.path))
    }

    /// The legs of the entry asked for last: the debit of the other account first.
    pub(crate) fn write(
        &self,
        plan: &mut Plan,
        debited: AccountIndex,
        amount: Minor,
    ) -> Result<(), Rejection> {
        plan.signed_leg(debited, Side::Debit, amount, "")?;
        self.write_alone(plan)
    }

    /// The legs of the entry asked for last, without a debited account of their own.
    pub(crate) fn write_alone(&self, plan: &mut Plan) -> Result<(), Rejection> {
        for posting in &self.sums {
            plan.signed_leg(posting.account, Side::Credit, posting.credit, &posting.path)?;
        }
        Ok(())
    }
}

fn side(credit: Minor) -> Side {
    if credit < 0 {
        Side::Debit
    } else {
        Side::Credit
    }
}
