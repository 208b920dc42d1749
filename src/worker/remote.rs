//! The repository as a step of the worker sees it: a bare repository of its own in a scratch folder, and the remote
//! behind it.

use std::path::{Path, PathBuf};

use crate::engine::brief::Brief;
use crate::engine::id::Sha;
use crate::engine::record::{RECORD_FILE, Record};
use crate::git;
use crate::git::command::{Credential, Invocation};
use crate::git::push::{Pushed, pushed};
use crate::worker::Error;
use crate::worker::job::{Job, now};

/// Who our commits are by.
const AUTHOR_NAME: &str = "task-orchestrator";
const AUTHOR_EMAIL: &str = "task-orchestrator@users.noreply.github.com";
/// Most bytes of a brief or a record.
const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A bare repository and its remote.
#[derive(Debug)]
pub(crate) struct Remote<'a> {
    job: &'a Job,
    credential: Option<Credential>,
    directory: PathBuf,
}

/// One ref to be pushed: the branch, where it must be now (nothing: nowhere), and where to.
#[derive(Clone, Debug)]
pub(crate) struct Move<'a> {
    pub(crate) branch: &'a str,
    pub(crate) expected: Option<&'a Sha>,
    pub(crate) to: &'a Sha,
}

impl<'a> Remote<'a> {
    /// Makes an empty bare repository in `directory`.
    pub(crate) async fn open(job: &'a Job, directory: &Path) -> Result<Self, Error> {
        tokio::fs::create_dir_all(directory)
            .await
            .map_err(Error::machine(format!("making {}", directory.display())))?;
        let remote = Self { job, credential: job.credential(), directory: directory.to_owned() };
        remote.git(["init", "--bare", "--quiet", "--template=", "."]).run().await?;
        Ok(remote)
    }

    /// A git command in this repository.
    pub(crate) fn git<const N: usize>(&self, arguments: [&str; N]) -> Invocation<'_> {
        self.job.program.command(&self.directory, arguments)
    }

    /// Brings commits; alone, or with everything before them.
    pub(crate) async fn fetch(&self, commits: &[&Sha], history: bool) -> Result<(), Error> {
        let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
        arguments.extend((!history).then_some("--depth=1"));
        arguments.extend(["--", &self.job.url]);
        arguments.extend(commits.iter().map(|commit| commit.as_str()));
        let fetch = self.job.program.command(&self.directory, arguments);
        fetch.credential(self.credential.as_ref()).run().await?;
        Ok(())
    }

    /// Reads the brief that the job names and checks that it is for this attempt.
    pub(crate) async fn brief(&self) -> Result<Brief, Error> {
        self.fetch(&[&self.job.brief], false).await?;
        let path = format!("{}:{}", self.job.brief, self.job.key.id.brief_path());
        let file = self.git(["cat-file", "blob", &path]).output_max(DOCUMENT_BYTES_MAX).run().await?;
        let brief = Brief::parse(&file.stdout).map_err(Error::Input)?;
        if brief.key != self.job.key || brief.issue != self.job.key.id.issue {
            return Err(Error::Input(format!(
                "the brief is for {}, this run was started for another key",
                brief.key.id
            )));
        }
        for commit in [&brief.base, &brief.start] {
            crate::worker::job::commit(commit.as_str())?;
        }
        Ok(brief)
    }

    /// Where a branch of the remote is.
    pub(crate) async fn branch(&self, branch: &str) -> Result<Option<Sha>, Error> {
        let name = format!("refs/heads/{branch}");
        let listed = self
            .git(["ls-remote", "--refs", "--", &self.job.url, &name])
            .credential(self.credential.as_ref())
            .run()
            .await?;
        let end = format!("\t{name}");
        Ok(listed.text().lines().find_map(|line| line.strip_suffix(&end)).map(Sha::new))
    }

    /// The attempt's record and the commit it stands in; nothing where nobody began one.
    pub(crate) async fn record(&self) -> Result<Option<(Sha, Record)>, Error> {
        let Some(tip) = self.branch(&self.job.key.id.record_branch()).await? else { return Ok(None) };
        self.fetch(&[&tip], false).await?;
        let path = format!("{tip}:{RECORD_FILE}");
        let file = self.git(["cat-file", "blob", &path]).output_max(DOCUMENT_BYTES_MAX).run().await?;
        Ok(Some((tip, Record::parse(&file.stdout).map_err(Error::Input)?)))
    }

    /// Whether a record is this very run's own claim.
    pub(crate) fn is_own(&self, record: &Record) -> bool {
        record.claimed.as_ref().is_some_and(|claimed| {
            claimed.run_id == self.job.run_id
                && claimed.run_attempt == self.job.run_attempt
                && claimed.key == self.job.key
        })
    }

    /// Makes a commit whose tree is the record's one file.
    pub(crate) async fn record_commit(&self, record: &Record, parent: Option<&Sha>) -> Result<Sha, Error> {
        let blob = self.git(["hash-object", "-w", "--stdin"]).input(record.to_text()).run().await?.text();
        let tree = self.git(["mktree"]).input(format!("100644 blob {blob}\t{RECORD_FILE}\n")).run().await?.text();
        let said = if record.result.is_some() { "result" } else { "claimed" };
        let message = format!("{} {said}", self.job.key.id);
        self.commit(&tree, &message, parent.as_slice()).await
    }

    /// Makes a commit by our own name.
    pub(crate) async fn commit(&self, tree: &str, message: &str, parents: &[&Sha]) -> Result<Sha, Error> {
        let mut arguments = vec!["commit-tree", "--no-gpg-sign", tree];
        for parent in parents {
            arguments.extend(["-p", parent.as_str()]);
        }
        let date = format!("@{} +0000", now().0.div_euclid(1000));
        let commit = self
            .job
            .program
            .command(&self.directory, arguments)
            .input(message)
            .variable("GIT_AUTHOR_NAME", AUTHOR_NAME)
            .variable("GIT_AUTHOR_EMAIL", AUTHOR_EMAIL)
            .variable("GIT_AUTHOR_DATE", &date)
            .variable("GIT_COMMITTER_NAME", AUTHOR_NAME)
            .variable("GIT_COMMITTER_EMAIL", AUTHOR_EMAIL)
            .variable("GIT_COMMITTER_DATE", &date);
        Ok(Sha::new(commit.run().await?.text()))
    }

    /// Moves all these refs or none of them.
    pub(crate) async fn push(&self, moves: &[Move<'_>]) -> Result<Pushed, Error> {
        let mut arguments = vec!["push".to_owned(), "--porcelain".to_owned(), "--atomic".to_owned()];
        for one in moves {
            let expected = one.expected.map_or("", Sha::as_str);
            arguments.push(format!("--force-with-lease=refs/heads/{}:{expected}", one.branch));
        }
        arguments.extend(["--".to_owned(), self.job.url.clone()]);
        arguments.extend(moves.iter().map(|one| format!("{}:refs/heads/{}", one.to, one.branch)));
        let push = self.job.program.command(&self.directory, &arguments).credential(self.credential.as_ref());
        match push.answer().await {
            Ok(output) => Ok(pushed(&output)),
            Err(git::Error::Failed { message }) => Ok(Pushed::Unknown(message)),
            Err(error) => Err(error.into()),
        }
    }
}
