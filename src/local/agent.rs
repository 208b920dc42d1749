//! The agent of a run: whether it can be launched at all, and what a person is told of it before anything is approved.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::engine::brief::AgentKind;
use crate::engine::config::Settings;
use crate::local::base::Base;
use crate::local::options::Mistake;
use crate::local::progress::printable;

/// Words that a shell understands without a program of that name.
const BUILT_INTO_SH: &[&str] = &[
    ".", ":", "[", "case", "cd", "eval", "exec", "exit", "export", "false", "for", "if", "set", "test", "true",
    "until", "while",
];
/// Programs whose first argument is a script.
const INTERPRETERS: &[&str] = &["sh", "bash", "dash", "ksh", "zsh", "python", "python3", "node", "perl", "ruby"];

/// Where the settings of the agent come from, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origins {
    /// Of the choice of the agent and of its command.
    pub(super) agent: String,
    /// Of the commands before and after it.
    pub(super) commands: String,
}

/// What runs for each task, line by line, and where it comes from.
pub(super) fn words(settings: &Settings, origins: &Origins) -> Vec<String> {
    let agent = match (settings.agent, &settings.agent_command) {
        (AgentKind::Shell, Some(command)) => format!("shell, `{}`", printable(command)),
        (AgentKind::Shell, None) => "shell".to_owned(),
        (AgentKind::Codex, _) => "codex".to_owned(),
    };
    let mut lines = vec![format!("Agent: {agent} (from {})", origins.agent)];
    for (when, commands) in [("Before", &settings.setup), ("After", &settings.validate)] {
        let shown: Vec<String> = commands.iter().map(|command| format!("`{}`", printable(command))).collect();
        if !shown.is_empty() {
            lines.push(format!("{when} the agent: {} (from {})", shown.join(", "), origins.commands));
        }
    }
    lines
}

/// Whether the agent can be launched at all. Of a shell command only its first words are known before it runs; what is
/// missing then is an `infra` end of the first attempt, not retried.
pub(super) async fn check(settings: &Settings, base: &Base) -> Result<(), Mistake> {
    match settings.agent {
        AgentKind::Shell => match settings.agent_command.as_deref().filter(|command| !command.trim().is_empty()) {
            Some(command) => check_command(command, base, !settings.setup.is_empty()).await,
            None => Err(Mistake::new(
                "the shell agent needs its command: give --agent-command CMD, or `agent_command:` in the configuration",
            )),
        },
        AgentKind::Codex if !on_path("codex") => Err(Mistake::new(
            "the agent `codex` is not on the PATH; install it (npm install -g @openai/codex), or give --agent shell \
             --agent-command CMD",
        )),
        AgentKind::Codex => Ok(()),
    }
}

/// A command that begins with a plain path or word must be there; anything more is the shell's to judge. `is_set_up`:
/// other commands run before it and may make what it needs.
async fn check_command(command: &str, base: &Base, is_set_up: bool) -> Result<(), Mistake> {
    let mut words = command.split_whitespace();
    let first = words.next().unwrap_or_default();
    if !is_plain(first) || BUILT_INTO_SH.contains(&first) {
        return Ok(());
    }
    if !first.contains('/') {
        if !on_path(first) {
            return Err(Mistake::new(format!(
                "the agent's command begins with `{first}`, which is no program on the PATH; give its path, or \
                 install it"
            )));
        }
        let script =
            words.next().filter(|word| INTERPRETERS.contains(&first) && is_plain(word) && !word.starts_with('-'));
        return match script {
            Some(script) => check_path(script, Use::Read, base, is_set_up).await,
            None => Ok(()),
        };
    }
    check_path(first, Use::Run, base, is_set_up).await
}

/// What a shell takes for the word itself.
fn is_plain(word: &str) -> bool {
    word.chars().all(|c| c.is_alphanumeric() || "/._-+".contains(c))
}

/// What is done with a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Run,
    Read,
}

async fn check_path(path: &str, to: Use, base: &Base, is_set_up: bool) -> Result<(), Mistake> {
    if Path::new(path).is_absolute() {
        return check_absolute(path, to);
    }
    let place = format!(
        "the agent's command names `{path}`, which is looked up in each task's work tree: there, in `{}` at {},",
        base.branch,
        base.head.short()
    );
    let within = path.trim_start_matches("./").trim_end_matches('/');
    let mode = if within.split('/').any(|part| part == "..") {
        None
    } else {
        base.entry(within).await.map_err(|error| Mistake::new(error.to_string()))?
    };
    match mode.as_deref() {
        None if is_set_up => Ok(()),
        None => Err(Mistake::new(format!(
            "{place} it does not exist; give its whole path (as in \"$PWD/agent.sh\"), or commit it"
        ))),
        Some("040000" | "160000") => Err(Mistake::new(format!("{place} it is a folder; give the program in it"))),
        Some("100644") if to == Use::Run => Err(Mistake::new(format!(
            "{place} it is not executable; commit it so (git update-index --chmod=+x {within}), or give `sh {path}`"
        ))),
        Some(_) => Ok(()),
    }
}

fn check_absolute(path: &str, to: Use) -> Result<(), Mistake> {
    let wrong = match std::fs::metadata(path) {
        Err(_) => "which does not exist; give its path or install it",
        Ok(facts) if facts.is_dir() => "which is a folder; give the program in it",
        Ok(facts) if to == Use::Run && facts.permissions().mode() & 0o111 == 0 => {
            "which is not executable; make it so (chmod +x), or put `sh` before it"
        }
        Ok(_) => return Ok(()),
    };
    Err(Mistake::new(format!("the agent's command names `{path}`, {wrong}")))
}

fn on_path(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let is_program = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&paths).any(|folder| is_program(&folder.join(program)))
}
