//! The order in which outcomes leave.

use serde_json::json;

use super::*;
use crate::broker::ConfirmResult::{Acked, Lost, Nacked, Unsent};
use crate::jobs::desk::Desk;

/// A publisher that has published nothing of a book, and commits of one outcome each.
fn bench(commits: usize) -> (Publisher, Vec<Arc<Commit>>) {
    let mut desk = Desk::new(&[("bank/main", "EUR", "asset", "0.00", None)], &[]);
    let names = NameTable::of_books(std::slice::from_ref(desk.book()));
    for frozen in ["debit", "none"].iter().cycle().take(commits) {
        let change = json!({ "account": "bank/main", "freeze": frozen });
        desk.run("account.update", &change);
    }
    let commits = desk.commits.split_off(desk.commits.len() - commits);
    let commits: Vec<_> = commits.into_iter().map(Arc::new).collect();
    let targets = Targets {
        outcomes: "kontor.outcomes".to_owned(),
        dead: "kontor.dead".to_owned(),
        replies: crate::settings::Settings::built_in()
            .unwrap()
            .broker
            .reply_to,
    };
    let before = Position(commits[0].first.0 - 1);
    let publisher = Publisher::new(Mode::Each, targets, names, before);
    (publisher, commits)
}

/// A publisher with commits of one outcome each, all durable.
fn with_durable(commits: usize) -> Publisher {
    let (mut publisher, commits) = bench(commits);
    for commit in commits {
        publisher.durable(commit);
    }
    publisher
}

/// Numbers of the outcomes that it gives out, and of how many losses it knew.
fn given(publisher: &mut Publisher, most: usize) -> Vec<(u64, u64)> {
    let messages = std::iter::from_fn(|| publisher.next_message()).take(most);
    let number = |message: Publish| {
        let id = message.properties.message_id.unwrap();
        let number = id.rsplit('/').next().unwrap().parse().unwrap();
        (number, message.after_losses.unwrap())
    };
    messages.map(number).collect()
}

/// The lane's word on the oldest messages.
fn hears(publisher: &mut Publisher, results: &[ConfirmResult]) {
    for result in results {
        let token = publisher.sent.front().unwrap().0;
        let result = *result;
        publisher.confirmed(Confirmed { token, result });
    }
}

#[test]
fn what_a_cut_lost_goes_again_before_anything_newer() {
    let mut publisher = with_durable(8);
    assert_eq!(
        given(&mut publisher, 5),
        [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]
    );
    // 2 and 3 were under way; the lane has not answered 4 and 5, which waited in it.
    hears(&mut publisher, &[Acked, Lost, Lost]);
    publisher.retry();
    assert_eq!(given(&mut publisher, 9), []);
    hears(&mut publisher, &[Unsent, Unsent]);
    publisher.retry();
    assert_eq!(
        given(&mut publisher, 5),
        [(2, 2), (3, 2), (4, 2), (5, 2), (6, 2)]
    );
    // A second cut, before the first round is over.
    hears(&mut publisher, &[Lost, Unsent, Unsent, Unsent, Unsent]);
    publisher.retry();
    let again = given(&mut publisher, 9);
    let numbers: Vec<u64> = again.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [2, 3, 4, 5, 6, 7, 8]);
    hears(&mut publisher, &[Acked; 7]);
    assert!(publisher.is_idle());
    assert_eq!(publisher.results().lost, 3);
}

#[test]
fn a_lost_message_that_is_not_sent_again_holds_up_the_newer_ones_as_well() {
    let (mut publisher, commits) = bench(3);
    publisher.durable(Arc::clone(&commits[0]));
    assert_eq!(given(&mut publisher, 9), [(1, 0)]);
    hears(&mut publisher, &[Acked]);
    publisher.repeat(Repeat {
        commit: Arc::clone(&commits[0]),
        position: commits[0].first,
        reply: None,
    });
    publisher.durable(Arc::clone(&commits[1]));
    assert_eq!(given(&mut publisher, 9), [(1, 0), (2, 0)]);
    publisher.durable(Arc::clone(&commits[2]));
    hears(&mut publisher, &[Lost]);
    // 2 waits in the lane and will come back: 3 must not be there before.
    assert_eq!(given(&mut publisher, 9), []);
    hears(&mut publisher, &[Unsent]);
    publisher.retry();
    assert_eq!(given(&mut publisher, 9), [(2, 1), (3, 1)]);
}

#[test]
fn refused_ones_go_again_in_their_order_and_before_anything_newer() {
    let mut publisher = with_durable(5);
    assert_eq!(given(&mut publisher, 4).len(), 4);
    hears(&mut publisher, &[Acked, Nacked]);
    publisher.retry();
    assert_eq!(given(&mut publisher, 9), []);
    hears(&mut publisher, &[Acked, Nacked]);
    // Not before the pause is over.
    publisher.retries = 0;
    assert_eq!(given(&mut publisher, 9), []);
    publisher.retry();
    assert_eq!(given(&mut publisher, 9), [(2, 0), (4, 0), (5, 0)]);
}

#[test]
fn a_repeat_never_overtakes_the_outcome_that_it_repeats() {
    let (mut publisher, commits) = bench(2);
    let second = &commits[1];
    for commit in &commits {
        publisher.durable(Arc::clone(commit));
    }
    // A job came again before its first outcome, made before a restart, has left.
    publisher.repeat(Repeat {
        commit: Arc::clone(second),
        position: second.first,
        reply: None,
    });
    let ids: Vec<String> = std::iter::from_fn(|| publisher.next_message())
        .map(|message| message.properties.message_id.unwrap())
        .collect();
    assert_eq!(ids, ["main/1", "main/2"]);

    // Afterwards it goes out again, marked.
    publisher.repeat(Repeat {
        commit: Arc::clone(second),
        position: second.first,
        reply: None,
    });
    let again = publisher.next_message().unwrap();
    assert_eq!(again.properties.message_id.as_deref(), Some("main/2"));
    assert!(again.properties.header("kontor-duplicate").is_some());
}
