//! Runs done by hand at the forge: what claim, agent and publish leave there.

use task_orchestrator::engine::brief::Brief;
use task_orchestrator::engine::id::{AttemptKey, JobId, Login, RunId, Sha};
use task_orchestrator::engine::record::{Claimed, Published, RECORD_FILE, Record};
use task_orchestrator::engine::report::{Report, ReportOutcome};
use task_orchestrator::engine::snapshot::{Actor, Conclusion};
use task_orchestrator::forge::http::{Clock, Handle};
use task_orchestrator::forge::world::ACTIONS_BOT;
use task_orchestrator::forge::world::request::{Request, RunnerAct};
use task_orchestrator::github::{self, NewFile, Response};

/// Works runs of a forge.
pub(crate) struct Runs {
    handle: Handle,
    clock: Clock,
}

impl Runs {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle, clock: Clock::system() }
    }

    async fn ask(&self, request: github::Request) -> Response {
        let actor = Actor { login: Login::new(ACTIONS_BOT), bot: true };
        self.handle.apply(Request::Api { actor, request, git: None }).await.expect("the runner may")
    }

    async fn job(&self, run: RunId, key: &str, is_over: bool) {
        let id: Option<JobId> =
            self.handle.look(|world| world.jobs_of(run).find(|job| job.key == key).map(|job| job.job.id));
        let job = id.expect("a job");
        let outputs = [("won".to_owned(), "true".to_owned())].into();
        let act = if is_over {
            RunnerAct::JobEnded { job, conclusion: Conclusion::Success, outputs }
        } else {
            RunnerAct::JobStarted { job }
        };
        self.handle.apply(Request::Runner(act)).await.expect("the run is under way");
    }

    async fn commit(&self, path: &str, content: String, parent: Option<Sha>) -> Sha {
        let files = vec![NewFile { path: path.to_owned(), content }];
        let request = github::Request::CreateCommit { message: "by hand".to_owned(), files, parent };
        let Response::Commit(sha) = self.ask(request).await else { panic!("a commit") };
        sha
    }

    /// Claims a run, adds a line to its declared file, and publishes that.
    pub(crate) async fn finish(&self, run: RunId) {
        let inputs = self.handle.look(|world| world.run(run).map(|entry| entry.inputs.clone())).expect("a run");
        let key = AttemptKey::parse(&inputs["key"]).expect("a key");
        let reference = inputs["brief"].clone();
        let request = github::Request::File { reference: reference.clone(), path: key.id.brief_path() };
        let Response::File(bytes) = self.ask(request).await else { panic!("a file") };
        let brief = Brief::parse(&bytes).expect("a brief");
        let at = self.clock.now();
        self.job(run, "claim", false).await;
        let branch = key.id.record_branch();
        let work = key.id.work_branch();
        let claimed = Claimed { run_id: run, run_attempt: 1, key, brief: Sha(reference), at };
        let record = Record::claimed(claimed);
        let tip = self.commit(RECORD_FILE, record.to_text(), None).await;
        self.ask(github::Request::CreateBranch { branch: branch.clone(), sha: tip.clone() }).await;
        self.job(run, "claim", true).await;
        self.job(run, "agent", false).await;
        self.job(run, "agent", true).await;
        self.job(run, "publish", false).await;
        let path = brief.files.first().expect("a declared file").to_string();
        let commit = self.commit(&path, format!("one\n{}\n", brief.issue), Some(brief.start.clone())).await;
        self.ask(github::Request::CreateBranch { branch: work, sha: commit.clone() }).await;
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
            at,
        };
        let sha = self.commit(RECORD_FILE, record.with_result(published).to_text(), Some(tip)).await;
        self.ask(github::Request::AdvanceBranch { branch, sha }).await;
        self.job(run, "publish", true).await;
        let ended = RunnerAct::RunEnded { run, conclusion: Conclusion::Success };
        self.handle.apply(Request::Runner(ended)).await.expect("the run is under way");
    }
}
