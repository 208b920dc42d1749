//! How the server comes by what a repository is worked with; `app` does it as a GitHub App, tests and other fronts in
//! their own way.

use std::future::Future;

use crate::engine::id::RepositoryName;
use crate::engine::time::Timestamp;
use crate::git::Git;
use crate::github::GitHub;
use crate::github::auth::Attempted;
use crate::store::Store;
use crate::turn::Deployment;

/// Why a repository cannot be worked now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// We are not installed on it: it is left alone until somebody changes that.
    #[error("the App is not installed on the repository")]
    NotInstalled,
    /// Something failed; it is tried again.
    #[error("{message}")]
    Failed {
        /// What.
        message: String,
    },
}

/// What a repository of a connector is worked with.
pub type DeploymentOf<C> = Deployment<<C as Connector>::GitHub, <C as Connector>::Git, <C as Connector>::Store>;

/// Whether and how a repository is offered its first files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The repository's page, without a slash at the end.
    pub page: String,
    /// Whether the installation itself asks for it; else only an issue with the label does.
    pub is_chosen: bool,
}

/// Where repositories come from.
pub trait Connector: Send + Sync + 'static {
    /// GitHub for one repository.
    type GitHub: GitHub + 'static;
    /// Its git side.
    type Git: Git + 'static;
    /// Where plans and deliveries are kept; clones share it.
    type Store: Store + Clone + 'static;

    /// Everything one repository is worked with, made anew: nothing known of it before is relied on.
    fn deployment(
        &self,
        repository: &RepositoryName,
    ) -> impl Future<Output = Result<DeploymentOf<Self>, ConnectError>> + Send;

    /// Every repository there is to be worked.
    fn repositories(&self) -> impl Future<Output = Result<Vec<RepositoryName>, ConnectError>> + Send;

    /// Whether a repository that has none of its files yet may be offered them; nothing: never.
    fn offer(&self, repository: &RepositoryName) -> impl Future<Output = Result<Option<Offer>, ConnectError>> + Send {
        let _ = repository;
        std::future::ready(Ok(None))
    }

    /// GitHub's attempts since a moment to deliver webhooks here, newest first. Who needs none asked for again, because
    /// its sender repeats them by itself, gives none.
    fn attempted(&self, since: Timestamp) -> impl Future<Output = Result<Vec<Attempted>, ConnectError>> + Send {
        let _ = since;
        std::future::ready(Ok(Vec::new()))
    }

    /// Asks for one of them again.
    fn redeliver(&self, id: u64) -> impl Future<Output = Result<(), ConnectError>> + Send {
        let _ = id;
        std::future::ready(Ok(()))
    }
}
