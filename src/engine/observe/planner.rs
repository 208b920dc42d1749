//! How planner runs end, and what becomes of their answers. Nothing here moves a task: one whose planner run came to
//! nothing goes on as if there had been none.

use crate::engine::attempt::{AttemptOutcome, FenceCause};
use crate::engine::draft::Draft;
use crate::engine::event::PlannedFilesSeen;
use crate::engine::id::{AttemptId, TaskId};
use crate::engine::observe::attempts::{end_attempt, judge};
use crate::engine::observe::footprints;
use crate::engine::planner::{self, PLANNER_INFRA_RETRIES_MAX, Planning, PlanningStand};
use crate::engine::record::Published;
use crate::engine::report::{ReportOutcome, head};
use crate::engine::retry::{self, Blame};
use crate::engine::task::Task;

/// Longest reason kept, in characters.
const WHY_CHARACTERS_MAX: usize = 300;

/// Publish pushed what a planner run reported.
pub(super) fn finish(draft: &mut Draft<'_>, id: AttemptId, result: &Published) {
    let failed = |why: String| (AttemptOutcome::Failed, Some(Blame::Agent), why);
    let (outcome, blame, error) = match result.report.outcome {
        _ if result.commit.is_some() => failed("it pushed work, which a planner run may not".to_owned()),
        _ if !result.refused.is_empty() => judge(result, false),
        ReportOutcome::Planned => (AttemptOutcome::Planned, None, String::new()),
        ReportOutcome::Failed | ReportOutcome::Infra => judge(result, false),
        ReportOutcome::Changed | ReportOutcome::NoChange | ReportOutcome::NeedsDecision => {
            failed(format!("it ended as `{}`, not with an answer", result.report.outcome))
        }
    };
    end_attempt(draft, id, outcome, &error);
    match blame {
        Some(blame) => failed_by(draft, id, blame, &error),
        None => answered(draft, id, &result.report.answer),
    }
}

/// A planner run was closed by us.
pub(super) fn fenced(draft: &mut Draft<'_>, id: AttemptId, blame: Blame, why: &str) {
    failed_by(draft, id, blame, why);
}

/// GitHub refused its brief or its dispatch: what mends that is told where the task's own is refused.
pub(super) fn refused(draft: &mut Draft<'_>, id: AttemptId, message: &str) {
    draft.return_number(id);
    pass(draft, id, format!("GitHub refused its dispatch: {message}"));
    // The number goes to the next run.
    if let Some(planning) = planning_mut(draft, id) {
        planning.attempt = None;
    }
    if let Some(task) = draft.task_mut(TaskId(id.issue)) {
        task.attempts.pop();
    }
}

/// What a run planned, by its task.
fn planning_mut<'d>(draft: &'d mut Draft<'_>, id: AttemptId) -> Option<&'d mut Planning> {
    let task = draft.task_mut(TaskId(id.issue))?;
    task.plannings.iter_mut().find(|planning| planning.attempt == Some(id))
}

/// Gives up: the guess stands.
fn pass(draft: &mut Draft<'_>, id: AttemptId, why: String) {
    if let Some(planning) = planning_mut(draft, id) {
        planning.stand = PlanningStand::Passed { why: head(why.trim(), WHY_CHARACTERS_MAX) };
    }
}

/// It answered: what can be told from the answer alone is told; the base's tree is asked next.
fn answered(draft: &mut Draft<'_>, id: AttemptId, text: &str) {
    match planner::read(text, id.issue, |issue| draft.task(TaskId(issue)).is_some()) {
        Ok(answer) => {
            if let Some(planning) = planning_mut(draft, id) {
                planning.stand = PlanningStand::Answered { answer };
            }
        }
        Err(why) => pass(draft, id, format!("its answer was refused: {why}")),
    }
}

/// It came to nothing. A failure of runner, set-up or GitHub is counted and tried again a few times; one of the agent
/// is the end of it.
fn failed_by(draft: &mut Draft<'_>, id: AttemptId, blame: Blame, error: &str) {
    let now = draft.now;
    let settings = draft.header().settings.clone();
    let reason = error.lines().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
    match blame {
        Blame::Nobody => return,
        Blame::Agent | Blame::Counted | Blame::Conflict | Blame::Hopeless => {
            return pass(draft, id, format!("it failed: {reason}"));
        }
        Blame::Infrastructure | Blame::HopelessInfrastructure => {}
    }
    let goes_on = |task: &Task| !task.cancel_asked && task.verdict.is_none();
    let Some(task) = draft.task_mut(TaskId(id.issue)).filter(|task| goes_on(task)) else { return };
    task.counters.infra_retries += 1;
    let spent = task.counters.infra_retries > settings.infra_retries.saturating_add(task.counters.granted);
    let Some(planning) = task.plannings.iter_mut().find(|planning| planning.attempt == Some(id)) else { return };
    planning.infra_failures += 1;
    let failures = planning.infra_failures;
    if spent || blame == Blame::HopelessInfrastructure || failures > PLANNER_INFRA_RETRIES_MAX {
        return pass(draft, id, format!("its runner failed: {reason}"));
    }
    task.not_before = now + retry::backoff(failures, &settings);
}

/// The base's tree was asked for the files that an answer names.
pub(super) fn checked(draft: &mut Draft<'_>, seen: &PlannedFilesSeen) {
    let id = seen.attempt;
    let Some(planning) = planning_mut(draft, id) else { return };
    let PlanningStand::Answered { answer } = planning.stand.clone() else { return };
    if let Err(why) = planner::check(&answer, &seen.present, seen.total) {
        return pass(draft, id, format!("its answer was refused: {why}"));
    }
    planning.stand = PlanningStand::Confirmed { answer };
    let hotspots = footprints::hotspots(draft);
    if let Some(task) = draft.task_mut(TaskId(id.issue)) {
        let guessed = std::mem::take(&mut task.footprint);
        task.footprint = hotspots.soften(planner::footprint(task, guessed));
    }
    draft.replan();
}

/// What a planner run's fence counts as.
pub(super) fn blame(cause: FenceCause, outcome: AttemptOutcome) -> Blame {
    if outcome == AttemptOutcome::Infra { Blame::Infrastructure } else { Blame::from(cause) }
}
