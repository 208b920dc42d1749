//! Repositories by a GitHub App: a client and a push token for each, and a bare mirror.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::OnceCell;

use crate::engine::id::{Login, Owner, RepositoryName};
use crate::engine::time::Timestamp;
use crate::git::command::Program;
use crate::git::mirror::{Credentials, Mirror};
use crate::github::Error;
use crate::github::auth::{App, Attempted, Installations};
use crate::github::client::Client;
use crate::perform::Tree;
use crate::server::connector::{ConnectError, Connector, Offer};
use crate::store::Store;
use crate::turn::{Configuration, Deployment};

/// What counts as being asked for the pull request that offers a repository its first files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum OnboardingPolicy {
    /// That somebody chose the repository by name when they installed the App, or labelled an issue in it.
    Chosen,
    /// That somebody labelled an issue in it.
    Labelled,
    /// Nothing: there is none.
    Never,
}

/// What an App is worked with.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// Where git is reached: `<git_url>/<owner>/<name>.git`; no slash at the end.
    pub git_url: String,
    /// The folder of the bare mirrors, made where it is missing.
    pub mirrors: PathBuf,
    /// Where settings come from.
    pub configuration: Configuration,
    /// When a repository is offered its first files.
    pub onboarding: OnboardingPolicy,
    /// How git is run.
    pub program: Program,
}

/// Connects repositories as an App.
#[derive(Debug)]
pub struct AppConnector<S> {
    installations: Arc<Installations>,
    options: AppOptions,
    store: S,
    owner: Owner,
    bot: OnceCell<Login>,
}

/// Gives git a token that may push to one repository and nothing else.
#[derive(Debug)]
pub struct PushToken {
    installations: Arc<Installations>,
    repository: RepositoryName,
}

impl Credentials for PushToken {
    async fn token(&self) -> Result<Option<SecretString>, String> {
        self.installations.push_token(&self.repository).await.map(Some).map_err(|error| error.to_string())
    }
}

impl<S> AppConnector<S> {
    /// Prepares; sends nothing. Each start performs under a name of its own, so that what an earlier one left is
    /// probed first.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new(app: Arc<App>, options: AppOptions, store: S) -> Result<Self, String> {
        let owner = Owner::new(format!("server-{}", random_text()?));
        Ok(Self { installations: Arc::new(Installations::new(app)), options, store, owner, bot: OnceCell::new() })
    }

    /// Asks GitHub who we are, once: also the test that id and key belong together.
    pub async fn bot(&self) -> Result<Login, Error> {
        let identity = async || self.installations.app().identity().await.map(|identity| identity.bot);
        self.bot.get_or_try_init(identity).await.cloned()
    }

    async fn mirror(&self, repository: &RepositoryName) -> Result<Mirror<PushToken>, ConnectError> {
        let name = repository.as_str().to_ascii_lowercase().replace('/', "+");
        let directory = self.options.mirrors.join(format!("{name}.git"));
        let url = format!("{}/{repository}.git", self.options.git_url);
        let token = PushToken { installations: Arc::clone(&self.installations), repository: repository.clone() };
        let opened = Mirror::open(&directory, &url, token, self.options.program.clone()).await;
        opened.map_err(|error| ConnectError::Failed { message: error.to_string() })
    }
}

impl<S: Store + Clone + 'static> Connector for AppConnector<S> {
    type GitHub = Arc<Client>;
    type Git = Mirror<PushToken>;
    type Store = S;

    async fn deployment(
        &self,
        repository: &RepositoryName,
    ) -> Result<Deployment<Self::GitHub, Self::Git, S>, ConnectError> {
        let bot = self.bot().await.map_err(failed)?;
        // The App may have been taken off and installed again: then the old client asks for tokens in vain.
        self.installations.forget(repository).await;
        let github = match self.installations.client(repository).await {
            Ok(client) => client,
            Err(Error::Missing { .. }) => return Err(ConnectError::NotInstalled),
            Err(error) => return Err(failed(error)),
        };
        Ok(Deployment {
            github,
            git: self.mirror(repository).await?,
            store: self.store.clone(),
            repository: repository.clone(),
            owner: self.owner.clone(),
            bot,
            seed: random_text().map_err(|message| ConnectError::Failed { message })?,
            configuration: self.options.configuration.clone(),
            tree: Tree::default(),
        })
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, ConnectError> {
        let app = self.installations.app();
        let mut repositories = Vec::new();
        let mut trouble = None;
        for installation in app.installations().await.map_err(failed)?.iter().filter(|found| !found.suspended) {
            match self.installations.repositories(installation.id).await {
                Ok(found) => repositories.extend(found),
                Err(error) => {
                    tracing::warn!(account = %installation.account, %error, "an installation cannot be listed");
                    trouble = Some(error);
                }
            }
        }
        match trouble {
            // One account's trouble does not hold up the others.
            Some(error) if repositories.is_empty() => Err(failed(error)),
            Some(_) | None => Ok(repositories),
        }
    }

    async fn offer(&self, repository: &RepositoryName) -> Result<Option<Offer>, ConnectError> {
        let is_chosen = match self.options.onboarding {
            OnboardingPolicy::Never => return Ok(None),
            OnboardingPolicy::Labelled => false,
            OnboardingPolicy::Chosen => self.installations.app().is_chosen(repository).await.map_err(failed)?,
        };
        Ok(Some(Offer { page: format!("{}/{repository}", self.options.git_url), is_chosen }))
    }

    async fn attempted(&self, since: Timestamp) -> Result<Vec<Attempted>, ConnectError> {
        match self.installations.app().attempted(since).await {
            // The App has no webhook.
            Err(Error::Missing { .. }) => Ok(Vec::new()),
            attempted => attempted.map_err(failed),
        }
    }

    async fn redeliver(&self, id: u64) -> Result<(), ConnectError> {
        self.installations.app().redeliver(id).await.map_err(failed)
    }
}

fn failed(error: Error) -> ConnectError {
    ConnectError::Failed { message: error.to_string() }
}

/// 32 hexadecimal digits nobody can guess; without randomness nothing here can be safe.
fn random_text() -> Result<String, String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random numbers: {error}"))?;
    Ok(hex::encode(bytes))
}

/// Where git is reached at a GitHub whose API is there: `https://github.com` for GitHub itself, and the server itself
/// for an Enterprise server (`https://host/api/v3`) and for a forge.
pub fn git_url_of(api_url: &str) -> String {
    let api_url = api_url.trim_end_matches('/');
    if api_url == crate::github::client::PUBLIC_API_URL {
        return "https://github.com".to_owned();
    }
    api_url.strip_suffix("/api/v3").unwrap_or(api_url).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_is_found_beside_the_api() {
        for (api, git) in [
            ("https://api.github.com", "https://github.com"),
            ("https://api.github.com/", "https://github.com"),
            ("https://git.example.com/api/v3", "https://git.example.com"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ] {
            assert_eq!(git_url_of(api), git);
        }
    }
}
