use super::*;

fn members(json: &str) -> Vec<(String, RawJson)> {
    let values: serde_json::Value = serde_json::from_str(json).unwrap();
    let object = values.as_object().unwrap();
    object
        .iter()
        .map(|(name, value)| (name.clone(), RawJson::new(value.to_string())))
        .collect()
}

fn refused(json: &str) -> String {
    compile(&members(json)).unwrap_err().to_string()
}

#[test]
fn openings_balance_against_an_account_of_their_unit() {
    let setup = compile(&members(
        r#"{"accounts": {
            "bank/main": {"unit": "EUR", "class": "asset", "opening": "10.00"},
            "ar/c": {"unit": "EUR", "class": "asset", "opening": "-1.50"},
            "secu/S": {"unit": "SHR", "class": "liability", "opening": "600"},
            "cash/S": {"unit": "USD", "class": "liability", "opening": "0.00", "min_available": "0"}
        }}"#,
    ))
    .unwrap();
    let names: Vec<&str> = setup
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::AccountOpened(opened) => Some(&*opened.name),
            _other => None,
        })
        .collect();
    let expected = [
        "ar/c",
        "bank/main",
        "cash/S",
        "secu/S",
        "opening/EUR",
        "opening/SHR",
    ];
    assert_eq!(
        names, expected,
        "no opening account for a unit without openings"
    );
    let sum: i64 = setup
        .legs
        .iter()
        .map(|leg| {
            if leg.side == crate::ledger::Side::Debit {
                leg.amount
            } else {
                -leg.amount
            }
        })
        .sum();
    assert_eq!((setup.legs.len(), sum), (5, 0));
}

#[test]
fn an_unknown_member_is_named() {
    assert!(refused(r#"{"taxis": {}}"#).starts_with("taxis: "));
    assert!(refused(r#"{"taxes": {"DE19": {"category": "S"}}}"#).starts_with("taxes.DE19: "));
    assert!(refused(r#"{"taxes": {"X": {"category": "Q", "rate": "1"}}}"#).contains("category"));
    assert!(refused(r#"{"series": {"RE": {"next": 0}}}"#).starts_with("series.RE: "));
    let account = r#"{"accounts": {"Bank": {"unit": "EUR", "class": "asset"}}}"#;
    assert!(refused(account).starts_with("accounts.Bank: "));
    let item = r#"{"open_items": [{"document": "R", "customer": "c", "open": "1"}]}"#;
    assert_eq!(
        refused(item),
        "open_items[0].customer: the book has no account ar/c"
    );
}

#[test]
fn open_items_become_invoices_in_the_unit_of_their_customer() {
    let setup = compile(&members(
        r#"{"open_items": [{"document": "RE-1", "customer": "c", "open": "100.00", "due": "2026-05-01"}],
            "accounts": {"ar/c": {"unit": "EUR", "class": "asset", "opening": "100.00"}}}"#,
    ))
    .unwrap();
    let document = setup.effects.iter().find_map(|effect| match effect {
        Effect::Document(change) => Some(change),
        _other => None,
    });
    let document = document.unwrap();
    assert_eq!(
        (&*document.number, document.open, &*document.party),
        ("RE-1", 10_000, "c")
    );
}
