//! The commit that a state stands on as a start finds it, and how branches of the checkout stand to it.
//!
//! At the first start that is the branch checked out; later the one the forge's repository holds, with what was merged
//! there. Nothing is written: the checkout's git sees the forge's objects beside its own for the time of a question.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::engine::id::Sha;
use crate::git::Error;
use crate::git::checkout::{self, Checkout};
use crate::git::command::{Invocation, Program};
use crate::local::finish::quoted;
use crate::local::options::Mistake;
use crate::local::progress::printable;

/// Most commits named one by one.
const COMMITS_SHOWN_MAX: usize = 3;

/// The forge's bare repository below a state folder.
pub(super) fn forge_repository(state: &Path) -> PathBuf {
    state.join("forge").join("repository.git")
}

/// The base of a state.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// Its branch.
    pub(super) branch: String,
    /// Its commit when this start began.
    pub(super) head: Sha,
    /// The forge's repository, where an earlier start has made it.
    forge: Option<PathBuf>,
    checkout: Checkout,
}

impl Base {
    /// Looks at the state folder, and where it holds no repository yet, at the checkout.
    ///
    /// # Errors
    /// Git cannot be run.
    pub(super) async fn of(checkout: &Checkout, state: &Path) -> Result<Self, Error> {
        let first = Self {
            branch: checkout.branch.clone(),
            head: checkout.head.clone(),
            forge: None,
            checkout: checkout.clone(),
        };
        let forge = forge_repository(state);
        if !forge.join("HEAD").is_file() {
            return Ok(first);
        }
        let program = Program::default();
        let branch = program.command(&forge, ["symbolic-ref", "--quiet", "--short", "HEAD"]).answer().await?;
        let head = program.command(&forge, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).answer().await?;
        if branch.code != 0 || head.code != 0 {
            return Ok(first);
        }
        Ok(Self { branch: branch.text(), head: Sha::new(head.text()), forge: Some(forge), ..first })
    }

    /// A question to the checkout's git, which sees the forge's objects too.
    fn ask<'p>(&self, program: &'p Program, arguments: &[&str]) -> Invocation<'p> {
        let asked = program.command(&self.checkout.root, arguments);
        let Some(forge) = &self.forge else { return asked };
        // In quotes, since a colon would begin another path.
        let objects = forge.join("objects").display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
        asked.variable("GIT_ALTERNATE_OBJECT_DIRECTORIES", OsString::from(format!("\"{objects}\"")))
    }

    async fn is_within(&self, commit: &Sha, other: &Sha) -> Result<bool, Error> {
        let program = Program::default();
        let arguments = ["merge-base", "--is-ancestor", commit.as_str(), other.as_str()];
        Ok(self.ask(&program, &arguments).answer().await?.code == 0)
    }

    /// How many commits a commit has that the base does not have, and the newest of them in words.
    async fn beyond(&self, commit: &Sha) -> Result<(u64, String), Error> {
        let program = Program::default();
        let range = format!("{}..{commit}", self.head);
        let count = self.ask(&program, &["rev-list", "--count", &range]).run().await?.text().parse().unwrap_or(1);
        let most = format!("--max-count={COMMITS_SHOWN_MAX}");
        let listed = self.ask(&program, &["log", "--format=%h %s", &most, &range]).run().await?.text();
        let more = if count > COMMITS_SHOWN_MAX as u64 { "; ..." } else { "" };
        Ok((count, printable(&listed.lines().collect::<Vec<_>>().join("; ")) + more))
    }

    /// Whether a branch that shall follow the base can be moved forward to it.
    ///
    /// # Errors
    /// [`Mistake`] that names the branch and the commits in the way.
    pub(super) async fn may_follow(&self, branch: &str) -> Result<(), Mistake> {
        self.in_the_way(branch).await.map_err(|error| Mistake::new(error.to_string()))?.map_or(Ok(()), Err)
    }

    async fn in_the_way(&self, branch: &str) -> Result<Option<Mistake>, Error> {
        let Some(head) = checkout::branch(&Program::default(), &self.checkout.root, branch).await? else {
            return Ok(None);
        };
        if self.is_within(&head, &self.head).await? {
            return Ok(None);
        }
        let (count, commits) = self.beyond(&head).await?;
        Ok(Some(Mistake::new(format!(
            "--merge-into {branch}: that branch has {} that the base (`{}` at {}) does not have ({commits}), so it \
             cannot be moved forward to what is merged; give another name, or move it out of the way: git -C {} branch \
             --move {branch} {branch}-before",
            counted(count),
            self.branch,
            self.head.short(),
            quoted(&self.checkout.root),
        ))))
    }

    /// Whether the base holds work that the checkout's branch of its name does not have.
    pub(super) async fn has_news(&self) -> Result<bool, Error> {
        if self.forge.is_none() {
            return Ok(false);
        }
        let own = checkout::branch(&Program::default(), &self.checkout.root, &self.branch).await?;
        match own {
            Some(own) => Ok(!self.is_within(&self.head, &own).await?),
            None => Ok(true),
        }
    }

    /// What people should know of it: which it is, and what of the checkout it does not see.
    pub(super) async fn words(&self) -> Result<Vec<String>, Error> {
        let mut words = vec![format!("Base: {} at {}", self.branch, self.head.short())];
        let Some(forge) = &self.forge else { return Ok(words) };
        if self.checkout.branch != self.branch {
            words.push(format!(
                "Note: `{}` is checked out, but this state goes on from `{}`; to work on `{}`, give another --state \
                 DIR.",
                self.checkout.branch, self.branch, self.checkout.branch
            ));
        }
        let own = checkout::branch(&Program::default(), &self.checkout.root, &self.branch).await?;
        let Some(own) = own else { return Ok(words) };
        if self.is_within(&own, &self.head).await? {
            return Ok(words);
        }
        let (count, _) = self.beyond(&own).await?;
        let (checkout, forge) = (quoted(&self.checkout.root), quoted(forge));
        let pull = if self.is_within(&self.head, &own).await? {
            String::new()
        } else {
            format!("git -C {checkout} pull --no-rebase {forge} {} && ", self.branch)
        };
        words.push(format!(
            "Note: `{}` is {} ahead of the base of this state; they are not seen. To work on them, give another \
             --state DIR, or bring them in once this has ended: {pull}git -C {checkout} push {forge} {}",
            self.branch,
            counted(count),
            self.branch
        ));
        Ok(words)
    }

    /// What the base's tree holds at a path: git's mode, as `100755`; nothing where there is nothing.
    pub(super) async fn entry(&self, path: &str) -> Result<Option<String>, Error> {
        let program = Program::default();
        let literal = format!(":(literal){path}");
        let arguments = ["ls-tree", "--full-tree", self.head.as_str(), "--", &literal];
        let listed = self.ask(&program, &arguments).run().await?.text();
        Ok(listed.split_whitespace().next().map(str::to_owned))
    }
}

fn counted(count: u64) -> String {
    if count == 1 { "1 commit".to_owned() } else { format!("{count} commits") }
}
