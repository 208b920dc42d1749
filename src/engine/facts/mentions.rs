//! Words of an issue that look like paths. Whether they exist is for somebody else to find out.

use std::collections::BTreeSet;

use crate::engine::facts::areas::area;
use crate::engine::footprint::Area;
use crate::engine::markdown::{Kind, Line};

/// Most mentions kept of one issue.
const MENTIONS_MAX: usize = 200;
/// Longer code blocks are logs and listings, not talk about files.
const CODE_LINES_MAX: usize = 40;
/// Longer words are no paths.
const WORD_LENGTH_MAX: usize = 256;

/// File names without extension that are files all the same.
const NAMES: [&str; 10] = [
    "makefile",
    "dockerfile",
    "justfile",
    "rakefile",
    "gemfile",
    "procfile",
    "jenkinsfile",
    "license",
    "codeowners",
    "vagrantfile",
];

/// Extensions by which a bare name is taken for a file; after a slash any short extension will do.
const EXTENSIONS: [&str; 78] = [
    "adoc",
    "astro",
    "bash",
    "bat",
    "bzl",
    "c",
    "cc",
    "cfg",
    "cjs",
    "clj",
    "cmake",
    "conf",
    "cpp",
    "cs",
    "css",
    "csv",
    "cxx",
    "dart",
    "ex",
    "exs",
    "fs",
    "go",
    "gradle",
    "graphql",
    "groovy",
    "h",
    "hcl",
    "hh",
    "hpp",
    "hs",
    "htm",
    "html",
    "ini",
    "ipynb",
    "java",
    "jl",
    "js",
    "json",
    "jsonc",
    "jsx",
    "kt",
    "kts",
    "less",
    "lock",
    "lua",
    "m",
    "md",
    "mdx",
    "mjs",
    "ml",
    "mm",
    "nix",
    "php",
    "pl",
    "properties",
    "proto",
    "ps1",
    "py",
    "pyi",
    "r",
    "rb",
    "rs",
    "rst",
    "sass",
    "scala",
    "scss",
    "sh",
    "sol",
    "sql",
    "svelte",
    "swift",
    "tf",
    "toml",
    "ts",
    "tsx",
    "txt",
    "vue",
    "xml",
];

/// The mentions of a title and lines, in order of appearance, each once.
pub(super) fn mentions(title: &str, lines: &[Line<'_>]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for text in std::iter::once(title).chain(lines.iter().filter(|line| is_talk(line)).map(|line| line.text)) {
        for word in text.split(|c: char| c.is_whitespace() || "\"'`()<>,;|=".contains(c)) {
            if found.len() == MENTIONS_MAX {
                return found;
            }
            if let Some(path) = mention(word)
                && seen.insert(path.clone())
            {
                found.push(path);
            }
        }
    }
    found
}

fn is_talk(line: &Line<'_>) -> bool {
    match line.kind {
        Kind::Prose | Kind::Heading | Kind::Item => true,
        Kind::Fenced { lines } => lines <= CODE_LINES_MAX,
        Kind::Indented | Kind::Mark => false,
    }
}

/// The path a word is, if it looks like one.
fn mention(word: &str) -> Option<String> {
    if word.len() > WORD_LENGTH_MAX || word.contains("://") || word.starts_with(['@', '#', '$']) {
        return None;
    }
    let word = without_position(word.trim_matches(|c| "*_~[]{}!?:.".contains(c) && c != '.').trim_end_matches('.'));
    if word.contains(['*', '?', '@', ':', '{', '[', ']']) {
        return None;
    }
    let Ok(Area::File(path)) = area(word) else { return None };
    let (directory, name) =
        path.rsplit_once('/').map_or((None, path.as_str()), |(directory, name)| (Some(directory), name));
    if directory.is_some_and(is_host) || !is_file_name(name, directory.is_some()) {
        return None;
    }
    Some(path)
}

/// A word without the `:12`, `:12:3` or `#L12` after it.
fn without_position(word: &str) -> &str {
    let word = word.split_once("#L").map_or(word, |(path, _)| path);
    let mut path = word;
    while let Some((before, digits)) = path.rsplit_once(':')
        && digits.chars().all(|c| c.is_ascii_digit())
    {
        path = before;
    }
    path
}

fn is_host(directory: &str) -> bool {
    let first = directory.split('/').next().unwrap_or_default();
    first
        .rsplit_once('.')
        .is_some_and(|(name, end)| !name.is_empty() && ["com", "org", "net", "io", "dev"].contains(&end))
}

fn is_file_name(name: &str, below_directory: bool) -> bool {
    let folded = name.to_lowercase();
    if NAMES.contains(&folded.as_str()) {
        return below_directory || name.starts_with(char::is_uppercase) && folded != "license";
    }
    let Some((stem, extension)) = folded.rsplit_once('.') else { return false };
    if below_directory {
        let short = (1..=10).contains(&extension.len()) && extension.chars().all(|c| c.is_ascii_alphanumeric());
        return short && !(stem.chars().all(|c| c.is_ascii_digit()) && extension.chars().all(|c| c.is_ascii_digit()));
    }
    !stem.is_empty() && EXTENSIONS.binary_search(&extension).is_ok()
}
