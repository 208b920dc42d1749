//! Who starts is who would start if all tasks were looked at.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::engine::draft::Draft;
use crate::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, Source, Strength};
use crate::engine::graph::Outside;
use crate::engine::id::{IssueNumber, Sha, TaskId};
use crate::engine::overlap;
use crate::engine::plan::Base;
use crate::engine::reconcile::dispatch::{dispatch, pick, ready, running};
use crate::engine::schedule;
use crate::engine::task::{Stage, Task, Verdict, Work};
use crate::engine::tasks::tests::{NOW, any_task, changed, plan_of};
use crate::engine::tests::schedule::{Holder, Naive};
use crate::engine::tests::{POLICIES, any_footprint, areas, cases};
use crate::engine::waits;

/// The scheduler's answer to all tasks at once.
fn walk(draft: &Draft<'_>, slots: usize) -> (Vec<TaskId>, Vec<TaskId>) {
    let locks = waits::locks(draft);
    let idle = |task: &&Task| {
        matches!(task.stage, Stage::Waiting | Stage::Error)
            && task.verdict.is_none()
            && task.live().is_none()
            && !task.cancel_asked
            && !task.left
    };
    let policy = draft.header().settings.overlap;
    let shares = |path: &String, task: &Task| {
        let names = |other: &&Task| other.footprint.claims.iter().any(|claim| overlap::spelled(&claim.area) == *path);
        let unsettled = |other: &&Task| other.verdict.is_none() && !other.left && other.phase == task.phase;
        draft.tasks().filter(unsettled).filter(names).count()
    };
    let contention = |task: &Task| {
        let paths = overlap::hard_paths(&task.footprint, policy);
        paths.iter().map(|path| shares(path, task)).sum::<usize>()
    };
    let startable = draft.startable();
    let candidate = |task| {
        let contention = u32::try_from(contention(task)).expect("few");
        ready(draft, &startable, &locks, task).map(|candidate| schedule::Candidate { contention, ..candidate })
    };
    let candidates: Vec<_> = draft.tasks().filter(idle).filter_map(candidate).collect();
    let picked = schedule::pick(&candidates, &locks, &running(draft), slots, policy);
    (picked.start, picked.passed_over)
}

proptest! {
    #[test]
    fn who_starts_is_who_would_if_all_were_looked_at(
        first in proptest::collection::vec(any_task(), 0..24),
        then in proptest::collection::vec(any_task(), 0..5),
        gone in proptest::collection::vec(1..12_u64, 0..2),
        (phase, slots, policy) in (0..3_usize, 1..5_usize, 0..4_usize),
    ) {
        let policies = [OverlapPolicy::Strict, OverlapPolicy::Balanced, OverlapPolicy::Declared, OverlapPolicy::Off];
        let mut plan = plan_of(first, phase);
        plan.header.settings.overlap = policies[policy];
        let draft = changed(&plan, then, gone);
        prop_assert_eq!(pick(&draft, slots), walk(&draft, slots));
    }
}

/// What a task was dispatched with and what its work really touched, where it has such.
type Past = (Footprint, Option<usize>);

fn any_past() -> impl Strategy<Value = Past> {
    (prop_oneof![2 => Just(Footprint::default()), 1 => any_footprint()], proptest::option::weighted(0.3, 0..3_usize))
}

fn with_past(mut task: Task, (footprint, (dispatched, real)): (Footprint, Past)) -> Task {
    task.footprint = footprint;
    task.dispatched = dispatched;
    task.work = real.map(|file| Work {
        commit: Sha::new("c"),
        files: vec![["d/x.rs", "a.rs", "b.rs"][file].to_owned()],
        hotspots: Vec::new(),
        n: 1,
        at: NOW,
    });
    task
}

/// A task's own lock: what it declares and was dispatched with; once its real files are known, of these only what is
/// hard, and the real ones.
fn lock_of(task: &Task) -> Holder {
    let real = task.work.iter().flat_map(|work| &work.files).map(|path| Claim {
        area: Area::File(path.clone()),
        strength: Strength::Hard,
        source: Source::Real,
        evidence: "in its work".to_owned(),
    });
    let real: Vec<Claim> = real.collect();
    let told = task.footprint.claims.iter().chain(&task.dispatched.claims);
    let told = told.filter(|claim| real.is_empty() || claim.strength == Strength::Hard).cloned();
    let guessed = if task.dispatched.ranked.is_empty() { &task.footprint } else { &task.dispatched };
    let known = |footprint: &Footprint| footprint.claims.iter().any(|claim| claim.source != Source::Inferred);
    let mut held = Footprint::from_claims(told.chain(real.clone()));
    if real.is_empty() && !known(&held) {
        held = held.with_ranked(guessed.ranked.clone());
    } else if real.is_empty() && !known(guessed) {
        let judged = guessed.ranked.iter().take(5).filter(|file| file.share >= 200).map(|file| Claim {
            area: Area::File(file.path.clone()),
            strength: Strength::Soft,
            source: Source::Inferred,
            evidence: String::new(),
        });
        held = Footprint::from_claims(held.claims.into_iter().chain(judged));
    }
    (task.id, held)
}

/// Whether every dependency is settled well, cancelled while it stays in the plan, or closed outside it.
fn is_free(draft: &Draft<'_>, task: &Task) -> bool {
    let closed = |issue: &IssueNumber| draft.header().outside.get(issue) == Some(&Outside::Closed);
    let others = task.facts.depends_on.iter().chain(&task.blocked_by).filter(|issue| **issue != task.id.0);
    let mut others = others.map(|issue| (issue, draft.task(TaskId(*issue))));
    others.all(|(issue, other)| match other {
        Some(other) => match other.verdict {
            Some(Verdict::Merged | Verdict::NoChange) => true,
            Some(Verdict::Cancelled) => !other.left || closed(issue),
            Some(Verdict::Escalated) | None => other.left && closed(issue),
        },
        None => closed(issue),
    })
}

/// The naive scheduler over all rows: who may start at all, who holds what, how many slots are free.
fn reference(draft: &Draft<'_>) -> (Vec<TaskId>, Vec<TaskId>) {
    let (settings, open) = (&draft.header().settings, draft.header().open_phase);
    let policy = settings.overlap;
    let locked: Vec<&Task> = draft.tasks().filter(|task| task.locked_since.is_some()).collect();
    let hard =
        |a: &Footprint, b: &Footprint| areas::meet(a, b, policy).is_some_and(|met| met.strength == Strength::Hard);
    let meets = |task: &Task, other: &&&Task| other.id != task.id && hard(&task.footprint, &lock_of(other).1);
    let idle = |task: &Task| {
        matches!(task.stage, Stage::Waiting | Stage::Error) && task.verdict.is_none() && task.live().is_none()
    };
    let earlier = |task: &Task| {
        let first = |other: &&&Task| (other.locked_since, other.id) < (task.locked_since, task.id);
        let met = locked.iter().filter(|other| other.id != task.id && hard(&lock_of(task).1, &lock_of(other).1));
        let waits = |other: &&&Task| other.facts.depends_on.contains(&task.id.0);
        met.filter(first).any(|other| !waits(&other))
    };
    let ready = |task: &&Task| {
        let given_up = task.cancel_asked || task.left;
        let kept = task.hold.is_some() || !task.is_approved() || !task.inferred || task.not_before > draft.now;
        let holds = task.locked_since.is_some();
        idle(task)
            && !given_up
            && !kept
            && is_free(draft, task)
            && (holds || task.phase <= open)
            && !(holds && earlier(task))
    };
    let names = |task: &Task| -> BTreeSet<String> {
        task.footprint.claims.iter().map(|claim| overlap::spelled(&claim.area)).collect()
    };
    let candidate = |task: &'_ Task| {
        let unsettled = |other: &&Task| other.verdict.is_none() && !other.left && other.phase == task.phase;
        let mine = overlap::hard_paths(&task.footprint, policy);
        let shared = draft.tasks().filter(unsettled).map(|other| names(other).intersection(&mine).count());
        let contention = u32::try_from(shared.sum::<usize>()).expect("few");
        let mut holders = locked.iter().filter(|other| meets(task, other));
        let person = |other: &&Task| other.hold.is_some() || !settings.auto_merge && other.has_open_pull();
        let holds = task.locked_since.is_some();
        (task.id, contention, holders.any(person), holds)
    };
    let ready: Vec<&Task> = draft.tasks().filter(ready).collect();
    let candidates = ready.iter().map(|task| {
        let (id, contention, waits_for_person, holds) = candidate(task);
        schedule::Candidate {
            id,
            footprint: &task.footprint,
            remaining: task.remaining,
            contention,
            priority: task.facts.priority.unwrap_or_default(),
            passed_over: task.counters.passed_over,
            waits_for_person,
            ready: true,
            first: task.phase < open || holds,
            holds,
        }
    });
    let runs = |task: &&Task| task.live().is_some();
    let finished = |task: &Task| task.locked_since.is_some() && task.work.is_some();
    let slots = (settings.max_parallel as usize).saturating_sub(draft.tasks().filter(runs).count());
    let running = draft.tasks().filter(|task| runs(task) || finished(task)).map(lock_of).collect();
    let base = draft.header().base.as_ref().is_some_and(|base| !base.stale && base.workflow_present);
    if !base || draft.header().paused.is_some() || slots == 0 {
        return (Vec::new(), Vec::new());
    }
    let held = locked.iter().map(|task| lock_of(task)).collect();
    let naive = Naive { candidates: candidates.collect(), held, running, slots, policy }.answer();
    (naive.start, naive.passed_over)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn who_is_dispatched_is_who_the_naive_reference_starts(
        rows in proptest::collection::vec((any_task(), (any_footprint(), any_past())), 0..14),
        changes in proptest::collection::vec((any_task(), (any_footprint(), any_past())), 0..3),
        (phase, parallel, policy, auto_merge, gate) in (0..3_usize, 1..7_u32, 0..4_usize, any::<bool>(), 0..12_u32),
    ) {
        let own = |rows: Vec<(Task, (Footprint, Past))>| {
            rows.into_iter().map(|(task, past)| with_past(task, past)).collect()
        };
        let mut plan = plan_of(own(rows), phase);
        plan.header.settings.overlap = POLICIES[policy];
        plan.header.settings.max_parallel = parallel;
        plan.header.settings.auto_merge = auto_merge;
        let branch = "main".to_owned();
        plan.header.base =
            Some(Base {
            branch,
            head: Sha::new("b"),
            told: false,
            stale: gate == 0,
            workflow_present: gate != 1,
            superseded: Vec::new(),
        });
        plan.header.outside = BTreeMap::from([(IssueNumber(13), Outside::Closed), (IssueNumber(5), Outside::Closed)]);
        let mut draft = changed(&plan, own(changes), Vec::new());
        let expected = reference(&draft);
        let before: BTreeMap<TaskId, Task> = draft.tasks().map(|task| (task.id, task.clone())).collect();
        dispatch(&mut draft);
        let grew = |by: &dyn Fn(&Task) -> usize| -> Vec<TaskId> {
            draft.tasks().filter(|task| by(task) > by(&before[&task.id])).map(|task| task.id).collect()
        };
        let started = grew(&|task| task.attempts.len());
        let passed_over = grew(&|task| task.counters.passed_over as usize);
        let order: BTreeSet<TaskId> = expected.0.iter().copied().collect();
        prop_assert_eq!((started, passed_over), (order.into_iter().collect::<Vec<_>>(), expected.1));
    }
}
