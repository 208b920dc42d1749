//! What GitHub asks of its callers.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::time::Timestamp;
use crate::github::Request;
use crate::simulate::oracle::Oracle;

/// What the process was told and has to remember.
#[derive(Debug, Default)]
pub(super) struct Limits {
    until: Option<Timestamp>,
    /// What GitHub allows of content in a minute and in an hour, where it limits at all.
    content: Option<(usize, usize)>,
    /// Moments of content writes since the process began, oldest first.
    made: VecDeque<Timestamp>,
}

impl Limits {
    pub(super) fn wait(&mut self, until: Timestamp) {
        self.until = self.until.max(Some(until));
    }

    pub(super) fn forget(&mut self) {
        self.until = None;
        self.made.clear();
    }

    pub(super) fn limit_content(&mut self, minute: usize, hour: usize) {
        self.content = Some((minute, hour));
    }
}

/// S10: nothing is asked before the moment that GitHub named, and never more content than it allows.
pub(super) fn asked(oracle: &mut Oracle, request: &Request, now: Timestamp) {
    content(oracle, request, now);
    let early = oracle.limits.until.filter(|until| now < *until);
    oracle.must("S10", early.is_none(), || {
        let until = early.unwrap_or(now);
        format!("{} was sent {} ms before GitHub wants to be asked", name(request), until.0 - now.0)
    });
}

fn content(oracle: &mut Oracle, request: &Request, now: Timestamp) {
    let Some((minute, hour)) = oracle.limits.content else { return };
    let shown = matches!(
        request,
        Request::CreateIssue { .. }
            | Request::UpdateIssue { .. }
            | Request::RewriteIssue { .. }
            | Request::CreateComment { .. }
            | Request::DeleteComment { .. }
            | Request::React { .. }
            | Request::Relate { .. }
            | Request::Pin { .. }
            | Request::CreatePullRequest { .. }
            | Request::UpdatePullRequest { .. }
    );
    if !shown {
        return;
    }
    oracle.limits.made.push_back(now);
    let made = &oracle.limits.made;
    let within = |seconds| made.iter().filter(|at| now.since(**at) < Duration::from_secs(seconds)).count();
    let (last_minute, last_hour) = (within(60), within(3_600));
    oracle.must("S10", last_minute <= minute && last_hour <= hour, || {
        format!("{} is write {last_minute} of its minute and {last_hour} of its hour", name(request))
    });
    while oracle.limits.made.len() > hour {
        oracle.limits.made.pop_front();
    }
}

fn name(request: &Request) -> String {
    format!("{request:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
}
