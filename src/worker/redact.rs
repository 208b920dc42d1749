//! Keeps secrets out of what is written: the values this process knows, plain or lightly transformed, and everything
//! that has a credential's form.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use secrecy::{ExposeSecret, SecretString};

use crate::engine::report::Report;
use crate::engine::secret;
use crate::worker::variables::Variables;

/// Parts of a variable's name that say that its value is a secret.
const SECRET_NAMES: [&str; 6] = ["TOKEN", "KEY", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];
/// Bytes of a secret that may not appear in a row, so that cutting off an end does not hide it.
const WINDOW: usize = 12;
/// The shortest value taken for a secret.
const VALUE_LEAST: usize = 8;

/// Knows the secrets of this process.
#[derive(Clone, Default)]
pub struct Redactor {
    windows: BTreeSet<Vec<u8>>,
}

/// Whether a variable of this name holds a secret.
fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

impl Redactor {
    /// Learns the secrets among these variables, and the token.
    pub fn new(environment: &Variables, token: Option<&SecretString>) -> Self {
        let named =
            environment.iter().filter(|(name, _)| names_secret(name)).map(|(_, value)| value.as_encoded_bytes());
        let token = token.map(|token| token.expose_secret().as_bytes());
        let mut windows = BTreeSet::new();
        for value in named.chain(token).filter(|value| value.len() >= VALUE_LEAST) {
            for form in forms(value) {
                windows.extend(form.windows(WINDOW.min(form.len())).map(<[u8]>::to_vec));
            }
        }
        Self { windows }
    }

    /// Whether bytes hold a secret this process knows.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        !self.found(bytes).is_empty()
    }

    /// The text without secrets, and without control characters but line ends and tabs.
    pub fn clean(&self, text: &str) -> String {
        // First of all what is not shown: a secret that a control character parts would come together again.
        let shown: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        let mut bytes = shown.into_bytes();
        for at in self.found(&bytes) {
            bytes[at] = b'*';
        }
        let plain = String::from_utf8_lossy(&bytes);
        secret::redact(&plain)
    }

    /// Cleans every text of a report.
    pub fn clean_report(&self, mut report: Report) -> Report {
        for text in [&mut report.summary, &mut report.reason, &mut report.question, &mut report.answer] {
            *text = self.clean(text);
        }
        for validation in &mut report.validation {
            validation.command = self.clean(&validation.command);
            validation.tail = self.clean(&validation.tail);
        }
        report.session = report.session.map(|session| self.clean(&session));
        report
    }

    fn found(&self, bytes: &[u8]) -> BTreeSet<usize> {
        let lengths: BTreeSet<usize> = self.windows.iter().map(Vec::len).collect();
        let mut found = BTreeSet::new();
        for length in lengths {
            for (at, window) in bytes.windows(length).enumerate() {
                if self.windows.contains(window) {
                    found.extend(at..at + length);
                }
            }
        }
        found
    }
}

/// A value as it could be printed: plain, backwards, hexadecimal, and base 64 whatever stands before it.
fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![
        value.to_vec(),
        value.iter().rev().copied().collect(),
        hex::encode(value).into_bytes(),
        hex::encode_upper(value).into_bytes(),
    ];
    for skipped in 0..3 {
        let whole = &value[skipped..];
        let whole = &whole[..whole.len() - whole.len() % 3];
        forms.push(STANDARD_NO_PAD.encode(whole).into_bytes());
        forms.push(URL_SAFE_NO_PAD.encode(whole).into_bytes());
    }
    forms.retain(|form| form.len() >= VALUE_LEAST);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_go_whatever_their_form() {
        let secret = "correct-horse-battery-staple-42";
        let environment = Variables::from([("MODEL_KEY", secret.into()), ("PATH", "/usr/bin:/bin".into())]);
        let redactor = Redactor::new(&environment, None);
        let backwards: String = secret.chars().rev().collect();
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("xy{secret}"));
        for form in [secret, &secret[7..], &backwards, &hex::encode(secret), &encoded, &format!("\u{1b}[1m{secret}")] {
            let clean = redactor.clean(&format!("before {form} after"));
            assert!(redactor.holds(form.as_bytes()), "{form}");
            assert!(!redactor.holds(clean.as_bytes()), "{form} gave {clean}");
            assert!(clean.starts_with("before ") && clean.ends_with(" after"), "{clean}");
        }
        assert_eq!(redactor.clean("in /usr/bin:/bin\tnothing\n"), "in /usr/bin:/bin\tnothing\n");
        assert_eq!(redactor.clean("AKIAIOSFODNN7EXAMPLE"), "***");
        assert_eq!(redactor.clean("correct-horse\u{7f}-battery\r-staple-42"), "*".repeat(31));
    }
}
