//! A forge over HTTP that behaves as GitHub does, the real client on it, and runs done by hand: on the test's own time.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use secrecy::SecretString;

use crate::engine::brief::Brief;
use crate::engine::config::Settings;
use crate::engine::id::{AttemptKey, IssueNumber, JobId, Login, RepositoryName, RunId, Sha};
use crate::engine::record::{Claimed, Published, RECORD_FILE, Record};
use crate::engine::report::{Report, ReportOutcome};
use crate::engine::snapshot::{Actor, Conclusion, Progress};
use crate::engine::time::Timestamp;
use crate::forge::http::{Clock, Forge, ForgeOptions, Handle};
use crate::forge::memory::task_workflow;
use crate::forge::world::ACTIONS_BOT;
use crate::forge::world::request::{PersonAct, Request, RunnerAct, SeedIssue};
use crate::forge::world::setup::ApiLimits;
use crate::git::command::Program;
use crate::github::auth::{App, AppCredentials};
use crate::github::client::Transport;
use crate::github::{self, NewFile, Response};
use crate::server::{AppConnector, AppOptions, OnboardingPolicy};
use crate::store::memory::MemoryStore;
use crate::turn::Configuration;

use super::START;

/// The forge and what reaches it.
pub(super) struct Site {
    pub(super) forge: Forge,
    pub(super) handle: Handle,
    pub(super) app: Arc<App>,
    pub(super) store: MemoryStore,
    now: Arc<AtomicI64>,
    folder: tempfile::TempDir,
}

pub(super) fn repository() -> RepositoryName {
    RepositoryName::new("octo/widgets")
}

/// A repository with these files and one for each of so many tasks.
fn source(folder: &Path, tasks: u64, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("a file");
    }
    for number in 1..=tasks {
        std::fs::write(folder.join(format!("f{number}.txt")), "one\n").expect("a file");
    }
    for arguments in [
        &["init", "--quiet", "--initial-branch=trunk"][..],
        &["add", "."],
        &["-c", "user.name=u", "-c", "user.email=u@example.com", "commit", "--quiet", "-m", "first"],
    ] {
        assert!(Command::new("git").arg("-C").arg(folder).args(arguments).status().expect("git").success());
    }
}

impl Site {
    /// Issues 1 to `tasks`, each about a file of its own; GitHub's limits are in force.
    pub(super) async fn start(tasks: u64) -> Self {
        Self::on(
            tasks,
            &[(".github/workflows/task.yml", "name: task\n"), (".github/orchestrator.yml", "heartbeat: 60s\n")],
        )
        .await
    }

    /// A repository that nobody has set up, without issues.
    pub(super) async fn bare() -> Self {
        Self::on(0, &[("README.md", "widgets\n")]).await
    }

    async fn on(tasks: u64, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        source(&folder.path().join("source"), tasks, files);
        let now = Arc::new(AtomicI64::new(START.0));
        let (forge_time, our_time) = (Arc::clone(&now), Arc::clone(&now));
        let issue = |number| SeedIssue {
            number: IssueNumber(number),
            title: format!("Task {number}"),
            body: format!("Files: f{number}.txt"),
            labels: vec!["orchestrate".to_owned()],
        };
        let forge = Forge::start(ForgeOptions {
            state: folder.path().join("state"),
            source: folder.path().join("source"),
            repository: repository(),
            owner: Login::new("owner"),
            issues: (1..=tasks).map(issue).collect(),
            webhook: None,
            port: 0,
            limits: ApiLimits::Github,
            added: std::collections::BTreeMap::new(),
            workflows: [("task.yml".to_owned(), task_workflow())].into(),
            clock: Clock::new(move || Timestamp(forge_time.load(Ordering::SeqCst))),
        });
        let forge = forge.await.expect("the forge starts");
        let clock = Arc::new(move || Timestamp(our_time.load(Ordering::SeqCst)));
        let transport = Transport::new(forge.base_url(), clock).expect("loopback");
        let credentials = AppCredentials { app_id: forge.app_id().to_string(), key: forge.private_key_pem() };
        let app = Arc::new(App::new(Arc::new(transport), &credentials).expect("a key"));
        let (handle, store) = (forge.handle(), MemoryStore::new());
        Self { forge, handle, app, store, now, folder }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    pub(super) fn clock(&self) -> crate::github::client::Clock {
        let now = Arc::clone(&self.now);
        Arc::new(move || Timestamp(now.load(Ordering::SeqCst)))
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// The App's way to the repository, its settings as on a server.
    pub(super) fn connector(&self) -> AppConnector<MemoryStore> {
        self.connector_offering(OnboardingPolicy::Never)
    }

    /// The same, where first files are offered.
    pub(super) fn connector_offering(&self, onboarding: OnboardingPolicy) -> AppConnector<MemoryStore> {
        let defaults = Settings { auto_merge: true, ..Settings::server() };
        let options = AppOptions {
            git_url: self.forge.base_url().to_owned(),
            mirrors: self.folder.path().join("mirrors"),
            configuration: Configuration::Repository(Box::new(defaults)),
            onboarding,
            program: Program::default(),
        };
        AppConnector::new(Arc::clone(&self.app), options, self.store.clone()).expect("random numbers")
    }

    /// The owner comments on an issue.
    pub(super) async fn say(&self, number: IssueNumber, words: &str) {
        let actor = Actor { login: Login::new("owner"), bot: false };
        let act = PersonAct::Comment { number, body: words.to_owned() };
        self.handle.apply(Request::Person { actor, act, git: None }).await.expect("a comment");
    }

    /// Runs nobody has begun.
    pub(super) fn queued(&self) -> Vec<RunId> {
        let queued = |world: &crate::forge::world::World| {
            world.runs().filter(|run| run.progress == Progress::Queued).map(|run| run.id).collect()
        };
        self.handle.look(queued)
    }

    async fn ask(&self, request: github::Request) -> Response {
        let actor = Actor { login: Login::new(ACTIONS_BOT), bot: true };
        self.handle.apply(Request::Api { actor, request, git: None }).await.expect("the runner may")
    }

    async fn report(&self, act: RunnerAct) {
        self.handle.apply(Request::Runner(act)).await.expect("the run is under way");
    }

    fn job(&self, run: RunId, key: &str) -> JobId {
        self.handle.look(|world| world.jobs_of(run).find(|job| job.key == key).map(|job| job.job.id)).expect("a job")
    }

    async fn commit(&self, path: &str, content: String, parent: Option<Sha>) -> Sha {
        let files = vec![NewFile { path: path.to_owned(), content }];
        let request = github::Request::CreateCommit { message: "by hand".to_owned(), files, parent };
        let Response::Commit(sha) = self.ask(request).await else { panic!("a commit") };
        sha
    }

    async fn brief(&self, run: RunId) -> (Brief, AttemptKey, Sha) {
        let inputs = self.handle.look(|world| world.run(run).map(|entry| entry.inputs.clone())).expect("a run");
        let key = AttemptKey::parse(&inputs["key"]).expect("a key");
        let reference = inputs["brief"].clone();
        let request = github::Request::File { reference: reference.clone(), path: key.id.brief_path() };
        let Response::File(bytes) = self.ask(request).await else { panic!("a file") };
        (Brief::parse(&bytes).expect("a brief"), key, Sha(reference))
    }

    /// The claim job.
    pub(super) async fn claim(&self, run: RunId) {
        let (_, key, brief) = self.brief(run).await;
        self.report(RunnerAct::JobStarted { job: self.job(run, "claim") }).await;
        let branch = key.id.record_branch();
        let record = Record::claimed(Claimed { run_id: run, run_attempt: 1, key, brief, at: self.now() });
        let sha = self.commit(RECORD_FILE, record.to_text(), None).await;
        self.ask(github::Request::CreateBranch { branch, sha }).await;
        self.report(ended(self.job(run, "claim"))).await;
        self.report(RunnerAct::JobStarted { job: self.job(run, "agent") }).await;
    }

    /// Agent and publish: a line more in the declared file.
    pub(super) async fn finish(&self, run: RunId) {
        let (brief, key, _) = self.brief(run).await;
        self.report(ended(self.job(run, "agent"))).await;
        self.report(RunnerAct::JobStarted { job: self.job(run, "publish") }).await;
        let path = brief.files.first().expect("a declared file").to_string();
        let commit = self.commit(&path, format!("one\n{}\n", brief.issue), Some(brief.start.clone())).await;
        self.ask(github::Request::CreateBranch { branch: key.id.work_branch(), sha: commit.clone() }).await;
        let branch = key.id.record_branch();
        let request = github::Request::File { reference: branch.clone(), path: RECORD_FILE.to_owned() };
        let Response::File(bytes) = self.ask(request).await else { panic!("a file") };
        let published = Published {
            report: Report::ended(ReportOutcome::Changed, ""),
            commit: Some(commit),
            files: vec![path],
            added: 1,
            removed: 0,
            refused: Vec::new(),
            start: brief.start,
            agent_started_at: None,
            agent_ended_at: None,
            at: self.now(),
        };
        let record = Record::parse(&bytes).expect("a record").with_result(published);
        let request = github::Request::Branch { branch: branch.clone() };
        let Response::Ref(tip) = self.ask(request).await else { panic!("a branch") };
        let sha = self.commit(RECORD_FILE, record.to_text(), Some(tip.sha)).await;
        self.ask(github::Request::AdvanceBranch { branch, sha }).await;
        self.report(ended(self.job(run, "publish"))).await;
        self.report(RunnerAct::RunEnded { run, conclusion: Conclusion::Success }).await;
    }

    /// The secret of webhooks here.
    pub(super) fn secret() -> SecretString {
        super::secret()
    }
}

fn ended(job: JobId) -> RunnerAct {
    RunnerAct::JobEnded {
        job,
        conclusion: Conclusion::Success,
        outputs: [("won".to_owned(), "true".to_owned())].into(),
    }
}
