//! From an untrusted patch to a tree in a bare repository, and what git itself says about that tree. No file of the
//! work is ever checked out, and nothing of it runs.

use std::path::Path;

use crate::engine::id::Sha;
use crate::engine::policy::{Added, Entry};
use crate::worker::Error;
use crate::worker::remote::Remote;

/// Most bytes of added lines searched for secrets; the policy's own bound on the patch is far below.
const ADDED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A tree and how it differs from the commit it stands on.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) tree: String,
    pub(crate) entries: Vec<Entry>,
    pub(crate) added: Vec<Added>,
    pub(crate) lines_added: u64,
    pub(crate) lines_removed: u64,
}

/// The paths a patch says it changes; nothing where git cannot read it. What it does change is seen once it is applied:
/// a path left out here makes it fail.
pub(crate) async fn paths(remote: &Remote<'_>, patch: &[u8]) -> Result<Option<Vec<String>>, Error> {
    let counted = remote.git(["apply", "--numstat", "-z", "-"]).input(patch).answer().await?;
    if counted.code != 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&counted.stdout);
    Ok(Some(text.split('\0').filter_map(|line| line.splitn(3, '\t').nth(2)).map(str::to_owned).collect()))
}

/// Applies a patch to a commit; the inner error is git's reason why it does not apply. Of more files than `files_max`,
/// which no policy lets through, only so many are searched for what they add.
pub(crate) async fn apply(
    remote: &Remote<'_>,
    scratch: &Path,
    foundation: &Sha,
    patch: &[u8],
    files_max: u64,
) -> Result<Result<Applied, String>, Error> {
    let index = scratch.join("index");
    remote.git(["read-tree", foundation.as_str()]).variable("GIT_INDEX_FILE", &index).run().await?;
    let applied = remote
        .git(["apply", "--cached", "--whitespace=nowarn", "-"])
        .variable("GIT_INDEX_FILE", &index)
        .input(patch)
        .answer()
        .await?;
    if applied.code != 0 {
        return Ok(Err(applied.stderr.trim().to_owned()));
    }
    let tree = remote.git(["write-tree", "--missing-ok"]).variable("GIT_INDEX_FILE", &index).run().await?.text();
    compare(remote, foundation, tree, files_max).await.map(Ok)
}

async fn compare(remote: &Remote<'_>, foundation: &Sha, tree: String, files_max: u64) -> Result<Applied, Error> {
    let raw = remote
        .git(["diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", foundation.as_str(), &tree])
        .run()
        .await?;
    let counted = remote
        .git(["diff-tree", "-r", "--numstat", "-z", "--no-renames", "--no-textconv", foundation.as_str(), &tree])
        .run()
        .await?;
    let entries = entries(&raw.stdout);
    let (lines_added, lines_removed) = lines(&counted.stdout);
    let mut added = Vec::new();
    let searched = usize::try_from(files_max).unwrap_or(usize::MAX);
    for entry in entries.iter().filter(|entry| entry.new_mode != 0).take(searched) {
        added
            .push(Added { path: entry.path.clone(), text: added_lines(remote, foundation, &tree, &entry.path).await? });
    }
    Ok(Applied { tree, entries, added, lines_added, lines_removed })
}

/// The lines a path gains; `--text` so that no attribute or odd byte hides any.
async fn added_lines(remote: &Remote<'_>, foundation: &Sha, tree: &str, path: &str) -> Result<String, Error> {
    let arguments = [
        "--literal-pathspecs",
        "diff-tree",
        "-r",
        "-p",
        "--unified=0",
        "--text",
        "--no-renames",
        "--no-textconv",
        "--no-ext-diff",
        foundation.as_str(),
        tree,
        "--",
        path,
    ];
    let shown = remote.git(arguments).output_max(ADDED_BYTES_MAX).run().await?;
    let text = String::from_utf8_lossy(&shown.stdout);
    let gained: Vec<&str> =
        text.lines().skip_while(|line| !line.starts_with("@@")).filter_map(|line| line.strip_prefix('+')).collect();
    Ok(gained.join("\n"))
}

/// Reads `diff-tree --raw -z`: `:old new oldid newid status NUL path NUL`.
fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut parts = bytes.split(|byte| *byte == 0);
    let mut entries = Vec::new();
    while let (Some(facts), Some(path)) = (parts.next(), parts.next()) {
        let facts = String::from_utf8_lossy(facts);
        let mut facts = facts.trim_start_matches(':').split(' ');
        // A mode that cannot be read becomes one that no policy lets through.
        let mut mode = || facts.next().and_then(|mode| u32::from_str_radix(mode, 8).ok()).unwrap_or(u32::MAX);
        let (old_mode, new_mode) = (mode(), mode());
        let status = facts.nth(2).and_then(|status| status.chars().next()).unwrap_or('?');
        entries.push(Entry { path: String::from_utf8_lossy(path).into_owned(), old_mode, new_mode, status });
    }
    entries
}

/// Sums `diff-tree --numstat -z`; binary files count no lines.
fn lines(bytes: &[u8]) -> (u64, u64) {
    let text = String::from_utf8_lossy(bytes);
    text.split('\0').fold((0, 0), |(added, removed), part| {
        let mut fields = part.split('\t');
        let mut count = || fields.next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        (added + count(), removed + count())
    })
}
