//! A person's own checkout: looked at, and given new branches. Its work tree and index are never touched.

use std::collections::BTreeMap;
use std::fmt::Write as _;
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
    /// A repository without a work tree.
    #[error("{0} is a bare repository; a checkout is needed: `git clone` it and give the clone with --repo")]
    Bare(PathBuf),
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
        let bare = program.command(folder, ["rev-parse", "--is-bare-repository"]).answer().await?;
        let is_bare = bare.code == 0 && bare.text() == "true";
        let unusable = if is_bare { Unusable::Bare } else { Unusable::NotGit };
        return Err(unusable(folder.to_owned()));
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

/// A branch to be brought over: its name here, and the commit it shall be at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bring {
    /// The branch's name, without `refs/heads/`.
    pub to: String,
    /// The commit, which the source has.
    pub head: Sha,
}

/// Brings commits of the repository at `source` over as branches: made where missing, moved only forward, and never
/// where one is checked out. What became of each, in the order asked. One fetch and one update serve them all; an error
/// leaves every branch where it was.
pub async fn bring(program: &Program, root: &Path, source: &Path, wanted: &[Bring]) -> Result<Vec<Brought>, Error> {
    let standing = standing(program, root, wanted).await?;
    let news: Vec<&Bring> =
        wanted.iter().filter(|bring| standing.get(&bring.to).is_none_or(|found| found.head != bring.head)).collect();
    if !news.is_empty() {
        let source = source.to_string_lossy().into_owned();
        let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
        arguments.extend(["--", &source]);
        arguments.extend(news.iter().map(|bring| bring.head.as_str()));
        program.clone().file_protocol(true).command(root, arguments).run().await?;
    }
    let mut brought = Vec::new();
    let mut update = String::new();
    for Bring { to, head } in wanted {
        let found = standing.get(to);
        let became = match found {
            Some(found) if found.head == *head => Brought::Current,
            Some(found) if !is_forward(program, root, &found.head, head).await? => Brought::Diverged,
            Some(found) if found.checked_out => Brought::CheckedOut,
            Some(_) | None => Brought::Moved,
        };
        if became == Brought::Moved {
            let old = found.map_or_else(|| "0".repeat(head.as_str().len()), |found| found.head.0.clone());
            let _ = writeln!(update, "update refs/heads/{to} {head} {old}");
        }
        brought.push(became);
    }
    if !update.is_empty() {
        program.command(root, ["update-ref", "-m", "task-orchestrator", "--stdin"]).input(update).run().await?;
    }
    Ok(brought)
}

/// A branch as it stands in the checkout.
struct Standing {
    head: Sha,
    checked_out: bool,
}

async fn standing(program: &Program, root: &Path, wanted: &[Bring]) -> Result<BTreeMap<String, Standing>, Error> {
    // An empty list would ask for every branch there is.
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<String> = wanted.iter().map(|bring| format!("refs/heads/{}", bring.to)).collect();
    let mut arguments = vec!["for-each-ref", "--format=%(objectname) %(refname:lstrip=2)%00%(worktreepath)", "--"];
    arguments.extend(names.iter().map(String::as_str));
    let listed = program.command(root, arguments).run().await?.text();
    let read = |line: &str| {
        let (head, rest) = line.split_once(' ')?;
        let (name, tree) = rest.split_once('\0')?;
        Some((name.to_owned(), Standing { head: Sha::new(head), checked_out: !tree.is_empty() }))
    };
    Ok(listed.lines().filter_map(read).collect())
}

async fn is_forward(program: &Program, root: &Path, from: &Sha, to: &Sha) -> Result<bool, Error> {
    let asked = program.command(root, ["merge-base", "--is-ancestor", from.as_str(), to.as_str()]).answer().await?;
    Ok(asked.code == 0)
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
        let bring_main = async |branches: &[&str]| {
            let head = Sha::new(git(there.path(), &["rev-parse", "main"]).await);
            let wanted: Vec<Bring> =
                branches.iter().map(|to| Bring { to: (*to).to_owned(), head: head.clone() }).collect();
            bring(&program, here.path(), there.path(), &wanted).await
        };
        assert_eq!(bring_main(&[]).await, Ok(vec![]));
        assert_eq!(bring_main(&["done"]).await, Ok(vec![Brought::Moved]));
        assert_eq!(bring_main(&["done"]).await, Ok(vec![Brought::Current]));
        commit(there.path(), "two").await;
        assert_eq!(bring_main(&["done", "orchestrate/issue-1"]).await, Ok(vec![Brought::Moved; 2]));
        git(here.path(), &["checkout", "--quiet", "done"]).await;
        commit(there.path(), "three").await;
        let brought = bring_main(&["orchestrate/issue-2", "done", "orchestrate/issue-1"]).await;
        assert_eq!(brought, Ok(vec![Brought::Moved, Brought::CheckedOut, Brought::Moved]));
        commit(here.path(), "mine").await;
        assert_eq!(bring_main(&["orchestrate/issue-1", "done"]).await, Ok(vec![Brought::Current, Brought::Diverged]));
        let nowhere = Bring { to: "new".to_owned(), head: Sha::new("1".repeat(40)) };
        assert!(bring(&program, here.path(), there.path(), &[nowhere]).await.is_err());
        assert_eq!(branch(&program, here.path(), "new").await, Ok(None));
    }
}
