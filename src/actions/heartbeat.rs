//! The heartbeat's workflow: it may run while there is a plan, and may not once it has ended, so that a repository
//! without a plan is billed nothing.

use crate::actions::HEARTBEAT_WORKFLOW;
use crate::actions::event::SCHEDULE;
use crate::engine::plan::PlanStatus;
use crate::github::{Error, GitHub, Request};

/// What is to be done with it after a run that `event` woke; nothing where it is as it should be. A run that the
/// heartbeat woke shows that it is on; whatever else woke one shows nothing, and asking for what is so already changes
/// nothing.
pub fn wish(before: PlanStatus, after: PlanStatus, event: &str) -> Option<bool> {
    let ticks = event == SCHEDULE;
    match (has_plan(before), has_plan(after)) {
        (_, true) => (!ticks).then_some(true),
        (true, false) => Some(false),
        (false, false) => ticks.then_some(false),
    }
}

fn has_plan(status: PlanStatus) -> bool {
    match status {
        PlanStatus::Gathering | PlanStatus::Active => true,
        PlanStatus::Rebuilding | PlanStatus::Idle | PlanStatus::Ended => false,
    }
}

/// Does it. What went wrong is a sentence for people: the plan goes on without a heartbeat, only later.
pub async fn set(github: &impl GitHub, enabled: bool) -> Option<String> {
    let workflow = HEARTBEAT_WORKFLOW.to_owned();
    let how = if enabled { "switched on" } else { "switched off" };
    match github.send(Request::SetWorkflow { workflow, enabled }).await {
        Ok(_) => None,
        Err(Error::Missing { .. }) => Some(format!(
            "`.github/workflows/{HEARTBEAT_WORKFLOW}` is not on the default branch: without it, what no event tells is \
             seen only when something else happens. `task-orchestrator init --actions-native` writes it."
        )),
        Err(error) => Some(format!("The heartbeat could not be {how}: {error}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_exactly_while_there_is_a_plan() {
        use PlanStatus::{Active, Ended, Gathering, Idle, Rebuilding};
        for (before, after, event, wish_for) in [
            (Idle, Gathering, "issues", Some(true)),
            (Gathering, Active, "workflow_dispatch", Some(true)),
            (Active, Active, "push", Some(true)),
            (Active, Active, "schedule", None),
            (Active, Ended, "push", Some(false)),
            (Active, Ended, "schedule", Some(false)),
            (Ended, Ended, "schedule", Some(false)),
            (Ended, Ended, "push", None),
            (Idle, Idle, "issues", None),
            (Rebuilding, Active, "schedule", None),
            (Rebuilding, Idle, "push", None),
        ] {
            assert_eq!(wish(before, after, event), wish_for, "{before:?} {after:?} {event}");
        }
    }
}
