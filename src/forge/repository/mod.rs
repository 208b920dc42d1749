//! The forge's bare git repository, worked by the git program alone: never a checkout, never a hook, never a write to
//! the repository it was cloned from. Branch names come without `refs/heads/`. Its refs are the truth about branches.

mod command;
mod leftovers;
mod merge;
mod object;
mod reader;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub use command::Error;
pub use merge::MergeOutcome;
pub use object::{CommitFacts, TreeContent, TreeEntry, TreeItem};

use crate::engine::id::Sha;

/// What git writes where no commit is.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// A bare repository on disk.
#[derive(Debug)]
pub struct Repository {
    git_dir: PathBuf,
    reader: reader::Reader,
    mergeable: Kept<bool>,
    between: Kept<u64>,
    changed: Kept<Vec<(u64, u64, String)>>,
}

/// Answers about pairs of commits, which never change.
type Kept<T> = Mutex<BTreeMap<(Sha, Sha), T>>;

/// Answers of one kind that are kept; when full, all are forgotten and asked again.
const KEPT_MAX: usize = 4096;

/// The answer that is kept for a pair.
fn known<T: Clone>(kept: &Kept<T>, pair: &(Sha, Sha)) -> Option<T> {
    kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(pair).cloned()
}

/// Keeps an answer and gives it.
fn keep<T: Clone>(kept: &Kept<T>, pair: (Sha, Sha), answer: T) -> T {
    let mut kept = kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if kept.len() >= KEPT_MAX {
        kept.clear();
    }
    kept.insert(pair, answer.clone());
    answer
}

/// How a move of a branch went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The branch is where it was asked to be.
    Done,
    /// It was elsewhere; nothing changed.
    Elsewhere {
        /// Where it is.
        found: Option<Sha>,
    },
    /// The name or the commit cannot be used; nothing changed.
    Refused {
        /// Why.
        message: String,
    },
}

impl Repository {
    /// Opens a bare repository made by [`Repository::clone_from`]; nothing where there is none yet. What killed
    /// processes left half done is removed, so nobody else may be at work in it.
    pub fn open(git_dir: &Path) -> Option<Self> {
        if !git_dir.join("HEAD").is_file() {
            return None;
        }
        leftovers::remove(git_dir);
        Some(Self::at(git_dir))
    }

    /// Clones the branch that is checked out in `source`, bare, and gives the repository and that branch's name. The
    /// source is only read. An interrupted clone leaves nothing at `git_dir`.
    pub async fn clone_from(source: &Path, git_dir: &Path) -> Result<(Self, String), Error> {
        let branch = checked_out_branch(source).await?;
        let unfinished = git_dir.with_extension("unfinished");
        let storage = |error: std::io::Error| Error::Source {
            message: format!("{} cannot be written: {error}", unfinished.display()),
        };
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished).map_err(storage)?;
        }
        let mut clone = with_the_users_settings();
        clone
            .args(["clone", "--quiet", "--bare", "--single-branch", "--no-tags", "--template=", "--branch", &branch])
            .arg("--")
            .arg(source)
            .arg(&unfinished);
        command::run(clone, "clone", b"").await?.ok("clone")?;
        for arguments in [
            &["remote", "remove", "origin"][..],
            &["config", "http.receivepack", "true"],
            &["config", "uploadpack.allowReachableSHA1InWant", "true"],
            &["config", "uploadpack.allowAnySHA1InWant", "true"],
            &["config", "uploadpack.allowFilter", "true"],
            &["config", "receive.advertiseAtomic", "true"],
            &["config", "receive.denyDeleteCurrent", "refuse"],
            &["config", "receive.fsckObjects", "false"],
            &["config", "gc.auto", "0"],
            &["config", "receive.autogc", "false"],
            // What is fetched travels over loopback: making it small costs more than sending it.
            &["config", "pack.window", "0"],
            &["config", "pack.compression", "0"],
            &["config", "core.hooksPath", "/dev/null"],
            &["config", "core.logAllRefUpdates", "false"],
        ] {
            command::in_repository(&unfinished, arguments, b"").await?.ok("config")?;
        }
        std::fs::rename(&unfinished, git_dir).map_err(storage)?;
        Ok((Self::at(git_dir), branch))
    }

    fn at(git_dir: &Path) -> Self {
        Self {
            git_dir: git_dir.to_owned(),
            reader: reader::Reader::default(),
            mergeable: Mutex::default(),
            between: Mutex::default(),
            changed: Mutex::default(),
        }
    }

    /// Where it lies.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    async fn git(&self, arguments: &[&str]) -> Result<command::Output, Error> {
        command::in_repository(&self.git_dir, arguments, b"").await
    }

    async fn git_with_input(&self, arguments: &[&str], input: &[u8]) -> Result<command::Output, Error> {
        command::in_repository(&self.git_dir, arguments, input).await
    }

    /// The branch that HEAD names.
    pub async fn default_branch(&self) -> Result<String, Error> {
        let output = self.git(&["symbolic-ref", "--short", "HEAD"]).await?.ok("symbolic-ref")?;
        Ok(output.line())
    }

    /// All branches and their commits.
    pub async fn branches(&self) -> Result<BTreeMap<String, Sha>, Error> {
        let format = "--format=%(objectname) %(refname:lstrip=2)";
        let output = self.git(&["for-each-ref", format, "refs/heads/"]).await?.ok("for-each-ref")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let read = |line: &str| line.split_once(' ').map(|(sha, branch)| (branch.to_owned(), Sha::new(sha)));
        Ok(text.lines().filter_map(read).collect())
    }

    /// A branch's commit.
    pub async fn branch(&self, branch: &str) -> Result<Option<Sha>, Error> {
        self.commit_named(&format!("refs/heads/{branch}")).await
    }

    /// The commit that a full hexadecimal name, a branch or a full ref name stands for.
    pub async fn resolve(&self, reference: &str) -> Result<Option<Sha>, Error> {
        if is_sha(reference) {
            return self.commit_named(reference).await;
        }
        if reference.starts_with("refs/") {
            return self.commit_named(reference).await;
        }
        self.branch(reference.strip_prefix("heads/").unwrap_or(reference)).await
    }

    async fn commit_named(&self, name: &str) -> Result<Option<Sha>, Error> {
        let spelled = format!("{name}^{{commit}}");
        Ok(self.reader.info(&self.git_dir, &spelled).await?.map(|object| object.name))
    }

    /// Moves, creates (`expected` nothing) or deletes (`to` nothing) a branch if it still is at `expected`.
    pub async fn move_branch(&self, branch: &str, expected: Option<&Sha>, to: Option<&Sha>) -> Result<Moved, Error> {
        let name = format!("refs/heads/{branch}");
        let old = expected.map_or(NO_COMMIT, Sha::as_str);
        let new = to.map_or(NO_COMMIT, Sha::as_str);
        if !is_sha(old) || !is_sha(new) {
            return Ok(Moved::Refused { message: "a commit is named by its full hexadecimal name".to_owned() });
        }
        if let Some(to) = to
            && self.commit_named(to.as_str()).await?.is_none()
        {
            return Ok(Moved::Refused { message: "Object does not exist".to_owned() });
        }
        let output = self.git(&["update-ref", "--no-deref", &name, new, old]).await?;
        if output.code == 0 {
            return Ok(Moved::Done);
        }
        if self.git(&["check-ref-format", &name]).await?.code != 0 {
            return Ok(Moved::Refused { message: format!("`{branch}` is no valid branch name") });
        }
        let found = self.branch(branch).await?;
        if found.as_ref() == expected {
            return Ok(Moved::Refused { message: output.stderr.trim().to_owned() });
        }
        Ok(Moved::Elsewhere { found })
    }

    /// Whether `ancestor` is reached from `descendant` (or is the same commit).
    pub async fn is_ancestor(&self, ancestor: &Sha, descendant: &Sha) -> Result<bool, Error> {
        if !is_sha(ancestor.as_str()) || !is_sha(descendant.as_str()) {
            return Ok(false);
        }
        let output = self.git(&["merge-base", "--is-ancestor", ancestor.as_str(), descendant.as_str()]).await?;
        Ok(output.code == 0)
    }

    /// How many commits `head` has that `base` has not.
    pub async fn commits_between(&self, base: &Sha, head: &Sha) -> Result<u64, Error> {
        let pair = (base.clone(), head.clone());
        if let Some(known) = known(&self.between, &pair) {
            return Ok(known);
        }
        let range = format!("{base}..{head}");
        let output = self.git(&["rev-list", "--count", "--end-of-options", &range]).await?.ok("rev-list")?;
        Ok(keep(&self.between, pair, output.line().parse().unwrap_or(0)))
    }
}

/// Whether a text is a full hexadecimal object name.
pub(crate) fn is_sha(text: &str) -> bool {
    text.len() == NO_COMMIT.len() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Git with the user's own settings, for reading the user's own repository: `safe.directory` stands there.
fn with_the_users_settings() -> tokio::process::Command {
    let mut command = tokio::process::Command::new("git");
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"] {
        command.env_remove(name);
    }
    command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]);
    command
}

async fn checked_out_branch(source: &Path) -> Result<String, Error> {
    let place = source.display();
    let ask = |arguments: &'static [&'static str]| {
        let mut command = with_the_users_settings();
        command.arg("-C").arg(source).args(arguments);
        command::run(command, arguments[0], b"")
    };
    if !source.is_dir() {
        return Err(Error::Source { message: format!("{place} is no folder; give the folder of a git repository") });
    }
    let repository = ask(&["rev-parse", "--git-dir"]).await?;
    if repository.code != 0 {
        let words = repository.stderr.trim();
        return Err(Error::Source { message: format!("{place} is no git repository that can be read: {words}") });
    }
    let branch = ask(&["symbolic-ref", "--quiet", "--short", "HEAD"]).await?;
    if branch.code != 0 {
        let message = format!("{place} has no branch checked out (detached HEAD); run `git switch BRANCH` there first");
        return Err(Error::Source { message });
    }
    if ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await?.code != 0 {
        let message = format!("the branch `{}` of {place} has no commit yet; commit something first", branch.line());
        return Err(Error::Source { message });
    }
    Ok(branch.line())
}
