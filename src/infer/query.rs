//! What an issue's text asks about: weighted terms of its parts, names it writes as code, paths and stack frames.

use std::collections::BTreeMap;

use crate::infer::prose;
use crate::infer::token::{self, Term};

/// How much of a text is read, in characters: what follows is logs.
pub const TEXT_CHARACTERS_MAX: usize = 8_000;

/// A text's terms with their counts and one way each was written.
pub type Terms = BTreeMap<Term, (f64, String)>;

/// An issue's text taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Terms of the whole text; the count is damped: 1 + ln(n).
    pub all: Terms,
    /// Terms of the title.
    pub title: Terms,
    /// Terms of the whole text where those of the title count twice, and names that are written as code once more.
    pub emphasised: Terms,
    /// Names that look like code: compound, or in backticks; with damped counts.
    pub identifiers: Terms,
    /// Paths and file names as written, in order.
    pub paths: Vec<String>,
    /// Paths of stack frames, the innermost last as written.
    pub frames: Vec<String>,
    /// Whether the text was longer than is read.
    pub cut: bool,
}

impl Query {
    /// Takes a title and a body apart. Either may be empty.
    pub fn new(title: &str, body: &str) -> Self {
        let body_max = TEXT_CHARACTERS_MAX.saturating_sub(title.chars().count());
        let (title, title_cut) = first(title, TEXT_CHARACTERS_MAX);
        let (body, body_cut) = first(body, body_max);
        let body = &prose::said(body);
        let code = code_spans(body) + "\n" + &code_spans(title);
        let mut query = Self { cut: title_cut || body_cut, ..Self::default() };
        let whole = format!("{title}\n{body}");
        query.all = damped(count(&whole));
        query.title = damped(count(title));
        let in_code: Vec<Term> = count(&code).into_keys().collect();
        query.identifiers = damped(identifiers(&whole, &in_code));
        query.emphasised = query.all.clone();
        for (term, (weight, written)) in query.title.iter().chain(&query.identifiers) {
            query.emphasised.entry(*term).or_insert_with(|| (0.0, written.clone())).0 += weight;
        }
        query.paths = paths(&whole);
        query.frames = frames(&whole);
        query
    }
}

/// The first `most` characters, and whether there were more.
fn first(text: &str, most: usize) -> (&str, bool) {
    text.char_indices().nth(most).map_or((text, false), |(at, _)| (&text[..at], true))
}

/// Counts terms, leaving out words that say nothing.
fn count(text: &str) -> Terms {
    let mut terms = Terms::new();
    token::each(text.as_bytes(), |token| {
        if !prose::is_empty_word(token.text) {
            let written = || String::from_utf8_lossy(token.text).into_owned();
            terms.entry(token.term).or_insert_with(|| (0.0, written())).0 += 1.0;
        }
    });
    compounds(text, &mut terms);
    terms
}

/// Words joined by hyphens (`--trailing-var-arg`) mean the name that code writes with underscores.
fn compounds(text: &str, terms: &mut Terms) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    for word in text.split(|c: char| !is_part(c)).map(|word| word.trim_matches('-')) {
        if word.contains('-') && word.len() <= token::WORD_BYTES_MAX {
            let joined = word.replace('-', "_");
            terms.entry(token::term(joined.as_bytes())).or_insert_with(|| (0.0, joined)).0 += 1.0;
        }
    }
}

fn damped(mut terms: Terms) -> Terms {
    terms.values_mut().for_each(|(count, _)| *count = 1.0 + count.ln());
    terms
}

fn identifiers(text: &str, in_code: &[Term]) -> Terms {
    let mut terms = Terms::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for word in text.split(|c: char| !is_word(c)).filter(|word| word.len() > 2) {
        let folded = token::term(word.as_bytes());
        let inner_capital = word.chars().skip(1).any(char::is_uppercase) && word.chars().any(char::is_lowercase);
        let compound = word.trim_matches('_').contains('_') || inner_capital;
        if compound || in_code.binary_search(&folded).is_ok() {
            terms.entry(folded).or_insert_with(|| (0.0, word.to_owned())).0 += 1.0;
        }
    }
    terms
}

/// What stands in backticks, and in fenced blocks.
fn code_spans(text: &str) -> String {
    let (mut found, mut fenced) = (String::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            found.push_str(line);
        } else {
            for span in line.split('`').skip(1).step_by(2) {
                found.push_str(span);
                found.push(' ');
            }
        }
        found.push('\n');
    }
    found
}

/// Words that look like paths or file names.
fn paths(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '\\' | '+' | '@');
    let mut found: Vec<String> = Vec::new();
    for word in text.split(|c: char| !is_part(c)) {
        let word = word.replace('\\', "/");
        let word = word.trim_matches(|c| matches!(c, '.' | '/' | '-' | '+' | '@'));
        let name = word.rsplit('/').next().unwrap_or(word);
        let has_ending = name.rsplit_once('.').is_some_and(|(stem, ending)| {
            !stem.is_empty() && (1..=8).contains(&ending.len()) && ending.starts_with(|c: char| c.is_ascii_alphabetic())
        });
        if (has_ending || word.contains('/')) && word.len() > 3 && !found.iter().any(|known| known == word) {
            found.push(word.to_owned());
        }
    }
    found
}

/// The files of stack frames: `File "x.py", line 3`, `at f (x.js:3:4)`, `at x.rs:3:4`, `x.go:12 +0x1d`,
/// `at a.b.C.d(C.java:12)`.
fn frames(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        let python = line.strip_prefix("File \"").and_then(|rest| rest.split_once("\", line ")).map(|(path, _)| path);
        let other = || {
            let inner = line.rsplit_once('(').map_or(line, |(_, inner)| inner);
            let inner = inner.strip_prefix("at ").unwrap_or(inner);
            let (path, rest) = inner.split_once(':')?;
            let numbered = rest.starts_with(|c: char| c.is_ascii_digit());
            let shaped = line.starts_with("at ") || line.contains(" +0x") || line.starts_with("-->");
            (numbered && shaped && path.contains('.') && !path.contains(' ')).then_some(path)
        };
        found.extend(python.or_else(other).map(|path| path.replace('\\', "/")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_apart() {
        let query = Query::new(
            "Arg::trailing_var_arg panics",
            "See `src/parse/parser.rs` and --allow-hyphen.\n```\n\
             File \"a/b.py\", line 3, in x\n  at f (lib/c.js:3:4)\n```",
        );
        assert!(query.identifiers.contains_key(&token::term(b"trailing_var_arg")));
        assert!(query.all.contains_key(&token::term(b"allow_hyphen")));
        let weight = |terms: &Terms, word: &[u8]| terms.get(&token::term(word)).map_or(0.0, |(weight, _)| *weight);
        assert_eq!(weight(&query.all, b"trailing_var_arg"), 1.0);
        assert_eq!(weight(&query.emphasised, b"trailing_var_arg"), 3.0);
        assert_eq!(query.paths, ["src/parse/parser.rs", "a/b.py", "lib/c.js"]);
        assert_eq!(query.frames, ["a/b.py", "lib/c.js"]);
        assert!(!query.cut);
    }

    #[test]
    fn empty_and_endless_texts_are_texts() {
        assert_eq!(Query::new("", ""), Query::default());
        let query = Query::new("title", &"größe ".repeat(10_000));
        assert!(query.cut && query.all.contains_key(&token::term("größe".as_bytes())));
    }
}
