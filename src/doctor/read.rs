//! Reads a set-up: each thing once, with the token that may.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::doctor::readings::{AppReadings, Native, Reading, Readings, TokenKind, Unread};
use crate::doctor::workflow_file::WorkflowFile;
use crate::engine::config::{self, CONFIGURATION_PATH, HEARTBEAT_WORKFLOW, Settings, WORKFLOW, WORKFLOW_FOLDER};
use crate::engine::id::RepositoryName;
use crate::github::Error;
use crate::github::auth::{App, Installations};
use crate::github::client::{Client, PUBLIC_API_URL, Transport};
use crate::github::survey::{BranchRule, Survey};

/// One branch of each kind that is moved beside the default branch.
const OWN_BRANCHES: [&str; 4] =
    ["orchestrate/state", "orchestrate/issue-1", "orchestrate-attempt/1.1", "orchestrate-work/1.1"];
/// Most rulesets that are looked at.
const RULESETS_MAX: usize = 20;
const NO_PERSON: &str = "only a person may look, and GH_TOKEN is not set";
const NO_TOKEN: &str = "no token may read the repository";

/// Who looks at what.
#[derive(Debug)]
pub struct Access {
    /// The repository.
    pub repository: RepositoryName,
    /// GitHub's API.
    pub api_url: String,
    /// The way there.
    pub transport: Arc<Transport>,
    /// The App, where its key is given.
    pub app: Option<Arc<App>>,
    /// A job's token, where there is one.
    pub job: Option<Survey>,
    /// A person's token, where there is one, and what kind it is.
    pub person: Option<(Survey, &'static str)>,
}

/// Reads everything; whatever cannot be read says why.
pub async fn read(access: &Access) -> Readings {
    let app = match &access.app {
        Some(app) => Some(app_readings(app, access).await),
        None => None,
    };
    let (token, work) = working(access).await;
    let mut readings = empty(access, app, token);
    if let Some(survey) = &work {
        read_repository(&mut readings, survey).await;
        read_rules(&mut readings, survey).await;
        // Last, so that what was asked here is in it.
        readings.quota = failed(survey.quota().await);
    }
    if let Some((person, _)) = &access.person {
        read_settings(&mut readings, person).await;
    }
    readings.ahead_seconds = access.transport.clock_ahead_seconds();
    readings
}

fn failed<T>(answer: Result<T, Error>) -> Reading<T> {
    answer.map_err(Unread::Failed)
}

async fn app_readings(app: &App, access: &Access) -> AppReadings {
    let hook = failed(app.hook().await);
    let knock = match hook.as_ref().ok().and_then(|hook| hook.url.as_deref()) {
        Some(url) => failed(access.transport.knock(url).await),
        None => Err(Unread::Unasked("the webhook has no address")),
    };
    AppReadings {
        registration: failed(app.registration().await),
        installed: failed(app.installed_on(&access.repository).await),
        hook,
        deliveries: failed(app.last_deliveries().await),
        knock,
    }
}

/// What the repository is read with: what the orchestrator itself works with, or else a person's token. The first one
/// that can mint or be sent is taken.
async fn working(access: &Access) -> (TokenKind, Option<Survey>) {
    if let Some(app) = &access.app
        && let Ok(client) = Installations::new(Arc::clone(app)).client(&access.repository).await
        && client.token().await.is_ok()
    {
        return (TokenKind::Installation, Some(Survey::new(client)));
    }
    if let Some(job) = &access.job {
        return (TokenKind::Job, Some(job.clone()));
    }
    match &access.person {
        Some((person, kind)) => (TokenKind::Person(kind), Some(person.clone())),
        None => (TokenKind::None, None),
    }
}

/// Nothing read yet.
fn empty(access: &Access, app: Option<AppReadings>, token: TokenKind) -> Readings {
    fn unasked<T>(why: &'static str) -> Reading<T> {
        Err(Unread::Unasked(why))
    }
    Readings {
        repository: access.repository.clone(),
        web: web(&access.api_url),
        now: access.transport.time(),
        app,
        ahead_seconds: None,
        token,
        quota: unasked(NO_TOKEN),
        home: unasked(NO_TOKEN),
        configuration: unasked(NO_TOKEN),
        settings: Settings::server(),
        workflow: unasked(NO_TOKEN),
        native: unasked(NO_TOKEN),
        workflow_state: unasked(NO_TOKEN),
        first_folder: unasked(NO_TOKEN),
        has_label: unasked(NO_TOKEN),
        rules: unasked(NO_TOKEN),
        bypassed: BTreeSet::new(),
        protected: unasked(NO_TOKEN),
        protection: unasked(NO_PERSON),
        allowed: unasked(NO_PERSON),
        token_rights: unasked(NO_PERSON),
        selected: unasked(NO_PERSON),
        secrets: unasked(NO_PERSON),
        variables: unasked(NO_PERSON),
    }
}

async fn read_repository(readings: &mut Readings, survey: &Survey) {
    readings.home = failed(survey.home().await);
    let Ok(home) = &readings.home else { return };
    let branch = home.default_branch.clone();
    readings.configuration = failed(text(survey, &branch, CONFIGURATION_PATH).await);
    if let Ok(Some(text)) = &readings.configuration
        && let Ok(settings) = config::parse(text, &Settings::server())
    {
        readings.settings = settings;
    }
    let file = readings.settings.workflow.clone();
    readings.workflow = failed(text(survey, &branch, &format!("{WORKFLOW_FOLDER}/{file}")).await);
    readings.native = failed(native(survey, &branch).await);
    readings.workflow_state = failed(survey.workflow(&file).await);
    readings.first_folder = failed(survey.first_folder(&branch).await);
    readings.has_label = failed(survey.has_label(&readings.settings.label).await);
    readings.protected = failed(survey.protected(&branch).await);
}

async fn native(survey: &Survey, branch: &str) -> Result<Native, Error> {
    let path = |name: &str| format!("{WORKFLOW_FOLDER}/{name}");
    let orchestrate = text(survey, branch, &path(WORKFLOW)).await?;
    Ok(Native { orchestrate, heartbeat: text(survey, branch, &path(HEARTBEAT_WORKFLOW)).await? })
}

async fn text(survey: &Survey, branch: &str, path: &str) -> Result<Option<String>, Error> {
    let bytes = survey.file(branch, path).await?;
    let read = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(bytes.map(read))
}

async fn read_rules(readings: &mut Readings, survey: &Survey) {
    let Ok(home) = &readings.home else { return };
    let branches: Vec<&str> = std::iter::once(home.default_branch.as_str()).chain(OWN_BRANCHES).collect();
    let mut rules: BTreeMap<String, Vec<BranchRule>> = BTreeMap::new();
    for branch in branches {
        match survey.rules(branch).await {
            Ok(found) => drop(rules.insert(branch.to_owned(), found)),
            Err(error) => {
                readings.rules = Err(Unread::Failed(error));
                return;
            }
        }
    }
    let rulesets: BTreeSet<u64> = rules.values().flatten().filter_map(|rule| rule.ruleset).collect();
    readings.rules = Ok(rules);
    // Who looks as a person learns what that person may pass, not what the orchestrator may.
    if matches!(readings.token, TokenKind::Person(_)) {
        return;
    }
    for ruleset in rulesets.into_iter().take(RULESETS_MAX) {
        if survey.may_bypass(ruleset).await.unwrap_or(false) {
            readings.bypassed.insert(ruleset);
        }
    }
}

async fn read_settings(readings: &mut Readings, person: &Survey) {
    readings.allowed = failed(person.allowed_actions().await);
    readings.token_rights = failed(person.token_rights().await);
    let is_selected =
        |allowed: &crate::github::survey::AllowedActions| allowed.allowed_actions.as_deref() == Some("selected");
    if readings.allowed.as_ref().is_ok_and(is_selected) {
        readings.selected = failed(person.selected_actions().await);
    }
    let file = readings.workflow.as_ref().ok().and_then(Option::as_ref).and_then(|text| WorkflowFile::parse(text).ok());
    let environment = file.as_ref().and_then(WorkflowFile::environment);
    readings.secrets = failed(person.secrets(environment.as_deref()).await);
    if file.is_some_and(|file| !file.names("vars").is_empty()) {
        readings.variables = failed(person.variables().await);
    }
    if readings.protected.as_ref().is_ok_and(|protected| protected.is_protected) {
        let base = readings.base().to_owned();
        readings.protection = failed(person.protection(&base).await);
    }
}

/// Where GitHub's pages are.
fn web(api_url: &str) -> String {
    let api_url = api_url.trim_end_matches('/');
    if api_url == PUBLIC_API_URL {
        return "https://github.com".to_owned();
    }
    api_url.strip_suffix("/api/v3").unwrap_or(api_url).to_owned()
}

/// A client for a token as it was given.
impl Access {
    /// Looks with a token as it is.
    ///
    /// # Errors
    /// The repository's name is none.
    pub fn with_token(
        transport: &Arc<Transport>,
        repository: &RepositoryName,
        token: secrecy::SecretString,
    ) -> Result<Survey, Error> {
        let credentials = crate::github::client::Credentials::Fixed(token);
        let client = Client::new(Arc::clone(transport), repository.clone(), credentials)?;
        Ok(Survey::new(Arc::new(client)))
    }
}
