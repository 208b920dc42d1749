//! What only administrators see: what the repository allows of Actions, and the names of secrets and variables.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::github::Error;
use crate::github::client::{Answer, segment};
use crate::github::survey::repository::present;
use crate::github::survey::{PAGE, Survey};

/// Variables of a page: GitHub gives no more at once.
const VARIABLES_PAGE: usize = 30;

/// What a repository allows of Actions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AllowedActions {
    /// Whether workflows run at all.
    pub enabled: bool,
    /// `all`, `local_only` or `selected`.
    pub allowed_actions: Option<String>,
    /// Whether every `uses:` must name a full commit.
    #[serde(default)]
    pub sha_pinning_required: bool,
}

/// What a job's own token may do where its workflow does not say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TokenRights {
    /// Whether it may open and approve pull requests, whatever its workflow says.
    pub can_approve_pull_request_reviews: bool,
}

/// Which actions are allowed where only some are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SelectedActions {
    /// GitHub's own.
    pub github_owned_allowed: bool,
    /// Those of creators that GitHub has verified.
    pub verified_allowed: bool,
    /// Patterns such as `owner/*`.
    pub patterns_allowed: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct NamesAnswer {
    #[serde(default, alias = "variables")]
    secrets: Vec<NameAnswer>,
}

#[derive(Debug, Deserialize)]
struct NameAnswer {
    name: String,
}

impl Survey {
    /// What the repository allows of Actions.
    ///
    /// # Errors
    /// As any call.
    pub async fn allowed_actions(&self) -> Result<AllowedActions, Error> {
        let what = "what Actions may do";
        self.client.look("/actions/permissions", what).await?.json(what)
    }

    /// What a job's own token may do.
    ///
    /// # Errors
    /// As any call.
    pub async fn token_rights(&self) -> Result<TokenRights, Error> {
        let what = "what a job's own token may do";
        self.client.look("/actions/permissions/workflow", what).await?.json(what)
    }

    /// Which actions are allowed where only some are.
    ///
    /// # Errors
    /// As any call.
    pub async fn selected_actions(&self) -> Result<SelectedActions, Error> {
        let what = "which actions are allowed";
        self.client.look("/actions/permissions/selected-actions", what).await?.json(what)
    }

    /// The names of secrets that a job of the repository in an environment (where it names one) is given.
    ///
    /// # Errors
    /// As any call. An environment that nobody has made has none.
    pub async fn secrets(&self, environment: Option<&str>) -> Result<BTreeSet<String>, Error> {
        let mut names = self.names("/actions/secrets", "the repository's secrets", PAGE).await?;
        // A person's repository has no organisation, and an environment need not be there.
        let shared = self.names("/actions/organization-secrets", "the organisation's secrets", PAGE).await;
        names.extend(present(shared)?.unwrap_or_default());
        if let Some(environment) = environment {
            let path = format!("/environments/{}/secrets", segment(environment)?);
            names.extend(present(self.names(&path, "the environment's secrets", PAGE).await)?.unwrap_or_default());
        }
        Ok(names)
    }

    /// The names of the repository's variables.
    ///
    /// # Errors
    /// As any call.
    pub async fn variables(&self) -> Result<BTreeSet<String>, Error> {
        self.names("/actions/variables", "the repository's variables", VARIABLES_PAGE).await
    }

    async fn names(&self, path: &str, what: &str, size: usize) -> Result<BTreeSet<String>, Error> {
        let take = |answer: &Answer| Ok(answer.json::<NamesAnswer>(what)?.secrets);
        Ok(self.pages(path, what, size, take).await?.into_iter().map(|found| found.name).collect())
    }
}
