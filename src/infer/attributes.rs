//! What a repository's `.gitattributes` say of files: generated, vendored, or neither.

use globset::{GlobBuilder, GlobMatcher};

use crate::infer::language;

/// Most rules taken from one repository.
const RULES_MAX: usize = 2_000;
/// Attributes that say that a file is not people's own.
const NAMES: [&str; 2] = ["linguist-generated", "linguist-vendored"];

#[derive(Clone, Debug)]
struct Rule {
    /// The folder of the file that holds it, with a slash unless at the root.
    folder: String,
    /// Whether the pattern is of whole paths instead of names.
    anchored: bool,
    matcher: GlobMatcher,
    foreign: bool,
}

/// The rules of all `.gitattributes` of a commit.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    rules: Vec<Rule>,
}

impl Attributes {
    /// Adds one file's rules; files nearer to the root must come first, as git lets the nearer file win. Lines that are
    /// no rule are left out.
    pub fn add(&mut self, path: &str, text: &str) {
        let folder = language::folder(path);
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let Some(pattern) = words.next() else { continue };
            let foreign = words.filter_map(says).next_back();
            let anchored = pattern.trim_end_matches('/').contains('/');
            let glob = GlobBuilder::new(pattern.trim_start_matches('/')).literal_separator(true).build();
            if let (Some(foreign), Ok(glob), true) = (foreign, glob, self.rules.len() < RULES_MAX) {
                let matcher = glob.compile_matcher();
                self.rules.push(Rule { folder: folder.clone(), anchored, matcher, foreign });
            }
        }
    }

    /// What they say of a file: the last rule that matches, if any does.
    pub fn foreign(&self, path: &str) -> Option<bool> {
        self.rules.iter().rev().find(|rule| rule.matches(path)).map(|rule| rule.foreign)
    }
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(self.folder.as_str()) else { return false };
        self.matcher.is_match(if self.anchored { rest } else { language::name(rest) })
    }
}

/// What one attribute of a rule says.
fn says(attribute: &str) -> Option<bool> {
    let (attribute, set) = match attribute.strip_prefix(['-', '!']) {
        Some(attribute) => (attribute, false),
        None => (attribute, true),
    };
    let (name, value) = attribute.split_once('=').unwrap_or((attribute, "true"));
    NAMES.contains(&name).then_some(set && value != "false" && value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_of_the_nearest_file_wins() {
        let mut attributes = Attributes::default();
        attributes.add(
            ".gitattributes",
            "# comment\n*.pb.go linguist-generated\n/gen/** linguist-generated=true text\n\
             lib/x.c linguist-vendored\n[bad linguist-generated\n*.md text",
        );
        attributes.add("sub/.gitattributes", "keep.pb.go -linguist-generated\n");
        for (path, expected) in [
            ("a/b.pb.go", Some(true)),
            ("gen/deep/x.rs", Some(true)),
            ("sub/gen/x.rs", None),
            ("lib/x.c", Some(true)),
            ("x.c", None),
            ("sub/keep.pb.go", Some(false)),
            ("keep.pb.go", Some(true)),
            ("README.md", None),
        ] {
            assert_eq!(attributes.foreign(path), expected, "{path}");
        }
    }
}
