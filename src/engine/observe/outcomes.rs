//! What came of effects. An answered entry leaves the outbox; one whose answer was lost is looked for; one that must
//! wait goes back with its time.
use std::time::Duration;

use crate::engine::attempt::{FenceCause, Stand};
use crate::engine::checklist;
use crate::engine::cursor::Cursor;
use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey, Entry, EntryState, Outcome, Receipt};
use crate::engine::event::Read;
use crate::engine::fold;
use crate::engine::id::{AttemptId, IssueNumber, PullNumber, RunId, TaskId};
use crate::engine::kept;
use crate::engine::observe::{attempts, base, fence, issues, pulls, refusals, tracking};
use crate::engine::plan::Tracking;
use crate::engine::snapshot::Issue;
use crate::engine::task::Hold;
use crate::engine::tasks::Place;
use crate::engine::time::Timestamp;

/// Waits between tries of an effect that cannot be sent double, after its first.
const REPEAT_WAIT_MAX: Duration = Duration::from_secs(600);

/// A loop begins: whatever may have been sent is looked for before anything else.
pub(super) fn resume(draft: &mut Draft<'_>) {
    let now = draft.now;
    let owner = draft.owner().clone();
    let open: Vec<EffectKey> =
        draft.entries().filter(|entry| entry.state == EntryState::Intended).map(|entry| entry.key.clone()).collect();
    for key in open {
        if let Some(entry) = draft.entry_mut(&key) {
            entry.state = EntryState::Sent;
            entry.owner = owner.clone();
            entry.looks = 0;
            entry.not_before = now;
        }
    }
}

/// Records an outcome.
pub(super) fn record(draft: &mut Draft<'_>, key: &EffectKey, outcome: &Outcome) {
    let Some(entry) = draft.entry(key).cloned() else { return };
    match outcome {
        Outcome::Done(receipt) => {
            draft.answered(key);
            done(draft, &entry, receipt);
        }
        Outcome::Refused { message } => refusals::refused(draft, &entry, message),
        Outcome::Conflict { message } => refusals::conflicted(draft, &entry, message),
        Outcome::NotSeen => not_seen(draft, &entry),
        Outcome::Lost { .. } => lost(draft, &entry),
        Outcome::Wait { until } => {
            if let Some(entry) = draft.entry_mut(key) {
                // What may have been sent before is looked for then, not sent.
                if entry.state == EntryState::Intended {
                    entry.state = EntryState::Queued;
                }
                entry.not_before = *until;
            }
            draft.header_mut().limited_until = Some(*until);
        }
        Outcome::PutOff { until } => put_off(draft, key, *until),
    }
}

/// It was not sent: it goes back as if it had never been due, and the tracking issue says that something waits.
fn put_off(draft: &mut Draft<'_>, key: &EffectKey, until: Timestamp) {
    let Some(entry) = draft.entry_mut(key) else { return };
    entry.state = EntryState::Queued;
    entry.tries = entry.tries.saturating_sub(1);
    entry.not_before = until;
    // A view that waits shows nothing the worse for it.
    if !matches!(entry.effect, Effect::EditTracking { .. }) {
        let header = draft.header_mut();
        header.put_off_until = header.put_off_until.max(Some(until));
    }
}

/// The answer was lost: look for it, at once the first time, then `probe_window` apart.
fn lost(draft: &mut Draft<'_>, entry: &Entry) {
    let (now, window) = (draft.now, draft.header().settings.probe_window.0);
    if let Some(kept) = draft.entry_mut(&entry.key) {
        kept.not_before = if kept.state == EntryState::Intended { now } else { now + window };
        kept.state = EntryState::Sent;
    }
}

/// It was looked for and not seen. What could come to stand twice needs a second look; a dispatch not seen twice is
/// fenced.
fn not_seen(draft: &mut Draft<'_>, entry: &Entry) {
    let (now, window) = (draft.now, draft.header().settings.probe_window.0);
    if entry.effect.creates() && entry.looks == 0 {
        if let Some(entry) = draft.entry_mut(&entry.key) {
            entry.looks = 1;
            entry.not_before = now + window;
        }
        return;
    }
    if let (Effect::Dispatch { .. }, Some(attempt)) = (&entry.effect, entry.attempt) {
        draft.answered(&entry.key);
        fence(draft, TaskId(attempt.issue), FenceCause::LostDispatch);
        return;
    }
    let wait = repeat_wait(entry.tries);
    if let Some(entry) = draft.entry_mut(&entry.key) {
        entry.state = EntryState::Queued;
        entry.looks = 0;
        entry.not_before = if entry.tries <= 1 { now } else { now + wait };
    }
}

/// The wait before an effect is sent once more: doubling, at most [`REPEAT_WAIT_MAX`].
pub(super) fn repeat_wait(tries: u32) -> Duration {
    Duration::from_secs(1).saturating_mul(1 << tries.min(10)).min(REPEAT_WAIT_MAX)
}

/// It has happened.
fn done(draft: &mut Draft<'_>, entry: &Entry, receipt: &Receipt) {
    match (&entry.effect, receipt) {
        (Effect::CreateTracking { .. }, Receipt::Issue(issue)) => tracking_made(draft, issue),
        (Effect::EditTracking { .. }, Receipt::TrackingWritten { number, digest, history }) => {
            tracking_written(draft, *number, digest);
            history.iter().for_each(|history| tracking::written(draft, *number, history));
        }
        (Effect::EditTracking { number }, Receipt::TrackingTouched) => draft.read(Read::Tracking(*number)),
        (Effect::Pin { pinned, node_id }, _) => tracking_pinned(draft, node_id, *pinned),
        (Effect::WriteBrief { .. }, Receipt::Commit(commit)) => {
            if let Some(attempt) = current(draft, entry.attempt) {
                attempt.brief = Some(commit.clone());
                attempt.stand = attempt.stand.max(Stand::Briefed);
            }
        }
        (Effect::KeepPlan { revision }, _) => kept::written(draft, *revision),
        (Effect::Dispatch { .. }, Receipt::Dispatched { run }) => dispatched(draft, entry.attempt, *run),
        (Effect::Dispatch { .. } | Effect::Fence { .. }, Receipt::Record { tip, record }) => {
            if let Some(attempt) = entry.attempt {
                attempts::record_record(draft, attempt, tip, record);
            }
        }
        (Effect::MoveBranch { issue, to, .. }, _) => {
            if let Some(task) = draft.task_mut(TaskId(*issue)) {
                task.branch = Some(to.clone());
            }
            reread_pull(draft, *issue);
        }
        (Effect::OpenPull { issue, .. }, Receipt::Pull(pull)) => pulls::record_opened(draft, *issue, pull),
        (Effect::EditPull { .. }, Receipt::Pull(pull)) => pulls::record(draft, pull, None),
        (Effect::MergePull { pull, .. }, Receipt::Merged { commit: Some(commit) }) => {
            draft.ids_at(Place::Pull(*pull)).into_iter().for_each(|id| pulls::merged(draft, id));
            base::merged(draft, commit);
        }
        (Effect::MergePull { pull, .. }, _) => merge_answered(draft, *pull),
        (Effect::UpdatePull { issue, .. }, Receipt::Merged { commit: Some(commit) }) => {
            if let Some(task) = draft.task_mut(TaskId(*issue)) {
                task.branch = Some(commit.clone());
                // What was refused before is let now.
                task.hold.take_if(|hold| matches!(hold, Hold::PublishRefused { .. }));
            }
            reread_pull(draft, *issue);
        }
        // A person's commits stand there: they are seen when it is read.
        (Effect::UpdatePull { issue, .. }, Receipt::Nothing) => reread_pull(draft, *issue),
        (Effect::UpdatePull { issue, .. }, _) => already_current(draft, *issue),
        (Effect::CloseIssue { number }, _) => issues::set_open(draft, *number, false),
        (Effect::Comment { .. }, _) => fold::stands(draft, &entry.key),
        // Who blocks it now is read: others may have changed it meanwhile.
        (Effect::Relate { issue, .. }, _) => draft.read(Read::BlockedBy(*issue)),
        // Their answers say no more than that it was done, or what another path reads.
        (
            Effect::CreateTracking { .. }
            | Effect::EditTracking { .. }
            | Effect::DeleteComment { .. }
            | Effect::React { .. }
            | Effect::WriteBrief { .. }
            | Effect::Dispatch { .. }
            | Effect::Fence { .. }
            | Effect::CancelRun { .. }
            | Effect::OpenPull { .. }
            | Effect::EditPull { .. }
            | Effect::Rerun { .. }
            | Effect::DeleteBranch { .. },
            _,
        ) => {}
    }
}

fn tracking_pinned(draft: &mut Draft<'_>, node_id: &str, pinned: bool) {
    if let Some(tracking) = draft.header_mut().tracking.as_mut().filter(|known| known.node_id == node_id) {
        tracking.pinned = pinned;
        tracking.pin_refused = None;
    }
}

fn tracking_written(draft: &mut Draft<'_>, number: IssueNumber, digest: &str) {
    let (now, interval) = (draft.now, draft.header().settings.tracking_interval.0);
    if let Some(tracking) = draft.header_mut().tracking.as_mut().filter(|known| known.number == number) {
        digest.clone_into(&mut tracking.digest);
        tracking.written(now, interval);
        tracking.unattributed.clear();
    }
    // What somebody ticked between our reading and our writing stands in the history of edits alone: where the answer
    // did not tell it, the heartbeat asks for it once after however many writes.
}

fn dispatched(draft: &mut Draft<'_>, attempt: Option<AttemptId>, run: Option<RunId>) {
    let now = draft.now;
    if let Some(attempt) = current(draft, attempt) {
        attempt.stand = attempt.stand.max(Stand::Dispatched);
        attempt.dispatched_at = Some(now);
        attempt.progress_at = now;
        attempt.run = attempt.run.or(run);
    }
}

/// A merge was answered: until the pull request is read again nobody knows whether it can be merged, and nothing asks
/// for it twice.
pub(super) fn merge_answered(draft: &mut Draft<'_>, pull: PullNumber) {
    for id in draft.ids_at(Place::Pull(pull)) {
        if let Some(pull) = draft.task_mut(id).and_then(|task| task.pull.as_mut()) {
            pull.mergeable = None;
        }
    }
    draft.read(Read::Pull(pull));
}

/// The base was in the head already: what its checks said holds for this base. Whose head that is shows when the pull
/// request is read.
fn already_current(draft: &mut Draft<'_>, issue: IssueNumber) {
    let base = draft.header().base.as_ref().map(|base| base.head.clone());
    if let Some(pull) = draft.task_mut(TaskId(issue)).and_then(|task| task.pull.as_mut()) {
        pull.checked_base = base;
    }
    reread_pull(draft, issue);
}

pub(super) fn reread_pull(draft: &mut Draft<'_>, issue: IssueNumber) {
    if let Some(pull) = draft.task(TaskId(issue)).and_then(|task| task.pull.as_ref()).map(|pull| pull.number) {
        draft.read(Read::Pull(pull));
    }
}

pub(in crate::engine) fn tracking_made(draft: &mut Draft<'_>, issue: &Issue) {
    let (now, plan) = (draft.now, draft.header().number);
    // Found after a loss, it is not looked for a second time: by then the plan's end may have closed it.
    draft.answered(&EffectKey(format!("tracking:{plan}")));
    draft.header_mut().tracking = Some(Tracking {
        number: issue.number,
        node_id: issue.node_id.clone(),
        digest: checklist::digest(&issue.body),
        edited_at: now,
        dirty: true,
        pinned: false,
        pin_refused: None,
        read_at: None,
        seen_at: None,
        paid_until: None,
        unattributed: Vec::new(),
        ticked: Cursor::new(issue.created_at),
    });
    draft.intend("pin", None, Effect::Pin { node_id: issue.node_id.clone(), pinned: true });
}

/// The entry's attempt, if it is still the current one and unended.
fn current<'d>(
    draft: &'d mut Draft<'_>,
    attempt: Option<AttemptId>,
) -> Option<&'d mut crate::engine::attempt::Attempt> {
    let attempt = attempt?;
    draft.task(TaskId(attempt.issue))?.live().filter(|live| live.id == attempt)?;
    draft.task_mut(TaskId(attempt.issue))?.attempts.last_mut()
}
