//! One document: where it stands, and its members one by one.

use super::{Column, Table};
use crate::ledger::value::Members;
use crate::ledger::{Book, Document, Value};

/// A document of a book.
pub fn document(book: &Book, number: &str, document: &Document) -> Table {
    let decimals = book.units().decimals(document.unit);
    let text = |text: &str| Value::text(text.to_owned());
    let mut json: Members = vec![
        ("book".into(), text(book.name())),
        ("document".into(), text(number)),
        ("type".into(), text(document.kind.text())),
        ("state".into(), text(document.state.text())),
        ("unit".into(), text(book.units().code(document.unit))),
        ("open".into(), Value::amount(document.open, decimals)),
        ("version".into(), Value::count(document.version)),
    ];
    if !document.party.is_empty() {
        json.push(("party".into(), text(&document.party)));
    }
    if let Some(due) = document.due {
        json.push(("due".into(), Value::Date(due)));
    }
    let shown = |name: &str| json.iter().any(|(known, _)| known == name);
    let further: Members = document
        .members
        .iter()
        .filter(|(name, _)| !shown(name))
        .cloned()
        .collect();
    json.extend(further);
    let row = |(name, value): &(std::borrow::Cow<'static, str>, Value)| {
        vec![Some(Value::Text(name.clone())), Some(value.clone())]
    };
    Table {
        title: "Document".to_owned(),
        facts: Members::new(),
        columns: vec![Column::words("member"), Column::words("value")],
        rows: json.iter().map(row).collect(),
        totals: Vec::new(),
        json,
        absent: &[],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jobs::desk::Desk;
    use crate::report::{Format, render};

    #[test]
    fn a_document_shows_its_head_and_its_members() {
        let rows = [
            ("secu/a", "ACME", "asset", "10", None),
            ("secu/b", "ACME", "asset", "0", None),
        ];
        let mut desk = Desk::new(&rows, &[]);
        let instruct = json!({ "trade": "T-1", "type": "FOP", "deliverer": "a", "receiver": "b",
            "security": "ACME", "quantity": "10", "settlement_date": "2027-01-04" });
        let outcome = desk.run("settlement.instruct", &instruct);
        assert_eq!(outcome["status"], "accepted", "{outcome}");
        let number = outcome["instruction"].as_str().unwrap();
        let known = desk.book().documents().get(number).unwrap();
        let shown = render(&document(desk.book(), number, known), Format::Json).unwrap();
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["document"], "SI-000001");
        assert_eq!(
            (&shown["type"], &shown["state"]),
            (&json!("settlement_instruction"), &json!("pending"))
        );
        assert_eq!(shown["trade"], "T-1");
    }
}
