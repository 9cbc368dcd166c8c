//! The references and the structure of an invoice: steps 7 to 9 of the order of checks.

use std::borrow::Cow;

use super::accounts::{Line, extra_account, line_account, tax_account};
use super::allowances::{are_net, lessen};
use super::lines::overflow;
use super::order::{Deferral, Order};
use crate::code::Code;
use crate::ids::AccountIndex;
use crate::jobs::billing::{Bill, BillFault, Totals};
use crate::jobs::exchange::{Earned, Exchange, Part, PartKind};
use crate::jobs::postings::{Postings, open_account, role_account};
use crate::ledger::plan::echo;
use crate::ledger::reference::TaxCode;
use crate::ledger::{Account, Book, Plan, Rejection, Side, Value};
use crate::money::{Minor, Ratio, Rounding};

/// A tax group: the lines and extras of one tax code, or those without one.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// The code; none for what is not taxed.
    pub(super) code: Option<Cow<'a, str>>,
    pub(super) tax: Option<&'a TaxCode>,
    /// Where the code stands first.
    pub(super) path: String,
}

/// What of a tax group went to which account: a credit note takes it back from there.
#[derive(Debug)]
pub(super) struct Revenue {
    pub(super) group: usize,
    pub(super) account: AccountIndex,
    /// Name of the account that earned it before it was billed.
    pub(super) earned: Option<String>,
    pub(super) amount: Minor,
}

/// What of the revenue is earned later.
#[derive(Debug)]
pub(super) struct Deferred {
    /// Place of the line.
    pub(super) line: usize,
    /// Where it waits.
    pub(super) account: AccountIndex,
    /// Name of the account that earns it.
    pub(super) revenue: String,
    pub(super) when: Deferral,
    pub(super) amount: Minor,
}

/// How the total is paid: what is set off, what is rounded away, what is left.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settled {
    pub(super) prepaid: Minor,
    pub(super) credit: Minor,
    pub(super) rounding: Minor,
    pub(super) payable: Minor,
}

/// An invoice whose references are found.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) receivable: AccountIndex,
    pub(super) groups: Vec<Group<'a>>,
    pub(super) revenue: Vec<Revenue>,
    pub(super) deferred: Vec<Deferred>,
    /// What of the allowances the nets of the lines were lessened by.
    pub(super) allowances_net: Minor,
    pub(super) exchange: Option<Exchange<'a>>,
    pub(super) settled: Settled,
    /// Set off against the receivable: debits are negative credits, in the currency.
    pub(super) claims: Postings,
    /// What the company earns, in the unit in which it is posted.
    pub(super) earned: Earned,
    totals: Result<Totals, BillFault>,
}

/// What the references of an invoice are found with.
pub(super) struct Search<'a, 'o> {
    book: &'a Book,
    order: &'o Order<'a>,
    bill: &'o mut Bill,
    groups: Vec<Group<'a>>,
    revenue: Vec<Revenue>,
    deferred: Vec<Deferred>,
    /// What of the allowances the nets of the lines were lessened by.
    allowances_net: Minor,
    /// What the company earns: the parts of the lines first, in their order.
    pub(super) parts: Vec<Part>,
    pub(super) totals: Result<Totals, BillFault>,
}

impl<'a> Draft<'a> {
    /// Step 7: customer, series, then line by line, in the order of the fields.
    pub(super) fn refer(
        book: &'a Book,
        order: &Order<'a>,
        bill: &mut Bill,
    ) -> Result<Self, Rejection> {
        let customer = &order.customer;
        let receivable =
            book.usable(&format!("ar/{customer}"), Side::Debit, order.customer_path)?;
        Plan::check_series(book, order.series, order.series_path)?;
        let mut search = Search::new(book, order, bill);
        search.lines_and_extras()?;
        let (settled, claims) = search.settled()?;
        let currency = &order.currency;
        let mode = search.bill.mode;
        let (rate, path) = ((order.rate, order.guard), order.rate_path);
        let exchange = Exchange::of_job(book, currency, rate, path, mode)?;
        let earned = Earned::of(&search.parts, exchange.as_ref())?;
        claims.check_sides(book)?;
        earned.postings.check_sides(book)?;
        Ok(Self {
            receivable,
            groups: search.groups,
            revenue: search.revenue,
            deferred: search.deferred,
            allowances_net: search.allowances_net,
            exchange,
            settled,
            claims,
            earned,
            totals: search.totals,
        })
    }

    /// Step 8.
    pub(super) fn check_units(&self, book: &Book, order: &Order<'_>) -> Result<(), Rejection> {
        let currency = &order.currency;
        currency.check(order.dates.issue, order.currency_path)?;
        currency.check_account(book, self.receivable, order.currency_path)?;
        self.claims.check_units(book, currency)?;
        self.earned
            .check_units(self.exchange.as_ref(), book, currency)
    }

    /// Step 9.
    pub(super) fn check_structure(
        &self,
        book: &Book,
        order: &Order<'_>,
    ) -> Result<Totals, Rejection> {
        let path = order.lines_path;
        if order.lines.is_empty() {
            return Err(Rejection::new(Code::DocumentNoLines).at(path));
        }
        let without_base = |list: &str, at: usize| {
            Rejection::new(Code::DiscountInvalid)
                .at(format!("/{list}/{at}"))
                .with_text("path", format!("/{list}/{at}"))
                .with_text("reason", "no line has a positive net; name its tax code")
        };
        let totals = match &self.totals {
            Ok(totals) => totals.clone(),
            Err(BillFault::AllowanceWithoutBase(at)) => {
                return Err(without_base("allowances", *at));
            }
            Err(BillFault::ChargeWithoutBase(at)) => return Err(without_base("charges", *at)),
            Err(BillFault::Overflow) => return Err(overflow(path)),
        };
        let decimals = order.currency.decimals();
        let negative = |path, total: Minor| {
            Rejection::new(Code::DocumentTotalNegative)
                .at(path)
                .with_amount("total", total, decimals)
        };
        if totals.tax_inclusive < 0 {
            return Err(negative(path, totals.tax_inclusive));
        }
        let rest = totals.tax_inclusive - self.settled.prepaid;
        if rest < 0 {
            return Err(negative("/apply_prepaid", rest).with_amount(
                "prepaid",
                self.settled.prepaid,
                decimals,
            ));
        }
        for postings in [&self.claims, &self.earned.postings] {
            if let Some(path) = postings.path_of(self.receivable) {
                let name = book.accounts().get(self.receivable);
                return Err(Rejection::new(Code::EntrySameAccount)
                    .at(path)
                    .with_text("account", name.map_or("", |account| &*account.name)));
            }
        }
        let links = if self.exchange.is_some() { 3 } else { 1 };
        let legs = self.claims.len().saturating_add(self.earned.postings.len());
        let legs = legs.saturating_add(links);
        let legs_max = book.reference().legs_max();
        if legs > legs_max {
            return Err(Rejection::new(Code::EntryTooManyLegs)
                .at(path)
                .with("legs", Value::count(legs))
                .with("limit", Value::count(legs_max)));
        }
        Ok(totals)
    }

    /// Step 12, the part that no limit says: nobody sets off more than was paid on account.
    pub(super) fn check_funds(&self, book: &Book, order: &Order<'_>) -> Result<(), Rejection> {
        let name = format!("prepaid/{}", order.customer);
        let available = book.accounts().by_name(&name).map_or(0, Account::available);
        let available = available + order.reserved.prepaid;
        let requested = self.settled.prepaid;
        if requested <= available.max(0) {
            return Ok(());
        }
        let decimals = order.currency.decimals();
        Err(Rejection::new(Code::InsufficientFunds)
            .at("/apply_prepaid")
            .with_text("account", name)
            .with_amount("available", available, decimals)
            .with_amount("requested", requested, decimals))
    }
}

impl<'a, 'o> Search<'a, 'o> {
    /// Nothing is found yet.
    pub(super) fn new(book: &'a Book, order: &'o Order<'a>, bill: &'o mut Bill) -> Self {
        Self {
            book,
            order,
            bill,
            groups: Vec::new(),
            revenue: Vec::new(),
            deferred: Vec::new(),
            allowances_net: 0,
            parts: Vec::new(),
            totals: Ok(Totals::default()),
        }
    }

    /// Tax groups, revenue accounts, totals, tax accounts: what the company earns.
    pub(super) fn lines_and_extras(&mut self) -> Result<(), Rejection> {
        let order = self.order;
        let mut accounts = Vec::with_capacity(order.lines.len());
        for (at, line) in order.lines.iter().enumerate() {
            let group = self.group(line.tax.clone(), &line.tax_path)?;
            if let Some(numbers) = self.bill.lines.get_mut(at) {
                numbers.group = group;
            }
            let tax = self.groups.get(group).and_then(|group| group.tax);
            accounts.push(line_account(self.book, order, line, tax)?);
        }
        let net = are_net(self.book, order.dates.issue);
        let mut allowances = self.extras(&order.allowances, "allowances", !net)?;
        let charges = self.extras(&order.charges, "charges", true)?;
        self.bill.factors = self.groups.iter().map(Group::factor).collect();
        self.totals = self.bill.totals();
        let totals = match &self.totals {
            Ok(totals) => totals.clone(),
            Err(BillFault::Overflow) => return Err(overflow(&self.largest_line())),
            // Nothing to be spread over: a matter of structure, refused in step 9.
            Err(BillFault::AllowanceWithoutBase(_) | BillFault::ChargeWithoutBase(_)) => {
                return Ok(());
            }
        };
        let mut nets = totals.line_nets.clone();
        let mut left = totals.allowances;
        if net {
            let lessened = lessen(&mut nets, &self.bill.lines, &totals.group_allowances);
            left = lessened.ok_or_else(|| overflow("/allowances"))?;
            self.allowances_net = totals.allowances - left;
            if left != 0 {
                allowances = Some(extra_account(self.book, "allowances")?);
            }
        }
        for (at, (line, net)) in accounts.into_iter().zip(nets).enumerate() {
            self.revenue(at, line, net);
        }
        let extras = [
            (allowances, "/allowances", -left),
            (charges, "/charges", totals.charges),
        ];
        for (account, path, amount) in extras {
            if let Some(account) = account {
                self.part(account, amount, path, PartKind::Net);
            }
        }
        self.taxes(&totals)
    }

    /// The place of a tax code among the groups; a new one goes to the end.
    fn group(&mut self, code: Option<Cow<'a, str>>, path: &str) -> Result<usize, Rejection> {
        if let Some(place) = self.groups.iter().position(|group| group.code == code) {
            return Ok(place);
        }
        let tax = match &code {
            None => None,
            Some(code) => Some(self.tax(code, path)?),
        };
        let path = path.to_owned();
        self.groups.push(Group { code, tax, path });
        Ok(self.groups.len().saturating_sub(1))
    }

    fn tax(&self, code: &str, path: &str) -> Result<&'a TaxCode, Rejection> {
        let on = self.order.dates.tax_point;
        let Some(tax) = self.book.reference().tax(code, on) else {
            return Err(Rejection::new(Code::TaxCodeUnknown)
                .at(path)
                .with_text("tax", echo(code)));
        };
        if tax.from.is_some_and(|from| on < from) || tax.to.is_some_and(|to| on > to) {
            let mut refusal = Rejection::new(Code::TaxNotValidOnDate)
                .at(path)
                .with_text("tax", echo(code))
                .with("date", Value::Date(on));
            for (name, day) in [("from", tax.from), ("to", tax.to)] {
                if let Some(day) = day {
                    refusal = refusal.with(name, Value::Date(day));
                }
            }
            return Err(refusal);
        }
        Ok(tax)
    }

    /// The tax groups of a list of extras, and the account that shows them, if one is to.
    fn extras(
        &mut self,
        codes: &[Option<&'a str>],
        name: &'static str,
        account: bool,
    ) -> Result<Option<AccountIndex>, Rejection> {
        for (at, code) in codes.iter().enumerate() {
            if let Some(code) = code {
                let path = format!("/{name}/{at}/tax");
                let group = self.group(Some(Cow::Borrowed(*code)), &path)?;
                let list = if name == "charges" {
                    &mut self.bill.charges
                } else {
                    &mut self.bill.allowances
                };
                if let Some(numbers) = list.get_mut(at) {
                    numbers.group = Some(group);
                }
            }
        }
        let list = if name == "charges" {
            &self.bill.charges
        } else {
            &self.bill.allowances
        };
        if !account || list.iter().all(|extra| extra.amount == 0) {
            return Ok(None);
        }
        extra_account(self.book, name).map(Some)
    }

    /// The revenue of a line, now or later.
    fn revenue(&mut self, at: usize, line: Line, net: Minor) {
        let group = self.bill.lines.get(at).map_or(0, |line| line.group);
        self.part(line.account, net, &line.path, PartKind::Net);
        let same = |known: &&mut Revenue| {
            (known.group, known.account, &known.earned) == (group, line.account, &line.earned)
        };
        match self.revenue.iter_mut().find(same) {
            Some(known) => known.amount += net,
            None => self.revenue.push(Revenue {
                group,
                account: line.account,
                earned: line.earned,
                amount: net,
            }),
        }
        if let Some((revenue, when)) = line.later {
            self.deferred.push(Deferred {
                line: at,
                account: line.account,
                revenue,
                when,
                amount: net,
            });
        }
    }

    /// The tax accounts, now that the taxes are known: a group without tax needs none.
    fn taxes(&mut self, totals: &Totals) -> Result<(), Rejection> {
        for (at, total) in totals.groups.iter().enumerate() {
            let Some(group) = self.groups.get(at) else {
                continue;
            };
            if let Some(tax) = group.tax.filter(|_| total.tax != 0) {
                let account = tax_account(
                    self.book,
                    tax.account.as_deref(),
                    &tax.rate_text,
                    &group.path,
                )?;
                let path = group.path.clone();
                self.part(account, total.tax, &path, PartKind::Tax { before: 0 });
            }
        }
        Ok(())
    }

    /// What is set off and rounded away, with the accounts that takes.
    fn settled(&mut self) -> Result<(Settled, Postings), Rejection> {
        let order = self.order;
        let total = self
            .totals
            .as_ref()
            .map_or(0, |totals| totals.tax_inclusive);
        let rest = (total - order.prepaid).max(0);
        let name = format!("credit/{}", order.customer);
        let credit = self
            .book
            .accounts()
            .find(&name)
            .filter(|_| order.apply_credit);
        let credit = credit.and_then(|index| Some((index, self.book.accounts().get(index)?)));
        // Credit in another currency is not this invoice's to use.
        let credit = credit.filter(|(_, account)| {
            self.book.units().code(account.unit) == order.currency.code() && !account.closed
        });
        let available = |account: &Account| account.available() + order.reserved.credit;
        let applied = credit.map_or(0, |(_, account)| available(account).clamp(0, rest));
        let left = rest - applied;
        let rounding = match order.coin {
            Some(coin) => to_coin(left, coin) - left,
            None => 0,
        };
        if rounding != 0 {
            let path = "/cash_rounding";
            let account = role_account(self.book, "rounding/cash", path)?;
            self.part(account, rounding, path, PartKind::Rounding);
        }
        let mut claims = Postings::default();
        if order.prepaid != 0 {
            let path = "/apply_prepaid";
            let name = format!("prepaid/{}", order.customer);
            claims.credit(open_account(self.book, &name, path)?, -order.prepaid, path);
        }
        if let Some((index, _)) = credit {
            claims.credit(index, -applied, "/apply_credit");
        }
        let settled = Settled {
            prepaid: order.prepaid,
            credit: applied,
            rounding,
            payable: left + rounding,
        };
        Ok((settled, claims))
    }

    fn part(&mut self, account: AccountIndex, amount: Minor, path: &str, kind: PartKind) {
        self.parts.push(Part {
            account,
            amount,
            path: path.to_owned(),
            kind,
        });
    }

    /// The line that a figure beyond the range is blamed on: the largest one.
    fn largest_line(&self) -> String {
        let lines = self.bill.lines.iter().enumerate();
        let largest = lines.max_by_key(|(_, line)| line.amount.abs());
        match (self.order.lines_path, largest) {
            ("/lines", Some((at, _))) => format!("/lines/{at}"),
            (path, _) => path.to_owned(),
        }
    }
}

/// The nearest multiple of a coin; a tie goes up.
fn to_coin(amount: Minor, coin: Minor) -> Minor {
    let coins = Ratio::new(amount, coin).map_or(amount, |coins| coins.round(Rounding::HalfUp));
    coins.saturating_mul(coin)
}

impl Group<'_> {
    /// The factor of the tax. Only category S has tax of the seller's: reverse charge, exports and
    /// exempt sales have none, whatever rate their record repeats.
    fn factor(&self) -> Ratio {
        let none = Ratio::whole(0);
        match self.tax {
            Some(tax) if &*tax.category == "S" => tax.rate.factor().unwrap_or(none),
            Some(_) | None => none,
        }
    }
}
