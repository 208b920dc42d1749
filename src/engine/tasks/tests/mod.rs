//! The index says what a walk over all tasks says, whatever came, changed and went.

mod events;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use crate::engine::attempt::{Attempt, Stand};
use crate::engine::brief::Mode;
use crate::engine::config::Settings;
use crate::engine::draft::Draft;
use crate::engine::facts::{Priority, area};
use crate::engine::footprint::{Claim, Footprint, Source, Strength};
use crate::engine::id::{AttemptId, AttemptKey, IssueNumber, Login, Owner, PullNumber, RepositoryName, Sha, TaskId};
use crate::engine::plan::{Plan, PlanStatus};
use crate::engine::task::{Approval, Hold, Pull, Stage, Task, Verdict};
use crate::engine::tasks::{Key, Place, Tasks, own_keys, start_key};
use crate::engine::time::Timestamp;

/// Issues of the plans made here.
const ISSUES: u64 = 12;

/// The moment at which they are looked at.
pub(in crate::engine) const NOW: Timestamp = Timestamp(1_000);

/// Any row a task may have, also such as no story leads to.
pub(in crate::engine) fn any_task() -> impl Strategy<Value = Task> {
    let life = (0..6_usize, 0..6_usize, any::<[bool; 9]>(), 0..3_usize, 0..8_u32);
    let links = (proptest::collection::vec(1..=ISSUES + 2, 0..3), "(~?[abc]( ~?(d/|d/[xy]))?)?", 0..4_usize);
    (1..=ISSUES, life, links).prop_map(
        |(issue, (stage, verdict, flags, phase, passed_over), (depends, files, pull))| {
            let mut task = Task::waiting(IssueNumber(issue), "title", "body", &[], NOW);
            let stages = [Stage::Waiting, Stage::Waiting, Stage::Error, Stage::Running, Stage::Complete, Stage::PrOpen];
            let verdicts = [Verdict::Merged, Verdict::NoChange, Verdict::Cancelled, Verdict::Escalated];
            let [unapproved, uninferred, left, cancel_asked, locked, live, held, later, told] = flags;
            task.stage = stages[stage];
            task.verdict = verdicts.get(verdict).copied();
            task.facts.depends_on = depends.into_iter().map(IssueNumber).collect();
            task.facts.priority = (told && later).then_some(Priority::High);
            task.footprint = footprint(&files);
            let Task { title, body, digest, .. } = task.clone();
            let approval = Approval { title, body, digest, by: Login::new("ann"), at: NOW };
            task.approval = Some(approval).filter(|_| !(unapproved && told));
            task.inferred = !(uninferred && told);
            task.left = left && told;
            task.cancel_asked = cancel_asked && told;
            task.locked_since = locked.then_some(Timestamp(passed_over.into()));
            task.hold = (held && !told).then(|| Hold::Decision { question: String::new() });
            task.not_before = Timestamp(if later { 2_000 } else { 500 * passed_over as i64 / 4 });
            task.phase = phase;
            task.remaining = passed_over / 3;
            task.counters.passed_over = passed_over;
            task.issue_open = unapproved;
            if live || told {
                task.attempts.push(attempt(issue, live));
            }
            task.pull = pull.checked_sub(1).map(|kind| pull_of(issue, kind));
            task
        },
    )
}

fn footprint(files: &str) -> Footprint {
    Footprint::from_claims(files.split_whitespace().map(|file| {
        let (path, strength, source) = match file.strip_prefix('~') {
            Some(path) => (path, Strength::Soft, Source::Inferred),
            None => (file, Strength::Hard, Source::Declared),
        };
        Claim { area: area(path).expect("a path"), strength, source, evidence: String::new() }
    }))
}

fn attempt(issue: u64, live: bool) -> Attempt {
    let key = AttemptKey { id: AttemptId { issue: IssueNumber(issue), n: 1 }, nonce: "0".repeat(16) };
    let mut attempt = Attempt::planned(key, Mode::Task, Sha::new("a"), Sha::new("a"), NOW);
    attempt.commit = Some(Sha::new("c"));
    attempt.stand = if live { Stand::Claimed } else { Stand::Ended };
    attempt
}

fn pull_of(issue: u64, kind: usize) -> Pull {
    let mut pull = Pull::opened(PullNumber(100 + issue / 2), Sha::new("c"), NOW);
    pull.open = kind == 0;
    pull.merged = kind == 1;
    pull
}

/// A plan of these rows, under way.
pub(in crate::engine) fn plan_of(rows: Vec<Task>, open_phase: usize) -> Plan {
    let (repository, bot) = (RepositoryName::new("acme/widgets"), Login::new("bot"));
    let mut plan = Plan::idle(repository, bot, String::new(), Settings::local(), NOW);
    plan.header.status = PlanStatus::Active;
    plan.header.open_phase = open_phase;
    rows.into_iter().for_each(|row| plan.tasks.insert(Arc::new(row)));
    plan
}

/// A draft over a plan with rows changed, added and taken out.
pub(in crate::engine) fn changed(plan: &Plan, rows: Vec<Task>, gone: Vec<u64>) -> Draft<'_> {
    let mut draft = Draft::new(plan, NOW, &Owner::new("test"));
    rows.into_iter().for_each(|row| draft.add_task(row));
    gone.into_iter().for_each(|issue| draft.remove_task(TaskId(IssueNumber(issue))));
    draft
}

/// What a walk over all rows says: the keys, those of startable tasks, and the strangers.
fn walk(draft: &Draft<'_>) -> (Vec<Key>, Vec<Key>, Vec<IssueNumber>) {
    let mut own = BTreeSet::new();
    for task in draft.tasks() {
        own_keys(task, Place::OWN, &mut |key| {
            own.insert(key);
        });
    }
    let start: BTreeSet<Key> = draft.tasks().filter_map(|task| start_key(task, |id| draft.task(id))).collect();
    let depends: BTreeSet<IssueNumber> = draft.tasks().flat_map(crate::engine::waits::dependencies).collect();
    let strangers = depends.into_iter().filter(|issue| draft.task(TaskId(*issue)).is_none()).collect();
    (own.into_iter().collect(), start.into_iter().collect(), strangers)
}

/// What the index of a plan says.
fn index(tasks: &Tasks) -> (Vec<Key>, Vec<Key>, Vec<IssueNumber>) {
    let (from, to) = Place::startable(0..=usize::MAX);
    let own = tasks.keys(Place::Live, Place::Gate(usize::MAX)).copied().collect();
    (own, tasks.keys(from, to).copied().collect(), tasks.strangers().collect())
}

fn rows(most: usize) -> impl Strategy<Value = Vec<Task>> {
    proptest::collection::vec(any_task(), 0..most)
}

proptest! {
    #[test]
    fn an_index_kept_up_equals_one_made_anew(
        first in rows(20), gone in proptest::collection::vec(1..=ISSUES, 0..6), then in rows(8)
    ) {
        let mut plan = plan_of(first, 0);
        gone.iter().for_each(|issue| plan.tasks.remove(TaskId(IssueNumber(*issue))));
        then.into_iter().for_each(|row| plan.tasks.insert(Arc::new(row)));
        let anew: Tasks = plan.tasks.values().cloned().collect();
        prop_assert_eq!(index(&plan.tasks), walk(&Draft::view(&plan, NOW)));
        prop_assert_eq!(index(&plan.tasks), index(&anew));
        prop_assert_eq!(format!("{:?}", plan.tasks.areas), format!("{:?}", anew.areas));
    }

    #[test]
    fn a_draft_finds_what_the_plan_finds_once_it_is_applied(
        first in rows(20), then in rows(6), gone in proptest::collection::vec(1..=ISSUES, 0..3), phase in 0..4_usize
    ) {
        let plan = plan_of(first, 0);
        let draft = changed(&plan, then, gone);
        let (own, start, strangers) = walk(&draft);
        prop_assert_eq!(draft.between(Place::Live, Place::Gate(usize::MAX)).collect::<Vec<Key>>(), own.clone());
        prop_assert_eq!(draft.strangers(), strangers.clone());
        let startable = draft.startable();
        let of = |fits: &dyn Fn(usize) -> bool| -> Vec<TaskId> {
            let phase = |id: &TaskId| draft.task(*id).is_some_and(|task| fits(task.phase));
            start.iter().map(|(_, id)| *id).filter(phase).collect()
        };
        let ids = |task: &Task| task.id;
        prop_assert_eq!(startable.in_phase(phase).map(ids).collect::<Vec<_>>(), of(&|of| of == phase));
        prop_assert_eq!(startable.before(phase).map(ids).collect::<Vec<_>>(), of(&|of| of < phase));
        let mut applied = plan.clone();
        applied.apply(draft.finish().0);
        prop_assert_eq!(index(&applied.tasks), (own, start, strangers));
    }
}
