//! What a reviewer would otherwise have to remember, and what the documents promise.

mod cli;
mod generated;
