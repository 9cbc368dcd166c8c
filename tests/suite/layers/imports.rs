//! What the code of a file names outside of itself.

use std::collections::BTreeSet;

use crate::support::rust::Token;

/// What a file reaches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What<'f> {
    /// A folder or file of our own crate, directly below its root.
    Ours(&'f str),
    /// A crate from outside, or the standard library, with the first step into it.
    Theirs(&'f str, &'f str),
}

/// One thing that a file reaches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Import<'f> {
    /// What.
    pub(super) what: What<'f>,
    /// Where.
    pub(super) line: usize,
}

/// Everything that a file's code names outside of itself.
pub(super) fn imports<'f>(path: &str, tokens: &[Token<'f>]) -> Vec<Import<'f>> {
    let local = local_names(tokens);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let behind = tokens.get(at + 1..).unwrap_or_default();
        let is_global = before.is_some_and(|before| before.text == "::");
        if is_global && !begins_path(tokens.get(..at.saturating_sub(1)).unwrap_or_default()) {
            continue;
        }
        let ours = match token.text {
            "crate" => after_separator(behind),
            "super" => above(path, behind),
            _other => &[],
        };
        let names = branches(ours).map(|(name, line)| (What::Ours(name), line));
        found.extend(names.map(|(what, line)| Import { what, line }));
        let is_path = behind.first().is_some_and(|next| next.text == "::");
        let is_use = before.is_some_and(|before| before.text == "use");
        let is_word = token
            .text
            .starts_with(|first: char| first.is_ascii_lowercase());
        let is_ours = matches!(token.text, "crate" | "super" | "self" | "use");
        let is_hidden = local.contains(token.text) && !is_global;
        if is_word && !is_ours && !is_hidden && (is_path || is_use) {
            let steps = branches(after_separator(behind)).map(|(step, _)| step);
            let steps: Vec<&str> = steps.collect();
            let steps = if steps.is_empty() { vec![""] } else { steps };
            found.extend(steps.into_iter().map(|step| Import {
                what: What::Theirs(token.text, step),
                line: token.line,
            }));
        }
    }
    found
}

/// Whether a path separator behind these begins a path instead of going on with one.
fn begins_path(before: &[Token<'_>]) -> bool {
    before.last().is_none_or(|last| {
        let goes_on =
            last.text == ">" || last.text.starts_with(|first: char| first.is_alphabetic());
        last.text == "use" || !goes_on
    })
}

/// Names that a file brings in from its own crate, or declares: they hide crates of the same name.
fn local_names<'f>(tokens: &[Token<'f>]) -> BTreeSet<&'f str> {
    let mut names = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let behind = tokens.get(at + 1..).unwrap_or_default();
        match token.text {
            "mod" => names.extend(behind.first().map(|name| name.text)),
            "use"
                if behind
                    .first()
                    .is_some_and(|first| matches!(first.text, "crate" | "super" | "self")) =>
            {
                names.extend(
                    behind
                        .iter()
                        .take_while(|one| one.text != ";")
                        .map(|one| one.text),
                );
            }
            _other => {}
        }
    }
    names
}

/// What stands behind a path separator.
fn after_separator<'t, 'f>(tokens: &'t [Token<'f>]) -> &'t [Token<'f>] {
    match tokens {
        [separator, rest @ ..] if separator.text == "::" => rest,
        _other => &[],
    }
}

/// What stands behind a chain of `super`, if the chain leads to the root of the crate.
fn above<'t, 'f>(path: &str, behind: &'t [Token<'f>]) -> &'t [Token<'f>] {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let inside = inside.trim_end_matches(".rs").trim_end_matches("/mod");
    let mut steps = 1;
    let mut rest = behind;
    while let [separator, word, more @ ..] = rest {
        if separator.text != "::" || word.text != "super" {
            break;
        }
        steps += 1;
        rest = more;
    }
    if steps == inside.split('/').count() {
        after_separator(rest)
    } else {
        &[]
    }
}

/// The first steps of a path: one, or as many as a group at its beginning has.
fn branches<'t, 'f>(
    tokens: &'t [Token<'f>],
) -> impl Iterator<Item = (&'f str, usize)> + use<'t, 'f> {
    let mut found = Vec::new();
    match tokens {
        [first, ..] if first.text == "{" => {
            let (mut depth, mut begins) = (0_usize, false);
            for token in tokens {
                match token.text {
                    "{" => (depth, begins) = (depth + 1, depth == 0),
                    "}" => depth = depth.saturating_sub(1),
                    "," => begins = depth == 1,
                    word if begins => {
                        begins = false;
                        found.push((word, token.line));
                    }
                    _other => {}
                }
                if depth == 0 {
                    break;
                }
            }
        }
        [first, ..] => found.push((first.text, first.line)),
        [] => {}
    }
    found.into_iter()
}
