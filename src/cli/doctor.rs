//! `doctor`: what is wrong with a set-up, and how to mend it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::serve::{clock, flag, private_key};
use crate::doctor::{Access, State, examine};
use crate::engine::id::RepositoryName;
use crate::github::auth::{App, AppCredentials};
use crate::github::client::{PUBLIC_API_URL, Transport};

const PERSON_VARIABLE: &str = "GH_TOKEN";
const JOB_VARIABLE: &str = "ORCHESTRATOR_TOKEN";
/// What a token's first letters tell (docs: GitHub's token formats).
const KINDS: [(&str, &str); 5] = [
    ("github_pat_", "a fine-grained token"),
    ("ghp_", "a classic token"),
    ("gho_", "a token of `gh`"),
    ("ghu_", "a token of an App for you"),
    ("ghs_", "a token of an installation"),
];
/// The exit code where something is broken.
const BROKEN: u8 = 3;

/// Flags of `doctor`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  task-orchestrator doctor --repository octo/widgets --app-id 12345 --private-key-file key.pem
  GH_TOKEN=$(gh auth token) task-orchestrator doctor --repository octo/widgets --json

It reads and changes nothing. The App sees its own settings and the repository; what Actions may do, secrets and
protected branches are for people: set GH_TOKEN to an administrator's token, or they stay unknown. In a job,
ORCHESTRATOR_TOKEN holds the job's token. It also knocks, without any token, at the address that the App's webhooks
go to.

Exit code: 0 nothing is broken, 3 something is, 2 usage, 1 it could not look.")]
pub(super) struct DoctorArgs {
    /// The repository, as `owner/name`
    #[arg(long, value_name = "OWNER/NAME", env = "GITHUB_REPOSITORY")]
    repository: String,
    /// The App's id or client id, from its page on GitHub
    #[arg(long, value_name = "ID", env = "ORCHESTRATOR_APP_ID")]
    app_id: Option<String>,
    /// The App's private key, the `.pem` file GitHub let you download
    #[arg(long, value_name = "FILE", requires = "app_id")]
    private_key_file: Option<PathBuf>,
    /// GitHub's API; `https://HOST/api/v3` for an Enterprise server
    #[arg(long, value_name = "URL", env = "ORCHESTRATOR_API_URL", default_value = PUBLIC_API_URL)]
    api_url: String,
    /// A file with certificate authorities (PEM) to trust beside the machine's own
    #[arg(long, value_name = "FILE", env = "ORCHESTRATOR_CA_BUNDLE")]
    ca_bundle: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Looks, and tells what was found.
pub(super) async fn run(arguments: DoctorArgs) -> Result<ExitCode, Failure> {
    let access = access(&arguments)?;
    if access.app.is_none() && access.job.is_none() && access.person.is_none() {
        let remedy = format!("give --app-id and --private-key-file, or set {PERSON_VARIABLE} to look as yourself");
        return Err(Failure::usage("there is nothing to look with").with_hint(remedy));
    }
    let report = examine(&access).await;
    let text = if arguments.json {
        let text = serde_json::to_string_pretty(&report);
        text.map_err(|error| Failure::failed(format!("the report cannot be written: {error}")))? + "\n"
    } else {
        report.to_text(output::coloured_result())
    };
    output::print(&text)?;
    Ok(if report.state == State::Failed { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS })
}

fn access(arguments: &DoctorArgs) -> Result<Access, Failure> {
    let transport = Transport::trusting(&arguments.api_url, arguments.ca_bundle.as_deref(), clock());
    let transport = Arc::new(transport.map_err(|error| flag("--api-url, --ca-bundle", error))?);
    let repository = RepositoryName::new(arguments.repository.clone());
    let survey = |token: SecretString| {
        Access::with_token(&transport, &repository, token).map_err(|error| flag("--repository", error))
    };
    let person = match variable(PERSON_VARIABLE) {
        Some(token) => {
            let kind = kind(&token);
            Some((survey(token)?, kind))
        }
        None => None,
    };
    let job = variable(JOB_VARIABLE).map(survey).transpose()?;
    let app = match &arguments.app_id {
        Some(app_id) => {
            let key = private_key(arguments.private_key_file.as_deref())?;
            let credentials = AppCredentials { app_id: app_id.clone(), key };
            let app = App::new(Arc::clone(&transport), &credentials);
            Some(Arc::new(app.map_err(|error| flag("--app-id, --private-key-file", error))?))
        }
        None => None,
    };
    let api_url = arguments.api_url.clone();
    Ok(Access { repository, api_url, transport, app, job, person })
}

fn variable(name: &str) -> Option<SecretString> {
    let text = std::env::var(name).ok()?;
    let token = text.trim();
    (!token.is_empty()).then(|| SecretString::from(token))
}

fn kind(token: &SecretString) -> &'static str {
    let fits = |(beginning, _): &&(&str, &str)| token.expose_secret().starts_with(beginning);
    KINDS.iter().find(fits).map_or("a token", |(_, kind)| kind)
}
