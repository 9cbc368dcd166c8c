//! The two texts made from the table: `config/kontor.toml` and `docs/configuration.md`.
//!
//! Both are committed, and a test fails when they are stale. `config/kontor.toml` sets every key to
//! its default, so that what an operator reads there is what happens without it.

use super::setting::{Reload, Rule, Setting};
use super::table;

/// Longest line of a comment.
const WIDTH: usize = 96;

/// `config/kontor.toml`: every setting with its default.
pub fn reference() -> String {
    let mut out = comment(
        "Every setting of kontor with its default. A key that is missing counts as written here; \
         an unknown key is an error. Any of them can be given as an environment variable instead, \
         KONTOR__SECTION__KEY: texts as they are, everything else as TOML. A flag of the command \
         line goes before the environment, the environment before this file. Check with: kontor \
         check-config",
    );
    for section in table::SECTIONS {
        out.extend(["\n# ", section.text, "\n[", section.name, "]\n"]);
        for setting in section.settings {
            out.push_str(&entry(setting));
        }
    }
    out.push('\n');
    out.push_str(&comment(
        "The accounts of one legal entity; as many tables as there are books. All further members \
         (taxes, series, rates, users and so on) are reference data: they are written to the \
         journal before the book's first job, and afterwards change only by reference.set. \
         docs/books.md shows all of them. Partition, functional unit and time zone of a book that \
         has records cannot be changed.",
    ));
    out.push_str("[[book]]\n");
    for setting in table::BOOK {
        out.push_str(&entry(setting));
    }
    out
}

fn entry(setting: &Setting) -> String {
    let note = note(setting);
    let text = if note.is_empty() {
        setting.text.to_owned()
    } else {
        format!("{} ({note})", setting.text)
    };
    format!(
        "{}{} = {}\n",
        comment(&text),
        setting.name(),
        setting.default_toml()
    )
}

/// What the value alone does not say.
fn note(setting: &Setting) -> String {
    match setting.rule {
        Rule::Whole { min, max, .. } if setting.unit.is_empty() => format!("{min} to {max}"),
        Rule::Whole { min, max, .. } => format!("{}, {min} to {max}", setting.unit),
        Rule::Choice { of, .. } => of.join(" | "),
        Rule::Text { .. } | Rule::Secret | Rule::Switch { .. } | Rule::Texts => String::new(),
        Rule::Wholes { max, .. } => format!("{}, 0 to {max}", setting.unit),
    }
}

/// Text as comment lines.
fn comment(text: &str) -> String {
    let mut out = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len().saturating_add(word.len()) >= WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
    out
}

/// `docs/configuration.md`.
pub fn page() -> String {
    let mut out = String::from(INTRODUCTION);
    for section in table::SECTIONS {
        out.extend([
            "\n## `[",
            section.name,
            "]`\n\n",
            section.text,
            "\n\n",
            HEAD,
        ]);
        out.extend(section.settings.iter().map(row));
    }
    out.push_str(BOOKS);
    out.push_str(HEAD);
    out.extend(table::BOOK.iter().map(row));
    out
}

fn row(setting: &Setting) -> String {
    let allowed = match setting.rule {
        Rule::Text { .. } => String::new(),
        Rule::Secret => "never shown".to_owned(),
        Rule::Whole { min, max, .. } => format!("{min} to {max}"),
        Rule::Choice { .. } | Rule::Switch { .. } | Rule::Texts | Rule::Wholes { .. } => {
            setting.allowed()
        }
    };
    let reload = match setting.reload {
        Reload::Live => "SIGHUP",
        Reload::Restart => "start",
    };
    format!(
        "| `{}` | `{}` | {} | {allowed} | {reload} | {} |\n",
        setting.key,
        setting.default_toml(),
        setting.unit,
        setting.text.replace('<', "&lt;").replace('|', "\\|"),
    )
}

const HEAD: &str = "| Key | Default | Unit | Allowed | Takes effect | What it is for |\n\
                    | --- | --- | --- | --- | --- | --- |\n";

const INTRODUCTION: &str = "\
# Configuration

One TOML file. It is looked for at `--config FILE`, then `./config/kontor.toml`, then
`/etc/kontor/kontor.toml`; without any of them the defaults below count. A file named with
`--config` must exist.

Every key can be given as an environment variable: `KONTOR__BROKER__PREFETCH=500` for
`broker.prefetch`. Texts are taken as they are, lists and everything else are read as TOML, and
`KONTOR__BOOK` holds all books as a list of tables. A flag of the command line goes before the
environment, the environment before the file, the file before the default.

Unknown keys, in the file or as `KONTOR__…`, are errors. `kontor check-config` names every mistake
with file, line, column and key, and says what is allowed there; `kontor run` does the same and ends
with exit code 78.

On SIGHUP the configuration is read and checked again. What is marked *SIGHUP* is taken over; any
other difference is named and waits for a restart. A bad file changes nothing and sets
`kontor_config_reload_success` to 0.

The password is taken from `broker.password`, else from `broker.password_file`, else from the
systemd credential `amqp-password`, else from `broker.uri`. It is never printed.

`prefetch` × `message_bytes_max` × partitions must fit `intake_bytes_max` and half the memory limit
of the cgroup (version 1 or 2, the smallest on the way up). If it does not, prefetch is lowered with
a warning, but not below `prefetch_min`; if that does not fit either, `kontor run` refuses.
";

const BOOKS: &str = "
## `[[book]]`

The accounts of one legal entity; one table per book. Only `name` is required. Every member that is
not in this table is reference data (taxes, series, rates, price lists, users, policies and so on):
it is written to the journal as a record before the book's first job. [docs/books.md](books.md)
shows every one of them in an example that a test reads. Numbers with a fraction are written as
text. A book's partition, functional unit and time zone stay as they are once it has records.

";
