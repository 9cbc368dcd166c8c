//! The page of codes: what each means and what to do.

use std::fmt::Write as _;

use crate::code::Code;

const INTRODUCTION: &str = "\
# Codes

Every way in which kontor says no. A code never changes its meaning and new ones may be added; take
an unknown one as final. The first check that fails gives the code, one per outcome. A dead letter
has no outcome: the message is set aside in the dead-letter queue with the code as its reason, and
its key stays free.
";

/// `codes.md`.
pub(super) fn page() -> String {
    let mut out = String::from(INTRODUCTION);
    let mut group = "";
    for code in Code::ALL {
        if code.group() != group {
            group = code.group();
            // Writing to a string cannot fail.
            let _infallible = write!(
                out,
                "\n## {group}\n\n| Code | Number | Meaning | What to do |\n|---|---|---|---|\n"
            );
        }
        let dead = if code.is_dead_letter() {
            " (dead letter)"
        } else {
            ""
        };
        let (text, number) = (code.text(), code.number());
        let (meaning, advice) = (code.meaning(), code.advice());
        let _infallible = writeln!(out, "| `{text}` | {number} | {meaning}{dead} | {advice} |");
    }
    out
}
