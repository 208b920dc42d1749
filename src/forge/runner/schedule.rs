//! What is taken up and when: queued runs by age, heads of pull requests without a check, each up to a limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::engine::id::{RunId, Sha};
use crate::engine::snapshot::{Conclusion, Progress};
use crate::forge::runner::check::{CheckTask, Subject};
use crate::forge::runner::interrupt::Interrupt;
use crate::forge::runner::run::RunTask;
use crate::forge::runner::{CHECK_APP, Check, Host, Shared};
use crate::forge::world::World;
use crate::forge::world::request::{Request, RunnerAct};
use crate::forge::world::state::{Cancel, JobEntry, PullEntry, RunEntry};

/// Takes work until it is told to stop, then ends what runs.
pub(super) async fn work<H: Host>(shared: Arc<Shared<H>>, stop: CancellationToken) {
    let mut changes = shared.host.changes();
    let mut schedule = Schedule {
        shared,
        runs: BTreeMap::new(),
        checks: BTreeMap::new(),
        tried_runs: BTreeSet::new(),
        tried_checks: BTreeSet::new(),
        tasks: JoinSet::new(),
    };
    // They end with this.
    let _clocks = clocks(&schedule.shared);
    loop {
        changes.borrow_and_update();
        schedule.pass_on();
        schedule.begin_runs();
        schedule.begin_checks();
        tokio::select! {
            () = stop.cancelled() => break,
            changed = changes.changed() => if changed.is_err() { break },
            Some(joined) = schedule.tasks.join_next_with_id() => {
                schedule.ended(joined.map_or_else(|error| error.id(), |(task, ())| task));
            }
        }
    }
    schedule.end().await;
}

/// Starts workflows by the clock, counted from now.
fn clocks<H: Host>(shared: &Arc<Shared<H>>) -> JoinSet<()> {
    let mut clocks = JoinSet::new();
    for (name, workflow) in &shared.options.workflows {
        let Some(minutes) = workflow.triggers.every_minutes else { continue };
        let (shared, workflow) = (Arc::clone(shared), name.clone());
        let length = Duration::from_secs(u64::from(minutes) * 60);
        clocks.spawn(async move {
            loop {
                tokio::time::sleep(length).await;
                let act = RunnerAct::Due { workflow: workflow.clone() };
                if let Err(error) = shared.host.apply(Request::Runner(act)).await {
                    tracing::warn!(%error, workflow, "the clock started nothing");
                }
            }
        });
    }
    clocks
}

/// Something under way.
struct Active {
    task: Id,
    tell: watch::Sender<Interrupt>,
}

struct Schedule<H> {
    shared: Arc<Shared<H>>,
    runs: BTreeMap<(RunId, u32), Active>,
    checks: BTreeMap<Subject, Active>,
    /// Attempts of runs that were ended here and that the world still holds for open: not tried again.
    tried_runs: BTreeSet<(RunId, u32)>,
    /// Heads that could not be checked with the base as it is.
    tried_checks: BTreeSet<Subject>,
    tasks: JoinSet<()>,
}

impl<H: Host> Schedule<H> {
    /// Tells runs that somebody wants to see them ended.
    fn pass_on(&self) {
        for ((id, _), active) in &self.runs {
            let asked = self.shared.host.look(|world| world.run(*id).and_then(|run| run.cancel));
            let interrupt = match asked {
                None => Interrupt::None,
                Some(Cancel::Asked) => Interrupt::Cancel,
                Some(Cancel::Forced) => Interrupt::Force,
            };
            active.tell.send_if_modified(|told| {
                let is_new = *told < interrupt;
                *told = interrupt.max(*told);
                is_new
            });
        }
    }

    fn begin_runs(&mut self) {
        let free = self.shared.options.parallel.saturating_sub(self.runs.len());
        let is_open = |run: &&RunEntry| {
            let key = (run.id, run.attempt);
            run.progress == Progress::Queued && !self.runs.contains_key(&key) && !self.tried_runs.contains(&key)
        };
        let may = |world: &World, run: &RunEntry| !world.waits_for_its_group(run.id);
        let queued: Vec<(RunEntry, Vec<JobEntry>)> = self.shared.host.look(|world| {
            let taken = world.runs().filter(is_open).filter(|run| may(world, run)).take(free);
            taken.map(|run| (run.clone(), world.jobs_of(run.id).cloned().collect())).collect()
        });
        for (run, jobs) in queued {
            let (tell, interrupt) = watch::channel(Interrupt::None);
            let key = (run.id, run.attempt);
            let shared = Arc::clone(&self.shared);
            let task = match self.shared.options.workflows.get(&run.workflow).cloned() {
                Some(workflow) => self.tasks.spawn(RunTask::new(shared, run, jobs, workflow, interrupt).run()),
                None => {
                    tracing::error!(run = %run.id, workflow = run.workflow, "the runner knows no such workflow");
                    self.tasks.spawn(end_run(shared, run.id, Conclusion::StartupFailure))
                }
            };
            self.runs.insert(key, Active { task: task.id(), tell });
        }
    }

    fn begin_checks(&mut self) {
        let Some(check) = self.shared.options.check.clone() else { return };
        let wanted = self.shared.host.look(|world| subjects(world, &check));
        self.tried_checks.retain(|subject| wanted.contains(subject));
        for subject in wanted {
            let is_full = self.checks.len() >= self.shared.options.parallel;
            let runs = self.checks.keys().any(|active| active.head == subject.head);
            if is_full || runs || self.tried_checks.contains(&subject) {
                continue;
            }
            let (tell, interrupt) = watch::channel(Interrupt::None);
            let (shared, check) = (Arc::clone(&self.shared), check.clone());
            let task = CheckTask { shared, check, subject: subject.clone(), interrupt };
            let task = self.tasks.spawn(task.run()).id();
            self.checks.insert(subject, Active { task, tell });
        }
    }

    /// Takes note of an end. A run that the world still holds for open broke down here, or the world refused its
    /// beginning: it is ended there and not tried again.
    fn ended(&mut self, task: Id) {
        if let Some(key) = self.runs.iter().find(|(_, active)| active.task == task).map(|(key, _)| *key) {
            self.runs.remove(&key);
            let is_open = |run: &RunEntry| run.attempt == key.1 && run.progress != Progress::Completed;
            if self.shared.host.look(|world| world.run(key.0).is_some_and(is_open)) {
                self.tried_runs.insert(key);
                self.tasks.spawn(end_run(Arc::clone(&self.shared), key.0, Conclusion::Failure));
            }
        }
        if let Some(key) = self.checks.iter().find(|(_, active)| active.task == task).map(|(key, _)| key.clone()) {
            self.checks.remove(&key);
            self.tried_checks.insert(key);
        }
    }

    async fn end(mut self) {
        for active in self.runs.values().chain(self.checks.values()) {
            active.tell.send_replace(Interrupt::Abandon);
        }
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a run broke down in the runner");
            }
        }
    }
}

/// Heads of open pull requests whose check is not over.
fn subjects(world: &World, check: &Check) -> BTreeSet<Subject> {
    let is_checked = |head: &Sha| {
        let ours = |run: &crate::engine::snapshot::CheckRun| run.name == check.name && run.app == CHECK_APP;
        world.checks_of(head).any(|entry| ours(&entry.check) && entry.check.progress == Progress::Completed)
    };
    let subject = |(pull, entry): (_, &PullEntry)| Subject {
        head: entry.head_sha.clone(),
        base: entry.base_branch.clone(),
        base_at: world.branches().get(&entry.base_branch).cloned(),
        pull,
    };
    world.open_heads().filter(|(_, entry)| !is_checked(&entry.head_sha)).map(subject).collect()
}

async fn end_run<H: Host>(shared: Arc<Shared<H>>, run: RunId, conclusion: Conclusion) {
    if let Err(error) = shared.host.apply(Request::Runner(RunnerAct::RunEnded { run, conclusion })).await {
        tracing::warn!(%error, %run, "the world refuses what the runner tells");
    }
}
