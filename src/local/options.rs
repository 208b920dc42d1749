//! Flags of `local`, and what they come to once the checkout and the files they name were looked at.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::engine::brief::AgentKind;
use crate::engine::config::{self, ApprovalPolicy, Settings};
use crate::engine::footprint::OverlapPolicy;
use crate::engine::time::Span;
use crate::git::checkout::{self, Checkout};
use crate::git::command::Program;
use crate::local::agent::{self, Origins};
use crate::local::base::Base;

/// Grace for the first check to show up where a check command is given: it is a moment away, not minutes.
const CHECKS_GRACE: Span = Span::minutes(5);
/// Most attempts at once that this machine is asked to run.
const MAX_PARALLEL_MAX: u32 = 256;

/// Runs labelled issues of a checkout to merged pull requests, on this machine.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  gh issue list --label orchestrate --limit 1000 --json number,title,body,labels > issues.json
  task-orchestrator local --repo . --issues issues.json --agent codex
  task-orchestrator local --repo . --issues issues.json --agent shell \\
      --agent-command \"sh '$PWD/agent.sh'\" --check 'cargo test' --auto-approve --auto-merge --merge-into agents

Exit codes: 0 all merged or without need for change; 3 something escalated, cancelled or blocked;
2 usage or configuration; 1 failure; 130 after Ctrl-C. Started again with the same --state, it goes on.")]
pub struct LocalArgs {
    /// The checkout to work on; it is only read, but for new branches `orchestrate/issue-N`
    #[arg(long, value_name = "DIR")]
    pub repo: PathBuf,
    /// What `gh issue list --json number,title,body,labels` prints; `-`: standard input
    #[arg(long, value_name = "FILE")]
    pub issues: PathBuf,
    /// The agent to launch; the default is the configuration's
    #[arg(long, value_name = "AGENT", value_parser = ["shell", "codex"])]
    pub agent: Option<String>,
    /// The shell agent's command, run by `sh -c` in the work tree: relative paths are the base's, not this folder's
    #[arg(long, value_name = "CMD")]
    pub agent_command: Option<String>,
    /// A command that checks each pull request's merged files
    #[arg(long, value_name = "CMD")]
    pub check: Option<String>,
    /// Most attempts at once
    #[arg(long, value_name = "N")]
    pub max_parallel: Option<u32>,
    /// How overlapping files steer: strict, balanced, declared or off
    #[arg(long, value_name = "POLICY", value_parser = ["strict", "balanced", "declared", "off"])]
    pub overlap: Option<String>,
    /// Approve every issue's text as it stands
    #[arg(long)]
    pub auto_approve: bool,
    /// Merge pull requests once their checks are green
    #[arg(long)]
    pub auto_merge: bool,
    /// Move this branch of the checkout forward after each merge; made if missing
    #[arg(long, value_name = "BRANCH")]
    pub merge_into: Option<String>,
    /// Configuration instead of the checkout's .github/orchestrator.yml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the state is kept; the default is a folder of its own per checkout and issues file
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Port of the pages on 127.0.0.1; 0: any
    #[arg(long, value_name = "P", default_value_t = 0)]
    pub port: u16,
    /// Keep the pages up at the end, until Ctrl-C
    #[arg(long)]
    pub stay: bool,
    /// Print one JSON object at the end
    #[arg(long)]
    pub json: bool,
}

/// A mistake in what was asked for: what is wrong, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// The whole message.
    pub message: String,
}

impl Mistake {
    /// A mistake in these words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// What the flags come to.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The checkout.
    pub checkout: Checkout,
    /// Settings in force.
    pub settings: Settings,
    /// The state folder.
    pub state: PathBuf,
    /// What the state stands on.
    pub(super) base: Base,
    /// What runs for each task and where that comes from, line by line.
    pub(super) agent: Vec<String>,
}

impl LocalArgs {
    /// Looks at everything the flags name and puts the settings together: defaults, file, flags.
    ///
    /// # Errors
    /// [`Mistake`] for the first thing that cannot be used.
    pub async fn choose(&self) -> Result<Chosen, Mistake> {
        let checkout =
            checkout::look(&Program::default(), &self.repo).await.map_err(|error| Mistake::new(error.to_string()))?;
        let (settings, origins) = self.settings(&checkout)?;
        let state = match &self.state {
            Some(state) => state.clone(),
            None => default_state(&checkout, &self.issues)?,
        };
        // Git, agents and checks run in other folders than this program.
        let state = std::path::absolute(&state)
            .map_err(|error| Mistake::new(format!("--state {}: {error}", state.display())))?;
        let base = Base::of(&checkout, &state).await.map_err(|error| Mistake::new(error.to_string()))?;
        agent::check(&settings, &base).await?;
        if let Some(branch) = &self.merge_into {
            self.check_merge_into(&checkout, branch).await?;
            base.may_follow(branch).await?;
        }
        let agent = agent::words(&settings, &origins);
        Ok(Chosen { checkout, settings, state, base, agent })
    }

    fn settings(&self, checkout: &Checkout) -> Result<(Settings, Origins), Mistake> {
        let mut settings = Settings::local();
        if self.check.is_some() {
            settings.checks_grace = CHECKS_GRACE;
        }
        let defaults = settings.clone();
        let (read, file) = read_configuration(self.config.as_deref(), checkout, &settings)?;
        settings = read;
        let origins = self.origins(&settings, &defaults, &file);
        if let Some(agent) = &self.agent {
            settings.agent =
                agent.parse::<AgentKind>().map_err(|_| Mistake::new(format!("--agent {agent}: unknown")))?;
        }
        if let Some(policy) = &self.overlap {
            let unknown = |_| Mistake::new(format!("--overlap {policy}: unknown"));
            settings.overlap = policy.parse::<OverlapPolicy>().map_err(unknown)?;
        }
        if let Some(most) = self.max_parallel {
            if most == 0 || most > MAX_PARALLEL_MAX {
                return Err(Mistake::new(format!("--max-parallel {most}: give a number from 1 to {MAX_PARALLEL_MAX}")));
            }
            settings.max_parallel = most;
        }
        settings.agent_command = self.agent_command.clone().or(settings.agent_command);
        // Never the file's to say: it may be a stranger's, and names the commands that would run.
        settings.approval = if self.auto_approve { ApprovalPolicy::Label } else { ApprovalPolicy::Ask };
        settings.auto_merge |= self.auto_merge;
        Ok((settings, origins))
    }

    /// Where the agent and the commands around it come from; `file` says where the settings were read.
    fn origins(&self, read: &Settings, defaults: &Settings, file: &str) -> Origins {
        let is_shell = self.agent.as_deref().map_or(read.agent == AgentKind::Shell, |agent| agent == "shell");
        let agent = if is_shell && self.agent_command.is_some() {
            "--agent-command"
        } else if is_shell {
            file
        } else if self.agent.is_some() {
            "--agent"
        } else if read.agent == defaults.agent {
            "the defaults"
        } else {
            file
        };
        Origins { agent: agent.to_owned(), commands: file.to_owned() }
    }

    async fn check_merge_into(&self, checkout: &Checkout, branch: &str) -> Result<(), Mistake> {
        let program = Program::default();
        let name = program.command(&checkout.root, ["check-ref-format", "--branch", branch]).answer().await;
        if name.is_ok_and(|answer| answer.code != 0) {
            return Err(Mistake::new(format!("--merge-into {branch}: that is no branch name")));
        }
        let taken = checkout::checked_out(&program, &checkout.root, branch).await;
        if taken.map_err(|error| Mistake::new(error.to_string()))? {
            return Err(Mistake::new(format!(
                "--merge-into {branch}: that branch is checked out, and moving it would leave its work tree behind; \
                 give another name, or leave the flag out and merge at the end"
            )));
        }
        Ok(())
    }
}

/// The settings a file writes over the defaults, and which file that is in words; without `--config` the checkout's own
/// file, if there is one.
fn read_configuration(
    config: Option<&Path>,
    checkout: &Checkout,
    defaults: &Settings,
) -> Result<(Settings, String), Mistake> {
    let own = checkout.root.join(".github/orchestrator.yml");
    let (path, must_exist) = config.map_or((own.as_path(), false), |path| (path, true));
    let origin = if must_exist {
        format!("--config {}", path.display())
    } else {
        format!("the checkout's own file {}", path.display())
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {
            return Ok((defaults.clone(), origin));
        }
        Err(error) => return Err(Mistake::new(format!("{}: {error}", path.display()))),
    };
    let read = config::parse(&text, defaults);
    read.map(|read| (read, origin)).map_err(|problem| Mistake::new(format!("{}: {problem}", path.display())))
}

/// A state folder of its own for a checkout and an issues file, under the user's state folder.
fn default_state(checkout: &Checkout, issues: &Path) -> Result<PathBuf, Mistake> {
    use sha2::{Digest, Sha256};
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let base = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home);
    let base = base.ok_or_else(|| Mistake::new("neither XDG_STATE_HOME nor HOME is set; give --state DIR"))?;
    let issues = issues.canonicalize().unwrap_or_else(|_| issues.to_owned());
    let digest = Sha256::digest(format!("{}\n{}", checkout.root.display(), issues.display()).as_bytes());
    let name =
        checkout.root.file_name().map_or_else(|| "repository".into(), |name| name.to_string_lossy().into_owned());
    Ok(base.join("task-orchestrator").join(format!("{name}-{}", &hex::encode(digest)[..12])))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: LocalArgs,
    }

    #[tokio::test]
    async fn a_state_folder_given_from_here_is_named_from_the_root() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let git = Program::default();
        git.command(folder.path(), ["init", "--quiet"]).run().await.expect("git init");
        let author = ["-c", "user.name=x", "-c", "user.email=x@example.invalid"];
        let commit = ["commit", "--quiet", "--allow-empty", "--message", "x"];
        git.command(folder.path(), author.iter().chain(&commit)).run().await.expect("git commit");
        let repo = folder.path().display().to_string();
        let agent = ["--agent", "shell", "--agent-command", "true"];
        let words = ["local", "--repo", &repo, "--issues", "i.json", "--state", ".state"];
        let args = Line::try_parse_from(words.iter().chain(&agent)).expect("flags").args;
        let chosen = args.choose().await.expect("a choice");
        assert_eq!(chosen.state, std::env::current_dir().expect("here").join(".state"));
    }
}
