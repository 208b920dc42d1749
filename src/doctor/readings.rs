//! What was read of a set-up, and where something was not, why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::engine::config::Settings;
use crate::engine::id::RepositoryName;
use crate::engine::time::Timestamp;
use crate::github::Error;
use crate::github::survey::{
    AllowedActions, BranchRule, Delivered, Home, Hook, Installed, Protected, Protection, Quota, Registration,
    SelectedActions, TokenRights, WorkflowState,
};

/// Why something was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Nobody asked, for this reason.
    Unasked(&'static str),
    /// It was asked for in vain.
    Failed(Error),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked(why) => f.write_str(why),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// Something read, or why it was not.
pub type Reading<T> = Result<T, Unread>;

/// What a token is, by its first letters and its hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// The App's own, minted here.
    Installation,
    /// A job's: an App's or the workflow's own.
    Job,
    /// A person's, by its kind in words.
    Person(&'static str),
    /// None at all.
    None,
}

/// What the App's own key let us read.
#[derive(Clone, Debug)]
pub struct AppReadings {
    /// The App as registered.
    pub registration: Reading<Registration>,
    /// Its installation.
    pub installed: Reading<Installed>,
    /// Its webhook.
    pub hook: Reading<Hook>,
    /// The last attempts to deliver, newest first.
    pub deliveries: Reading<Vec<Delivered>>,
    /// What answered at the webhook's address from here.
    pub knock: Reading<u16>,
}

/// The files that work a plan without a server, as texts; nothing: not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Native {
    /// The one that runs `handle` by events.
    pub orchestrate: Option<String>,
    /// The one that runs it by the clock.
    pub heartbeat: Option<String>,
}

impl Native {
    /// Whether neither is there.
    pub(super) fn is_unused(&self) -> bool {
        self.orchestrate.is_none() && self.heartbeat.is_none()
    }
}

/// Everything that the checks judge.
#[derive(Clone, Debug)]
pub struct Readings {
    /// The repository.
    pub repository: RepositoryName,
    /// Where GitHub's pages are, as in `https://github.com`.
    pub web: String,
    /// When.
    pub now: Timestamp,
    /// The App; nothing: its key was not given.
    pub app: Option<AppReadings>,
    /// How far GitHub's clock is ahead of ours, in seconds.
    pub ahead_seconds: Option<i64>,
    /// What the orchestrator's own calls are made with.
    pub token: TokenKind,
    /// What is left of its hour; nothing: no limit.
    pub quota: Reading<Option<Quota>>,
    /// The repository as it is.
    pub home: Reading<Home>,
    /// The configuration's text; nothing: there is none.
    pub configuration: Reading<Option<String>>,
    /// What it says, or the defaults.
    pub settings: Settings,
    /// The task workflow's text; nothing: there is none.
    pub workflow: Reading<Option<String>>,
    /// The files that work a plan without a server.
    pub native: Reading<Native>,
    /// What Actions knows of it; nothing: nothing.
    pub workflow_state: Reading<Option<WorkflowState>>,
    /// What lies in the first folder of the default branch.
    pub first_folder: Reading<Vec<String>>,
    /// Whether there is the label.
    pub has_label: Reading<bool>,
    /// Rules of rulesets for the branches that we move, by a branch of each kind.
    pub rules: Reading<BTreeMap<String, Vec<BranchRule>>>,
    /// Rulesets that we may pass.
    pub bypassed: BTreeSet<u64>,
    /// The default branch's older protection, as everybody sees it.
    pub protected: Reading<Protected>,
    /// The same as administrators see it.
    pub protection: Reading<Option<Protection>>,
    /// What Actions may do.
    pub allowed: Reading<AllowedActions>,
    /// What a job's own token may do.
    pub token_rights: Reading<TokenRights>,
    /// Which actions are allowed where only some are.
    pub selected: Reading<SelectedActions>,
    /// Names of secrets.
    pub secrets: Reading<BTreeSet<String>>,
    /// Names of variables.
    pub variables: Reading<BTreeSet<String>>,
}

impl Readings {
    /// The address of a page of the repository.
    pub(super) fn page(&self, path: &str) -> String {
        format!("{}/{}{path}", self.web, self.repository)
    }

    /// The address of a page of the App's settings.
    pub(super) fn app_page(&self, path: &str) -> String {
        let told = self.app.as_ref().and_then(|app| app.registration.as_ref().ok());
        match told.map(|app| (app.organisation.as_ref(), app.slug.as_str())) {
            Some((Some(owner), slug)) => format!("{}/organizations/{owner}/settings/apps/{slug}{path}", self.web),
            Some((None, slug)) => format!("{}/settings/apps/{slug}{path}", self.web),
            None => format!("{}/settings/apps", self.web),
        }
    }

    /// The default branch's name, where it is known.
    pub(super) fn base(&self) -> &str {
        self.home.as_ref().map_or("the default branch", |home| home.default_branch.as_str())
    }

    /// The rules for the default branch that we may not pass.
    pub(super) fn base_rules(&self) -> Reading<Vec<&BranchRule>> {
        let base = self.base();
        let rules = self.rules.as_ref().map_err(Clone::clone)?;
        Ok(rules.get(base).into_iter().flatten().filter(|rule| self.binds(rule)).collect())
    }

    /// The rules for our own branches that we may not pass, each with the branch.
    pub(super) fn own_rules(&self) -> Reading<Vec<(&str, &BranchRule)>> {
        let base = self.base();
        let rules = self.rules.as_ref().map_err(Clone::clone)?;
        let own = rules.iter().filter(|(branch, _)| *branch != base);
        let each = own.flat_map(|(branch, rules)| rules.iter().map(move |rule| (branch.as_str(), rule)));
        Ok(each.filter(|(_, rule)| self.binds(rule)).collect())
    }

    fn binds(&self, rule: &BranchRule) -> bool {
        rule.ruleset.is_none_or(|ruleset| !self.bypassed.contains(&ruleset))
    }
}
