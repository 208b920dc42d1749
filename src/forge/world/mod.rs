//! The world: the embedded GitHub's whole state for one repository, pure and deterministic.
//!
//! [`World::apply`] takes what happened and the moment it happened, and gives the answer and the webhooks GitHub would
//! send. It reads no clock and runs no git: where git is needed, [`World::git_question`] says what to ask, and the
//! answer travels in the request. A refused request changes nothing but the counters of the API limits, which are no
//! part of the serialised state: a log of the accepted writes is enough to build the same world again.

pub mod access;
mod act;
pub mod administration;
mod admit;
mod branch;
mod check;
mod comment;
mod dispatch;
mod issue;
pub mod limits;
mod person;
mod pull;
pub mod question;
mod read;
pub mod request;
mod runner;
mod seed;
pub mod setup;
pub mod state;
pub mod text;
mod trigger;
mod view;
pub mod webhook;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::engine::id::{CheckRunId, CommentId, IssueNumber, JobId, Login, PullNumber, RunId, Sha};
use crate::engine::snapshot::{Actor, Permission};
use crate::engine::time::Timestamp;
use crate::forge::world::act::Act;
use crate::forge::world::limits::Counters;
use crate::forge::world::request::{GitQuestion, Request};
use crate::forge::world::setup::Setup;
use crate::forge::world::state::{CheckEntry, CommentEntry, IssueEntry, JobEntry, PullEntry, RunEntry, StatusEntry};
use crate::forge::world::webhook::Webhook;
use crate::github::{Error, Response};

/// Longest body of an issue, pull request or comment, in characters.
pub const BODY_CHARACTERS_MAX: usize = 65_536;
/// Longest title, in characters.
pub const TITLE_CHARACTERS_MAX: usize = 256;
/// Longest name of a label, in characters.
pub const LABEL_CHARACTERS_MAX: usize = 50;
/// Most issues pinned at once.
pub const PINS_MAX: usize = 3;
/// Most inputs of a dispatch.
pub const INPUTS_MAX: usize = 25;
/// Most characters of all inputs of a dispatch together.
pub const INPUT_CHARACTERS_MAX: usize = 65_535;
/// Longest log or check output kept, in characters; the end is kept.
pub const LOG_CHARACTERS_MAX: usize = 65_536;

/// The login under which a workflow's own token acts.
pub const ACTIONS_BOT: &str = "github-actions[bot]";

/// Numbers given out so far. Issues and pull requests share one row of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Issued {
    number: u64,
    comment: u64,
    run: u64,
    job: u64,
    check: u64,
}

/// The embedded GitHub's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    setup: Setup,
    issued: Issued,
    /// By lower-case login.
    permissions: BTreeMap<Login, Permission>,
    branches: BTreeMap<String, Sha>,
    issues: BTreeMap<IssueNumber, IssueEntry>,
    pulls: BTreeMap<PullNumber, PullEntry>,
    comments: BTreeMap<CommentId, CommentEntry>,
    runs: BTreeMap<RunId, RunEntry>,
    jobs: BTreeMap<JobId, JobEntry>,
    checks: BTreeMap<CheckRunId, CheckEntry>,
    statuses: Vec<StatusEntry>,
    /// Workflows that are kept from running.
    #[serde(default)]
    disabled: BTreeSet<String>,
    #[serde(skip)]
    counters: Counters,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The answer. Requests that are no API calls answer `Done`, or what they made.
    pub response: Result<Response, Error>,
    /// What is to be told, in order; none where the request was refused.
    pub webhooks: Vec<Webhook>,
}

impl World {
    /// A world at its beginning: the owner is its only person.
    pub fn new(setup: Setup) -> Self {
        let owner = Login::new(setup.owner.as_str().to_ascii_lowercase());
        Self {
            issued: Issued::default(),
            permissions: BTreeMap::from([(owner, Permission::Admin)]),
            branches: setup.branches.clone(),
            issues: BTreeMap::new(),
            pulls: BTreeMap::new(),
            comments: BTreeMap::new(),
            runs: BTreeMap::new(),
            jobs: BTreeMap::new(),
            checks: BTreeMap::new(),
            statuses: Vec::new(),
            disabled: BTreeSet::new(),
            counters: Counters::default(),
            setup,
        }
    }

    /// What git must be asked before this request can be applied; the request's own `git` is not looked at. Nothing:
    /// either git is not needed, or the request will be refused, so that git must not be asked.
    pub fn git_question(&self, request: &Request, now: Timestamp) -> Option<GitQuestion> {
        self.admit(request, now).ok().flatten()
    }

    /// Applies a request. Deterministic: the same requests at the same moments give the same world, answers and
    /// webhooks.
    pub fn apply(&mut self, request: Request, now: Timestamp) -> Applied {
        let admitted = self.admit(&request, now);
        self.count_request(&request, admitted.is_ok(), now);
        let question = match admitted {
            Ok(question) => question,
            Err(error) => return Applied { response: Err(error), webhooks: Vec::new() },
        };
        if let Request::Api { actor, request, git } = &request
            && !request.is_write()
        {
            return Applied { response: self.read(actor, request, git.as_ref()), webhooks: Vec::new() };
        }
        let mut act =
            Act { world: self, sender: Actor { login: Login::new(ACTIONS_BOT), bot: true }, now, webhooks: Vec::new() };
        let response = act.perform(request, question.is_some());
        if response.is_ok() {
            act.trigger();
        }
        let webhooks = if response.is_ok() { act.webhooks } else { Vec::new() };
        Applied { response, webhooks }
    }

    /// The App's bot account.
    pub fn app_bot(&self) -> Actor {
        Actor { login: Login::new(format!("{}[bot]", self.setup.app_slug)), bot: true }
    }

    /// What an account may do; an account nobody has named may read, since the repository is public.
    pub fn role(&self, login: &Login) -> Permission {
        self.named_role(login).unwrap_or(Permission::Read)
    }

    fn named_role(&self, login: &Login) -> Option<Permission> {
        self.permissions.get(&Login::new(login.as_str().to_ascii_lowercase())).copied()
    }
}

impl Request {
    /// Whether it may change the world: such requests, once accepted, belong in the log.
    pub fn is_write(&self) -> bool {
        match self {
            Self::Api { request, .. } => request.is_write(),
            Self::Person { .. } | Self::Pushed { .. } | Self::Runner(_) | Self::Check(_) | Self::Seed(_) => true,
        }
    }
}
