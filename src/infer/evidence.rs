//! Why a file stands where it stands, in words a maintainer can check.

use std::collections::BTreeMap;

use crate::infer::bm25::Bm25;
use crate::infer::corpus::FileId;
use crate::infer::query::Query;
use crate::infer::rank::Weights;
use crate::infer::signals::{Signal, View};

/// Places of a signal that are worth telling.
const PLACES_TOLD: usize = 10;
/// Reasons told of one file.
const REASONS_MAX: usize = 4;
/// Words told of one reason.
const WORDS_MAX: usize = 4;
/// Longest line of a commit message that is quoted, in characters.
const SUBJECT_CHARACTERS_MAX: usize = 72;

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Which signal.
    pub signal: Signal,
    /// At which place it has the file, from 1.
    pub rank: usize,
    /// What it saw.
    pub words: String,
}

/// What evidence is drawn from.
pub(crate) struct Known<'a> {
    /// What the signals looked at.
    pub view: View<'a>,
    /// The statistics over contents.
    pub bm25: &'a Bm25<'a>,
    /// The issue.
    pub query: &'a Query,
    /// Each signal's files, best first.
    pub places: &'a BTreeMap<Signal, Vec<FileId>>,
    /// How much each counts.
    pub weights: &'a Weights,
}

impl Known<'_> {
    /// The strongest reasons for one file, the strongest first.
    pub(crate) fn of(&self, file: FileId) -> Vec<Evidence> {
        let mut found: Vec<(f64, Signal, usize)> = Vec::new();
        for (signal, files) in self.places {
            if let Some(at) = files.iter().take(PLACES_TOLD).position(|other| *other == file) {
                found.push((self.weights.of(*signal) / (10.0 + at as f64), *signal, at + 1));
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let told = found.into_iter().take(REASONS_MAX);
        told.map(|(_, signal, rank)| Evidence { signal, rank, words: self.words(signal, file) }).collect()
    }

    fn words(&self, signal: Signal, file: FileId) -> String {
        let quoted = |words: Vec<String>| {
            words.iter().map(|word| format!("`{}`", word.replace('`', "'"))).collect::<Vec<_>>().join(", ")
        };
        let terms = |title: bool| {
            let terms = if title { &self.query.title } else { &self.query.emphasised };
            quoted(self.bm25.reasons(terms, file, WORDS_MAX))
        };
        match signal {
            Signal::PathExact | Signal::PathSuffix | Signal::FileName => "named in the text".to_owned(),
            Signal::Contents => format!("BM25: {} in its contents", terms(false)),
            Signal::ContentsTitle => format!("BM25: {} of the title in its contents", terms(true)),
            Signal::Passage => format!("BM25: {} close together", terms(false)),
            Signal::PassageTitle => format!("BM25: {} of the title close together", terms(true)),
            Signal::Definitions => "names that it defines share words with the text".to_owned(),
            Signal::Symbol => format!("defines {}", quoted(self.defined(file))),
            Signal::Path | Signal::PathTitle => "its path shares words with the text".to_owned(),
            Signal::Messages => self.message(file),
            Signal::Recency => format!("changed in {} of the last commits", self.view.history.changes_of(file)),
            Signal::Frames => "a stack trace goes through it".to_owned(),
            Signal::Together => self.companion(file),
            Signal::Imports => "imports, or is imported by, files that rank high".to_owned(),
            Signal::Folder => "next to files that rank high".to_owned(),
        }
    }

    fn defined(&self, file: FileId) -> Vec<String> {
        let defines = |name: u64| {
            let files = self.view.vocabulary.find(name).map_or(&[][..], |name| self.view.corpus.defining(name));
            files.iter().any(|(other, _)| *other == file)
        };
        let names = self.query.identifiers.iter().filter(|(name, _)| defines(**name));
        names.map(|(_, (_, written))| written.clone()).take(WORDS_MAX).collect()
    }

    fn message(&self, file: FileId) -> String {
        let Some(subject) = self.view.history.most_alike(&self.query.all, file) else {
            return "a past change with a like message touched it".to_owned();
        };
        let subject: String = subject.chars().take(SUBJECT_CHARACTERS_MAX).collect();
        format!("changed by \u{201c}{}\u{201d}", subject.replace('`', "'"))
    }

    /// With which better file it changes together, and how often.
    fn companion(&self, file: FileId) -> String {
        let seeds = self.places.get(&Signal::Contents).into_iter().flatten().take(5).filter(|seed| **seed != file);
        let found = seeds.filter_map(|seed| {
            let companions = self.view.history.companions(*seed);
            companions.into_iter().find(|found| found.file == file).map(|found| (*seed, found))
        });
        let strongest = found.max_by(|a, b| a.1.strength().total_cmp(&b.1.strength()));
        match strongest {
            Some((seed, found)) => {
                let path = &self.view.corpus.files[seed as usize].path;
                format!("changed together with {path} in {} of {} commits", found.together, found.of)
            }
            None => "changes together with files that rank high".to_owned(),
        }
    }
}
