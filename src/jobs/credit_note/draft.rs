//! What a credit note takes back, by tax group: the numbers, and the accounts of the nets.

use super::{Issue, NoteLine};
use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::billing::{Bill, BillLine, LineTerms, TaxRounding};
use crate::jobs::currency::Currency;
use crate::jobs::exchange::{Part, PartKind};
use crate::jobs::invoice::accounts::group_account;
use crate::jobs::invoice::issue::{ALLOWANCES_NET, EXTRAS, revenue_of};
use crate::jobs::invoice::lines::overflow;
use crate::jobs::invoice::revenue_name;
use crate::jobs::postings::open_account;
use crate::jobs::receivable::{CREDITED, Group, groups, mode, shares, taken_back};
use crate::ledger::plan::echo;
use crate::ledger::{Book, Document, Rejection, Value};
use crate::money::share::largest_remainder;
use crate::money::{Minor, Number, Percent, Ratio, Rounding};
use crate::time::Date;

/// Where the invoice stands in the data.
pub(super) const PATH: &str = "/invoice";
/// Member of an invoice: what was credited of each tax group.
pub(super) const CREDITED_TAX: &str = "credited_tax";

/// The numbers of a line and its amount.
pub(super) type Read = (LineTerms, Minor);

/// Step 6: the numbers of every line.
pub(super) fn numbers(
    job: &Issue,
    currency: &Currency<'_>,
    mode: Rounding,
) -> Result<Vec<Read>, Rejection> {
    let lines = job.lines.iter().flatten().enumerate();
    lines
        .map(|(at, line)| line.numbers().read(at, currency, mode))
        .collect()
}

/// What is taken back of a tax group.
#[derive(Debug)]
pub(super) struct Share<'a> {
    /// The group as the invoice keeps it.
    pub(super) group: Group<'a>,
    /// Net that is taken back.
    pub(super) base: Minor,
    /// Tax that is taken back.
    pub(super) tax: Minor,
    /// What of the net lines take from accounts that they name: place and amount.
    named: Vec<(usize, Minor)>,
}

/// An invoice, and what can be credited of it.
#[derive(Debug)]
pub(super) struct Credited<'a> {
    invoice: &'a Document,
    mode: Rounding,
    /// Gross amount of the invoice.
    gross: Minor,
    /// What was credited before.
    pub(super) before: Minor,
    /// What can still be credited.
    pub(super) creditable: Minor,
    /// What is left of each tax group.
    left: Vec<Group<'a>>,
    /// The groups as they were invoiced.
    whole: Vec<Group<'a>>,
}

impl<'a> Credited<'a> {
    pub(super) fn of(book: &Book, invoice: &'a Document) -> Self {
        let whole = groups(invoice);
        let (gross, before) = (invoice.minor("tax_inclusive"), invoice.minor(CREDITED));
        let known = match invoice.member(CREDITED_TAX) {
            Some(Value::List(list)) => list.as_slice(),
            Some(_) | None => &[],
        };
        let left = whole.iter().map(|group| {
            let mut left = *group;
            for known in known.iter().filter_map(Group::of) {
                if (known.code, known.rate) == (group.code, group.rate) {
                    left.base -= known.base;
                    left.tax -= known.tax;
                }
            }
            left
        });
        Self {
            invoice,
            mode: mode(book, invoice),
            gross,
            before,
            creditable: gross - taken_back(invoice),
            left: left.collect(),
            whole,
        }
    }

    /// Whether nothing of the invoice was taken back before.
    fn is_untouched(&self) -> bool {
        self.creditable == self.gross
    }

    /// Whether crediting so much more leaves nothing.
    pub(super) fn is_all(&self, total: Minor) -> bool {
        self.before + total == self.gross
    }

    /// What is left of each tax group.
    pub(super) fn rest(&self) -> Result<Vec<Share<'a>>, Rejection> {
        let left: Minor = self.left.iter().map(Group::gross).sum();
        let parts = if left == self.creditable {
            self.left.iter().map(|left| (left.base, left.tax)).collect()
        } else {
            let split = shares(&self.left, self.creditable.max(0), self.mode);
            let split = split.ok_or_else(|| overflow(PATH))?;
            let parts = split.into_iter().map(|(part, tax)| (part - tax, tax));
            parts.collect::<Vec<_>>()
        };
        let parts = self.whole.iter().zip(parts);
        let shares = parts.map(|(group, (base, tax))| Share {
            group: *group,
            base,
            tax,
            named: Vec::new(),
        });
        Ok(shares
            .filter(|share| share.base != 0 || share.tax != 0)
            .collect())
    }

    /// What lines take back: totals by the invoice's rules.
    pub(super) fn of_lines(
        &self,
        lines: &[NoteLine],
        numbers: &[Read],
        decimals: u8,
    ) -> Result<Vec<Share<'a>>, Rejection> {
        let mut shares: Vec<Share<'a>> = Vec::new();
        let mut bill = self.bill(decimals);
        let mut places = Vec::with_capacity(lines.len());
        for ((at, line), (terms, amount)) in lines.iter().enumerate().zip(numbers) {
            let group = self.group(line, at)?;
            let same = |share: &Share<'_>| share.group == group;
            let place = shares.iter().position(same).unwrap_or_else(|| {
                shares.push(Share {
                    group,
                    base: 0,
                    tax: 0,
                    named: Vec::new(),
                });
                bill.factors.push(factor(&group));
                shares.len().saturating_sub(1)
            });
            places.push(place);
            bill.lines.push(BillLine {
                terms: by_piece(terms).then_some(*terms),
                amount: *amount,
                group: place,
            });
        }
        // Without allowances and charges of the document nothing else can go wrong.
        let totals = bill.totals().map_err(|_overflow| overflow("/lines"))?;
        for (share, total) in shares.iter_mut().zip(&totals.groups) {
            (share.base, share.tax) = (total.base, total.tax);
        }
        let nets = lines.iter().zip(&totals.line_nets).enumerate();
        for ((at, (line, net)), place) in nets.zip(places) {
            if line.revenue.is_some()
                && let Some(share) = shares.get_mut(place)
            {
                share.named.push((at, *net));
            }
        }
        Ok(shares)
    }

    fn bill(&self, decimals: u8) -> Bill {
        let rounding = self.invoice.text("tax_rounding");
        let known = TaxRounding::ALL.iter().find(|one| one.text() == rounding);
        Bill {
            decimals,
            mode: self.mode,
            tax_rounding: known.copied().unwrap_or_default(),
            inclusive: self.invoice.member("prices_include_tax") == Some(&Value::Bool(true)),
            factors: Vec::new(),
            lines: Vec::new(),
            allowances: Vec::new(),
            charges: Vec::new(),
        }
    }

    /// The tax group of the invoice that a line belongs to.
    fn group(&self, line: &NoteLine, at: usize) -> Result<Group<'a>, Rejection> {
        let path = format!("/lines/{at}/tax");
        let refusal = || Rejection::new(Code::TaxCodeUnknown).at(path);
        match (&line.tax, self.whole.as_slice()) {
            (Some(code), groups) => {
                let named = groups.iter().find(|group| group.code == code.as_str());
                named.copied().ok_or_else(|| {
                    refusal()
                        .with_text("tax", echo(code))
                        .with_text("reason", "the invoice has no line with it")
                })
            }
            (None, [only]) => Ok(*only),
            (None, _) => Err(refusal().with_text("reason", "the invoice has several; name one")),
        }
    }

    /// The accounts from which the nets and taxes are taken back, as credits below zero.
    pub(super) fn parts(
        &self,
        book: &Book,
        job: &Issue,
        shares: &[Share<'a>],
        booking: Date,
    ) -> Result<Vec<Part>, Rejection> {
        let mut parts = Vec::new();
        if job.full == Some(true) && self.is_untouched() && self.has_revenue() {
            for (account, amount) in self.mirrored() {
                parts.push(part(open_account(book, &account, PATH)?, amount, PATH));
            }
        } else {
            for share in shares {
                self.nets(book, job, share, booking, &mut parts)?;
            }
        }
        for share in shares.iter().filter(|share| share.tax != 0) {
            let account = share.group.tax_account(book, PATH)?;
            let before = -self.tax_before(&share.group);
            let kind = PartKind::Tax { before };
            parts.push(Part {
                kind,
                ..part(account, share.tax, PATH)
            });
        }
        Ok(parts)
    }

    /// The tax of a group that was credited before.
    fn tax_before(&self, group: &Group<'_>) -> Minor {
        let groups = self.whole.iter().zip(&self.left);
        let same = groups.filter(|(whole, _)| *whole == group);
        same.map(|(whole, left)| whole.tax - left.tax).sum()
    }

    /// Whether the invoice says where its revenue went.
    fn has_revenue(&self) -> bool {
        self.revenue(None).next().is_some()
    }

    /// Everything that the invoice credited besides tax.
    fn mirrored(&self) -> impl Iterator<Item = (String, Minor)> {
        let revenue = self.revenue(None);
        let amounts = [
            self.invoice.minor(ALLOWANCES_NET) - self.invoice.minor("allowances"),
            self.invoice.minor("charges"),
        ];
        let extras = EXTRAS.iter().zip(amounts);
        let extras = extras.map(|((role, name), amount)| {
            let named = self.invoice.text(name);
            (if named.is_empty() { role } else { named }, amount)
        });
        revenue
            .chain(extras)
            .filter(|(_, amount)| *amount != 0)
            .map(|(account, amount)| (account.to_owned(), amount))
    }

    /// Where the revenue of a tax group, or of all, went.
    fn revenue(&self, code: Option<&'a str>) -> impl Iterator<Item = (&'a str, Minor)> {
        let all = revenue_of(self.invoice);
        let wanted = all.filter(move |(_, tax, _)| code.is_none_or(|code| code == *tax));
        wanted.map(|(account, _, amount)| (account, amount))
    }

    /// The nets of a group: from the accounts that lines name, else from those of the invoice.
    fn nets(
        &self,
        book: &Book,
        job: &Issue,
        share: &Share<'a>,
        booking: Date,
        parts: &mut Vec<Part>,
    ) -> Result<(), Rejection> {
        let mut rest = share.base;
        for (at, net) in &share.named {
            let line = job.lines.iter().flatten().nth(*at);
            if let Some(name) = line.and_then(|line| line.revenue.as_ref()) {
                let path = format!("/lines/{at}/revenue");
                let account = open_account(book, &revenue_name(book, name), &path)?;
                parts.push(part(account, *net, &path));
            }
            rest -= net;
        }
        if rest == 0 {
            return Ok(());
        }
        let known: Vec<(&str, Minor)> = self.revenue(Some(share.group.code)).collect();
        if known.is_empty() {
            let account = group_account(book, &share.group, booking, PATH)?;
            parts.push(part(account, rest, PATH));
            return Ok(());
        }
        let weights: Vec<Minor> = known.iter().map(|(_, amount)| (*amount).max(0)).collect();
        let sum: Minor = known.iter().map(|(_, amount)| *amount).sum();
        let split = match known.as_slice() {
            [_only] => Some(vec![rest]),
            all if sum == rest => Some(all.iter().map(|(_, amount)| *amount).collect()),
            _several => largest_remainder(rest, &weights),
        };
        let split = split.ok_or_else(|| overflow(PATH))?;
        for ((name, _), amount) in known.iter().zip(split) {
            if amount != 0 {
                parts.push(part(open_account(book, name, PATH)?, amount, PATH));
            }
        }
        Ok(())
    }
}

/// A net that is taken back from an account.
fn part(account: AccountIndex, amount: Minor, path: &str) -> Part {
    Part {
        account,
        amount: -amount,
        path: path.to_owned(),
        kind: PartKind::Net,
    }
}

/// The factor of a group's tax: only category S has tax of the seller's.
fn factor(group: &Group<'_>) -> Ratio {
    let rate = Number::parse(group.rate).ok();
    let rate = rate.and_then(|rate| Percent::new(rate).ok());
    let factor = rate.filter(|_| group.category == "S");
    let factor = factor.and_then(Percent::factor);
    factor.unwrap_or(Ratio::whole(0))
}

/// Whether a line has whole pieces, so that its tax can be rounded on one of them.
fn by_piece(terms: &LineTerms) -> bool {
    let plain = terms.base_quantity.is_none() && terms.allowance == 0 && terms.charge == 0;
    plain && terms.quantity.is_whole()
}
