//! `handle`: a repository's plan worked once, inside a workflow run.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;

use crate::actions::session::{Session, Time, work};
use crate::actions::summary::Told;
use crate::actions::{COMMENTS_WORKFLOW, OWNER, event, heartbeat};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::serve::{clock, flag, private_key};
use crate::engine::config::{ActionsNative, Settings};
use crate::engine::id::{Login, Owner, RepositoryName};
use crate::engine::plan::PlanStatus;
use crate::engine::time::{Span, Timestamp};
use crate::git::command::Program;
use crate::git::mirror::{Credentials as GitCredentials, Mirror};
use crate::github::auth::{App, AppCredentials, Installations};
use crate::github::client::{Client, Credentials, PUBLIC_API_URL, Transport};
use crate::github::{Error, GitHub as _, KnownTip, Request};
use crate::perform::Tree;
use crate::store;
use crate::store::branch::BranchStore;
use crate::turn::{Configuration, Deployment};

const TOKEN_VARIABLE: &str = "ORCHESTRATOR_TOKEN";
/// The account of a workflow's own token.
const OWN_TOKEN_BOT: &str = "github-actions[bot]";
/// Longest time a run may wait for what is due: a job ends on its own only after hours.
const STAY_MAX: Duration = Duration::from_secs(30 * 60);

/// Flags of `handle`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples, as steps of a workflow:
  task-orchestrator handle
  task-orchestrator handle --app-id 12345 --stay 2m --json

It reads what GitHub's runner sets (GITHUB_REPOSITORY, GITHUB_EVENT_NAME and the like). ORCHESTRATOR_TOKEN holds the
workflow's own token; an App's id and key, the key in a file or in ORCHESTRATOR_PRIVATE_KEY, lift what that token cannot
do. `task-orchestrator init --actions-native` writes workflows that call it.

Exit code 0: worked, or another run works the repository. 1: it could not work; the next run goes on where this one
ended. 2: usage.")]
pub(super) struct HandleArgs {
    /// An App's id or client id, to work as that App instead of with the workflow's own token
    #[arg(long, value_name = "ID", env = "ORCHESTRATOR_APP_ID", default_value = "", hide_default_value = true)]
    app_id: String,
    /// The App's private key, the `.pem` file GitHub let you download
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
    /// How long to stay for what is due soon, from the beginning
    #[arg(long, value_name = "LENGTH", default_value = "45s", value_parser = stay)]
    stay: Duration,
    /// The repository, `OWNER/NAME`
    #[arg(long, value_name = "NAME", env = "GITHUB_REPOSITORY")]
    repository: String,
    /// GitHub's API
    #[arg(long, value_name = "URL", env = "GITHUB_API_URL", default_value = PUBLIC_API_URL)]
    api_url: String,
    /// Where git is reached
    #[arg(long, value_name = "URL", env = "GITHUB_SERVER_URL", default_value = "https://github.com")]
    git_url: String,
    /// A file with certificate authorities (PEM) to trust beside the machine's own
    #[arg(long, value_name = "FILE", env = "ORCHESTRATOR_CA_BUNDLE")]
    ca_bundle: Option<PathBuf>,
    /// A folder for a bare mirror of the repository [default: one in RUNNER_TEMP, or .state]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Print what was done as one JSON object
    #[arg(long)]
    json: bool,
}

fn stay(text: &str) -> Result<Duration, String> {
    let length = Span::parse(text)?.0;
    if length <= STAY_MAX { Ok(length) } else { Err(format!("give at most {}", Span(STAY_MAX))) }
}

/// As whom git pushes.
enum PushToken {
    Own(SecretString),
    App(Arc<Installations>, RepositoryName),
}

impl GitCredentials for PushToken {
    async fn token(&self) -> Result<Option<SecretString>, String> {
        match self {
            Self::Own(token) => Ok(Some(token.clone())),
            Self::App(installations, repository) => {
                installations.push_token(repository).await.map(Some).map_err(|error| error.to_string())
            }
        }
    }
}

/// Who works, and by what way GitHub is reached.
struct Account {
    client: Arc<Client>,
    push: PushToken,
    bot: Login,
    own_token: bool,
}

/// The system's clock.
struct SystemTime(crate::github::client::Clock);

impl Time for SystemTime {
    fn now(&self) -> Timestamp {
        (self.0)()
    }

    fn wait(&self, length: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(length)
    }
}

/// Works the repository's plan until nothing is due soon.
pub(super) async fn run(arguments: HandleArgs) -> Result<ExitCode, Failure> {
    let event = std::env::var("GITHUB_EVENT_NAME").unwrap_or_default();
    let event = if event.is_empty() { "workflow_dispatch".to_owned() } else { event };
    let repository = RepositoryName::new(&arguments.repository);
    let account = account(&arguments, &repository).await?;
    let told = worked(&arguments, repository, &account, event).await?;
    let now = clock()();
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
        append(Path::new(&path), &told.page(now))?;
    }
    for note in &told.notes {
        tracing::warn!("{note}");
    }
    if arguments.json {
        output::print(&format!("{}\n", told.json(now)))?;
    }
    // A run that could not even read must not look like one that found nothing to do.
    let is_blind = told.session.as_ref().is_some_and(|session| session.plan.header.status == PlanStatus::Rebuilding);
    if is_blind {
        return Err(Failure::failed("GitHub could not be read, so nothing was done; the lines above say why")
            .with_hint("check the job's `permissions` against those of the file that `init` writes"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn worked(
    arguments: &HandleArgs,
    repository: RepositoryName,
    account: &Account,
    event: String,
) -> Result<Told, Failure> {
    let (seed, tip) = (random_text()?, KnownTip::default());
    let hears_comments = is_there(&account.client, COMMENTS_WORKFLOW).await;
    let native = ActionsNative { own_token: account.own_token, hears_comments };
    let deployment = Deployment {
        github: Arc::clone(&account.client),
        git: mirror(arguments, &repository, &account.push).await?,
        store: BranchStore::new(Arc::clone(&account.client), repository.clone(), seed.clone(), tip.clone()),
        repository,
        owner: Owner::new(OWNER),
        bot: account.bot.clone(),
        seed,
        configuration: Configuration::Repository(Box::new(Settings::actions(native))),
        tree: Tree::sharing(tip),
    };
    let file = std::env::var_os("GITHUB_EVENT_PATH").map(PathBuf::from);
    let events = event::events(&event, file.as_deref());
    let session = match work(&deployment, events, arguments.stay, &SystemTime(clock())).await {
        Ok(session) => Some(session),
        Err(error @ (store::Error::Leased { .. } | store::Error::Fenced)) => {
            tracing::info!(%error, "another run works the repository");
            None
        }
        Err(error) => return Err(Failure::failed(error.to_string())),
    };
    let notes = notes(account, session.as_ref(), &event).await;
    let requests = account.client.budget().map(|budget| (budget.limit, budget.remaining));
    Ok(Told { event, session, notes, requests })
}

/// What people should know: limits of the token, and a heartbeat that is not as it should be.
async fn notes(account: &Account, session: Option<&Session>, event: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let wish = session.and_then(|session| heartbeat::wish(session.before, session.plan.header.status, event));
    if let Some(enabled) = wish {
        notes.extend(heartbeat::set(&account.client, enabled).await);
    }
    if account.own_token {
        notes.push(
            "Worked with the workflow's own token: 1,000 requests an hour, and checks of its pull requests start once \
             a person with write access has approved them. An App's `app-id` and `private-key` lift both."
                .to_owned(),
        );
    }
    notes
}

async fn account(arguments: &HandleArgs, repository: &RepositoryName) -> Result<Account, Failure> {
    let transport = Transport::trusting(&arguments.api_url, arguments.ca_bundle.as_deref(), clock());
    let transport = Arc::new(transport.map_err(|error| flag("--api-url, --ca-bundle", error))?);
    if arguments.app_id.is_empty() {
        let token = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()).ok_or_else(|| {
            Failure::usage("there is no token to work with").with_hint(format!(
                "give the step `{TOKEN_VARIABLE}: ${{{{ github.token }}}}` in its `env`, or --app-id and a private key"
            ))
        })?;
        let token = SecretString::from(token);
        let client = Client::new(transport, repository.clone(), Credentials::Fixed(token.clone()));
        let client = Arc::new(client.map_err(|error| flag("--repository", error))?);
        let bot = Login::new(OWN_TOKEN_BOT);
        return Ok(Account { client, push: PushToken::Own(token), bot, own_token: true });
    }
    let key = private_key(arguments.private_key_file.as_deref())?;
    let credentials = AppCredentials { app_id: arguments.app_id.clone(), key };
    let app = App::new(transport, &credentials).map_err(|error| flag("--app-id, --private-key-file", error))?;
    let bot = app.identity().await.map_err(|error| unknown_app(&error))?.bot;
    let installations = Arc::new(Installations::new(Arc::new(app)));
    let client = installations.client(repository).await.map_err(|error| unknown_app(&error))?;
    Ok(Account { client, push: PushToken::App(installations, repository.clone()), bot, own_token: false })
}

fn unknown_app(error: &Error) -> Failure {
    Failure::failed(error.to_string())
        .with_hint("check that --app-id and the private key belong to one App, and that it is installed here")
}

async fn mirror(
    arguments: &HandleArgs,
    repository: &RepositoryName,
    push: &PushToken,
) -> Result<Mirror<PushToken>, Failure> {
    let state = arguments.state.clone().unwrap_or_else(|| {
        let temporary = std::env::var_os("RUNNER_TEMP").filter(|path| !path.is_empty());
        temporary.map_or_else(|| PathBuf::from(".state"), |path| PathBuf::from(path).join("task-orchestrator-state"))
    });
    let authorities = arguments.ca_bundle.as_deref().map(std::path::absolute).transpose();
    let authorities = authorities.map_err(|error| Failure::usage(format!("--ca-bundle: {error}")))?;
    let url = format!("{}/{repository}.git", arguments.git_url.trim_end_matches('/'));
    let push = match push {
        PushToken::Own(token) => PushToken::Own(token.clone()),
        PushToken::App(installations, repository) => PushToken::App(Arc::clone(installations), repository.clone()),
    };
    let program = Program::default().authorities(authorities);
    Mirror::open(&state.join("mirror.git"), &url, push, program)
        .await
        .map_err(|error| Failure::failed(error.to_string()))
}

/// Whether a workflow's file is on the commit that the run is of. Where that cannot be told it counts as missing.
async fn is_there(client: &Client, workflow: &str) -> bool {
    let Ok(reference) = std::env::var("GITHUB_SHA") else { return false };
    let path = format!(".github/workflows/{workflow}");
    client.send(Request::File { reference, path }).await.is_ok()
}

fn append(path: &Path, text: &str) -> Result<(), Failure> {
    let written = std::fs::File::options().append(true).create(true).open(path);
    let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::failed(format!("{} cannot be written: {error}", path.display())))
}

fn random_text() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::failed(format!("the system gives no random numbers: {error}")))?;
    Ok(hex::encode(bytes))
}
