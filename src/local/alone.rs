//! `forge`: the embedded GitHub by itself, for a server, a proxy or any other client that is started elsewhere.
//!
//! Promises: nothing is printed before everything listens and the key is written; the checkout is only read; stopped
//! and started again with the same state folder, it goes on.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::engine::brief::AgentKind;
use crate::engine::config::{self, CONFIGURATION_PATH, Settings};
use crate::engine::id::{Login, RepositoryName};
use crate::forge::http::{Clock, Forge, ForgeOptions, WebhookTarget};
use crate::forge::runner::workflow::Workflow;
use crate::forge::runner::{self, Runner};
use crate::forge::world::request::{Request, RunnerAct};
use crate::forge::world::setup::ApiLimits;
use crate::git::checkout::{self, Checkout};
use crate::git::command::Program;
use crate::local::base::{Base, forge_repository};
use crate::local::interrupts::Interrupts;
use crate::local::issues::{self, GivenIssues};
use crate::local::jobs::{TASK_WORKFLOW, runner_options};
use crate::local::options::Mistake;
use crate::local::session::repository_name;
use crate::local::site::not_started;
use crate::local::state;
use crate::local::take_over::take_over;

/// Longest file that holds a secret.
const SECRET_FILE_BYTES_MAX: u64 = 64 * 1024;
/// The owner of the repository, who opens the issues.
const OWNER: &str = "owner";

/// Runs the embedded GitHub alone, for a server or any other client that is started elsewhere.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Example:
  openssl rand -hex 32 > secret
  task-orchestrator forge --repo . --issues issues.json --port 9090 --app-key-out key.pem \\
      --webhook-url http://127.0.0.1:8080/webhook --webhook-secret-file secret \\
      --agent shell --agent-command 'sh agent.sh' --check 'cargo test'
  task-orchestrator serve --app-id 1001 --private-key-file key.pem --webhook-secret-file secret \\
      --api-url http://127.0.0.1:9090

One line of JSON on standard output tells the App's id, the installation's id, owner and repository, and where the API,
git and the pages are. Where the checkout's branch has no task workflow or no configuration, the forge's own copy gets
them in one commit; the checkout itself is only read. It ends at Ctrl-C, and goes on when started again.")]
pub struct ForgeArgs {
    /// The checkout whose branch becomes the repository's default branch; it is only read
    #[arg(long, value_name = "DIR")]
    repo: PathBuf,
    /// What `gh issue list --json number,title,body,labels` prints; `-`: standard input
    #[arg(long, value_name = "FILE")]
    issues: PathBuf,
    /// The port on 127.0.0.1; 0: any
    #[arg(long, value_name = "P", default_value_t = 0)]
    port: u16,
    /// Where to write the App's private key, for its owner's eyes only
    #[arg(long, value_name = "FILE")]
    app_key_out: PathBuf,
    /// Where webhooks are sent; none are where nothing is given
    #[arg(long, value_name = "URL", requires = "webhook_secret_file")]
    webhook_url: Option<String>,
    /// A file with the secret that signs them
    #[arg(long, value_name = "FILE", requires = "webhook_url")]
    webhook_secret_file: Option<PathBuf>,
    /// The agent that tasks are configured to launch
    #[arg(long, value_name = "AGENT", value_parser = ["shell", "codex"])]
    agent: Option<String>,
    /// The shell agent's command, run by `sh -c` in the work tree
    #[arg(long, value_name = "CMD")]
    agent_command: Option<String>,
    /// A command that checks each pull request's merged files
    #[arg(long, value_name = "CMD")]
    check: Option<String>,
    /// Whose limits of the API hold
    #[arg(long, value_name = "LIMITS", value_enum, default_value_t = Limits::Github)]
    api_limits: Limits,
    /// Where the state is kept
    #[arg(long, value_name = "DIR", default_value = ".forge")]
    state: PathBuf,
}

/// Limits as the flag names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Limits {
    /// GitHub's.
    Github,
    /// None.
    None,
}

/// Runs it until somebody says stop.
///
/// # Errors
/// [`Mistake`] for what was asked for wrongly; anything else is our failure.
pub async fn run(arguments: &ForgeArgs) -> anyhow::Result<()> {
    let mut interrupts = Interrupts::listen()?;
    let chosen = Chosen::of(arguments).await?;
    let (forge, runner) = start(arguments, chosen).await?;
    let told = write_key(&arguments.app_key_out, &forge.private_key_pem()).and_then(|()| tell(&forge));
    if told.is_ok() {
        interrupts.next().await;
        tracing::info!("stopping; jobs under way are ended");
    }
    forge.send_webhooks_to(None);
    runner.stop().await;
    forge.shutdown().await;
    told
}

/// What the flags come to.
struct Chosen {
    checkout: Checkout,
    state: PathBuf,
    repository: RepositoryName,
    settings: Settings,
    issues: GivenIssues,
    webhook: Option<WebhookTarget>,
    workflow: Workflow,
    /// Files that the forge's copy lacks.
    added: BTreeMap<String, String>,
}

impl Chosen {
    async fn of(arguments: &ForgeArgs) -> anyhow::Result<Self> {
        let git = Program::default();
        let checkout = checkout::look(&git, &arguments.repo).await.map_err(|error| Mistake::new(error.to_string()))?;
        let state = std::path::absolute(&arguments.state)?;
        let base = Base::of(&checkout, &state).await?;
        let begun = forge_repository(&state);
        let is_begun = begun.join("HEAD").is_file();
        let place = if is_begun { begun } else { checkout.root.clone() };
        let given = committed(&git, &place, base.head.as_str(), CONFIGURATION_PATH).await?;
        let wished = configuration(given.as_deref(), arguments)?;
        let text = wished.as_ref().or(given.as_ref()).cloned().unwrap_or_default();
        let settings = config::parse(&text, &Settings::server())
            .map_err(|problem| Mistake::new(format!("{CONFIGURATION_PATH}: {problem}")))?;
        if settings.agent == AgentKind::Shell && settings.agent_command.is_none() {
            return Err(Mistake::new("the shell agent needs its command: give --agent-command CMD").into());
        }
        let path = format!(".github/workflows/{}", settings.workflow);
        let own = committed(&git, &place, base.head.as_str(), &path).await?;
        let workflow = Workflow::parse(own.as_deref().unwrap_or(TASK_WORKFLOW))
            .map_err(|error| Mistake::new(format!("{path}: {error}")))?;
        if is_begun && wished.is_some() {
            let message = "--agent and --agent-command are written down at the first start, and this state folder \
                           holds others; leave them out, or give another --state";
            return Err(Mistake::new(message).into());
        }
        let mut added: BTreeMap<String, String> =
            wished.map(|text| (CONFIGURATION_PATH.to_owned(), text)).into_iter().collect();
        if own.is_none() {
            added.insert(path, TASK_WORKFLOW.to_owned());
        }
        let (issues, notes) = issues::given(&arguments.issues, &settings.label)?;
        for note in notes {
            tracing::warn!("{note}");
        }
        let repository = repository_name(&checkout.root);
        let webhook = webhook(arguments)?;
        Ok(Self { checkout, state, repository, settings, issues, webhook, workflow, added })
    }
}

/// A file's text in a commit; nothing where it is not there.
async fn committed(git: &Program, place: &Path, commit: &str, path: &str) -> anyhow::Result<Option<String>> {
    let shown = git.command(place, ["cat-file", "blob", &format!("{commit}:{path}")]).answer().await?;
    Ok((shown.code == 0).then(|| String::from_utf8_lossy(&shown.stdout).into_owned()))
}

/// The configuration with the agent of the flags in it; nothing where it needs no change.
fn configuration(given: Option<&str>, arguments: &ForgeArgs) -> Result<Option<String>, Mistake> {
    let wished = [("agent", &arguments.agent), ("agent_command", &arguments.agent_command)];
    let mut text = given.unwrap_or_default().to_owned();
    for (key, value) in wished.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?))) {
        text = with_value(&text, key, value);
    }
    let read = |text: &str| config::parse(text, &Settings::server()).map_err(|problem| problem.to_string());
    let told = |problem| Mistake::new(format!("{CONFIGURATION_PATH}: {problem}"));
    let before = read(given.unwrap_or_default()).map_err(told)?;
    let after = read(&text).map_err(told)?;
    Ok((after != before).then_some(text))
}

/// A document in which a key of the first level has a text as its value. Whatever it had before, over as many lines as
/// it took, is gone.
fn with_value(text: &str, key: &str, value: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        let begins = line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
        inside = begins || inside && (line.starts_with([' ', '\t']) || line.trim().is_empty());
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    // A JSON text is a YAML one.
    format!("{kept}{key}: {}\n", Value::from(value))
}

fn webhook(arguments: &ForgeArgs) -> Result<Option<WebhookTarget>, Mistake> {
    let (Some(url), Some(file)) = (&arguments.webhook_url, &arguments.webhook_secret_file) else { return Ok(None) };
    let local = url.strip_prefix("http://").is_some_and(|rest| {
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        ["127.0.0.1", "localhost"].contains(&host)
    });
    if !local {
        return Err(Mistake::new(format!(
            "--webhook-url {url}: webhooks stay on this machine; give http://127.0.0.1:PORT/PATH"
        )));
    }
    let place =
        |error: &dyn std::fmt::Display| Mistake::new(format!("--webhook-secret-file {}: {error}", file.display()));
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|error| place(&error))?;
    opened.take(SECRET_FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| place(&error))?;
    let secret = SecretString::from(text.trim_end_matches(['\r', '\n']));
    if secret.expose_secret().is_empty() {
        return Err(place(&"it is empty; `openssl rand -hex 32` makes a secret"));
    }
    Ok(Some(WebhookTarget { url: url.clone(), secret, repeats: false }))
}

async fn start(arguments: &ForgeArgs, chosen: Chosen) -> anyhow::Result<(Forge, Runner)> {
    state::make_private(&chosen.state)?;
    state::bind(&chosen.state, &chosen.checkout.root)?;
    let runner_state = chosen.state.join("runner");
    if runner_state.is_dir() {
        let state = runner_state.clone();
        tokio::task::spawn_blocking(move || runner::sweep(&state)).await??;
    }
    let facts = BTreeMap::from([(chosen.settings.workflow.clone(), chosen.workflow.facts())]);
    let forge = Forge::start(ForgeOptions {
        state: chosen.state.join("forge"),
        source: chosen.checkout.root.clone(),
        repository: chosen.repository,
        owner: Login::new(OWNER),
        issues: chosen.issues.open.clone(),
        webhook: chosen.webhook,
        port: arguments.port,
        limits: match arguments.api_limits {
            Limits::Github => ApiLimits::Github,
            Limits::None => ApiLimits::None,
        },
        added: chosen.added,
        workflows: facts,
        clock: Clock::system(),
    })
    .await
    .map_err(not_started)?;
    // Runs alive when it was killed come back cancelled.
    forge.apply(Request::Runner(RunnerAct::Restarted)).await?;
    for line in take_over(&forge, &chosen.issues, &chosen.state, &Login::new(OWNER), None).await? {
        tracing::info!("{line}");
    }
    let workflows = BTreeMap::from([(chosen.settings.workflow.clone(), chosen.workflow)]);
    let most = chosen.settings.max_parallel as usize;
    let options = runner_options(&forge, workflows, &runner_state, arguments.check.as_deref(), most)?;
    let runner = Runner::start(options, forge.handle()).await?;
    Ok((forge, runner))
}

/// Writes the key so that nobody else can read it, and so that nobody finds it half written.
fn write_key(path: &Path, key: &SecretString) -> anyhow::Result<()> {
    let failed = |error: std::io::Error| Mistake::new(format!("--app-key-out {}: {error}", path.display()));
    let unfinished = path.with_extension("new");
    let opened = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
    let mut file = opened.map_err(failed)?;
    file.write_all(key.expose_secret().as_bytes()).map_err(failed)?;
    std::fs::rename(&unfinished, path).map_err(failed)?;
    Ok(())
}

/// One line that tells a client everything it needs but the key.
fn tell(forge: &Forge) -> anyhow::Result<()> {
    let (owner, repository) = forge.repository();
    let told = json!({
        "app_id": forge.app_id(),
        "installation_id": forge.installation_id(),
        "owner": owner,
        "repository": repository,
        "api_url": forge.base_url(),
        "git_url": forge.git_url(),
        "pages_url": forge.web_url().map_err(anyhow::Error::msg)?,
    });
    let mut output = std::io::stdout().lock();
    writeln!(output, "{told}")?;
    output.flush()?;
    tracing::info!("the forge listens on {}", forge.base_url());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_replaces_all_lines_of_the_one_before() {
        let text = "agent: codex\nagent_command: >\n  sh\n\n  agent.sh\nlabel: todo\n";
        assert_eq!(
            with_value(text, "agent_command", "x \"y\""),
            "agent: codex\nlabel: todo\nagent_command: \"x \\\"y\\\"\"\n"
        );
        assert_eq!(with_value("", "agent", "shell"), "agent: \"shell\"\n");
        assert_eq!(with_value("agents: 1\n", "agent", "shell"), "agents: 1\nagent: \"shell\"\n");
    }
}
