//! From finished work to a merged pull request: scope, branch, pull request, checks, conflicts, merge. A ladder per
//! task; the first rung that applies is taken.

use std::time::Duration;

use crate::engine::attempt::AttemptOutcome;
use crate::engine::config::Settings;
use crate::engine::draft::Draft;
use crate::engine::dry_run::{self, Conflict, Merging, Standing};
use crate::engine::effect::{Effect, EffectKey, Entry, EntryState};
use crate::engine::event::Read;
use crate::engine::footprint::{Area, Source};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::observe::{doubt_ends, fail};
use crate::engine::overlap::{self, LockTable};
use crate::engine::policy::Scope;
use crate::engine::reconcile::dry_runs::{self, Siblings};
use crate::engine::reconcile::first_time;
use crate::engine::render;
use crate::engine::retry::Blame;
use crate::engine::task::{CheckState, Hold, MergeRefused, Pull, Stage, Task, Work};
use crate::engine::tasks::Place;
use crate::engine::time::Timestamp;
use crate::engine::waits;

/// How long the end of a grace waits for the heartbeat, where that comes no sooner.
const GRACE_SLACK: Duration = Duration::from_secs(60);

/// Begins the keys of branches that are moved to finished work.
const BRANCH: &str = "branch";
/// Begins the keys of pull requests that are opened.
const PULL: &str = "pull";

/// How the end of a head's grace is remembered, by its first digits.
pub(in crate::engine) const GRACE: &str = "grace:";

/// Publishes what is finished and follows what is open.
pub(super) fn publish(draft: &mut Draft<'_>) {
    withdraw(draft);
    let siblings = Siblings::default();
    dry_runs::look(draft, &siblings);
    let finished: Vec<TaskId> =
        draft.at(Place::Finished).filter(|task| task.work.is_some()).map(|task| task.id).collect();
    if !finished.is_empty() {
        let locks = waits::locks(draft);
        finished.into_iter().for_each(|id| publish_work(draft, (&locks, &siblings), id));
    }
    for id in open(draft, |task| task.stage == Stage::PrOpen && task.verdict.is_none()) {
        follow(draft, &siblings, id);
    }
    // A person's word to merge counts wherever the task stands: given up, escalated, or being tried again.
    let asked = |task: &Task| task.pull.as_ref().is_some_and(|pull| pull.open && pull.merge_asked);
    for id in open(draft, |task| asked(task) && (task.stage != Stage::PrOpen || task.verdict.is_some())) {
        let Some(pull) = draft.task(id).and_then(|task| task.pull.clone()) else { continue };
        if let CheckState::Green { none } = pull.checks {
            merge(draft, &siblings, (id, &pull), none);
        }
    }
}

/// Tasks whose pull request is open, and that fit.
fn open(draft: &Draft<'_>, fits: impl Fn(&Task) -> bool) -> Vec<TaskId> {
    draft.at(Place::OpenPull).filter(|task| fits(task)).map(|task| task.id).collect()
}

/// Takes back what was intended for a pull request, is surely not under way, and is not wanted any more.
fn withdraw(draft: &mut Draft<'_>) {
    let past = |entry: &&Entry| entry.state == EntryState::Queued && !is_wanted(draft, entry);
    let keys: Vec<EffectKey> = draft.entries().filter(past).map(|entry| entry.key.clone()).collect();
    keys.iter().for_each(|key| draft.answered(key));
}

/// Whether an effect on a task's branch or pull request is still what the task needs.
fn is_wanted(draft: &Draft<'_>, entry: &Entry) -> bool {
    let for_work = |issue: IssueNumber, kind: &str| {
        draft.task(TaskId(issue)).is_some_and(|task| {
            let current = |work: &Work| entry.key == publishing(kind, task.id, work);
            let free = task.hold.is_none() && !task.cancel_asked && task.verdict.is_none();
            task.stage == Stage::Complete && free && task.work.as_ref().is_some_and(current)
        })
    };
    let for_pull = |task: Option<&Task>| {
        task.is_some_and(|task| {
            let asked = task.pull.as_ref().is_some_and(|pull| pull.merge_asked);
            let free = task.hold.is_none() && !task.cancel_asked && task.verdict.is_none();
            task.has_open_pull() && (asked || task.stage == Stage::PrOpen && free)
        })
    };
    match &entry.effect {
        Effect::MoveBranch { issue, .. } => for_work(*issue, BRANCH),
        Effect::OpenPull { issue, .. } => for_work(*issue, PULL),
        Effect::UpdatePull { issue, .. } => for_pull(draft.task(TaskId(*issue))),
        Effect::MergePull { pull, head } => {
            let task = draft.at(Place::Pull(*pull)).next();
            // What was green when this was intended may have failed since.
            let green = |pull: &Pull| pull.head == *head && matches!(pull.checks, CheckState::Green { .. });
            for_pull(task) && task.and_then(|task| task.pull.as_ref()).is_some_and(green)
        }
        Effect::CreateTracking { .. }
        | Effect::EditTracking { .. }
        | Effect::Pin { .. }
        | Effect::Comment { .. }
        | Effect::DeleteComment { .. }
        | Effect::React { .. }
        | Effect::WriteBrief { .. }
        | Effect::KeepPlan { .. }
        | Effect::Dispatch { .. }
        | Effect::Fence { .. }
        | Effect::CancelRun { .. }
        | Effect::EditPull { .. }
        | Effect::Rerun { .. }
        | Effect::CloseIssue { .. }
        | Effect::Relate { .. }
        | Effect::DeleteBranch { .. } => true,
    }
}

/// One rung for a task whose work is finished.
fn publish_work(draft: &mut Draft<'_>, (locks, siblings): (&LockTable, &Siblings), id: TaskId) {
    let Some(task) = draft.task(id) else { return };
    let Some(work) = task.work.clone() else { return };
    if task.hold.is_some() || task.cancel_asked {
        return;
    }
    let outside = outside_scope(task, &draft.header().settings);
    if !outside.is_empty() {
        if let Some(task) = draft.task_mut(id) {
            task.hold = Some(Hold::Scope { paths: outside });
        }
        return;
    }
    if waits::earlier_holder(draft, locks, task).is_some() || siblings.standing(draft, id) != Standing::Free {
        return hold_back(draft, id, &work);
    }
    match dry_runs::onto_base(draft, id, &work.commit) {
        None => return,
        Some(Merging::Conflict(_)) => return conflict(draft, id),
        Some(Merging::Clean | Merging::Untold) => {}
    }
    show(draft, id, work);
}

/// The key under which a piece of work is put onto its branch, or shown.
fn publishing(kind: &str, id: TaskId, work: &Work) -> EffectKey {
    EffectKey(format!("{kind}:{id}.{}", work.n))
}

/// Somebody goes first: a pull request that was intended before that was known, and waits to be sent, is not opened.
fn hold_back(draft: &mut Draft<'_>, id: TaskId, work: &Work) {
    let key = publishing(PULL, id, work);
    if draft.entry(&key).is_some_and(|entry| entry.state == EntryState::Queued) {
        draft.answered(&key);
    }
}

/// Puts a task's work onto its branch, and the branch into a pull request.
fn show(draft: &mut Draft<'_>, id: TaskId, work: Work) {
    let Some(task) = draft.task(id) else { return };
    let issue = task.issue();
    if task.branch.as_ref() != Some(&work.commit) {
        let key = publishing(BRANCH, id, &work);
        let effect = Effect::MoveBranch { issue, expected: task.branch.clone(), to: work.commit };
        draft.intend(key.0, None, effect);
        return;
    }
    let body = render::pull_body(draft, task);
    match task.pull.as_ref().filter(|pull| pull.open) {
        Some(pull) => {
            // Best effort, once: the pull request shows the work as soon as its head is read.
            let effect = Effect::EditPull { pull: pull.number, body };
            if first_time(draft, id, &format!("editpull:{}", work.n)) {
                draft.intend(format!("editpull:{id}.{}", work.n), None, effect);
            }
        }
        None => {
            let base = draft.header().base.as_ref().map(|base| base.branch.clone()).unwrap_or_default();
            let draft_pull = draft.header().settings.draft;
            let title = render::pull_title(task);
            let effect = Effect::OpenPull { issue, title, body, base, draft: draft_pull };
            draft.intend(publishing(PULL, id, &work).0, None, effect);
        }
    }
}

/// Files of the work outside what the issue declared, where that holds the pull request back.
fn outside_scope(task: &Task, settings: &Settings) -> Vec<String> {
    let scope = settings.scope.unwrap_or(if task.footprint.declares() { Scope::Hold } else { Scope::Report });
    if scope == Scope::Report || !task.footprint.declares() {
        return Vec::new();
    }
    outside_declared(task)
}

/// Files of the work that no declared area covers and nobody allowed.
pub(in crate::engine) fn outside_declared(task: &Task) -> Vec<String> {
    let declared: Vec<&Area> = task
        .footprint
        .claims
        .iter()
        .filter(|claim| claim.source == Source::Declared)
        .map(|claim| &claim.area)
        .collect();
    let covered = |path: &String| {
        task.scope_allowed.contains(path)
            || declared.iter().any(|area| overlap::meet(&Area::File(path.clone()), area).is_some())
    };
    task.work.iter().flat_map(|work| &work.files).filter(|path| !covered(path)).cloned().collect()
}

/// One rung for a task whose pull request is open.
fn follow(draft: &mut Draft<'_>, siblings: &Siblings, id: TaskId) {
    let Some(task) = draft.task(id) else { return };
    let Some(pull) = task.pull.clone() else { return };
    let held = task.hold.is_some();
    let wanted = pull.merge_asked || draft.header().settings.auto_merge && !held;
    match (&pull.checks, pull.mergeable) {
        (_, Some(false)) if !held => follow_conflict(draft, siblings, id, &pull),
        (CheckState::Red { names }, _) if !held => red(draft, id, &pull, names),
        (CheckState::Green { none }, _) if wanted => merge(draft, siblings, (id, &pull), *none),
        (CheckState::Red { .. } | CheckState::Green { .. } | CheckState::Pending, _) => {}
    }
}

/// GitHub says that a pull request does not merge. Where it would not merge with a sibling either, that one is waited
/// for first, so that one run brings the work onto both; in which files it conflicts is asked before that run.
fn follow_conflict(draft: &mut Draft<'_>, siblings: &Siblings, id: TaskId, pull: &Pull) {
    match siblings.standing(draft, id) {
        Standing::Free if dry_runs::onto_base(draft, id, &pull.head).is_some() => conflict(draft, id),
        Standing::Free | Standing::Behind(_) | Standing::Unknown(_) => {}
    }
}

/// The work does not merge: a rebase run, counted. One that was counted and never began, because GitHub refused it or
/// the pull request was closed and opened again before it could, is due still and counts once.
fn conflict(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task_mut(id) else { return };
    let counted = task.current().is_some_and(|attempt| attempt.outcome == Some(AttemptOutcome::Conflict));
    task.rebase_due = true;
    task.rebase_from = dry_run::head(task).cloned();
    let words = dry_run::base_conflict(task).map_or_else(String::new, conflict_words);
    mark_last(task, AttemptOutcome::Conflict, &format!("the work does not merge with its base{words}"));
    fail(draft, id, if counted { Blame::Nobody } else { Blame::Conflict });
}

/// In which files, and whose work was merged there meanwhile.
fn conflict_words(conflict: &Conflict) -> String {
    let with: Vec<String> = conflict.with.iter().map(|task| format!("#{}", task.0)).collect();
    let with = if with.is_empty() { String::new() } else { format!(", changed meanwhile by {}", with.join(", ")) };
    format!(": {}{with}", render::conflict_files(conflict))
}

/// Checks failed: their jobs are run again once, then it is the agent's turn with the end of the log.
fn red(draft: &mut Draft<'_>, id: TaskId, pull: &Pull, names: &[String]) {
    if pull.rerun_head.as_ref() != Some(&pull.head) && !pull.failed_runs.is_empty() {
        for run in &pull.failed_runs {
            draft.intend(format!("rerun:{run}"), None, Effect::Rerun { run: *run });
        }
        if let Some(pull) = draft.task_mut(id).and_then(|task| task.pull.as_mut()) {
            pull.rerun_head = Some(pull.head.clone());
            pull.checks = CheckState::Pending;
        }
        return;
    }
    let error = format!("checks failed: {}\n{}", names.join(", "), pull.red_tail);
    let Some(task) = draft.task_mut(id) else { return };
    // A pull request that was closed and opened again shows the same failure, which counts once.
    let counted = task.current().is_some_and(|attempt| attempt.outcome == Some(AttemptOutcome::Red));
    mark_last(task, AttemptOutcome::Red, &error);
    fail(draft, id, if counted { Blame::Counted } else { Blame::Agent });
}

/// The newest attempt's outcome, once its pull request told more than its run did.
fn mark_last(task: &mut Task, outcome: AttemptOutcome, error: &str) {
    if let Some(attempt) = task.attempts.last_mut() {
        attempt.outcome = Some(outcome);
        error.clone_into(&mut attempt.error);
    }
}

/// Merges, one pull request at a time, lowest number first. Where checks ran and the base moved since, the base is
/// merged into the head first and checked again. What would not merge with work that goes first waits for that, unless
/// a person wants it merged.
fn merge(draft: &mut Draft<'_>, siblings: &Siblings, (id, pull): (TaskId, &Pull), unchecked: bool) {
    let merging =
        draft.entries().any(|entry| matches!(entry.effect, Effect::MergePull { .. } | Effect::UpdatePull { .. }));
    let Some(base) = draft.header().base.clone() else { return };
    if merging || base.stale || pull.mergeable != Some(true) {
        return;
    }
    let same = |refused: &&MergeRefused| refused.head == pull.head && refused.base == base.head;
    if let Some(refused) = pull.merge_refused.as_ref().filter(same) {
        let message = format!("GitHub does not merge pull request #{}: {}", pull.number, refused.message);
        if let Some(task) = draft.task_mut(id)
            && task.hold.is_none()
            && task.verdict.is_none()
        {
            task.hold = Some(Hold::PublishRefused { message });
        }
        return;
    }
    let current = unchecked || pull.checked_base.as_ref() == Some(&base.head);
    if !current {
        draft.intend(format!("update:{id}"), None, Effect::UpdatePull { issue: id.0, base: base.branch });
        return;
    }
    if !pull.merge_asked && siblings.standing(draft, id) != Standing::Free {
        return;
    }
    match dry_runs::onto_base(draft, id, &pull.head) {
        None => return,
        Some(Merging::Conflict(_)) => return give_back(draft, id),
        Some(Merging::Clean | Merging::Untold) => {}
    }
    let effect = Effect::MergePull { pull: pull.number, head: pull.head.clone() };
    draft.intend(format!("merge:{}", pull.number), None, effect);
}

/// Git says that a pull request does not merge, before GitHub does. Where a person has it, they are told and nothing
/// more.
fn give_back(draft: &mut Draft<'_>, id: TaskId) {
    let ours = |task: &Task| task.stage == Stage::PrOpen && task.verdict.is_none() && task.hold.is_none();
    if draft.task(id).is_some_and(ours) {
        conflict(draft, id);
    }
}

/// When a head without checks is looked at because its grace has ended. The heartbeat asks for it anyway, and mostly
/// comes within this minute.
pub(super) fn grace_end(task: &Task, settings: &Settings) -> Option<Timestamp> {
    let pull = task.pull.as_ref().filter(|pull| pull.open && pull.checks == CheckState::Pending)?;
    Some(pull.head_since + settings.checks_grace.0 + settings.heartbeat.0.min(GRACE_SLACK))
}

/// Looks once more at the pull request of an issue that is closed, when what closed it must show. What that look
/// misses, the heartbeat finds.
pub(super) fn end_doubts(draft: &mut Draft<'_>) {
    let (now, settings) = (draft.now, draft.header().settings.clone());
    for id in open(draft, |task| doubt_ends(task, &settings).is_some_and(|end| now >= end)) {
        let Some((pull, since)) =
            draft.task(id).and_then(|task| Some((task.pull.as_ref()?.number, task.closed_since?)))
        else {
            continue;
        };
        if first_time(draft, id, &format!("doubt:{}", since.0)) {
            draft.read(Read::Pull(pull));
        }
    }
}

/// Reads heads' checks once more when their grace ends: only then does *no checks at all* count as green. Whether they
/// merge is read with them, so that what is green can be merged at once.
pub(super) fn end_graces(draft: &mut Draft<'_>) {
    let (now, settings) = (draft.now, draft.header().settings.clone());
    let mut ended = Vec::new();
    for id in open(draft, |task| grace_end(task, &settings).is_some_and(|end| now >= end)) {
        let Some(pull) = draft.task(id).and_then(|task| task.pull.clone()) else { continue };
        let asked = |read: &Read| matches!(read, Read::PullsAndChecks(numbers) if numbers.contains(&pull.number));
        if first_time(draft, id, &format!("{GRACE}{}", pull.head.short())) && !draft.reads().iter().any(asked) {
            ended.push(pull.number);
        }
    }
    if !ended.is_empty() {
        draft.read(Read::PullsAndChecks(ended));
    }
}
