//! The end of a job's log: bounded, without control characters, without secrets.

use std::collections::VecDeque;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;

use crate::engine::id::RunId;

/// Bytes of a log that are told in the end.
pub const LOG_BYTES_MAX: usize = 64 * 1024;
/// Bytes kept before those, so that a secret which the cut goes through is still recognised.
const MARGIN: usize = 16 * 1024;
/// Shorter lines of secrets are no secrets and would black out half the log.
const SECRET_BYTES_MIN: usize = 4;

/// Longest line that is told while a job runs, in bytes.
const LINE_BYTES_MAX: usize = 512;

/// Who hears lines of logs while jobs run, and which. Where nobody keeps up, lines are left out.
#[derive(Clone, Debug)]
pub struct LiveLines {
    /// Words of such a line; it is told from them on, without what a log puts before them.
    pub words: &'static str,
    /// The run and the line.
    pub sender: mpsc::Sender<(RunId, String)>,
}

/// The line under way of a log that somebody hears.
#[derive(Debug)]
struct Heard {
    by: LiveLines,
    run: RunId,
    line: Vec<u8>,
}

/// The end of a log.
#[derive(Debug, Default)]
pub(super) struct LogTail {
    kept: VecDeque<u8>,
    is_cut: bool,
    /// Lines that are shown as `***`.
    secrets: Vec<SecretString>,
    heard: Option<Heard>,
}

impl LogTail {
    /// A log in which these secrets are hidden.
    pub(super) fn hiding<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut lines: Vec<&str> = secrets
            .into_iter()
            .flat_map(|secret| secret.expose_secret().lines())
            .map(str::trim)
            .filter(|line| line.len() >= SECRET_BYTES_MIN)
            .collect();
        lines.sort_unstable_by_key(|line| std::cmp::Reverse(line.len()));
        Self { secrets: lines.into_iter().map(SecretString::from).collect(), ..Self::default() }
    }

    /// The same, with somebody who hears lines of it as they come.
    pub(super) fn heard_by(self, by: Option<&LiveLines>, run: RunId) -> Self {
        Self { heard: by.map(|by| Heard { by: by.clone(), run, line: Vec::new() }), ..self }
    }

    fn tell(&mut self, bytes: &[u8]) {
        let Some(mut heard) = self.heard.take() else { return };
        for byte in bytes {
            if *byte != b'\n' {
                if heard.line.len() < LINE_BYTES_MAX {
                    heard.line.push(*byte);
                }
                continue;
            }
            let line = clean(&heard.line);
            if let Some(at) = line.find(heard.by.words) {
                // Nobody waits for whoever does not listen.
                let _ = heard.by.sender.try_send((heard.run, self.hidden(line[at..].to_owned())));
            }
            heard.line.clear();
        }
        self.heard = Some(heard);
    }

    fn hidden(&self, mut text: String) -> String {
        for secret in &self.secrets {
            text = text.replace(secret.expose_secret(), "***");
        }
        text
    }

    /// Adds output as it comes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.tell(bytes);
        let bytes = &bytes[bytes.len().saturating_sub(LOG_BYTES_MAX + MARGIN)..];
        self.kept.extend(bytes);
        let over = self.kept.len().saturating_sub(LOG_BYTES_MAX + MARGIN);
        if over > 0 {
            self.is_cut = true;
            self.kept.drain(..over);
        }
    }

    /// Adds a line of the runner's own.
    pub(super) fn say(&mut self, line: &str) {
        if self.kept.back().is_some_and(|byte| *byte != b'\n') {
            self.push(b"\n");
        }
        self.push(line.as_bytes());
        self.push(b"\n");
    }

    /// Whether a text holds one of the secrets.
    pub(super) fn has_secret(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.expose_secret()))
    }

    /// The text to tell.
    pub(super) fn text(&self) -> String {
        let (front, back) = self.kept.as_slices();
        let mut text = self.hidden(clean(&[front, back].concat()));
        let margin = if self.is_cut { MARGIN } else { 0 };
        let from = margin.max(text.len().saturating_sub(LOG_BYTES_MAX)).min(text.len());
        let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        text.split_off(from)
    }
}

/// Text without escape sequences and without control characters but line ends and tabs.
fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut cleaned = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.next_if_eq(&'[').is_some() {
            // A sequence ends with its first character from `@` to `~`.
            while characters.next_if(|next| matches!(next, ' '..='?')).is_some() {}
            characters.next_if(|next| matches!(next, '@'..='~'));
        } else if !character.is_control() || matches!(character, '\n' | '\t') {
            cleaned.push(character);
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_go_and_lines_stay() {
        for (raw, told) in [
            (&b"a\tb\r\nc"[..], "a\tb\nc"),
            (b"\x1b[1;31mred\x1b[0m \x07bell\x1b", "red bell"),
            (b"\xff\xc3\xbc\x00", "\u{fffd}\u{fc}"),
            ("\u{9b}31m\u{85}".as_bytes(), "31m"),
        ] {
            let mut log = LogTail::default();
            log.push(raw);
            assert_eq!(log.text(), told);
        }
    }

    #[test]
    fn lines_with_certain_words_are_told_as_they_come_without_secrets() {
        let (sender, mut told) = mpsc::channel(1);
        let secrets = [SecretString::from("c2VjcmV0")];
        let live = LiveLines { words: "note: ", sender };
        let mut log = LogTail::hiding(&secrets).heard_by(Some(&live), RunId(7));
        for piece in
            ["12:00 \x1b[1mno", "te: c2Vjc", "mV0 \x1b[1m", "x", "\nother\nnote: left out, nobody listens\nnote: unfi"]
        {
            log.push(piece.as_bytes());
        }
        assert_eq!(told.try_recv(), Ok((RunId(7), "note: *** x".to_owned())));
        assert!(told.try_recv().is_err());
        log.push(b"nished\n");
        assert_eq!(told.try_recv(), Ok((RunId(7), "note: unfinished".to_owned())));
    }

    #[test]
    fn the_end_is_kept() {
        let mut log = LogTail::default();
        for number in 0..100_000 {
            log.say(&format!("line {number}"));
        }
        log.push("ü".repeat(20).as_bytes());
        let text = log.text();
        assert!(text.len() <= LOG_BYTES_MAX && text.len() > LOG_BYTES_MAX - 10, "{}", text.len());
        assert!(text.ends_with(&format!("line 99999\n{}", "ü".repeat(20))));
    }

    #[test]
    fn secrets_are_hidden_also_where_the_cut_goes_through_them() {
        let secrets = [SecretString::from("-----BEGIN\nc2VjcmV0\nab\n"), SecretString::from("c2Vj")];
        let mut log = LogTail::hiding(&secrets);
        log.push(b"x c2VjcmV0 y c2Vj -----BEGIN ab");
        assert_eq!(log.text(), "x *** y *** *** ab");
        for padding in 0..10 {
            let mut log = LogTail::hiding(&secrets);
            log.push(&b"c2VjcmV0".repeat(30_000));
            log.push(&vec![b'.'; LOG_BYTES_MAX - padding]);
            let told = log.text();
            assert!(!told.contains("2") && !told.contains("V0"), "{}", &told[..20]);
        }
    }
}
