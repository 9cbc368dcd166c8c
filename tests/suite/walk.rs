//! The walk through a kind: every excerpt of `docs/adding-a-kind.md` stands in the file it names.

use crate::support::tree::read;

/// An excerpt of a file, as a document shows it.
#[derive(Debug)]
struct Excerpt {
    path: String,
    text: String,
}

/// The excerpts of a document: a line with nothing but a path in code, then a block of code.
fn excerpts(document: &str) -> Vec<Excerpt> {
    let (mut found, mut path, mut inside) = (Vec::new(), None, None);
    for line in document.lines() {
        match (line, inside.take()) {
            ("```", Some(excerpt)) => found.push(excerpt),
            (line, Some(Excerpt { path, text })) => {
                let text = text + line + "\n";
                inside = Some(Excerpt { path, text });
            }
            ("```rust", None) => {
                let path = path.take().unwrap_or_default();
                let text = String::new();
                inside = Some(Excerpt { path, text });
            }
            (line, None) => {
                let named = line
                    .strip_prefix('`')
                    .and_then(|rest| rest.strip_suffix('`'));
                path = named.map(str::to_owned).or(path);
            }
        }
    }
    found
}

#[test]
fn the_walk_through_a_kind_is_true() {
    let found = excerpts(&read("docs/adding-a-kind.md"));
    assert!(found.len() >= 6, "only {} excerpts", found.len());
    for Excerpt { path, text } in found {
        let file = read(&path);
        assert!(file.contains(&text), "{path} does not say:\n{text}");
    }
}

#[test]
fn an_excerpt_is_the_block_behind_its_path() {
    let document =
        "a\n\n`src/a.rs`\n\nb\n\n```rust\nlet a;\n\nlet b;\n```\n`src/b.rs`\n```rust\n```\n";
    let found = excerpts(document);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].path, "src/a.rs");
    assert_eq!(found[0].text, "let a;\n\nlet b;\n");
    assert_eq!(found[1].path, "src/b.rs");
}
