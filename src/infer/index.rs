//! The paths of a repository, ready for looking up what people call them.

use std::collections::BTreeMap;

/// The files of a repository at one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    paths: Vec<String>,
    /// Positions in `paths` by folded file name.
    names: BTreeMap<String, Vec<usize>>,
}

impl Index {
    /// Collects repository-relative paths, in any order, with repeats or without.
    pub fn new(paths: impl IntoIterator<Item = String>) -> Self {
        let mut paths: Vec<String> = paths.into_iter().collect();
        paths.sort_unstable();
        paths.dedup();
        let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (position, path) in paths.iter().enumerate() {
            names.entry(name(path).to_lowercase()).or_default().push(position);
        }
        Self { paths, names }
    }

    /// All paths, sorted, each once.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Whether exactly this path is a file.
    pub fn contains(&self, path: &str) -> bool {
        self.paths.binary_search_by(|known| known.as_str().cmp(path)).is_ok()
    }

    /// The one file a text names: exactly, or but for case, or as the only path that ends so. Nothing where several do.
    pub fn find(&self, mention: &str) -> Option<&str> {
        if let Ok(position) = self.paths.binary_search_by(|known| known.as_str().cmp(mention)) {
            return self.paths.get(position).map(String::as_str);
        }
        let folded = mention.to_lowercase();
        let candidates = || {
            let positions = self.names.get(name(&folded)).into_iter().flatten();
            positions.filter_map(|position| self.paths.get(*position)).map(String::as_str)
        };
        let only = |matching: &dyn Fn(&str) -> bool| {
            let mut found = candidates().filter(|path| matching(&path.to_lowercase()));
            found.next().filter(|_| found.next().is_none())
        };
        only(&|path| path == folded)
            .or_else(|| only(&|path| path.strip_suffix(folded.as_str()).is_some_and(|before| before.ends_with('/'))))
    }
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
