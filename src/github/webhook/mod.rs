//! Webhooks: who sent it (`signature`) and what it points at (`payload`).
//!
//! Promises: the signature is checked over the raw bytes before anything is read; a payload is only a hint where to
//! look, so whatever is unknown or missing in it widens the look and never breaks it; no input panics.

mod payload;
mod signature;

#[cfg(test)]
mod tests;

pub use payload::{BODY_BYTES_MAX, Delivery, Hint, Parsed, PayloadError, parse};
pub use signature::{SecretError, Signature, SignatureError, WebhookSecrets, sign};
