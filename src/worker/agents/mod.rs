//! The agents: how each is launched, which of its lines are progress, and what its end means. One file per agent.

pub(crate) mod codex;
pub(crate) mod shell;

use std::path::PathBuf;

use crate::engine::brief::{AgentKind, Brief};
use crate::engine::report::{Cause, Report, ReportOutcome};
use crate::worker::Error;
use crate::worker::process::{End, Launch, Listener};
use crate::worker::variables::Variables;
use crate::worker::work::Work;

/// Variables that programs get from ours: where to find programs, where home is, language and time zone; and the mark
/// by which a local runner finds what a job left running.
const ENVIRONMENT_KEPT: [&str; 8] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "ORCHESTRATOR_JOB"];

/// Why an agent's word that nothing had to be done does not count.
pub(crate) const CHANGED_ALL_THE_SAME: &str = "the agent said that no change is needed, but it changed files";

/// What an agent is given.
#[derive(Debug)]
pub(crate) struct Assignment<'a> {
    pub(crate) brief: &'a Brief,
    pub(crate) work: &'a Work,
    pub(crate) prompt: String,
    pub(crate) conflicts: &'a [String],
    /// Every variable of the worker; what of it an agent sees is the agent's own choice from [`environment`].
    pub(crate) variables: &'a Variables,
}

/// A coding agent.
pub(crate) trait Agent: Send {
    /// How to start it. A second start within the attempt forgets what was heard of the first.
    fn launch(&mut self, assignment: &Assignment<'_>, again: bool) -> Result<Launch, Error>;

    /// Who hears its lines.
    fn listener(&mut self) -> &mut (dyn Listener + Send);

    /// What its end by itself means. `changed`: the work tree differs from where it started.
    fn report(&self, exit: Option<i32>, changed: bool) -> Report;

    /// Whether it was waiting for something that is not its own doing when it was last heard.
    fn waits_for_network(&self) -> bool {
        false
    }
}

/// The agent a brief asks for.
pub(crate) fn agent(brief: &Brief, work: &Work) -> Result<Box<dyn Agent>, Error> {
    Ok(match brief.agent {
        AgentKind::Shell => {
            let command = brief.agent_command.clone().filter(|command| !command.trim().is_empty());
            let command = command.ok_or_else(|| {
                Error::Input("the shell agent has no command: set `agent_command` in the configuration".to_owned())
            })?;
            Box::new(shell::Shell::new(command, brief.mode, work))
        }
        AgentKind::Codex => Box::new(codex::Codex::new(brief.mode, work)),
    })
}

/// The environment for programs that run the repository's or the agent's code: an allow-list without any secret.
pub(crate) fn environment(variables: &Variables) -> Variables {
    variables.only(&ENVIRONMENT_KEPT)
}

/// A report of an agent however it ended.
pub(crate) fn report(agent: &dyn Agent, end: &End, changed: bool) -> Report {
    let with = |outcome, cause, reason: &str| Report { cause: Some(cause), ..Report::ended(outcome, reason) };
    match end {
        End::Exited(exit) => agent.report(*exit, changed),
        End::Stalled if agent.waits_for_network() => {
            with(ReportOutcome::Infra, Cause::Stalled, "the agent kept waiting for its model's network address")
        }
        End::Stalled => with(ReportOutcome::Failed, Cause::Stalled, "the agent made no progress, also after a restart"),
        End::TimedOut => with(ReportOutcome::Failed, Cause::Timeout, "the agent's time was up"),
        End::Stopped => Report::ended(ReportOutcome::Infra, "the job was cancelled while the agent worked"),
        End::Missing => with(ReportOutcome::Infra, Cause::Fatal, "the agent's program is not installed on the runner"),
        End::NotStarted(problem) => {
            Report::ended(ReportOutcome::Infra, format!("the agent could not be started: {problem}"))
        }
    }
}

/// Makes the folder for an agent's files and forgets what an earlier start left in these.
pub(crate) fn fresh(work: &Work, files: &[&PathBuf]) -> Result<(), Error> {
    std::fs::create_dir_all(work.run()).map_err(Error::machine("making the agent's folder"))?;
    for file in files {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::machine(format!("removing {}", file.display()))(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_what_is_listed_and_nothing_else() {
        let names =
            ["PATH", "ORCHESTRATOR_JOB", "ORCHESTRATOR_MODEL_URL", "ORCHESTRATOR_NEW", "GITHUB_OUTPUT", "MODEL_KEY"];
        let mut variables = Variables::default();
        for name in names {
            variables.insert(name, "x");
        }
        let kept = environment(&variables);
        assert_eq!(kept.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["ORCHESTRATOR_JOB", "PATH"]);
    }
}
