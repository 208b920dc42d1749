//! Issue text → entries: which key a line, list or section belongs to, and its values as written.

use crate::engine::markdown::{Document, Kind, Line};

/// What an issue can say about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Files,
    DependsOn,
    Phase,
    Priority,
    Agent,
    Timeout,
    Retries,
    Validate,
    OnFail,
    Acceptance,
}

impl Key {
    /// The key as people write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Files => "Files",
            Self::DependsOn => "Depends on",
            Self::Phase => "Phase",
            Self::Priority => "Priority",
            Self::Agent => "Agent",
            Self::Timeout => "Timeout",
            Self::Retries => "Retries",
            Self::Validate => "Validate",
            Self::OnFail => "On fail",
            Self::Acceptance => "Acceptance",
        }
    }

    /// Reads a key in any case, with blanks, hyphens or underscores between its words.
    fn parse(text: &str) -> Option<Self> {
        if text.len() > KEY_LENGTH_MAX {
            return None;
        }
        let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == '-' || c == '_').collect();
        match words.join(" ").to_lowercase().as_str() {
            "files" | "touches" => Some(Self::Files),
            "depends on" | "blocked by" => Some(Self::DependsOn),
            "phase" => Some(Self::Phase),
            "priority" => Some(Self::Priority),
            "agent" => Some(Self::Agent),
            "timeout" => Some(Self::Timeout),
            "retries" => Some(Self::Retries),
            "validate" => Some(Self::Validate),
            "on fail" => Some(Self::OnFail),
            "acceptance" | "acceptance criteria" => Some(Self::Acceptance),
            _ => None,
        }
    }

    /// Whether the values are sentences or commands, in which `Word: text` is no key.
    fn is_free_text(self) -> bool {
        match self {
            Self::Validate | Self::Acceptance => true,
            Self::Files
            | Self::DependsOn
            | Self::Phase
            | Self::Priority
            | Self::Agent
            | Self::Timeout
            | Self::Retries
            | Self::OnFail => false,
        }
    }
}

/// No key is longer, in bytes.
const KEY_LENGTH_MAX: usize = 40;

/// One value of a key.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// Without list marker; never empty.
    pub(super) value: String,
    /// The body's line, counted from 1.
    pub(super) line: usize,
    /// Whether it stands in a code block and is to be taken as it is.
    pub(super) code: bool,
}

/// An open key: what follows belongs to it.
#[derive(Clone, Copy)]
struct Open {
    key: Key,
    /// Opened by a heading: goes on to the next one. Otherwise to the first blank line after its values.
    heading: bool,
    filled: bool,
}

/// The entries of a body, and the lines that belong to none.
pub(super) struct Entries<'a> {
    pub(super) entries: Vec<Entry>,
    pub(super) others: Vec<Line<'a>>,
}

/// Reads all lines of a body.
pub(super) fn entries(document: &Document) -> Entries<'_> {
    let mut found = Entries { entries: Vec::new(), others: Vec::new() };
    let mut open: Option<Open> = None;
    for line in document.lines() {
        open = match line.kind {
            Kind::Mark => open,
            Kind::Indented => None,
            Kind::Fenced { .. } => found.fenced(line, open),
            Kind::Heading => found.heading(line),
            Kind::Prose | Kind::Item => found.line(line, open),
        };
    }
    found
}

impl<'a> Entries<'a> {
    fn push(&mut self, key: Key, value: &str, line: usize, code: bool) {
        let value = value.trim();
        if !value.is_empty() {
            self.entries.push(Entry { key, value: value.to_owned(), line, code });
        }
    }

    fn fenced(&mut self, line: Line<'a>, open: Option<Open>) -> Option<Open> {
        match open {
            Some(open) => {
                self.push(open.key, line.text, line.number, true);
                Some(Open { filled: true, ..open })
            }
            None => {
                self.others.push(line);
                None
            }
        }
    }

    fn heading(&mut self, line: Line<'a>) -> Option<Open> {
        let title = line.text.trim().trim_matches('#').trim();
        let Some((key, value)) = key_value(title).or_else(|| Some((Key::parse(plain(title))?, ""))) else {
            self.others.push(line);
            return None;
        };
        self.push(key, value, line.number, false);
        Some(Open { key, heading: true, filled: !value.trim().is_empty() })
    }

    fn line(&mut self, line: Line<'a>, open: Option<Open>) -> Option<Open> {
        if line.text.trim().is_empty() {
            return open.filter(|open| open.heading || !open.filled);
        }
        let content = without_marker(line.text.trim(), line.kind);
        let free_text = open.is_some_and(|open| open.key.is_free_text() && line.kind == Kind::Item);
        if let Some((key, value)) = key_value(content).filter(|_| !free_text) {
            self.push(key, value, line.number, false);
            // A key with its value on the same line is complete unless a comma says there is more.
            let filled = !value.trim().is_empty() && !value.trim_end().ends_with(',');
            let outer = open.filter(|open| open.heading && open.key != key);
            return if filled { outer } else { Some(Open { key, heading: false, filled }) };
        }
        match open {
            Some(open) if open.heading || line.kind == Kind::Item || !open.filled || line.text.starts_with(' ') => {
                self.push(open.key, content, line.number, false);
                Some(Open { filled: true, ..open })
            }
            Some(_) | None => {
                self.others.push(line);
                None
            }
        }
    }
}

/// A list item's text without `-`, `*`, `+`, `1.` or `1)` and without its box.
fn without_marker(text: &str, kind: Kind) -> &str {
    if kind != Kind::Item {
        return text;
    }
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let content = text
        .strip_prefix(['-', '*', '+'])
        .or_else(|| if digits.len() < text.len() { digits.strip_prefix(['.', ')']) } else { None })
        .unwrap_or(text)
        .trim_start();
    ["[ ]", "[x]", "[X]"].iter().find_map(|checkbox| content.strip_prefix(checkbox)).unwrap_or(content).trim_start()
}

/// A key and what follows it on its line: `Key: value`, `**Key:** value`, `**Key**: value`, and `Depends on #12`
/// without colon.
fn key_value(text: &str) -> Option<(Key, &str)> {
    let bare = text.trim_start_matches(['*', '_']);
    if let Some((before, after)) = bare.split_once(':')
        && let Some(key) = Key::parse(plain(before))
    {
        let bold = bare.len() < text.len() && !before.trim_end().ends_with(['*', '_']);
        let after = if bold { after.trim_start_matches(['*', '_']) } else { after };
        return Some((key, after));
    }
    let (before, _) = bare.split_once('#')?;
    let key = Key::parse(plain(before)).filter(|key| *key == Key::DependsOn)?;
    bare.get(before.len()..).map(|numbers| (key, numbers))
}

/// A text without emphasis and colon at its ends.
fn plain(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | ':'))
}
