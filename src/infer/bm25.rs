//! Okapi BM25 over a corpus: contents, each file's best passage, paths, and the words of defined names.

use crate::infer::corpus::{Corpus, FileId};
use crate::infer::library::Vocabulary;
use crate::infer::query::Terms;

/// How soon more of the same word stops counting (the usual value).
const K1: f64 = 1.2;
/// How much long texts are held back (the usual value).
const B: f64 = 0.75;

/// How rare a term is: of `all` texts `with` hold it.
pub fn rarity(all: f64, with: f64) -> f64 {
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

/// How much `count` occurrences say in a text `length` times as long as the mean.
pub fn saturated(count: f64, length: f64) -> f64 {
    count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length))
}

/// How many texts of a kind there are, and how long they are on average.
#[derive(Clone, Copy, Debug)]
struct Extent {
    texts: f64,
    mean: f64,
}

impl Extent {
    fn of(lengths: impl Iterator<Item = u32>) -> Self {
        let (texts, sum) = lengths
            .filter(|length| *length > 0)
            .fold((0.0_f64, 0.0_f64), |(texts, sum), length| (texts + 1.0, sum + f64::from(length)));
        Self { texts, mean: (sum / texts.max(1.0)).max(1.0) }
    }

    fn relative(&self, length: u32) -> f64 {
        f64::from(length) / self.mean
    }
}

/// Scores the candidates of a corpus.
#[derive(Clone, Debug)]
pub struct Bm25<'a> {
    corpus: &'a Corpus,
    vocabulary: &'a Vocabulary,
    contents: Extent,
    passages: Extent,
    paths: Extent,
    defined: Extent,
}

impl<'a> Bm25<'a> {
    /// Prepares the statistics, over candidates only.
    pub fn new(corpus: &'a Corpus, vocabulary: &'a Vocabulary) -> Self {
        let candidates = || corpus.files.iter().filter(|file| file.candidate);
        let passages = |file: FileId| corpus.files[file as usize].candidate;
        let kept = corpus.passage_lengths.iter().zip(&corpus.passage_files);
        Self {
            corpus,
            vocabulary,
            contents: Extent::of(candidates().map(|file| file.length)),
            passages: Extent::of(kept.filter(|(_, file)| passages(**file)).map(|(length, _)| *length)),
            paths: Extent::of(candidates().map(|file| file.path_length)),
            defined: Extent::of(candidates().map(|file| file.defined_length)),
        }
    }

    fn candidate(&self, file: FileId) -> bool {
        self.corpus.files[file as usize].candidate
    }

    /// Each file's contents.
    pub fn contents(&self, terms: &Terms) -> Vec<f64> {
        let mut scores = vec![0.0; self.corpus.files.len()];
        let mut counts: Vec<(FileId, f64)> = Vec::new();
        for (term, (weight, _)) in terms {
            let Some(term) = self.vocabulary.find(*term) else { continue };
            counts.clear();
            for (passage, count) in self.corpus.holding(term) {
                let file = self.corpus.passage_files[*passage as usize];
                match counts.last_mut() {
                    Some((last, sum)) if *last == file => *sum += f64::from(*count),
                    _ if self.candidate(file) => counts.push((file, f64::from(*count))),
                    _ => {}
                }
            }
            let rarity = rarity(self.contents.texts, counts.len() as f64) * weight;
            for (file, count) in &counts {
                let length = self.contents.relative(self.corpus.files[*file as usize].length);
                scores[*file as usize] += rarity * saturated(*count, length);
            }
        }
        scores
    }

    /// Each file's best passage.
    pub fn passages(&self, terms: &Terms) -> Vec<f64> {
        let corpus = self.corpus;
        let mut passages = vec![0.0; corpus.passage_files.len()];
        for (term, (weight, _)) in terms {
            let Some(term) = self.vocabulary.find(*term) else { continue };
            let held = corpus.holding(term);
            let kept = |passage: u32| self.candidate(corpus.passage_files[passage as usize]);
            let with = held.iter().filter(|(passage, _)| kept(*passage)).count() as f64;
            let rarity = rarity(self.passages.texts, with) * weight;
            for (passage, count) in held {
                let length = self.passages.relative(corpus.passage_lengths[*passage as usize]);
                passages[*passage as usize] += rarity * saturated(f64::from(*count), length);
            }
        }
        let mut scores = vec![0.0; corpus.files.len()];
        for (passage, score) in passages.into_iter().enumerate() {
            let file = corpus.passage_files[passage];
            let best = &mut scores[file as usize];
            if score > *best && self.candidate(file) {
                *best = score;
            }
        }
        scores
    }

    /// Each file's path.
    pub fn paths(&self, terms: &Terms) -> Vec<f64> {
        let mut scores = vec![0.0; self.corpus.files.len()];
        for (term, (weight, _)) in terms {
            let length = |file: FileId| self.corpus.files[file as usize].path_length;
            self.add(self.corpus.on_path(*term), *weight, self.paths, length, &mut scores);
        }
        scores
    }

    /// The words of the names that each file defines.
    pub fn defined(&self, terms: &Terms) -> Vec<f64> {
        let mut scores = vec![0.0; self.corpus.files.len()];
        for (term, (weight, _)) in terms {
            let Some(term) = self.vocabulary.find(*term) else { continue };
            let length = |file: FileId| self.corpus.files[file as usize].defined_length;
            self.add(self.corpus.defining_with(term), *weight, self.defined, length, &mut scores);
        }
        scores
    }

    fn add(
        &self,
        held: &[(FileId, u16)],
        weight: f64,
        extent: Extent,
        length: impl Fn(FileId) -> u32,
        scores: &mut [f64],
    ) {
        let kept = || held.iter().filter(|(file, _)| self.candidate(*file));
        let rarity = rarity(extent.texts, kept().count() as f64) * weight;
        for (file, count) in kept() {
            scores[*file as usize] += rarity * saturated(f64::from(*count), extent.relative(length(*file)));
        }
    }

    /// The terms that say most for one file, the strongest first, as they were written.
    pub fn reasons(&self, terms: &Terms, file: FileId, most: usize) -> Vec<String> {
        let (from, to) = self.corpus.files[file as usize].passages;
        let mut found: Vec<(f64, &str)> = Vec::new();
        for (term, (weight, written)) in terms {
            let Some(term) = self.vocabulary.find(*term) else { continue };
            let held = self.corpus.holding(term);
            let start = held.partition_point(|(passage, _)| *passage < from);
            let here = held[start..].iter().take_while(|(passage, _)| *passage < to);
            let count: f64 = here.map(|(_, count)| f64::from(*count)).sum();
            if count > 0.0 {
                let length = self.contents.relative(self.corpus.files[file as usize].length);
                let with = held.len() as f64;
                found.push((rarity(self.passages.texts.max(with), with) * weight * saturated(count, length), written));
            }
        }
        // Of equals the longer word says more.
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.len().cmp(&a.1.len())).then(a.1.cmp(b.1)));
        found.into_iter().take(most).map(|(_, written)| written.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::corpus::tests::corpus;
    use crate::infer::query::Query;

    #[test]
    fn rare_words_in_short_texts_count_most_and_only_for_candidates() {
        let (library, corpus) = corpus(&[
            ("a.rs", "fn connect() { retry_delay(); }"),
            ("b.rs", "fn connect() { } fn other() { } fn more() { }"),
            ("c.rs", "fn connect() { } fn some() { }"),
            ("tests/t.rs", "retry_delay retry_delay"),
        ]);
        let bm25 = Bm25::new(&corpus, library.vocabulary());
        let terms = Query::new("connect `retry_delay`", "").all;
        let scores = bm25.contents(&terms);
        assert!(scores[0] > scores[2] && scores[2] > scores[1] && scores[1] > 0.0, "{scores:?}");
        assert_eq!(scores[3], 0.0);
        assert!(bm25.passages(&terms)[0] > bm25.passages(&terms)[1]);
        assert_eq!(bm25.reasons(&terms, 0, 2)[0], "retry_delay");
        assert_eq!(bm25.defined(&Query::new("some", "").all)[2], 0.0, "an empty word");
        assert!(bm25.defined(&Query::new("connect", "").all)[1] > 0.0);
        assert!(bm25.paths(&Query::new("tests rs", "").all)[0] > 0.0);
    }
}
