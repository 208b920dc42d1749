//! After a failure: which counter it counts in, whether there is another attempt, and when.

use std::time::Duration;

use crate::engine::attempt::FenceCause;
use crate::engine::config::Settings;
use crate::engine::task::Task;

/// Whom a failure is counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The agent: `attempts` bounds it.
    Agent,
    /// The agent, and it is counted already.
    Counted,
    /// Runner, set-up or GitHub: `infra_retries` bounds it.
    Infrastructure,
    /// A conflict with other work: `conflict_reruns` bounds it.
    Conflict,
    /// Nobody: the forge was stopped, a person decided, or it is counted already.
    Nobody,
    /// The agent, and trying again cannot help.
    Hopeless,
    /// Runner or set-up (no such program), and trying again cannot help.
    HopelessInfrastructure,
}

impl From<FenceCause> for Blame {
    fn from(cause: FenceCause) -> Self {
        match cause {
            FenceCause::LostDispatch | FenceCause::Ghost | FenceCause::RunLost => Self::Infrastructure,
            FenceCause::Stuck | FenceCause::RunTimedOut => Self::Agent,
            FenceCause::ForgeStopped | FenceCause::Cancelled | FenceCause::Merged | FenceCause::Outdated => {
                Self::Nobody
            }
        }
    }
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt, after this wait.
    Retry(Duration),
    /// No attempts left.
    Escalate,
}

/// Attempts a task has in all: its issue's or the configuration's limit, and what people granted.
pub fn attempts_allowed(task: &Task, settings: &Settings) -> u32 {
    task.facts
        .retries
        .map_or(settings.attempts, |retries| retries.saturating_add(1))
        .saturating_add(task.counters.granted)
}

/// Counts a failure and says what follows.
pub fn after(task: &mut Task, blame: Blame, settings: &Settings) -> Next {
    let (count, allowed) = match blame {
        Blame::Agent => {
            task.counters.failures += 1;
            (task.counters.failures, attempts_allowed(task, settings).saturating_sub(1))
        }
        Blame::Infrastructure => {
            task.counters.infra_retries += 1;
            (task.counters.infra_retries, settings.infra_retries.saturating_add(task.counters.granted))
        }
        Blame::Conflict => {
            task.counters.conflict_reruns += 1;
            (task.counters.conflict_reruns, settings.conflict_reruns.saturating_add(task.counters.granted))
        }
        Blame::Nobody => return Next::Retry(Duration::ZERO),
        Blame::Counted if task.counters.failures < attempts_allowed(task, settings) => {
            return Next::Retry(Duration::ZERO);
        }
        Blame::Counted => return Next::Escalate,
        Blame::Hopeless => {
            task.counters.failures += 1;
            return Next::Escalate;
        }
        Blame::HopelessInfrastructure => {
            task.counters.infra_retries += 1;
            return Next::Escalate;
        }
    };
    if count > allowed {
        return Next::Escalate;
    }
    let wait = if blame == Blame::Conflict { Duration::ZERO } else { backoff(count, settings) };
    Next::Retry(wait)
}

/// The wait before the next attempt after `count` failures: `backoff`, doubling, at most `backoff_max`.
pub fn backoff(count: u32, settings: &Settings) -> Duration {
    let doublings = count.saturating_sub(1).min(20);
    settings.backoff.0.saturating_mul(1 << doublings).min(settings.backoff_max.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_bound() {
        let settings = Settings::server();
        let seconds: Vec<u64> = (1..8).map(|count| backoff(count, &settings).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 240, 480, 600, 600]);
    }
}
