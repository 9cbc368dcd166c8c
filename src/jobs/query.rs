//! Questions: what the books say, without changing them.
//!
//! A question has no key, no plan and no outcome in the journal. It is answered from one state of a
//! book, and says which by the sequence of the last outcome in it. Figures of now come from the
//! counters. Figures of a day come from adding up the entries until that day, because a late entry
//! may be dated before an early one; the caller says where the past is read from.
//!
//! | Question               | Answer                                                          |
//! |------------------------|-----------------------------------------------------------------|
//! | `query.balance`        | `rows` and `balances` of the accounts asked for, `report` over them |
//! | `query.statement`      | `lines` of an account with running balances, `opening`, `balance` |
//! | `query.open_items`     | `rows` of open documents, `buckets` of their age by unit        |
//! | `query.price`          | `unit_price` and `total` of a quantity by the price list        |
//! | `risk.check`           | `allowed`, `exposure`, `limit`, `headroom` of an account        |
//! | `report.trial_balance` | `rows` of all accounts by name, `report` {unit: {debit, credit}} |
//! | `query.stock`          | `on_hand`, `reserved`, `available` over the accounts `stock/…`  |
//! | `report.variance`      | `report` {baseline, actual, variance, per_month}                |

pub mod open_items;
pub mod price;
pub mod statement;
mod balance;
mod figures;
mod risk;
mod stock;
mod trial_balance;
mod variance;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::catalogue::{self, KindInfo};
use crate::code::Code;
use crate::ids::{KindCode, Sequence};
use crate::ledger::value::Members;
use crate::ledger::{Book, Leg, Post, Rejection, Value};
use crate::time::Date;

pub use balance::Balance;
pub use figures::DateKind;
pub use open_items::OpenItems;
pub use price::Price;
pub use risk::RiskCheck;
pub use statement::Statement;
pub use stock::Stock;
pub use trial_balance::TrialBalance;
pub use variance::Variance;

/// The entries of a book, openings included.
pub trait Entries {
    /// Hand every entry with its legs to `visit`, in order, up to the state that is asked.
    fn each(&self, visit: &mut dyn FnMut(&Post, &[Leg])) -> Result<(), PastUnreadable>;
}

/// The past could not be read: an incident, never the question's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the entries of the past could not be read: {reason}; run `kontor journal verify`")]
pub struct PastUnreadable {
    /// What the journal said.
    pub reason: String,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// It asks for what is not there.
    Refused(Rejection),
    /// Nobody could look.
    Unread(PastUnreadable),
}

impl From<Rejection> for Unanswered {
    fn from(refusal: Rejection) -> Self {
        Self::Refused(refusal)
    }
}

impl From<PastUnreadable> for Unanswered {
    fn from(fault: PastUnreadable) -> Self {
        Self::Unread(fault)
    }
}

/// The personal texts of a book's accounts, for whoever has the keys.
pub trait Texts {
    /// What the sealed text of an account says.
    fn of_account(&self, account: &str, sealed: &[u8]) -> Opened;
}

/// What a sealed text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The text.
    Text(String),
    /// Its subject was erased.
    Erased,
    /// Nobody here has its key.
    Sealed,
}

/// What a question is answered from.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The book, in one state.
    pub book: &'a Book,
    /// Its entries until then.
    pub entries: &'a dyn Entries,
    /// Personal texts of its accounts.
    pub texts: &'a dyn Texts,
    /// The day in the book's zone.
    pub today: Date,
}

/// One kind of question. Its type is the shape of `data`; unknown members are refused by serde.
pub trait Question: Serialize + DeserializeOwned + JsonSchema + std::fmt::Debug {
    /// The kind's name.
    const NAME: &'static str;
    /// One line for people.
    const SUMMARY: &'static str;
    /// Data that are answered in the book of the examples.
    const EXAMPLE: &'static str;
    /// Codes that the question can be refused with besides those that every job can.
    const REFUSALS: &'static [Code] = &[];

    /// What the book says. A pure function of its arguments.
    fn answer(&self, asked: &Asked<'_>) -> Result<Members, Unanswered>;
}

/// Makes the closed set of built questions from one list.
macro_rules! questions {
    ($($code:literal $variant:ident,)*) => {
        /// The data of a question of some built kind.
        #[derive(Debug)]
        pub enum QuestionData {
            $(#[doc = stringify!($variant)] $variant(Box<$variant>),)*
        }

        /// Does something for a built kind of question with its type.
        pub trait QuestionVisitor {
            /// What it makes of a kind.
            type Made;
            /// Do it for one kind.
            fn visit<Q: Question>(
                &mut self,
                info: &'static KindInfo,
                wrap: fn(Box<Q>) -> QuestionData,
            ) -> Self::Made;
        }

        impl QuestionData {
            /// Codes of the built kinds, in order.
            pub const BUILT: &'static [u16] = &[$($code,)*];

            /// Visit the type of a kind; none if it is not built.
            pub fn visit<V: QuestionVisitor>(code: KindCode, visitor: &mut V) -> Option<V::Made> {
                let info = catalogue::info(code)?;
                match code.0 {
                    $($code => Some(visitor.visit::<$variant>(info, Self::$variant)),)*
                    _not_built => None,
                }
            }

            /// What the book says, under the sequence of the last outcome in it.
            pub fn answer(&self, asked: &Asked<'_>) -> Result<Members, Unanswered> {
                let sequence = read_at(asked.book).0;
                let mut members = vec![("sequence".into(), Value::count(sequence))];
                members.extend(match self {
                    $(Self::$variant(question) => question.answer(asked)?,)*
                });
                Ok(members)
            }
        }
    };
}

questions! {
    1101 Balance,
    1102 Statement,
    1103 OpenItems,
    1104 Price,
    1105 Stock,
    1106 RiskCheck,
    1108 TrialBalance,
    1109 Variance,
}

/// The sequence of the last outcome in a book; 0 before the first one.
pub fn read_at(book: &Book) -> Sequence {
    Sequence(book.next_sequence().0.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::jobs::desk::{Desk, Row};
    use crate::ledger::Effect;
    use crate::wire::outcome::write_value;

    const ROWS: [Row<'static>; 4] = [
        ("bank/main", "EUR", "asset", "100.00", Some("-50.00")),
        ("bank/yen", "JPY", "asset", "0", None),
        ("fx/yen", "JPY", "equity", "0", None),
        ("exp/office", "EUR", "expense", "0.00", None),
    ];

    impl Entries for Desk {
        fn each(&self, visit: &mut dyn FnMut(&Post, &[Leg])) -> Result<(), PastUnreadable> {
            for commit in &self.commits {
                for post in commit.effects.iter().filter_map(Effect::as_post) {
                    visit(post, commit.legs(&post.legs));
                }
            }
            Ok(())
        }
    }

    /// The keys of an erased subject and of one whose texts were sealed as they are.
    struct Keys;

    impl Texts for Keys {
        fn of_account(&self, account: &str, sealed: &[u8]) -> Opened {
            match account {
                "bank/main" => Opened::Text(String::from_utf8(sealed.to_vec()).unwrap()),
                "bank/yen" => Opened::Erased,
                _other => Opened::Sealed,
            }
        }
    }

    struct Burnt;

    impl Entries for Burnt {
        fn each(&self, _: &mut dyn FnMut(&Post, &[Leg])) -> Result<(), PastUnreadable> {
            let reason = "segment 3 is missing".to_owned();
            Err(PastUnreadable { reason })
        }
    }

    /// A late entry of 10.00 dated in March, with a value date in May; one of 5.00 in April; yen
    /// now.
    fn desk() -> Desk {
        let mut desk = Desk::new(&ROWS, &[]);
        for (dates, amount) in [
            (json!({ "booking_date": "2026-04-30" }), "5.00"),
            (
                json!({ "booking_date": "2026-03-31", "value_date": "2026-05-02" }),
                "10.00",
            ),
        ] {
            let mut data = dates;
            data["legs"] = json!([
                { "dr": "exp/office", "amount": amount },
                { "cr": "bank/main", "amount": amount },
            ]);
            assert_eq!(desk.run("entry.post", &data)["status"], "posted");
        }
        let legs = json!([
            { "dr": "bank/yen", "amount": "700" },
            { "cr": "fx/yen", "amount": "700" },
        ]);
        desk.run("entry.post", &json!({ "legs": legs }));
        desk
    }

    struct FromJson<'a>(&'a Json);

    impl QuestionVisitor for FromJson<'_> {
        type Made = QuestionData;

        fn visit<Q: Question>(
            &mut self,
            info: &'static KindInfo,
            wrap: fn(Box<Q>) -> QuestionData,
        ) -> QuestionData {
            assert_eq!(info.name, Q::NAME);
            wrap(Box::new(serde_json::from_value(self.0.clone()).unwrap()))
        }
    }

    fn question(kind: &str, data: &Json) -> QuestionData {
        let code = catalogue::kind_code(kind).unwrap();
        QuestionData::visit(code, &mut FromJson(data)).unwrap()
    }

    /// On 2027-01-01.
    fn asked<'a>(desk: &'a Desk, entries: &'a dyn Entries) -> Asked<'a> {
        Asked {
            book: desk.book(),
            entries,
            texts: &Keys,
            today: Date::parse("2027-01-01").unwrap(),
        }
    }

    fn ask(desk: &Desk, kind: &str, data: &Json) -> Json {
        let members = question(kind, data).answer(&asked(desk, desk)).unwrap();
        let mut text = Vec::new();
        write_value(&Value::Object(members), &mut text);
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn balances_of_now_come_with_what_is_available() {
        let accounts = json!({ "accounts": ["exp/office", "bank/main", "exp/office"] });
        let answer = ask(&desk(), "query.balance", &accounts);
        let expected = json!({
            "sequence": 3,
            "report": { "EUR": { "debit": "100.00", "credit": "0.00" } },
            "balances": { "exp/office": "15.00", "bank/main": "85.00" },
            "rows": [
                { "account": "exp/office", "unit": "EUR", "class": "expense",
                  "balance": "15.00", "held": "0.00", "available": "15.00" },
                { "account": "bank/main", "unit": "EUR", "class": "asset",
                  "balance": "85.00", "held": "0.00", "available": "85.00" },
            ],
        });
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_day_is_judged_by_the_date_asked_for() {
        let desk = desk();
        let office = |data: Json| {
            let mut data = data;
            data["accounts"] = json!(["exp/office"]);
            ask(&desk, "query.balance", &data)["balances"]["exp/office"].clone()
        };
        for (as_of, by, balance) in [
            ("2026-03-30", "booking", "0.00"),
            ("2026-03-31", "booking", "10.00"),
            ("2026-04-30", "booking", "15.00"),
            ("2026-04-29", "value", "0.00"),
            ("2026-04-30", "value", "5.00"),
            ("2026-05-02", "value", "15.00"),
        ] {
            let got = office(json!({ "as_of": as_of, "by": by }));
            assert_eq!(got, balance, "{as_of} by {by}");
        }
    }

    #[test]
    fn the_trial_balance_has_every_account_and_both_sides() {
        let desk = desk();
        let now = ask(&desk, "report.trial_balance", &json!({}));
        let report = json!({
            "EUR": { "debit": "100.00", "credit": "100.00" },
            "JPY": { "debit": "700", "credit": "700" },
        });
        assert_eq!(now["report"], report);
        let names: Vec<_> = now["rows"].as_array().unwrap().iter().collect();
        let names: Vec<_> = names
            .iter()
            .map(|row| row["account"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "bank/main",
                "bank/yen",
                "exp/office",
                "fx/yen",
                "opening/EUR"
            ]
        );
        assert_eq!(now["rows"][3]["credit"], "700");
        assert_eq!(now["rows"][3]["debit"], Json::Null);

        let march = json!({ "as_of": "2026-03-31", "after_close": true });
        let march = ask(&desk, "report.trial_balance", &march);
        assert_eq!(march["as_of"], "2026-03-31");
        assert_eq!(
            march["report"]["JPY"],
            json!({ "debit": "0", "credit": "0" })
        );
        assert_eq!(march["rows"][0]["balance"], "90.00");
    }

    #[test]
    fn questions_are_refused_with_code_and_place() {
        let desk = desk();
        let refused =
            |data: Json| match question("query.balance", &data).answer(&asked(&desk, &desk)) {
                Err(Unanswered::Refused(refusal)) => {
                    (refusal.code().text(), refusal.path().unwrap().to_owned())
                }
                other => panic!("{other:?}"),
            };
        let nowhere = json!({ "accounts": ["bank/main", "bank/nowhere"] });
        assert_eq!(
            refused(nowhere),
            ("ACCOUNT_NOT_FOUND", "/accounts/1".into())
        );
        let never = json!({ "accounts": ["bank/nowhere"], "as_of": "2026-02-30" });
        assert_eq!(refused(never), ("DATE_INVALID", "/as_of".into()));
    }

    #[test]
    fn an_unreadable_past_is_a_fault_and_never_a_wrong_figure() {
        let desk = desk();
        let now = question("report.trial_balance", &json!({}));
        assert!(
            now.answer(&asked(&desk, &Burnt)).is_ok(),
            "now needs no past"
        );
        let then = question("report.trial_balance", &json!({ "as_of": "2026-03-31" }));
        let fault = then.answer(&asked(&desk, &Burnt));
        assert!(matches!(fault, Err(Unanswered::Unread(_))));
    }
}
