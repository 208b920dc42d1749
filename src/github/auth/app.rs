//! The App itself: its JSON web token, its name, its installations, and the minting of their tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::engine::id::{Login, RepositoryName};
use crate::engine::time::Timestamp;
use crate::github::Error;
use crate::github::auth::token::Token;
use crate::github::client::{Answer, Call, Gate, Overflow, Transport, all_pages, check_name, refusal};
use crate::github::pace::Limits;

/// Backdating of a JSON web token, against clocks that differ (GitHub's advice: 60 s).
const ISSUED_BEFORE_SECONDS: i64 = 60;
/// Life of a JSON web token; GitHub refuses more than ten minutes by its own clock.
const LIFE_SECONDS: i64 = 9 * 60;

/// What the orchestrator's own token may do: what `Request` needs and nothing else.
pub const API_PERMISSIONS: [(&str, &str); 7] = [
    ("actions", "write"),
    ("checks", "read"),
    ("contents", "write"),
    ("issues", "write"),
    ("metadata", "read"),
    ("pull_requests", "write"),
    ("statuses", "read"),
];
/// What the token of a git push may do.
pub const PUSH_PERMISSIONS: [(&str, &str); 2] = [("contents", "write"), ("metadata", "read")];
/// What listing an installation's repositories needs.
const LIST_PERMISSIONS: [(&str, &str); 1] = [("metadata", "read")];

/// An installation's id at GitHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstallationId(pub u64);

/// What makes us the App.
#[derive(Clone, Debug)]
pub struct AppCredentials {
    /// The App's number, or its client id.
    pub app_id: String,
    /// The private key as PEM; line ends may be written `\n`, as in an environment variable.
    pub key: SecretString,
}

/// The App as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppIdentity {
    /// Its number.
    pub id: u64,
    /// Its name in addresses.
    pub slug: String,
    /// The account it acts as: `<slug>[bot]`.
    pub bot: Login,
}

/// The App on one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Its id.
    pub id: InstallationId,
    /// The account's login.
    pub account: Login,
    /// Whether the account has switched it off.
    pub suspended: bool,
}

#[derive(Debug, Deserialize)]
struct AppAnswer {
    id: u64,
    slug: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AccountAnswer {
    login: Option<String>,
}

#[derive(Debug, Deserialize)]
struct InstallationAnswer {
    id: u64,
    account: Option<AccountAnswer>,
    suspended_at: Option<String>,
    repository_selection: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RepositoriesAnswer {
    #[serde(default)]
    repositories: Vec<RepositoryAnswer>,
}

#[derive(Debug, Deserialize)]
struct RepositoryAnswer {
    full_name: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: SecretString,
    expires_at: Option<String>,
}

#[derive(Serialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: serde_json::Value,
}

/// The App at one GitHub.
pub struct App {
    transport: Arc<Transport>,
    issuer: serde_json::Value,
    key: EncodingKey,
    /// What it asks as itself passes here; each installation has a door of its own.
    gate: Gate,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({} at {:?})", self.issuer, self.transport)
    }
}

impl App {
    /// Reads the key; sends nothing. A key that is no RSA key in PEM is [`Error::Invalid`] with the remedy.
    pub fn new(transport: Arc<Transport>, credentials: &AppCredentials) -> Result<Self, Error> {
        let pem = SecretString::from(credentials.key.expose_secret().trim().replace("\\n", "\n"));
        let key = EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()).map_err(|_| Error::Invalid {
            message:
                "the App's private key cannot be read; give the whole `.pem` file GitHub let you download, beginning \
                      with `-----BEGIN RSA PRIVATE KEY-----`"
                    .to_owned(),
        })?;
        let app_id = credentials.app_id.trim();
        if app_id.is_empty() {
            return Err(Error::Invalid { message: "the App's id is empty; it stands on the App's page".to_owned() });
        }
        let issuer = app_id.parse::<u64>().map_or_else(|_| app_id.into(), Into::into);
        Ok(Self { transport, issuer, key, gate: Gate::new(Limits::GITHUB) })
    }

    /// The way to GitHub it uses.
    pub(crate) fn transport(&self) -> &Arc<Transport> {
        &self.transport
    }

    /// The App's own name and bot account. Also the test that key and id are right.
    pub async fn identity(&self) -> Result<AppIdentity, Error> {
        let call = Call::get("/app".to_owned(), "the App");
        let found: AppAnswer = self.call(&call).await?.json(&call.what)?;
        let slug = found.slug.ok_or_else(|| Error::Unexpected { message: "the App came without `slug`".to_owned() })?;
        let bot = Login::new(format!("{slug}[bot]"));
        Ok(AppIdentity { id: found.id, slug, bot })
    }

    /// The installation that covers a repository; none: [`Error::Missing`].
    pub async fn installation_of(&self, repository: &RepositoryName) -> Result<InstallationId, Error> {
        Ok(InstallationId(self.installation_at(repository).await?.id))
    }

    /// Whether somebody chose this very repository when they installed the App, and not all repositories there are;
    /// none: [`Error::Missing`].
    pub async fn is_chosen(&self, repository: &RepositoryName) -> Result<bool, Error> {
        let found = self.installation_at(repository).await?;
        Ok(found.repository_selection.as_deref() == Some("selected"))
    }

    async fn installation_at(&self, repository: &RepositoryName) -> Result<InstallationAnswer, Error> {
        check_name(repository)?;
        let call = Call::get(
            format!("/repos/{repository}/installation"),
            format!("an installation of the App on {repository}"),
        );
        self.call(&call).await?.json(&call.what)
    }

    /// Every installation of the App.
    pub async fn installations(&self) -> Result<Vec<Installation>, Error> {
        let call = Call::get("/app/installations?per_page=100".to_owned(), "the App's installations");
        let send = async |call: Call| self.call(&call).await;
        let take = |answer: &Answer| answer.json::<Vec<InstallationAnswer>>("the App's installations");
        let found = all_pages(&self.transport, call, Overflow::Refuse, send, take).await?;
        let installation = |found: InstallationAnswer| Installation {
            id: InstallationId(found.id),
            account: Login::new(found.account.and_then(|account| account.login).unwrap_or_default()),
            suspended: found.suspended_at.is_some(),
        };
        Ok(found.into_iter().map(installation).collect())
    }

    /// The repositories one installation covers, asked through its door.
    pub(super) async fn repositories(
        &self,
        installation: InstallationId,
        gate: &Gate,
    ) -> Result<Vec<RepositoryName>, Error> {
        let token = self.mint(installation, None, &LIST_PERMISSIONS).await?;
        let call = Call::get("/installation/repositories?per_page=100".to_owned(), "the installation's repositories");
        let send = async |call: Call| self.exchange(gate, &call, &token.secret).await;
        let take =
            |answer: &Answer| Ok(answer.json::<RepositoriesAnswer>("the installation's repositories")?.repositories);
        let found = all_pages(&self.transport, call, Overflow::Refuse, send, take).await?;
        Ok(found.into_iter().filter_map(|repository| repository.full_name).map(RepositoryName::new).collect())
    }

    /// A new token of an installation, for one repository (or all of them) and exactly these permissions. Where GitHub
    /// gives none because the installation is gone, suspended or not on the repository: [`Error::Unauthorized`], so
    /// that nobody takes what was to be asked with it for missing.
    pub(crate) async fn mint(
        &self,
        installation: InstallationId,
        repository: Option<&RepositoryName>,
        permissions: &[(&str, &str)],
    ) -> Result<Token, Error> {
        let permissions: BTreeMap<_, _> = permissions.iter().copied().collect();
        let mut content = serde_json::json!({"permissions": permissions});
        if let Some((_, name)) = repository.and_then(|repository| repository.as_str().split_once('/')) {
            content["repositories"] = serde_json::json!([name]);
        }
        let path = format!("/app/installations/{}/access_tokens", installation.0);
        let call = Call::new(Method::POST, path, "a token of the installation").with_body(&content)?;
        let made: TokenAnswer = self.call(&call).await.map_err(without_token)?.json(&call.what)?;
        let expires_at = made.expires_at.as_deref().and_then(Timestamp::parse).ok_or_else(|| Error::Unexpected {
            message: "a token of the installation came without `expires_at`".to_owned(),
        })?;
        Ok(Token { secret: made.token, expires_at })
    }

    /// One call as the App itself.
    pub(in crate::github) async fn call(&self, call: &Call) -> Result<Answer, Error> {
        self.exchange(&self.gate, call, &self.web_token()?).await
    }

    /// One exchange through a door; none leaves while GitHub has told that door to wait.
    async fn exchange(&self, gate: &Gate, call: &Call, token: &SecretString) -> Result<Answer, Error> {
        let _entered = gate.enter(call, || self.transport.now()).await?;
        let answer = self.transport.exchange(call, Some(token)).await?;
        let now = self.transport.now();
        gate.hear(&answer, now);
        if answer.status.is_success() {
            return Ok(answer);
        }
        let error = refusal(call, &answer, now);
        if let Error::RateLimited { until } = error {
            gate.wait(until);
        }
        Err(error)
    }

    /// A JSON web token by which GitHub knows the App (RS256).
    fn web_token(&self) -> Result<SecretString, Error> {
        let now = self.transport.now().0.div_euclid(1000);
        let claims = Claims { iat: now - ISSUED_BEFORE_SECONDS, exp: now + LIFE_SECONDS, iss: self.issuer.clone() };
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map(SecretString::from)
            .map_err(|_| Error::Invalid { message: "the App's private key cannot sign; create a new one".to_owned() })
    }
}

fn without_token(error: Error) -> Error {
    match error {
        Error::Missing { .. } | Error::Denied { .. } | Error::Invalid { .. } => {
            Error::Unauthorized { message: format!("there is no token of the installation: {error}") }
        }
        Error::Unauthorized { .. }
        | Error::Conflict { .. }
        | Error::RateLimited { .. }
        | Error::OverBudget { .. }
        | Error::Unreachable { .. }
        | Error::Unexpected { .. } => error,
    }
}
