//! Texts → the files that each is likely about, with the reasons, as a footprint takes them. What was read is kept
//! between calls, and whatever is missing (history, contents, a commit) makes rankings poorer, never an error.

use sha2::{Digest as _, Sha256};

use crate::engine::footprint::{RANKED_FILES_MAX, RankedFile};
use crate::git::{Error, Files};
use crate::infer::Ranking;
use crate::infer::corpus::{Corpus, TreeFile};
use crate::infer::document::Document;
use crate::infer::evidence::Evidence;
use crate::infer::history::History;
use crate::infer::library::{BlobKey, Library};
use crate::infer::new_files;
use crate::infer::query::Query;
use crate::infer::rank::{Ranker, Weights};
use crate::infer::signals::View;
use crate::survey::{Snapshot, Surveyor, cache};

/// Reasons told of one file.
const REASONS_MAX: usize = 2;
/// Longest evidence of one file, in characters.
const EVIDENCE_CHARACTERS_MAX: usize = 160;
/// What a library may hold beyond the files of the commit, in documents, before all is read anew: older contents are
/// never forgotten one by one.
const STALE_DOCUMENTS_MAX: usize = 50_000;

/// Fewer texts are not worth a thread.
const SIDE_BY_SIDE_MIN: usize = 4;

/// A file in more than this part of the changes is one that everybody touches.
const HOTSPOT_PART: f64 = 0.25;
/// Changes that it takes to tell.
const HOTSPOT_CHANGES_MIN: usize = 100;

/// A text to be ranked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The title.
    pub title: String,
    /// Its body.
    pub body: String,
}

/// The answer to some texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rankings {
    /// One for each text, in order.
    pub rankings: Vec<Ranking>,
    /// Files in more than a quarter of the changes; nothing where too few changes are known to tell.
    pub hotspots: Option<Vec<String>>,
    /// What was missing or left out, for people.
    pub notes: Vec<String>,
}

/// What is kept of one repository between rankings: contents by blob, and the commit last looked at.
#[derive(Debug, Default)]
pub struct Known {
    reader: Option<Reader>,
    /// By the commit's name.
    snapshot: Option<(String, Snapshot)>,
}

#[derive(Debug)]
enum Reader {
    Directory(Box<Surveyor>),
    Held(Library),
}

impl Reader {
    fn library(&self) -> &Library {
        match self {
            Self::Directory(surveyor) => surveyor.library(),
            Self::Held(library) => library,
        }
    }
}

impl Known {
    /// Ranks a commit's files for some texts, off the loop's thread where that may take long. An error: the commit
    /// cannot be read; what was known before stays known.
    pub async fn rank(mut self, files: Files, commit: &str, texts: Vec<Text>) -> (Self, Result<Rankings, Error>) {
        let here = matches!(files, Files::Held(_));
        if let Err(error) = self.look(files, commit).await {
            return (self, Err(error));
        }
        if here {
            let rankings = self.ranked(&texts);
            return (self, Ok(rankings));
        }
        let work = move || {
            let rankings = self.ranked(&texts);
            (self, rankings)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok((known, rankings)) => (known, Ok(rankings)),
            Err(error) => (Self::default(), Err(Error::Failed { message: format!("texts cannot be ranked: {error}") })),
        }
    }

    /// Reads the commit, unless it is the one that was looked at last.
    async fn look(&mut self, files: Files, commit: &str) -> Result<(), Error> {
        if self.reader.is_some() && self.snapshot.as_ref().is_some_and(|(known, _)| known == commit) {
            return Ok(());
        }
        let (program, directory, cache) = match files {
            Files::Directory { program, directory, cache } => (program, directory, cache),
            Files::Held(files) => {
                let (library, snapshot) = held(&files);
                self.reader = Some(Reader::Held(library));
                self.snapshot = Some((commit.to_owned(), snapshot));
                return Ok(());
            }
        };
        let mut surveyor = match self.reader.take() {
            Some(Reader::Directory(surveyor)) if surveyor.directory == directory => surveyor,
            _ => {
                let library = cache.as_deref().and_then(cache::load).unwrap_or_default();
                Box::new(Surveyor::new(program.clone(), &directory, library))
            }
        };
        let mut snapshot = surveyor.at(commit).await?;
        if surveyor.library().len() > snapshot.corpus.files.len() + STALE_DOCUMENTS_MAX {
            surveyor = Box::new(Surveyor::new(program, &directory, Library::default()));
            snapshot = surveyor.at(commit).await?;
        }
        if let Some(path) = cache.filter(|_| snapshot.files_read > 0)
            && let Err(error) = cache::save(&path, surveyor.library())
        {
            snapshot.notes.push(format!("what was read cannot be kept in {}: {error}", path.display()));
        }
        self.reader = Some(Reader::Directory(surveyor));
        self.snapshot = Some((commit.to_owned(), snapshot));
        Ok(())
    }

    fn ranked(&self, texts: &[Text]) -> Rankings {
        let (Some(reader), Some((_, snapshot))) = (&self.reader, &self.snapshot) else { return Rankings::default() };
        let library = reader.library();
        let view = View { corpus: &snapshot.corpus, vocabulary: library.vocabulary(), history: &snapshot.history };
        let ranker = Ranker::new(view, library, Weights::default());
        let one = |text: &Text| {
            let query = Query::new(&text.title, &text.body);
            let files = ranker.explain(&query, RANKED_FILES_MAX).into_iter();
            let files = files.map(|(ranked, evidence)| RankedFile {
                share: ranked.thousandths(),
                path: ranked.path,
                evidence: told(&evidence),
            });
            Ranking { files: files.collect(), new_files: new_files::asked_for(&query, &snapshot.corpus) }
        };
        let enough = snapshot.history.len() >= HOTSPOT_CHANGES_MIN;
        let hotspots = enough.then(|| {
            let files = snapshot.history.hotspots(HOTSPOT_PART).into_iter();
            files.filter_map(|file| Some(snapshot.corpus.files.get(file as usize)?.path.clone())).collect()
        });
        Rankings { rankings: side_by_side(texts, one), hotspots, notes: snapshot.notes.clone() }
    }
}

/// Maps on all cores, in order.
fn side_by_side<T: Sync, R: Send>(items: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if items.len() < SIDE_BY_SIDE_MIN {
        return items.iter().map(one).collect();
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = items.len().div_ceil(threads);
    let one = &one;
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            items.chunks(part).map(|items| scope.spawn(move || items.iter().map(one).collect::<Vec<R>>())).collect();
        let joined = parts.into_iter().map(|part| match part.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.flatten().collect()
    })
}

/// A commit whose files are at hand.
fn held(files: &std::collections::BTreeMap<String, std::sync::Arc<[u8]>>) -> (Library, Snapshot) {
    let (mut library, mut tree) = (Library::default(), Vec::with_capacity(files.len()));
    for (path, bytes) in files {
        let blob = BlobKey::new(&hex::encode(Sha256::digest(bytes)), path);
        if let Some(key) = blob.filter(|key| !library.contains(key)) {
            library.insert(key, Document::read(bytes, key.language));
        }
        tree.push(TreeFile { path: path.clone(), blob, foreign: None });
    }
    let corpus = Corpus::new(&tree, &library);
    let history = History::new(&[], &corpus);
    (library, Snapshot { corpus, history, ..Snapshot::default() })
}

/// The strongest reasons as one text, each once.
fn told(evidence: &[Evidence]) -> String {
    // Several signals look at the same words: what is quoted tells whether a reason says something new.
    let quoted = |words: &str| words.rsplit_once('`').map_or(words, |(quoted, _)| quoted).to_owned();
    let mut words: Vec<&str> = Vec::new();
    for reason in evidence {
        if words.iter().all(|known| quoted(known) != quoted(&reason.words)) {
            words.push(&reason.words);
        }
    }
    words.truncate(REASONS_MAX);
    let joined = words.join("; ");
    match joined.char_indices().nth(EVIDENCE_CHARACTERS_MAX - 1) {
        Some((at, _)) if joined.chars().count() > EVIDENCE_CHARACTERS_MAX => format!("{}…", &joined[..at]),
        _ => joined,
    }
}
