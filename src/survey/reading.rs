//! Reading what a library does not hold yet: which files are worth it, and their contents on all cores.

use std::path::Path;

use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::git::Error;
use crate::git::command::Program;
use crate::git::tree::{self, Entry, Kind};
use crate::infer::corpus::TreeFile;
use crate::infer::document::{CONTENT_BYTES_MAX, Content, Document};
use crate::infer::language::{self, Language, Role};
use crate::infer::library::{BlobKey, Library};

/// Largest file of no known language whose contents are read: what is larger is data.
pub(super) const OTHER_BYTES_MAX: u64 = 128 * 1024;
/// Bytes read by one git process.
const BATCH_BYTES: u64 = 2 * 1024 * 1024;
/// Files read by one git process.
const BATCH_FILES: usize = 2_000;
/// Most bytes one git process may answer with: a batch, its last file, and the lines between.
pub(super) const BATCH_OUTPUT_MAX: usize = 64 * 1024 * 1024;
/// Most bytes of contents indexed in one survey, so that no repository exhausts the memory.
const SURVEY_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    /// Files.
    pub(super) files: usize,
    /// Bytes.
    pub(super) bytes: u64,
    /// What was not, for people.
    pub(super) notes: Vec<String>,
}

/// A blob to be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    key: BlobKey,
    hash: String,
    size: u64,
}

/// Brings the contents of a tree's files into the library. Their order there depends on the tree alone.
pub(super) async fn read(
    program: &Program,
    directory: &Path,
    entries: &[Entry],
    files: &[TreeFile],
    library: &mut Library,
) -> Result<Read, Error> {
    let mut read = Read::default();
    let unknown = unknown(entries, files, library);
    let hashes: Vec<String> = unknown.iter().map(|(entry, _)| entry.hash.clone()).collect();
    let sizes = tree::sizes(program, directory, &hashes).await?;
    let wanted = choose(&unknown, &sizes, library, &mut read);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let batches = futures_util::stream::iter(batches(&wanted))
        .map(|batch| analysed(program, directory, batch))
        .buffered(threads + 1);
    let documents: Vec<Vec<(BlobKey, Option<Document>)>> = batches.try_collect().await?;
    let mut missing = 0_usize;
    for (key, document) in documents.into_iter().flatten() {
        match document {
            Some(document) => library.insert(key, document),
            None => missing += 1,
        }
    }
    if missing > 0 {
        read.notes.push(format!("the contents of {missing} files are not in this clone; they are known by path only"));
    }
    Ok(read)
}

/// The files worth reading whose blob the library does not hold.
fn unknown<'t>(entries: &'t [Entry], files: &'t [TreeFile], library: &Library) -> Vec<(&'t Entry, BlobKey)> {
    let mut unknown = Vec::new();
    for (entry, file) in entries.iter().zip(files) {
        let Some(key) = file.blob.filter(|key| !library.contains(key)) else { continue };
        let role = if file.foreign == Some(true) { Role::Vendored } else { Role::of(&entry.path) };
        let foreign = role == Role::Vendored && file.foreign != Some(false);
        if entry.kind == Kind::File && !foreign && matches!(role, Role::Source | Role::Vendored) {
            unknown.push((entry, key));
        }
    }
    unknown
}

/// Which of them are read, each once; the library is told of those that are not text by name or size.
fn choose(unknown: &[(&Entry, BlobKey)], sizes: &[Option<u64>], library: &mut Library, read: &mut Read) -> Vec<Wanted> {
    let (mut wanted, mut huge, mut beyond) = (Vec::new(), 0_usize, 0_usize);
    for ((entry, key), size) in unknown.iter().zip(sizes) {
        let (key, size) = (*key, size.unwrap_or(0));
        let most = if key.language == Language::Other { OTHER_BYTES_MAX } else { CONTENT_BYTES_MAX as u64 };
        if language::is_binary_name(&entry.path) {
            library.insert(key, Document::unread(Content::Binary));
        } else if size > most {
            huge += 1;
            library.insert(key, Document::unread(Content::Huge));
        } else if read.bytes + size > SURVEY_BYTES_MAX {
            beyond += 1;
        } else {
            read.bytes += size;
            wanted.push(Wanted { key, hash: entry.hash.clone(), size });
        }
    }
    wanted.sort_unstable();
    wanted.dedup_by(|a, b| a.key == b.key);
    read.files = wanted.len();
    if huge > 0 {
        read.notes.push(format!("{huge} files are too large to be people's text; they are known by path only"));
    }
    if beyond > 0 {
        read.notes.push(format!("{beyond} files lie beyond the first GiB of source; they are known by path only"));
    }
    wanted
}

/// Cuts what is wanted into pieces for one git process each.
fn batches(wanted: &[Wanted]) -> Vec<Vec<Wanted>> {
    let mut batches: Vec<Vec<Wanted>> = Vec::new();
    let mut bytes = 0;
    for blob in wanted {
        match batches.last_mut() {
            Some(last) if bytes + blob.size <= BATCH_BYTES && last.len() < BATCH_FILES => last.push(blob.clone()),
            _ => {
                batches.push(vec![blob.clone()]);
                bytes = 0;
            }
        }
        bytes += blob.size;
    }
    batches
}

async fn analysed(
    program: &Program,
    directory: &Path,
    batch: Vec<Wanted>,
) -> Result<Vec<(BlobKey, Option<Document>)>, Error> {
    let hashes: Vec<String> = batch.iter().map(|blob| blob.hash.clone()).collect();
    let contents = tree::contents(program, directory, &hashes, BATCH_OUTPUT_MAX).await?;
    let analyse = move || {
        let documents = batch
            .iter()
            .zip(contents)
            .map(|(blob, bytes)| (blob.key, bytes.map(|bytes| Document::read(&bytes, blob.key.language))));
        documents.collect()
    };
    let done = tokio::task::spawn_blocking(analyse).await;
    done.map_err(|error| Error::Failed { message: format!("contents cannot be analysed: {error}") })
}
