//! As much of Rust as the rules about the source need: words, modules, and what is only for tests.
//!
//! Not a parser: comments, strings and lifetimes are left out, what remains is a list of words and
//! signs with their lines. Code that a macro makes is seen as it stands in the macro.

use std::collections::BTreeMap;

use super::tree::File;

/// A word or a sign of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'t> {
    /// The word; a path separator is one sign, and a literal of text is one with its quotes.
    pub(crate) text: &'t str,
    /// Its line, counted from 1.
    pub(crate) line: usize,
}

/// The words and signs of a file.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (length, token) = measure(rest, first);
        let (taken, behind) = rest.split_at(length);
        if let Some(text) = token {
            found.push(Token { text, line });
        }
        line += taken.matches('\n').count();
        rest = behind;
    }
    found
}

/// How much of the rest belongs together, and as what it is listed.
fn measure(rest: &str, first: char) -> (usize, Option<&str>) {
    let until = |end: &str| rest.find(end).map_or(rest.len(), |at| at + end.len());
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), None);
    }
    if rest.starts_with("/*") {
        return (until("*/"), None);
    }
    if let Some(length) = string(rest) {
        return (length, rest.get(..length));
    }
    if first == '\'' {
        return match quoted(rest) {
            Some(length) => (length, rest.get(..length)),
            None => (1 + word(rest.get(1..).unwrap_or_default()), None),
        };
    }
    if first.is_whitespace() {
        return (first.len_utf8(), None);
    }
    let length = match word(rest) {
        0 if rest.starts_with("::") => 2,
        0 => first.len_utf8(),
        length => length,
    };
    (length, rest.get(..length))
}

fn word(rest: &str) -> usize {
    rest.find(|sign: char| !sign.is_alphanumeric() && sign != '_')
        .unwrap_or(rest.len())
}

/// Length of a string literal at the beginning, with its prefix.
fn string(rest: &str) -> Option<usize> {
    let bare = rest.trim_start_matches(['b', 'c', 'r']);
    let prefix = rest.len() - bare.len();
    if prefix > 2 {
        return None;
    }
    let raw = rest.get(..prefix).is_some_and(|text| text.contains('r'));
    let hashes = bare.len() - bare.trim_start_matches('#').len();
    let body = bare.get(hashes..)?.strip_prefix('"')?;
    let before = prefix + hashes + 1;
    if raw {
        let end = format!("\"{}", "#".repeat(hashes));
        let length = body.find(&end).map_or(body.len(), |at| at + end.len());
        return Some(before + length);
    }
    if hashes > 0 {
        return None;
    }
    Some(before + ended(body, '"'))
}

/// Length of a character literal at the beginning; none for a lifetime.
fn quoted(rest: &str) -> Option<usize> {
    let body = rest.get(1..)?;
    let first = body.chars().next()?;
    if first == '\\' {
        return Some(1 + ended(body, '\''));
    }
    let after = body.get(first.len_utf8()..)?;
    after.starts_with('\'').then_some(2 + first.len_utf8())
}

/// Length up to and with the sign that ends a literal.
fn ended(body: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, sign) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if sign == '\\' {
            escaped = true;
        } else if sign == end {
            return at + sign.len_utf8();
        }
    }
    body.len()
}

/// Whether the words at a place are these.
pub(crate) fn are(tokens: &[Token<'_>], words: &[&str]) -> bool {
    tokens.len() >= words.len()
        && tokens
            .iter()
            .zip(words)
            .all(|(token, word)| token.text == *word)
}

const ONLY_FOR_TESTS: &[&str] = &["#", "[", "cfg", "(", "test", ")", "]"];

/// What is left without the items that are only for tests.
pub(crate) fn without_tests<'t>(tokens: &[Token<'t>]) -> Vec<Token<'t>> {
    parts(tokens).0
}

/// What is shipped, and what is only for tests.
pub(crate) fn parts<'t>(tokens: &[Token<'t>]) -> (Vec<Token<'t>>, Vec<Token<'t>>) {
    let (mut shipped, mut tests) = (Vec::new(), Vec::new());
    let mut rest = tokens;
    while !rest.is_empty() {
        let (length, part) = if are(rest, ONLY_FOR_TESTS) {
            (item(rest), &mut tests)
        } else {
            (1, &mut shipped)
        };
        let (taken, behind) = rest.split_at(length);
        part.extend_from_slice(taken);
        rest = behind;
    }
    (shipped, tests)
}

/// The line where the tests at the end of a file begin; none if it ends with something else.
pub(crate) fn tests_begin(tokens: &[Token<'_>]) -> Option<usize> {
    let mut rest = tokens;
    while let Some(first) = rest.first() {
        let for_tests = are(rest, ONLY_FOR_TESTS);
        let length = if for_tests { item(rest) } else { 1 };
        if for_tests && length == rest.len() {
            return Some(first.line);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    None
}

/// Length of an item with its attributes: up to its closing brace, or its semicolon.
fn item(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "{" | "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _other => {}
        }
    }
    tokens.len()
}

/// A module that a file declares and another one holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// The file that holds it, as one of these paths.
    pub(crate) paths: Vec<String>,
    /// Whether it is only there for tests.
    pub(crate) for_tests: bool,
}

/// The modules that the file of a path declares.
pub(crate) fn modules(path: &str, tokens: &[Token<'_>]) -> Vec<Module> {
    let shipped = declared(&without_tests(tokens));
    let paths = |name: &str, place: Option<&str>| {
        if let Some(place) = place {
            return vec![format!("{}{place}", folder(path))];
        }
        let inside = inside(path);
        vec![
            format!("{inside}{name}.rs"),
            format!("{inside}{name}/mod.rs"),
        ]
    };
    declared(tokens)
        .into_iter()
        .map(|(name, place)| Module {
            paths: paths(name, place),
            for_tests: !shipped.contains(&(name, place)),
        })
        .collect()
}

/// Names of modules, with the place that an attribute gives them.
fn declared<'t>(tokens: &[Token<'t>]) -> Vec<(&'t str, Option<&'t str>)> {
    let mut found = Vec::new();
    let mut place = None;
    for (at, token) in tokens.iter().enumerate() {
        let rest = tokens.get(at..).unwrap_or_default();
        match rest {
            [_, name, end, ..] if token.text == "mod" && end.text == ";" => {
                found.push((name.text, place.take()));
            }
            [_, _, _, _, value, ..] if are(rest, &["#", "[", "path", "="]) => {
                place = Some(value.text.trim_matches('"'));
            }
            _other => {}
        }
    }
    found
}

/// The folder of a file, with a slash at the end.
fn folder(path: &str) -> &str {
    path.rfind('/')
        .map_or("", |at| path.get(..=at).unwrap_or_default())
}

/// Where the modules of a file are looked for.
fn inside(path: &str) -> String {
    let folder = folder(path);
    let name = path.strip_prefix(folder).unwrap_or_default();
    // A file at the top of these folders is a crate of its own.
    let is_root = matches!(folder, "tests/" | "benches/");
    match name {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _other if is_root => folder.to_owned(),
        other => format!("{folder}{}/", other.trim_end_matches(".rs")),
    }
}

/// The files that are reached from a root by their modules; true for what is only there for tests.
pub(crate) fn reached(root: &str, files: &[File]) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![(root.to_owned(), false)];
    while let Some((path, for_tests)) = waiting.pop() {
        let Some(file) = files.iter().find(|file| file.path == path) else {
            continue;
        };
        for module in modules(&path, &tokens(&file.text)) {
            let below = for_tests || module.for_tests;
            waiting.extend(module.paths.into_iter().map(|path| (path, below)));
        }
        found.insert(path, for_tests);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text).iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_lifetimes_are_no_words_and_strings_are_one() {
        assert_eq!(
            words("let a = b\"x \\\" y\"; // crate::no\n/* crate::no */ f::<'a>('\\'', 'q')"),
            [
                "let",
                "a",
                "=",
                "b\"x \\\" y\"",
                ";",
                "f",
                "::",
                "<",
                ">",
                "(",
                "'\\''",
                ",",
                "'q'",
                ")"
            ]
        );
        let raw = "r#\"a \" crate::x\"#";
        assert_eq!(
            words(&format!("{raw} r#type broker crate")),
            [raw, "r", "#", "type", "broker", "crate"]
        );
    }

    #[test]
    fn lines_are_counted_through_strings() {
        let found = tokens("a\n\"b\nc\"\nd");
        assert_eq!(found.last(), Some(&Token { text: "d", line: 4 }));
    }

    #[test]
    fn items_for_tests_are_left_out() {
        let text = "mod a; #[cfg(test)] #[x(y)] mod c { fn d() {} } fn e() {}";
        let all = tokens(text);
        let left: Vec<&str> = without_tests(&all).iter().map(|token| token.text).collect();
        assert_eq!(left.join(" "), "mod a ; fn e ( ) { }");
    }

    #[test]
    fn modules_are_followed_to_their_files() {
        let files = [
            File::new("src/lib.rs", "pub mod a; mod gone;"),
            File::new("src/a/mod.rs", "mod b; #[cfg(test)] mod c;"),
            File::new("src/a/b.rs", "#[path = \"odd.rs\"] mod d; mod e { }"),
            File::new("src/a/c.rs", "mod f;"),
            File::new("src/a/c/f.rs", ""),
            File::new("src/a/odd.rs", ""),
            File::new("src/a/e.rs", ""),
        ];
        let found = reached("src/lib.rs", &files);
        let found: Vec<_> = found
            .iter()
            .map(|(path, tests)| (path.as_str(), *tests))
            .collect();
        assert_eq!(
            found,
            [
                ("src/a/b.rs", false),
                ("src/a/c.rs", true),
                ("src/a/c/f.rs", true),
                ("src/a/mod.rs", false),
                ("src/a/odd.rs", false),
                ("src/lib.rs", false),
            ]
        );
    }
}
