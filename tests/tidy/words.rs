//! Names and words: what no file may be called or contain.

use crate::report::Report;
use crate::source::{Source, is_word, line_of, words};

/// Name parts that say nothing about what a thing is.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "manager", "service", "misc", "common"];
/// The same as endings of a type's name.
const EMPTY_SUFFIXES: &[&str] = &["Manager", "Helper", "Util", "Utils", "Service"];
/// Marks of unfinished work, in comments or code; written in two halves so that this file does not hold them.
const UNFINISHED: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X"), concat!("TO", "DO"), concat!("HA", "CK")];
/// Code of unfinished or switched-off work, in halves for the same reason.
const UNFINISHED_CODE: &[&str] = &[concat!("to", "do!"), concat!("unimpl", "emented!"), concat!("#[ign", "ore")];

/// Checks names of files and types, unfinished work, and that a module says what it promises.
pub(crate) fn code(source: &Source, report: &mut Report) {
    let stem = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    if stem.split('_').any(|part| EMPTY_NAMES.contains(&part)) {
        report.add(&source.path, 1, format!("the name `{stem}` says nothing"), "name it after what it holds");
    }
    if !source.is_tests && !source.text.starts_with("//!") {
        report.add(&source.path, 1, "no module documentation".to_owned(), "begin with `//!`: what the module promises");
    }
    for keyword in ["struct", "enum", "trait", "type", "union"] {
        for at in words(&source.masked, keyword) {
            let name: String =
                source.masked[at + keyword.len()..].trim_start().chars().take_while(|c| is_word(*c)).collect();
            if EMPTY_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
                let line = line_of(&source.masked, at);
                report.add(&source.path, line, format!("the name `{name}` says nothing"), "name it after what it is");
            }
        }
    }
    for code in UNFINISHED_CODE {
        for (at, _) in source.masked.match_indices(code) {
            report.add(&source.path, line_of(&source.masked, at), format!("`{code}`"), "finish it or leave it out");
        }
    }
    for mark in UNFINISHED {
        for at in words(&source.text, mark) {
            report.add(&source.path, line_of(&source.text, at), format!("`{mark}`"), "finish it or open an issue");
        }
    }
}

/// Words no tracked file may hold, in halves for the same reason, with what to write instead. A word that starts with
/// `/` counts only where a path starts.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("/ho", "me/", "no absolute path of one machine: take it from a flag or the environment"),
    ("/Us", "ers/", "no absolute path of one machine: take it from a flag or the environment"),
    ("/ro", "ot/", "no absolute path of one machine: take it from a flag or the environment"),
    ("/wo", "rk/", "no absolute path of one machine: take it from a flag or the environment"),
    ("/tmp", "/wt", "no absolute path of one machine: take it from a flag or the environment"),
    ("../sha", "red/", "only what is in the repository can be pointed at"),
    ("design.", "md", "only what is in the repository can be pointed at: ARCHITECTURE.md"),
    ("design ", "§", "only what is in the repository can be pointed at: ARCHITECTURE.md"),
    ("as an ", "AI", "the project speaks of itself only"),
    ("C:\\Us", "ers", "no absolute path of one machine"),
    ("index.cra", "tes.io", "registries are a setting of the machine, not of the project"),
    ("static.cra", "tes.io", "registries are a setting of the machine, not of the project"),
];
/// The home of GitHub's hosted runners, which documentation may name.
const RUNNER_HOME: &str = concat!("/ho", "me/runner");

/// Checks one tracked text file.
pub(crate) fn text(path: &str, text: &str, report: &mut Report) {
    for (first, second, remedy) in FORBIDDEN {
        let word = format!("{first}{second}");
        for (at, _) in text.match_indices(&word) {
            let before = text[..at].chars().next_back();
            let in_a_longer_path = word.starts_with('/')
                && before.is_some_and(|c| is_word(c) || matches!(c, '.' | '-' | '}' | '~' | '*' | '/' | ')'));
            if !in_a_longer_path && !text[at..].starts_with(RUNNER_HOME) {
                report.add(path, line_of(text, at), format!("`{word}`"), remedy);
            }
        }
    }
    if path == "Cargo.lock" {
        let standard = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with("source =")) {
            if line != standard {
                report.add(path, number + 1, line.to_owned(), "take dependencies from the standard registry");
            }
        }
    }
}
