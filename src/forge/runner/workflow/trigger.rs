//! What starts a workflow, and the group in which one run of it works at a time.

use std::collections::BTreeSet;

use crate::forge::runner::workflow::WorkflowError;
use crate::forge::runner::workflow::check::refused;
use crate::forge::runner::workflow::file::{ConcurrencyFile, On, Schedule};
use crate::forge::world::setup::Triggers;

/// Longest time between two starts by the clock that is written as minutes.
const MINUTES_MAX: u32 = 59;

/// What starts the workflow.
pub(super) fn triggers(on: &On) -> Result<Triggers, WorkflowError> {
    let words = |listed: Option<&Vec<String>>| listed.into_iter().flatten().cloned().collect::<BTreeSet<_>>();
    let triggers = Triggers {
        dispatch: on.workflow_dispatch.is_some(),
        issues: words(on.issues.as_ref().map(|issues| &issues.types)),
        push: words(on.push.as_ref().map(|push| &push.branches)),
        every_minutes: every_minutes(&on.schedule)?,
    };
    if let Some(branch) = triggers.push.iter().find(|branch| branch.contains(['*', '?', '!', '['])) {
        return Err(refused("on.push.branches", format!("`{branch}` is a pattern; write a branch's name")));
    }
    let nothing = Triggers { dispatch: false, ..Triggers::default() };
    if triggers == nothing { Err(refused("on", "nothing starts this workflow here")) } else { Ok(triggers) }
}

fn every_minutes(schedule: &[Schedule]) -> Result<Option<u32>, WorkflowError> {
    let [Schedule { cron }] = schedule else {
        return if schedule.is_empty() { Ok(None) } else { Err(refused("on.schedule", "one entry is read here")) };
    };
    let minutes = cron.strip_prefix("*/").and_then(|rest| rest.strip_suffix(" * * * *")?.parse().ok());
    match minutes.filter(|minutes| (1..=MINUTES_MAX).contains(minutes)) {
        Some(minutes) => Ok(Some(minutes)),
        None => {
            let problem = format!("`{}` is not run here; write `*/N * * * *`", cron.escape_debug());
            Err(refused("on.schedule", problem))
        }
    }
}

/// What makes a group the run's own.
const OWN: &str = "${{ github.run_id }}";

/// The group's name; none where every run has a group of its own, in which nothing waits.
pub(super) fn group(written: ConcurrencyFile) -> Result<Option<String>, WorkflowError> {
    if written.cancel_in_progress {
        return Err(refused("concurrency.cancel-in-progress", "runs under way are not cancelled here; write `false`"));
    }
    if written.group.replacen(OWN, "", 1).contains("${{") {
        let problem =
            format!("of expressions only `{OWN}` is known here, by which runs never wait; or write plain text");
        return Err(refused("concurrency.group", problem));
    }
    Ok(Some(written.group).filter(|group| !group.contains(OWN)))
}
