//! Planner runs (`planner: agent`): before a task without declared files is first dispatched, an agent that may only
//! read the repository names the files it will touch.
//!
//! Promises: an answer is data, about one text's digest; it is read whole and held against the base's tree before any
//! of it is believed, and one that does not stand is refused with a reason, so that the guess from the text stands.
//! However a planner run ends, its task goes on.

pub(in crate::engine) mod order;
pub(in crate::engine) mod waits;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::engine::attempt::Attempt;
use crate::engine::brief::Mode;
use crate::engine::config::{PlannerPolicy, Settings};
use crate::engine::facts::area;
use crate::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, Source, Strength};
use crate::engine::graph::DECLARED_FILES_MAX;
use crate::engine::id::{AttemptId, IssueNumber};
use crate::engine::report::ANSWER_BYTES_MAX;
use crate::engine::task::{Stage, Task};
use crate::engine::time::Span;

/// The longest a planner run may take: it reads, and changes nothing.
pub const PLANNER_TIMEOUT_MAX: Span = Span::minutes(20);
/// How often a planner run of one text is tried again after a failure of runner, set-up or GitHub, where
/// `infra_retries` leaves that many: the task itself may need the others.
pub const PLANNER_INFRA_RETRIES_MAX: u32 = 2;
/// Most other issues named to a planner run.
pub const LISTED_MAX: usize = 200;
/// Most dependencies an answer may propose.
const DEPENDENCIES_MAX: usize = 20;
/// Most minutes an estimate may say: a week.
const ESTIMATE_MINUTES_MAX: u32 = 7 * 24 * 60;
/// A repository of no more files may be touched whole.
const SMALL_REPOSITORY_FILES: usize = 3;
/// How many texts of one task are remembered with what their planner runs said.
const TEXTS_MAX: usize = 16;
/// Most names shown of a list that is refused.
const NAMED_MAX: usize = 5;

/// What a planner run answers, as its JSON schema says: every field is needed, and no other is allowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    files: Vec<String>,
    new_files: Vec<String>,
    depends_on: Vec<IssueNumber>,
    estimate_minutes: u32,
    confidence: f64,
}

/// An answer, read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Files the task will change, the likeliest first.
    pub files: Vec<String>,
    /// Files it will make.
    pub new_files: Vec<String>,
    /// Listed issues that had better be done before it.
    pub depends_on: Vec<IssueNumber>,
    /// How long an agent will work on it, in minutes.
    pub estimate_minutes: u32,
    /// How sure the agent is, in percent.
    pub confidence: u8,
}

/// How far the planner run of a text is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "stand")]
pub enum PlanningStand {
    /// To be run, or run again, or under way.
    Due,
    /// It answered; the base's tree has not been asked yet.
    Answered {
        /// The answer, read.
        answer: Answer,
    },
    /// It answered, and the answer stands.
    Confirmed {
        /// The answer.
        answer: Answer,
    },
    /// There is none to believe: the guess from the text stands.
    Passed {
        /// Why, for people.
        why: String,
    },
}

/// The planner run of one text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planning {
    /// The text's digest.
    pub digest: String,
    /// The newest run.
    pub attempt: Option<AttemptId>,
    /// How often runner, set-up or GitHub failed it.
    pub infra_failures: u32,
    /// How far it is.
    #[serde(flatten)]
    pub stand: PlanningStand,
}

impl Task {
    /// The planner run of the text as last read, if one was begun.
    pub fn planning(&self) -> Option<&Planning> {
        self.plannings.iter().find(|planning| planning.digest == self.digest)
    }

    /// The answer that stands for the text as last read, and the run that gave it.
    pub fn planned(&self) -> Option<(AttemptId, &Answer)> {
        let planning = self.planning()?;
        match &planning.stand {
            PlanningStand::Confirmed { answer } => Some((planning.attempt?, answer)),
            PlanningStand::Due | PlanningStand::Answered { .. } | PlanningStand::Passed { .. } => None,
        }
    }

    /// The answer that is to be held against the base's tree, and the run that gave it.
    pub fn unchecked(&self) -> Option<(&Attempt, &Answer)> {
        let planning = self.planning()?;
        let attempt = self.attempts.iter().find(|attempt| Some(attempt.id) == planning.attempt)?;
        match &planning.stand {
            PlanningStand::Answered { answer } => Some((attempt, answer)),
            PlanningStand::Due | PlanningStand::Confirmed { .. } | PlanningStand::Passed { .. } => None,
        }
    }

    /// The planner run under way, if one is.
    pub fn live_planner(&self) -> Option<&Attempt> {
        self.live().filter(|attempt| attempt.mode == Mode::Plan)
    }

    /// Attempts that were to do the work: planner runs left out.
    pub fn work_attempts(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.mode != Mode::Plan)
    }

    /// Whether its work was ever begun: reading the repository for it is not that.
    pub fn has_begun(&self) -> bool {
        self.work_attempts().next().is_some()
    }
}

/// Whether a task is to be planned by an agent before it starts: its files are not declared, it holds none yet, and no
/// planner run has told of its text. Only policies that look at what an agent confirms ask for it.
pub fn is_wanted(task: &Task, settings: &Settings) -> bool {
    let asked = settings.planner == PlannerPolicy::Agent;
    let looked_at = matches!(settings.overlap, OverlapPolicy::Strict | OverlapPolicy::Balanced);
    let fresh = task.stage == Stage::Waiting
        && task.verdict.is_none()
        && task.locked_since.is_none()
        && task.work.is_none()
        && !task.has_open_pull();
    asked && looked_at && fresh && !task.footprint.declares() && is_due(task)
}

/// Whether nothing has been concluded for the text as last read.
fn is_due(task: &Task) -> bool {
    task.planning().is_none_or(|planning| match planning.stand {
        PlanningStand::Due | PlanningStand::Answered { .. } => true,
        PlanningStand::Confirmed { .. } | PlanningStand::Passed { .. } => false,
    })
}

/// Notes that a run plans the text as last read.
pub(in crate::engine) fn begin(task: &mut Task, attempt: AttemptId) {
    let digest = task.digest.clone();
    if let Some(planning) = task.plannings.iter_mut().find(|planning| planning.digest == digest) {
        planning.attempt = Some(attempt);
        return;
    }
    if task.plannings.len() >= TEXTS_MAX {
        task.plannings.remove(0);
    }
    task.plannings.push(Planning { digest, attempt: Some(attempt), infra_failures: 0, stand: PlanningStand::Due });
}

/// What a task is thought to touch: what an agent that read the repository confirmed stands in place of a guess from
/// the text.
pub(in crate::engine) fn footprint(task: &Task, guessed: Footprint) -> Footprint {
    let Some((attempt, answer)) = task.planned().filter(|_| !guessed.declares()) else { return guessed };
    let claim = |path: &String, what: &str| Claim {
        area: Area::File(path.clone()),
        strength: Strength::Hard,
        source: Source::Confirmed,
        evidence: format!("the planner run t{attempt} read the repository: {what}"),
    };
    let files = answer.files.iter().map(|path| claim(path, "this file will change"));
    let new_files = answer.new_files.iter().map(|path| claim(path, "this file will be made"));
    Footprint::from_claims(files.chain(new_files)).with_ranked(guessed.ranked)
}

/// Reads an answer: its form, its bounds, and that it names issues of the plan alone. `listed` tells whether an issue
/// other than its own is one.
///
/// # Errors
/// Why it is refused, as a clause for people.
pub fn read(text: &str, issue: IssueNumber, listed: impl Fn(IssueNumber) -> bool) -> Result<Answer, String> {
    if text.len() > ANSWER_BYTES_MAX {
        return Err(format!("it has {} bytes, at most {ANSWER_BYTES_MAX} are read", text.len()));
    }
    let written: Written =
        serde_json::from_str(text).map_err(|error| format!("it is not the JSON asked for: {error}"))?;
    let files = without_repeats(written.files);
    let mut new_files = without_repeats(written.new_files);
    new_files.retain(|path| !files.contains(path));
    let count = files.len() + new_files.len();
    if count == 0 {
        return Err("it names no file".to_owned());
    }
    if count > DECLARED_FILES_MAX {
        return Err(format!("it names {count} files, more than the {DECLARED_FILES_MAX} a task may have"));
    }
    for path in files.iter().chain(&new_files) {
        is_file(path).map_err(|why| format!("it names `{}`: {why}", path.escape_debug()))?;
    }
    let mut depends_on = written.depends_on;
    depends_on.sort_unstable();
    depends_on.dedup();
    if let Some(unknown) = depends_on.iter().find(|other| **other == issue || !listed(**other)) {
        return Err(format!("it depends on #{unknown}, which is no other issue of the plan"));
    }
    if depends_on.len() > DEPENDENCIES_MAX {
        return Err(format!("it depends on {} issues, at most {DEPENDENCIES_MAX} are taken", depends_on.len()));
    }
    if !(1..=ESTIMATE_MINUTES_MAX).contains(&written.estimate_minutes) {
        return Err(format!("its estimate is {} minutes, not 1 to {ESTIMATE_MINUTES_MAX}", written.estimate_minutes));
    }
    let confidence = percent(written.confidence)
        .ok_or_else(|| format!("its confidence is {}, not a number from 0 to 1", written.confidence))?;
    Ok(Answer { files, new_files, depends_on, estimate_minutes: written.estimate_minutes, confidence })
}

/// Holds an answer against the tree that the run read: `present` of its files are there, among `total` in all.
///
/// # Errors
/// Why it is refused, as a clause for people.
pub fn check(answer: &Answer, present: &BTreeSet<String>, total: usize) -> Result<(), String> {
    let missing: Vec<&str> = answer.files.iter().filter(|path| !present.contains(*path)).map(String::as_str).collect();
    if !missing.is_empty() {
        let named = missing.iter().take(NAMED_MAX).map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
        let more = missing.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return Err(format!("it names files that the repository does not have: {named}{more}"));
    }
    if answer.files.len() >= total && total > SMALL_REPOSITORY_FILES {
        return Err(format!("it names all {total} files of the repository"));
    }
    Ok(())
}

/// Whether a path is one of a file inside the repository, and written as git writes it; if not, what is wrong with it.
fn is_file(path: &str) -> Result<(), String> {
    let plain = match area(path)? {
        Area::Directory(_) => return Err("it is a directory, not a file".to_owned()),
        Area::File(plain) | Area::Glob(plain) => plain,
    };
    if path.contains(['*', '?']) {
        return Err("it is a pattern, not a file".to_owned());
    }
    if plain == path { Ok(()) } else { Err(format!("it is written `{plain}`")) }
}

/// A share as whole percent; nothing where it is none.
fn percent(share: f64) -> Option<u8> {
    let in_range = (0.0..=1.0).contains(&share);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 100")]
    in_range.then(|| (share * 100.0).round() as u8)
}

/// Each path once, in order.
fn without_repeats(paths: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    paths.into_iter().filter(|path| seen.insert(path.clone())).collect()
}
