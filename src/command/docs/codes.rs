//! The page of codes: what each means and what to do.

use std::fmt::Write as _;

use crate::code::Code;

const INTRODUCTION: &str = "\
# Codes

Every way in which kontor says no. A code never changes its meaning and new ones may be added; take
an unknown one as final. The first check that fails gives the code, one per outcome. A dead letter
has no outcome: the message is set aside in the dead-letter queue with the code as its reason, and
its key stays free.

## The order of checks

1. What arrived: size, content type, JSON, a readable key. Dead letters.
2. A known key: its first outcome again, whatever else is wrong, or `IDEMPOTENCY_KEY_REUSED`.
3. The schema: version and kind (dead letters), then members, their JSON types, texts and options.
4. `JOB_EXPIRED`, `ACTOR_MISSING`, `ACTOR_NOT_TRUSTED`.
5. Dates, then periods.
6. Amounts and quantities, and what follows from the job alone.
7. What is referred to, in the order of the kind's fields: accounts, documents, series, taxes,
   prices, rates, and references that may be used once.
8. Units.
9. Structure: control totals, lines, legs, balance.
10. `APPROVAL_REQUIRED`.
11. The state of a document, a hold or a period; then what may be taken from it.
12. Funds, limits, screening.

Within a step the first place in the data counts; at one place the order of the tables below.
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
