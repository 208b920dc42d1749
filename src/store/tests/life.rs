//! A whole life of a plan in every store: what each save wrote is read back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::engine::brief::Brief;
use crate::engine::config::{ApprovalPolicy, Settings};
use crate::engine::event::Event;
use crate::engine::id::{IssueNumber, Login, Owner, RepositoryName};
use crate::engine::plan::{Change, Plan};
use crate::engine::time::Timestamp;
use crate::forge::memory::MemoryForge;
use crate::forge::memory::edit::Edit;
use crate::forge::memory::worker::Work;
use crate::perform::Tree;
use crate::store::tests::{START, Spoilable, widgets};
use crate::store::{Delivery, Error, Lease, Store, Version};
use crate::turn::{Configuration, Deployment, load, turn};

/// A store that reads the whole plan back after each save and holds it against the rows it was given.
#[derive(Clone)]
struct Checked<S> {
    store: S,
    expected: Arc<Mutex<Plan>>,
    effects: Arc<Mutex<BTreeMap<&'static str, u32>>>,
}

impl<S: Store> Checked<S> {
    async fn compare(&self, changes: &[Change], version: Version) {
        let found = self.store.load(&widgets()).await.expect("readable").expect("a plan");
        let mut expected = self.expected.lock().expect("no panic");
        expected.apply(changes.to_vec());
        assert_eq!(found, (expected.clone(), version));
        let mut effects = self.effects.lock().expect("no panic");
        for entry in expected.outbox.values() {
            *effects.entry(if entry.attempt.is_some() { "of an attempt" } else { "of the plan" }).or_default() += 1;
        }
    }
}

impl<S: Store> Store for Checked<S> {
    async fn acquire(&self, repository: &RepositoryName, owner: &Owner, now: Timestamp) -> Result<Lease, Error> {
        self.store.acquire(repository, owner, now).await
    }
    async fn renew(&self, repository: &RepositoryName, lease: Lease, now: Timestamp) -> Result<Lease, Error> {
        self.store.renew(repository, lease, now).await
    }
    async fn release(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        self.store.release(repository, lease).await
    }
    async fn stands(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        self.store.stands(repository, lease).await
    }
    async fn load(&self, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        self.store.load(repository).await
    }
    async fn save(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> Result<Version, Error> {
        let version = self.store.save(repository, lease, expected, changes).await?;
        self.compare(changes, version).await;
        Ok(version)
    }
    async fn keep(&self, deliveries: &[Delivery]) -> Result<Vec<bool>, Error> {
        self.store.keep(deliveries).await
    }
    async fn claim(&self, repository: &RepositoryName, lease: Lease, limit: u32) -> Result<Vec<Delivery>, Error> {
        self.store.claim(repository, lease, limit).await
    }
    async fn unworked(&self, repository: &RepositoryName, limit: u32) -> Result<Vec<Delivery>, Error> {
        self.store.unworked(repository, limit).await
    }
    async fn waiting(&self) -> Result<Vec<RepositoryName>, Error> {
        self.store.waiting().await
    }
    async fn worked(&self, guids: &[String]) -> Result<(), Error> {
        self.store.worked(guids).await
    }
    async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        self.store.repositories().await
    }
    async fn forget(&self, before: Timestamp) -> Result<u64, Error> {
        self.store.forget(before).await
    }
    fn is_shared(&self) -> bool {
        false
    }
}

pub(super) async fn a_whole_life_reads_back_as_it_was_saved(store: impl Spoilable) {
    let forge = Arc::new(MemoryForge::new(&[("a.txt", "a\n"), ("b.txt", "b\n")], START));
    let settings = Settings { approval: ApprovalPolicy::Label, auto_merge: true, ..Settings::local() };
    let bot = Login::new("task-orchestrator[bot]");
    let idle = Plan::idle(widgets(), bot.clone(), "seed".to_owned(), settings.clone(), START);
    let expected = Arc::new(Mutex::new(idle));
    let deployment = Deployment {
        github: forge.clone(),
        git: forge.clone(),
        store: Checked { store, expected, effects: Arc::default() },
        repository: widgets(),
        owner: Owner::new("here"),
        bot,
        seed: "seed".to_owned(),
        configuration: Configuration::Fixed(Box::new(settings)),
        tree: Tree::default(),
    };
    forge.open_issue(1, "one", "Files: a.txt", &["orchestrate"]).expect("an issue");
    forge.open_issue(2, "two", "Files: a.txt\nDepends on: #77", &["orchestrate"]).expect("an issue");
    forge.open_issue(3, "three", "Files: b.txt", &["orchestrate"]).expect("an issue");
    let mut held = load(&deployment, START).await.expect("an idle plan");
    let mut now = START;
    let agent = |brief: &Brief| match brief.issue.0 {
        3 => Work::Failed("no way".to_owned()),
        _ => Work::Changed(brief.files.iter().map(|path| Edit::append(path, "more\n")).collect()),
    };
    for _ in 0..12 {
        turn(&deployment, &mut held, vec![Event::Tick], now).await.expect("a turn");
        forge.work_off(agent).expect("runs");
        now = now + Duration::from_secs(10);
        forge.set_now(now);
    }
    let merged = held.plan.task_of(IssueNumber(1)).is_some_and(|task| task.verdict.is_some());
    let failed = held.plan.task_of(IssueNumber(3)).is_some_and(|task| task.counters.failures > 1);
    assert!(merged && failed && held.version > 10, "the story went nowhere: {:#?}", held.plan.tasks);
    let effects = deployment.store.effects.lock().expect("no panic").clone();
    assert_eq!(effects.len(), 2, "effects of both kinds were saved: {effects:?}");
}
