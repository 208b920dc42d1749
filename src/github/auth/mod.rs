//! Who we are at GitHub: the App by its key, and per repository a token as narrow as the work allows.
//!
//! Promises: one client and one live token per repository, minted once however many ask at the same moment, renewed
//! five minutes before its end and once after a 401; no secret in any `Debug` text, error or address.

mod app;
mod deliveries;
mod installations;
mod manifest;
mod token;

#[cfg(test)]
mod tests;

pub use app::{API_PERMISSIONS, App, AppCredentials, AppIdentity, Installation, InstallationId, PUSH_PERMISSIONS};
pub use deliveries::Attempted;
pub use installations::Installations;
pub use manifest::{CODE_LIFE, CreatedApp, convert_manifest, is_in_time};
pub use token::TokenKeeper;
