//! Reads a repository at a commit through git into what `infer` looks at: a corpus and a history. Only blobs that were
//! never read before are read, on all cores; nothing is fetched, and whatever is missing is left out and told.

pub mod cache;
mod ranking;
mod reading;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::git::Error;
use crate::git::command::Program;
use crate::git::tree::{self, Entry, Kind, Logged};
use crate::infer::attributes::Attributes;
use crate::infer::corpus::{Corpus, TreeFile};
use crate::infer::history::{COMMITS_MAX, Commit, History};
use crate::infer::library::{BlobKey, Library};
use crate::infer::rank::{Ranker, Weights};
use crate::infer::signals::View;

pub use ranking::{Known, Rankings, Text};

/// The name of files with attributes.
const ATTRIBUTES: &str = ".gitattributes";

/// How long each stage took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Listing the tree.
    pub list: Duration,
    /// Reading and analysing contents.
    pub read: Duration,
    /// Reading the log.
    pub log: Duration,
    /// Putting corpus and history together.
    pub assemble: Duration,
}

impl Stages {
    /// Adds another's times.
    pub fn add(&mut self, other: &Self) {
        self.list += other.list;
        self.read += other.read;
        self.log += other.log;
        self.assemble += other.assemble;
    }
}

/// A commit as surveyed.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Its files.
    pub corpus: Corpus,
    /// The changes that led to it.
    pub history: History,
    /// What was missing or left out, for people.
    pub notes: Vec<String>,
    /// Files whose contents were read now.
    pub files_read: usize,
    /// Their bytes.
    pub bytes_read: u64,
    /// How long it took.
    pub stages: Stages,
}

/// Surveys commits of one repository, each at the cost of what is new in it.
#[derive(Debug)]
pub struct Surveyor {
    program: Program,
    directory: PathBuf,
    library: Library,
    chain: Vec<Commit>,
    /// Whether the chain ends at the first commit there is.
    chain_whole: bool,
    /// Commits read at once.
    reach: usize,
}

impl Surveyor {
    /// Of the repository in this directory (bare or not), with what a cache knew.
    pub fn new(program: Program, directory: &Path, library: Library) -> Self {
        Self {
            program,
            directory: directory.to_owned(),
            library,
            chain: Vec::new(),
            chain_whole: false,
            reach: COMMITS_MAX,
        }
    }

    /// The same, reading so many commits at once that those of older commits are at hand as well.
    #[must_use]
    pub fn reaching(self, commits: usize) -> Self {
        Self { reach: commits.max(COMMITS_MAX), ..self }
    }

    /// What was read so far.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// A ranker over a snapshot of this repository.
    pub fn ranker<'a>(&'a self, snapshot: &'a Snapshot, weights: Weights) -> Ranker<'a> {
        let view = View { corpus: &snapshot.corpus, vocabulary: self.library.vocabulary(), history: &snapshot.history };
        Ranker::new(view, &self.library, weights)
    }

    /// Surveys a commit, given by its whole hash. An error: git cannot list its tree.
    pub async fn at(&mut self, commit: &str) -> Result<Snapshot, Error> {
        let mut snapshot = Snapshot::default();
        let started = Instant::now();
        let entries = tree::list(&self.program, &self.directory, commit).await?;
        let attributes = self.attributes(&entries).await?;
        snapshot.stages.list = started.elapsed();
        let files: Vec<TreeFile> = entries.iter().map(|entry| file(entry, &attributes)).collect();
        note_paths(&entries, &mut snapshot.notes);
        let started = Instant::now();
        let read = reading::read(&self.program, &self.directory, &entries, &files, &mut self.library).await?;
        (snapshot.files_read, snapshot.bytes_read) = (read.files, read.bytes);
        snapshot.notes.extend(read.notes);
        snapshot.stages.read = started.elapsed();
        let started = Instant::now();
        let from = self.history(commit, &mut snapshot.notes).await;
        snapshot.stages.log = started.elapsed();
        let started = Instant::now();
        snapshot.corpus = Corpus::new(&files, &self.library);
        snapshot.history = History::new(&self.chain[from..], &snapshot.corpus);
        snapshot.stages.assemble = started.elapsed();
        Ok(snapshot)
    }

    /// The rules of all files with attributes, those nearer to the root first.
    async fn attributes(&self, entries: &[Entry]) -> Result<Attributes, Error> {
        let mut found: Vec<&Entry> = entries
            .iter()
            .filter(|entry| entry.path == ATTRIBUTES || entry.path.ends_with("/.gitattributes"))
            .filter(|entry| entry.kind == Kind::File)
            .collect();
        found.sort_by_key(|entry| entry.path.matches('/').count());
        let mut attributes = Attributes::default();
        if found.is_empty() {
            return Ok(attributes);
        }
        let hashes: Vec<String> = found.iter().map(|entry| entry.hash.clone()).collect();
        let sizes = tree::sizes(&self.program, &self.directory, &hashes).await?;
        let is_small = |size: &Option<u64>| size.is_some_and(|size| size <= reading::OTHER_BYTES_MAX);
        let small = found.into_iter().zip(hashes).zip(&sizes).filter(|(_, size)| is_small(size));
        let (found, hashes): (Vec<&Entry>, Vec<String>) = small.map(|(entry, _)| entry).unzip();
        let contents = tree::contents(&self.program, &self.directory, &hashes, reading::BATCH_OUTPUT_MAX).await?;
        for (entry, bytes) in found.iter().zip(contents) {
            attributes.add(&entry.path, &String::from_utf8_lossy(&bytes.unwrap_or_default()));
        }
        Ok(attributes)
    }

    /// Puts the commits since the chain's newest in front of it, where this commit's line leads there: a new commit
    /// costs its own log alone.
    async fn prolonged(&mut self, commit: &str) -> bool {
        let Some(newest) = self.chain.first().map(|newest| newest.hash.clone()) else { return false };
        let new = tree::log(&self.program, &self.directory, commit, self.reach, Some(&newest)).await;
        let Ok(new) = new else { return false };
        let joins = new.last().is_some_and(|oldest| oldest.parent.as_deref() == Some(newest.as_str()));
        if joins {
            self.chain.splice(0..0, new.into_iter().map(change));
            self.chain_whole &= self.chain.len() <= self.reach;
            self.chain.truncate(self.reach);
        }
        joins
    }

    /// Makes sure that the chain holds a commit's history; gives where it begins. Without history there is none.
    async fn history(&mut self, commit: &str, notes: &mut Vec<String>) -> usize {
        let known = self.chain.iter().position(|known| known.hash == commit);
        let enough = |at: usize| self.chain_whole || self.chain.len() - at >= COMMITS_MAX;
        if let Some(at) = known.filter(|at| enough(*at)) {
            return at;
        }
        if self.prolonged(commit).await {
            return 0;
        }
        match tree::log(&self.program, &self.directory, commit, self.reach, None).await {
            Ok(log) => {
                self.chain_whole = log.len() < self.reach;
                self.chain = log.into_iter().map(change).collect();
            }
            Err(error) => {
                notes.push(format!("the history cannot be read, so past changes say nothing: {error}"));
                self.chain.clear();
            }
        }
        if tree::is_shallow(&self.program, &self.directory).await.unwrap_or(false) {
            let commits = self.chain.len();
            notes
                .push(format!("the clone is shallow: {commits} commits of history; `git fetch --unshallow` gives all"));
        }
        0
    }
}

fn change(logged: Logged) -> Commit {
    Commit::new(logged.hash, logged.message, logged.files)
}

fn file(entry: &Entry, attributes: &Attributes) -> TreeFile {
    let blob = if entry.kind == Kind::File { BlobKey::new(&entry.hash, &entry.path) } else { None };
    TreeFile { path: entry.path.clone(), blob, foreign: attributes.foreign(&entry.path) }
}

fn note_paths(entries: &[Entry], notes: &mut Vec<String>) {
    if entries.is_empty() {
        notes.push("the commit holds no files".to_owned());
    }
    let odd = entries.iter().filter(|entry| entry.path.contains('\u{fffd}')).count();
    if odd > 0 {
        notes.push(format!("{odd} paths are not UTF-8; they are shown with \u{fffd} in place of such bytes"));
    }
}

#[cfg(test)]
mod tests;
