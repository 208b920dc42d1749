//! A new App from a manifest: what the code that GitHub hands out for it is exchanged for.
//!
//! The code is good once and for an hour (docs: registering a GitHub App from a manifest). What comes back is shown by
//! GitHub only here, so whoever asks must be ready to keep it.

use http::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::engine::time::Timestamp;
use crate::github::Error;
use crate::github::client::{Call, Transport, refusal, segment};

/// An App that was just created, with the secrets that make whoever holds them the App.
#[derive(Debug)]
pub struct CreatedApp {
    /// Its number.
    pub id: u64,
    /// Its name in addresses.
    pub slug: String,
    /// Its page at GitHub, where it can be installed.
    pub page: Option<String>,
    /// Its private key as PEM.
    pub key: SecretString,
    /// What its webhooks are signed with; nothing where it was created without a webhook.
    pub webhook_secret: Option<SecretString>,
}

#[derive(Deserialize)]
struct ConversionAnswer {
    id: u64,
    slug: String,
    html_url: Option<String>,
    pem: SecretString,
    webhook_secret: Option<SecretString>,
}

/// Exchanges the code of a manifest for the App that GitHub made of it. Sends one request, without credentials.
///
/// # Errors
/// A code that is used up, too old or none: [`Error::Missing`] or [`Error::Invalid`]. [`Error::Unreachable`] and
/// [`Error::Unexpected`] leave open whether the App is there: its key then is lost, and it has to be created anew.
pub async fn convert_manifest(transport: &Transport, code: &str) -> Result<CreatedApp, Error> {
    let path = format!("/app-manifests/{}/conversions", segment(code)?);
    let call = Call::new(Method::POST, path, "the code of the new App");
    let answer = transport.exchange(&call, None).await?;
    if !answer.status.is_success() {
        return Err(refusal(&call, &answer, transport.now()));
    }
    let made: ConversionAnswer = answer.json("the new App").map_err(without_text)?;
    Ok(CreatedApp {
        id: made.id,
        slug: made.slug,
        page: made.html_url,
        key: made.pem,
        webhook_secret: made.webhook_secret.filter(|secret| !is_empty(secret)),
    })
}

/// Whoever reads JSON may quote from it, and here it holds secrets.
fn without_text(_: Error) -> Error {
    Error::Unexpected { message: "the new App came in a form that cannot be read".to_owned() }
}

fn is_empty(secret: &SecretString) -> bool {
    secret.expose_secret().is_empty()
}

/// How long a code is good, and so the whole flow.
pub const CODE_LIFE: std::time::Duration = std::time::Duration::from_secs(3_600);

/// Whether something begun at a moment can still be brought to its end.
pub fn is_in_time(begun: Timestamp, now: Timestamp) -> bool {
    begun <= now && now.since(begun) < CODE_LIFE
}
