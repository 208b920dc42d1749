//! One dispatched run of a task, from its brief to its end.

use serde::{Deserialize, Serialize};

use crate::engine::brief::Mode;
use crate::engine::id::{AttemptId, AttemptKey, RunId, Sha};
use crate::engine::report::Usage;
use crate::engine::time::Timestamp;

/// How an attempt ended, as the final JSON and the tracking issue say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AttemptOutcome {
    /// There is work.
    Changed,
    /// Nothing needed to change.
    NoChange,
    /// A planner run answered, whether or not its answer stands.
    Planned,
    /// A person must decide first.
    NeedsDecision,
    /// The agent did not manage, or publish refused its patch.
    Failed,
    /// No progress, twice.
    Stalled,
    /// Its time was up.
    Timeout,
    /// Its pull request's checks failed.
    Red,
    /// Its work does not merge.
    Conflict,
    /// Runner, set-up or GitHub failed; the agent is not to blame.
    Infra,
    /// Closed by the orchestrator before anybody claimed it.
    Fenced,
    /// A person cancelled the task, or the run was stopped with the forge.
    Cancelled,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stand {
    /// Its brief is intended.
    Planned,
    /// Its brief is written, its dispatch intended.
    Briefed,
    /// GitHub took the dispatch.
    Dispatched,
    /// The record names its run.
    Claimed,
    /// Result read, or fenced. Nothing about it changes any more.
    Ended,
}

/// Why the orchestrator closes an attempt itself. Each decides which counter the end counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FenceCause {
    /// The dispatch was looked for twice and not seen: an infrastructure failure.
    LostDispatch,
    /// Queued, or asked to cancel, for longer than `ghost_after`: an infrastructure failure.
    Ghost,
    /// Past its time, and the margin for its report, without a job or step changing: a failure of the agent.
    Stuck,
    /// The run ended without a result because of runner or set-up: an infrastructure failure.
    RunLost,
    /// The agent's job ran into its time limit: a failure of the agent.
    RunTimedOut,
    /// The forge was stopped under it: counts nowhere.
    ForgeStopped,
    /// A person cancelled the task, or the issue left the plan: counts nowhere.
    Cancelled,
    /// A planner run whose text was edited meanwhile: counts nowhere.
    Outdated,
    /// The pull request was merged meanwhile: counts nowhere.
    Merged,
}

/// An attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Issue and number.
    pub id: AttemptId,
    /// The key it was dispatched under.
    pub key: AttemptKey,
    /// What kind of run.
    pub mode: Mode,
    /// How far.
    pub stand: Stand,
    /// The brief's commit, once written.
    pub brief: Option<Sha>,
    /// The base's head when it was planned.
    pub base: Sha,
    /// The commit its work starts from.
    pub start: Sha,
    /// When it was planned; it holds a slot from then on.
    pub planned_at: Timestamp,
    /// When GitHub took the dispatch.
    pub dispatched_at: Option<Timestamp>,
    /// Its run: a hint from the dispatch answer until the record names it.
    pub run: Option<RunId>,
    /// The record's tip as last read.
    pub record: Option<Sha>,
    /// When its run was last seen to move (started, a job or step changed).
    pub progress_at: Timestamp,
    /// What the list of runs showed then.
    pub progress_mark: String,
    /// What its jobs and steps looked like when they were last read.
    pub progress_steps: Option<String>,
    /// When its jobs and steps were last read because it seemed stuck.
    pub looked_at: Option<Timestamp>,
    /// Whether the run was seen to leave the queue.
    pub started: bool,
    /// When its cancellation was asked for.
    pub cancel_asked_at: Option<Timestamp>,
    /// Why it is being closed, once that is decided.
    pub fence: Option<FenceCause>,
    /// Whether its run was seen completed.
    pub run_over: bool,
    /// When the agent started, by the record.
    pub agent_started_at: Option<Timestamp>,
    /// When the agent ended, by the record.
    pub agent_ended_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<AttemptOutcome>,
    /// What went wrong, for the next attempt and for people; cut.
    pub error: String,
    /// What was done, by the report.
    pub summary: String,
    /// The commit publish pushed.
    pub commit: Option<Sha>,
    /// The files of that commit, by publish.
    pub files: Vec<String>,
    /// What it used.
    pub usage: Usage,
    /// How often the agent was restarted within it.
    pub restarts: u32,
}

impl Attempt {
    /// An attempt as planned.
    pub fn planned(key: AttemptKey, mode: Mode, base: Sha, start: Sha, now: Timestamp) -> Self {
        Self {
            id: key.id,
            key,
            mode,
            stand: Stand::Planned,
            brief: None,
            base,
            start,
            planned_at: now,
            dispatched_at: None,
            run: None,
            record: None,
            progress_at: now,
            progress_mark: String::new(),
            progress_steps: None,
            looked_at: None,
            started: false,
            cancel_asked_at: None,
            fence: None,
            run_over: false,
            agent_started_at: None,
            agent_ended_at: None,
            ended_at: None,
            outcome: None,
            error: String::new(),
            summary: String::new(),
            commit: None,
            files: Vec::new(),
            usage: Usage::default(),
            restarts: 0,
        }
    }

    /// Whether its failure tells the next attempt something: an agent was at work, and it or its work failed.
    pub fn teaches(&self) -> bool {
        let failed = match self.outcome {
            Some(
                AttemptOutcome::Failed
                | AttemptOutcome::Stalled
                | AttemptOutcome::Timeout
                | AttemptOutcome::Red
                | AttemptOutcome::Conflict
                | AttemptOutcome::NeedsDecision,
            ) => true,
            Some(
                AttemptOutcome::Changed
                | AttemptOutcome::NoChange
                | AttemptOutcome::Planned
                | AttemptOutcome::Infra
                | AttemptOutcome::Fenced
                | AttemptOutcome::Cancelled,
            )
            | None => false,
        };
        failed && self.mode != Mode::Plan && !self.error.is_empty()
    }

    /// Whether it holds a slot: neither ended nor fenced.
    pub fn is_live(&self) -> bool {
        self.stand != Stand::Ended
    }
}
