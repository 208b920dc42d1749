//! A commit's files, ready for questions: for each term the passages that hold it, for each file its role and names.
//! Built from a library without reading anything again.

use std::collections::BTreeMap;

use crate::infer::document::{self, Content};
use crate::infer::language::{self, Role};
use crate::infer::library::{BlobKey, Kept, Library, TermId};
use crate::infer::token::Term;

/// A file's place in a corpus.
pub type FileId = u32;

/// One file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// Its path.
    pub path: String,
    /// Its contents; nothing for what holds none (a link, a submodule).
    pub blob: Option<BlobKey>,
    /// Whether the repository's attributes call it generated or vendored, or say that it is neither.
    pub foreign: Option<bool>,
}

/// One file as a corpus knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path.
    pub path: String,
    /// Its contents, if it has any.
    pub blob: Option<BlobKey>,
    /// Its role.
    pub role: Role,
    /// Whether it may be predicted: text that is neither test, prose, lock nor somebody else's.
    pub candidate: bool,
    /// Number of terms in its contents.
    pub length: u32,
    /// Number of terms in the names it defines.
    pub defined_length: u32,
    /// Number of terms in its path.
    pub path_length: u32,
    /// Its passages: from the first to before the second.
    pub passages: (u32, u32),
}

/// Who holds a term how often, for every term: laid out in one piece by counting first.
#[derive(Clone, Debug, Default)]
struct Postings {
    /// Where each term's entries begin; one more than there are terms.
    starts: Vec<u32>,
    entries: Vec<(u32, u16)>,
}

impl Postings {
    /// From the number of entries of each term, and then the entries in the order they shall stand in.
    fn lay_out(mut counts: Vec<u32>, entries: impl Iterator<Item = (TermId, u32, u16)>) -> Self {
        let mut sum = 0;
        for count in &mut counts {
            sum += std::mem::replace(count, sum);
        }
        let mut next = counts.clone();
        let mut laid = vec![(0, 0); sum as usize];
        for (term, holder, count) in entries {
            let place = &mut next[term as usize];
            laid[*place as usize] = (holder, count);
            *place += 1;
        }
        Self { starts: counts, entries: laid }
    }

    fn of(&self, term: TermId) -> &[(u32, u16)] {
        let at = term as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(from), Some(to)) => &self.entries[*from as usize..*to as usize],
            _ => &[],
        }
    }
}

/// A commit's files with their terms.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    /// The files, sorted by path.
    pub files: Vec<File>,
    /// The file of each passage.
    pub passage_files: Vec<FileId>,
    /// Number of terms in each passage.
    pub passage_lengths: Vec<u32>,
    contents: Postings,
    /// Terms of the names that files define.
    defined: Postings,
    /// Those names themselves.
    names_defined: Postings,
    path_terms: BTreeMap<Term, Vec<(FileId, u16)>>,
    /// Files by folded name.
    names: BTreeMap<String, Vec<FileId>>,
}

impl Corpus {
    /// Puts a commit's files together. Files whose blob the library does not hold are known by path only; of two with
    /// one path (bytes that are no UTF-8 may fall together) the first stays.
    pub fn new(tree: &[TreeFile], library: &Library) -> Self {
        let mut order: Vec<&TreeFile> = tree.iter().collect();
        order.sort_by(|a, b| a.path.cmp(&b.path));
        order.dedup_by(|a, b| a.path == b.path);
        let kept: Vec<Option<&Kept>> = order.iter().map(|file| library.get(file.blob.as_ref()?)).collect();
        let mut corpus = Self::default();
        for (file, kept) in order.iter().zip(&kept) {
            corpus.add(file, *kept);
        }
        corpus.post(&kept, library.vocabulary().len());
        corpus
    }

    fn add(&mut self, file: &TreeFile, kept: Option<&Kept>) {
        let number = id(self.files.len());
        let first = id(self.passage_files.len());
        for passage in kept.into_iter().flat_map(Kept::passages) {
            self.passage_files.push(number);
            self.passage_lengths.push(total(passage));
        }
        let role = match (file.foreign, Role::of(&file.path)) {
            (Some(true), _) => Role::Vendored,
            (Some(false), Role::Vendored) => Role::Source,
            (_, role) => role,
        };
        let binary = kept.is_some_and(|kept| kept.content == Content::Binary) || language::is_binary_name(&file.path);
        let path_terms = document::counted(file.path.as_bytes());
        self.files.push(File {
            path: file.path.clone(),
            blob: file.blob,
            role,
            candidate: role == Role::Source && !binary && file.blob.is_some(),
            length: self.passage_lengths[first as usize..].iter().sum(),
            defined_length: kept.map_or(0, |kept| total(&kept.definition_terms)),
            path_length: path_terms.iter().map(|(_, count)| u32::from(*count)).sum(),
            passages: (first, id(self.passage_files.len())),
        });
        for (term, count) in path_terms {
            self.path_terms.entry(term).or_default().push((number, count));
        }
        self.names.entry(language::name(&file.path).to_lowercase()).or_default().push(number);
    }

    /// Lays out who holds which term.
    fn post(&mut self, kept: &[Option<&Kept>], terms: usize) {
        let held = || kept.iter().enumerate().filter_map(|(file, kept)| Some((id(file), (*kept)?)));
        let contents = || held().flat_map(|(_, kept)| kept.passages()).enumerate();
        let contents = || contents().flat_map(|(at, passage)| passage.iter().map(move |(term, n)| (*term, id(at), *n)));
        let defined =
            || held().flat_map(|(at, kept)| kept.definition_terms.iter().map(move |(term, n)| (*term, at, *n)));
        let names = || held().flat_map(|(at, kept)| kept.definitions.iter().map(move |term| (*term, at, 1)));
        self.contents = Postings::lay_out(counts(terms, contents()), contents());
        self.defined = Postings::lay_out(counts(terms, defined()), defined());
        self.names_defined = Postings::lay_out(counts(terms, names()), names());
    }

    /// The passages that hold a term, with counts, in order.
    pub fn holding(&self, term: TermId) -> &[(u32, u16)] {
        self.contents.of(term)
    }

    /// The files that define a name with this term in it, with counts, in order.
    pub fn defining_with(&self, term: TermId) -> &[(FileId, u16)] {
        self.defined.of(term)
    }

    /// The files that define exactly this name, in order.
    pub fn defining(&self, name: TermId) -> &[(FileId, u16)] {
        self.names_defined.of(name)
    }

    /// The files whose path holds a term, with counts, in order.
    pub fn on_path(&self, term: Term) -> &[(FileId, u16)] {
        self.path_terms.get(&term).map_or(&[], Vec::as_slice)
    }

    /// The files with this name, whatever its case.
    pub fn named(&self, name: &str) -> &[FileId] {
        self.names.get(&name.to_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// The file at exactly this path.
    pub fn find(&self, path: &str) -> Option<FileId> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok().map(id)
    }

    /// Whether a file's name ends so, after a dot.
    pub fn has_ending(&self, ending: &str) -> bool {
        self.files.iter().any(|file| language::ending(&file.path) == ending)
    }

    /// Whether a folder of this path holds a file.
    pub fn has_folder(&self, folder: &str) -> bool {
        let at = self.files.partition_point(|file| file.path.as_str() < folder);
        let below = |file: &File| file.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        // Names that begin alike and go on with a byte before the slash stand between.
        self.files[at..].iter().take_while(|file| file.path.starts_with(folder)).any(below)
    }
}

/// Numbers of files and passages stay far below 2^32; what could not be numbered would never be found.
fn id(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn total(terms: &[(TermId, u16)]) -> u32 {
    terms.iter().map(|(_, count)| u32::from(*count)).sum()
}

fn counts(terms: usize, entries: impl Iterator<Item = (TermId, u32, u16)>) -> Vec<u32> {
    let mut counts = vec![0; terms + 1];
    entries.for_each(|(term, _, _)| counts[term as usize] += 1);
    counts
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::infer::document::Document;
    use crate::infer::language::Language;
    use crate::infer::token;

    /// A corpus of these files, and its library.
    pub(crate) fn corpus(files: &[(&str, &str)]) -> (Library, Corpus) {
        let (mut library, mut tree) = (Library::default(), Vec::new());
        for (at, (path, text)) in files.iter().enumerate() {
            let key = BlobKey::new(&format!("{at:032x}"), path).expect("a key");
            library.insert(key, Document::read(text.as_bytes(), Language::of(path)));
            tree.push(TreeFile { path: (*path).to_owned(), blob: Some(key), foreign: None });
        }
        let corpus = Corpus::new(&tree, &library);
        (library, corpus)
    }

    #[test]
    fn terms_lead_to_passages_names_and_paths() {
        let (library, corpus) = corpus(&[
            ("src/b.rs", "fn retry_delay() {}\n// retry"),
            ("src/a.rs", "let retry = 1;"),
            ("tests/a.rs", "retry"),
        ]);
        let term = |name: &[u8]| library.vocabulary().find(token::term(name)).expect("a known term");
        assert_eq!(corpus.holding(term(b"retry")), [(0, 1), (1, 2), (2, 1)]);
        assert_eq!(corpus.defining(term(b"retryDelay")), [(1, 1)]);
        assert_eq!(corpus.defining_with(term(b"delay")), [(1, 1)]);
        assert_eq!(corpus.on_path(token::term(b"src")).len(), 2);
        assert_eq!((corpus.named("A.rs"), corpus.find("src/b.rs"), corpus.find("b.rs")), (&[0, 2][..], Some(1), None));
        assert!(corpus.has_folder("src") && !corpus.has_folder("sr") && !corpus.has_folder("src/a.rs"));
        assert_eq!(corpus.files.iter().map(|file| file.candidate).collect::<Vec<_>>(), [true, true, false]);
    }

    #[test]
    fn nothing_and_what_is_not_held_are_files_too() {
        assert!(Corpus::new(&[], &Library::default()).files.is_empty());
        let key = BlobKey::new(&"f".repeat(40), "a.rs");
        let file = |path: &str, foreign| TreeFile { path: path.to_owned(), blob: key, foreign };
        let tree = [file("b.rs", Some(true)), file("a.rs", None), file("a.rs", None), file("vendor/c.rs", Some(false))];
        let corpus = Corpus::new(&tree, &Library::default());
        let shown: Vec<_> = corpus.files.iter().map(|file| (file.path.as_str(), file.candidate)).collect();
        assert_eq!(shown, [("a.rs", true), ("b.rs", false), ("vendor/c.rs", true)]);
    }
}
