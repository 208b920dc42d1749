//! An area made ready for comparing: case-folded, directories with their slash, globs with what is literal about them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use crate::engine::footprint::Area;

/// Characters that make a pattern of a text.
const SPECIAL: [char; 4] = ['*', '?', '[', '{'];

/// Most patterns that a thread remembers.
const REMEMBERED_MAX: usize = 256;

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
    Glob(Arc<Pattern>),
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
    /// Nothing where the pattern is not well formed or too large; then only prefix, suffix and depth decide.
    matcher: Option<GlobMatcher>,
}

impl Shape {
    /// Folds an area.
    pub(in crate::engine) fn of(area: &Area) -> Self {
        match area {
            Area::File(path) => Self::File(path.to_lowercase()),
            Area::Directory(path) if path.is_empty() => Self::Directory(String::new()),
            Area::Directory(path) => Self::Directory(format!("{}/", path.to_lowercase())),
            Area::Glob(pattern) => Self::Glob(Pattern::of(&pattern.to_lowercase())),
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
    /// The pattern of a folded text. Steps ask for the same few again and again, and to compile one costs more than a
    /// step does otherwise, so each thread remembers those it has met.
    fn of(text: &str) -> Arc<Self> {
        thread_local! {
            static MET: RefCell<HashMap<String, Arc<Pattern>>> = RefCell::default();
        }
        MET.with_borrow_mut(|met| {
            if let Some(pattern) = met.get(text) {
                return Arc::clone(pattern);
            }
            if met.len() >= REMEMBERED_MAX {
                met.clear();
            }
            let pattern = Arc::new(Self::new(text));
            met.insert(text.to_owned(), Arc::clone(&pattern));
            pattern
        })
    }

    fn new(text: &str) -> Self {
        // A pattern without a slash means the name at any depth, as in ignore files.
        let anchored = if text.contains('/') { text.to_owned() } else { format!("**/{text}") };
        let prefix = anchored.find(SPECIAL).and_then(|end| anchored.get(..end)).unwrap_or(&anchored).to_owned();
        let matcher =
            GlobBuilder::new(&anchored).literal_separator(true).build().ok().map(|glob| glob.compile_matcher());
        let fixed = !anchored.contains("**") && !anchored.contains('{');
        let depth = fixed.then(|| anchored.split('/').count());
        Self { text: text.to_owned(), prefix, suffix: literal_end(&anchored), depth, matcher }
    }

    /// Whether it matches a file, folded.
    pub(in crate::engine) fn matches(&self, file: &str) -> bool {
        self.matcher.as_ref().is_some_and(|matcher| matcher.is_match(file))
    }

    fn meets_file(&self, file: &str) -> bool {
        // Names with brackets are files as often as patterns, so the text itself counts as well.
        if self.text == file || self.prefix.strip_prefix(file).is_some_and(|rest| rest.starts_with('/')) {
            return true;
        }
        match &self.matcher {
            Some(matcher) => matcher.is_match(file),
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
