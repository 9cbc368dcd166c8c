//! `kontor dead show`: one letter with its headers and its original bytes.

use std::fmt::Write as _;
use std::io::Write;

use clap::Args;

use super::{Queue, died, is_called, origin};
use crate::broker::{HeaderValue, Letter};
use crate::command::{Done, Globals, NotFound};
use crate::ledger::Value;
use crate::ledger::value::Members;
use crate::report::{Column, Format, Table, render};

/// Show one dead letter with its headers and its original bytes; the queue stays as it is
///
/// Bytes that are no text are shown as hexadecimal digits. They may hold personal data.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kontor dead show 3f9a0c11
  kontor --format json dead show --place 1")]
pub(super) struct ShowArgs {
    /// Id of the letter, or how it begins (8 characters or more), or its message id
    #[arg(required_unless_present = "place")]
    id: Option<String>,
    /// The letter at this place of the queue, counted from 1
    #[arg(long, value_name = "N", conflicts_with = "id",
          value_parser = clap::value_parser!(u32).range(1..))]
    place: Option<u32>,
}

/// Run the command.
pub(super) async fn run(
    args: &ShowArgs,
    queue: &Queue,
    globals: &Globals,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let mut walk = queue.walk().await?;
    let (mut place, mut found) = (0_u32, None);
    while let Some(letter) = queue.next(&mut walk).await? {
        place = place.saturating_add(1);
        let named = args.id.as_ref().is_some_and(|id| is_called(&letter, id));
        if named || args.place == Some(place) {
            found = Some(letter);
            break;
        }
    }
    walk.end().await?;
    let Some(letter) = found else {
        let words = format!("{} has no such letter among {place}", queue.name);
        return Err(NotFound(words).into());
    };
    let members = members(place, &letter);
    let body = text(&letter.delivery.body);
    if globals.format() == Format::Text {
        out.write_all(render(&table(members), Format::Text)?.as_bytes())?;
        writeln!(
            out,
            "\n{}",
            body.unwrap_or_else(|| hex(&letter.delivery.body))
        )?;
        return Ok(Done::Yes);
    }
    let mut members = members;
    members.push(match body {
        Some(text) => ("body".into(), Value::text(text)),
        None => ("body_hex".into(), Value::text(hex(&letter.delivery.body))),
    });
    out.write_all(render(&table(members), globals.format())?.as_bytes())?;
    Ok(Done::Yes)
}

fn table(json: Members) -> Table {
    let mut rows = Vec::new();
    for (name, value) in &json {
        if let Value::Object(headers) = value {
            rows.extend(headers.iter().map(|(name, value)| {
                let name = Value::text(format!("header {name}"));
                vec![Some(name), Some(value.clone())]
            }));
        } else {
            rows.push(vec![Some(Value::Text(name.clone())), Some(value.clone())]);
        }
    }
    Table {
        title: "Dead letter".to_owned(),
        facts: Members::new(),
        columns: vec![Column::words("member"), Column::words("value")],
        rows,
        totals: Vec::new(),
        json,
        absent: &[],
    }
}

/// What is known of a letter besides its body.
fn members(place: u32, letter: &Letter) -> Members {
    let delivery = &letter.delivery;
    let properties = &delivery.properties;
    let mut members: Members = vec![
        ("place".into(), Value::count(place)),
        ("id".into(), Value::text(letter.id())),
        ("reason".into(), Value::text(letter.reason().to_owned())),
        ("from".into(), Value::text(origin(letter))),
        ("bytes".into(), Value::count(delivery.body.len())),
        (
            "returns".into(),
            Value::count(delivery.delivery_count.unwrap_or(0)),
        ),
    ];
    if let Some(died) = died(letter) {
        members.push(("died".into(), Value::text(died.to_string())));
    }
    let texts = [
        ("content_type", &properties.content_type),
        ("content_encoding", &properties.content_encoding),
        ("message_id", &properties.message_id),
        ("type", &properties.kind),
        ("correlation_id", &properties.correlation_id),
        ("user_id", &properties.user_id),
        ("reply_to", &properties.reply_to),
        ("app_id", &properties.app_id),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            members.push((name.into(), Value::text(text.clone())));
        }
    }
    let headers = properties.headers.iter();
    let headers = headers.map(|(name, value)| (name.clone().into(), shown(value)));
    members.push(("headers".into(), Value::Object(headers.collect())));
    members
}

/// A header as far as it can be read by people.
fn shown(header: &HeaderValue) -> Value {
    match header {
        HeaderValue::Bool(flag) => Value::Bool(*flag),
        HeaderValue::Text(_) | HeaderValue::ShortText(_) => match header.as_text() {
            Some(text) => Value::text(text.to_owned()),
            None => Value::text(format!("{header:?}")),
        },
        HeaderValue::Array(values) => Value::List(values.iter().map(shown).collect()),
        HeaderValue::Table(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone().into(), shown(value)))
                .collect(),
        ),
        HeaderValue::Timestamp(seconds) => Value::count(*seconds),
        HeaderValue::I8(_)
        | HeaderValue::U8(_)
        | HeaderValue::I16(_)
        | HeaderValue::U16(_)
        | HeaderValue::I32(_)
        | HeaderValue::U32(_)
        | HeaderValue::I64(_)
        | HeaderValue::F32(_)
        | HeaderValue::F64(_)
        | HeaderValue::Decimal { .. }
        | HeaderValue::Bytes(_)
        | HeaderValue::Void => header
            .as_count()
            .map_or_else(|| Value::text(format!("{header:?}")), Value::count),
    }
}

/// Bytes as text, unless they are none or would write to somebody's terminal.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let tame = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t');
    text.chars().all(tame).then(|| text.to_owned())
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a string does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}
