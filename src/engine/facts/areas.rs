//! Paths as people write them → areas.

use crate::engine::footprint::Area;

/// Longest path anybody may declare, in characters.
const PATH_LENGTH_MAX: usize = 512;

/// Reads one path: a trailing slash means a directory, `* ? [ {` a glob, `.`, `/` and `**` the whole repository, else a
/// file. `./` goes, `\` becomes `/`. Absolute paths, `..`, addresses, control characters and overlong texts are refused
/// with a reason.
pub fn area(written: &str) -> Result<Area, String> {
    let text = written.trim().replace('\\', "/");
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.chars().count() > PATH_LENGTH_MAX {
        return Err(format!("it is longer than {PATH_LENGTH_MAX} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("it holds control characters".to_owned());
    }
    if matches!(text.as_str(), "." | "/" | "./" | "**" | "**/" | "**/*" | "./**" | "/**") {
        return Ok(Area::Directory(String::new()));
    }
    let drive = text.chars().nth(1) == Some(':') && text.starts_with(|c: char| c.is_ascii_alphabetic());
    if text.starts_with('/') || text.starts_with('~') || drive || text.contains("://") {
        return Err("it is not relative to the repository".to_owned());
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err("`..` leaves the repository".to_owned());
    }
    if parts.iter().any(|part| part.eq_ignore_ascii_case(".git")) {
        return Err("`.git` is git's own and never part of a change".to_owned());
    }
    Ok(normal(&parts, text.ends_with('/')))
}

fn normal(parts: &[&str], slash: bool) -> Area {
    let special = |text: &str| text.contains(['*', '?', '[', '{']);
    let below: &[&str] = match parts {
        [directory @ .., "**", "*"] | [directory @ .., "**"] => directory,
        _ => parts,
    };
    let everything_below = slash || below.len() < parts.len();
    match below.join("/") {
        path if path.is_empty() => Area::Directory(path),
        path if special(&path) && everything_below => Area::Glob(format!("{path}/**")),
        path if special(&path) => Area::Glob(path),
        path if everything_below => Area::Directory(path),
        path => Area::File(path),
    }
}

/// What stands on one line under `Files:`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// The paths, as written.
    pub(super) paths: Vec<String>,
    /// Texts in which no path can be told from prose.
    pub(super) unreadable: Vec<String>,
}

/// A word of a line under `Files:`.
enum Word {
    /// What stands between backticks: a path, whatever it looks like.
    Span(String),
    /// Anything else between blanks.
    Bare(String),
}

/// Reads one line under `Files:`: what stands between backticks and what stands between commas are paths alike.
pub(super) fn paths(line: &str) -> Listed {
    let mut listed = Listed::default();
    parts(line).iter().for_each(|part| listed.part(part));
    listed
}

impl Listed {
    /// One part between commas: paths, then perhaps a remark. Where anything else stands too, only code spans count.
    fn part(&mut self, part: &[Word]) {
        let (mut paths, mut spans, mut strange, mut remark) = (Vec::new(), Vec::new(), false, false);
        for word in part {
            match word {
                Word::Span(path) => {
                    paths.push(path.clone());
                    spans.push(path.clone());
                }
                Word::Bare(_) if remark => {}
                Word::Bare(word) if begins_remark(word) && !paths.is_empty() => remark = true,
                Word::Bare(word) => {
                    strange |= part.len() > 1 && !looks_like_path(tidy(word));
                    remark = word.ends_with(':');
                    paths.push(tidy(word).to_owned());
                }
            }
        }
        self.paths.extend(if strange { spans } else { paths });
        if strange {
            let words = part.iter().map(|word| match word {
                Word::Span(word) | Word::Bare(word) => word.as_str(),
            });
            self.unreadable.push(words.collect::<Vec<_>>().join(" "));
        }
    }
}

/// The words of a line, by the commas and semicolons that stand outside backticks.
fn parts(line: &str) -> Vec<Vec<Word>> {
    let pieces = pieces(line);
    let mut parts = Vec::new();
    let mut part = Vec::new();
    for (at, (piece, is_span)) in pieces.iter().enumerate() {
        if *is_span {
            part.extend(Some(piece.trim()).filter(|span| !span.is_empty()).map(|span| Word::Span(span.to_owned())));
            continue;
        }
        let plain = between_spans(piece, at > 0, at + 1 < pieces.len());
        for (comma, section) in plain.split([',', ';']).enumerate() {
            if comma > 0 {
                parts.push(std::mem::take(&mut part));
            }
            let words = section.split_whitespace().filter(|word| !matches!(*word, "and" | "&"));
            part.extend(words.map(|word| Word::Bare(word.to_owned())));
        }
    }
    parts.push(part);
    parts
}

/// The text between two code spans without the punctuation that clings to them, and without what follows a path in
/// parentheses.
fn between_spans(piece: &str, follows: bool, precedes: bool) -> String {
    let clings = |c: char| matches!(c, '*' | '_' | '.' | '!' | '"' | '\'' | '(' | ')' | '[' | ']');
    let link = piece.strip_prefix("](").and_then(|link| link.split_once(')')).map(|(_, rest)| rest);
    let piece = link.filter(|_| follows).unwrap_or(piece);
    let piece = if follows { piece.trim_start_matches(clings) } else { piece };
    let piece = if precedes { piece.trim_end_matches(clings) } else { piece };
    without_asides(piece, follows)
}

/// A text without its `(…)` between blanks, where something stands before them.
fn without_asides(text: &str, follows: bool) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('(') {
        kept.push_str(before);
        let before = kept.trim_end();
        let explains = if before.is_empty() { follows } else { !before.ends_with([',', ';']) };
        let opens = explains && kept.chars().next_back().is_none_or(char::is_whitespace);
        let closed =
            after.split_once(')').filter(|(_, end)| !end.starts_with(|c: char| !c.is_whitespace() && !is_mark(c)));
        match closed.filter(|_| opens) {
            Some((_, end)) => rest = end,
            None => {
                kept.push('(');
                rest = after;
            }
        }
    }
    kept + rest
}

fn is_mark(c: char) -> bool {
    matches!(c, ',' | ';' | ':' | '.')
}

/// Whether a word after a path begins what explains it: `a.rs - why`, `a.rs (new`.
fn begins_remark(word: &str) -> bool {
    word.starts_with('(') || matches!(word, "-" | "--" | "–" | "—" | "->" | "=>" | ":" | "#")
}

/// A word without the punctuation around it, a Markdown link as its text.
fn tidy(word: &str) -> &str {
    let word = word.strip_prefix('[').and_then(|link| link.split_once("](")).map_or(word, |(text, _)| text);
    let word = word.trim_matches(['"', '\'']).trim_end_matches([',', ';', ':']);
    let word = word
        .strip_prefix("**")
        .and_then(|bold| bold.strip_suffix("**"))
        .filter(|bold| !bold.is_empty())
        .unwrap_or(word);
    match word.strip_suffix('.') {
        Some(sentence_end) if sentence_end.contains(['.', '/']) && !sentence_end.ends_with(['.', '/']) => sentence_end,
        Some(_) | None => word,
    }
}

fn looks_like_path(word: &str) -> bool {
    let names_something = || word.chars().any(|c| c.is_alphanumeric() || c == '*');
    word == "." || !word.starts_with('(') && word.contains(['/', '.', '*', '\\']) && names_something()
}

/// What stands between backticks on a line.
pub(super) fn code_spans(line: &str) -> Vec<String> {
    let spans = pieces(line).into_iter().filter(|(_, is_span)| *is_span);
    spans.map(|(span, _)| span.trim().to_owned()).filter(|span| !span.is_empty()).collect()
}

/// A line cut at its backticks: each piece, and whether it stands between two of them.
fn pieces(line: &str) -> Vec<(&str, bool)> {
    let pieces: Vec<&str> = line.split('`').collect();
    let closed = if pieces.len().is_multiple_of(2) { pieces.len() - 1 } else { pieces.len() };
    pieces.into_iter().enumerate().map(|(at, piece)| (piece, at % 2 == 1 && at < closed)).collect()
}
