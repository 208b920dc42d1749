//! The repository as a step of the worker sees it: a bare repository of its own in a scratch folder, and the remote
//! behind it.

use std::collections::BTreeSet;
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
/// Most paths whose files are asked for one by one; for more, everything is brought.
const PATHS_MAX: usize = 1_000;
/// Where the record is kept here.
const RECORD_REF: &str = "refs/orchestrate/record";
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
        remote.name_origin().map_err(Error::machine("naming the remote"))?;
        Ok(remote)
    }

    /// Names the remote as one that may be asked for objects left out of an earlier fetch. Commands that read never ask
    /// by themselves (`GIT_NO_LAZY_FETCH`): what they need is brought on purpose. A push may: to a remote that does not
    /// tell what it has, git has to show the commit we started from whole.
    fn name_origin(&self) -> std::io::Result<()> {
        use std::io::Write as _;
        let url: String =
            self.job.url.chars().flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain([c])).collect();
        let mut config = std::fs::OpenOptions::new().append(true).open(self.directory.join("config"))?;
        write!(
            config,
            "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = origin\n\
             [remote \"origin\"]\n\turl = \"{url}\"\n\tpromisor = true\n\tpartialclonefilter = blob:none\n"
        )
    }

    /// A git command in this repository.
    pub(crate) fn git<const N: usize>(&self, arguments: [&str; N]) -> Invocation<'_> {
        self.job.program.command(&self.directory, arguments).variable("GIT_NO_LAZY_FETCH", "1")
    }

    /// Brings commits; alone, or with everything before them.
    pub(crate) async fn fetch(&self, commits: &[&Sha], history: bool) -> Result<(), Error> {
        let names: Vec<&str> = commits.iter().map(|commit| commit.as_str()).collect();
        self.bring(&names, history).await
    }

    /// Brings commits alone with their trees, and of their files only those at these paths in `foundation`.
    pub(crate) async fn fetch_trees(&self, commits: &[&Sha], foundation: &Sha, paths: &[&str]) -> Result<(), Error> {
        if paths.len() > PATHS_MAX {
            return self.fetch(commits, false).await;
        }
        let commits = commits.iter().map(|commit| commit.as_str());
        self.ask_for(&["--depth=1", "--filter=blob:none", "--", "origin"], commits).await?;
        if paths.is_empty() {
            return Ok(());
        }
        // All of them are listed: a path out of a patch may be anything, and is compared only.
        let format = "--format=%(objecttype) %(objectname) %(path)";
        let listed = self.git(["ls-tree", "-r", "-z", "--full-tree", format, foundation.as_str()]).run().await?;
        let listed = String::from_utf8_lossy(&listed.stdout);
        let wanted: BTreeSet<&str> = paths.iter().copied().collect();
        let of_file = |line| {
            let (name, path) = str::strip_prefix(line, "blob ")?.split_once(' ')?;
            wanted.contains(path).then_some(name)
        };
        let files: BTreeSet<&str> = listed.split('\0').filter_map(of_file).collect();
        if files.is_empty() {
            return Ok(());
        }
        self.ask_for(&["--", "origin"], files.into_iter()).await
    }

    async fn ask_for<'n>(&self, how: &[&'n str], names: impl Iterator<Item = &'n str>) -> Result<(), Error> {
        let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
        arguments.extend(how);
        arguments.extend(names);
        let fetch = self.job.program.command(&self.directory, arguments).variable("GIT_NO_LAZY_FETCH", "1");
        fetch.credential(self.credential.as_ref()).run().await?;
        Ok(())
    }

    async fn bring(&self, what: &[&str], history: bool) -> Result<(), Error> {
        let alone: &[&str] = if history { &[] } else { &["--depth=1"] };
        self.ask_for(&[alone, &["--", &self.job.url]].concat(), what.iter().copied()).await
    }

    /// Reads the brief that the job names and checks that it is for this attempt.
    pub(crate) async fn brief(&self) -> Result<Brief, Error> {
        self.fetch(&[&self.job.brief], false).await?;
        self.read_brief().await
    }

    /// The brief and the attempt's record, as [`Remote::brief`] and [`Remote::record`] give them, in one fetch.
    pub(crate) async fn brief_and_record(&self) -> Result<(Brief, Option<(Sha, Record)>), Error> {
        let record = format!("+refs/heads/{}:{RECORD_REF}", self.job.key.id.record_branch());
        if self.bring(&[self.job.brief.as_str(), &record], false).await.is_err() {
            // One that is missing fails both: asked for one by one, it is seen which.
            return Ok((self.brief().await?, self.record().await?));
        }
        let tip = Sha::new(self.git(["rev-parse", "--verify", RECORD_REF]).run().await?.text());
        let record = self.read_record(&tip).await?;
        Ok((self.read_brief().await?, Some((tip, record))))
    }

    async fn read_brief(&self) -> Result<Brief, Error> {
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
        let record = self.read_record(&tip).await?;
        Ok(Some((tip, record)))
    }

    async fn read_record(&self, tip: &Sha) -> Result<Record, Error> {
        let path = format!("{tip}:{RECORD_FILE}");
        let file = self.git(["cat-file", "blob", &path]).output_max(DOCUMENT_BYTES_MAX).run().await?;
        Record::parse(&file.stdout).map_err(Error::Input)
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
        // Only what the remote lacks is sent, also where no branch of it stands where we started from any more.
        let mut arguments =
            ["-c", "push.negotiate=true", "push", "--porcelain", "--atomic"].map(str::to_owned).to_vec();
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
