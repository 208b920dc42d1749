//! What a world is told at its beginning.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::engine::id::{Login, RepositoryName, Sha};
use crate::forge::world::access::{Permissions, app_permissions};
use crate::forge::world::administration::Administration;

/// Which API limits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiLimits {
    /// GitHub's: 5,000 requests an hour; 80 content writes a minute and 500 an hour.
    Github,
    /// GitHub's, with a tenth of its content: a short story comes to them.
    Tight,
    /// None.
    None,
}

/// One input of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFacts {
    /// Whether a dispatch without it is refused.
    pub required: bool,
    /// What it is where the dispatch does not give it.
    pub default: Option<String>,
}

/// One job of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFacts {
    /// Its key in the file.
    pub id: String,
    /// Its name as shown; the key where the file gives none.
    pub name: String,
    /// Keys of the jobs that must be over first.
    pub needs: Vec<String>,
}

/// What the world must know of a workflow file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowFacts {
    /// Its name.
    pub name: String,
    /// `run-name`, in which `${{ inputs.x }}` is filled in; the name where there is none.
    pub run_name: Option<String>,
    /// Its inputs.
    pub inputs: BTreeMap<String, InputFacts>,
    /// Its jobs, in the file's order.
    pub jobs: Vec<JobFacts>,
    /// What starts it.
    #[serde(default)]
    pub triggers: Triggers,
    /// Its concurrency group: one run of it works, one may wait, and a newer one takes the waiting one's place.
    #[serde(default)]
    pub group: Option<String>,
}

/// What starts a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triggers {
    /// Whether it can be asked for.
    pub dispatch: bool,
    /// What happens to an issue: these actions.
    pub issues: BTreeSet<String>,
    /// A push to one of these branches.
    pub push: BTreeSet<String>,
    /// The clock, each time so many minutes have passed.
    pub every_minutes: Option<u32>,
}

impl Default for Triggers {
    /// Asked for, and nothing else.
    fn default() -> Self {
        Self { dispatch: true, issues: BTreeSet::new(), push: BTreeSet::new(), every_minutes: None }
    }
}

/// A world's beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// `owner/name`.
    pub repository: RepositoryName,
    /// GitHub's id of the repository.
    pub repository_id: u64,
    /// The default branch.
    pub default_branch: String,
    /// The App's slug; its bot is `<slug>[bot]`.
    pub app_slug: String,
    /// What the App was given.
    pub app_permissions: Permissions,
    /// The local owner: an administrator.
    pub owner: Login,
    /// API limits.
    pub limits: ApiLimits,
    /// Workflow files on the default branch, by file name.
    pub workflows: BTreeMap<String, WorkflowFacts>,
    /// Where branches are at the beginning.
    pub branches: BTreeMap<String, Sha>,
    /// What administrators have set.
    #[serde(default)]
    pub administration: Administration,
}

impl Setup {
    /// A repository with the App installed as its manifest asks, GitHub's limits, no workflow and no branch.
    pub fn new(repository: RepositoryName, default_branch: &str, owner: Login) -> Self {
        Self {
            repository,
            repository_id: 1,
            default_branch: default_branch.to_owned(),
            app_slug: "task-orchestrator".to_owned(),
            app_permissions: app_permissions(),
            owner,
            limits: ApiLimits::Github,
            workflows: BTreeMap::new(),
            branches: BTreeMap::new(),
            administration: Administration::default(),
        }
    }
}
