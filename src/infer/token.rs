//! Text → terms, the same way for code, prose, paths and commit messages.
//!
//! A word is a run of letters, digits, underscores and bytes beyond ASCII. Each of its parts (`retryDelay_ms`: retry,
//! delay, ms) is a term, and a compound is one more as a whole, without underscores and folded, so that `retry_delay`,
//! `RetryDelay` and `retryDelay` are the same term. A term is a 64-bit hash (FNV-1a), so that an index holds no
//! strings; what a hash once meant is known where it was asked for.

/// A term's hash.
pub type Term = u64;

/// Longest word looked at, in bytes: anything longer is data (base64, hashes), not language.
pub const WORD_BYTES_MAX: usize = 64;
/// Longest number taken as a term, in digits.
const DIGITS_MAX: usize = 6;
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The hash of one term, folded, underscores left out.
pub fn term(text: &[u8]) -> Term {
    text.iter().filter(|byte| **byte != b'_').fold(OFFSET, |hash, byte| add(hash, byte.to_ascii_lowercase()))
}

fn add(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(PRIME)
}

/// The hash of a part of a word, which meets its plural.
fn part(text: &[u8]) -> Term {
    term(stem(text))
}

/// Without the ending of an English plural or third person.
fn stem(text: &[u8]) -> &[u8] {
    let fold = |at: usize| text.get(text.len().wrapping_sub(at)).map(u8::to_ascii_lowercase);
    let plural = text.len() > 3 && fold(1) == Some(b's') && !matches!(fold(2), Some(b's' | b'u' | b'i'));
    if plural { &text[..text.len() - 1] } else { text }
}

/// Whether a byte belongs to a word.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// One term of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// Its hash.
    pub term: Term,
    /// How it was written.
    pub text: &'a [u8],
    /// Whether it is a compound word as a whole.
    pub whole: bool,
}

/// Calls `take` with each term of a text, in order; a compound comes after its parts.
pub fn each<'a>(text: &'a [u8], mut take: impl FnMut(Token<'a>)) {
    let mut at = 0;
    while at < text.len() {
        if !is_word(text[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < text.len() && is_word(text[at]) {
            at += 1;
        }
        word(&text[start..at], &mut take);
    }
}

/// Calls `take` with each term of one word.
fn word<'a>(word: &'a [u8], take: &mut impl FnMut(Token<'a>)) {
    if word.len() < 2 || word.len() > WORD_BYTES_MAX {
        return;
    }
    if word[0].is_ascii_digit() {
        if word.len() <= DIGITS_MAX {
            take(Token { term: term(word), text: word, whole: false });
        }
        return;
    }
    let (mut start, mut parts) = (0, 0);
    for at in 1..=word.len() {
        if at < word.len() && !splits(word, at) {
            continue;
        }
        let found = trimmed(&word[start..at]);
        start = at;
        if found.is_empty() {
            continue;
        }
        parts += 1;
        if found.len() > 1 {
            take(Token { term: part(found), text: found, whole: false });
        }
    }
    if parts > 1 {
        take(Token { term: term(word), text: word, whole: true });
    }
}

fn trimmed(part: &[u8]) -> &[u8] {
    let start = part.iter().position(|byte| *byte != b'_').unwrap_or(part.len());
    let end = part.iter().rposition(|byte| *byte != b'_').map_or(start, |last| last + 1);
    &part[start..end]
}

/// Whether a new part begins at `at`: after an underscore, at a capital after a small letter, or at the last capital of
/// several (`HTTPServer`: http, server).
fn splits(word: &[u8], at: usize) -> bool {
    let (before, here) = (word[at - 1], word[at]);
    if before == b'_' {
        return true;
    }
    if !here.is_ascii_uppercase() {
        return false;
    }
    let next_small = word.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    before.is_ascii_lowercase() || before.is_ascii_digit() || (before.is_ascii_uppercase() && next_small)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        each(text.as_bytes(), |token| found.push(String::from_utf8_lossy(token.text).into_owned()));
        found
    }

    #[test]
    fn compounds_give_their_parts_and_themselves() {
        assert_eq!(
            terms("retryDelay_ms = HTTPServer;"),
            ["retry", "Delay", "ms", "retryDelay_ms", "HTTP", "Server", "HTTPServer"]
        );
        assert_eq!(terms("a __init__ x9 404 1234567 größe"), ["init", "x9", "404", "größe"]);
        assert_eq!(terms(&"x".repeat(WORD_BYTES_MAX + 1)), [""; 0]);
    }

    #[test]
    fn ways_of_writing_a_name_and_plurals_meet() {
        assert_eq!(term(b"retry_delay"), term(b"RetryDelay"));
        assert_eq!(part(b"Parsers"), part(b"parser"));
        assert_ne!(part(b"class"), part(b"clas"));
    }
}
