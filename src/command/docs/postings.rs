//! What a kind posts, as the accountants' document has it.
//!
//! The tables of docs/accounting.md are written by hand, from the rules; a page repeats the rows of
//! its kind, so there is one place that says which side an amount goes to.

const ACCOUNTING: &str = include_str!("../../../docs/accounting.md");
/// The head of every table of postings.
pub(super) const HEAD: &str = "| Kind | Debit | Credit | Amount | When |";

/// The rows of a kind, in their order.
pub(super) fn of_kind(name: &str) -> Vec<&'static str> {
    let quoted = format!("`{name}`");
    let mut rows = Vec::new();
    let (mut in_table, mut ours) = (false, false);
    for line in ACCOUNTING.lines() {
        in_table = line == HEAD || in_table && line.starts_with('|');
        if !in_table {
            continue;
        }
        let first = line.split('|').nth(1).unwrap_or_default().trim();
        // A row without a kind goes on with the one above; "its reversal" is of the kind, too.
        let goes_on = first.is_empty() || first.starts_with("its ");
        ours = first.contains(&quoted) || ours && goes_on;
        if ours {
            rows.push(line);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_kind_end_where_the_next_begins() {
        let rows = of_kind("accrual.post");
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert!(rows[1].starts_with("| its reversal"), "{rows:?}");
        let rows = of_kind("hold.void");
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(of_kind("period.close").len(), 3);
        assert!(of_kind("query.balance").is_empty());
    }

    #[test]
    fn every_kind_of_job_has_its_rows() {
        for kind in super::super::kinds() {
            let name = kind.info.name;
            assert!(
                kind.question || !of_kind(name).is_empty(),
                "{name}: give it a row of debits and credits in docs/accounting.md"
            );
        }
    }
}
