//! Faults to be met once each.

use std::collections::VecDeque;

use crate::github::{Error, Request};

/// Which call meets the fault.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// The next API call of the App that fits.
    Call(fn(&Request) -> bool),
    /// The next move of a branch by git.
    MoveBranch,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It happens, and the caller hears [`Error::Unreachable`].
    AnswerLost,
    /// It does not happen, and the caller hears this: a rate limit, a refusal, a cut connection.
    Instead(Error),
}

/// Faults planned and not met yet.
#[derive(Debug, Default)]
pub(in crate::forge::memory) struct Faults(VecDeque<(Target, Fault)>);

impl Faults {
    pub(in crate::forge::memory) fn plan(&mut self, target: Target, fault: Fault) {
        self.0.push_back((target, fault));
    }

    /// The first planned fault that fits, used up.
    pub(in crate::forge::memory) fn take(&mut self, fits: impl Fn(&Target) -> bool) -> Option<Fault> {
        let at = self.0.iter().position(|(target, _)| fits(target))?;
        self.0.remove(at).map(|(_, fault)| fault)
    }
}

impl Target {
    pub(in crate::forge::memory) fn is_call(&self, request: &Request) -> bool {
        match self {
            Self::Call(fits) => fits(request),
            Self::MoveBranch => false,
        }
    }

    pub(in crate::forge::memory) fn is_move_branch(&self) -> bool {
        matches!(self, Self::MoveBranch)
    }
}
