//! What a reviewer would have to remember.
//!
//! Every rule is a function from files to sentences, tried on small bad inputs beside it; the tests
//! run it over the repository. A sentence names the place and says what to do.

mod cases;
mod documents;
mod source;
mod text;

pub(crate) use cases::built;

/// Say everything that was found, or nothing.
#[track_caller]
pub(crate) fn hold(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}
