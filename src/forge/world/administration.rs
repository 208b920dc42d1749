//! What owners and administrators have set beside the repository's content. Plans do not depend on it; whoever checks a
//! set-up reads it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::forge::world::access::Permissions;

/// Everything that is set; at first as the App's manifest and a new repository have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Administration {
    /// What the App asks for today; nothing: what it was installed with.
    pub registered: Option<Permissions>,
    /// Events the App is told of.
    pub events: BTreeSet<String>,
    /// Whether the installation is switched off.
    pub suspended: bool,
    /// The App's webhook.
    pub hook: Hook,
    /// Labels, whether or not an issue carries them.
    pub labels: BTreeSet<String>,
    /// Rules of rulesets, each with the beginning of the branches' names that it is about.
    pub rules: Vec<(String, Rule)>,
    /// Whether the rulesets let the App pass.
    pub may_bypass: bool,
    /// The classic protection of the default branch.
    pub protection: Option<Protection>,
    /// What the repository allows of Actions.
    pub actions: Actions,
    /// Names of the repository's secrets.
    pub secrets: BTreeSet<String>,
    /// Names of environments' secrets, by environment.
    pub environment_secrets: BTreeMap<String, BTreeSet<String>>,
    /// Names of the repository's variables.
    pub variables: BTreeSet<String>,
    /// Workflow files that somebody has switched off.
    pub disabled_workflows: BTreeSet<String>,
    /// Requests an hour, where they are not the usual ones.
    pub requests_per_hour: Option<u64>,
}

/// The App's webhook, its address apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// `json` or `form`.
    pub content_type: String,
    /// Whether its webhooks are signed.
    pub has_secret: bool,
    /// Whether certificates are not looked at.
    pub insecure_ssl: bool,
    /// Another address than the one that webhooks really go to.
    pub url: Option<String>,
}

/// A rule of a ruleset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Nobody makes such branches.
    Creation,
    /// Commits must be signed.
    RequiredSignatures,
    /// Branches must be named like this.
    BranchNamePattern {
        /// `starts_with`, `ends_with`, `contains` or `regex`.
        operator: String,
        /// What it is compared with.
        pattern: String,
    },
    /// Checks must have passed.
    RequiredStatusChecks {
        /// Their names.
        contexts: Vec<String>,
        /// On the newest base.
        strict: bool,
    },
    /// Merges go through a queue.
    MergeQueue,
}

/// Classic protection of a branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// Whether commits must be signed.
    pub signatures: bool,
    /// Checks that must have passed.
    pub checks: Vec<String>,
    /// Whether on the newest base.
    pub strict: bool,
}

/// What a repository allows of Actions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actions {
    /// Whether workflows run at all.
    pub enabled: bool,
    /// `all`, `local_only` or `selected`.
    pub allowed: String,
    /// With `selected`: whether GitHub's own are allowed.
    pub github_owned: bool,
    /// With `selected`: patterns of others.
    pub patterns: Vec<String>,
    /// Whether a job's own token may open and approve pull requests.
    #[serde(default)]
    pub opens_pull_requests: bool,
}

/// What the App's manifest subscribes to.
pub const EVENTS: &[&str] = &[
    "check_run",
    "check_suite",
    "issue_comment",
    "issue_dependencies",
    "issues",
    "pull_request",
    "push",
    "sub_issues",
    "workflow_job",
    "workflow_run",
];

impl Default for Administration {
    fn default() -> Self {
        let hook = Hook { content_type: "json".to_owned(), has_secret: true, insecure_ssl: false, url: None };
        let actions = Actions {
            enabled: true,
            allowed: "all".to_owned(),
            github_owned: true,
            patterns: Vec::new(),
            opens_pull_requests: true,
        };
        Self {
            registered: None,
            events: EVENTS.iter().map(|event| (*event).to_owned()).collect(),
            suspended: false,
            hook,
            labels: BTreeSet::new(),
            rules: Vec::new(),
            may_bypass: false,
            protection: None,
            actions,
            secrets: BTreeSet::new(),
            environment_secrets: BTreeMap::new(),
            variables: BTreeSet::new(),
            disabled_workflows: BTreeSet::new(),
            requests_per_hour: None,
        }
    }
}
