//! What a repository holds at a commit, and what its log says, read from the object database alone: no work tree, no
//! filter, nothing fetched. What is not there (a blobless or shallow clone) is told as missing, not as an error.

use std::path::Path;

use crate::git::Error;
use crate::git::command::Program;

/// Most bytes of a listing or log.
const LISTING_BYTES_MAX: usize = 512 * 1024 * 1024;

/// What a tree's entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A symbolic link.
    Link,
    /// Another repository's commit.
    Submodule,
}

/// One entry of a commit's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path; bytes that are no UTF-8 are replaced.
    pub path: String,
    /// Its object's hash.
    pub hash: String,
    /// What it is.
    pub kind: Kind,
}

/// One commit of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logged {
    /// Its hash.
    pub hash: String,
    /// The commit it was made upon; nothing for the first one, or where the history was cut off.
    pub parent: Option<String>,
    /// Its message, whole.
    pub message: String,
    /// The paths it changed.
    pub files: Vec<String>,
}

/// The commit that a name means (`HEAD`, a branch, a hash); nothing where there is none, as before the first commit.
pub async fn resolve(program: &Program, directory: &Path, name: &str) -> Result<Option<String>, Error> {
    let wanted = format!("{name}^{{commit}}");
    let found = program.command(directory, ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]);
    let found = found.variable("GIT_NO_LAZY_FETCH", "1").answer().await?;
    match found.code {
        0 => Ok(Some(found.text())),
        1 => Ok(None),
        code => Err(Error::Failed { message: format!("git rev-parse ended with {code}: {}", found.stderr.trim()) }),
    }
}

/// Whether the history was cut off when the repository was cloned.
pub async fn is_shallow(program: &Program, directory: &Path) -> Result<bool, Error> {
    let said = program.command(directory, ["rev-parse", "--is-shallow-repository"]).run().await?;
    Ok(said.text() == "true")
}

/// All entries of a commit's tree, in git's order. Their sizes are asked for apart: git has to open each object for its
/// size, and a new commit has few that are not known.
pub async fn list(program: &Program, directory: &Path, commit: &str) -> Result<Vec<Entry>, Error> {
    let arguments = ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit];
    let listed = program.command(directory, arguments).variable("GIT_NO_LAZY_FETCH", "1");
    let listed = listed.output_max(LISTING_BYTES_MAX).run().await?;
    Ok(listed.stdout.split(|byte| *byte == 0).filter_map(entry).collect())
}

fn entry(line: &[u8]) -> Option<Entry> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let head = std::str::from_utf8(&line[..tab]).ok()?;
    let mut words = head.split_whitespace();
    let (mode, _, hash) = (words.next()?, words.next()?, words.next()?);
    let kind = match mode {
        "160000" => Kind::Submodule,
        "120000" => Kind::Link,
        _ => Kind::File,
    };
    let path = String::from_utf8_lossy(&line[tab + 1..]).into_owned();
    Some(Entry { path, hash: hash.to_owned(), kind })
}

/// The sizes of objects in bytes, in the order asked for; nothing for one that is not here.
pub async fn sizes(program: &Program, directory: &Path, hashes: &[String]) -> Result<Vec<Option<u64>>, Error> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let mut asked = hashes.join("\n").into_bytes();
    asked.push(b'\n');
    let answer = program.command(directory, ["cat-file", "--batch-check=%(objectsize)"]);
    let answer = answer.variable("GIT_NO_LAZY_FETCH", "1").input(asked).output_max(LISTING_BYTES_MAX).run().await?;
    let mut lines = answer.stdout.split(|byte| *byte == b'\n');
    let size = |line: &[u8]| std::str::from_utf8(line).ok()?.parse().ok();
    Ok(hashes.iter().map(|_| lines.next().and_then(size)).collect())
}

/// The contents of objects, in the order asked for; nothing for one that is not here. `most` bounds all bytes together.
pub async fn contents(
    program: &Program,
    directory: &Path,
    hashes: &[String],
    most: usize,
) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let mut asked = hashes.join("\n").into_bytes();
    asked.push(b'\n');
    let answer = program.command(directory, ["cat-file", "--batch"]).variable("GIT_NO_LAZY_FETCH", "1");
    let answer = answer.input(asked).output_max(most).run().await?;
    let mut rest = answer.stdout.as_slice();
    let mut found = Vec::with_capacity(hashes.len());
    for _ in hashes {
        found.push(object(&mut rest).map(<[u8]>::to_vec));
    }
    Ok(found)
}

/// Takes one answer of `cat-file --batch` off the front.
fn object<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&rest[..end]).unwrap_or("");
    *rest = &rest[end + 1..];
    let mut words = head.split(' ').skip(1);
    let (kind, size) = (words.next()?, words.next()?.parse::<usize>().ok()?);
    let bytes = rest.get(..size)?;
    *rest = rest.get(size + 1..).unwrap_or_default();
    (kind == "blob").then_some(bytes)
}

/// The newest `most` commits of a commit's first-parent line, newest first, with the paths each changed. `known`:
/// neither this commit nor what it came from.
pub async fn log(
    program: &Program,
    directory: &Path,
    commit: &str,
    most: usize,
    known: Option<&str>,
) -> Result<Vec<Logged>, Error> {
    let count = format!("--max-count={most}");
    let excluded = known.map(|known| format!("^{known}"));
    let arguments = [
        "log",
        "--first-parent",
        "--diff-merges=first-parent",
        "--no-renames",
        "--name-only",
        "--no-show-signature",
        "-z",
        "--format=%x01%H %P%x02%B%x03",
        &count,
        "--end-of-options",
        commit,
    ];
    let arguments = arguments.into_iter().chain(excluded.as_deref()).chain(["--"]);
    let logged = program.command(directory, arguments).variable("GIT_NO_LAZY_FETCH", "1");
    let logged = logged.output_max(LISTING_BYTES_MAX).run().await?;
    Ok(parse_log(&logged.stdout))
}

fn parse_log(bytes: &[u8]) -> Vec<Logged> {
    let mut found: Vec<Logged> = Vec::new();
    for piece in bytes.split(|byte| *byte == 0) {
        let piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        match head(piece) {
            Some(logged) => found.push(logged),
            None if piece.is_empty() => {}
            None => {
                let path = String::from_utf8_lossy(piece).into_owned();
                if let Some(last) = found.last_mut() {
                    last.files.push(path);
                }
            }
        }
    }
    found
}

fn head(piece: &[u8]) -> Option<Logged> {
    let rest = piece.strip_prefix(b"\x01")?;
    let end = rest.iter().position(|byte| *byte == 2)?;
    let mut hashes = std::str::from_utf8(&rest[..end]).ok()?.split(' ').filter(|hash| !hash.is_empty());
    let hash = hashes.next().filter(|hash| hash.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let message = rest[end + 1..].strip_suffix(b"\x03")?;
    Some(Logged {
        hash: hash.to_owned(),
        parent: hashes.next().map(str::to_owned),
        message: String::from_utf8_lossy(message).trim().to_owned(),
        files: Vec::new(),
    })
}
