//! Questions as the reading commands ask them: through the door that clients use, printed as
//! tables.

use std::io::Write;

use anyhow::Context;
use serde_json::{Map, Value as Json};

use super::open_books::OpenBook;
use super::{Globals, NotFound, Unusable};
use crate::code::Code;
use crate::jobs::query::{Asked, Unanswered};
use crate::jobs::{QuestionData, kind_code};
use crate::ledger::value::member;
use crate::ledger::{Members, Rejection, Value};
use crate::partition::AccountTexts;
use crate::report::{Table, render};
use crate::time::{Clock as _, Date, SystemClock};
use crate::wire::question;

/// A question as it would come from a client.
pub(super) fn read(kind: &str, data: Map<String, Json>) -> anyhow::Result<QuestionData> {
    let code = kind_code(kind).context("the catalogue has no such question; report this")?;
    for (path, option) in OPTIONS.iter().filter(|(path, _)| *path != "/customer") {
        let day = data
            .get(path.trim_start_matches('/'))
            .and_then(Json::as_str);
        if day.is_some_and(|day| Date::parse(day).is_none()) {
            return Err(Unusable(wrong_option(option, Code::DateInvalid)).into());
        }
    }
    let data = Json::Object(data).to_string();
    question::read(code, data.as_bytes()).map_err(|refusal| refused(&refusal))
}

/// What an open book answers.
pub(super) fn answered(open: &OpenBook, question: &QuestionData) -> anyhow::Result<Members> {
    let book = open.book()?;
    let texts = AccountTexts::of(&open.disk, book.name());
    let asked = Asked {
        book,
        entries: open,
        texts: &texts,
        today: book.zone().date(SystemClock::new().now()),
    };
    match question.answer(&asked) {
        Ok(members) => Ok(members),
        Err(Unanswered::Refused(refusal)) => Err(refused(&refusal)),
        Err(Unanswered::Unread(fault)) => Err(fault.into()),
    }
}

/// Members of questions that are options of the command line.
const OPTIONS: [(&str, &str); 4] = [
    ("/as_of", "--as-of"),
    ("/from", "--from"),
    ("/to", "--to"),
    ("/customer", "--customer"),
];

fn wrong_option(option: &str, code: Code) -> String {
    format!("{option}: {} ({})", code.meaning(), code.text())
}

/// What a question asks for and the books do not have.
const MISSING: [Code; 2] = [Code::AccountNotFound, Code::PriceNotFound];

/// A refusal in words: what is not there is an answer, the rest is a wrong command line.
fn refused(refusal: &Rejection) -> anyhow::Error {
    let (place, code) = (refusal.path().unwrap_or_default(), refusal.code());
    // What has an option of its own is named by it.
    let option = OPTIONS.iter().find(|(path, _)| *path == place);
    let words = match option {
        Some((_, option)) => wrong_option(option, code),
        None if place.is_empty() => format!("{} ({})", refusal.message(), code.text()),
        None => format!("{} ({} at {place})", refusal.message(), code.text()),
    };
    if MISSING.contains(&refusal.code()) {
        let account = match member(refusal.detail(), "account") {
            Some(Value::Text(name)) => format!("{name}: "),
            Some(_) | None => String::new(),
        };
        return NotFound(format!("{account}{words}")).into();
    }
    Unusable(words).into()
}

/// Print a table as asked.
pub(super) fn print(table: &Table, globals: &Globals, out: &mut impl Write) -> anyhow::Result<()> {
    out.write_all(render(table, globals.format())?.as_bytes())?;
    Ok(())
}
