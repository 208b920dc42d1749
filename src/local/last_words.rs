//! What `local` says at its end.

use std::io::Write as _;

use anyhow::Context as _;

use crate::engine::draft::Draft;
use crate::engine::plan::Plan;
use crate::engine::summary::summary;
use crate::engine::task::{Task, Verdict};
use crate::engine::time::Timestamp;
use crate::engine::waits::{self, Status};
use crate::local::finish::quoted;
use crate::local::progress::{Progress, stands};
use crate::local::site::now;

/// Most tasks listed one by one.
const LISTED_MAX: usize = 20;

/// The words at the first Ctrl-C, before anything is stopped.
pub(super) fn stopping() -> String {
    format!("Stopping (Ctrl-C again: at once). The same command goes on: {}", command())
}

/// The last words after Ctrl-C.
pub(super) fn to_go_on() -> String {
    format!("Stopped. To go on: {}", command())
}

fn command() -> String {
    let words: Vec<String> = std::env::args().map(|argument| quoted(argument.as_ref())).collect();
    words.join(" ")
}

/// The last words: how each task that is not done stands, and the figures.
pub(super) fn report(progress: &Progress, plan: &Plan, started: Timestamp) {
    let moment = now();
    let draft = Draft::view(plan, moment);
    let locks = waits::locks(&draft);
    let total = plan.tasks.len();
    let done = plan.tasks.values().filter(|task| task.verdict.is_some_and(Verdict::is_well)).count();
    let figures = summary(plan, moment);
    progress.say(&format!(
        "{done} of {total} done in {:.1} s; the tasks took {:.1} s, at most {} agents at once, {:.1} on average; \
         longest chain {:.1} s.",
        moment.since(started).as_secs_f64(),
        figures.makespan_s,
        most_at_once(plan, moment),
        figures.parallelism,
        figures.critical_path_s
    ));
    let unfinished = plan.tasks.values().filter(|task| !task.verdict.is_some_and(Verdict::is_well));
    let stand = |task: &Task| {
        let waits = waits::waits(&draft, &locks, task);
        let status: Status = waits::status(task, &waits);
        stands(task, status, &waits)
    };
    listed(unfinished.map(|task| || stand(task))).iter().for_each(|line| progress.tell(line));
}

/// Most agents that were at work at one moment; one that ends as another begins makes room for it.
fn most_at_once(plan: &Plan, now: Timestamp) -> usize {
    let attempts = plan.tasks.values().flat_map(|task| &task.attempts);
    let mut changes: Vec<(Timestamp, bool)> = attempts
        .filter_map(|attempt| attempt.agent_started_at.map(|began| (began, attempt.agent_ended_at.unwrap_or(now))))
        .flat_map(|(began, ended)| [(began, true), (ended.max(began), false)])
        .collect();
    // Ends come before beginnings of the same moment.
    changes.sort_unstable();
    let (mut at_work, mut most) = (0_usize, 0);
    for (_, begins) in changes {
        at_work = if begins { at_work + 1 } else { at_work.saturating_sub(1) };
        most = most.max(at_work);
    }
    most
}

/// The first lines, made only where they are shown, and how many more there are.
fn listed(lines: impl Iterator<Item = impl FnOnce() -> String>) -> Vec<String> {
    let mut shown = Vec::new();
    let mut more = 0;
    for line in lines {
        if shown.len() < LISTED_MAX {
            shown.push(line());
        } else {
            more += 1;
        }
    }
    if more > 0 {
        shown.push(format!("and {more} more, as the tracking issue lists them"));
    }
    shown
}

/// The JSON object, on standard output; a reader that has gone is no error.
pub(super) fn print_json(plan: &Plan) -> anyhow::Result<()> {
    let text = serde_json::to_string(&summary(plan, now()))? + "\n";
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("standard output"),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_twenty_are_listed_and_the_rest_counted() {
        let lines = |count: usize| listed((0..count).map(|at| move || format!("line {at}")));
        assert_eq!(lines(LISTED_MAX).len(), LISTED_MAX);
        let many = lines(5_000);
        assert_eq!(many.len(), LISTED_MAX + 1);
        assert!(many[LISTED_MAX].starts_with("and 4980 more"), "{}", many[LISTED_MAX]);
    }
}
