//! One step of a job: a guarded shell, or one of the three actions.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::engine::id::RunId;
use crate::engine::snapshot::Conclusion;
use crate::forge::runner::artifact::{self, Copied};
use crate::forge::runner::context::Names;
use crate::forge::runner::folder::{JobFolder, prepend_path};
use crate::forge::runner::interrupt::{Cause, StepInterruption};
use crate::forge::runner::launch::{self, Launch};
use crate::forge::runner::log::LogTail;
use crate::forge::runner::workflow::{MissingFiles, Shell, Step, StepAct, Templates};
use crate::forge::runner::{Host, Shared, command_file};
use crate::forge::world::request::{Request, RunnerAct};

/// Variables that a step cannot set for those after it.
const FIXED_PREFIXES: [&str; 4] = ["GITHUB_", "RUNNER_", "ORCHESTRATOR_JOB", "LD_"];

/// Where a job stands between two steps.
pub(super) struct JobState<'a, H> {
    pub(super) shared: &'a Shared<H>,
    pub(super) run: RunId,
    pub(super) folder: JobFolder,
    /// Variables of the next step, without its own.
    pub(super) environment: BTreeMap<String, OsString>,
    pub(super) names: Names,
    pub(super) log: LogTail,
}

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StepEnd {
    pub(super) outcome: Conclusion,
    pub(super) outputs: BTreeMap<String, String>,
}

impl StepEnd {
    pub(super) fn of(outcome: Conclusion) -> Self {
        Self { outcome, outputs: BTreeMap::new() }
    }
}

impl<H: Host> JobState<'_, H> {
    /// Does what a step does. What goes wrong is a failed step with its reason in the log.
    pub(super) async fn step(&mut self, index: usize, step: &Step, mut stops: StepInterruption<'_>) -> StepEnd {
        if let StepAct::OwnAction | StepAct::OwnCommand { .. } = &step.act {
            prepend_path(&mut self.environment, &self.shared.options.state.join("bin"));
        }
        let mut variables = self.environment.clone();
        let done = match add_variables(&step.env, &mut self.names, &mut variables) {
            Err(error) => Err(error),
            Ok(()) => match &step.act {
                StepAct::Run { script, shell } => self.script(index, script, *shell, variables, &mut stops).await,
                StepAct::OwnAction => Ok(StepEnd::of(Conclusion::Success)),
                StepAct::OwnCommand { line } => self.script(index, line, Shell::Bash, variables, &mut stops).await,
                StepAct::Upload { name, path, missing, hidden } => {
                    let names = name.fill(&self.names).and_then(|name| path.fill(&self.names).map(|path| (name, path)));
                    match names {
                        Ok((name, path)) => self.upload(&name, &path, *missing, *hidden).await,
                        Err(error) => Err(error.to_string()),
                    }
                }
                StepAct::Download { name, path } => {
                    let path = path.as_ref().map(|path| path.fill(&self.names)).transpose();
                    match name.fill(&self.names).and_then(|name| path.map(|path| (name, path))) {
                        Ok((name, path)) => self.download(&name, path.as_deref().unwrap_or(".")).await,
                        Err(error) => Err(error.to_string()),
                    }
                }
            },
        };
        done.unwrap_or_else(|problem| {
            self.log.say(&format!("Error: {problem}"));
            StepEnd::of(Conclusion::Failure)
        })
    }

    async fn script(
        &mut self,
        index: usize,
        script: &str,
        shell: Shell,
        mut variables: BTreeMap<String, OsString>,
        stops: &mut StepInterruption<'_>,
    ) -> Result<StepEnd, String> {
        let file = |name: &str| self.folder.files.join(format!("{index}.{name}"));
        let (path, outputs, later) = (file("sh"), file("output"), file("env"));
        let written = [(&path, script), (&outputs, ""), (&later, ""), (&file("summary"), "")];
        for (file, text) in written {
            std::fs::write(file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        }
        for (name, path) in
            [("GITHUB_OUTPUT", &outputs), ("GITHUB_ENV", &later), ("GITHUB_STEP_SUMMARY", &file("summary"))]
        {
            variables.insert(name.to_owned(), path.into());
        }
        let launch = Launch {
            guard: &self.shared.options.guard,
            program: shell_command(shell, &variables, &path),
            environment: variables,
            directory: &self.folder.workspace,
            folder: &self.folder.root,
            grace: self.shared.options.grace,
        };
        let code = launch::run(&launch, &mut self.log, stops).await;
        let code = code.map_err(|error| format!("the step could not be run: {error}"))?;
        let outcome = match stops.cause {
            Some(Cause::Cancelled) => Conclusion::Cancelled,
            Some(Cause::TimedOut) => {
                self.log.say("Error: The action has timed out.");
                Conclusion::Failure
            }
            None if code == 0 => Conclusion::Success,
            None => {
                self.log.say(&format!("Error: Process completed with exit code {code}."));
                Conclusion::Failure
            }
        };
        self.keep_variables(&later)?;
        let outputs = command_file::read(&outputs).map_err(|problem| format!("GITHUB_OUTPUT: {problem}"))?;
        Ok(StepEnd { outcome, outputs })
    }

    /// Takes the variables that a step has set for those after it.
    fn keep_variables(&mut self, file: &Path) -> Result<(), String> {
        let variables = command_file::read(file).map_err(|problem| format!("GITHUB_ENV: {problem}"))?;
        for (name, value) in variables {
            if FIXED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || value.contains('\0') {
                return Err(format!("GITHUB_ENV: `{}` cannot be set by a step", name.escape_debug()));
            }
            self.names.set("env", &name, &value);
            self.environment.insert(name, value.into());
        }
        Ok(())
    }

    async fn upload(&mut self, name: &str, path: &str, missing: MissingFiles, hidden: bool) -> Result<StepEnd, String> {
        let place = artifact::place(&self.shared.options.state, self.run.0, name);
        let place = place.ok_or_else(|| format!("an artifact cannot be named `{}`", name.escape_debug()))?;
        let (within, from, to) = (self.folder.root.clone(), self.folder.workspace.join(path), place.clone());
        let copied = blocking(move || artifact::store(&within, &from, &to, hidden)).await?;
        if copied.files == 0 {
            let words = format!("No files were found with the provided path: {path}. No artifacts will be uploaded.");
            return match missing {
                MissingFiles::Error => Err(words),
                MissingFiles::Warn => {
                    self.log.say(&format!("Warning: {words}"));
                    Ok(StepEnd::of(Conclusion::Success))
                }
                MissingFiles::Ignore => Ok(StepEnd::of(Conclusion::Success)),
            };
        }
        self.say_copied("Stored", name, copied);
        let location = place.display().to_string();
        let act = RunnerAct::ArtifactStored { run: self.run, name: name.to_owned(), location, bytes: copied.bytes };
        let told = self.shared.host.apply(Request::Runner(act)).await;
        told.map(|()| StepEnd::of(Conclusion::Success)).map_err(|error| error.to_string())
    }

    async fn download(&mut self, name: &str, path: &str) -> Result<StepEnd, String> {
        let place = artifact::place(&self.shared.options.state, self.run.0, name);
        let place = place.ok_or_else(|| format!("an artifact cannot be named `{}`", name.escape_debug()))?;
        let to = self.folder.workspace.join(path);
        if !to.starts_with(&self.folder.root) || path.split('/').any(|part| part == "..") {
            return Err(format!("{path} leads out of the job's folder"));
        }
        let copied = blocking(move || artifact::bring(&place, &to)).await?;
        self.say_copied("Brought", name, copied);
        Ok(StepEnd::of(Conclusion::Success))
    }

    fn say_copied(&mut self, verb: &str, name: &str, copied: Copied) {
        let left_out = match copied.left_out {
            0 => String::new(),
            number => format!("; {number} links and special files left out"),
        };
        self.log.say(&format!("{verb} artifact {name}: {} files, {} bytes{left_out}", copied.files, copied.bytes));
    }
}

/// Fills in variables and adds them, each visible to those after it.
pub(super) fn add_variables(
    templates: &Templates,
    names: &mut Names,
    variables: &mut BTreeMap<String, OsString>,
) -> Result<(), String> {
    for (name, template) in templates {
        let value = template.fill(names).map_err(|error| error.to_string())?;
        if value.contains('\0') {
            return Err(format!("the value of {name} holds a NUL character"));
        }
        variables.insert(name.clone(), value.into());
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
}

/// The shell's command line, as GitHub's runner writes it.
fn shell_command(shell: Shell, variables: &BTreeMap<String, OsString>, script: &Path) -> Vec<OsString> {
    let words: &[&str] = match shell {
        Shell::Bash => &["bash", "--noprofile", "--norc", "-eo", "pipefail"],
        Shell::Unsaid if find(variables, "bash").is_some() => &["bash", "-e"],
        Shell::Unsaid | Shell::Sh => &["sh", "-e"],
    };
    words.iter().map(OsString::from).chain([script.into()]).collect()
}

fn find(variables: &BTreeMap<String, OsString>, program: &str) -> Option<PathBuf> {
    std::env::split_paths(variables.get("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}
