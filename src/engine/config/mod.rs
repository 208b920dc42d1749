//! Configuration: `.github/orchestrator.yml` and its defaults.

mod checks;
mod parse;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::engine::brief::AgentKind;
use crate::engine::facts::OnFail;
use crate::engine::footprint::OverlapPolicy;
use crate::engine::overlap::hotspots::DEFAULTS;
use crate::engine::policy::Scope;
use crate::engine::time::Span;

pub use parse::{ConfigKey, ConfigProblem, KEYS, parse};

/// Where the configuration lies in a repository.
pub const CONFIGURATION_PATH: &str = ".github/orchestrator.yml";
/// Where workflow files lie in a repository.
pub const WORKFLOW_FOLDER: &str = ".github/workflows";
/// The workflow that works the plan without a server.
pub const WORKFLOW: &str = "orchestrate.yml";
/// The one that looks at it by the clock.
pub const HEARTBEAT_WORKFLOW: &str = "orchestrate-heartbeat.yml";
/// The one, not everybody's, that hears comments and foreign checks.
pub const COMMENTS_WORKFLOW: &str = "orchestrate-comments.yml";

/// What counts as approval of a task's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ApprovalPolicy {
    /// A person with write says so: `/orchestrate approve` or the box.
    Ask,
    /// Labelling by a person with write approves the text as it stood.
    Label,
}

/// What a phase's tasks must have reached before the next phase opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Gate {
    /// Merged (or no change needed).
    Merged,
    /// Pull request open and green.
    Green,
}

/// What people must know of a plan that workflow runs work, with no server beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionsNative {
    /// Whether the workflow's own token is worked with, and no App's.
    pub own_token: bool,
    /// Whether comments and foreign checks wake a run.
    pub hears_comments: bool,
}

/// What is done with dependencies that an issue's text states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Dependencies {
    /// They hold, beside GitHub's own relations.
    #[default]
    Read,
    /// They are also written into GitHub's own relations, where its pages show them.
    WriteBack,
}

/// Who looks for the files of tasks that declare none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum PlannerPolicy {
    /// Nobody: what the text says is all there is.
    #[default]
    Off,
    /// An agent that may only read the repository, before the task is first dispatched.
    Agent,
}

/// Every setting, with a value. The engine gets them whole; there is no half-filled form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The label that gives an issue to the orchestrator.
    pub label: String,
    /// Most attempts under way at once.
    pub max_parallel: u32,
    /// Agent failures a task may have before it escalates.
    pub attempts: u32,
    /// Infrastructure failures a task may have before it escalates.
    pub infra_retries: u32,
    /// Rebase runs a task may have before it escalates.
    pub conflict_reruns: u32,
    /// First wait before a retry; doubles each time.
    pub backoff: Span,
    /// Longest wait before a retry.
    pub backoff_max: Span,
    /// An attempt's whole time.
    pub timeout: Span,
    /// No progress for so long: the run's log and summary say so.
    pub nudge_after: Span,
    /// No progress for so long: restart the agent once, then end the attempt.
    pub stall_after: Span,
    /// How often the world is looked at when nothing is heard.
    pub heartbeat: Span,
    /// Time between the two looks for a dispatch whose answer was lost.
    pub probe_window: Span,
    /// After a cancel request, or queued for so long, an attempt that has not ended is fenced.
    pub ghost_after: Span,
    /// How long a head without any check may stay so before that counts as green.
    pub checks_grace: Span,
    /// Time from the last label to the first plan.
    pub settle: Span,
    /// What counts as approval.
    pub approval: ApprovalPolicy,
    /// How overlaps steer.
    pub overlap: OverlapPolicy,
    /// Globs of files that everybody touches: claims on them never lock, unless overlaps are strict.
    #[serde(default = "default_hotspots")]
    pub hotspots: Vec<String>,
    /// Who looks for the files of tasks that declare none.
    #[serde(default)]
    pub planner: PlannerPolicy,
    /// When the next phase opens.
    pub gate: Gate,
    /// What an escalated task does to its gate, where the issue does not say.
    pub on_fail: OnFail,
    /// Whether green pull requests are merged without a person.
    pub auto_merge: bool,
    /// Files outside the declared footprint; nothing: hold where files were declared, report where inferred.
    pub scope: Option<Scope>,
    /// What is done with dependencies that an issue's text states.
    #[serde(default)]
    pub dependencies: Dependencies,
    /// Whether `no_change` closes the issue.
    pub close_no_change: bool,
    /// Whether pull requests are opened as drafts.
    pub draft: bool,
    /// The agent.
    pub agent: AgentKind,
    /// The shell agent's command.
    pub agent_command: Option<String>,
    /// The model.
    pub model: String,
    /// The effort asked of the model.
    pub effort: String,
    /// Commands before the agent.
    pub setup: Vec<String>,
    /// Commands that must pass after it.
    pub validate: Vec<String>,
    /// Project rules for the prompt's first layer.
    pub rules: String,
    /// Globs nobody may touch without a maintainer's word, besides the built-in ones.
    pub protected: Vec<String>,
    /// Most files of one patch.
    pub patch_files_max: u64,
    /// Most bytes of one patch.
    pub patch_bytes_max: u64,
    /// The task workflow's file name under `.github/workflows/`.
    pub workflow: String,
    /// Bots whose acts count, by login.
    pub allowed_bots: Vec<String>,
    /// Shortest time between two edits of the tracking issue.
    pub tracking_interval: Span,
    /// Whether a run cancelled without our asking counts nowhere: the forge was stopped under it.
    pub forgive_cancelled_runs: bool,
    /// Worked by workflow runs, with these limits; nothing: by a process that lasts.
    #[serde(default)]
    pub actions: Option<ActionsNative>,
}

fn default_hotspots() -> Vec<String> {
    DEFAULTS.iter().map(|pattern| (*pattern).to_owned()).collect()
}

impl Settings {
    /// The defaults of the server.
    pub fn server() -> Self {
        Self {
            label: "orchestrate".to_owned(),
            max_parallel: 4,
            attempts: 3,
            infra_retries: 5,
            conflict_reruns: 2,
            backoff: Span::seconds(30),
            backoff_max: Span::minutes(10),
            timeout: Span::minutes(60),
            nudge_after: Span::minutes(10),
            stall_after: Span::minutes(20),
            heartbeat: Span::seconds(60),
            probe_window: Span::seconds(120),
            ghost_after: Span::minutes(30),
            checks_grace: Span::minutes(5),
            settle: Span::seconds(60),
            approval: ApprovalPolicy::Ask,
            overlap: OverlapPolicy::Balanced,
            hotspots: default_hotspots(),
            planner: PlannerPolicy::Off,
            gate: Gate::Merged,
            on_fail: OnFail::Stop,
            auto_merge: false,
            scope: None,
            dependencies: Dependencies::Read,
            close_no_change: false,
            draft: false,
            agent: AgentKind::Codex,
            agent_command: None,
            model: "gpt-5.2-codex".to_owned(),
            effort: "high".to_owned(),
            setup: Vec::new(),
            validate: Vec::new(),
            rules: String::new(),
            protected: Vec::new(),
            patch_files_max: 300,
            patch_bytes_max: 5_000_000,
            workflow: "task.yml".to_owned(),
            allowed_bots: Vec::new(),
            tracking_interval: Span::seconds(15),
            forgive_cancelled_runs: false,
            actions: None,
        }
    }

    /// The defaults of workflow runs, each of which is billed a whole minute: what a run may still wait for is short,
    /// and the heartbeat seldom.
    pub fn actions(native: ActionsNative) -> Self {
        Self {
            heartbeat: Span::minutes(30),
            settle: Span::seconds(20),
            tracking_interval: Span::seconds(2),
            actions: Some(native),
            ..Self::server()
        }
    }

    /// The defaults of `local` and `demo`: the forge reads its own writes and sets no limits, so nothing need wait.
    pub fn local() -> Self {
        Self {
            heartbeat: Span::seconds(5),
            settle: Span::seconds(0),
            checks_grace: Span::seconds(0),
            probe_window: Span::seconds(2),
            backoff: Span::seconds(1),
            backoff_max: Span::seconds(30),
            tracking_interval: Span(std::time::Duration::from_millis(500)),
            forgive_cancelled_runs: true,
            ..Self::server()
        }
    }
}
