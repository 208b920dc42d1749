//! A bare repository with a base branch and briefs, and runs on it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::engine::brief::{AgentKind, ApprovedText, BRIEF_PROTOCOL, Brief, Limits, Mode, PromptLayers, text_digest};
use crate::engine::id::{AttemptId, AttemptKey, IssueNumber, Login, Sha};
use crate::engine::policy::PatchPolicy;
use crate::engine::record::{Published, Record};
use crate::engine::report::Report;
use crate::engine::time::{Span, Timestamp};
use crate::git::command::Program;
use crate::worker::agent::AgentOptions;
use crate::worker::claim::ClaimOptions;
use crate::worker::fetch::FetchOptions;
use crate::worker::job::{Common, Job};
use crate::worker::publish::PublishOptions;
use crate::worker::variables::Variables;
use crate::worker::{Error, agent, claim, fetch, publish};

pub(super) struct Stage {
    folder: TempDir,
    program: Program,
    pub(super) base: Sha,
}

/// One run on the stage: its job and its folders.
pub(super) struct Run {
    pub(super) job: Job,
    common: Common,
    pub(super) folder: PathBuf,
}

/// A brief for the shell agent with this command, on no real commit.
pub(in crate::worker) fn brief(command: &str) -> Brief {
    let id = AttemptId { issue: IssueNumber(7), n: 1 };
    Brief {
        protocol: BRIEF_PROTOCOL,
        key: AttemptKey { id, nonce: "0".repeat(32) },
        mode: Mode::Task,
        issue: id.issue,
        text: ApprovedText {
            title: "Say hello".to_owned(),
            body: "In a.txt".to_owned(),
            digest: text_digest("Say hello", "In a.txt"),
            by: Login::new("ann"),
            at: Timestamp(0),
        },
        files: vec!["a.txt".to_owned()],
        base_branch: "main".to_owned(),
        base: Sha::new("0".repeat(40)),
        start: Sha::new("0".repeat(40)),
        prompt: PromptLayers { task: "Please say hello.".to_owned(), ..PromptLayers::default() },
        previous_errors: vec!["it was red".to_owned()],
        agent: AgentKind::Shell,
        agent_command: Some(command.to_owned()),
        model: "m".to_owned(),
        effort: "high".to_owned(),
        limits: Limits { timeout: Span::seconds(120), nudge_after: Span::seconds(60), stall_after: Span::seconds(60) },
        setup: Vec::new(),
        validate: Vec::new(),
        policy: PatchPolicy { protected: vec!["locked/**".to_owned()], files_max: 50, bytes_max: 100_000 },
        listed: Vec::new(),
    }
}

impl Stage {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let program = Program::default().file_protocol(true);
        std::fs::create_dir_all(folder.path().join("o/r.git")).expect("a folder");
        let mut stage = Self { folder, program, base: Sha::new("") };
        stage.git(["init", "--bare", "--quiet", "--initial-branch=main", "."], "").await;
        // As GitHub does: fetches may leave files out, and ask for any object.
        stage.git(["config", "uploadpack.allowFilter", "true"], "").await;
        stage.git(["config", "uploadpack.allowAnySHA1InWant", "true"], "").await;
        let files = [("a.txt", "one\ntwo\nthree\n"), ("src/b.txt", "b\n"), (".gitignore", "ignored/\n")];
        stage.base = stage.commit("main", &files, None).await;
        stage
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.folder.path().join("o/r.git")
    }

    pub(super) async fn git<const N: usize>(&self, arguments: [&str; N], input: &str) -> String {
        let run = self.program.command(&self.repository(), arguments).input(input);
        let index = self.folder.path().join("index");
        let named = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        let run = named.into_iter().fold(run, |run, name| run.variable(name, "somebody"));
        run.variable("GIT_INDEX_FILE", index).run().await.expect("git").text()
    }

    /// Commits files on top of a parent and moves a branch there.
    pub(super) async fn commit(&self, branch: &str, files: &[(&str, &str)], parent: Option<&Sha>) -> Sha {
        let index = self.folder.path().join("index");
        drop(std::fs::remove_file(&index));
        if let Some(parent) = parent {
            self.git(["read-tree", parent.as_str()], "").await;
        }
        for (path, content) in files {
            let blob = self.git(["hash-object", "-w", "--stdin"], content).await;
            let entry = format!("100644,{blob},{path}");
            self.git(["update-index", "--add", "--cacheinfo", &entry], "").await;
        }
        let tree = self.git(["write-tree"], "").await;
        let commit = match parent {
            Some(parent) => self.git(["commit-tree", &tree, "-p", parent.as_str(), "-m", "x"], "").await,
            None => self.git(["commit-tree", &tree, "-m", "x"], "").await,
        };
        self.git(["update-ref", &format!("refs/heads/{branch}"), &commit], "").await;
        Sha::new(commit)
    }

    /// Makes the repository run a script at a point of each push.
    pub(super) fn hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.repository().join("hooks").join(name);
        std::fs::create_dir_all(self.repository().join("hooks")).expect("a folder");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
    }

    pub(super) async fn branch(&self, branch: &str) -> Option<Sha> {
        let name = format!("refs/heads/{branch}");
        let found = self.git(["for-each-ref", "--format=%(objectname)", &name], "").await;
        (!found.is_empty()).then(|| Sha::new(found))
    }

    pub(super) async fn record(&self, id: AttemptId) -> Option<Record> {
        let tip = self.branch(&id.record_branch()).await?;
        let text = self.git(["cat-file", "blob", &format!("{tip}:record.json")], "").await;
        Some(Record::parse(text.as_bytes()).expect("a record"))
    }

    /// A brief for the shell agent with this command, from the base.
    pub(super) fn brief(&self, command: &str) -> Brief {
        Brief { base: self.base.clone(), start: self.base.clone(), ..brief(command) }
    }

    /// A run with this id that was dispatched for the brief.
    pub(super) async fn run(&self, run_id: u64, brief: &Brief) -> Run {
        let file = brief.key.id.brief_path();
        let commit = self.commit("orchestrate/state", &[(&file, &brief.to_text())], None).await;
        let folder = self.folder.path().join(format!("run-{run_id}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let common = Common { key: brief.key.to_string(), brief: commit.to_string() };
        let server = self.folder.path().to_string_lossy().into_owned();
        let (output, summary) = (folder.join("output"), folder.join("summary"));
        let mut environment = Variables::from([
            ("GITHUB_SERVER_URL", server.into()),
            ("GITHUB_REPOSITORY", "o/r".into()),
            ("GITHUB_RUN_ID", run_id.to_string().into()),
            ("GITHUB_RUN_ATTEMPT", "1".into()),
            ("MODEL_KEY", "canary-canary-canary".into()),
            ("ORCHESTRATOR_TOKEN", "token-canary-token".into()),
        ]);
        environment.insert("PATH", std::env::var_os("PATH").expect("PATH"));
        environment.insert("GITHUB_OUTPUT", output);
        environment.insert("GITHUB_STEP_SUMMARY", summary);
        let job = Job::new(&common, environment, self.program.clone()).expect("a job");
        Run { job, common, folder }
    }
}

impl Run {
    pub(super) fn out(&self) -> PathBuf {
        self.folder.join("out")
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    pub(super) async fn claim(&self) -> Result<bool, Error> {
        claim::run(&self.job, &ClaimOptions { common: self.common.clone() }).await
    }

    pub(super) async fn fetch(&self) -> Result<(), Error> {
        let (common, work) = (self.common.clone(), self.folder.join("work"));
        fetch::run(&self.job, &FetchOptions { common, work, out: self.out() }).await
    }

    pub(super) async fn agent(&self) -> Report {
        self.fetch().await.expect("fetched");
        let (common, work) = (self.common.clone(), self.folder.join("work"));
        let ran = agent::run(&self.job, &AgentOptions { common, work, out: self.out() }).await;
        ran.expect("the worker did not fail").expect("no re-run")
    }

    pub(super) async fn publish(&self, from: &Path) -> Result<Option<Published>, Error> {
        publish::run(&self.job, &PublishOptions { common: self.common.clone(), from: from.to_owned() }).await
    }
}
