//! What is wrong with a JSON text, and where: told to whoever sent it.

use super::DEPTH_MAX;

/// What is wrong with the JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} ({})", self.place())]
pub struct TreeFault {
    /// What is wrong.
    pub problem: TreeProblem,
    /// JSON pointer to the value in which it is wrong.
    pub path: String,
    /// Where, in bytes from the start.
    pub offset: usize,
    /// Where, in lines counted from one.
    pub line: usize,
}

impl TreeFault {
    /// Without the first line: in a message of many jobs each line is read by itself.
    fn place(&self) -> String {
        let line = (self.line > 1).then(|| format!("line {}, ", self.line));
        format!("{}byte {}", line.unwrap_or_default(), self.offset)
    }
}

/// What can be wrong with JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreeProblem {
    /// A byte sequence that no text has.
    #[error("not UTF-8; send text as UTF-8")]
    NotUtf8,
    /// Nothing, or it stops in the middle.
    #[error("the JSON ends too soon")]
    EndsTooSoon,
    /// Another byte than the grammar allows.
    #[error("not JSON, expected {0}")]
    Expected(&'static str),
    /// More after the end.
    #[error("more after the end of the JSON; send one value")]
    Trailing,
    /// Arrays and objects inside each other, more than [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// A member name occurs again in the same object.
    #[error("duplicate member")]
    DuplicateMember,
    /// A raw control character in a string.
    #[error("control character in a string; write it as an escape")]
    ControlCharacter,
    /// A backslash with something that is no escape, or half a surrogate pair.
    #[error("bad escape in a string")]
    BadEscape,
    /// Not a number by JSON's grammar, as `01`, `1.` or `NaN`.
    #[error("bad number")]
    BadNumber,
}
