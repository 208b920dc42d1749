//! A person's own checkout: looked at, and given new branches. Its work tree and index are never touched.

use std::path::{Path, PathBuf};

use crate::engine::id::Sha;
use crate::git::Error;
use crate::git::command::Program;

/// A checkout as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The root of its work tree.
    pub root: PathBuf,
    /// The branch checked out.
    pub branch: String,
    /// That branch's commit.
    pub head: Sha,
    /// Whether work in it is not committed.
    pub dirty: bool,
}

/// Why a folder cannot be worked on. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No such folder.
    #[error("{0} is no folder; give the checkout to work on with --repo DIR")]
    NoFolder(PathBuf),
    /// Not a git work tree.
    #[error("{0} is not a git repository; run `git init` and make a first commit there, or give another --repo")]
    NotGit(PathBuf),
    /// No commit yet.
    #[error("{0} has no commit yet; make a first one (`git commit`), the work starts from it")]
    Unborn(PathBuf),
    /// No branch checked out.
    #[error(
        "{0} has no branch checked out (detached HEAD); check one out (`git switch NAME`), the work is based on it"
    )]
    Detached(PathBuf),
    /// Git itself failed.
    #[error(transparent)]
    Git(#[from] Error),
}

/// Looks at the checkout that a folder belongs to.
pub async fn look(program: &Program, folder: &Path) -> Result<Checkout, Unusable> {
    if !folder.is_dir() {
        return Err(Unusable::NoFolder(folder.to_owned()));
    }
    let top = program.command(folder, ["rev-parse", "--show-toplevel"]).answer().await?;
    if top.code != 0 {
        return Err(Unusable::NotGit(folder.to_owned()));
    }
    let root = PathBuf::from(top.text());
    let head = program.command(&root, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).answer().await?;
    if head.code != 0 {
        return Err(Unusable::Unborn(root));
    }
    let branch = program.command(&root, ["symbolic-ref", "--quiet", "--short", "HEAD"]).answer().await?;
    if branch.code != 0 {
        return Err(Unusable::Detached(root));
    }
    let status = program.command(&root, ["status", "--porcelain", "--untracked-files=normal"]).run().await?;
    Ok(Checkout { root, branch: branch.text(), head: Sha::new(head.text()), dirty: !status.stdout.is_empty() })
}

/// A branch's commit, or nothing where there is none.
pub async fn branch(program: &Program, root: &Path, branch: &str) -> Result<Option<Sha>, Error> {
    let name = format!("refs/heads/{branch}^{{commit}}");
    let found = program.command(root, ["rev-parse", "--verify", "--quiet", name.as_str()]).answer().await?;
    Ok((found.code == 0).then(|| Sha::new(found.text())))
}

/// What became of a branch brought over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    /// Made, or moved forward.
    Moved,
    /// It was there already.
    Current,
    /// It has commits of its own: left alone.
    Diverged,
    /// It is checked out here: left alone.
    CheckedOut,
}

/// Brings `from` of the repository at `source` over as the branch `to`: made where missing, moved only forward, and
/// never where it is checked out.
pub async fn bring(program: &Program, root: &Path, source: &Path, from: &str, to: &str) -> Result<Brought, Error> {
    let program = program.clone().file_protocol(true);
    let source = source.to_string_lossy().into_owned();
    let name = format!("refs/heads/{from}");
    let arguments = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", &source, &name];
    program.command(root, arguments).run().await?;
    let tip = program.command(Path::new(&source), ["rev-parse", "--verify", name.as_str()]).run().await?.text();
    let standing = branch(&program, root, to).await?;
    if standing.as_ref().is_some_and(|sha| sha.as_str() == tip) {
        return Ok(Brought::Current);
    }
    if let Some(standing) = &standing {
        let forward = program.command(root, ["merge-base", "--is-ancestor", standing.as_str(), &tip]).answer().await?;
        if forward.code != 0 {
            return Ok(Brought::Diverged);
        }
    }
    if checked_out(&program, root, to).await? {
        return Ok(Brought::CheckedOut);
    }
    let old = standing.map_or_else(|| "0".repeat(tip.len()), |sha| sha.0);
    let target = format!("refs/heads/{to}");
    program.command(root, ["update-ref", "-m", "task-orchestrator", &target, &tip, &old]).run().await?;
    Ok(Brought::Moved)
}

/// Whether a branch is checked out in any work tree of the repository.
pub async fn checked_out(program: &Program, root: &Path, branch: &str) -> Result<bool, Error> {
    let trees = program.command(root, ["worktree", "list", "--porcelain"]).run().await?.text();
    let line = format!("branch refs/heads/{branch}");
    Ok(trees.lines().any(|found| found == line))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn git(root: &Path, arguments: &[&str]) -> String {
        Program::default().command(root, arguments).run().await.expect("git does it").text()
    }

    async fn repository(root: &Path) {
        git(root, &["init", "--quiet", "--initial-branch=main"]).await;
        commit(root, "one").await;
    }

    async fn commit(root: &Path, text: &str) {
        std::fs::write(root.join("file"), text).expect("written");
        git(root, &["add", "file"]).await;
        git(root, &["-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "--quiet", "-m", text]).await;
    }

    #[tokio::test]
    async fn a_folder_says_why_it_cannot_be_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = Program::default();
        let look_at = |path: PathBuf| async move { look(&Program::default(), &path).await };
        assert!(matches!(look_at(folder.path().join("no")).await, Err(Unusable::NoFolder(_))));
        assert!(matches!(look_at(folder.path().to_owned()).await, Err(Unusable::NotGit(_))));
        git(folder.path(), &["init", "--quiet", "--initial-branch=main"]).await;
        assert!(matches!(look_at(folder.path().to_owned()).await, Err(Unusable::Unborn(_))));
        commit(folder.path(), "one").await;
        let clean = look(&program, folder.path()).await.expect("usable");
        assert_eq!((clean.branch.as_str(), clean.dirty), ("main", false));
        std::fs::write(folder.path().join("new"), "x").expect("written");
        assert!(look(&program, folder.path()).await.expect("usable").dirty);
        git(folder.path(), &["checkout", "--quiet", "--detach"]).await;
        assert!(matches!(look_at(folder.path().to_owned()).await, Err(Unusable::Detached(_))));
    }

    #[tokio::test]
    async fn a_branch_is_brought_forward_only_and_never_under_a_checkout() {
        let (here, there) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        repository(there.path()).await;
        let program = Program::default();
        git(here.path(), &["init", "--quiet", "--initial-branch=trunk"]).await;
        let bring_main = |to: &'static str| bring(&program, here.path(), there.path(), "main", to);
        assert_eq!(bring_main("done").await, Ok(Brought::Moved));
        assert_eq!(bring_main("done").await, Ok(Brought::Current));
        commit(there.path(), "two").await;
        assert_eq!(bring_main("done").await, Ok(Brought::Moved));
        git(here.path(), &["checkout", "--quiet", "done"]).await;
        commit(there.path(), "three").await;
        assert_eq!(bring_main("done").await, Ok(Brought::CheckedOut));
        commit(here.path(), "mine").await;
        assert_eq!(bring_main("done").await, Ok(Brought::Diverged));
    }
}
