//! The jobs of runs on this machine: what runs them, as whom, and what of the person's environment they get.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::forge::http::Forge;
use crate::forge::runner::workflow::Workflow;
use crate::forge::runner::{Check, Options};

/// The workflow that users get, as it is bundled.
pub(super) const TASK_WORKFLOW: &str = include_str!("../../.github/workflows/task.yml");
/// How long a check command may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Variables of the user's environment that the agent gets: its login and its model's key, besides what every job gets.
const AGENT_VARIABLES: &[&str] =
    &["HOME", "USER", "CODEX_HOME", "CODEX_API_KEY", "OPENAI_API_KEY", "ORCHESTRATOR_MODEL_URL"];

/// A runner of this program for a forge's runs: `state` is its folder, `check` a command that checks pull requests,
/// `most` how many runs there may be at once.
///
/// # Errors
/// The path of the running program is not known.
pub(super) fn runner_options(
    forge: &Forge,
    workflows: BTreeMap<String, Workflow>,
    state: &Path,
    check: Option<&str>,
    most: usize,
) -> std::io::Result<Options> {
    let mut chosen = Options::new(state, forge.base_url(), forge.base_url())?;
    chosen.workflows = workflows;
    chosen.parallel = most;
    let check =
        check.map(|command| Check { name: "check".to_owned(), command: command.to_owned(), timeout: CHECK_TIMEOUT });
    chosen.check = check;
    let present = |name: &&str| std::env::var_os(name).map(|value| ((*name).to_owned(), value));
    chosen.agent_environment = AGENT_VARIABLES.iter().filter_map(present).collect();
    Ok(chosen)
}
