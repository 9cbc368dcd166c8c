use serde_json::{Value as Json, json};

use super::{Setup, SetupFault, compile};
use crate::ids::UnitIndex;
use crate::jobs::desk::Desk;
use crate::ledger::account::Freeze;
use crate::ledger::effect::DocumentChange;
use crate::ledger::reference::Record;
use crate::ledger::{Book, DocumentKind, DocumentState, Effect, Side};
use crate::raw_json::RawJson;
use crate::time::{Date, Zone};

fn parts(members: &Json) -> Result<Setup, SetupFault> {
    let members = members.as_object().unwrap().iter();
    let raw = members.map(|(name, value)| (name.clone(), RawJson::new(value.to_string())));
    compile(&raw.collect::<Vec<_>>())
}

#[track_caller]
fn unfit(members: &Json, member: &str) {
    let fault = parts(members).unwrap_err();
    assert_eq!(fault.member, member, "{fault}");
}

fn accounts() -> Json {
    json!({
        "bank/main": {
            "unit": "EUR", "class": "asset", "opening": "100.00", "min_available": "-50.00",
            "max_balance": "1000.00", "freeze": "debit", "labels": { "team": "t1" },
        },
        "rev/sales": { "unit": "EUR", "class": "income", "opening": "130.00" },
        "ar/c-1": { "unit": "EUR", "class": "asset", "opening": "-30.00" },
        "stock/a": { "unit": "BOX", "class": "asset", "opening": "5" },
        "stock/b": { "unit": "BOX", "class": "asset", "opening": "0.500" },
        "bank/yen": { "unit": "JPY", "class": "asset" },
    })
}

#[test]
fn accounts_begin_with_limits_and_openings() {
    let desk = Desk::given(&accounts(), &json!({}));
    let book = desk.book();
    let bank = book.accounts().by_name("bank/main").unwrap();
    assert_eq!(
        (bank.min_available(), bank.max_balance()),
        (Some(-5_000), Some(100_000))
    );
    assert_eq!((bank.balance(), bank.freeze), (10_000, Freeze::Debit));
    assert_eq!(desk.balance("ar/c-1"), "-30.00");
    assert_eq!(desk.balance("rev/sales"), "130.00");
    // 100.00 and −30.00 on the debit side, 130.00 on the credit side.
    assert_eq!(desk.balance("opening/EUR"), "-60.00");
    assert!(
        book.accounts().by_name("opening/JPY").is_none(),
        "nothing stands against it"
    );
    assert_eq!(book.next_entry().0, 1, "openings take no number");
}

#[test]
fn openings_are_dated_before_every_period() {
    let parts = parts(&json!({ "accounts": accounts() })).unwrap();
    let posts: Vec<_> = parts.effects.iter().filter_map(Effect::as_post).collect();
    assert_eq!(posts.len(), 2, "one a unit that has something");
    let sides = |leg: &crate::ledger::Leg| (leg.side == Side::Debit, leg.amount);
    let boxes: Vec<_> = parts.legs[4..].iter().map(sides).collect();
    assert_eq!(boxes, [(true, 5_000), (true, 500), (false, 5_500)]);
    let before = |date: Date| !date.in_range();
    assert!(
        posts
            .iter()
            .all(|post| post.opening && before(post.booking_date))
    );
}

#[test]
fn own_units_have_the_decimals_of_their_openings_or_those_declared() {
    let desk = Desk::given(&accounts(), &json!({}));
    assert_eq!(desk.book().units().find("BOX").unwrap().decimals, 3);
    assert_eq!(desk.balance("stock/a"), "5.000");
    let declared = Desk::given(&json!({}), &json!({ "units": { "PT": 0, "XBT": 8 } }));
    assert_eq!(declared.book().units().find("XBT").unwrap().decimals, 8);
    let row = |unit: &str, opening: &str| {
        let row = json!({ "unit": unit, "class": "asset", "opening": opening });
        json!({ "w": row })
    };
    unfit(&json!({ "units": { "EUR": 3 } }), "units.EUR");
    unfit(
        &json!({ "units": { "PT": 0 }, "accounts": row("PT", "0.5") }),
        "accounts.w.opening",
    );
    unfit(
        &json!({ "accounts": row("EUR", "0.005") }),
        "accounts.w.opening",
    );
    let bare = json!({ "accounts": { "w": { "unit": "PT", "class": "asset" } } });
    unfit(&bare, "accounts.w.unit");
}

#[test]
fn mistakes_in_accounts_have_their_place() {
    let with = |changes: &Json| {
        let mut row = json!({ "unit": "EUR", "class": "asset" });
        for (name, value) in changes.as_object().unwrap() {
            row[name] = value.clone();
        }
        json!({ "accounts": { "bank/main": row } })
    };
    unfit(
        &with(&json!({ "class": "wealth" })),
        "accounts.bank/main.class",
    );
    unfit(
        &with(&json!({ "opening": 5 })),
        "accounts.bank/main.opening",
    );
    unfit(
        &with(&json!({ "freeze": "all" })),
        "accounts.bank/main.freeze",
    );
    unfit(&with(&json!({ "limit": "1" })), "accounts.bank/main.limit");
    unfit(
        &with(&json!({ "labels": { "a": 1 } })),
        "accounts.bank/main.labels.a",
    );
    unfit(
        &json!({ "accounts": { "Bank": { "unit": "EUR", "class": "asset" } } }),
        "accounts.Bank",
    );
    unfit(&json!({ "accounts": [] }), "accounts");
    unfit(&json!({ "account": {} }), "account");
}

#[test]
fn open_items_and_invoices_become_documents() {
    let config = json!({
        "taxes": { "DE19": { "category": "S", "rate": "19" } },
        "open_items": [
            { "document": "RE-1", "customer": "c-1", "due": "2026-05-01", "open": "100.00" },
        ],
        "invoices": { "RE-2": {
            "customer": "c-1", "tax_code": "DE19", "net": "100.00", "tax": "19.00",
            "gross": "119.00", "open": "0.00", "state": "paid",
        } },
        "subscriptions": { "sub-1": { "customer": "c-1", "currency": "USD", "price": "10.00" } },
    });
    let desk = Desk::given(&accounts(), &config);
    let documents = desk.book().documents();
    let item = documents.get("RE-1").unwrap();
    assert_eq!(
        (item.kind, item.state),
        (DocumentKind::Invoice, DocumentState::Open)
    );
    assert_eq!((item.open, item.due), (10_000, Date::parse("2026-05-01")));
    assert_eq!((&*item.party, item.minor("total")), ("c-1", 10_000));
    let open: Vec<&str> = documents
        .open_items("c-1")
        .map(|(number, _)| number)
        .collect();
    assert_eq!(open, ["RE-1"]);
    let paid = documents.get("RE-2").unwrap();
    assert_eq!((paid.state, paid.open), (DocumentState::Paid, 0));
    assert_eq!(
        (paid.minor("tax_exclusive"), paid.minor("total")),
        (10_000, 11_900)
    );
    let subscription = documents.of_kind(DocumentKind::Subscription, "sub-1");
    let subscription = subscription.unwrap();
    assert_eq!(subscription.text("price"), "10.00");
    assert_eq!(desk.book().units().code(subscription.unit), "USD");
}

#[test]
fn a_number_that_a_series_will_give_is_not_configured() {
    let item = |number: &str| json!([{ "document": number, "customer": "c-1", "open": "1.00" }]);
    let with = |number: &str, series: Json| {
        let open = item(number);
        parts(&json!({ "accounts": accounts(), "open_items": open, "series": series }))
    };
    for taken in ["PAY-000001", "CH-000007", "DN-999999"] {
        let said = with(taken, json!({})).unwrap_err().to_string();
        assert!(said.contains("will give this number"), "{said}");
    }
    // Bills look for themselves, and these are no numbers of a series, or behind it.
    for free in ["INV-000001", "PAY-1", "DN-1000000", "PAYS-000001"] {
        assert!(with(free, json!({})).is_ok(), "{free}");
    }
    let ahead = json!({ "PAY": { "next": 2, "width": 6 } });
    assert!(with("PAY-000001", ahead.clone()).is_ok());
    assert!(with("PAY-000002", ahead).is_err());
}

#[test]
fn a_document_begins_once() {
    let mut book = Book::new("main", None, Zone::find("UTC").unwrap(), 0);
    let mut begin = |kind, number: &str, version| {
        let change = DocumentChange {
            number: number.into(),
            kind,
            state: DocumentState::Active,
            version,
            unit: UnitIndex::default(),
            party: "".into(),
            due: None,
            open: 0,
            set: Vec::new(),
        };
        book.apply(&Effect::Document(Box::new(change)), &[])
    };
    assert!(begin(DocumentKind::Subscription, "PAY-000001", 1).is_ok());
    assert!(begin(DocumentKind::Payment, "PAY-000001", 1).is_ok());
    assert!(begin(DocumentKind::Payment, "PAY-000001", 2).is_ok());
    let again = begin(DocumentKind::Payment, "PAY-000001", 1).unwrap_err();
    assert_eq!(again.what, "document PAY-000001 began before");
    let other = begin(DocumentKind::Invoice, "PAY-000001", 3).unwrap_err();
    assert_eq!(other.what, "document PAY-000001 began before");
}

#[test]
fn mistakes_in_documents_have_their_place() {
    let with = |name: &str, value: Json| json!({ "accounts": accounts(), name: value });
    let item = |customer: &str, open: &str| {
        let document = "RE-1";
        json!({ "document": document, "customer": customer, "open": open })
    };
    unfit(
        &with("open_items", json!([item("c-9", "1.00")])),
        "open_items[0].customer",
    );
    unfit(
        &with("open_items", json!([item("c-1", "-1.00")])),
        "open_items[0].open",
    );
    let twice = json!([item("c-1", "1.00"), item("c-1", "1.00")]);
    unfit(&with("open_items", twice), "open_items[1]");
    let invoice = |gross: &str, open: &str, state: &str| {
        json!({ "R": {
            "customer": "c-1", "tax_code": "DE19", "net": "100.00", "tax": "19.00",
            "gross": gross, "open": open, "state": state,
        } })
    };
    unfit(
        &with("invoices", invoice("119.00", "0.00", "paid")),
        "invoices.R.tax_code",
    );
    unfit(
        &with("invoices", invoice("120.00", "0.00", "paid")),
        "invoices.R",
    );
    unfit(
        &with("invoices", invoice("119.00", "1.00", "paid")),
        "invoices.R",
    );
    unfit(
        &with("invoices", invoice("119.00", "1.00", "open")),
        "invoices.R",
    );
    unfit(
        &with("invoices", invoice("119.00", "0.00", "lost")),
        "invoices.R.state",
    );
    let subscription = json!({ "s": { "customer": "c", "currency": "EURO", "price": "1" } });
    unfit(
        &with("subscriptions", subscription),
        "subscriptions.s.currency",
    );
}

#[test]
fn all_other_members_become_records() {
    let config = json!({
        "taxes": { "DE19": { "category": "S", "rate": "19" } },
        "rates": { "base": [{ "from": "2025-01-01", "rate": "2.27" }] },
        "price_list": {
            "api": { "currency": "USD", "model": "per_unit", "tiers": [{ "price": "1" }] }
        },
        "calendars": { "own": { "weekends": [5, 6] } },
        "calendar": "own",
        "users": { "user:anna": ["clerk"] },
        "series": { "RE-2026": { "next": 1, "width": 6 } },
        "rounding": "half_even",
        "usage": { "period": "job" },
        "proration": { "net_rounding": "per_line" },
        "writeoff": { "limit_without_approval": "150.00" },
        "recon": { "tolerance": { "amount": "2.00", "to": "exp/bank_fees" } },
        "fee_plan": { "percent": "2.9", "fixed": "0.30", "returned_on_refund": false },
        "reserve": { "percent": "10", "basis": "gross_sales", "release_days": 90 },
        "pan_policy": "mask",
        "retention": { "booking_voucher_years": 8, "books_years": 10 },
        "last_document": { "subject": "c-1", "kind": "invoice", "date": "2025-03-14" },
    });
    let desk = Desk::given(&accounts(), &config);
    let reference = desk.book().reference();
    let today = Date::parse("2026-01-01").unwrap();
    let single = [
        Record::Rounding,
        Record::Usage,
        Record::Proration,
        Record::WriteOff,
        Record::Reconciliation,
        Record::FeePlan,
        Record::Reserve,
        Record::PanPolicy,
        Record::Retention,
        Record::BookCalendar,
        Record::LastDocument,
    ];
    let name = |record: Record| match record {
        Record::BookCalendar => "calendar",
        other => other.text(),
    };
    for record in single {
        assert!(
            reference.value(record, name(record), today).is_some(),
            "{}",
            record.text()
        );
    }
    let named = [
        (Record::Tax, "DE19"),
        (Record::Rate, "base"),
        (Record::Price, "api"),
        (Record::Calendar, "own"),
        (Record::User, "user:anna"),
        (Record::Series, "RE-2026"),
    ];
    for (record, name) in named {
        assert!(reference.value(record, name, today).is_some(), "{name}");
    }
    assert!(reference.has_role("user:anna", "clerk", today));
    let friday = Date::parse("2026-01-02").unwrap();
    assert!(!reference.book_calendar(today).is_business_day(friday));
    assert!(
        desk.book().series("BR-2026").is_none(),
        "the list of series is closed"
    );
    assert_eq!(desk.book().series("RE-2026").unwrap().next, 1);
}

#[test]
fn an_empty_list_of_series_leaves_the_built_in_ones() {
    let closed = Desk::given(&accounts(), &json!({ "series": {} }));
    let any = Desk::given(&accounts(), &json!({}));
    for (name, known) in [("RE-2026", false), ("PAY", true)] {
        assert_eq!(closed.book().series(name).is_some(), known, "{name}");
        assert!(any.book().series(name).is_some(), "{name}");
    }
    // A snapshot keeps it.
    let again = closed.carried();
    assert!(again.series("RE-2026").is_none());
}

#[test]
fn what_nothing_obeys_yet_is_named() {
    let config = json!({
        "screening": { "kinds": ["payout.settle"], "on_unknown": "park" },
        "functional_unit": "EUR",
    });
    let parts = parts(&config).unwrap();
    assert_eq!(parts.unobeyed, ["screening"]);
    assert_eq!(parts.functional_unit.as_deref(), Some("EUR"));
}

#[test]
fn personal_text_is_handed_on_and_comes_back_sealed() {
    let text = json!({ "subject": "c-1", "account": "ar/c-1", "text": "Erika Musterfrau" });
    let mut parts = parts(&json!({ "accounts": accounts(), "personal_text": text })).unwrap();
    let personal = parts.personal.pop().unwrap();
    assert_eq!(
        (&*personal.subject, &*personal.text),
        ("c-1", "Erika Musterfrau")
    );
    assert!(!format!("{personal:?}").contains("Erika"));
    let before = parts.effects.len();
    parts.seal(personal.account, vec![1, 2]);
    let Some(Effect::AccountChanged { change, .. }) = parts.effects.get(before) else {
        panic!("no change of the account");
    };
    assert_eq!(change.text.as_deref(), Some(&[1, 2][..]));
    let nowhere = json!({ "subject": "c", "account": "ar/c-9", "text": "x" });
    unfit(
        &json!({ "personal_text": nowhere }),
        "personal_text.account",
    );
}
