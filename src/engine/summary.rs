//! A plan as one JSON object: what `--json` prints at the end, for scripts and for measuring.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::engine::attempt::{Attempt, AttemptOutcome};
use crate::engine::brief::Mode;
use crate::engine::draft::Draft;
use crate::engine::id::{IssueNumber, PullNumber, TaskId};
use crate::engine::plan::Plan;
use crate::engine::render;
use crate::engine::task::{Task, Verdict};
use crate::engine::time::Timestamp;
use crate::engine::waits::{self, Status, Wait};

/// The object. Moments are RFC 3339, lengths are seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Phases in order.
    pub phases: Vec<PhaseSummary>,
    /// Tasks by issue number.
    pub tasks: Vec<TaskSummary>,
    /// The tracking issue, once there is one.
    pub tracking_issue: Option<IssueNumber>,
    /// From the first dispatch to the last task's settling or the last attempt's end; to now only while an attempt of
    /// a task that is not settled is under way. What passes after that, waiting for people, is no part of it.
    pub makespan_s: f64,
    /// The longest chain of agent times along dependencies and the order in which files were really worked.
    pub critical_path_s: f64,
    /// All agents' time divided by the makespan; 0 where nothing ran.
    pub parallelism: f64,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PhaseSummary {
    /// Its name.
    pub name: String,
    /// Its tasks.
    pub tasks: Vec<TaskId>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskSummary {
    /// `t<issue>`.
    pub id: TaskId,
    /// Its issue.
    pub issue: IssueNumber,
    /// The issue's title as last read.
    pub title: String,
    /// How it stands.
    pub status: Status,
    /// How it ended, where it did.
    pub verdict: Option<Verdict>,
    /// All attempts, oldest first.
    pub attempts: Vec<AttemptSummary>,
    /// Files declared or predicted, as people write them.
    pub files_predicted: Vec<String>,
    /// Files its work really touches.
    pub files_touched: Vec<String>,
    /// Its pull request.
    pub pr: Option<PullNumber>,
    /// What it waits for: ids of tasks, `#N` for other issues, words for everything else.
    pub blocked_by: Vec<String>,
    /// When it was settled; nothing while it is not.
    pub settled_at: Option<String>,
}

/// Whether a run of this kind works on its task.
fn is_work(mode: &Mode) -> bool {
    *mode != Mode::Plan
}

/// An attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttemptSummary {
    /// Its number.
    pub n: u32,
    /// That it only planned, where it did.
    #[serde(skip_serializing_if = "is_work")]
    pub mode: Mode,
    /// How it ended; nothing while it is under way.
    pub outcome: Option<AttemptOutcome>,
    /// When its agent started, by the record; when it was dispatched where no agent did.
    pub started_at: Option<String>,
    /// When its agent ended, by the record; when the attempt was closed where no agent did.
    pub ended_at: Option<String>,
}

/// The plan as it stands at a moment.
pub fn summary(plan: &Plan, now: Timestamp) -> Summary {
    let draft = Draft::view(plan, now);
    let locks = waits::locks(&draft);
    let tasks: Vec<TaskSummary> = draft
        .tasks()
        .map(|task| {
            let waits = waits::waits(&draft, &locks, task);
            task_summary(&draft, task, &waits)
        })
        .collect();
    let phases = plan.layout.phases.iter();
    let makespan = makespan(plan, now);
    let worked: i64 = draft.tasks().map(agent_time).sum();
    Summary {
        phases: phases.map(|phase| PhaseSummary { name: phase.name.clone(), tasks: phase.tasks.clone() }).collect(),
        tasks,
        tracking_issue: plan.header.tracking.as_ref().map(|tracking| tracking.number),
        makespan_s: seconds(makespan),
        critical_path_s: seconds(critical_path(plan)),
        parallelism: if makespan == 0 { 0.0 } else { rounded(seconds(worked) / seconds(makespan)) },
    }
}

fn task_summary(draft: &Draft<'_>, task: &Task, waits: &[Wait]) -> TaskSummary {
    TaskSummary {
        id: task.id,
        issue: task.issue(),
        title: task.title.clone(),
        status: waits::status(task, waits),
        verdict: task.verdict,
        attempts: task.attempts.iter().map(attempt_summary).collect(),
        files_predicted: task.footprint.predicted(),
        files_touched: task.work.as_ref().map(|work| work.files.clone()).unwrap_or_default(),
        pr: task.pull.as_ref().map(|pull| pull.number),
        blocked_by: waits.iter().map(|wait| blocker(draft, wait)).collect(),
        settled_at: task.settled_at.map(|at| at.to_string()),
    }
}

fn attempt_summary(attempt: &Attempt) -> AttemptSummary {
    AttemptSummary {
        n: attempt.id.n,
        mode: attempt.mode,
        outcome: attempt.outcome,
        started_at: attempt.agent_started_at.or(attempt.dispatched_at).map(|at| at.to_string()),
        ended_at: attempt.agent_ended_at.or(attempt.ended_at).map(|at| at.to_string()),
    }
}

/// A wait as one word where a task or issue is behind it, else as people read it.
fn blocker(draft: &Draft<'_>, wait: &Wait) -> String {
    match wait {
        Wait::Dependency { issue, .. } | Wait::Circle { issue, .. } | Wait::Proposed { issue, .. }
            if draft.task(TaskId(*issue)).is_some() =>
        {
            TaskId(*issue).to_string()
        }
        Wait::Dependency { issue, .. } | Wait::Circle { issue, .. } | Wait::Proposed { issue, .. } => {
            format!("#{issue}")
        }
        Wait::File { holder, .. } | Wait::Conflict { holder, .. } => holder.to_string(),
        Wait::Approval
        | Wait::Problem(_)
        | Wait::Phase { .. }
        | Wait::Backoff { .. }
        | Wait::Person(_)
        | Wait::Paused
        | Wait::Workflow
        | Wait::Reading
        | Wait::Planning { .. } => render::plain_wait_words(wait),
    }
}

/// Milliseconds from the first dispatch to the last end.
fn makespan(plan: &Plan, now: Timestamp) -> i64 {
    let attempts = || plan.tasks.values().flat_map(|task| &task.attempts);
    let Some(first) = attempts().map(|attempt| attempt.dispatched_at.unwrap_or(attempt.planned_at)).min() else {
        return 0;
    };
    let ended = attempts().filter_map(|attempt| attempt.ended_at);
    let settled = plan.tasks.values().filter_map(|task| task.settled_at);
    let working = plan.tasks.values().filter(|task| !task.is_settled() && task.live().is_some()).map(|_| now);
    let last = ended.chain(settled).chain(working).max().unwrap_or(first);
    (last.0 - first.0).max(0)
}

/// When an attempt's agent worked; nothing where none is known to have.
fn agent_span(attempt: &Attempt) -> Option<(Timestamp, Timestamp)> {
    attempt.agent_started_at.zip(attempt.agent_ended_at).filter(|(start, end)| start <= end)
}

/// Milliseconds that agents worked on a task.
fn agent_time(task: &Task) -> i64 {
    task.attempts.iter().filter_map(agent_span).map(|(start, end)| end.0 - start.0).sum()
}

/// Milliseconds of the longest chain. Two tasks that worked one file are a chain only where one ended before the
/// other began.
fn critical_path(plan: &Plan) -> i64 {
    let mut worked: Vec<(Timestamp, Timestamp, &Task)> = Vec::new();
    for task in plan.tasks.values() {
        let spans = || task.attempts.iter().filter_map(agent_span);
        if let Some((start, end)) = spans().map(|span| span.0).min().zip(spans().map(|span| span.1).max()) {
            worked.push((start, end, task));
        }
    }
    worked.sort_by_key(|(start, _, task)| (*start, task.id));
    let mut chains: BTreeMap<TaskId, i64> = BTreeMap::new();
    let mut touched: BTreeMap<&str, Vec<(Timestamp, i64)>> = BTreeMap::new();
    for (start, end, task) in worked {
        let files = || task.work.iter().flat_map(|work| &work.files).map(String::as_str);
        let before_by_file = files()
            .filter_map(|file| touched.get(file))
            .flatten()
            .filter(|(ended, _)| *ended <= start)
            .map(|(_, chain)| *chain);
        let dependencies = waits::dependencies(task);
        let before_by_dependency = dependencies.iter().filter_map(|issue| chains.get(&TaskId(*issue))).copied();
        let chain = agent_time(task) + before_by_file.chain(before_by_dependency).max().unwrap_or(0);
        chains.insert(task.id, chain);
        for file in files() {
            touched.entry(file).or_default().push((end, chain));
        }
    }
    chains.values().copied().max().unwrap_or(0)
}

fn seconds(milliseconds: i64) -> f64 {
    // Lengths of plans are far below 2^52 milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "a plan's length in milliseconds fits the 52 bits of a double")]
    let milliseconds = milliseconds as f64;
    milliseconds / 1000.0
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::config::Settings;
    use crate::engine::id::{AttemptId, AttemptKey, Login, RepositoryName, Sha};
    use crate::engine::problem::{Problem, ProblemCode};
    use crate::engine::task::{Hold, Work};

    /// A task whose only attempt's agent worked from `from` to `to` seconds on these files.
    fn worked(plan: &mut Plan, issue: u64, from: i64, to: i64, files: &[&str], depends_on: &[u64]) {
        let number = IssueNumber(issue);
        let id = AttemptId { issue: number, n: 1 };
        let key = AttemptKey { id, nonce: "0".repeat(32) };
        let (start, end) = (Timestamp(from * 1000), Timestamp(to * 1000));
        let planned = Attempt::planned(key, Mode::Task, Sha::new("b"), Sha::new("b"), start);
        let mut task = Task::waiting(number, "T", "", &[], Timestamp(0));
        task.blocked_by = depends_on.iter().map(|issue| IssueNumber(*issue)).collect();
        task.attempts.push(Attempt {
            agent_started_at: Some(start),
            agent_ended_at: Some(end),
            ended_at: Some(end),
            stand: crate::engine::attempt::Stand::Ended,
            ..planned
        });
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        task.work = Some(Work { n: 1, commit: Sha::new("c"), files, hotspots: Vec::new(), at: end });
        plan.apply(vec![crate::engine::plan::Change::Task(std::sync::Arc::new(task))]);
    }

    fn idle() -> Plan {
        let name = RepositoryName::new("a/b");
        Plan::idle(name, Login::new("bot"), "seed".to_owned(), Settings::local(), Timestamp(0))
    }

    #[test]
    fn the_critical_path_follows_dependencies_and_files_really_worked() {
        let mut plan = idle();
        worked(&mut plan, 1, 0, 10, &["a"], &[]);
        worked(&mut plan, 2, 12, 20, &["a"], &[]);
        worked(&mut plan, 3, 0, 15, &["b"], &[]);
        worked(&mut plan, 4, 21, 30, &["c"], &[2]);
        // On the same file at the same time: no chain.
        worked(&mut plan, 5, 5, 25, &["a"], &[]);
        let found = summary(&plan, Timestamp(99_000));
        assert_eq!((found.makespan_s, found.critical_path_s), (30.0, 27.0));
        assert_eq!(found.parallelism, rounded(62.0 / 30.0));
    }

    /// Changes a task in place.
    fn change(plan: &mut Plan, issue: u64, change: impl FnOnce(&mut Task)) {
        let mut task = (*plan.tasks[&TaskId(IssueNumber(issue))]).clone();
        change(&mut task);
        plan.apply(vec![crate::engine::plan::Change::Task(std::sync::Arc::new(task))]);
    }

    #[test]
    fn the_makespan_ends_with_the_last_task_and_not_with_the_moment_it_is_asked_for() {
        let mut plan = idle();
        worked(&mut plan, 1, 0, 10, &["a"], &[]);
        worked(&mut plan, 2, 0, 20, &["b"], &[]);
        let at = |plan: &Plan, moment: i64| summary(plan, Timestamp(moment * 1000)).makespan_s;
        // Finished work that waits for a person to merge it.
        assert_eq!((at(&plan, 50), at(&plan, 5_000)), (20.0, 20.0));
        for (issue, settled) in [(1, 35), (2, 30)] {
            change(&mut plan, issue, |task| {
                (task.verdict, task.settled_at) = (Some(Verdict::Merged), Some(Timestamp(settled * 1000)));
            });
        }
        assert_eq!((at(&plan, 50), at(&plan, 5_000)), (35.0, 35.0));
        let told: Vec<_> = summary(&plan, Timestamp(0)).tasks.into_iter().map(|task| task.settled_at).collect();
        assert_eq!(told, [35, 30].map(|settled| Some(Timestamp(settled * 1000).to_string())));
        // One that was settled and is tried again.
        change(&mut plan, 2, |task| {
            (task.verdict, task.settled_at) = (None, None);
            task.attempts[0].stand = crate::engine::attempt::Stand::Claimed;
            task.attempts[0].ended_at = None;
        });
        assert_eq!(at(&plan, 50), 50.0);
    }

    #[test]
    fn what_blocks_is_said_in_plain_words() {
        let message = "#10 depends on #99, which does not exist; write `Depends on: #9`.".to_owned();
        let problem = Problem { task: None, code: ProblemCode::Unreadable, message };
        let plan = idle();
        let said = |wait: &Wait| blocker(&Draft::view(&plan, Timestamp(0)), wait);
        assert_eq!(said(&Wait::Problem(problem)), "#10 depends on #99, which does not exist; write `Depends on: #9`");
        let question = "red [or] <blue> for #7?".to_owned();
        assert_eq!(said(&Wait::Person(Hold::Decision { question })), "the agent asks: red [or] <blue> for #7?");
    }

    #[test]
    fn nothing_run_is_zero_everywhere() {
        let found = summary(&idle(), Timestamp(5));
        assert_eq!((found.makespan_s, found.critical_path_s, found.parallelism), (0.0, 0.0, 0.0));
        let json = serde_json::to_string(&found).expect("it serialises");
        assert!(json.contains(r#""tracking_issue":null"#), "{json}");
    }
}
