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

/// The paths of one line under `Files:`; `Err` names a text in which no path can be told from prose.
pub(super) fn paths(line: &str) -> Result<Vec<String>, String> {
    let spans = code_spans(line);
    if !spans.is_empty() {
        return Ok(spans);
    }
    let mut paths = Vec::new();
    for part in line.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
        let words: Vec<&str> = part.split_whitespace().filter(|word| !matches!(*word, "and" | "&")).map(tidy).collect();
        match words.as_slice() {
            [] => {}
            [path] => paths.push((*path).to_owned()),
            all if all.iter().all(|word| looks_like_path(word)) => {
                paths.extend(all.iter().map(|word| (*word).to_owned()))
            }
            [path, remark, ..] if looks_like_path(path) && is_remark(part, remark) => paths.push((*path).to_owned()),
            _ => return Err(part.to_owned()),
        }
    }
    Ok(paths)
}

/// Whether what follows a path explains it: `a.rs: why`, `a.rs - why`, `a.rs (new)`.
fn is_remark(part: &str, second: &str) -> bool {
    let first = part.split_whitespace().next().unwrap_or_default();
    first.ends_with(':')
        || second.starts_with('(')
        || matches!(second, "-" | "--" | "–" | "—" | "->" | "=>" | ":" | "#")
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
    let pieces: Vec<&str> = line.split('`').collect();
    let closed = if pieces.len().is_multiple_of(2) { pieces.len() - 1 } else { pieces.len() };
    let spans = pieces.iter().take(closed).skip(1).step_by(2);
    spans.map(|span| span.trim().to_owned()).filter(|span| !span.is_empty()).collect()
}
