//! [`Git`] by the git program, on a bare mirror of the repository: never a checkout, never a hook, filter or repository
//! setting.

use std::future::Future;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::engine::id::Sha;
use crate::git::command::{Credential, Program};
use crate::git::push::{Pushed, pushed};
use crate::git::{CALLED_OFF, Error, Files, Git};

/// The file in a mirror's directory that keeps what was made of contents: it goes with the mirror.
const INDEX: &str = "footprint-index";

/// Gives the token to reach the repository with. Asked before each contact, since installation tokens expire.
pub trait Credentials: Send + Sync {
    /// The token now; nothing where the remote asks for none. An error: its reason, without the token.
    fn token(&self) -> impl Future<Output = Result<Option<SecretString>, String>> + Send;
}

/// A remote that asks for no credentials.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anonymous;

impl Credentials for Anonymous {
    fn token(&self) -> impl Future<Output = Result<Option<SecretString>, String>> + Send {
        std::future::ready(Ok(None))
    }
}

/// A bare mirror of one repository.
#[derive(Debug)]
pub struct Mirror<C> {
    directory: PathBuf,
    url: String,
    credentials: C,
    program: Program,
    fetching: Mutex<()>,
}

impl<C: Credentials> Mirror<C> {
    /// Opens the mirror in `directory`, creating it where it is missing. Nothing is fetched yet.
    pub async fn open(directory: &Path, url: &str, credentials: C, program: Program) -> Result<Self, Error> {
        tokio::fs::create_dir_all(directory).await.map_err(|error| Error::Failed {
            message: format!("the mirror's folder {} cannot be made: {error}", directory.display()),
        })?;
        program.command(directory, ["init", "--bare", "--quiet", "--template=", "."]).run().await?;
        Ok(Self {
            directory: directory.to_owned(),
            url: url.to_owned(),
            credentials,
            program,
            fetching: Mutex::new(()),
        })
    }

    async fn credential(&self) -> Result<Option<Credential>, Error> {
        let token = self.credentials.token().await.map_err(|message| Error::Failed { message })?;
        Ok(token.map(|token| Credential { url: self.url.clone(), token }))
    }

    async fn has(&self, commit: &Sha) -> Result<bool, Error> {
        let object = format!("{commit}^{{commit}}");
        Ok(self.program.command(&self.directory, ["cat-file", "-e", &object]).answer().await?.code == 0)
    }

    /// Makes sure that a commit is here: all branches first, since that is what most commits are on, then the commit
    /// itself.
    async fn need(&self, commit: &Sha) -> Result<(), Error> {
        checked(commit)?;
        let _turn = self.fetching.lock().await;
        if self.has(commit).await? {
            return Ok(());
        }
        self.fetch("+refs/heads/*:refs/remotes/origin/*", true).await?;
        if !self.has(commit).await? {
            self.fetch(commit.as_str(), false).await.map_err(|error| missing(error, commit))?;
        }
        Ok(())
    }

    async fn fetch(&self, what: &str, prune: bool) -> Result<(), Error> {
        let credential = self.credential().await?;
        let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
        arguments.extend(prune.then_some("--prune"));
        arguments.extend(["--", &self.url, what]);
        self.program.command(&self.directory, arguments).credential(credential.as_ref()).run().await?;
        Ok(())
    }

    async fn remote_branch(&self, branch: &str) -> Result<Option<Sha>, Error> {
        let credential = self.credential().await?;
        let reference = format!("refs/heads/{branch}");
        let answer = self
            .program
            .command(&self.directory, ["ls-remote", "--refs", "--", &self.url, &reference])
            .credential(credential.as_ref())
            .run()
            .await?;
        let text = answer.text();
        let line = text.lines().find_map(|line| line.strip_suffix(&format!("\t{reference}")));
        Ok(line.map(Sha::new))
    }
}

impl<C: Credentials> Git for Mirror<C> {
    async fn move_branch(&self, branch: &str, expected: Option<&Sha>, to: &Sha) -> Result<(), Error> {
        self.move_branch_if(branch, expected, to, std::future::ready(true)).await
    }

    async fn move_branch_if(
        &self,
        branch: &str,
        expected: Option<&Sha>,
        to: &Sha,
        may: impl Future<Output = bool> + Send,
    ) -> Result<(), Error> {
        self.need(to).await?;
        let credential = self.credential().await?;
        // Fetching and minting may have taken long.
        if !may.await {
            return Err(Error::Failed { message: CALLED_OFF.to_owned() });
        }
        let lease = format!("--force-with-lease=refs/heads/{branch}:{}", expected.map_or("", Sha::as_str));
        let move_to = format!("{to}:refs/heads/{branch}");
        let answer = self
            .program
            .command(&self.directory, ["push", "--porcelain", &lease, "--", &self.url, &move_to])
            .credential(credential.as_ref())
            .answer()
            .await?;
        match pushed(&answer) {
            Pushed::Done => Ok(()),
            Pushed::Moved => Err(Error::Moved { found: self.remote_branch(branch).await? }),
            Pushed::Refused(message) => Err(Error::Refused { message }),
            Pushed::Unknown(message) => Err(Error::Failed { message }),
        }
    }

    async fn parents(&self, commit: &Sha) -> Result<Vec<Sha>, Error> {
        self.need(commit).await?;
        let arguments = ["rev-list", "--no-walk", "--parents", commit.as_str(), "--"];
        let listed = self.program.command(&self.directory, arguments).run().await?;
        Ok(listed.text().split_whitespace().skip(1).map(Sha::new).collect())
    }

    async fn paths(&self, commit: &Sha) -> Result<Vec<String>, Error> {
        self.need(commit).await?;
        let listed = self
            .program
            .command(&self.directory, ["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.as_str()])
            .run()
            .await?;
        let mut paths = names(&listed.stdout);
        paths.sort();
        Ok(paths)
    }

    async fn files(&self, commit: &Sha) -> Result<Files, Error> {
        self.need(commit).await?;
        let cache = Some(self.directory.join(INDEX));
        Ok(Files::Directory { program: self.program.clone(), directory: self.directory.clone(), cache })
    }

    async fn merge_conflicts(&self, ours: &Sha, theirs: &Sha) -> Result<Vec<String>, Error> {
        self.need(ours).await?;
        self.need(theirs).await?;
        let mut arguments =
            vec!["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", "--allow-unrelated-histories"];
        arguments.extend([ours.as_str(), theirs.as_str()]);
        let merged = self.program.command(&self.directory, arguments).answer().await?;
        match merged.code {
            0 => Ok(Vec::new()),
            1 => Ok(names(&merged.stdout).split_off(1)),
            code => Err(Error::Failed { message: format!("git merge-tree ended with {code}: {}", merged.stderr) }),
        }
    }

    async fn changes(&self, other: &Sha, commit: &Sha, paths: &[String], bytes: usize) -> Result<String, Error> {
        self.need(other).await?;
        self.need(commit).await?;
        let parted =
            self.program.command(&self.directory, ["merge-base", other.as_str(), commit.as_str()]).answer().await?;
        if parted.code != 0 {
            return Ok(String::new());
        }
        let parted = parted.text();
        let mut arguments =
            vec!["diff-tree", "-r", "-p", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames"];
        arguments.extend([parted.trim(), commit.as_str(), "--"]);
        arguments.extend(paths.iter().map(String::as_str));
        let diff =
            self.program.command(&self.directory, arguments).variable("GIT_LITERAL_PATHSPECS", "1").run().await?;
        let mut text = String::from_utf8_lossy(&diff.stdout).into_owned();
        text.truncate(text.floor_char_boundary(bytes));
        Ok(text)
    }
}

fn names(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

/// A commit's name must be one before it stands among git's arguments.
fn checked(commit: &Sha) -> Result<(), Error> {
    let text = commit.as_str();
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal && (text.len() == 40 || text.len() == 64) {
        return Ok(());
    }
    Err(Error::Missing { what: format!("commit `{}`", text.escape_debug()) })
}

fn missing(error: Error, commit: &Sha) -> Error {
    let words = error.to_string();
    if words.contains("not our ref") || words.contains("couldn't find remote ref") {
        return Error::Missing { what: format!("commit {commit}") };
    }
    error
}

#[cfg(test)]
mod tests;
