//! The whole of GitHub in memory, for fast and deterministic tests: the world, a git repository without files, and a
//! worker that does what a script says.
//!
//! [`MemoryForge`] is the App's view: it implements [`GitHub`] and [`Git`]. Its verbs are everybody else: people, the
//! worker, checks, time and faults. Nothing happens on its own; a run stays queued until the script takes it.

pub mod edit;
pub mod fault;
pub mod merge;
pub mod people;
pub mod repository;
pub mod worker;

#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::id::{Login, RepositoryName, Sha};
use crate::engine::snapshot::Actor;
use crate::engine::time::Timestamp;
use crate::forge::memory::fault::{Fault, Faults, Target};
use crate::forge::memory::merge::OnConflict;
use crate::forge::memory::repository::Repository;
use crate::forge::world::request::Request;
use crate::forge::world::setup::{InputFacts, JobFacts, Setup, WorkflowFacts};
use crate::forge::world::webhook::Webhook;
use crate::forge::world::{ACTIONS_BOT, Applied, World};
use crate::git;
use crate::git::Git;
use crate::github;
use crate::github::{Error, GitHub, Response};

/// The workflow file that [`MemoryForge::new`] puts on the default branch.
pub const WORKFLOW: &str = "task.yml";

/// GitHub, git, people and runners in memory.
#[derive(Debug)]
pub struct MemoryForge {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    world: World,
    repository: Repository,
    now: Timestamp,
    webhooks: Vec<Webhook>,
    /// Nothing: no log is kept.
    log: Option<Vec<(Timestamp, Request)>>,
    faults: Faults,
}

impl MemoryForge {
    /// A repository `acme/widgets` owned by `owner`, with these files on `main`, the task workflow, and GitHub's API
    /// limits off; the clock stands at `now`.
    pub fn new(files: &[(&str, &str)], now: Timestamp) -> Self {
        let mut setup = Setup::new(RepositoryName::new("acme/widgets"), "main", Login::new("owner"));
        setup.limits = crate::forge::world::setup::ApiLimits::None;
        setup.workflows.insert(WORKFLOW.to_owned(), task_workflow());
        Self::with_setup(setup, files, now)
    }

    /// A repository set up as told, with these files as the default branch's first commit.
    pub fn with_setup(mut setup: Setup, files: &[(&str, &str)], now: Timestamp) -> Self {
        let mut repository = Repository::default();
        let tree = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().into())).collect();
        let first = repository.commit(Vec::new(), tree, "first", now);
        repository.set_branch(&setup.default_branch, Some(first.clone()));
        setup.branches.insert(setup.default_branch.clone(), first);
        let world = World::new(setup);
        let (webhooks, log, faults) = (Vec::new(), Some(Vec::new()), Faults::default());
        Self { state: Mutex::new(State { world, repository, now, webhooks, log, faults }) }
    }

    /// The same without a log of its writes, for long stories.
    #[must_use]
    pub fn without_log(self) -> Self {
        self.locked().log = None;
        self
    }

    /// Looks at the world and the repository where they are, without copying them.
    pub fn look<T>(&self, at: impl FnOnce(&World, &Repository) -> T) -> T {
        let state = self.locked();
        at(&state.world, &state.repository)
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        self.locked().now
    }

    /// Puts the clock to a moment.
    pub fn set_now(&self, now: Timestamp) {
        self.locked().now = now;
    }

    /// The world as it is now.
    pub fn world(&self) -> World {
        self.locked().world.clone()
    }

    /// The repository as it is now.
    pub fn repository(&self) -> Repository {
        self.locked().repository.clone()
    }

    /// Where a branch is.
    pub fn branch(&self, branch: &str) -> Option<Sha> {
        self.locked().repository.branch(branch).cloned()
    }

    /// A file's text at a branch or commit; nothing where it is not there or no UTF-8.
    pub fn file(&self, reference: &str, path: &str) -> Option<String> {
        let state = self.locked();
        String::from_utf8(state.repository.file(reference, path)?.to_vec()).ok()
    }

    /// The webhooks since the last call, oldest first.
    pub fn drain_webhooks(&self) -> Vec<Webhook> {
        std::mem::take(&mut self.locked().webhooks)
    }

    /// Every accepted write so far with its moment: applied to a world with the same set-up it gives this world.
    pub fn log(&self) -> Vec<(Timestamp, Request)> {
        self.locked().log.clone().unwrap_or_default()
    }

    /// Applies a request to the world, git asked where it must be.
    ///
    /// # Errors
    /// As the API.
    pub fn apply(&self, request: Request) -> Result<Response, Error> {
        self.locked().apply(request)
    }

    /// Makes something go wrong with the next call that fits; faults are used up in the order they were planned.
    pub fn plan_fault(&self, target: Target, fault: Fault) {
        self.locked().faults.plan(target, fault);
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An API call of the App.
    ///
    /// # Errors
    /// As GitHub, and what was planned to go wrong.
    pub fn call(&self, request: github::Request) -> Result<Response, Error> {
        let mut state = self.locked();
        let fault = state.faults.take(|target| target.is_call(&request));
        let actor = state.world.app_bot();
        let api = Request::Api { actor, request, git: None };
        match fault {
            None => state.apply(api),
            Some(Fault::Instead(error)) => Err(error),
            Some(Fault::AnswerLost) => {
                // What came of it stays unknown to the caller, good or bad.
                drop(state.apply(api));
                Err(Error::Unreachable { message: "the answer was lost".to_owned() })
            }
        }
    }
}

impl State {
    fn apply(&mut self, mut request: Request) -> Result<Response, Error> {
        let now = self.now;
        let question = self.world.git_question(&request, now);
        let answer = question.map(|question| self.repository.answer(question, now));
        if let Request::Api { git, .. } | Request::Person { git, .. } = &mut request {
            *git = answer;
        }
        let logged = (self.log.is_some() && request.is_write()).then(|| request.clone());
        let Applied { response, webhooks } = self.world.apply(request, now);
        if let (Ok(_), Some(log)) = (&response, &mut self.log) {
            log.extend(logged.map(|request| (now, request)));
        }
        self.webhooks.extend(webhooks);
        response
    }

    /// Moves a branch by a push and tells the world.
    fn push(&mut self, actor: Actor, branch: &str, after: Option<Sha>) -> Result<Response, Error> {
        let before = self.repository.set_branch(branch, after.clone());
        self.apply(Request::Pushed { actor, branch: branch.to_owned(), before, after })
    }
}

impl GitHub for MemoryForge {
    async fn send(&self, request: github::Request) -> Result<Response, Error> {
        self.call(request)
    }
}

impl Git for MemoryForge {
    async fn move_branch(&self, branch: &str, expected: Option<&Sha>, to: &Sha) -> Result<(), git::Error> {
        let mut state = self.locked();
        let fault = state.faults.take(Target::is_move_branch);
        if let Some(Fault::Instead(error)) = &fault {
            return Err(git::Error::Failed { message: error.to_string() });
        }
        let found = state.repository.branch(branch);
        if found != expected {
            return Err(git::Error::Moved { found: found.cloned() });
        }
        if state.repository.get(to).is_none() {
            return Err(git::Error::Missing { what: format!("commit {to}") });
        }
        let actor = state.world.app_bot();
        let pushed = state.push(actor, branch, Some(to.clone()));
        match (pushed, fault) {
            (_, Some(_)) => Err(git::Error::Failed { message: "the answer was lost".to_owned() }),
            (Err(error), None) => Err(git::Error::Failed { message: error.to_string() }),
            (Ok(_), None) => Ok(()),
        }
    }

    async fn parents(&self, commit: &Sha) -> Result<Vec<Sha>, git::Error> {
        let state = self.locked();
        let found = state.repository.get(commit);
        let found = found.ok_or_else(|| git::Error::Missing { what: format!("commit {commit}") })?;
        Ok(found.parents.clone())
    }

    async fn paths(&self, commit: &Sha) -> Result<Vec<String>, git::Error> {
        let state = self.locked();
        let found = state.repository.get(commit);
        let found = found.ok_or_else(|| git::Error::Missing { what: format!("commit {commit}") })?;
        Ok(found.tree.keys().cloned().collect())
    }

    async fn files(&self, commit: &Sha) -> Result<git::Files, git::Error> {
        let state = self.locked();
        let found = state.repository.get(commit);
        let found = found.ok_or_else(|| git::Error::Missing { what: format!("commit {commit}") })?;
        Ok(git::Files::Held(found.tree.clone()))
    }

    async fn merge_conflicts(&self, ours: &Sha, theirs: &Sha) -> Result<Vec<String>, git::Error> {
        let state = self.locked();
        for commit in [ours, theirs] {
            if state.repository.get(commit).is_none() {
                return Err(git::Error::Missing { what: format!("commit {commit}") });
            }
        }
        Ok(state.repository.merged_tree(ours, theirs, OnConflict::Refuse).err().unwrap_or_default())
    }

    async fn changes(&self, other: &Sha, commit: &Sha, paths: &[String], bytes: usize) -> Result<String, git::Error> {
        let mut diff = self.locked().repository.changes(other, commit, paths);
        diff.truncate(diff.floor_char_boundary(bytes));
        Ok(diff)
    }
}

/// The account of a workflow's own token.
pub fn actions_bot() -> Actor {
    Actor { login: Login::new(ACTIONS_BOT), bot: true }
}

/// What the bundled workflow says, as far as the world must know it.
pub fn task_workflow() -> WorkflowFacts {
    let input = |name: &str| (name.to_owned(), InputFacts { required: true, default: None });
    let job = |id: &str, needs: &[&str]| JobFacts {
        id: id.to_owned(),
        name: id.to_owned(),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
    };
    WorkflowFacts {
        name: "orchestrate task".to_owned(),
        run_name: Some("orchestrate ${{ inputs.key }}".to_owned()),
        inputs: [input("key"), input("brief")].into(),
        jobs: vec![job("claim", &[]), job("agent", &["claim"]), job("publish", &["claim", "agent"])],
        ..WorkflowFacts::default()
    }
}
