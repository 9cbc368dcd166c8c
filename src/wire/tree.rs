//! Reads JSON strictly into a tree.
//!
//! What a book-keeping daemon may not guess about is refused here, before any schema: a member
//! named twice (which of the two amounts counts?), bytes that are not UTF-8, anything after the
//! value, nesting that only serves to exhaust a stack. Numbers are kept as they were written, so
//! that `10.0` sent as a number can be refused, and hashed, as what it was; no float is ever made.
//!
//! Strings are in Unicode normal form C. Text without escapes is borrowed from the message.
//!
//! Written by hand rather than on `serde_json`: with numbers kept as text that crate hands an
//! object with a certain member to us as if it were a number, it knows no path, and it copies.
//!
//! This file knows no schema. What members mean stands in `typed.rs`.

mod fault;

use std::borrow::Cow;

pub use fault::{TreeFault, TreeProblem};

use super::pointer;
use super::text::normal;

/// Deepest nesting of arrays and objects; the catalogue's jobs need five.
pub const DEPTH_MAX: usize = 16;

/// Objects with so many members or fewer are searched for duplicates pair by pair.
const PAIRWISE_MEMBERS_MAX: usize = 16;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it was written.
    Number(&'a str),
    /// Text in normal form C.
    String(Cow<'a, str>),
    /// Values in order.
    Array(Vec<Json<'a>>),
    /// Members in the order they were written, no name twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Read one JSON value.
pub fn read(bytes: &[u8]) -> Result<Json<'_>, TreeFault> {
    let broken = match std::str::from_utf8(bytes) {
        Ok(text) => match document(text) {
            Ok(json) => return Ok(json),
            Err(broken) => *broken,
        },
        Err(fault) => Broken {
            problem: TreeProblem::NotUtf8,
            path: String::new(),
            offset: fault.valid_up_to(),
        },
    };
    let Broken {
        problem,
        path,
        offset,
    } = broken;
    let before = bytes.get(..offset).unwrap_or(bytes);
    let line = before.split(|byte| *byte == b'\n').count();
    Err(TreeFault {
        problem,
        path,
        offset,
        line,
    })
}

impl<'a> Json<'a> {
    /// The value of a member, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        let Json::Object(members) = self else {
            return None;
        };
        members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
    }

    /// The text, if this is a string.
    pub fn text(&self) -> Option<&str> {
        if let Json::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// What kind of value this is, in a word for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        }
    }

    /// Write the value as JSON in one form only: members sorted by name, no blanks, numbers as
    /// they came.
    pub fn write_sorted(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(number) => out.push_str(number),
            Json::String(text) => write_string(text, out),
            Json::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_sorted(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (index, (name, value)) in sorted(members).into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(name, out);
                    out.push(':');
                    value.write_sorted(out);
                }
                out.push('}');
            }
        }
    }
}

/// The members in the order of their names' bytes.
pub(super) fn sorted<'m, 'a>(
    members: &'m [(Cow<'a, str>, Json<'a>)],
) -> Vec<(&'m str, &'m Json<'a>)> {
    let mut sorted: Vec<_> = members
        .iter()
        .map(|(name, value)| (name.as_ref(), value))
        .collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    sorted
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for symbol in text.chars() {
        match symbol {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                out.push_str("\\u00");
                let code = u32::from(control);
                out.extend(
                    [code >> 4, code & 0xf]
                        .into_iter()
                        .filter_map(|it| char::from_digit(it, 16)),
                );
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// A fault on its way out. Boxed, so that the way in stays narrow.
struct Broken {
    problem: TreeProblem,
    path: String,
    offset: usize,
}

type Parsed<T> = Result<T, Box<Broken>>;

fn document(text: &str) -> Parsed<Json<'_>> {
    let mut reader = Reader { text, at: 0 };
    reader.skip_blanks();
    let json = reader.value(0)?;
    reader.skip_blanks();
    match reader.peek() {
        None => Ok(json),
        Some(_) => Err(reader.broken(TreeProblem::Trailing)),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The text from a position up to here. Both are always at a character's start.
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    #[expect(
        clippy::unnecessary_box_returns,
        reason = "faults travel boxed, see `Broken`"
    )]
    fn broken(&self, problem: TreeProblem) -> Box<Broken> {
        Box::new(Broken {
            problem,
            path: String::new(),
            offset: self.at,
        })
    }

    /// Something else stands here than what should.
    #[expect(
        clippy::unnecessary_box_returns,
        reason = "faults travel boxed, see `Broken`"
    )]
    fn expected(&self, what: &'static str) -> Box<Broken> {
        self.broken(match self.peek() {
            None => TreeProblem::EndsTooSoon,
            Some(_) => TreeProblem::Expected(what),
        })
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Step over a byte if it stands here.
    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Parsed<Json<'a>> {
        match self.peek() {
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Ok(Json::Number(self.number()?)),
            Some(b'{' | b'[') if depth == DEPTH_MAX => Err(self.broken(TreeProblem::TooDeep)),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => Err(self.expected("a value")),
        }
    }

    fn word(&mut self, word: &'static str, json: Json<'a>) -> Parsed<Json<'a>> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.expected(word));
        }
        self.at += word.len();
        Ok(json)
    }

    fn array(&mut self, depth: usize) -> Parsed<Json<'a>> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.skip(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            self.skip_blanks();
            let item = self.value(depth).map_err(|mut broken| {
                pointer::enter(&mut broken.path, &items.len().to_string());
                broken
            })?;
            items.push(item);
            self.skip_blanks();
            if self.skip(b']') {
                return Ok(Json::Array(items));
            }
            if !self.skip(b',') {
                return Err(self.expected("a comma or the end of the array"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Parsed<Json<'a>> {
        self.at += 1;
        self.skip_blanks();
        if self.skip(b'}') {
            return Ok(Json::Object(Vec::new()));
        }
        // Jobs and their parts have a handful of members; growing from one would copy thrice.
        let mut members: Vec<(Cow<'a, str>, Json<'a>)> = Vec::with_capacity(8);
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(self.expected("a member name"));
            }
            let name = self.string()?;
            self.skip_blanks();
            if !self.skip(b':') {
                return Err(self.expected("a colon"));
            }
            self.skip_blanks();
            let value = self.value(depth).map_err(|mut broken| {
                pointer::enter(&mut broken.path, &name);
                broken
            })?;
            members.push((name, value));
            self.skip_blanks();
            if self.skip(b'}') {
                break;
            }
            if !self.skip(b',') {
                return Err(self.expected("a comma or the end of the object"));
            }
        }
        if let Some(name) = duplicate(&members) {
            let mut broken = self.broken(TreeProblem::DuplicateMember);
            pointer::enter(&mut broken.path, name);
            return Err(broken);
        }
        Ok(Json::Object(members))
    }

    fn number(&mut self) -> Parsed<&'a str> {
        let start = self.at;
        self.skip(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.skip_digits();
        let mut good = whole == 1 || (whole > 1 && !leading_zero);
        if self.skip(b'.') {
            good &= self.skip_digits() > 0;
        }
        if self.skip(b'e') || self.skip(b'E') {
            if !self.skip(b'+') {
                self.skip(b'-');
            }
            good &= self.skip_digits() > 0;
        }
        if good {
            Ok(self.since(start))
        } else {
            Err(self.broken(TreeProblem::BadNumber))
        }
    }

    fn skip_digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Parsed<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        self.skip_plain();
        if self.peek() == Some(b'"') {
            let text = self.since(start);
            self.at += 1;
            return Ok(normal(text));
        }
        let mut text = self.since(start).to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match normal(&text) {
                        Cow::Borrowed(_) => Cow::Owned(text),
                        Cow::Owned(normal) => Cow::Owned(normal),
                    });
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(self.broken(TreeProblem::ControlCharacter)),
                None => return Err(self.broken(TreeProblem::EndsTooSoon)),
            }
            let start = self.at;
            self.skip_plain();
            text.push_str(self.since(start));
        }
    }

    /// Step over what stands for itself in a string.
    fn skip_plain(&mut self) {
        let rest = self.rest();
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        self.at += rest.iter().position(special).unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Parsed<char> {
        self.at += 1;
        let symbol = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            Some(_) => return Err(self.broken(TreeProblem::BadEscape)),
            None => return Err(self.broken(TreeProblem::EndsTooSoon)),
        };
        self.at += 1;
        Ok(symbol)
    }

    /// `u` and four digits, and a second escape if the first is the upper half of a pair.
    fn unicode_escape(&mut self) -> Parsed<char> {
        let first = self.hex4()?;
        let code = match first {
            0xd800..=0xdbff if self.skip(b'\\') => match self.hex4()? {
                second @ 0xdc00..=0xdfff => 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                _ => return Err(self.broken(TreeProblem::BadEscape)),
            },
            other => other,
        };
        // What is left of the surrogates is no character, so a lone half ends here.
        char::from_u32(code).ok_or_else(|| self.broken(TreeProblem::BadEscape))
    }

    fn hex4(&mut self) -> Parsed<u32> {
        if !self.skip(b'u') {
            return Err(self.broken(TreeProblem::BadEscape));
        }
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let digit = digit.ok_or_else(|| self.broken(TreeProblem::BadEscape))?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

/// A name that occurs twice. Large objects are sorted, so that a message full of members cannot
/// make us compare all with all.
fn duplicate<'m>(members: &'m [(Cow<'_, str>, Json<'_>)]) -> Option<&'m str> {
    if members.len() <= PAIRWISE_MEMBERS_MAX {
        let mut rest = members.iter();
        while let Some((name, _)) = rest.next() {
            if rest.as_slice().iter().any(|(other, _)| other == name) {
                return Some(name);
            }
        }
        return None;
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).find_map(|pair| match pair {
        [name, next] if name == next => Some(*name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn string(text: &str) -> Json<'_> {
        Json::String(text.into())
    }

    fn fault(text: &str) -> (TreeProblem, String) {
        let fault = read(text.as_bytes()).expect_err(text);
        (fault.problem, fault.path)
    }

    #[test]
    fn reads_every_kind_and_keeps_order_and_number_text() {
        let json = read(br#" {"b": [1.50, -0, 2e+9], "a": {"x": null}, "c": [true, false, ""]} "#);
        let expected = Json::Object(vec![
            (
                "b".into(),
                Json::Array(vec![
                    Json::Number("1.50"),
                    Json::Number("-0"),
                    Json::Number("2e+9"),
                ]),
            ),
            ("a".into(), Json::Object(vec![("x".into(), Json::Null)])),
            (
                "c".into(),
                Json::Array(vec![Json::Bool(true), Json::Bool(false), string("")]),
            ),
        ]);
        assert_eq!(json, Ok(expected));
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        assert!(matches!(
            read(b"\"abc\""),
            Ok(Json::String(Cow::Borrowed("abc")))
        ));
    }

    #[test]
    fn escapes_and_normal_form() {
        let json = read(br#""\u004d\u0075\u0308ller \ud83d\ude00 \"\\\/\b\f\n\r\t""#).unwrap();
        assert_eq!(json, string("Müller 😀 \"\\/\u{8}\u{c}\n\r\t"));
        assert_eq!(
            read("\"Mu\u{308}ller\"".as_bytes()).unwrap(),
            string("Müller")
        );
    }

    #[test]
    fn a_member_named_twice_is_refused_with_its_path() {
        let problem = TreeProblem::DuplicateMember;
        assert_eq!(fault(r#"{"a":1,"a":1}"#), (problem, "/a".into()));
        assert_eq!(
            fault(r#"{"d":[{},{"x":1,"y":2,"x":3}]}"#),
            (problem, "/d/1/x".into())
        );
        // The same name in two spellings is the same name.
        assert_eq!(fault(r#"{"a":1,"\u0061":1}"#), (problem, "/a".into()));
        assert_eq!(
            fault("{\"\u{fc}\":1,\"u\u{308}\":1}"),
            (problem, "/ü".into())
        );
        let many: Vec<_> = (0..1_000)
            .map(|number| format!("\"m{number}\":0"))
            .collect();
        let text = format!("{{{},\"m500\":0}}", many.join(","));
        assert_eq!(fault(&text), (problem, "/m500".into()));
        assert!(read(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
    }

    #[test]
    fn depth_ends_at_the_limit() {
        let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(fault(&nested(DEPTH_MAX + 1)).0, TreeProblem::TooDeep);
        assert_eq!(fault(&"[{\"a\":".repeat(100_000)).0, TreeProblem::TooDeep);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for (text, problem) in [
            ("", TreeProblem::EndsTooSoon),
            (" ", TreeProblem::EndsTooSoon),
            ("{\"a\"", TreeProblem::EndsTooSoon),
            ("\"abc", TreeProblem::EndsTooSoon),
            ("\"abc\\", TreeProblem::EndsTooSoon),
            ("{} {}", TreeProblem::Trailing),
            ("{}\0", TreeProblem::Trailing),
            ("1 2", TreeProblem::Trailing),
            ("NaN", TreeProblem::Expected("a value")),
            ("\u{feff}{}", TreeProblem::Expected("a value")),
            ("nul", TreeProblem::Expected("null")),
            ("[1,]", TreeProblem::Expected("a value")),
            (
                "[1 2]",
                TreeProblem::Expected("a comma or the end of the array"),
            ),
            ("{\"a\":1,}", TreeProblem::Expected("a member name")),
            ("{a:1}", TreeProblem::Expected("a member name")),
            ("{\"a\" 1}", TreeProblem::Expected("a colon")),
            ("\"a\tb\"", TreeProblem::ControlCharacter),
            ("\"\\x\"", TreeProblem::BadEscape),
            ("\"\\u12g4\"", TreeProblem::BadEscape),
            ("\"\\ud800\"", TreeProblem::BadEscape),
            ("\"\\udc00\\ud800\"", TreeProblem::BadEscape),
            ("\"\\ud800\\u0041\"", TreeProblem::BadEscape),
            ("01", TreeProblem::BadNumber),
            ("-", TreeProblem::BadNumber),
            ("1.", TreeProblem::BadNumber),
            ("1e", TreeProblem::BadNumber),
            ("-a", TreeProblem::BadNumber),
            (".5", TreeProblem::Expected("a value")),
            ("+1", TreeProblem::Expected("a value")),
        ] {
            assert_eq!(fault(text).0, problem, "{text:?}");
        }
        assert_eq!(
            read(b"{\"a\":\"\xff\"}").unwrap_err().problem,
            TreeProblem::NotUtf8
        );
    }

    #[test]
    fn a_fault_says_where() {
        let fault = read(b"{\n \"data\": {\"legs\": [\n 1,\n x]}}").unwrap_err();
        assert_eq!(
            (fault.line, fault.offset, fault.path.as_str()),
            (4, 27, "/data/legs/1")
        );
        assert_eq!(
            fault.to_string(),
            "not JSON, expected a value (line 4, byte 27)"
        );
    }

    #[test]
    fn writes_one_form_only() {
        let mut out = String::new();
        let json = read("{ \"b\":\"\\u0001\\\"ü\", \"a\":[ 1.0 ,null] }".as_bytes()).unwrap();
        json.write_sorted(&mut out);
        assert_eq!(out, r#"{"a":[1.0,null],"b":"\u0001\"ü"}"#);
    }

    /// Any JSON text as a generator, with repeated names, escapes and numbers of all forms.
    fn any_text() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
            "[ -~ü\u{308}]{0,8}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5)
                    .prop_map(|items| format!("[{}]", items.join(" , "))),
                prop::collection::vec(("[a-e]{1,3}", inner), 0..5).prop_map(|members| {
                    let members: Vec<_> = members
                        .iter()
                        .map(|(name, value)| format!("\"{name}\":{value}"))
                        .collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    proptest! {
        /// The standard reader accepts what we accept and reads the same from it; what we refuse
        /// it refuses too, apart from what we are stricter about.
        #[test]
        fn agrees_with_the_standard_reader(text in any_text(), cut in 0_usize..200, noise: u8) {
            for bytes in [text.clone().into_bytes(), damaged(&text, cut, noise)] {
                let theirs = serde_json::from_slice::<serde_json::Value>(&bytes);
                match read(&bytes) {
                    Ok(ours) => {
                        let mut written = String::new();
                        ours.write_sorted(&mut written);
                        let again = read(written.as_bytes()).unwrap();
                        let mut twice = String::new();
                        again.write_sorted(&mut twice);
                        prop_assert_eq!(&written, &twice);
                        let theirs = normal(&theirs.unwrap().to_string()).into_owned();
                        let theirs: serde_json::Value = serde_json::from_str(&theirs).unwrap();
                        prop_assert_eq!(
                            serde_json::from_str::<serde_json::Value>(&written).unwrap(), theirs);
                    }
                    Err(TreeFault { problem: TreeProblem::DuplicateMember, .. }) => {}
                    Err(_) => prop_assert!(theirs.is_err()),
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(read(&bytes).is_ok() || read(&bytes).is_err());
        }
    }

    fn damaged(text: &str, cut: usize, noise: u8) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        if cut < bytes.len() {
            bytes[cut] = noise;
        }
        bytes
    }
}
