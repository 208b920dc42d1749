//! An area made ready for comparing: case-folded, directories with their slash, globs with what is literal about them.

use std::sync::OnceLock;

use globset::{Glob, GlobBuilder, GlobMatcher};

use crate::engine::footprint::Area;

/// Characters that make a pattern of a text.
const SPECIAL: [char; 4] = ['*', '?', '[', '{'];

/// Which of two meeting areas is the narrower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Side {
    /// The one that asks.
    Mine,
    /// The other one.
    Theirs,
    /// They are the same.
    Both,
}

impl Side {
    /// The same as asked by the other one.
    pub(in crate::engine) fn other(self) -> Self {
        match self {
            Self::Mine => Self::Theirs,
            Self::Theirs => Self::Mine,
            Self::Both => Self::Both,
        }
    }
}

/// An area, folded.
#[derive(Clone, Debug)]
pub(in crate::engine) enum Shape {
    /// A file; should the name turn out to be a directory's, files and directories below it too. (Not so for
    /// patterns: nearly every pattern could match something below a file's name taken as a directory.)
    File(String),
    /// A directory with its slash; empty for the whole repository.
    Directory(String),
    /// A glob.
    Glob(Box<Pattern>),
}

/// A glob and what is literal about it.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Pattern {
    /// The folded pattern.
    pub(in crate::engine) text: String,
    /// What every match begins with.
    pub(in crate::engine) prefix: String,
    /// What every match ends with.
    suffix: String,
    /// How many components every match has, where that is fixed.
    depth: Option<usize>,
    /// The longest run of plain characters that stands in every match of a well-formed pattern.
    within: String,
    /// Nothing where the pattern is not well formed; then only prefix, suffix and depth decide.
    glob: Option<Glob>,
    /// Made when a file gets past what is literal: to compile a pattern costs more than most steps do otherwise.
    matcher: OnceLock<GlobMatcher>,
}

impl Shape {
    /// Folds an area.
    pub(in crate::engine) fn of(area: &Area) -> Self {
        match area {
            Area::File(path) => Self::File(path.to_lowercase()),
            Area::Directory(path) if path.is_empty() => Self::Directory(String::new()),
            Area::Directory(path) => Self::Directory(format!("{}/", path.to_lowercase())),
            Area::Glob(pattern) => Self::Glob(Box::new(Pattern::new(&pattern.to_lowercase()))),
        }
    }

    /// Whether both can touch a common file, and which of them is narrower. Symmetric but for the side.
    pub(in crate::engine) fn meets(&self, other: &Self) -> Option<Side> {
        match (self, other) {
            (Self::File(mine), Self::File(theirs)) => files_meet(mine, theirs),
            (Self::File(file), Self::Directory(directory)) => file_meets_directory(file, directory),
            (Self::Directory(_), Self::File(_)) => other.meets(self).map(Side::other),
            (Self::Directory(mine), Self::Directory(theirs)) => prefixes_meet(mine, theirs),
            (Self::File(file), Self::Glob(pattern)) => pattern.meets_file(file).then_some(Side::Mine),
            (Self::Glob(pattern), Self::File(file)) => pattern.meets_file(file).then_some(Side::Theirs),
            (Self::Glob(pattern), Self::Directory(directory)) => pattern.meets_directory(directory),
            (Self::Directory(directory), Self::Glob(pattern)) => pattern.meets_directory(directory).map(Side::other),
            (Self::Glob(mine), Self::Glob(theirs)) => mine.meets_pattern(theirs),
        }
    }
}

fn files_meet(mine: &str, theirs: &str) -> Option<Side> {
    if mine == theirs {
        return Some(Side::Both);
    }
    if is_below(mine, theirs) {
        return Some(Side::Mine);
    }
    is_below(theirs, mine).then_some(Side::Theirs)
}

/// Whether `path` lies below the name `above`, taken as a directory's.
fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

fn file_meets_directory(file: &str, directory: &str) -> Option<Side> {
    if file.starts_with(directory) {
        return Some(Side::Mine);
    }
    directory.strip_prefix(file).is_some_and(|rest| rest.starts_with('/')).then_some(Side::Theirs)
}

fn prefixes_meet(mine: &str, theirs: &str) -> Option<Side> {
    match (mine.starts_with(theirs), theirs.starts_with(mine)) {
        (true, true) => Some(Side::Both),
        (true, false) => Some(Side::Mine),
        (false, true) => Some(Side::Theirs),
        (false, false) => None,
    }
}

impl Pattern {
    fn new(text: &str) -> Self {
        // A pattern without a slash means the name at any depth, as in ignore files.
        let anchored = if text.contains('/') { text.to_owned() } else { format!("**/{text}") };
        let prefix = anchored.find(SPECIAL).and_then(|end| anchored.get(..end)).unwrap_or(&anchored).to_owned();
        let glob = GlobBuilder::new(&anchored).literal_separator(true).build().ok();
        let fixed = !anchored.contains("**") && !anchored.contains('{');
        let depth = fixed.then(|| anchored.split('/').count());
        let (suffix, within) = (literal_end(&anchored), literal_within(&anchored).to_owned());
        Self { text: text.to_owned(), prefix, suffix, depth, within, glob, matcher: OnceLock::new() }
    }

    /// Whether it matches a file, folded.
    pub(in crate::engine) fn matches(&self, file: &str) -> bool {
        self.glob.as_ref().is_some_and(|glob| {
            file.contains(&self.within) && self.matcher.get_or_init(|| glob.compile_matcher()).is_match(file)
        })
    }

    fn meets_file(&self, file: &str) -> bool {
        // Names with brackets are files as often as patterns, so the text itself counts as well.
        if self.text == file || self.prefix.strip_prefix(file).is_some_and(|rest| rest.starts_with('/')) {
            return true;
        }
        match &self.glob {
            Some(_) => self.matches(file),
            None => file.starts_with(&self.prefix) && file.ends_with(&self.suffix),
        }
    }

    fn meets_directory(&self, directory: &str) -> Option<Side> {
        if self.prefix.starts_with(directory) {
            return Some(Side::Mine);
        }
        let too_shallow = self.depth.is_some_and(|depth| depth <= directory.matches('/').count());
        (directory.starts_with(&self.prefix) && !too_shallow).then_some(Side::Theirs)
    }

    fn meets_pattern(&self, other: &Self) -> Option<Side> {
        if self.text == other.text {
            return Some(Side::Both);
        }
        let ends_differ = !self.suffix.ends_with(&other.suffix) && !other.suffix.ends_with(&self.suffix);
        let depths_differ = matches!((self.depth, other.depth), (Some(mine), Some(theirs)) if mine != theirs);
        if ends_differ || depths_differ {
            return None;
        }
        prefixes_meet(&self.prefix, &other.prefix).map(|_| {
            if (self.text.len(), &other.text) > (other.text.len(), &self.text) { Side::Mine } else { Side::Theirs }
        })
    }
}

/// What every match of a pattern ends with. A slash after `**` may be missing from a match and does not count.
fn literal_end(pattern: &str) -> String {
    let start = pattern.rfind(['*', '?', ']', '}']).map_or(0, |at| at + 1);
    let end = pattern.get(start..).unwrap_or_default();
    let after_any_depth = pattern.get(..start).is_some_and(|before| before.ends_with("**"));
    if after_any_depth { end.strip_prefix('/').unwrap_or(end).to_owned() } else { end.to_owned() }
}

/// The longest run of plain characters that every match of a well-formed pattern holds; empty where none is sure.
fn literal_within(pattern: &str) -> &str {
    if pattern.contains('\\') {
        return "";
    }
    let sure = match pattern.find(['[', '{']) {
        None => [pattern, ""],
        Some(first) => {
            let last = pattern.rfind([']', '}']).map_or(pattern.len(), |at| at + 1);
            [&pattern[..first], &pattern[last.max(first)..]]
        }
    };
    let runs = sure.into_iter().flat_map(|part| part.split(['*', '?', '/']));
    runs.max_by_key(|run| run.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_every_match_is_found_and_rejects_nothing_that_matches() {
        for (pattern, expected) in [
            ("**/changelog.*", "changelog."),
            ("src/**/a*.rs", ".rs"),
            ("*", ""),
            ("a/{bcdef,g}/high/*.x", "high"),
            ("[]abc]longer", "longer"),
            ("lib[0-9", "lib"),
            ("a]b", "a]b"),
            ("long\\*x", ""),
        ] {
            assert_eq!(literal_within(pattern), expected, "{pattern}");
        }
        for (pattern, file, expected) in [
            ("changelog.*", "docs/changelog.md", true),
            ("changelog.*", "docs/changes.md", false),
            ("*-lock.*", "web/package-lock.json", true),
            ("src/**/a*.rs", "src/a.rs", true),
            ("{a,b}.rs", "x/b.rs", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(file), expected, "{pattern} {file}");
        }
    }
}
