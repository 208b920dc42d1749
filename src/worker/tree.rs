//! The agent's work tree. It has a `.git` of its own for the agent to use; what we learn about the tree we learn
//! through another one, so that nothing the agent does to its own changes what is seen.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::engine::brief::{Brief, Mode};
use crate::engine::id::Sha;
use crate::git;
use crate::git::command::{Invocation, Program};
use crate::worker::Error;
use crate::worker::work::Work;

/// Most changed files looked at to see progress.
const WATCHED_FILES_MAX: usize = 20_000;
/// Most bytes of a file searched for conflict markers.
const MARKED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A prepared work tree.
#[derive(Debug)]
pub(crate) struct Tree {
    git: PathBuf,
    tree: PathBuf,
    program: Program,
    /// The commit that the patch is made against: the start, or the base where the work is brought onto it.
    foundation: Sha,
    /// Files of the work that the foundation does not hold: there before set-up, and part of the patch.
    brought: BTreeSet<String>,
    /// Files that a merge left with conflicts.
    pub(crate) conflicts: Vec<String>,
}

impl Tree {
    /// Checks out the brief's start and, where the work is to be brought onto a new base, merges that in.
    pub(crate) async fn prepare(work: &Work, program: &Program, brief: &Brief) -> Result<Self, Error> {
        let foundation = if brief.mode == Mode::Rebase { &brief.base } else { &brief.start };
        let mut tree = Self {
            git: work.git(),
            tree: work.tree(),
            program: program.clone(),
            foundation: foundation.clone(),
            brought: BTreeSet::new(),
            conflicts: Vec::new(),
        };
        std::fs::create_dir_all(&tree.tree).map_err(Error::machine("making the work tree"))?;
        tree.inside(["init", "--quiet", "--template=", "--initial-branch=main", "."]).run().await?;
        tree.borrow_objects()?;
        tree.sign_commits_of_the_agent()?;
        tree.inside(["checkout", "--quiet", "-B", "work", brief.start.as_str()]).run().await?;
        if brief.mode == Mode::Rebase {
            tree.conflicts = tree.merge(&brief.base).await?;
        }
        if brief.mode == Mode::Rebase {
            tree.observe(["read-tree", tree.foundation.as_str()], "watch").run().await?;
        } else {
            // The index of a fresh checkout is the foundation, and knows each file's times: what did not change since
            // is not read again.
            tree.copy_index(&tree.tree.join(".git/index"), "watch")?;
        }
        tree.brought = tree.unknown().await?.into_iter().collect();
        Ok(tree)
    }

    /// Whose the commits are that the agent may make in its own `.git`; nothing of them is published.
    fn sign_commits_of_the_agent(&self) -> Result<(), Error> {
        use std::io::Write as _;
        let person = b"[user]\n\tname = task-orchestrator\n\temail = task-orchestrator@users.noreply.github.com\n";
        let config = std::fs::OpenOptions::new().append(true).open(self.tree.join(".git/config"));
        config.and_then(|mut config| config.write_all(person)).map_err(Error::machine("preparing the work tree"))
    }

    fn borrow_objects(&self) -> Result<(), Error> {
        let own = self.tree.join(".git");
        let mut line = self.git.join("objects").as_os_str().as_bytes().to_vec();
        line.push(b'\n');
        let borrow = || {
            std::fs::create_dir_all(own.join("objects/info"))?;
            std::fs::write(own.join("objects/info/alternates"), line)?;
            match std::fs::copy(self.git.join("shallow"), own.join("shallow")) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                Ok(_) | Err(_) => Ok(()),
            }
        };
        borrow().map_err(Error::machine("preparing the work tree"))
    }

    async fn merge(&self, base: &Sha) -> Result<Vec<String>, Error> {
        let arguments = ["merge", "--quiet", "--no-commit", "--no-ff", "--no-edit", base.as_str()];
        let merged = self.inside(arguments).answer().await?;
        if merged.code == 0 {
            return Ok(Vec::new());
        }
        let open = self.inside(["diff", "--name-only", "--diff-filter=U", "-z"]).run().await?;
        let conflicts = names(&open.stdout);
        if conflicts.is_empty() {
            let message = format!("git merge ended with {}: {}{}", merged.code, merged.text(), merged.stderr);
            return Err(git::Error::Failed { message }.into());
        }
        Ok(conflicts)
    }

    /// Where the agent works.
    pub(crate) fn path(&self) -> &Path {
        &self.tree
    }

    /// Files that the foundation does not hold and that are not ignored.
    async fn unknown(&self) -> Result<Vec<String>, Error> {
        let listed = self.observe(["ls-files", "--others", "--exclude-standard", "-z"], "watch").run().await?;
        Ok(names(&listed.stdout))
    }

    /// Leaves what set-up commands made out of the patch: files that came since the tree was prepared.
    pub(crate) async fn exclude_new(&self) -> Result<(), Error> {
        let mut patterns = String::new();
        let unknown = self.unknown().await?;
        for name in unknown.iter().filter(|name| !self.brought.contains(*name) && !name.contains('\n')) {
            let escaped: String =
                name.chars().flat_map(|c| ("\\*?[ ".contains(c)).then_some('\\').into_iter().chain([c])).collect();
            writeln!(patterns, "/{escaped}").unwrap_or_default();
        }
        let folder = self.git.join("info");
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(folder.join("exclude"), patterns))
            .map_err(Error::machine("keeping what set-up made"))
    }

    /// A digest that changes when a file of the tree does: ignored files do not count. Nothing where git could not
    /// tell.
    pub(crate) async fn digest(&self) -> Option<[u8; 32]> {
        let arguments = ["ls-files", "--modified", "--others", "--exclude-standard", "-z"];
        let listed = self.observe(arguments, "watch").answer().await.ok().filter(|listed| listed.code == 0)?;
        let mut digest = Sha256::new();
        digest.update(&listed.stdout);
        for name in names(&listed.stdout).iter().take(WATCHED_FILES_MAX) {
            if let Ok(file) = std::fs::symlink_metadata(self.tree.join(name)) {
                let changed = file.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
                digest.update(changed.unwrap_or_default().as_nanos().to_be_bytes());
                digest.update(file.len().to_be_bytes());
            }
        }
        Some(digest.finalize().into())
    }

    /// Everything that differs from the foundation, new files included and ignored ones not, as `git apply` takes it.
    pub(crate) async fn patch(&self) -> Result<Vec<u8>, Error> {
        self.copy_index(&self.index("watch"), "patch")?;
        self.observe(["add", "--all", "."], "patch").run().await?;
        let arguments = [
            "diff",
            "--cached",
            "--binary",
            "--full-index",
            "--no-renames",
            "--no-textconv",
            "--no-ext-diff",
            "--no-color",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            self.foundation.as_str(),
        ];
        Ok(self.observe(arguments, "patch").run().await?.stdout)
    }

    /// Files that had conflicts and still hold their markers.
    pub(crate) fn marked(&self) -> Vec<String> {
        let marked = |name: &&String| {
            let path = self.tree.join(name.as_str());
            let plain =
                std::fs::symlink_metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= MARKED_BYTES_MAX);
            let text = if plain { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
            text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"<<<<<<< ") || line.starts_with(b">>>>>>> "))
        };
        self.conflicts.iter().filter(marked).cloned().collect()
    }

    /// A command in the tree, on its own `.git`.
    fn inside<const N: usize>(&self, arguments: [&str; N]) -> Invocation<'_> {
        self.program.command(&self.tree, arguments)
    }

    /// A command on the tree by our own repository and an index of that name.
    fn observe<const N: usize>(&self, arguments: [&str; N], index: &str) -> Invocation<'_> {
        self.program
            .command(&self.tree, arguments)
            .variable("GIT_NO_LAZY_FETCH", "1")
            .variable("GIT_DIR", &self.git)
            .variable("GIT_WORK_TREE", &self.tree)
            .variable("GIT_INDEX_FILE", self.index(index))
    }

    /// Where an index of ours is.
    fn index(&self, name: &str) -> PathBuf {
        self.git.join(format!("index-{name}"))
    }

    /// Copies an index with its time: git reads a file again that changed in the very second its index was written, and
    /// a younger copy would hide that it did.
    fn copy_index(&self, from: &Path, to: &str) -> Result<(), Error> {
        let to = self.index(to);
        let copy = || {
            let written = std::fs::metadata(from)?.modified()?;
            std::fs::copy(from, &to)?;
            std::fs::File::options().append(true).open(&to)?.set_modified(written)
        };
        copy().map_err(Error::machine("copying an index of the work tree"))
    }
}

fn names(bytes: &[u8]) -> Vec<String> {
    let texts = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    texts.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}
