//! Texts that look like credentials, found by their form alone.
//!
//! Forms: GitHub's tokens (`ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`, `github_pat_`), model keys (`sk-`), AWS key ids,
//! private keys in PEM and signed JSON web tokens. A secret in no known form is not found here; known values are
//! removed by whoever knows them.

use std::ops::Range;

/// A place in a text that looks like a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, in bytes.
    pub at: Range<usize>,
    /// What it looks like, for people.
    pub kind: &'static str,
}

struct Form {
    prefix: &'static str,
    kind: &'static str,
    least: usize,
    body: fn(u8) -> bool,
    /// Words can look like it: it must hold a digit.
    needs_digit: bool,
}

const fn github(prefix: &'static str) -> Form {
    Form { prefix, kind: "a GitHub token", least: 30, body: word, needs_digit: false }
}

const FORMS: [Form; 9] = [
    github("ghp_"),
    github("gho_"),
    github("ghu_"),
    github("ghs_"),
    github("ghr_"),
    github("github_pat_"),
    Form { prefix: "sk-", kind: "a model key", least: 20, body: word_or_dash, needs_digit: true },
    Form { prefix: "AKIA", kind: "an AWS key id", least: 16, body: upper, needs_digit: false },
    Form { prefix: "ASIA", kind: "an AWS key id", least: 16, body: upper, needs_digit: false },
];

const PEM_BEGIN: &str = "-----BEGIN ";
const PEM_KEY: &str = "PRIVATE KEY-----";
const PEM_END: &str = "-----END ";
/// Least length of each part of a web token.
const JWT_PART_LEAST: usize = 10;

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn word_or_dash(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

/// Every place that looks like a credential, in order, none overlapping another.
pub fn find(text: &str) -> Vec<Finding> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let begins_word = at == 0 || !word(bytes[at - 1]);
        let finding =
            pem(text, at).or_else(|| begins_word.then(|| token(bytes, at).or_else(|| jwt(bytes, at))).flatten());
        match finding {
            Some(finding) => {
                at = finding.at.end;
                found.push(finding);
            }
            None => at += 1,
        }
    }
    found
}

/// The text with every such place replaced by `***`.
pub fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut kept = 0;
    for finding in find(text) {
        clean.push_str(&text[kept..finding.at.start]);
        clean.push_str("***");
        kept = finding.at.end;
    }
    clean.push_str(&text[kept..]);
    clean
}

fn run(bytes: &[u8], at: usize, body: fn(u8) -> bool) -> usize {
    bytes[at..].iter().take_while(|byte| body(**byte)).count()
}

fn token(bytes: &[u8], at: usize) -> Option<Finding> {
    FORMS.iter().find_map(|form| {
        let begin = at + form.prefix.len();
        if !bytes[at..].starts_with(form.prefix.as_bytes()) {
            return None;
        }
        let length = run(bytes, begin, form.body);
        let digits = bytes[begin..begin + length].iter().any(u8::is_ascii_digit);
        (length >= form.least && (digits || !form.needs_digit))
            .then_some(Finding { at: at..begin + length, kind: form.kind })
    })
}

fn jwt(bytes: &[u8], at: usize) -> Option<Finding> {
    if !bytes[at..].starts_with(b"eyJ") {
        return None;
    }
    let mut end = at;
    for part in 0..3 {
        if part > 0 {
            if bytes.get(end) != Some(&b'.') {
                return None;
            }
            end += 1;
        }
        let length = run(bytes, end, word_or_dash);
        if length < JWT_PART_LEAST {
            return None;
        }
        end += length;
    }
    Some(Finding { at: at..end, kind: "a signed web token" })
}

fn pem(text: &str, at: usize) -> Option<Finding> {
    if !text.as_bytes()[at..].starts_with(PEM_BEGIN.as_bytes()) {
        return None;
    }
    let line_end = text[at..].find(['\n', '\r']).map_or(text.len(), |length| at + length);
    if !text[at..line_end].contains(PEM_KEY) {
        return None;
    }
    let end = text[line_end..].find(PEM_END).map_or(text.len(), |length| {
        let begin = line_end + length;
        text[begin..].find(['\n', '\r']).map_or(text.len(), |rest| begin + rest)
    });
    Some(Finding { at: at..end, kind: "a private key" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_and_words_are_not() {
        let digits = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
        let jwt = format!("eyJhbGciOiJIUzI1NiJ9.{digits}.{digits}");
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----";
        for secret in [
            &format!("ghp_{digits}"),
            &format!("ghs_{digits}"),
            &format!("github_pat_{digits}"),
            &format!("sk-proj-{digits}"),
            "AKIAIOSFODNN7EXAMPLE",
            &jwt,
            pem,
        ] {
            assert_eq!(find(secret).len(), 1, "{secret}");
            assert_eq!(redact(&format!("é={secret}\nend")), "é=***\nend");
        }
        for harmless in
            ["ghp_short", "sk-learn-is-a-library-for-learning", "risk-a1B2c3D4e5F6g7H8i9J0k1", "eyJ.a.b", "AKIA", "é"]
        {
            assert_eq!(find(harmless), [], "{harmless}");
        }
        assert_eq!(redact("-----BEGIN PRIVATE KEY-----\ncut off"), "***");
        assert_eq!(find("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"), []);
    }
}
