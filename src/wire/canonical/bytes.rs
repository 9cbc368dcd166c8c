//! The bytes under a fingerprint, as drawn in the module's doc.

use crate::wire::tree::Json;

/// Stands where a length takes eight bytes of its own.
const LONG: u8 = 255;

/// Writes the canonical bytes.
#[derive(Default)]
pub(super) struct Canonical {
    pub(super) out: Vec<u8>,
    /// For putting members in order.
    sorting: Vec<u8>,
    /// Members of the objects that are open, those of the innermost last.
    members: Vec<Member>,
    /// Length of what was written last with a length in front.
    pub(super) last_sized: usize,
    /// The next text is a decimal.
    pub(super) decimal: bool,
}

/// Where a member stands in the bytes written so far.
#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) start: usize,
    /// Where its name begins, behind its length.
    pub(super) name: usize,
    pub(super) name_end: usize,
    pub(super) end: usize,
}

impl Canonical {
    /// Write a tag, a length and the bytes; where these begin.
    pub(super) fn sized(&mut self, tag: u8, bytes: &[u8]) -> usize {
        match u8::try_from(bytes.len()) {
            Ok(length) if length < LONG => self.out.extend_from_slice(&[tag, length]),
            Ok(_) | Err(_) => {
                self.out.extend_from_slice(&[tag, LONG]);
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.out.extend_from_slice(&length.to_le_bytes());
            }
        }
        let start = self.out.len();
        self.out.extend_from_slice(bytes);
        self.last_sized = bytes.len();
        start
    }

    /// Begin anew, after a value that may have been given up in its middle.
    pub(super) fn clear(&mut self) {
        self.out.clear();
        self.members.clear();
        self.decimal = false;
    }

    /// Where the members of an object that is opened now will stand.
    pub(super) fn object_begins(&self) -> usize {
        self.members.len()
    }

    pub(super) fn signed(&mut self, number: i128) {
        let unsigned = ((number << 1) ^ (number >> 127)).cast_unsigned();
        let bytes = unsigned.to_le_bytes();
        let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
        let (few, _zeros) = bytes.split_at(bytes.len().saturating_sub(zeros));
        self.sized(b'i', few);
    }

    pub(super) fn text(&mut self, text: &str) {
        if std::mem::take(&mut self.decimal)
            && let Some(normal) = normal_decimal(text)
        {
            self.sized(b'd', normal.as_bytes());
        } else {
            self.sized(b's', text.as_bytes());
        }
    }

    pub(super) fn tree(&mut self, json: Json<'_>) {
        match json {
            Json::Null => self.out.push(b'-'),
            Json::Bool(value) => self.out.push(if value { b't' } else { b'f' }),
            Json::Number(number) => {
                self.sized(b'n', number.as_bytes());
            }
            Json::String(text) => {
                self.sized(b's', text.as_bytes());
            }
            Json::Array(items) => {
                self.out.push(b'[');
                for item in items {
                    self.tree(item);
                }
                self.out.push(b']');
            }
            Json::Object(members) => {
                self.out.push(b'{');
                for (name, value) in members.sorted() {
                    self.sized(b's', name.as_bytes());
                    self.tree(value);
                }
                self.out.push(b'}');
            }
        }
    }

    /// Write a member's name; its value comes next, then [`member_ends`](Self::member_ends).
    pub(super) fn member_begins(&mut self, name: &str) -> Member {
        let start = self.out.len();
        let name = self.sized(b's', name.as_bytes());
        Member {
            start,
            name,
            name_end: self.out.len(),
            end: 0,
        }
    }

    /// Keep a member, unless its value is nothing.
    pub(super) fn member_ends(&mut self, mut member: Member) {
        member.end = self.out.len();
        if self.out.get(member.name_end..) == Some(b"-".as_slice()) {
            self.out.truncate(member.start);
        } else {
            self.members.push(member);
        }
    }

    /// Put the members in the order of their names and close the object.
    pub(super) fn object_ends(&mut self, first: usize) {
        let Self {
            out,
            sorting,
            members,
            last_sized: _,
            decimal: _,
        } = self;
        let of_object = members.get_mut(first..).unwrap_or_default();
        // Only the name itself: with its length in front, short names would come first.
        let name = |member: &Member| out.get(member.name..member.name_end).unwrap_or_default();
        if !of_object.is_sorted_by_key(name) {
            let begin = of_object.first().map_or(out.len(), |member| member.start);
            of_object.sort_by_key(name);
            sorting.clear();
            for member in of_object {
                sorting.extend_from_slice(out.get(member.start..member.end).unwrap_or_default());
            }
            out.truncate(begin);
            out.extend_from_slice(sorting);
        }
        members.truncate(first);
        out.push(b'}');
    }
}

/// The decimal without zeros after its last other decimal, if the text is one at all
/// (the grammar of amounts: no plus, no leading zeros, no bare point).
pub(super) fn normal_decimal(text: &str) -> Option<&str> {
    let bytes = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let whole = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (whole, rest) = bytes.split_at(whole);
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with(b"0")) {
        return None;
    }
    let fraction = match rest {
        [] => return Some(text),
        [b'.', fraction @ ..] => fraction,
        [_, ..] => return None,
    };
    if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = fraction.iter().rev().take_while(|byte| **byte == b'0');
    let zeros = zeros.count();
    // Without a decimal left the point goes too.
    let point = usize::from(zeros == fraction.len());
    text.get(..text.len().checked_sub(zeros + point)?)
}
