//! What records and runs say about attempts. Only the current, unended attempt of a task is ever changed: everything
//! else is a stale fact.

use crate::engine::attempt::{Attempt, AttemptOutcome, FenceCause, Stand};
use crate::engine::brief::Mode;
use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey, EntryState};
use crate::engine::event::AttemptSeen;
use crate::engine::footprint::Footprint;
use crate::engine::id::{AttemptId, Sha, TaskId};
use crate::engine::learning;
use crate::engine::observe::{footprints, planner};
use crate::engine::reconcile::is_late_planner;
use crate::engine::record::{Published, Record};
use crate::engine::report::{Cause, ReportOutcome, head};
use crate::engine::retry::{Blame, Next, after};
use crate::engine::snapshot::{Conclusion, Progress, Run};
use crate::engine::task::{Hold, Stage, Task, Trigger, Verdict, Work};
use crate::engine::time::Timestamp;

/// Longest error kept with an attempt, in characters.
const ERROR_CHARACTERS_MAX: usize = 4_000;

/// Records an attempt's run and record.
pub(super) fn record(draft: &mut Draft<'_>, seen: &AttemptSeen) {
    let now = draft.now;
    let late = |task: &Task| task.stage == Stage::Stuck || is_late_planner(draft, task);
    if draft.task(TaskId(seen.id.issue)).is_some_and(late)
        && let Some(attempt) = live_mut(draft, seen.id)
    {
        attempt.looked_at = Some(now);
    }
    if let Some(run) = &seen.run {
        record_run(draft, seen.id, run);
    }
    if let Some((tip, record)) = &seen.record {
        record_record(draft, seen.id, tip, record);
    }
    let run_over = seen.run.as_ref().is_some_and(|run| run.progress == Progress::Completed);
    if let (true, Some(run)) = (run_over, &seen.run) {
        run_ended(draft, seen.id, run);
    }
}

/// The current live attempt with this id, to be changed.
fn live_mut<'d>(draft: &'d mut Draft<'_>, id: AttemptId) -> Option<&'d mut Attempt> {
    let task = draft.task(TaskId(id.issue))?;
    task.live().filter(|attempt| attempt.id == id)?;
    draft.task_mut(TaskId(id.issue))?.attempts.last_mut()
}

/// What a run looks like in the list of runs; any change of it is progress.
fn coarse_mark(run: &Run) -> String {
    format!("{:?} at {}", run.progress, run.updated_at)
}

/// What its jobs and steps look like, where they were read.
fn fine_mark(run: &Run) -> Option<String> {
    let steps = run.jobs.iter().flat_map(|job| &job.steps);
    let done = |progress: Progress| progress == Progress::Completed;
    let jobs_done = run.jobs.iter().filter(|job| done(job.progress)).count();
    let jobs_begun = run.jobs.iter().filter(|job| job.started_at.is_some()).count();
    let steps_done = steps.clone().filter(|step| done(step.progress)).count();
    (!run.jobs.is_empty()).then(|| format!("{jobs_done} {jobs_begun} {steps_done} {}", steps.count()))
}

/// When a job last began or ended.
fn last_job_move(run: &Run) -> Option<Timestamp> {
    run.jobs.iter().flat_map(|job| [job.started_at, job.completed_at]).flatten().max()
}

fn record_run(draft: &mut Draft<'_>, id: AttemptId, run: &Run) {
    let now = draft.now;
    let Some(attempt) = live_mut(draft, id) else { return };
    if attempt.stand >= Stand::Claimed && attempt.run != Some(run.id) {
        return;
    }
    attempt.run = Some(run.id);
    attempt.started |= run.progress != Progress::Queued;
    let before = attempt.progress_at;
    let coarse = coarse_mark(run);
    if attempt.progress_mark != coarse {
        attempt.progress_mark = coarse;
        attempt.progress_at = now;
    }
    if let Some(fine) = fine_mark(run) {
        match &attempt.progress_steps {
            Some(known) if *known != fine => attempt.progress_at = now,
            Some(_) => {}
            // Seen for the first time, jobs and steps tell nothing new but the moments they carry.
            None => attempt.progress_at = last_job_move(run).map_or(before, |at| at.min(now)).max(attempt.progress_at),
        }
        attempt.progress_steps = Some(fine);
    }
    let moved = attempt.progress_at > before;
    let task = TaskId(id.issue);
    if moved && draft.task(task).is_some_and(|task| task.stage == Stage::Stuck && !asked_to_end(task)) {
        draft.move_task(task, Trigger::Revive);
    }
}

fn asked_to_end(task: &Task) -> bool {
    task.live().is_some_and(|attempt| attempt.cancel_asked_at.is_some() || attempt.fence.is_some())
}

/// Records what an attempt's record says.
pub(in crate::engine) fn record_record(draft: &mut Draft<'_>, id: AttemptId, tip: &Sha, record: &Record) {
    let now = draft.now;
    let Some(attempt) = live_mut(draft, id) else { return };
    attempt.record = Some(tip.clone());
    if let Some(claimed) = &record.claimed {
        if attempt.stand < Stand::Claimed {
            attempt.progress_at = now;
        }
        attempt.stand = Stand::Claimed;
        attempt.run = Some(claimed.run_id);
        attempt.started = true;
        attempt.dispatched_at.get_or_insert(now);
    }
    if let Some(result) = &record.result {
        finish(draft, id, result);
    } else if record.fenced.is_some() {
        fenced(draft, id);
    }
}

/// A run ended. If its record is still open, nobody will ever close it but us.
fn run_ended(draft: &mut Draft<'_>, id: AttemptId, run: &Run) {
    let cancelled_is_free = draft.header().settings.forgive_cancelled_runs;
    let Some(attempt) = live_mut(draft, id) else { return };
    if attempt.run.is_some_and(|known| known != run.id) {
        return;
    }
    attempt.run_over = true;
    let cause = match run.conclusion {
        Some(Conclusion::Cancelled) if attempt.cancel_asked_at.is_none() && cancelled_is_free => {
            FenceCause::ForgeStopped
        }
        Some(Conclusion::TimedOut) => FenceCause::RunTimedOut,
        Some(_) | None => FenceCause::RunLost,
    };
    fence(draft, TaskId(id.issue), cause);
}

/// Closes a task's live attempt, if there is one: its record is fenced, its run asked to end. A cause given before
/// stays, unless a person's act comes to it: that one wins.
pub(in crate::engine) fn fence(draft: &mut Draft<'_>, id: TaskId, cause: FenceCause) {
    let now = draft.now;
    let Some(attempt) =
        draft.task_mut(id).and_then(|task| task.attempts.last_mut()).filter(|attempt| attempt.is_live())
    else {
        return;
    };
    if matches!(cause, FenceCause::Cancelled | FenceCause::Merged) {
        attempt.fence = Some(cause);
    }
    let cause = *attempt.fence.get_or_insert(cause);
    let ask = attempt.run.filter(|_| !attempt.run_over && attempt.cancel_asked_at.is_none());
    if ask.is_some() {
        attempt.cancel_asked_at = Some(now);
    }
    let attempt = attempt.id;
    for kind in ["brief", "dispatch"] {
        let key = EffectKey(format!("{kind}:{attempt}"));
        if draft.entry(&key).is_some_and(|entry| entry.state == EntryState::Queued) {
            draft.answered(&key);
        }
    }
    draft.intend(format!("fence:{attempt}"), Some(attempt), Effect::Fence { attempt, why: why(cause).to_owned() });
    if let Some(run) = ask {
        draft.intend(format!("cancel:{attempt}"), Some(attempt), Effect::CancelRun { run });
    }
}

/// A fence's reason for people.
fn why(cause: FenceCause) -> &'static str {
    match cause {
        FenceCause::LostDispatch => "the dispatch was looked for twice and not seen",
        FenceCause::Ghost => "the run stayed queued, or did not end when asked to",
        FenceCause::Stuck => "the run showed no job or step change within its time and the margin for its report",
        FenceCause::RunLost => "the run ended without a result",
        FenceCause::RunTimedOut => "the run reached its time limit",
        FenceCause::ForgeStopped => "the run was stopped together with its server",
        FenceCause::Cancelled => "the task was cancelled",
        FenceCause::Outdated => "the text it was to plan was edited meanwhile",
        FenceCause::Merged => "the pull request was merged meanwhile",
    }
}

/// The record is fenced: the attempt ends by the cause that was given for it.
fn fenced(draft: &mut Draft<'_>, id: AttemptId) {
    let Some(attempt) = live_mut(draft, id) else { return };
    let cause = attempt.fence.unwrap_or(FenceCause::RunLost);
    // A run that became known only after the fence was decided works for nobody.
    let run = attempt.run.filter(|_| !attempt.run_over && attempt.cancel_asked_at.is_none());
    // Where nobody claimed it no agent was ever at work, however long its run took.
    let claimed = attempt.stand >= Stand::Claimed;
    let outcome = match cause {
        FenceCause::Stuck | FenceCause::RunTimedOut if !claimed => AttemptOutcome::Infra,
        FenceCause::LostDispatch => AttemptOutcome::Fenced,
        FenceCause::Ghost | FenceCause::RunLost => AttemptOutcome::Infra,
        FenceCause::Stuck | FenceCause::RunTimedOut => AttemptOutcome::Timeout,
        FenceCause::ForgeStopped | FenceCause::Cancelled | FenceCause::Merged | FenceCause::Outdated => {
            AttemptOutcome::Cancelled
        }
    };
    let plans = attempt.mode == Mode::Plan;
    if let Some(run) = run {
        draft.intend(format!("cancel:{id}"), Some(id), Effect::CancelRun { run });
    }
    end_attempt(draft, id, outcome, why(cause));
    if plans {
        planner::fenced(draft, id, planner::blame(cause, outcome), why(cause));
    } else if !ended_by_person(draft, TaskId(id.issue), Some(cause)) {
        let blame = if outcome == AttemptOutcome::Infra { Blame::Infrastructure } else { Blame::from(cause) };
        fail(draft, TaskId(id.issue), blame);
    }
}

/// Whether a person's act closed the attempt: then nothing it did counts any more. A task that was taken up again
/// meanwhile goes back to its start.
fn ended_by_person(draft: &mut Draft<'_>, id: TaskId, cause: Option<FenceCause>) -> bool {
    match cause {
        Some(FenceCause::Cancelled | FenceCause::Merged) => {}
        Some(
            FenceCause::LostDispatch
            | FenceCause::Ghost
            | FenceCause::Stuck
            | FenceCause::RunLost
            | FenceCause::RunTimedOut
            | FenceCause::ForgeStopped
            | FenceCause::Outdated,
        )
        | None => return false,
    }
    let again = |task: &Task| {
        matches!(task.stage, Stage::Running | Stage::Stuck) && !task.cancel_asked && task.verdict.is_none()
    };
    if draft.task(id).is_some_and(again) {
        draft.move_task(id, Trigger::Retake);
    }
    true
}

/// Ends an attempt: from here on it holds no slot.
pub(super) fn end_attempt(draft: &mut Draft<'_>, id: AttemptId, outcome: AttemptOutcome, error: &str) {
    let now = draft.now;
    let Some(attempt) = live_mut(draft, id) else { return };
    attempt.stand = Stand::Ended;
    attempt.ended_at = Some(now);
    attempt.outcome = Some(outcome);
    if !matches!(outcome, AttemptOutcome::Changed | AttemptOutcome::NoChange | AttemptOutcome::Planned) {
        attempt.error = head(error, ERROR_CHARACTERS_MAX);
    }
    for kind in ["brief", "dispatch", "fence"] {
        draft.answered(&EffectKey(format!("{kind}:{id}")));
    }
}

/// Publish pushed a result.
fn finish(draft: &mut Draft<'_>, id: AttemptId, result: &Published) {
    let Some(attempt) = live_mut(draft, id) else { return };
    attempt.summary.clone_from(&result.report.summary);
    attempt.usage = result.report.usage;
    attempt.restarts = result.report.restarts;
    attempt.agent_started_at = result.agent_started_at;
    attempt.agent_ended_at = result.agent_ended_at;
    attempt.commit.clone_from(&result.commit);
    attempt.files.clone_from(&result.files);
    let (rebase, fence) = (attempt.mode == Mode::Rebase, attempt.fence);
    if attempt.mode == Mode::Plan {
        attempt.commit = None;
        return planner::finish(draft, id, result);
    }
    let id_task = TaskId(id.issue);
    let had_pull = draft.task(id_task).is_some_and(Task::has_open_pull);
    let (outcome, blame, error) = judge(result, had_pull || rebase);
    end_attempt(draft, id, outcome, &error);
    if ended_by_person(draft, id_task, fence)
        || draft.task(id_task).is_none_or(|task| task.cancel_asked || task.verdict.is_some())
    {
        return;
    }
    match (outcome, blame) {
        (AttemptOutcome::NeedsDecision, _) => ask_person(draft, id_task, result),
        (_, Some(blame)) => fail(draft, id_task, blame),
        (_, None) => succeed(draft, id, result),
    }
}

/// What a result means: outcome, whom a failure is counted against, and the words for it.
pub(super) fn judge(result: &Published, change_expected: bool) -> (AttemptOutcome, Option<Blame>, String) {
    let report = &result.report;
    if !result.refused.is_empty() {
        return (
            AttemptOutcome::Failed,
            Some(Blame::Agent),
            format!("publish refused the work: {}", result.refused.join("; ")),
        );
    }
    let reason = if report.reason.is_empty() { report.summary.clone() } else { report.reason.clone() };
    match (report.outcome, report.cause) {
        (ReportOutcome::Changed, _) if result.commit.is_some() => (AttemptOutcome::Changed, None, String::new()),
        (ReportOutcome::Changed, _) => {
            (AttemptOutcome::Failed, Some(Blame::Agent), "the agent reported a change but there was none".to_owned())
        }
        (ReportOutcome::NoChange, _) if change_expected => {
            (AttemptOutcome::Failed, Some(Blame::Agent), format!("a change was needed and none was made: {reason}"))
        }
        (ReportOutcome::NoChange, _) => (AttemptOutcome::NoChange, None, String::new()),
        (ReportOutcome::NeedsDecision, _) => (AttemptOutcome::NeedsDecision, None, report.question.clone()),
        (ReportOutcome::Planned, _) => {
            (AttemptOutcome::Failed, Some(Blame::Agent), "the agent planned where work was asked for".to_owned())
        }
        (ReportOutcome::Infra, Some(Cause::Fatal)) => {
            (AttemptOutcome::Infra, Some(Blame::HopelessInfrastructure), reason)
        }
        (ReportOutcome::Infra, _) => (AttemptOutcome::Infra, Some(Blame::Infrastructure), reason),
        (ReportOutcome::Failed, Some(Cause::Stalled)) => (AttemptOutcome::Stalled, Some(Blame::Agent), reason),
        (ReportOutcome::Failed, Some(Cause::Timeout)) => (AttemptOutcome::Timeout, Some(Blame::Agent), reason),
        (ReportOutcome::Failed, Some(Cause::Fatal)) => (AttemptOutcome::Failed, Some(Blame::Hopeless), reason),
        (ReportOutcome::Failed, Some(Cause::Validation) | None) => (AttemptOutcome::Failed, Some(Blame::Agent), reason),
    }
}

/// The agent asks a person.
fn ask_person(draft: &mut Draft<'_>, id: TaskId, result: &Published) {
    if draft.move_task(id, Trigger::Hold)
        && let Some(task) = draft.task_mut(id)
    {
        let question = if result.report.question.is_empty() { &result.report.summary } else { &result.report.question };
        task.hold = Some(Hold::Decision { question: question.clone() });
    }
}

/// The attempt did its work.
fn succeed(draft: &mut Draft<'_>, id: AttemptId, result: &Published) {
    let now = draft.now;
    let id_task = TaskId(id.issue);
    if !draft.move_task(id_task, Trigger::Finish) {
        return;
    }
    let hotspots = footprints::hotspots(draft);
    let Some(task) = draft.task_mut(id_task) else { return };
    (task.rebase_due, task.rebase_from) = (false, None);
    task.dry_runs.clear();
    let adds = task.attempts.last().is_some_and(|last| last.mode == Mode::Task && last.start != last.base);
    match &result.commit {
        Some(commit) => {
            let mut files = result.files.clone();
            // Work on top of earlier work adds to the files of that; what begins at the base is all there is.
            if adds {
                files.extend(task.work.iter().flat_map(|work| work.files.clone()));
                files.sort();
                files.dedup();
            }
            let hotspots = hotspots.among(&files);
            let work = Work { n: id.n, commit: commit.clone(), files, hotspots, at: now };
            if task.work.replace(work).is_none() {
                learning::learn(draft, id_task);
            }
        }
        None => {
            task.verdict = Some(Verdict::NoChange);
            task.settled_at = Some(now);
            release(task);
        }
    }
}

/// A failure: another attempt later, or escalation.
pub(in crate::engine) fn fail(draft: &mut Draft<'_>, id: TaskId, blame: Blame) {
    let settings = draft.header().settings.clone();
    let now = draft.now;
    let failing = draft.task(id).is_some_and(|task| task.stage != Stage::Error);
    if failing {
        let rejecting = draft.task(id).is_some_and(|task| matches!(task.stage, Stage::PrOpen | Stage::Complete));
        draft.move_task(id, if rejecting { Trigger::Reject } else { Trigger::Fail });
    }
    let Some(task) = draft.task_mut(id) else { return };
    if task.cancel_asked {
        return;
    }
    match after(task, blame, &settings) {
        Next::Retry(wait) => task.not_before = now + wait,
        Next::Escalate => {
            task.verdict = Some(Verdict::Escalated);
            if !task.has_open_pull() {
                task.settled_at = Some(now);
                release(task);
            }
        }
    }
}

/// Frees a task's files.
pub(in crate::engine) fn release(task: &mut Task) {
    task.locked_since = None;
    task.dispatched = Footprint::default();
}
