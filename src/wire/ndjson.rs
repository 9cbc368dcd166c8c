//! The lines of a message of many JSON jobs.
//!
//! A line stands for itself: one that cannot be read does not touch its neighbours, so lines are
//! found before anything is read. JSON has no raw line break inside a value, so each one ends a
//! line.

/// A line with something on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its place in the message, counted from one, blank lines included.
    pub number: usize,
    /// Its bytes, without the line break.
    pub bytes: &'a [u8],
}

/// The lines that are not blank. `\r\n` ends a line like `\n`.
pub fn lines(message: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let lines = message.split(|byte| *byte == b'\n').zip(1..);
    lines
        .map(|(bytes, number)| Line {
            number,
            bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes),
        })
        .filter(|line| {
            !line
                .bytes
                .iter()
                .all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(message: &str) -> Vec<(usize, &str)> {
        let lines = lines(message.as_bytes());
        lines
            .map(|line| (line.number, std::str::from_utf8(line.bytes).unwrap()))
            .collect()
    }

    #[test]
    fn blank_lines_are_skipped_and_counted() {
        assert_eq!(
            numbered("{1}\n\n \t\r\n{4}\r\n{5}"),
            [(1, "{1}"), (4, "{4}"), (5, "{5}")]
        );
        assert_eq!(numbered("{1}\n"), [(1, "{1}")]);
        assert_eq!(numbered("\n \n"), []);
        assert_eq!(numbered(""), []);
    }
}
