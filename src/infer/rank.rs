//! Signals → one ranked list, by weighted reciprocal-rank fusion: each signal gives a file `weight / (10 + rank)`. The
//! weights are round numbers that were set by hand, not fitted to any repository; `docs/overlap.md` shows what each is
//! worth.

use std::collections::BTreeMap;

use crate::engine::footprint::SHARE_MAX;
use crate::infer::bm25::Bm25;
use crate::infer::corpus::FileId;
use crate::infer::evidence::{self, Evidence};
use crate::infer::graph::Graph;
use crate::infer::library::Library;
use crate::infer::query::Query;
use crate::infer::signals::{self, Signal, View};

/// What is added to a rank, so that the first few places are worth about the same.
const RANK_OFFSET: f64 = 10.0;
/// Places of one signal that count.
const PLACES_MAX: usize = 200;
/// Best files of the first ranking from which the second spreads.
const SEEDS: usize = 5;
/// Files of a footprint.
pub const FOOTPRINT_FILES: usize = 20;

/// How much each signal counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights(BTreeMap<Signal, f64>);

impl Default for Weights {
    fn default() -> Self {
        Self(BTreeMap::from([
            (Signal::PathExact, 3.0),
            (Signal::PathSuffix, 2.0),
            (Signal::FileName, 1.5),
            (Signal::Contents, 2.0),
            (Signal::ContentsTitle, 0.5),
            (Signal::Passage, 1.5),
            (Signal::PassageTitle, 0.5),
            (Signal::Definitions, 1.0),
            (Signal::Symbol, 1.0),
            (Signal::Path, 1.0),
            (Signal::PathTitle, 0.5),
            (Signal::Messages, 1.0),
            (Signal::Recency, 0.4),
            (Signal::Frames, 0.5),
            (Signal::Together, 0.6),
            (Signal::Folder, 0.3),
        ]))
    }
}

impl Weights {
    /// One signal alone.
    pub fn only(signal: Signal) -> Self {
        Self(BTreeMap::from([(signal, 1.0)]))
    }

    /// The same with one signal's weight changed; 0 leaves it out.
    #[must_use]
    pub fn with(mut self, signal: Signal, weight: f64) -> Self {
        self.0.insert(signal, weight);
        self
    }

    /// The signals that count, with their weights.
    pub fn iter(&self) -> impl Iterator<Item = (Signal, f64)> {
        self.0.iter().map(|(signal, weight)| (*signal, *weight)).filter(|(_, weight)| *weight > 0.0)
    }

    /// How much one counts.
    pub fn of(&self, signal: Signal) -> f64 {
        self.0.get(&signal).copied().unwrap_or(0.0)
    }
}

/// One file of a ranked list.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Its path.
    pub path: String,
    /// Its fused score.
    pub score: f64,
    /// How much of the issue is expected to lie in it, in 0..=1: see [`share`].
    pub share: f64,
}

impl Ranked {
    /// Its share in thousandths, rounded.
    pub fn thousandths(&self) -> u32 {
        // In 0..=1 by its making; what is not is cut to that.
        (self.share * f64::from(SHARE_MAX)).round().clamp(0.0, f64::from(SHARE_MAX)) as u32
    }
}

/// How much of an issue is expected to lie in the file at a rank (from 1) whose score is this part of the best one's:
/// the cube of the part over the root of the rank. A clear first file gets all, a field of equals little each. Of
/// eleven forms tried it told pairs apart best.
pub fn share(part: f64, rank: usize) -> f64 {
    part.powi(3) / (rank.max(1) as f64).sqrt()
}

/// Ranks the files of one commit for any number of issues.
#[derive(Debug)]
pub struct Ranker<'a> {
    view: View<'a>,
    bm25: Bm25<'a>,
    graph: Graph,
    weights: Weights,
}

/// Places by signal: the files a signal speaks of, best first.
type Places = BTreeMap<Signal, Vec<FileId>>;

impl<'a> Ranker<'a> {
    /// Prepares what does not depend on an issue.
    pub fn new(view: View<'a>, library: &'a Library, weights: Weights) -> Self {
        let graph = if weights.of(Signal::Imports) > 0.0 { Graph::new(view.corpus, library) } else { Graph::default() };
        Self { view, bm25: Bm25::new(view.corpus, view.vocabulary), graph, weights }
    }

    /// The files an issue will most likely touch, best first, at most `most`; ties by path.
    pub fn rank(&self, query: &Query, most: usize) -> Vec<Ranked> {
        let (fused, _) = self.fused(query);
        self.named(&fused, most)
    }

    /// The same with evidence for each file.
    pub fn explain(&self, query: &Query, most: usize) -> Vec<(Ranked, Vec<Evidence>)> {
        let (fused, places) = self.fused(query);
        let files = best(&fused, most);
        let known =
            evidence::Known { view: self.view, bm25: &self.bm25, query, places: &places, weights: &self.weights };
        let ranked = self.named(&fused, most);
        ranked.into_iter().zip(files).map(|(ranked, file)| (ranked, known.of(file))).collect()
    }

    fn named(&self, fused: &[f64], most: usize) -> Vec<Ranked> {
        let files = best(fused, most);
        let top = files.first().map_or(1.0, |file| fused[*file as usize]);
        let ranked = files.iter().enumerate().map(|(at, file)| {
            let score = fused[*file as usize];
            let path = self.view.corpus.files[*file as usize].path.clone();
            Ranked { path, score, share: share(score / top, at + 1) }
        });
        ranked.collect()
    }

    fn fused(&self, query: &Query) -> (Vec<f64>, Places) {
        let mut fused = vec![0.0; self.view.corpus.files.len()];
        let mut places = Places::new();
        for (signal, weight) in self.weights.iter().filter(|(signal, _)| !signal.spreads()) {
            let scores = signals::of_text(signal, self.view, &self.bm25, query);
            self.add(signal, weight, &scores, &mut fused, &mut places);
        }
        let seeds = best(&fused, SEEDS);
        for (signal, weight) in self.weights.iter().filter(|(signal, _)| signal.spreads()) {
            let scores = signals::of_seeds(signal, self.view, &self.graph, &seeds);
            self.add(signal, weight, &scores, &mut fused, &mut places);
        }
        (fused, places)
    }

    fn add(&self, signal: Signal, weight: f64, scores: &[f64], fused: &mut [f64], places: &mut Places) {
        let files = &self.view.corpus.files;
        let kept: Vec<f64> =
            scores.iter().zip(files).map(|(score, file)| if file.candidate { *score } else { 0.0 }).collect();
        let order = best(&kept, PLACES_MAX);
        for (at, file) in order.iter().enumerate() {
            fused[*file as usize] += weight / (RANK_OFFSET + at as f64 + 1.0);
        }
        places.insert(signal, order);
    }
}

/// The files with a score, best first, at most `most`; ties in the order of paths.
pub fn best(scores: &[f64], most: usize) -> Vec<FileId> {
    let mut found: Vec<FileId> = (0..).zip(scores).filter(|(_, score)| **score > 0.0).map(|(file, _)| file).collect();
    let better = |a: &FileId, b: &FileId| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
    if found.len() > most && most > 0 {
        found.select_nth_unstable_by(most - 1, better);
    }
    found.truncate(most);
    found.sort_unstable_by(better);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::corpus::tests::corpus;
    use crate::infer::history::{Commit, History};

    #[test]
    fn what_the_text_speaks_of_comes_first_with_its_reasons() {
        let (library, corpus) = corpus(&[
            ("src/net/retry.rs", "pub fn retry_delay(attempt: u32) -> Duration {}"),
            ("src/net/mod.rs", "mod retry;"),
            ("src/db.rs", "fn connect() {}"),
            ("tests/retry.rs", "retry_delay retry_delay retry_delay"),
        ]);
        let files = vec!["src/net/retry.rs".to_owned(), "src/db.rs".to_owned()];
        let log = [Commit::new(String::new(), "Longer delays".to_owned(), files)];
        let history = History::new(&log, &corpus);
        let view = View { corpus: &corpus, vocabulary: library.vocabulary(), history: &history };
        let query = Query::new("The delay grows too fast", "See `retry_delay`.");
        let ranker = Ranker::new(view, &library, Weights::default());
        let found = ranker.explain(&query, 10);
        let paths: Vec<_> = found.iter().map(|(ranked, _)| ranked.path.as_str()).collect();
        assert_eq!(paths, ["src/net/retry.rs", "src/net/mod.rs", "src/db.rs"]);
        assert_eq!(found[0].0.share, 1.0);
        let words: Vec<_> = found[0].1.iter().map(|reason| reason.words.as_str()).collect();
        assert!(words.iter().any(|words| words.contains("`retry_delay`")), "{words:?}");
        let young = History::new(&[], &corpus);
        let nothing = Ranker::new(View { history: &young, ..view }, &library, Weights::default());
        assert!(nothing.rank(&Query::new("", ""), 10).is_empty(), "nothing said, nothing done before");
        let with_imports = Ranker::new(view, &library, Weights::default().with(Signal::Imports, 1.0));
        assert_eq!(with_imports.rank(&query, 1).len(), 1);
        assert_eq!(Weights::only(Signal::Path).iter().count(), 1);
    }

    #[test]
    fn the_best_are_taken_in_a_fixed_order() {
        assert_eq!(best(&[0.0, 1.0, 3.0, 1.0, 2.0], 3), [2, 4, 1]);
        assert_eq!(best(&[], 3), [0; 0]);
        assert_eq!(best(&[1.0], 0), [0; 0]);
    }
}
