//! The documents of a repository, kept by blob, with their terms numbered: what a new commit does not have to read
//! again.

use std::collections::BTreeMap;

use crate::infer::document::{Content, Document};
use crate::infer::language::Language;
use crate::infer::token::Term;

/// A blob as one language reads it: the first 128 bits of its hash, which is far beyond chance meetings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobKey {
    /// The beginning of the blob's hash.
    pub hash: u128,
    /// The language it is read as.
    pub language: Language,
}

impl BlobKey {
    /// By the hash as git prints it (40 or 64 hexadecimal digits) and the file's path.
    pub fn new(hash: &str, path: &str) -> Option<Self> {
        let hash = u128::from_str_radix(hash.get(..32)?, 16).ok()?;
        Some(Self { hash, language: Language::of(path) })
    }
}

/// A term's number within a library.
pub type TermId = u32;

/// Numbers terms: a table with open addressing over hashes that are already spread, so that a term costs one look.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    terms: Vec<Term>,
    /// Number plus one by place; 0 is free. Its length is a power of two.
    table: Vec<u32>,
}

impl Vocabulary {
    /// How many terms there are.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// All terms by number.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// A term's number, if it was ever seen.
    pub fn find(&self, term: Term) -> Option<TermId> {
        if self.table.is_empty() {
            return None;
        }
        match self.table[self.place(term)] {
            0 => None,
            number => Some(number - 1),
        }
    }

    /// A term's number, given now where it is new.
    pub fn number(&mut self, term: Term) -> TermId {
        if self.terms.len() * 2 >= self.table.len() {
            self.grow();
        }
        let place = self.place(term);
        if self.table[place] == 0 {
            self.terms.push(term);
            self.table[place] = u32::try_from(self.terms.len()).unwrap_or(u32::MAX);
        }
        self.table[place] - 1
    }

    /// Where a term stands or would stand.
    fn place(&self, term: Term) -> usize {
        let mask = self.table.len() - 1;
        // The high half is the better mixed one.
        let mut place = usize::try_from((term ^ (term >> 32)) & u64::from(u32::MAX)).unwrap_or(0) & mask;
        loop {
            match self.table[place] {
                0 => return place,
                number if self.terms[number as usize - 1] == term => return place,
                _ => place = (place + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        self.table = vec![0; (self.table.len() * 2).max(1024)];
        for at in 0..self.terms.len() {
            let place = self.place(self.terms[at]);
            self.table[place] = u32::try_from(at + 1).unwrap_or(u32::MAX);
        }
    }
}

/// A document as a library keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// What the contents are.
    pub content: Content,
    /// Terms and counts of all passages, one after the other.
    pub terms: Vec<(TermId, u16)>,
    /// Where each passage ends in `terms`.
    pub ends: Vec<u32>,
    /// Names that the file defines, by number, sorted.
    pub definitions: Vec<TermId>,
    /// The terms of those names with their counts.
    pub definition_terms: Vec<(TermId, u16)>,
    /// What it imports.
    pub imports: Vec<String>,
}

impl Kept {
    /// The terms of each passage, in order.
    pub fn passages(&self) -> impl Iterator<Item = &[(TermId, u16)]> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|end| *end as usize));
        starts.zip(&self.ends).map(|(start, end)| self.terms.get(start..*end as usize).unwrap_or_default())
    }
}

/// Documents by blob.
#[derive(Clone, Debug, Default)]
pub struct Library {
    vocabulary: Vocabulary,
    places: BTreeMap<BlobKey, u32>,
    documents: Vec<Kept>,
}

impl Library {
    /// Its terms.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Whether a blob is here.
    pub fn contains(&self, key: &BlobKey) -> bool {
        self.places.contains_key(key)
    }

    /// A blob's document.
    pub fn get(&self, key: &BlobKey) -> Option<&Kept> {
        self.places.get(key).and_then(|place| self.documents.get(*place as usize))
    }

    /// All documents with their keys, in the keys' order.
    pub fn iter(&self) -> impl Iterator<Item = (&BlobKey, &Kept)> {
        self.places.iter().filter_map(|(key, place)| Some((key, self.documents.get(*place as usize)?)))
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Keeps a document. One that is here already stays.
    pub fn insert(&mut self, key: BlobKey, document: Document) {
        if self.contains(&key) {
            return;
        }
        let mut terms = Vec::with_capacity(document.passages.iter().map(Vec::len).sum());
        let mut ends = Vec::with_capacity(document.passages.len());
        for passage in document.passages {
            terms.extend(passage.into_iter().map(|(term, count)| (self.vocabulary.number(term), count)));
            ends.push(u32::try_from(terms.len()).unwrap_or(u32::MAX));
        }
        let mut definitions: Vec<TermId> =
            document.definitions.into_iter().map(|term| self.vocabulary.number(term)).collect();
        definitions.sort_unstable();
        let definition_terms =
            document.definition_terms.into_iter().map(|(term, count)| (self.vocabulary.number(term), count)).collect();
        let (content, imports) = (document.content, document.imports);
        let kept = Kept { content, terms, ends, definitions, definition_terms, imports };
        self.places.insert(key, u32::try_from(self.documents.len()).unwrap_or(u32::MAX));
        self.documents.push(kept);
    }

    /// Puts back what was read from a cache: terms by number, and documents over those numbers. Documents that speak
    /// of a number beyond the terms are left out.
    pub fn restore(terms: Vec<Term>, documents: Vec<(BlobKey, Kept)>) -> Self {
        let mut library = Self::default();
        for term in terms {
            library.vocabulary.number(term);
        }
        let known = u32::try_from(library.vocabulary.len()).unwrap_or(u32::MAX);
        for (key, kept) in documents {
            let fits = kept.terms.iter().all(|(term, _)| *term < known)
                && kept.definitions.iter().all(|term| *term < known)
                && kept.definition_terms.iter().all(|(term, _)| *term < known)
                && kept.ends.iter().all(|end| *end as usize <= kept.terms.len());
            if fits && !library.contains(&key) {
                library.places.insert(key, u32::try_from(library.documents.len()).unwrap_or(u32::MAX));
                library.documents.push(kept);
            }
        }
        library
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::token::term;

    #[test]
    fn numbers_stay() {
        let mut vocabulary = Vocabulary::default();
        let numbers: Vec<_> = (0..5000_u32).map(|n| vocabulary.number(term(n.to_string().as_bytes()))).collect();
        assert_eq!(numbers, (0..5000).collect::<Vec<_>>());
        assert_eq!(vocabulary.find(term(b"4711")), Some(4711));
        assert_eq!(vocabulary.find(term(b"absent")), None);
    }

    #[test]
    fn documents_are_kept_once_by_blob_and_language() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let key = BlobKey::new(hash, "a.rs").expect("a key");
        let mut library = Library::default();
        library.insert(key, Document::read(b"fn retry_delay() {}", Language::Rust));
        library.insert(key, Document::default());
        assert_eq!((library.len(), library.get(&key).map(|kept| kept.definitions.len())), (1, Some(1)));
        assert!(!library.contains(&BlobKey::new(hash, "a.py").expect("a key")));
        assert_eq!(BlobKey::new("xyz", "a.py"), None);
    }
}
