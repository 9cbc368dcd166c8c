//! Questions of a case, answered by its book as it stands.

use serde_json::{Map, Value as Json, json};

use super::case::CaseJob;
use super::seen::shown;
use crate::jobs::kind_code;
use crate::jobs::query::{Asked, Entries, PastUnreadable, Texts, Unanswered};
use crate::ledger::Book;
use crate::time::Date;
use crate::wire::question;

/// Ask, on a day; the answer or the refusal in the shape of an outcome.
pub fn ask(
    job: &CaseJob,
    book: &Book,
    entries: &dyn Entries,
    texts: &dyn Texts,
    today: Date,
) -> Result<Map<String, Json>, PastUnreadable> {
    let data = job.data.as_ref().map_or("{}", |data| data.get());
    let kind = kind_code(&job.kind).unwrap_or_default();
    let asked = Asked {
        book,
        entries,
        texts,
        today,
    };
    let answer = question::read(kind, data.as_bytes())
        .map_err(Unanswered::Refused)
        .and_then(|question| question.answer(&asked));
    let mut outcome = match &answer {
        Ok(members) => shown(members),
        Err(_) => Map::new(),
    };
    outcome.insert("kind".to_owned(), json!(job.kind));
    match answer {
        Ok(_) => {
            let read_at = book.next_sequence().0.saturating_sub(1);
            outcome.insert("status".to_owned(), json!("answered"));
            outcome.insert("sequence".to_owned(), json!(read_at));
        }
        Err(Unanswered::Refused(refusal)) => {
            let path = refusal.path().map(|path| format!("/data{path}"));
            let facts = [
                ("status", json!("rejected")),
                ("code", json!(refusal.code().text())),
                ("message", json!(refusal.message())),
                ("path", json!(path)),
                ("detail", Json::Object(shown(refusal.detail()))),
            ];
            outcome.extend(facts.map(|(name, fact)| (name.to_owned(), fact)));
        }
        Err(Unanswered::Unread(unreadable)) => return Err(unreadable),
    }
    Ok(outcome)
}
