//! What must hold whatever bytes come in: one function a target, called by `cargo fuzz` and by random cases of the
//! quick run alike, so that the two cannot drift apart. A property that does not hold panics.

mod issue;
mod tracking;
mod webhook;
mod work;

pub(crate) use issue::{command, facts};
pub(crate) use tracking::tracking;
pub(crate) use webhook::{payload, signature};
pub(crate) use work::{patch, redaction};

/// The bytes as a text, and what follows its first blank line.
fn halves(data: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(data);
    let (head, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    (head.to_owned(), rest.to_owned())
}
