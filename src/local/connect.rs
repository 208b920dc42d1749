//! How the server in `local` and `demo` comes by its one repository: as a GitHub App of the embedded forge, over HTTP.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use crate::engine::config::Settings;
use crate::engine::id::{Login, Owner, RepositoryName};
use crate::git::command::Program;
use crate::git::mirror::{Credentials, Mirror};
use crate::github::auth::Installations;
use crate::github::client::Client;
use crate::perform::Tree;
use crate::server::{ConnectError, Connector};
use crate::store::sqlite::SqliteStore;
use crate::turn::{Configuration, Deployment};

/// The one repository.
pub(super) struct Local {
    pub(super) installations: Arc<Installations>,
    pub(super) repository: RepositoryName,
    pub(super) bot: Login,
    pub(super) owner: Owner,
    pub(super) git_url: String,
    pub(super) mirror: PathBuf,
    pub(super) store: SqliteStore,
    pub(super) settings: Settings,
}

/// A token that may push, asked for anew each time: the App keeps it until it is nearly over.
#[derive(Debug)]
pub(super) struct PushToken {
    installations: Arc<Installations>,
    repository: RepositoryName,
}

impl Credentials for PushToken {
    async fn token(&self) -> Result<Option<SecretString>, String> {
        self.installations.push_token(&self.repository).await.map(Some).map_err(|error| error.to_string())
    }
}

impl Connector for Local {
    type GitHub = Arc<Client>;
    type Git = Mirror<PushToken>;
    type Store = SqliteStore;

    async fn deployment(
        &self,
        repository: &RepositoryName,
    ) -> Result<Deployment<Arc<Client>, Mirror<PushToken>, SqliteStore>, ConnectError> {
        if *repository != self.repository {
            return Err(ConnectError::NotInstalled);
        }
        let failed = |message: String| ConnectError::Failed { message };
        let github = self.installations.client(repository).await.map_err(|error| failed(error.to_string()))?;
        let token = PushToken { installations: self.installations.clone(), repository: repository.clone() };
        let git = Mirror::open(&self.mirror, &self.git_url, token, Program::default()).await;
        Ok(Deployment {
            github,
            git: git.map_err(|error| failed(error.to_string()))?,
            store: self.store.clone(),
            repository: repository.clone(),
            owner: self.owner.clone(),
            bot: self.bot.clone(),
            seed: seed().map_err(failed)?,
            configuration: Configuration::Fixed(Box::new(self.settings.clone())),
            tree: Tree::default(),
        })
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, ConnectError> {
        Ok(vec![self.repository.clone()])
    }
}

/// Random text of 32 hexadecimal digits: nonces and secrets are made from it.
pub(super) fn seed() -> Result<String, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random numbers: {error}"))?;
    Ok(hex::encode(bytes))
}
