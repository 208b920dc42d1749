//! What stands between the orchestrator and the world: passes everything on, and can crash the orchestrator at any
//! write or save, before or after it happens.

use std::sync::{Arc, Mutex};
use std::task::Poll;

use task_orchestrator::engine::config::Settings;
use task_orchestrator::engine::event::Hint;
use task_orchestrator::engine::id::{Login, Owner, RepositoryName, Sha};
use task_orchestrator::engine::plan::{Change, Plan};
use task_orchestrator::engine::time::Timestamp;
use task_orchestrator::forge::memory::MemoryForge;
use task_orchestrator::forge::world::webhook::Webhook;
use task_orchestrator::git::{self, Git};
use task_orchestrator::github::{Error as ApiError, GitHub, Request, Response};
use task_orchestrator::store::memory::MemoryStore;
use task_orchestrator::store::{Delivery, Error, Lease, Store, Version};

/// When, at its boundary, the orchestrator crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    Before,
    After,
}

/// What somebody else does around the next call that fits.
struct Meanwhile {
    moment: Crash,
    fits: fn(&Request) -> bool,
    act: Box<dyn FnOnce(&MemoryForge) + Send>,
}

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} a call", self.moment)
    }
}

/// Which reads show an old view, and that view once there is one.
#[derive(Debug)]
struct Frozen {
    fits: fn(&Request) -> bool,
    view: Option<Result<Response, ApiError>>,
}

/// Passes calls on and counts boundaries.
#[derive(Debug)]
pub(crate) struct Desk {
    forge: Arc<MemoryForge>,
    boundaries: Mutex<u32>,
    planned: Mutex<Option<(u32, Crash)>>,
    dispatched: Mutex<Vec<String>>,
    failed: Mutex<u32>,
    meanwhile: Mutex<Option<Meanwhile>>,
    frozen: Mutex<Option<Frozen>>,
    tried: Mutex<Vec<(Sha, Sha)>>,
    unreachable: Mutex<bool>,
}

impl Desk {
    pub(crate) fn new(forge: Arc<MemoryForge>) -> Self {
        Self {
            forge,
            boundaries: Mutex::new(0),
            planned: Mutex::new(None),
            dispatched: Mutex::new(Vec::new()),
            failed: Mutex::new(0),
            meanwhile: Mutex::new(None),
            frozen: Mutex::new(None),
            tried: Mutex::default(),
            unreachable: Mutex::default(),
        }
    }

    /// Plans a crash at a boundary, counted from 0 since the beginning.
    pub(crate) fn crash_at(&self, boundary: u32, crash: Crash) {
        *self.planned.lock().expect("no panic") = Some((boundary, crash));
    }

    /// Writes and saves so far.
    pub(crate) fn boundaries(&self) -> u32 {
        *self.boundaries.lock().expect("no panic")
    }

    /// Keys of the runs that the orchestrator's own dispatches made.
    pub(crate) fn dispatched(&self) -> Vec<String> {
        self.dispatched.lock().expect("no panic").clone()
    }

    /// Writes that came to nothing, as far as the orchestrator could tell.
    pub(crate) fn failed(&self) -> u32 {
        *self.failed.lock().expect("no panic")
    }

    /// Commits that were merged for a try, in the order asked.
    pub(crate) fn tried(&self) -> Vec<(Sha, Sha)> {
        self.tried.lock().expect("no panic").clone()
    }

    /// From now on git can, or cannot, be asked whether commits merge.
    pub(crate) fn git_unreachable(&self, unreachable: bool) {
        *self.unreachable.lock().expect("no panic") = unreachable;
    }

    /// Somebody acts right before or after the next call that fits, where no turn can see it coming.
    pub(crate) fn meanwhile(
        &self,
        moment: Crash,
        fits: fn(&Request) -> bool,
        act: impl FnOnce(&MemoryForge) + Send + 'static,
    ) {
        *self.meanwhile.lock().expect("no panic") = Some(Meanwhile { moment, fits, act: Box::new(act) });
    }

    /// From now on reads that fit show what the next one of them shows; with `None` none does any more.
    pub(crate) fn freeze(&self, fits: Option<fn(&Request) -> bool>) {
        *self.frozen.lock().expect("no panic") = fits.map(|fits| Frozen { fits, view: None });
    }

    /// A read, of a view that may be old.
    async fn read(&self, request: Request) -> Result<Response, ApiError> {
        let is_frozen = self.frozen.lock().expect("no panic").as_ref().is_some_and(|frozen| (frozen.fits)(&request));
        let answer = self.forge.send(request).await;
        match self.frozen.lock().expect("no panic").as_mut().filter(|_| is_frozen) {
            Some(frozen) => frozen.view.get_or_insert(answer).clone(),
            None => answer,
        }
    }

    /// Lets whoever waits for this moment of this call act.
    fn let_act(&self, moment: Crash, request: &Request) {
        let mut planned = self.meanwhile.lock().expect("no panic");
        let due = planned.take_if(|planned| planned.moment == moment && (planned.fits)(request));
        drop(planned);
        if let Some(meanwhile) = due {
            (meanwhile.act)(&self.forge);
        }
    }

    fn note<T, E>(&self, answer: Result<T, E>) -> Result<T, E> {
        *self.failed.lock().expect("no panic") += u32::from(answer.is_err());
        answer
    }

    /// Passes a dispatch on and notes its key where it made a run.
    async fn dispatch(&self, request: Request) -> Result<Response, ApiError> {
        let Request::DispatchWorkflow { inputs, .. } = &request else { return self.forge.send(request).await };
        let key = inputs.get("key").cloned().unwrap_or_default();
        let before = self.forge.world().runs().count();
        let answer = self.forge.send(request).await;
        if self.forge.world().runs().count() > before {
            self.dispatched.lock().expect("no panic").push(key);
        }
        answer
    }

    /// Passes a boundary. A crash is a wait that never ends: whoever polls gives up and begins anew.
    async fn boundary<T>(&self, act: impl Future<Output = T>) -> T {
        let at = {
            let mut boundaries = self.boundaries.lock().expect("no panic");
            *boundaries += 1;
            *boundaries - 1
        };
        let planned = *self.planned.lock().expect("no panic");
        let crash = planned.filter(|(boundary, _)| *boundary == at).map(|(_, crash)| crash);
        if crash == Some(Crash::Before) {
            std::future::pending::<()>().await;
        }
        let done = act.await;
        if crash == Some(Crash::After) {
            std::future::pending::<()>().await;
        }
        done
    }
}

impl GitHub for Desk {
    async fn send(&self, request: Request) -> Result<Response, ApiError> {
        let call = request.clone();
        self.let_act(Crash::Before, &call);
        let answer = if request.is_write() {
            self.note(self.boundary(self.dispatch(request)).await)
        } else {
            self.read(request).await
        };
        self.let_act(Crash::After, &call);
        answer
    }
}

impl Git for Desk {
    async fn move_branch(&self, branch: &str, expected: Option<&Sha>, to: &Sha) -> Result<(), git::Error> {
        self.note(self.boundary(self.forge.move_branch(branch, expected, to)).await)
    }

    async fn parents(&self, commit: &Sha) -> Result<Vec<Sha>, git::Error> {
        self.forge.parents(commit).await
    }

    async fn paths(&self, commit: &Sha) -> Result<Vec<String>, git::Error> {
        self.forge.paths(commit).await
    }

    async fn files(&self, commit: &Sha) -> Result<git::Files, git::Error> {
        self.forge.files(commit).await
    }

    async fn merge_conflicts(&self, ours: &Sha, theirs: &Sha) -> Result<Vec<String>, git::Error> {
        if *self.unreachable.lock().expect("no panic") {
            return Err(git::Error::Failed { message: "cut".to_owned() });
        }
        self.tried.lock().expect("no panic").push((ours.clone(), theirs.clone()));
        self.forge.merge_conflicts(ours, theirs).await
    }

    async fn changes(&self, other: &Sha, commit: &Sha, paths: &[String], bytes: usize) -> Result<String, git::Error> {
        self.forge.changes(other, commit, paths, bytes).await
    }
}

/// Where a webhook says to look.
pub(crate) fn hints(webhook: &Webhook) -> Vec<Hint> {
    match webhook {
        Webhook::Issues { number, .. } => vec![Hint::Issue(*number)],
        Webhook::IssueComment { comment, .. } => vec![Hint::Comment(comment.id)],
        Webhook::PullRequest { number, .. } => vec![Hint::Pull(*number)],
        Webhook::WorkflowRun { run, .. } | Webhook::WorkflowJob { run, .. } => vec![Hint::Run(*run, None)],
        Webhook::CheckRun { sha, .. } | Webhook::CheckSuiteCompleted { sha, .. } => vec![Hint::Checks(sha.clone())],
        Webhook::Push { branch, .. } => vec![Hint::Push(branch.clone())],
    }
}

/// Rows in memory; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct MemoryRows {
    desk: Arc<Desk>,
    kept: Arc<Mutex<Option<(Plan, Version)>>>,
    leases: MemoryStore,
    /// Looks at the lease until one stands still.
    pause: Arc<Mutex<Option<u32>>>,
}

impl MemoryRows {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk, kept: Arc::default(), leases: MemoryStore::new(), pause: Arc::default() }
    }

    /// After so many more looks at the lease, whoever looks stands still once, right before it.
    pub(crate) fn pause_after(&self, looks: u32) {
        *self.pause.lock().expect("no panic") = Some(looks);
    }

    /// Stands still where that is planned: a future that waits once.
    async fn pass(&self) {
        let due = {
            let mut pause = self.pause.lock().expect("no panic");
            let due = *pause == Some(0);
            *pause = pause.and_then(|looks| looks.checked_sub(1));
            due
        };
        let mut stood = !due;
        std::future::poll_fn(|_| if std::mem::replace(&mut stood, true) { Poll::Ready(()) } else { Poll::Pending })
            .await;
    }

    /// Everything is gone.
    pub(crate) fn lose(&self) {
        *self.kept.lock().expect("no panic") = None;
    }

    /// Rows as text and back, so that what a database would lose is lost here too (crashes are many, and skip it).
    fn put(&self, repository: &RepositoryName, expected: Version, changes: &[Change]) -> Result<Version, Error> {
        let mut kept = self.kept.lock().expect("no panic");
        let (mut plan, version) = kept.take().unwrap_or_else(|| {
            let settings = Settings::local();
            (Plan::idle(repository.clone(), Login::new("b"), String::new(), settings, Timestamp(0)), 0)
        });
        if version != expected {
            *kept = Some((plan, version));
            return Err(Error::Conflict);
        }
        let crashing = self.desk.planned.lock().expect("no panic").is_some();
        plan.apply(if crashing { changes.to_vec() } else { changes.iter().map(through_text).collect() });
        *kept = Some((plan, version + 1));
        Ok(version + 1)
    }
}

/// A row written as JSON and read again.
fn through_text(change: &Change) -> Change {
    fn again<T: serde::Serialize + serde::de::DeserializeOwned>(row: &T) -> T {
        let text = serde_json::to_string(row).expect("a row can be written");
        serde_json::from_str(&text).expect("a row can be read")
    }
    match change {
        Change::Header(header) => Change::Header(Box::new(again(&**header))),
        Change::Layout(layout) => Change::Layout(Box::new(again(&**layout))),
        Change::Numbers(numbers) => Change::Numbers(Box::new(again(&**numbers))),
        Change::Task(task) => Change::Task(Arc::new(again(&**task))),
        Change::Entry(entry) => Change::Entry(Box::new(again(&**entry))),
        Change::TaskGone(_) | Change::EntryGone(_) => change.clone(),
    }
}

impl Store for MemoryRows {
    async fn acquire(&self, repository: &RepositoryName, owner: &Owner, now: Timestamp) -> Result<Lease, Error> {
        self.leases.acquire(repository, owner, now).await
    }
    async fn renew(&self, repository: &RepositoryName, lease: Lease, now: Timestamp) -> Result<Lease, Error> {
        self.leases.renew(repository, lease, now).await
    }
    async fn release(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        self.leases.release(repository, lease).await
    }
    async fn stands(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        self.pass().await;
        self.leases.stands(repository, lease).await
    }

    async fn load(&self, _: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        Ok(self.kept.lock().expect("no panic").clone())
    }

    async fn save(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> Result<Version, Error> {
        self.leases.stands(repository, lease).await?;
        self.desk.boundary(async { self.put(repository, expected, changes) }).await
    }

    async fn keep(&self, deliveries: &[Delivery]) -> Result<Vec<bool>, Error> {
        Ok(vec![true; deliveries.len()])
    }
    async fn claim(&self, repository: &RepositoryName, lease: Lease, limit: u32) -> Result<Vec<Delivery>, Error> {
        self.leases.claim(repository, lease, limit).await
    }
    async fn unworked(&self, _: &RepositoryName, _: u32) -> Result<Vec<Delivery>, Error> {
        Ok(Vec::new())
    }
    async fn waiting(&self) -> Result<Vec<RepositoryName>, Error> {
        Ok(Vec::new())
    }
    async fn worked(&self, _: &[String]) -> Result<(), Error> {
        Ok(())
    }
    async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        Ok(Vec::new())
    }
    async fn forget(&self, _: Timestamp) -> Result<u64, Error> {
        Ok(0)
    }
    fn is_shared(&self) -> bool {
        false
    }
}
