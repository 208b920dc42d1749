//! The signature of a delivery: HMAC-SHA256 over the raw body, `X-Hub-Signature-256: sha256=<hex>` (GitHub: validating
//! webhook deliveries). The older SHA-1 header is not looked at.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Fewest bytes of a secret. HMAC itself takes an empty key, with which anybody could sign.
const SECRET_BYTES_MIN: usize = 8;
const PREFIX: &str = "sha256=";

/// A secret that may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the {which} webhook secret is {found}; use at least {SECRET_BYTES_MIN} characters, for example those \
     `openssl rand -hex 32` prints, here and in the App's settings"
)]
pub struct SecretError {
    which: &'static str,
    found: &'static str,
}

/// Why a delivery is not believed. The answer to the sender is the same for all: 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No header: the hook has no secret.
    #[error("the delivery is not signed; set the webhook's secret in the App's settings")]
    Missing,
    /// The header is not `sha256=` and 64 hexadecimal digits.
    #[error("the signature is not `sha256=` and 64 hexadecimal digits")]
    Malformed,
    /// Another secret, or a changed body.
    #[error("the signature does not fit; the secret here and in the App's settings differ")]
    Wrong,
}

/// The secrets deliveries may be signed with: the current one, and during a change the previous one.
#[derive(Clone, Debug)]
pub struct WebhookSecrets {
    current: SecretString,
    previous: Option<SecretString>,
}

impl WebhookSecrets {
    /// Refuses an empty or short secret. An empty previous one counts as none.
    pub fn new(current: SecretString, previous: Option<SecretString>) -> Result<Self, SecretError> {
        check(&current, "current")?;
        let previous = previous.filter(|secret| !secret.expose_secret().is_empty());
        if let Some(secret) = &previous {
            check(secret, "previous")?;
        }
        Ok(Self { current, previous })
    }

    /// Whether one of the secrets signed this body, as it came over the wire. Compares in constant time.
    pub fn verify(&self, signature: Signature, body: &[u8]) -> Result<(), SignatureError> {
        let Signature(signature) = signature;
        let signed_with = |secret: &SecretString| mac(secret, body).verify_slice(&signature).is_ok();
        if signed_with(&self.current) || self.previous.as_ref().is_some_and(signed_with) {
            Ok(())
        } else {
            Err(SignatureError::Wrong)
        }
    }
}

/// A signature as a header tells it; nothing is known yet of whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; 32]);

impl Signature {
    /// Reads the header's value. What fails here would fail with any body, so none need be read for it.
    pub fn read(header: Option<&str>) -> Result<Self, SignatureError> {
        let digits = header.ok_or(SignatureError::Missing)?.strip_prefix(PREFIX).ok_or(SignatureError::Malformed)?;
        let mut signature = [0_u8; 32];
        hex::decode_to_slice(digits, &mut signature).map_err(|_| SignatureError::Malformed)?;
        Ok(Self(signature))
    }
}

/// The header's value for a body, as a sender writes it.
pub fn sign(secret: &SecretString, body: &[u8]) -> String {
    format!("{PREFIX}{}", hex::encode(mac(secret, body).finalize().into_bytes()))
}

#[expect(clippy::expect_used, reason = "the error is of ciphers with keys of one length")]
fn mac(secret: &SecretString, body: &[u8]) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    mac
}

fn check(secret: &SecretString, which: &'static str) -> Result<(), SecretError> {
    match secret.expose_secret().len() {
        0 => Err(SecretError { which, found: "empty" }),
        length if length < SECRET_BYTES_MIN => Err(SecretError { which, found: "too short" }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector GitHub publishes in "Validating webhook deliveries".
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secrets(current: &str, previous: Option<&str>) -> Result<WebhookSecrets, SecretError> {
        WebhookSecrets::new(current.into(), previous.map(Into::into))
    }

    fn verify(secrets: &WebhookSecrets, header: Option<&str>, body: &[u8]) -> Result<(), SignatureError> {
        secrets.verify(Signature::read(header)?, body)
    }

    #[test]
    fn the_published_vector_is_signed_and_verified() {
        assert_eq!(sign(&SECRET.into(), BODY), SIGNATURE);
        let known = secrets(SECRET, None).expect("long enough");
        assert_eq!(verify(&known, Some(SIGNATURE), BODY), Ok(()));
    }

    #[test]
    fn both_live_secrets_count_and_no_other() {
        let changing = secrets("the new one", Some(SECRET)).expect("long enough");
        assert_eq!(verify(&changing, Some(SIGNATURE), BODY), Ok(()));
        assert_eq!(verify(&changing, Some(&sign(&"the new one".into(), BODY)), BODY), Ok(()));
        assert_eq!(verify(&changing, Some(&sign(&"somebody's".into(), BODY)), BODY), Err(SignatureError::Wrong));
        assert_eq!(verify(&changing, Some(SIGNATURE), b"Hello, World?"), Err(SignatureError::Wrong));
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let known = secrets(SECRET, None).expect("long enough");
        assert_eq!(verify(&known, None, BODY), Err(SignatureError::Missing));
        let sha1 = format!("sha1={}", "0".repeat(40));
        let cut = &SIGNATURE[..SIGNATURE.len() - 1];
        let long = format!("{SIGNATURE}00");
        let not_hexadecimal = format!("sha256={}", "zz".repeat(32));
        for wrong in ["", "sha256=", &sha1, cut, &long, &not_hexadecimal] {
            assert_eq!(verify(&known, Some(wrong), BODY), Err(SignatureError::Malformed), "{wrong}");
        }
    }

    #[test]
    fn empty_and_short_secrets_are_refused_and_none_is_shown() {
        for (current, previous) in [("", None), ("seven77", None), (SECRET, Some("short"))] {
            let error = secrets(current, previous).expect_err("too short");
            assert!(error.to_string().contains("openssl rand"), "{error}");
        }
        let known = secrets(SECRET, Some("")).expect("an empty previous secret is none");
        assert!(!format!("{known:?}").contains("Everybody"));
    }
}
