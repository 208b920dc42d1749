//! What GitHub asks of its callers.

use crate::engine::time::Timestamp;
use crate::github::Request;
use crate::simulate::oracle::Oracle;

/// What the process was told and has to remember.
#[derive(Debug, Default)]
pub(super) struct Limits {
    until: Option<Timestamp>,
}

impl Limits {
    pub(super) fn wait(&mut self, until: Timestamp) {
        self.until = self.until.max(Some(until));
    }

    pub(super) fn forget(&mut self) {
        self.until = None;
    }
}

/// S10: nothing is asked before the moment that GitHub named.
pub(super) fn asked(oracle: &mut Oracle, request: &Request, now: Timestamp) {
    let early = oracle.limits.until.filter(|until| now < *until);
    oracle.must("S10", early.is_none(), || {
        let until = early.unwrap_or(now);
        format!("{} was sent {} ms before GitHub wants to be asked", name(request), until.0 - now.0)
    });
}

fn name(request: &Request) -> String {
    format!("{request:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
}
