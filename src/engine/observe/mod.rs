//! Recording facts: what was read, and what came of effects, put into the rows. Nothing is decided here beyond what a
//! fact itself says; stale facts (of an older attempt, of a settled task) change nothing.

mod attempts;
mod base;
mod comments;
mod dry_runs;
mod footprints;
mod issues;
mod outcomes;
mod planner;
mod pulls;
mod refusals;
mod tracking;

use std::time::Duration;

use crate::engine::draft::Draft;
use crate::engine::event::{Event, Fact, Hint, Read, Watched};
use crate::engine::id::{AttemptKey, TaskId};
use crate::engine::plan::{Base, PlanStatus};
use crate::engine::reconcile::is_late_planner;
use crate::engine::task::{CheckState, Pull, Stage, Task};
use crate::engine::tasks::Place;
use crate::engine::time::Timestamp;

pub(super) use attempts::{fail, fence, record_record, release};
pub(super) use issues::leave;
pub(super) use outcomes::tracking_made;
pub(super) use pulls::{doubt_ends, record as record_pull};

/// How long the checks of a new head are asked for at each heartbeat, whether or not anything changed.
const MOVES_FOR: Duration = Duration::from_secs(10 * 60);

/// Records one event.
pub(super) fn record(draft: &mut Draft<'_>, event: &Event) {
    match event {
        Event::Resumed => outcomes::resume(draft),
        Event::Tick => look_everywhere(draft),
        Event::Hint(hint) => look_at(draft, hint),
        Event::Fact(fact) => record_fact(draft, fact),
        Event::ReadFailed { read, until, .. } => {
            draft.texts_unread |= matches!(read, Read::Issues | Read::Issue(_));
            if let Some(until) = until {
                draft.header_mut().limited_until = Some(*until);
            }
        }
        Event::Outcome(key, outcome) => outcomes::record(draft, key, outcome),
    }
    comments::place(draft);
}

/// Records what a read found.
fn record_fact(draft: &mut Draft<'_>, fact: &Fact) {
    match fact {
        // A plan that stands is never replaced.
        Fact::Kept(_) => {}
        Fact::Repository { .. } => base::record(draft, fact),
        Fact::Issues(issues) => issues::record_list(draft, issues),
        Fact::Issue(number, issue) => {
            issues::record_one(draft, *number, issue.as_deref());
            comments::place_on(draft, *number, issue.as_deref());
        }
        Fact::Outside(found) => issues::record_outside(draft, found),
        Fact::BlockedBy(number, blockers) => issues::record_blockers(draft, *number, blockers),
        Fact::Footprints(found) => footprints::record(draft, found),
        Fact::Hotspots(learned) => footprints::learn(draft, learned),
        Fact::PlannedFiles(found) => found.iter().for_each(|seen| planner::checked(draft, seen)),
        Fact::Labelled { issue, by, edited } => comments::record_labelled(draft, *issue, by.as_ref(), edited.as_ref()),
        Fact::Permission(login, permission) => comments::record_permission(draft, login, *permission),
        Fact::Comments(comments) => comments::record_comments(draft, comments),
        Fact::Tracking(number, issue, edits, doubles) => {
            tracking::record_doubles(draft, *number, doubles);
            tracking::record(draft, *number, issue.as_deref(), edits.as_deref());
        }
        Fact::Attempts(seen) => seen.iter().for_each(|seen| attempts::record(draft, seen)),
        Fact::Pulls(pulls) => pulls.iter().for_each(|(pull, closed_by)| pulls::record(draft, pull, closed_by.as_ref())),
        Fact::Checks { checks, tail, base_red } => pulls::record_checks(draft, checks, tail, base_red),
        Fact::DryRuns(found) => dry_runs::record(draft, found),
    }
}

/// The heartbeat: everything that a webhook could have told is read again.
pub(super) fn look_everywhere(draft: &mut Draft<'_>) {
    draft.read(Read::Issues);
    draft.read(Read::Repository);
    draft.read(Read::Comments(draft.header().cursor.since()));
    if matches!(draft.header().status, PlanStatus::Rebuilding | PlanStatus::Idle | PlanStatus::Ended) {
        return;
    }
    if let Some(tracking) = &draft.header().tracking {
        draft.read(Read::Tracking(tracking.number));
    }
    let late = |task: &Task| task.stage == Stage::Stuck || is_late_planner(draft, task);
    let watched: Vec<Watched> = draft.at(Place::Live).filter_map(|task| watch(task, late(task))).collect();
    if !watched.is_empty() {
        let since = oldest(draft);
        draft.read(Read::Attempts { watched, since });
    }
    look_at_pulls(draft);
    draft.look_at_all_work = true;
    let outside: Vec<_> = draft.header().outside.keys().copied().collect();
    if !outside.is_empty() {
        draft.read(Read::Outside(outside));
    }
}

/// Pull requests that are about to move are one question together with their checks. Those that stay as they are, for
/// hours or until a person comes, are asked for singly: then GitHub can say that nothing has changed, which is free.
fn look_at_pulls(draft: &mut Draft<'_>) {
    let now = draft.now;
    let moves = |task: &&Task| task.pull.as_ref().is_some_and(|pull| is_moving(pull, now));
    let (moving, resting): (Vec<&Task>, Vec<&Task>) = draft.at(Place::UnmergedPull).partition(moves);
    let numbers = |tasks: &[&Task]| tasks.iter().filter_map(|task| Some(task.pull.as_ref()?.number)).collect();
    let (together, singly): (Vec<_>, Vec<_>) = (numbers(&moving), numbers(&resting));
    let heads: Vec<_> = resting.into_iter().filter_map(unsettled_head).collect();
    if !together.is_empty() {
        draft.read(Read::PullsAndChecks(together));
    }
    if !singly.is_empty() {
        draft.read(Read::Pulls(singly));
    }
    for head in heads {
        draft.read(Read::Checks(head));
    }
}

/// Whether a pull request has a young head of which something is not known yet.
fn is_moving(pull: &Pull, now: Timestamp) -> bool {
    let unknown = pull.checks == CheckState::Pending || pull.mergeable.is_none();
    pull.open && unknown && now.since(pull.head_since) < MOVES_FOR
}

/// The head of a task's pull request while its checks still matter.
fn unsettled_head(task: &Task) -> Option<crate::engine::id::Sha> {
    let pull = task.pull.as_ref().filter(|pull| pull.open)?;
    (pull.checks != CheckState::Green { none: false } || task.verdict.is_none()).then(|| pull.head.clone())
}

/// What to look at for a task's live attempt.
pub(super) fn watch(task: &Task, closely: bool) -> Option<Watched> {
    let attempt = task.live()?;
    Some(Watched {
        id: attempt.id,
        key: attempt.key.clone(),
        run: attempt.run,
        record: attempt.record.clone(),
        closely,
    })
}

/// Runs created before this belong to no live attempt. A minute is allowed for clocks that differ.
pub(super) fn oldest(draft: &Draft<'_>) -> Timestamp {
    let oldest =
        draft.at(Place::Live).filter_map(Task::live).map(|attempt| attempt.planned_at).min().unwrap_or(draft.now);
    oldest - std::time::Duration::from_secs(60)
}

/// Something was heard: reads what it points at.
fn look_at(draft: &mut Draft<'_>, hint: &Hint) {
    match hint {
        Hint::Issue(number) => {
            let tracking = draft.header().tracking.as_ref().map(|tracking| tracking.number);
            // That a merge closed its issue is mostly our own doing: the list that the heartbeat reads shows it.
            let merged = draft.task(TaskId(*number)).is_some_and(|task| task.stage == Stage::Merged);
            let ended = draft.header().status == PlanStatus::Ended;
            match tracking {
                Some(tracking) if tracking == *number => draft.read(Read::Tracking(*number)),
                Some(_) | None if merged && ended => draft.read(Read::Issues),
                Some(_) | None if merged => {}
                Some(_) | None => draft.read(Read::Issue(*number)),
            }
        }
        Hint::Comment(_) => draft.read(Read::Comments(draft.header().cursor.since())),
        Hint::Run(run, title) => {
            let key = title.as_deref().and_then(|title| title.split_whitespace().find_map(AttemptKey::parse));
            let named = |task: &&Task| {
                task.live().is_some_and(|attempt| {
                    attempt.run == Some(*run) || key.as_ref().is_some_and(|key| key.id == attempt.id)
                })
            };
            let watched = draft.at(Place::Live).find(named).and_then(|task| watch(task, true));
            if let Some(mut watched) = watched {
                watched.run.get_or_insert(*run);
                let since = oldest(draft);
                draft.read(Read::Attempts { watched: vec![watched], since });
            }
        }
        Hint::Pull(number) => {
            // A merge lasts, and mostly it is our own that is told here: its answer said as much.
            let merged =
                |task: &Task| task.stage == Stage::Merged && task.pull.as_ref().is_some_and(|pull| pull.merged);
            if !draft.at(Place::Pull(*number)).any(merged) {
                draft.read(Read::Pull(*number));
            }
        }
        Hint::Checks(sha) => {
            let shows = |pull: &&Pull| pull.head == *sha;
            let pulls = draft.at(Place::OpenPull).filter_map(|task| task.pull.as_ref()).filter(shows);
            let numbers: Vec<_> = pulls.map(|pull| pull.number).collect();
            if !numbers.is_empty() {
                draft.read(Read::PullsAndChecks(numbers));
            }
        }
        Hint::Push(branch) => {
            // Soon after our own merge it is mostly that which is told; what else was pushed the heartbeat sees.
            let merged = |base: &Base| base.superseded.iter().any(|old| draft.now < old.until);
            if draft.header().base.as_ref().is_none_or(|base| base.branch == *branch && !merged(base)) {
                draft.read(Read::Repository);
            }
        }
    }
}
