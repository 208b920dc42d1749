//! What publish lets through: protected paths, links, submodules, size, scope and secrets.
//!
//! Judged is what git itself says about the new tree, never what a patch or a report claims. Paths are compared as
//! the most careless file system would: case folded, without the code points HFS ignores, without trailing dots and
//! spaces.

use std::sync::LazyLock;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use crate::engine::secret;

/// What to do with files outside the declared footprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Scope {
    /// The pull request is held until a person with write approves the wider scope.
    Hold,
    /// It is said on the pull request.
    Report,
}

/// The policy of one attempt, part of its brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchPolicy {
    /// Globs nobody may touch without a maintainer's word (`.github/**`, agent configuration).
    pub protected: Vec<String>,
    /// Most files a patch may touch.
    pub files_max: u64,
    /// Most bytes a patch may have.
    pub bytes_max: u64,
}

/// Globs that are protected whatever the policy adds: what GitHub, git and coding agents obey.
pub const PROTECTED: [&str; 20] = [
    ".github/**",
    "**/.gitmodules",
    "**/.gitattributes",
    "**/codeowners",
    "**/.codex/**",
    "**/.codex",
    "**/.claude/**",
    "**/.claude",
    "**/.agents/**",
    "**/.agents",
    "**/agents.md",
    "**/agents.override.md",
    "**/claude.md",
    "**/claude.local.md",
    "**/.claude.json",
    "**/.mcp.json",
    "**/.husky/**",
    "**/.husky",
    "**/.ripgreprc",
    ".github",
];

/// Most sentences given; more refusals of one patch tell nobody more.
pub const REFUSALS_MAX: usize = 50;
/// Longest name of one file or folder, in bytes.
const COMPONENT_BYTES_MAX: usize = 255;
/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 1_024;

const MODE_NONE: u32 = 0;
const MODE_FILE: u32 = 0o100_644;
const MODE_PROGRAM: u32 = 0o100_755;
const MODE_LINK: u32 = 0o120_000;
const MODE_SUBMODULE: u32 = 0o160_000;

/// One changed path, as `git diff-tree --raw` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path; bytes that are no UTF-8 are replaced, which is refused.
    pub path: String,
    /// Its mode before, 0 where it did not exist.
    pub old_mode: u32,
    /// Its mode after, 0 where it is gone.
    pub new_mode: u32,
    /// Git's letter: `A`, `D`, `M`, `T`.
    pub status: char,
}

/// Lines that a patch adds to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The path.
    pub path: String,
    /// The lines, joined by line ends.
    pub text: String,
}

/// Why a change may not be published: one sentence each, naming path and rule; empty means it may. A secret is never
/// repeated.
pub fn judge(policy: &PatchPolicy, entries: &[Entry], patch_bytes: u64, added: &[Added]) -> Vec<String> {
    let mut refusals = Vec::new();
    let files = entries.len() as u64;
    if files > policy.files_max {
        refusals.push(format!("the change touches {files} files, the policy allows {}", policy.files_max));
    }
    if patch_bytes > policy.bytes_max {
        refusals.push(format!("the patch has {patch_bytes} bytes, the policy allows {}", policy.bytes_max));
    }
    match protected(&policy.protected) {
        Ok(protected) => {
            for entry in entries {
                refusals.extend(refusal(entry, &protected));
            }
        }
        Err(problem) => refusals.push(problem),
    }
    for part in added {
        let kinds: std::collections::BTreeSet<&str> = secret::find(&part.text).iter().map(|found| found.kind).collect();
        refusals.extend(kinds.into_iter().map(|kind| format!("{} gains what looks like {kind}", shown(&part.path))));
    }
    if refusals.len() > REFUSALS_MAX {
        let left = refusals.len() - (REFUSALS_MAX - 1);
        refusals.truncate(REFUSALS_MAX - 1);
        refusals.push(format!("and {left} more refusals"));
    }
    refusals
}

/// Every protected glob, folded; one that cannot be read protects nothing, so it refuses everything.
fn protected(added: &[String]) -> Result<GlobSet, String> {
    let mut globs = GlobSetBuilder::new();
    for glob in PROTECTED.into_iter().chain(added.iter().map(String::as_str)) {
        let built = GlobBuilder::new(&folded(glob))
            .literal_separator(true)
            .build()
            .map_err(|error| format!("the protected glob `{glob}` cannot be read: {error}"))?;
        globs.add(built);
    }
    globs.build().map_err(|error| format!("the protected globs cannot be used together: {error}"))
}

/// Whether a path is protected whatever the policy adds.
pub fn is_protected(path: &str) -> bool {
    static BUILT_IN: LazyLock<Option<GlobSet>> = LazyLock::new(|| protected(&[]).ok());
    BUILT_IN.as_ref().is_none_or(|globs| globs.is_match(careless(path.trim_end_matches('/'))))
}

fn refusal(entry: &Entry, protected: &GlobSet) -> Option<String> {
    let path = shown(&entry.path);
    if let Some(problem) = unsafe_path(&entry.path) {
        return Some(format!("{path}: {problem}"));
    }
    if entry.old_mode == MODE_SUBMODULE || entry.new_mode == MODE_SUBMODULE {
        return Some(format!("{path} is a submodule or a repository inside the repository"));
    }
    if entry.new_mode == MODE_LINK {
        return Some(format!("{path} is a symbolic link"));
    }
    if ![MODE_NONE, MODE_FILE, MODE_PROGRAM].contains(&entry.new_mode) {
        return Some(format!("{path} has the unknown mode {:o}", entry.new_mode));
    }
    protected.is_match(careless(&entry.path)).then(|| format!("{path} is protected"))
}

/// What is wrong with a path by its form alone.
fn unsafe_path(path: &str) -> Option<&'static str> {
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Some("the path is empty or too long");
    }
    if path.chars().any(|c| c.is_control() || reorders(c) || c == char::REPLACEMENT_CHARACTER) {
        return Some("the path holds control characters, text direction marks or bytes that are no UTF-8");
    }
    if path.contains('\\') {
        return Some("the path holds a backslash, which some systems read as a separator");
    }
    if path.starts_with('/') || path.as_bytes().get(1) == Some(&b':') {
        return Some("the path is absolute");
    }
    path.split('/').find_map(unsafe_component)
}

fn unsafe_component(component: &str) -> Option<&'static str> {
    if component.len() > COMPONENT_BYTES_MAX {
        return Some("a name in the path is too long");
    }
    if ["", ".", ".."].contains(&component) {
        return Some("the path is not in its plain form");
    }
    let plain = careless(component);
    let name = plain.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    if name.is_empty() {
        return Some("a name in the path is only dots, spaces or invisible characters");
    }
    let short = name.strip_prefix("git").and_then(|rest| rest.split_once('~'));
    let is_short = short.is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    (name == ".git" || is_short).then_some("a name in the path is git's own folder on some system")
}

/// The path as the most careless file system reads it.
fn careless(path: &str) -> String {
    let visible: String = path.chars().filter(|c| !ignorable(*c)).collect();
    folded(&visible).split('/').map(|name| name.trim_end_matches(['.', ' '])).collect::<Vec<_>>().join("/")
}

/// Case folded by way of upper case, which also meets letters like `ſ` and `K`.
fn folded(text: &str) -> String {
    text.to_uppercase().to_lowercase()
}

/// Code points that HFS+ ignores when it compares names (git's own list in `utf8.c`), and other invisible ones.
fn ignorable(c: char) -> bool {
    matches!(c, '\u{00ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A path as it may stand in a sentence: escaped, in backquotes, cut, and without what looks like a secret.
fn shown(path: &str) -> String {
    let escaped: String = secret::redact(path).escape_debug().take(200).collect();
    format!("`{escaped}`")
}

#[cfg(test)]
mod tests;
