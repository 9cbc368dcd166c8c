//! The order in which outcomes leave.

use serde_json::json;

use super::*;
use crate::jobs::desk::Desk;

#[test]
fn a_repeat_never_overtakes_the_outcome_that_it_repeats() {
    let mut desk = Desk::new(&[("bank/main", "EUR", "asset", "0.00", None)], &[]);
    let names = NameTable::of_books(std::slice::from_ref(desk.book()));
    for frozen in ["debit", "none"] {
        let change = json!({ "account": "bank/main", "freeze": frozen });
        desk.run("account.update", &change);
    }
    let second = Arc::new(desk.commits.pop().unwrap());
    let first = Arc::new(desk.commits.pop().unwrap());
    let targets = Targets {
        outcomes: "kontor.outcomes".to_owned(),
        dead: "kontor.dead".to_owned(),
        replies: crate::settings::Settings::built_in()
            .unwrap()
            .broker
            .reply_to,
    };
    let before = Position(first.first.0 - 1);
    let mut publisher = Publisher::new(Mode::Each, targets, names, before);
    publisher.durable(Arc::clone(&first));
    publisher.durable(Arc::clone(&second));
    // A job came again before its first outcome, made before a restart, has left.
    publisher.repeat(Repeat {
        commit: Arc::clone(&second),
        position: second.first,
        reply: None,
    });
    let ids: Vec<String> = std::iter::from_fn(|| publisher.next_message())
        .map(|message| message.properties.message_id.unwrap())
        .collect();
    assert_eq!(ids, ["main/1", "main/2"]);

    // Afterwards it goes out again, marked.
    publisher.repeat(Repeat {
        commit: Arc::clone(&second),
        position: second.first,
        reply: None,
    });
    let again = publisher.next_message().unwrap();
    assert_eq!(again.properties.message_id.as_deref(), Some("main/2"));
    assert!(again.properties.header("kontor-duplicate").is_some());
}
