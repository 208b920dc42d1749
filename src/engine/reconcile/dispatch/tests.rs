//! Who starts is who would start if all tasks were looked at.

use proptest::prelude::*;

use crate::engine::draft::Draft;
use crate::engine::footprint::OverlapPolicy;
use crate::engine::id::TaskId;
use crate::engine::overlap;
use crate::engine::reconcile::dispatch::{pick, ready, running};
use crate::engine::schedule;
use crate::engine::task::{Stage, Task};
use crate::engine::tasks::tests::{any_task, changed, plan_of};
use crate::engine::waits;

/// The scheduler's answer to all tasks at once.
fn walk(draft: &Draft<'_>, slots: usize) -> (Vec<TaskId>, Vec<TaskId>) {
    let locks = waits::locks(draft);
    let idle = |task: &&Task| {
        matches!(task.stage, Stage::Waiting | Stage::Error)
            && task.verdict.is_none()
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
