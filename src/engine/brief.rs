//! What a run is told: the brief, `briefs/<issue>.<n>.json` on the state branch. The worker reads the commit it was
//! given, checks the digest and refuses a protocol it does not know.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::engine::id::{AttemptKey, IssueNumber, Login, Sha};
use crate::engine::policy::PatchPolicy;
use crate::engine::time::{Span, Timestamp};

/// The version of [`Brief`]'s form.
pub const BRIEF_PROTOCOL: u32 = 1;

/// What kind of run this is. `judge` is a name that the brief's form keeps for later, and nothing makes an attempt of
/// this kind, so that nobody meets one. A worker that is handed one ends as `infra`, not to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Mode {
    /// Does the task.
    Task,
    /// Reads the repository and names the files (a planner run); changes nothing.
    Plan,
    /// Judges work. Not dispatched.
    Judge,
    /// Brings finished work onto a moved base.
    Rebase,
}

/// Which agent the worker launches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum AgentKind {
    /// `codex exec`.
    Codex,
    /// `sh -c CMD`.
    Shell,
}

/// The approved text of an issue and who approved it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedText {
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// [`text_digest`] of both.
    pub digest: String,
    /// Who approved.
    pub by: Login,
    /// When.
    pub at: Timestamp,
}

/// The prompt in its four layers, rendered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptLayers {
    /// L0: the project's rules.
    pub rules: String,
    /// L1: the plan, and what siblings are editing.
    pub plan: String,
    /// L2: the task, its files, acceptance and finished dependencies.
    pub task: String,
    /// L3: what earlier attempts tried and how they failed.
    pub history: String,
}

impl PromptLayers {
    /// The whole prompt, layers separated by blank lines, empty ones left out.
    pub fn text(&self) -> String {
        [&self.rules, &self.plan, &self.task, &self.history]
            .into_iter()
            .filter(|layer| !layer.trim().is_empty())
            .map(|layer| layer.trim_end())
            .collect::<Vec<_>>()
            .join("\n\n")
    }
}

/// An issue as others know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its number.
    pub issue: IssueNumber,
    /// Its title.
    pub title: String,
}

/// Limits of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The agent's whole time.
    pub timeout: Span,
    /// No progress for so long: the run's log and summary say so. No agent can be spoken to while it runs.
    pub nudge_after: Span,
    /// No progress for so long: the agent is restarted once, then ended.
    pub stall_after: Span,
}

/// The brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// [`BRIEF_PROTOCOL`].
    pub protocol: u32,
    /// The attempt's key; a run started with another key refuses.
    pub key: AttemptKey,
    /// What kind of run.
    pub mode: Mode,
    /// The issue.
    pub issue: IssueNumber,
    /// What the agent is to do, exactly as approved.
    pub text: ApprovedText,
    /// Files the task declares, or where it declares none those it is predicted to touch, as people write them.
    pub files: Vec<String>,
    /// The base branch's name.
    pub base_branch: String,
    /// The base's head when the attempt was planned.
    pub base: Sha,
    /// The commit the work starts from: the base head, the pull request's head after red checks, or the work to rebase.
    pub start: Sha,
    /// The prompt.
    pub prompt: PromptLayers,
    /// Failures of earlier attempts, oldest first, cut.
    pub previous_errors: Vec<String>,
    /// The agent.
    pub agent: AgentKind,
    /// The command of the shell agent.
    pub agent_command: Option<String>,
    /// The model's name.
    pub model: String,
    /// The effort asked of it.
    pub effort: String,
    /// Limits.
    pub limits: Limits,
    /// Commands run before the agent, from the base commit.
    pub setup: Vec<String>,
    /// Commands that must pass after it.
    pub validate: Vec<String>,
    /// What publish lets through.
    pub policy: PatchPolicy,
    /// Of a planner run: the other open issues of the plan, which alone its answer may depend on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<Listed>,
}

impl Brief {
    /// Reads a brief and checks its protocol and digest.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let brief: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("the brief cannot be read: {error}"))?;
        if brief.protocol != BRIEF_PROTOCOL {
            return Err(format!("the brief has protocol {}, this worker knows {BRIEF_PROTOCOL}", brief.protocol));
        }
        if text_digest(&brief.text.title, &brief.text.body) != brief.text.digest {
            return Err("the brief's text is not the approved one: its digest differs".to_owned());
        }
        Ok(brief)
    }

    /// The file's text: readable JSON with a final newline.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// SHA-256 over title and body, each with its length in front so that no text can pass for another; lower-case
/// hexadecimal.
pub fn text_digest(title: &str, body: &str) -> String {
    let mut hash = Sha256::new();
    for part in [title, body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_where_the_title_ends() {
        assert_ne!(text_digest("a", "bc"), text_digest("ab", "c"));
        assert_eq!(text_digest("a", "b").len(), 64);
    }
}
