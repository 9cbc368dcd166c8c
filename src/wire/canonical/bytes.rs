//! The bytes under a fingerprint, as drawn in the module's doc.

use smallvec::SmallVec;

use crate::wire::tree::{self, Json};

/// Members of an object that are sorted without an allocation.
const MEMBERS_INLINE: usize = 16;

/// Writes the canonical bytes.
#[derive(Default)]
pub(super) struct Canonical {
    pub(super) out: Vec<u8>,
    /// For putting members in order.
    sorting: Vec<u8>,
    /// The next text is a decimal.
    pub(super) decimal: bool,
}

/// Where a member stands in the bytes written so far.
#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) start: usize,
    pub(super) name_end: usize,
    pub(super) end: usize,
}

pub(super) type Members = SmallVec<[Member; MEMBERS_INLINE]>;

impl Canonical {
    pub(super) fn sized(&mut self, tag: u8, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let [l0, l1, l2, l3, l4, l5, l6, l7] = length.to_le_bytes();
        self.out
            .extend_from_slice(&[tag, l0, l1, l2, l3, l4, l5, l6, l7]);
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn signed(&mut self, number: i128) {
        self.out.push(b'i');
        self.out.extend_from_slice(&number.to_le_bytes());
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

    pub(super) fn tree(&mut self, json: &Json<'_>) {
        match json {
            Json::Null => self.out.push(b'-'),
            Json::Bool(value) => self.out.push(if *value { b't' } else { b'f' }),
            Json::Number(number) => self.sized(b'n', number.as_bytes()),
            Json::String(text) => self.sized(b's', text.as_bytes()),
            Json::Array(items) => {
                self.out.push(b'[');
                for item in items {
                    self.tree(item);
                }
                self.out.push(b']');
            }
            Json::Object(members) => {
                self.out.push(b'{');
                for (name, value) in tree::sorted(members) {
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
        self.sized(b's', name.as_bytes());
        Member {
            start,
            name_end: self.out.len(),
            end: 0,
        }
    }

    /// Keep a member, unless its value is nothing.
    pub(super) fn member_ends(&mut self, mut member: Member, members: &mut Members) {
        member.end = self.out.len();
        if self.out.get(member.name_end..) == Some(b"-".as_slice()) {
            self.out.truncate(member.start);
        } else {
            members.push(member);
        }
    }

    /// Put the members in the order of their names and close the object.
    pub(super) fn object_ends(&mut self, members: &mut Members) {
        let out = &self.out;
        // Only the name itself: with its length in front, short names would come first.
        let name = |member: &Member| {
            out.get(member.start + 9..member.name_end)
                .unwrap_or_default()
        };
        if !members.is_sorted_by_key(name) {
            let begin = members.first().map_or(out.len(), |member| member.start);
            members.sort_by_key(name);
            self.sorting.clear();
            for member in members.iter() {
                self.sorting
                    .extend_from_slice(out.get(member.start..member.end).unwrap_or_default());
            }
            self.out.truncate(begin);
            self.out.extend_from_slice(&self.sorting);
        }
        self.out.push(b'}');
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
