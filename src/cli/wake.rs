//! `wake`: the last job of a task's workflow asks for a look at the plan.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;

use crate::actions::WORKFLOW;
use crate::cli::failure::Failure;
use crate::cli::serve::{clock, flag};
use crate::engine::id::RepositoryName;
use crate::github::client::{Client, Credentials, PUBLIC_API_URL, Transport};
use crate::github::{Error, GitHub as _, Request, Response};

const TOKEN_VARIABLE: &str = "ORCHESTRATOR_TOKEN";

/// Flags of `wake`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Example, as a step of a workflow whose job has `actions: write`:
  task-orchestrator wake

It reads what GitHub's runner sets (GITHUB_REPOSITORY, GITHUB_API_URL), and the job's token from ORCHESTRATOR_TOKEN.")]
pub(super) struct WakeArgs {
    /// The workflow to run, on the default branch
    #[arg(long, value_name = "FILE", default_value = WORKFLOW)]
    workflow: String,
    /// The repository, `OWNER/NAME`
    #[arg(long, value_name = "NAME", env = "GITHUB_REPOSITORY")]
    repository: String,
    /// GitHub's API
    #[arg(long, value_name = "URL", env = "GITHUB_API_URL", default_value = PUBLIC_API_URL)]
    api_url: String,
}

/// Dispatches the workflow.
pub(super) async fn run(arguments: WakeArgs) -> Result<ExitCode, Failure> {
    let token = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| {
        Failure::usage("there is no token to wake with")
            .with_hint(format!("give the step `{TOKEN_VARIABLE}: ${{{{ github.token }}}}` in its `env`"))
    })?;
    let transport = Transport::new(&arguments.api_url, clock()).map_err(|error| flag("--api-url", error))?;
    let repository = RepositoryName::new(&arguments.repository);
    let client = Client::new(Arc::new(transport), repository, Credentials::Fixed(SecretString::from(token)));
    let client = client.map_err(|error| flag("--repository", error))?;
    dispatch(&client, arguments.workflow).await.map_err(|error| {
        Failure::failed(error.to_string())
            .with_hint("the job needs `actions: write`, and the workflow's file must be on the default branch")
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn dispatch(client: &Client, workflow: String) -> Result<(), Error> {
    let Response::Repository(repository) = client.send(Request::Repository).await? else {
        return Err(Error::Unexpected { message: "no repository in the answer".to_owned() });
    };
    let (branch, inputs) = (repository.default_branch, BTreeMap::new());
    client.send(Request::DispatchWorkflow { workflow, branch, inputs }).await.map(drop)
}
