//! Objects of the repository: files, trees and commits, written without a checkout and read by name.

use std::collections::BTreeMap;
use std::path::Path;

use crate::engine::id::Sha;
use crate::engine::time::Timestamp;
use crate::forge::repository::{Error, Repository, command, is_sha};

/// The name under which the forge commits.
const IDENTITY_NAME: &str = "task-orchestrator[bot]";
/// Its address.
const IDENTITY_EMAIL: &str = "task-orchestrator[bot]@users.noreply.localhost";

/// What a new tree says about one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// The path, with `/` between its parts.
    pub path: String,
    /// Git's mode (`100644`, `100755`, `120000`).
    pub mode: String,
    /// What stands there.
    pub content: TreeContent,
}

/// What a new tree puts at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeContent {
    /// These bytes.
    Bytes(Vec<u8>),
    /// An object that exists already.
    Object(Sha),
    /// Nothing: the path goes.
    Gone,
}

/// What a commit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitFacts {
    /// Its name.
    pub sha: Sha,
    /// Its tree.
    pub tree: Sha,
    /// Its parents, first parent first.
    pub parents: Vec<Sha>,
    /// Who wrote it, by name.
    pub author_name: String,
    /// And address.
    pub author_email: String,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// Its message.
    pub message: String,
}

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeItem {
    /// Its name in the folder.
    pub path: String,
    /// Git's mode, six digits.
    pub mode: String,
    /// `blob`, `tree` or `commit`.
    pub kind: String,
    /// Its object name.
    pub name: Sha,
}

impl Repository {
    /// The bytes of a file at a commit, branch or ref; nothing where there is none.
    pub async fn file(&self, reference: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.file_name(reference, path).await? {
            Some(blob) => self.blob(&blob).await,
            None => Ok(None),
        }
    }

    /// The object name of a file at a commit, branch or ref.
    pub async fn file_name(&self, reference: &str, path: &str) -> Result<Option<Sha>, Error> {
        let Some(commit) = self.resolve(reference).await? else { return Ok(None) };
        let spelled = format!("{commit}:{path}");
        Ok(self.reader.info(self.git_dir(), &spelled).await?.map(|object| object.name))
    }

    /// A file's bytes by its object name; nothing where it is no file.
    pub async fn blob(&self, name: &Sha) -> Result<Option<Vec<u8>>, Error> {
        if !is_sha(name.as_str()) {
            return Ok(None);
        }
        let object = self.reader.contents(self.git_dir(), name.as_str()).await?;
        Ok(object.filter(|object| object.kind == "blob").map(|object| object.bytes))
    }

    /// Stores a file's bytes.
    pub async fn write_blob(&self, content: &[u8]) -> Result<Sha, Error> {
        let output = self.git_with_input(&["hash-object", "-w", "--stdin"], content).await?.ok("hash-object")?;
        Ok(Sha::new(output.line()))
    }

    /// Stores the bytes among these entries by one process, however many they are; their names, in order.
    async fn write_blobs(&self, scratch: &ScratchIndex, entries: &[TreeEntry]) -> Result<Vec<String>, Error> {
        let mut paths = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            if let TreeContent::Bytes(content) = &entry.content {
                let path = scratch.folder.join(number.to_string());
                let failed =
                    |error: std::io::Error| Error::Failed { verb: "blob".to_owned(), message: error.to_string() };
                tokio::fs::write(&path, content).await.map_err(failed)?;
                paths.extend_from_slice(path.as_os_str().as_encoded_bytes());
                paths.push(b'\n');
            }
        }
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let arguments = ["hash-object", "-w", "--no-filters", "--stdin-paths"];
        let output = self.git_with_input(&arguments, &paths).await?.ok("hash-object")?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned).collect())
    }

    /// The tree with these entries put on top of `base` (a tree or commit), or on nothing. A path that cannot stand in
    /// a tree is [`Error::Failed`].
    pub async fn write_tree(&self, base: Option<&Sha>, entries: &[TreeEntry]) -> Result<Sha, Error> {
        let index = ScratchIndex::new(self.git_dir())?;
        if let Some(base) = base {
            self.with_index(&index, &["read-tree", "--end-of-options", base.as_str()], b"").await?.ok("read-tree")?;
        }
        let mut blobs = self.write_blobs(&index, entries).await?.into_iter();
        let mut lines = Vec::new();
        for entry in entries {
            let line = match &entry.content {
                TreeContent::Bytes(_) => {
                    let missing =
                        || Error::Failed { verb: "hash-object".to_owned(), message: "a name less".to_owned() };
                    format!("{} {}\t{}", entry.mode, blobs.next().ok_or_else(missing)?, entry.path)
                }
                TreeContent::Object(name) => format!("{} {name}\t{}", entry.mode, entry.path),
                TreeContent::Gone => format!("0 {}\t{}", crate::forge::repository::NO_COMMIT, entry.path),
            };
            lines.extend_from_slice(line.as_bytes());
            lines.push(0);
        }
        let output =
            self.with_index(&index, &["update-index", "-z", "--index-info"], &lines).await?.ok("update-index")?;
        // Git passes over a path such as `../x` with a word on standard error and a good exit code.
        if output.stderr.contains("Ignoring path") {
            return Err(Error::Failed { verb: "update-index".to_owned(), message: output.stderr.trim().to_owned() });
        }
        let output = self.with_index(&index, &["write-tree"], b"").await?.ok("write-tree")?;
        Ok(Sha::new(output.line()))
    }

    /// Makes a commit that no branch names yet.
    pub async fn write_commit(&self, message: &str, tree: &Sha, parents: &[Sha]) -> Result<Sha, Error> {
        let mut git = command::isolated();
        git.env("GIT_AUTHOR_NAME", IDENTITY_NAME).env("GIT_AUTHOR_EMAIL", IDENTITY_EMAIL);
        git.env("GIT_COMMITTER_NAME", IDENTITY_NAME).env("GIT_COMMITTER_EMAIL", IDENTITY_EMAIL);
        git.arg("--git-dir").arg(self.git_dir()).args(["commit-tree", "-F", "-"]);
        for parent in parents {
            git.args(["-p", parent.as_str()]);
        }
        git.arg(tree.as_str());
        let output = command::run(git, "commit-tree", message.as_bytes()).await?.ok("commit-tree")?;
        Ok(Sha::new(output.line()))
    }

    /// The texts of the files that lie directly in a folder at a commit, by name; nothing in place of a text where one
    /// is not UTF-8. No such folder: no files; no such commit: nothing.
    pub async fn folder(&self, commit: &Sha, path: &str) -> Result<Option<BTreeMap<String, Option<String>>>, Error> {
        let Some(root) = self.tree(commit).await? else { return Ok(None) };
        let spelled = format!("{root}:{path}");
        let Some(tree) = self.reader.info(self.git_dir(), &spelled).await?.filter(|found| found.kind == "tree") else {
            return Ok(Some(BTreeMap::new()));
        };
        let listed = self.git(&["ls-tree", "-z", "--end-of-options", tree.name.as_str()]).await?.ok("ls-tree")?;
        let mut files = BTreeMap::new();
        for line in String::from_utf8_lossy(&listed.stdout).split('\0') {
            let Some((facts, name)) = line.split_once('\t') else { continue };
            let mut facts = facts.split(' ').skip(1);
            let (Some("blob"), Some(blob)) = (facts.next(), facts.next()) else { continue };
            let bytes = self.blob(&Sha::new(blob)).await?;
            files.insert(name.to_owned(), bytes.and_then(|bytes| String::from_utf8(bytes).ok()));
        }
        Ok(Some(files))
    }

    /// A commit by its full name.
    pub async fn commit(&self, sha: &Sha) -> Result<Option<CommitFacts>, Error> {
        if !is_sha(sha.as_str()) {
            return Ok(None);
        }
        let spelled = format!("{sha}^{{commit}}");
        let object = self.reader.contents(self.git_dir(), &spelled).await?;
        Ok(object.map(|object| read_commit(object.name, &object.bytes)))
    }

    /// The tree of a commit, or the tree itself.
    pub async fn tree(&self, name: &Sha) -> Result<Option<Sha>, Error> {
        if !is_sha(name.as_str()) {
            return Ok(None);
        }
        let spelled = format!("{name}^{{tree}}");
        Ok(self.reader.info(self.git_dir(), &spelled).await?.map(|object| object.name))
    }

    /// What lies in the tree of a branch, commit or tree, folders not opened, with the tree's own name; nothing where
    /// there is no such thing.
    pub async fn tree_items(&self, reference: &str) -> Result<Option<(Sha, Vec<TreeItem>)>, Error> {
        let named = if is_sha(reference) { Some(Sha::new(reference)) } else { self.resolve(reference).await? };
        let Some(name) = named else { return Ok(None) };
        let Some(tree) = self.tree(&name).await? else { return Ok(None) };
        let output = self.git(&["ls-tree", "-z", tree.as_str()]).await?.ok("ls-tree")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let item = |line: &str| {
            let (facts, path) = line.split_once('\t')?;
            let mut facts = facts.split(' ').map(str::to_owned);
            let (mode, kind, name) = (facts.next()?, facts.next()?, Sha::new(facts.next()?));
            Some(TreeItem { path: path.to_owned(), mode, kind, name })
        };
        Ok(Some((tree, text.split('\0').filter_map(item).collect())))
    }

    /// Fills an empty folder with the files of a tree or commit. No filter, hook or setting of the repository's content
    /// runs.
    pub async fn export(&self, tree: &Sha, folder: &Path) -> Result<(), Error> {
        let index = ScratchIndex::new(self.git_dir())?;
        self.with_index(&index, &["read-tree", "--end-of-options", tree.as_str()], b"").await?.ok("read-tree")?;
        let prefix = format!("--prefix={}/", folder.display());
        let git_dir = self.git_dir().display().to_string();
        let work_tree = folder.display().to_string();
        let mut git = command::isolated();
        git.args(["--git-dir", &git_dir, "--work-tree", &work_tree, "-c", "core.bare=false"]);
        git.args(["checkout-index", "--all", "--force", "--quiet", &prefix]).env("GIT_INDEX_FILE", index.path());
        command::run(git, "checkout-index", b"").await?.ok("checkout-index")?;
        Ok(())
    }

    async fn with_index(
        &self,
        index: &ScratchIndex,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<command::Output, Error> {
        let mut git = command::isolated();
        git.arg("--git-dir").arg(self.git_dir()).args(arguments).env("GIT_INDEX_FILE", index.path());
        command::run(git, arguments[0], input).await
    }
}

/// Reads a commit as git stores it: header lines, an empty line, the message.
fn read_commit(sha: Sha, bytes: &[u8]) -> CommitFacts {
    let text = String::from_utf8_lossy(bytes);
    let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let values = |name: &'static str| {
        head.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned)
    };
    let one = |name| values(name).next().unwrap_or_default();
    let (author_name, author_email, _) = read_person(&one("author"));
    let (_, _, committed_at) = read_person(&one("committer"));
    CommitFacts {
        sha,
        tree: Sha::new(one("tree")),
        parents: values("parent").map(Sha::new).collect(),
        author_name,
        author_email,
        committed_at,
        message: message.trim_end().to_owned(),
    }
}

/// `Name <address> seconds zone`: name, address and moment.
fn read_person(line: &str) -> (String, String, Timestamp) {
    let (name, rest) = line.split_once('<').unwrap_or((line, ""));
    let (email, moment) = rest.rsplit_once('>').unwrap_or((rest, ""));
    let seconds: i64 = moment.split_whitespace().next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
    (name.trim_end().to_owned(), email.to_owned(), Timestamp(seconds.saturating_mul(1000)))
}

/// An index file of one operation, gone with it.
struct ScratchIndex {
    folder: std::path::PathBuf,
}

impl ScratchIndex {
    fn new(git_dir: &Path) -> Result<Self, Error> {
        let failed = |message: String| Error::Failed { verb: "index".to_owned(), message };
        let nonce = getrandom::u64().map_err(|error| failed(error.to_string()))?;
        let folder = git_dir.join("scratch").join(format!("{nonce:016x}"));
        std::fs::create_dir_all(&folder).map_err(|error| failed(error.to_string()))?;
        Ok(Self { folder })
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.join("index")
    }
}

impl Drop for ScratchIndex {
    fn drop(&mut self) {
        // A folder left behind costs a few bytes and is never read.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
