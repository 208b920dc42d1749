//! The ways of looking at a corpus for one issue. Each scores every file by itself and knows nothing of the others;
//! [`crate::infer::rank`] puts them together.

use strum::VariantArray as _;

use crate::infer::bm25::Bm25;
use crate::infer::corpus::{Corpus, FileId};
use crate::infer::graph::Graph;
use crate::infer::history::History;
use crate::infer::language;
use crate::infer::library::Vocabulary;
use crate::infer::query::{Query, Terms};

/// One way of looking.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::VariantArray, strum::EnumString, strum::IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Signal {
    /// The text names the file by its whole path.
    PathExact,
    /// The text names the end of its path.
    PathSuffix,
    /// The text names the file.
    FileName,
    /// BM25 over contents by the whole text, its title and its names counted once more.
    Contents,
    /// BM25 over contents by the title.
    ContentsTitle,
    /// BM25 over each file's best passage, by the whole text.
    Passage,
    /// BM25 over each file's best passage, by the title.
    PassageTitle,
    /// BM25 over the words of the names that it defines.
    Definitions,
    /// It defines a name that the text writes.
    Symbol,
    /// BM25 over paths by the whole text.
    Path,
    /// BM25 over paths by the title.
    PathTitle,
    /// Past changes with like messages touched it.
    Messages,
    /// It changes often, and lately.
    Recency,
    /// A stack trace in the text goes through it.
    Frames,
    /// It changes together with the files that rank best so far.
    Together,
    /// It imports, or is imported by, the files that rank best so far.
    Imports,
    /// It stands in the folder of the files that rank best so far.
    Folder,
}

impl Signal {
    /// How it is called on the command line and in tables.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// All of them.
    pub fn all() -> &'static [Self] {
        Self::VARIANTS
    }

    /// Whether it starts from a first ranking instead of the text.
    pub fn spreads(self) -> bool {
        matches!(self, Self::Together | Self::Imports | Self::Folder)
    }
}

/// What signals look at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The files.
    pub corpus: &'a Corpus,
    /// What their terms are called.
    pub vocabulary: &'a Vocabulary,
    /// Past changes.
    pub history: &'a History,
}

/// The scores of one signal that starts from the text, by file; 0 where it says nothing.
pub fn of_text(signal: Signal, view: View<'_>, bm25: &Bm25<'_>, query: &Query) -> Vec<f64> {
    match signal {
        Signal::PathExact | Signal::PathSuffix | Signal::FileName => mentions(view.corpus, query, signal),
        Signal::Contents => bm25.contents(&query.emphasised),
        Signal::ContentsTitle => bm25.contents(&query.title),
        Signal::Passage => bm25.passages(&query.all),
        Signal::PassageTitle => bm25.passages(&query.title),
        Signal::Definitions => bm25.defined(&query.emphasised),
        Signal::Symbol => symbols(view, &query.identifiers),
        Signal::Path => bm25.paths(&query.all),
        Signal::PathTitle => bm25.paths(&query.title),
        Signal::Messages => view.history.alike(&query.all),
        Signal::Recency => view.history.recency(),
        Signal::Frames => frames(view.corpus, query),
        Signal::Together | Signal::Imports | Signal::Folder => Vec::new(),
    }
}

/// The scores of one signal that starts from the best files of a first ranking, the best first.
pub fn of_seeds(signal: Signal, view: View<'_>, graph: &Graph, seeds: &[FileId]) -> Vec<f64> {
    let mut scores = vec![0.0; view.corpus.files.len()];
    for (rank, seed) in seeds.iter().enumerate() {
        let share = 1.0 / (1.0 + rank as f64);
        if signal == Signal::Together {
            for found in view.history.companions(*seed).iter().take(COMPANIONS_MAX) {
                scores[found.file as usize] += share * found.strength();
            }
        } else if signal == Signal::Imports {
            for (list, weight) in [(graph.imports(*seed), 1.0), (graph.importers(*seed), 0.7)] {
                let weight = share * weight / (list.len().max(1) as f64).sqrt();
                list.iter().for_each(|other| scores[*other as usize] += weight);
            }
        } else if signal == Signal::Folder {
            let folder = language::folder(&view.corpus.files[*seed as usize].path);
            let files = view.corpus.files.iter().zip(&mut scores);
            files.filter(|(file, _)| language::folder(&file.path) == folder).for_each(|(_, score)| *score += share);
        }
    }
    scores
}

/// Companions of one file that count.
const COMPANIONS_MAX: usize = 30;

/// Files that define names the text writes; a name that many define says little.
fn symbols(view: View<'_>, names: &Terms) -> Vec<f64> {
    let mut scores = vec![0.0; view.corpus.files.len()];
    for (name, (weight, _)) in names {
        let files = view.vocabulary.find(*name).map_or(&[][..], |name| view.corpus.defining(name));
        let share = weight / (files.len().max(1) as f64);
        files.iter().for_each(|(file, _)| scores[*file as usize] += share);
    }
    scores
}

/// Files that the text names: by whole path, by the end of a path, by name alone. A name that many bear says little.
fn mentions(corpus: &Corpus, query: &Query, signal: Signal) -> Vec<f64> {
    let mut scores = vec![0.0; corpus.files.len()];
    for path in &query.paths {
        if signal == Signal::PathExact {
            corpus.find(path).into_iter().for_each(|file| scores[file as usize] += 1.0);
            continue;
        }
        let (files, folded) = (corpus.named(language::name(path)), path.to_lowercase());
        for file in files {
            let known = corpus.files[*file as usize].path.to_lowercase();
            let ends = path.contains('/') && (is_end(&known, &folded) || is_end(&folded, &known));
            if signal == Signal::FileName || ends {
                scores[*file as usize] += 1.0 / files.len() as f64;
            }
        }
    }
    scores
}

/// Whether a path is the end of another.
fn is_end(long: &str, short: &str) -> bool {
    long.strip_suffix(short).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// Files that stack frames go through: of those with the frame's name the one that shares most of its path, if that is
/// more than the name. Later frames count most: languages that print the innermost first are outnumbered by library
/// frames there.
fn frames(corpus: &Corpus, query: &Query) -> Vec<f64> {
    let mut scores = vec![0.0; corpus.files.len()];
    for (from_end, frame) in query.frames.iter().rev().enumerate() {
        let parts: Vec<&str> = frame.split('/').filter(|part| !part.is_empty()).collect();
        let shared = |path: &str| path.rsplit('/').zip(parts.iter().rev()).take_while(|(a, b)| a == *b).count();
        let files = corpus.named(language::name(frame)).iter();
        let best = files
            .map(|file| (shared(&corpus.files[*file as usize].path), *file))
            .max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        if let Some((shared, file)) = best.filter(|(shared, _)| *shared >= 2 || parts.len() == 1) {
            scores[file as usize] += shared.min(3) as f64 / (1.0 + from_end as f64);
        }
    }
    scores
}
