//! What the agent job leaves behind: the report. It is untrusted data; of it only the outcome, texts and usage are ever
//! taken, and they can cost a retry, never grant anything.

use serde::{Deserialize, Serialize};

/// How the agent says its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ReportOutcome {
    /// There is a patch.
    Changed,
    /// Nothing needs to change; the summary says why.
    NoChange,
    /// A person must answer `question` first.
    NeedsDecision,
    /// The agent did not manage.
    Failed,
    /// The agent could not even work (program missing, endpoint refused).
    Infra,
    /// A planner run answered: see [`Report::answer`].
    Planned,
}

/// What stood behind a failure, where the worker knows more than the outcome tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// No progress for the stall limit, twice.
    Stalled,
    /// The attempt's time was up.
    Timeout,
    /// Trying again cannot help (the agent's program does not exist, the key is refused).
    Fatal,
    /// A validation command failed after the work.
    Validation,
}

/// One validation command and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// The command line.
    pub command: String,
    /// Its exit code; nothing where a signal ended it.
    pub exit: Option<i32>,
    /// The end of its output, cut.
    pub tail: String,
}

/// Tokens and money, as far as the agent tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Of those, cached.
    pub cached_input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
}

/// The report, `report.json` in the agent job's artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How it ended.
    pub outcome: ReportOutcome,
    /// What was done, or why nothing was, cut to [`TEXT_CHARACTERS_MAX`].
    #[serde(default)]
    pub summary: String,
    /// Why it failed.
    #[serde(default)]
    pub reason: String,
    /// What a person must answer.
    #[serde(default)]
    pub question: String,
    /// Validation commands in order.
    #[serde(default)]
    pub validation: Vec<Validation>,
    /// What it used.
    #[serde(default)]
    pub usage: Usage,
    /// The agent's session, to resume it.
    #[serde(default)]
    pub session: Option<String>,
    /// What stood behind a failure.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// How often the agent was restarted within the attempt because it made no progress.
    #[serde(default)]
    pub restarts: u32,
    /// What a planner run answered, as JSON that nobody has looked at yet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answer: String,
}

/// How the worker's log begins to say that its agent is silent, for whoever reads the log as it comes.
pub const SILENT: &str = "agent: nothing new";
/// Longest text taken over from a report, in characters.
pub const TEXT_CHARACTERS_MAX: usize = 4_000;
/// Longest answer of a planner run that is taken, in bytes: 30 paths of 512 characters, and room to spare.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longest output tail kept of a validation command, in characters.
pub const TAIL_CHARACTERS_MAX: usize = 4_000;
/// Most validation commands kept.
pub const VALIDATIONS_MAX: usize = 20;

impl Report {
    /// A report with an outcome and a reason, nothing else.
    pub fn ended(outcome: ReportOutcome, reason: impl Into<String>) -> Self {
        Self {
            outcome,
            summary: String::new(),
            reason: reason.into(),
            question: String::new(),
            validation: Vec::new(),
            usage: Usage::default(),
            session: None,
            cause: None,
            restarts: 0,
            answer: String::new(),
        }
    }

    /// The same report with every text and list cut to its bound.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        for text in [&mut self.summary, &mut self.reason, &mut self.question] {
            *text = head(text, TEXT_CHARACTERS_MAX);
        }
        self.validation.truncate(VALIDATIONS_MAX);
        for validation in &mut self.validation {
            validation.command = head(&validation.command, TEXT_CHARACTERS_MAX);
            validation.tail = tail(&validation.tail, TAIL_CHARACTERS_MAX);
        }
        self.session = self.session.map(|session| head(&session, 200));
        // Half an answer is none.
        if self.answer.len() > ANSWER_BYTES_MAX {
            self.outcome = ReportOutcome::Failed;
            self.reason = format!("the answer has {} bytes, at most {ANSWER_BYTES_MAX} are taken", self.answer.len());
            self.answer.clear();
        }
        self
    }
}

/// The first `characters` characters of a text.
pub fn head(text: &str, characters: usize) -> String {
    text.char_indices().nth(characters).map_or_else(|| text.to_owned(), |(at, _)| text[..at].to_owned())
}

/// The last `characters` characters of a text.
pub fn tail(text: &str, characters: usize) -> String {
    let count = text.chars().count();
    if count <= characters {
        return text.to_owned();
    }
    text.chars().skip(count - characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_needs_only_its_outcome_and_is_cut_to_its_bounds() {
        let report: Report = serde_json::from_str(r#"{"outcome":"needs_decision"}"#).expect("minimal");
        assert_eq!(report.outcome, ReportOutcome::NeedsDecision);
        let long = Report { summary: "é".repeat(TEXT_CHARACTERS_MAX + 5), ..report };
        assert_eq!(long.bounded().summary.chars().count(), TEXT_CHARACTERS_MAX);
        assert_eq!(tail("abcdé", 2), "dé");
        assert_eq!(head("abc", 9), "abc");
    }
}
