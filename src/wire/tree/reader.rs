//! From text to a row of nodes: the grammar of JSON, and what we are stricter about.

use std::borrow::Cow;

use super::{DEPTH_MAX, Node, TreeFault, TreeProblem};
use crate::wire::pointer;
use crate::wire::text::normal;

/// Objects with so many members or fewer are searched for duplicates pair by pair.
const PAIRWISE_MEMBERS_MAX: usize = 16;

/// Read one JSON value and put it on the row.
pub(super) fn read<'a>(bytes: &'a [u8], nodes: &mut Vec<Node<'a>>) -> Result<(), TreeFault> {
    let broken = match std::str::from_utf8(bytes) {
        Ok(text) => match document(text, nodes) {
            Ok(()) => return Ok(()),
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

/// A fault on its way out. Boxed, so that the way in stays narrow.
struct Broken {
    problem: TreeProblem,
    path: String,
    offset: usize,
}

type Parsed<T> = Result<T, Box<Broken>>;

fn document<'a>(text: &'a str, nodes: &mut Vec<Node<'a>>) -> Parsed<()> {
    let mut reader = Reader { text, at: 0, nodes };
    reader.skip_blanks();
    reader.value(0)?;
    reader.skip_blanks();
    match reader.peek() {
        None => Ok(()),
        Some(_) => Err(reader.broken(TreeProblem::Trailing)),
    }
}

struct Reader<'a, 'n> {
    text: &'a str,
    at: usize,
    nodes: &'n mut Vec<Node<'a>>,
}

impl<'a> Reader<'a, '_> {
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

    #[cold]
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
    #[cold]
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

    fn value(&mut self, depth: usize) -> Parsed<()> {
        let node = match self.peek() {
            Some(b'"') => Node::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Node::Number(self.number()?),
            Some(b'{' | b'[') if depth == DEPTH_MAX => {
                return Err(self.broken(TreeProblem::TooDeep));
            }
            Some(b'{') => return self.object(depth + 1),
            Some(b'[') => return self.array(depth + 1),
            Some(b't') => self.word("true", Node::Bool(true))?,
            Some(b'f') => self.word("false", Node::Bool(false))?,
            Some(b'n') => self.word("null", Node::Null)?,
            _ => return Err(self.expected("a value")),
        };
        self.nodes.push(node);
        Ok(())
    }

    fn word(&mut self, word: &'static str, node: Node<'a>) -> Parsed<Node<'a>> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.expected(word));
        }
        self.at += word.len();
        Ok(node)
    }

    /// Put a container on the row; what is in it comes next, then [`ends`](Self::ends).
    fn begins(&mut self) -> usize {
        self.at += 1;
        let place = self.nodes.len();
        self.nodes.push(Node::Null);
        place
    }

    /// Say of a container how far it reaches.
    fn ends(&mut self, place: usize, container: impl Fn(usize) -> Node<'a>) {
        let nodes = self.nodes.len().saturating_sub(place + 1);
        if let Some(node) = self.nodes.get_mut(place) {
            *node = container(nodes);
        }
    }

    fn array(&mut self, depth: usize) -> Parsed<()> {
        let place = self.begins();
        let mut items = 0_usize;
        self.skip_blanks();
        if !self.skip(b']') {
            loop {
                self.skip_blanks();
                self.value(depth).map_err(|mut broken| {
                    pointer::enter(&mut broken.path, &items.to_string());
                    broken
                })?;
                items += 1;
                self.skip_blanks();
                if self.skip(b']') {
                    break;
                }
                if !self.skip(b',') {
                    return Err(self.expected("a comma or the end of the array"));
                }
            }
        }
        self.ends(place, |nodes| Node::Array { items, nodes });
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Parsed<()> {
        let place = self.begins();
        let mut members = 0_usize;
        let mut names = Names::default();
        self.skip_blanks();
        if !self.skip(b'}') {
            loop {
                self.skip_blanks();
                self.member(depth, &mut names)?;
                members += 1;
                self.skip_blanks();
                if self.skip(b'}') {
                    break;
                }
                if !self.skip(b',') {
                    return Err(self.expected("a comma or the end of the object"));
                }
            }
        }
        self.ends(place, |nodes| Node::Object { members, nodes });
        if names.all_different {
            return Ok(());
        }
        let inner = self.nodes.get(place + 1..).unwrap_or_default();
        match duplicate(super::Members {
            left: members,
            nodes: inner,
        }) {
            None => Ok(()),
            Some(name) => {
                let mut broken = self.broken(TreeProblem::DuplicateMember);
                pointer::enter(&mut broken.path, name);
                Err(broken)
            }
        }
    }

    fn member(&mut self, depth: usize, names: &mut Names) -> Parsed<()> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a member name"));
        }
        let name = self.string()?;
        names.note(&name);
        let place = self.nodes.len();
        self.nodes.push(Node::Text(name));
        self.skip_blanks();
        if !self.skip(b':') {
            return Err(self.expected("a colon"));
        }
        self.skip_blanks();
        self.value(depth).map_err(|mut broken| {
            if let Some(Node::Text(name)) = self.nodes.get(place) {
                pointer::enter(&mut broken.path, name);
            }
            broken
        })
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
        let ascii = self.skip_plain();
        if self.peek() == Some(b'"') {
            let text = self.since(start);
            self.at += 1;
            return Ok(if ascii {
                Cow::Borrowed(text)
            } else {
                normal(text)
            });
        }
        self.escaped(start).map(Cow::Owned)
    }

    /// The rest of a string that has an escape, or no end.
    #[cold]
    fn escaped(&mut self, start: usize) -> Parsed<String> {
        let mut text = self.since(start).to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match normal(&text) {
                        Cow::Borrowed(_) => text,
                        Cow::Owned(normal) => normal,
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

    /// Step over what stands for itself in a string; whether all of it is ASCII.
    fn skip_plain(&mut self) -> bool {
        let mut rest = self.rest();
        let mut ascii = true;
        while let Some((word, after)) = rest.split_first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            let special = special(word);
            // All bits below the first special byte; all of them if there is none.
            let before = (special & special.wrapping_neg()).wrapping_sub(1);
            ascii &= word & before & HIGH == 0;
            if special != 0 {
                self.at += usize::try_from(special.trailing_zeros() >> 3).unwrap_or_default();
                return ascii;
            }
            self.at += 8;
            rest = after;
        }
        for byte in rest {
            if matches!(byte, b'"' | b'\\' | 0..=0x1f) {
                break;
            }
            ascii &= byte.is_ascii();
            self.at += 1;
        }
        ascii
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

/// The lowest bit of every byte of a word.
const LOW: u64 = 0x0101_0101_0101_0101;
/// The highest.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Marks the first of eight bytes that does not stand for itself in a string: a quote, a backslash
/// or a control character. Its highest bit is set and nothing below it; what is above means
/// nothing.
fn special(word: u64) -> u64 {
    // A byte below a bound borrows from its own highest bit, unless that was set before; a borrow
    // only reaches bytes above the first one that has it.
    let below = |word: u64, bound: u64| word.wrapping_sub(LOW.wrapping_mul(bound)) & !word;
    let is = |byte: u8| below(word ^ LOW.wrapping_mul(u64::from(byte)), 1);
    (below(word, 0x20) | is(b'"') | is(b'\\')) & HIGH
}

/// Whether the names of an object can be told apart by a glance at each.
struct Names {
    /// One bit for every glance taken.
    seen: u64,
    all_different: bool,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            seen: 0,
            all_different: true,
        }
    }
}

impl Names {
    /// Length, first and last byte: equal names agree in them, and of a job's names hardly any
    /// two do.
    fn note(&mut self, name: &str) {
        let bytes = name.as_bytes();
        let [first, last] = [bytes.first(), bytes.last()].map(|byte| byte.map_or(0, |it| *it));
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let glance = length
            .wrapping_mul(29)
            .wrapping_add(u32::from(first).wrapping_mul(7))
            .wrapping_add(u32::from(last));
        let bit = 1_u64.rotate_left(glance);
        self.all_different &= self.seen & bit == 0;
        self.seen |= bit;
    }
}

/// A name that occurs twice. Large objects are sorted, so that a message full of members cannot
/// make us compare all with all.
fn duplicate(members: super::Members<'_>) -> Option<&str> {
    if members.len() <= PAIRWISE_MEMBERS_MAX {
        let mut rest = members;
        while let Some((name, _)) = rest.next() {
            let mut others = rest;
            if others.any(|(other, _)| other == name) {
                return Some(name);
            }
        }
        return None;
    }
    let mut names: Vec<&str> = members.map(|(name, _)| name).collect();
    names.sort_unstable();
    names.windows(2).find_map(|pair| match pair {
        [name, next] if name == next => Some(*name),
        _ => None,
    })
}
