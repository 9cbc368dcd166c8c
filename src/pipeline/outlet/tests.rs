//! What of before the start is still owed, and what may not be passed over.

use serde_json::json;
use tokio::sync::mpsc;

use super::*;
use crate::bench::rig::observer;
use crate::broker::{ConfirmResult, Delivery, Epoch, Properties};
use crate::code::Code;
use crate::ids::{BookIndex, Position};
use crate::jobs::desk::Desk;
use crate::jobs::job::DeadLetter;
use crate::ledger::commit::DuplicateRecord;
use crate::ledger::{NameTable, Record, Reply};
use crate::pipeline::decode::DeadPart;
use crate::pipeline::observe::Observer;
use crate::pipeline::parcel::{Batch, Posted, Tag};
use crate::pipeline::persist::Durable;
use crate::pipeline::publish::{Mode, Publisher, Repeat, Targets};
use crate::pipeline::stations::StationFault;

/// Gives one commit, whatever it is asked for.
#[derive(Clone)]
struct One(Arc<Commit>);

impl Outcomes for One {
    fn commit_at(&self, _: Position) -> Result<Arc<Commit>, String> {
        Ok(Arc::clone(&self.0))
    }
}

/// Remembers what was saved.
#[derive(Clone, Default)]
struct Saved(Arc<std::sync::Mutex<Vec<Position>>>);

impl Cursor for Saved {
    fn save(&mut self, position: Position, _: bool) -> Result<(), JournalFault> {
        self.0.lock().unwrap().push(position);
        Ok(())
    }
}

/// An outlet and the ends that the rest of the journey has.
struct Bench {
    outlet: Outlet<One, Saved>,
    saved: Saved,
    earlier: mpsc::Sender<Result<Arc<Commit>, JournalFault>>,
    /// Kept open: a lane or a station that ends would end the outlet.
    _persisted: mpsc::Sender<Persisted>,
    _confirms: mpsc::Sender<Confirmed>,
    _commands: mpsc::Receiver<ConsumerCommand>,
    published: mpsc::Receiver<Publish>,
    faults: mpsc::Receiver<StationFault>,
    observer: Observer,
}

fn bench() -> (Bench, Arc<Commit>) {
    let mut desk = Desk::new(&[("bank/main", "EUR", "asset", "0.00", None)], &[]);
    let names = NameTable::of_books(std::slice::from_ref(desk.book()));
    desk.run("account.close", &json!({ "account": "bank/main" }));
    let commit = Arc::new(desk.commits.pop().unwrap());
    let targets = Targets {
        outcomes: "kontor.outcomes".to_owned(),
        dead: "kontor.dead".to_owned(),
        replies: crate::settings::Settings::built_in()
            .unwrap()
            .broker
            .reply_to,
    };
    let (persisted_in, persisted) = mpsc::channel(1);
    let (earlier_in, earlier) = mpsc::channel(4);
    let (commands, commands_out) = mpsc::channel(8);
    let (publishes, published) = mpsc::channel(8);
    let (confirms_in, confirms) = mpsc::channel(8);
    let (faults, faulted) = mpsc::channel(1);
    let (saved, observer) = (Saved::default(), observer());
    let outlet = Outlet {
        persisted,
        earlier,
        commands,
        publishes,
        confirms,
        dispatch: Dispatch::new(
            Publisher::new(Mode::Off, targets, names, Position(0)),
            saved.clone(),
            1 << 20,
            observer.clone(),
            Arc::default(),
        ),
        outcomes: One(Arc::clone(&commit)),
        backlog: watch::channel(None).0,
        drain_budget: Duration::ZERO,
        faults,
    };
    let bench = Bench {
        outlet,
        saved,
        earlier: earlier_in,
        _persisted: persisted_in,
        _confirms: confirms_in,
        _commands: commands_out,
        published,
        faults: faulted,
        observer,
    };
    (bench, commit)
}

#[tokio::test]
async fn outcomes_that_cannot_be_read_end_the_process_and_keep_the_cursor() {
    let (mut bench, _) = bench();
    let fault = JournalFault::Damaged("a frame is damaged".to_owned());
    bench.earlier.send(Err(fault)).await.unwrap();
    bench.outlet.run().await;
    let reported = bench.faults.recv().await.unwrap();
    assert!(matches!(reported, StationFault::Journal(_)), "{reported}");
    assert_eq!(*bench.saved.0.lock().unwrap(), []);
}

#[tokio::test]
async fn a_duplicate_of_before_the_start_still_gets_its_answer() {
    let (mut bench, first) = bench();
    let duplicate = DuplicateRecord {
        book: BookIndex(0),
        key: "job-1".into(),
        first: first.first,
        reply: Reply {
            to: "kontor.replies.shop".into(),
            correlation_id: Some("asked-again".into()),
        },
    };
    let again = Commit {
        first: first.last().next(),
        records: vec![Record::Duplicate(Box::new(duplicate))],
        ..Commit::default()
    };
    bench.earlier.send(Ok(Arc::new(again))).await.unwrap();
    let outlet = tokio::spawn(bench.outlet.run());
    let answer = bench.published.recv().await.unwrap();
    outlet.abort();
    assert_eq!(answer.routing_key, "kontor.replies.shop");
    let properties = answer.properties;
    assert_eq!(properties.correlation_id.as_deref(), Some("asked-again"));
    assert!(properties.header("kontor-duplicate").is_some());
}

/// A message that cannot be read, behind the journal.
fn unreadable() -> Persisted {
    let tag = Tag {
        epoch: Epoch(1),
        tag: 1,
    };
    let original = Delivery {
        epoch: tag.epoch,
        tag: tag.tag,
        body: b"not json".to_vec(),
        properties: Properties::default(),
        exchange: "kontor.jobs".to_owned(),
        routing_key: "main".to_owned(),
        redelivered: false,
        delivery_count: None,
    };
    let posted = Posted {
        tag,
        received: Duration::ZERO,
        after: Position(0),
        items: 1,
        jobs: 0,
        dead: vec![DeadPart {
            letter: DeadLetter::new(Code::MessageMalformed, "not JSON"),
            line: 0,
        }],
        original: Some(Arc::new(original)),
    };
    Persisted {
        proof: Durable::for_test(Position(0)),
        batches: vec![Batch {
            commit: None,
            posted: vec![posted],
            again: Vec::new(),
        }],
    }
}

#[tokio::test]
async fn a_dead_letter_counts_when_it_has_arrived() {
    let (mut bench, _) = bench();
    let dispatch = &mut bench.outlet.dispatch;
    let counted = || {
        let page = bench.observer.metrics().render();
        page.contains("kontor_dead_letters_total{code=\"MESSAGE_MALFORMED\"} 1\n")
    };
    let persisted = unreadable();
    bench.observer.persisted(&persisted, 0, Duration::ZERO);
    assert_eq!(dispatch.durable(persisted), None);
    for (result, arrives) in [
        (ConfirmResult::Nacked, false),
        (ConfirmResult::Lost, false),
        (ConfirmResult::Acked, true),
    ] {
        let token = dispatch.next_message().unwrap().token;
        let due = dispatch.confirmed(Confirmed { token, result });
        assert_eq!((due.is_some(), counted()), (arrives, arrives), "{result:?}");
        dispatch.tick().unwrap();
    }
}

#[test]
fn an_answer_names_the_accounts_of_commits_that_wait_behind_earlier_ones() {
    let (mut bench, _) = bench();
    let dispatch = &mut bench.outlet.dispatch;
    let mut desk = Desk::new(&[("bank/main", "EUR", "asset", "0.00", None)], &[]);
    let opened = json!({ "account": "wallet/7", "unit": "EUR", "class": "liability" });
    desk.run("account.open", &opened);
    let legs = json!([
        { "dr": "bank/main", "amount": "1.00" },
        { "cr": "wallet/7", "amount": "1.00" }
    ]);
    desk.run("entry.post", &json!({ "legs": legs }));
    let commits = desk.commits.split_off(desk.commits.len() - 2);
    let commits: Vec<Arc<Commit>> = commits.into_iter().map(Arc::new).collect();
    let batch = |commit: &Arc<Commit>| Batch {
        commit: Some(Arc::clone(commit)),
        posted: Vec::new(),
        again: Vec::new(),
    };
    // Outcomes of before the start are still being read; nothing newer goes out yet.
    dispatch.durable(Persisted {
        proof: Durable::for_test(commits[1].last()),
        batches: commits.iter().map(batch).collect(),
    });
    dispatch.read(vec![Repeat {
        commit: Arc::clone(&commits[1]),
        position: commits[1].first,
        reply: Some(Reply {
            to: "kontor.replies.shop".into(),
            correlation_id: None,
        }),
    }]);
    let answer = dispatch.next_message().unwrap();
    let body = String::from_utf8(answer.body).unwrap();
    assert!(body.contains("\"wallet/7\":\"1.00\""), "{body}");
}
