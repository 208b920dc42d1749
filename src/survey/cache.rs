//! A library on disk, so that the next survey reads only what is new. A file that is damaged, or of another form, is as
//! good as none.

use std::io::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::infer::document::Content;
use crate::infer::language::Language;
use crate::infer::library::{BlobKey, Kept, Library};

/// What a file begins with: its name and form. The form changes with whatever `Document::read` finds in the same bytes.
const MAGIC: &[u8; 16] = b"orch-footprint 1";
/// Bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 32;
/// Largest file read, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Reads a library; nothing where there is none that can be used.
pub fn load(path: &Path) -> Option<Library> {
    if std::fs::metadata(path).ok()?.len() > FILE_BYTES_MAX {
        return None;
    }
    decode(&std::fs::read(path).ok()?)
}

/// Writes a library beside `path` and puts it in place at once, so that nobody ever reads half of it.
pub fn save(path: &Path, library: &Library) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&encode(library))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn encode(library: &Library) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    put_length(&mut bytes, library.vocabulary().len());
    library.vocabulary().terms().iter().for_each(|term| bytes.extend(term.to_le_bytes()));
    put_length(&mut bytes, library.len());
    for (key, kept) in library.iter() {
        bytes.extend(key.hash.to_le_bytes());
        bytes.push(language_code(key.language));
        bytes.push(content_code(kept.content));
        put_counted(&mut bytes, &kept.terms);
        put_numbers(&mut bytes, &kept.ends);
        put_numbers(&mut bytes, &kept.definitions);
        put_counted(&mut bytes, &kept.definition_terms);
        put_length(&mut bytes, kept.imports.len());
        for import in &kept.imports {
            put_length(&mut bytes, import.len());
            bytes.extend(import.as_bytes());
        }
    }
    let checksum = Sha256::digest(&bytes);
    bytes.extend(checksum);
    bytes
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_numbers(bytes: &mut Vec<u8>, numbers: &[u32]) {
    put_length(bytes, numbers.len());
    numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
}

fn put_counted(bytes: &mut Vec<u8>, terms: &[(u32, u16)]) {
    put_length(bytes, terms.len());
    for (term, count) in terms {
        bytes.extend(term.to_le_bytes());
        bytes.extend(count.to_le_bytes());
    }
}

fn decode(bytes: &[u8]) -> Option<Library> {
    let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
    if Sha256::digest(body).as_slice() != checksum {
        return None;
    }
    let mut rest = Rest(body.strip_prefix(MAGIC)?);
    let terms = rest.length()?;
    let terms = rest.take(terms.checked_mul(8)?)?;
    let terms = terms.as_chunks::<8>().0.iter().map(|term| u64::from_le_bytes(*term)).collect();
    let count = rest.length()?;
    let mut documents = Vec::with_capacity(count.min(1 << 20));
    for _ in 0..count {
        let hash = u128::from_le_bytes(rest.take(16)?.try_into().ok()?);
        let language = LANGUAGES.get(usize::from(*rest.take(1)?.first()?)).copied()?;
        let content = CONTENTS.get(usize::from(*rest.take(1)?.first()?)).copied()?;
        let (terms, ends, definitions) = (rest.counted()?, rest.numbers()?, rest.numbers()?);
        let definition_terms = rest.counted()?;
        let imports = (0..rest.length()?).map(|_| rest.text()).collect::<Option<Vec<String>>>()?;
        let kept = Kept { content, terms, ends, definitions, definition_terms, imports };
        documents.push((BlobKey { hash, language }, kept));
    }
    rest.0.is_empty().then(|| Library::restore(terms, documents))
}

/// What is still to be decoded.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn length(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    }

    fn numbers(&mut self) -> Option<Vec<u32>> {
        let length = self.length()?;
        let bytes = self.take(length.checked_mul(4)?)?;
        Some(bytes.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number)).collect())
    }

    fn counted(&mut self) -> Option<Vec<(u32, u16)>> {
        let length = self.length()?;
        let bytes = self.take(length.checked_mul(6)?)?;
        let pairs = bytes.as_chunks::<6>().0.iter();
        Some(
            pairs
                .map(|[a, b, c, d, e, f]| (u32::from_le_bytes([*a, *b, *c, *d]), u16::from_le_bytes([*e, *f])))
                .collect(),
        )
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }
}

const LANGUAGES: [Language; 10] = [
    Language::Rust,
    Language::Go,
    Language::Python,
    Language::Script,
    Language::Java,
    Language::C,
    Language::Ruby,
    Language::Sharp,
    Language::Php,
    Language::Other,
];
const CONTENTS: [Content; 4] = [Content::Text, Content::Binary, Content::Generated, Content::Huge];

fn language_code(language: Language) -> u8 {
    LANGUAGES.iter().position(|known| *known == language).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn content_code(content: Content) -> u8 {
    CONTENTS.iter().position(|known| *known == content).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::document::Document;

    #[test]
    fn a_library_comes_back_whole_and_a_damaged_file_is_none() {
        let mut library = Library::default();
        for (at, (text, path)) in
            [("fn a() { retry() }\nuse x::y;", "a.rs"), ("", "b.py"), ("{}", "c.json")].iter().enumerate()
        {
            let key = BlobKey::new(&format!("{at:040x}"), path).expect("a key");
            library.insert(key, Document::read(text.as_bytes(), key.language));
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep").join("index");
        assert!(load(&path).is_none());
        save(&path, &library).expect("saved");
        let loaded = load(&path).expect("loaded");
        assert!(loaded.iter().eq(library.iter()));
        assert_eq!(loaded.vocabulary().terms(), library.vocabulary().terms());
        let mut bytes = std::fs::read(&path).expect("bytes");
        assert!(decode(&bytes[..bytes.len() - 1]).is_none());
        bytes[20] ^= 1;
        assert!(decode(&bytes).is_none());
        assert!(decode(b"").is_none());
    }
}
