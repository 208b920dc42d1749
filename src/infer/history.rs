//! What past changes say: which messages speak of what an issue speaks of, and which files change together.

use std::collections::BTreeMap;

use crate::infer::bm25;
use crate::infer::corpus::{Corpus, FileId};
use crate::infer::document;
use crate::infer::query::Terms;
use crate::infer::token::Term;

/// Most commits looked back at.
pub const COMMITS_MAX: usize = 3_000;
/// Files above which a change says nothing about which of them belong together (renames, formatting).
const FILES_MAX: usize = 60;
/// Changes most like the text that vote.
const VOTERS: usize = 40;
/// Half-life of recency, in commits.
const HALF_LIFE: f64 = 200.0;
/// What keeps companions of a rarely changed file from being certain.
const DOUBT: f64 = 3.0;
/// Longest part of a message whose words are kept, in bytes: what follows is lists of commits.
const MESSAGE_BYTES_MAX: usize = 8_000;

/// One change of the main line, as the log tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Its hash.
    pub hash: String,
    /// Its message, whole.
    pub message: String,
    /// The files it changed.
    pub files: Vec<String>,
    /// The terms of the message with their counts, sorted by term.
    terms: Vec<(Term, u16)>,
}

impl Commit {
    /// Takes the message apart, which is worth doing once.
    pub fn new(hash: String, message: String, files: Vec<String>) -> Self {
        let bytes = message.as_bytes();
        let terms = document::counted(&bytes[..bytes.len().min(MESSAGE_BYTES_MAX)]);
        Self { hash, message, files, terms }
    }
}

#[derive(Clone, Debug)]
struct Change {
    /// Files of the corpus that it changed.
    files: Vec<FileId>,
    length: u32,
    subject: String,
}

/// Past changes over the files of one corpus, newest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    changes: Vec<Change>,
    postings: BTreeMap<Term, Vec<(u32, u16)>>,
    /// Changes of each file, newest first.
    by_file: Vec<Vec<u32>>,
    mean_length: f64,
}

/// A file that changes together with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Companion {
    /// The file.
    pub file: FileId,
    /// In how many changes both were.
    pub together: u32,
    /// In how many the other was.
    pub of: u32,
}

impl Companion {
    /// How likely it comes along.
    pub fn strength(&self) -> f64 {
        f64::from(self.together) / (f64::from(self.of) + DOUBT)
    }
}

impl History {
    /// Reads the log, newest first; what is beyond [`COMMITS_MAX`] is left out, and so are files that are gone.
    pub fn new(commits: &[Commit], corpus: &Corpus) -> Self {
        let mut history = Self { by_file: vec![Vec::new(); corpus.files.len()], ..Self::default() };
        for (number, commit) in (0..).zip(commits.iter().take(COMMITS_MAX)) {
            let mut files: Vec<FileId> = commit.files.iter().filter_map(|path| corpus.find(path)).collect();
            files.sort_unstable();
            files.dedup();
            if commit.files.len() > FILES_MAX {
                files.clear();
            }
            let length = commit.terms.iter().map(|(_, count)| u32::from(*count)).sum();
            for (term, count) in &commit.terms {
                history.postings.entry(*term).or_default().push((number, *count));
            }
            for file in &files {
                history.by_file[*file as usize].push(number);
            }
            let subject = commit.message.lines().next().unwrap_or_default().to_owned();
            history.changes.push(Change { files, length, subject });
        }
        let total: f64 = history.changes.iter().map(|change| f64::from(change.length)).sum();
        history.mean_length = (total / history.changes.len().max(1) as f64).max(1.0);
        history
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How much each change's message is like the terms.
    fn likeness(&self, terms: &Terms) -> Vec<f64> {
        let mut likeness = vec![0.0; self.changes.len()];
        for (term, (weight, _)) in terms {
            let Some(postings) = self.postings.get(term) else { continue };
            let rarity = bm25::rarity(self.changes.len() as f64, postings.len() as f64);
            for (change, count) in postings {
                let length = f64::from(self.changes[*change as usize].length) / self.mean_length;
                likeness[*change as usize] += weight * rarity * bm25::saturated(f64::from(*count), length);
            }
        }
        likeness
    }

    /// By file: the votes of the changes whose messages are most like the terms, each divided among its files.
    pub fn alike(&self, terms: &Terms) -> Vec<f64> {
        let mut likeness = self.likeness(terms);
        for (change, likeness) in self.changes.iter().zip(&mut likeness) {
            if change.files.is_empty() {
                *likeness = 0.0;
            }
        }
        let mut scores = vec![0.0; self.by_file.len()];
        for change in crate::infer::rank::best(&likeness, VOTERS) {
            let files = &self.changes[change as usize].files;
            let vote = likeness[change as usize] / (files.len() as f64).sqrt();
            files.iter().for_each(|file| scores[*file as usize] += vote);
        }
        scores
    }

    /// The first line of the message most like the terms among a file's changes.
    pub fn most_alike(&self, terms: &Terms, file: FileId) -> Option<&str> {
        let likeness = self.likeness(terms);
        let changes = self.by_file.get(file as usize)?.iter().copied();
        let best = changes.max_by(|a, b| likeness[*a as usize].total_cmp(&likeness[*b as usize]).then(b.cmp(a)))?;
        (likeness[best as usize] > 0.0).then(|| self.changes[best as usize].subject.as_str())
    }

    /// By file: how lately and how often it changed.
    pub fn recency(&self) -> Vec<f64> {
        let weight = |change: &u32| (-f64::from(*change) / HALF_LIFE).exp2();
        self.by_file.iter().map(|changes| changes.iter().map(weight).sum()).collect()
    }

    /// The files that changed together with one, most often first.
    pub fn companions(&self, file: FileId) -> Vec<Companion> {
        let changes = self.by_file.get(file as usize).map_or(&[][..], Vec::as_slice);
        let mut together: BTreeMap<FileId, u32> = BTreeMap::new();
        for change in changes {
            for other in self.changes[*change as usize].files.iter().filter(|other| **other != file) {
                *together.entry(*other).or_default() += 1;
            }
        }
        let of = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        let mut found: Vec<Companion> =
            together.into_iter().map(|(file, together)| Companion { file, together, of }).collect();
        found.sort_by(|a, b| b.together.cmp(&a.together).then(a.file.cmp(&b.file)));
        found
    }

    /// In how many changes a file was.
    pub fn changes_of(&self, file: FileId) -> usize {
        self.by_file.get(file as usize).map_or(0, Vec::len)
    }

    /// Files that were in more than this part of all changes: where everybody meets.
    pub fn hotspots(&self, part: f64) -> Vec<FileId> {
        let least = (part * self.changes.len() as f64).max(1.0);
        (0..).zip(&self.by_file).filter(|(_, changes)| changes.len() as f64 > least).map(|(file, _)| file).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::corpus::tests::corpus;
    use crate::infer::query::Query;

    fn commit(message: &str, files: &[&str]) -> Commit {
        Commit::new(String::new(), message.to_owned(), files.iter().map(|f| (*f).to_owned()).collect())
    }

    #[test]
    fn messages_vote_and_files_come_along() {
        let (_, corpus) = corpus(&[("a.rs", ""), ("b.rs", ""), ("c.rs", "")]);
        let many: Vec<String> = (0..=FILES_MAX).map(|n| format!("{n}.rs")).chain(["a.rs".to_owned()]).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let log = [
            commit("retry with delay", &["a.rs", "b.rs", "gone.rs"]),
            commit("rename the parser", &["c.rs"]),
            commit("retry format", &many),
            commit("retry again", &["a.rs"]),
        ];
        let history = History::new(&log, &corpus);
        let scores = history.alike(&Query::new("retry delay", "").all);
        assert!(scores[0] > scores[1] && scores[1] > 0.0, "{scores:?}");
        assert_eq!(scores[2], 0.0);
        assert_eq!(history.companions(0), [Companion { file: 1, together: 1, of: 2 }]);
        assert_eq!((history.changes_of(0), history.len()), (2, 4));
        assert_eq!(history.most_alike(&Query::new("retry delay", "").all, 0), Some("retry with delay"));
        assert_eq!(history.hotspots(0.3), [0]);
        let recency = history.recency();
        assert!(recency[0] > recency[1] && recency[1] > recency[2]);
        assert!(History::new(&[], &corpus).alike(&Query::new("x", "").all).iter().all(|score| *score == 0.0));
    }
}
