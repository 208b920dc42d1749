//! Reading Rust source as far as the house rules need it: comments and literals blanked, test code left out, paths
//! expanded.

use std::collections::BTreeSet;

/// One Rust file, read once.
pub(crate) struct Source {
    /// Path below the package root, with forward slashes.
    pub(crate) path: String,
    /// The text as it is.
    pub(crate) text: String,
    /// The text with comments and the insides of literals blanked; lines and columns stay.
    pub(crate) masked: String,
    /// As `masked`, with the items under `#[cfg(test)]` blanked too; empty for a file of tests.
    pub(crate) shipped: String,
    /// Whether the whole file is compiled for tests only.
    pub(crate) is_tests: bool,
}

/// A path found in code, with imports expanded: `use a::{b, c::d}` gives `a::b` and `a::c::d`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// Line, from 1.
    pub(crate) line: usize,
    /// The path, segments joined by `::`.
    pub(crate) path: String,
}

impl Source {
    /// Reads a file's text; `path` decides whether it is a file of tests (`tests.rs`, or below a folder `tests`).
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let masked = mask(text);
        let is_tests = path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"));
        let shipped = if is_tests { String::new() } else { without_tests(&masked) };
        Self { path: path.to_owned(), text: text.to_owned(), masked, shipped, is_tests }
    }

    /// The root module the file belongs to: `src/engine/id.rs` → `engine`, `src/turn.rs` → `turn`; nothing outside
    /// `src`.
    pub(crate) fn module(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src/")?;
        Some(below.split('/').next().unwrap_or(below).trim_end_matches(".rs"))
    }

    /// Whether `super` in this file is the crate's root.
    pub(crate) fn is_root_module(&self) -> bool {
        let depth = self.path.matches('/').count();
        depth == 1 || (depth == 2 && self.path.ends_with("/mod.rs"))
    }
}

/// Blanks comments, strings and character literals; keeps every newline.
pub(crate) fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at).unwrap_or(at);
        if end > at {
            masked.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            masked.push(chars[at]);
            at += 1;
        }
    }
    masked
}

/// Where the comment or literal that starts at `at` ends; nothing where none starts.
fn literal_end(chars: &[char], at: usize) -> Option<usize> {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => Some(position(chars, at, '\n')),
        '/' if next == Some('*') => Some(block_comment_end(chars, at)),
        '"' => Some(string_end(chars, at)),
        '\'' => char_end(chars, at),
        'r' | 'b' | 'c' if !at.checked_sub(1).is_some_and(|before| is_word(chars[before])) => raw_string_end(chars, at),
        _ => None,
    }
}

fn position(chars: &[char], from: usize, wanted: char) -> usize {
    chars[from..].iter().position(|c| *c == wanted).map_or(chars.len(), |offset| from + offset)
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => {
                depth += 1;
                at += 2;
            }
            ('*', '/') => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

fn string_end(chars: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// A character literal, not a lifetime: `'a'`, `'\n'`, `'\u{e9}'`.
fn char_end(chars: &[char], quote: usize) -> Option<usize> {
    match chars.get(quote + 1)? {
        '\\' => Some(position(chars, quote + 3, '\'') + 1),
        _ if chars.get(quote + 2) == Some(&'\'') => Some(quote + 3),
        _ => None,
    }
}

/// `r"…"`, `r#"…"#`, `br"…"`, `b"…"`, `c"…"`; nothing for an identifier or `r#name`.
fn raw_string_end(chars: &[char], start: usize) -> Option<usize> {
    let mut at = start;
    let mut raw = false;
    while matches!(chars.get(at), Some('r' | 'b' | 'c')) && at < start + 2 {
        raw |= chars[at] == 'r';
        at += 1;
    }
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + hashes) != Some(&'"') || (!raw && hashes > 0) {
        return None;
    }
    if !raw {
        return Some(string_end(chars, at));
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let inside = at + hashes + 1;
    let length = chars[inside..].windows(close.len()).position(|window| window == close);
    Some(length.map_or(chars.len(), |offset| inside + offset + close.len()))
}

/// Whether a character can be part of an identifier.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Blanks each item under `#[cfg(test)]`, attribute included.
fn without_tests(masked: &str) -> String {
    let mut kept = masked.to_owned();
    while let Some(start) = kept.find("#[cfg(test)]") {
        let after = start + "#[cfg(test)]".len();
        let stop = kept[after..].find(['{', ';']).map(|offset| after + offset);
        let end = match stop {
            Some(open) if kept.as_bytes()[open] == b'{' => block_end(&kept, open).unwrap_or(kept.len()),
            Some(semicolon) => semicolon + 1,
            None => kept.len(),
        };
        let blank: String = kept[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        kept.replace_range(start..end, &blank);
    }
    kept
}

/// The byte after the brace that closes the one at byte `open`, in masked text.
pub(crate) fn block_end(masked: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (offset, c) in masked[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(open + offset + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The line, from 1, of a byte.
pub(crate) fn line_of(text: &str, byte: usize) -> usize {
    text[..byte].matches('\n').count() + 1
}

/// Byte positions where `word` stands as a whole word.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        !text[..*at].chars().next_back().is_some_and(is_word)
            && !text[at + word.len()..].chars().next().is_some_and(is_word)
    })
}

/// Every path in masked code: those of `use` expanded, and those written in place with at least two segments.
pub(crate) fn paths(masked: &str) -> BTreeSet<Found> {
    let mut found = BTreeSet::new();
    for start in words(masked, "use") {
        let Some(length) = masked[start..].find(';') else { continue };
        let tree = masked[start + 3..start + length].split_whitespace().collect::<Vec<_>>().join(" ");
        let line = line_of(masked, start);
        expand(&tree, "", &mut |path| {
            found.insert(Found { line, path });
        });
    }
    for (number, line) in masked.lines().enumerate() {
        let pieces = line.split(|c: char| !is_word(c) && c != ':');
        for piece in pieces.filter(|piece| piece.contains("::")) {
            let path = piece.trim_matches(':');
            if path.contains("::") {
                found.insert(Found { line: number + 1, path: path.to_owned() });
            }
        }
    }
    found
}

/// Expands one import tree into full paths.
fn expand(tree: &str, prefix: &str, found: &mut dyn FnMut(String)) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        found(format!("{prefix}{path}").trim_start_matches("::").to_owned());
        return;
    };
    let prefix = format!("{prefix}{}", tree[..open].trim());
    let inside = tree[open + 1..].trim_end();
    let inside = inside.strip_suffix('}').unwrap_or(inside);
    let mut depth = 0usize;
    let mut start = 0;
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                expand(&inside[start..at], &prefix, found);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !inside[start..].trim().is_empty() {
        expand(&inside[start..], &prefix, found);
    }
}
