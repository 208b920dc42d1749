//! One step: lines of our own program, or one of three actions.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use strum::VariantNames as _;

use crate::forge::runner::expression::Template;
use crate::forge::runner::workflow::check::{condition, identifier, minutes, refused, shown, template, templates};
use crate::forge::runner::workflow::file::{Ordered, StepFile};
use crate::forge::runner::workflow::known::{Known, Place};
use crate::forge::runner::workflow::{MissingFiles, Shell, Step, StepAct, Templates, WorkflowError};

/// Our own action, which puts the program on `PATH`.
pub const OWN_ACTION: &str = "task-orchestrator/task-orchestrator";
const UPLOAD_ACTION: &str = "actions/upload-artifact";
const DOWNLOAD_ACTION: &str = "actions/download-artifact";

/// What our own action runs, where it is told to run anything: whatever needs no more than its variables.
const OWN_COMMANDS: [&str; 3] = ["", "handle", "wake"];
/// Its inputs that become variables of the program.
const OWN_INPUTS: [(&str, &str); 3] = [
    ("github-token", "ORCHESTRATOR_TOKEN"),
    ("app-id", "ORCHESTRATOR_APP_ID"),
    ("private-key", "ORCHESTRATOR_PRIVATE_KEY"),
];

/// How every line of a `run:` begins.
const LINE_BEGINNING: &str = "task-orchestrator worker ";
/// What would start something else on such a line.
const SHELL_MARKS: [&str; 7] = [";", "&", "|", "`", "$(", "<", ">"];

/// Checks a step and makes its id known to those after it.
pub(super) fn step(place: &str, written: StepFile, known: &mut Known) -> Result<Step, WorkflowError> {
    let at = |key: &str| format!("{place}.{key}");
    let condition = condition(&at("if"), written.condition.as_deref(), known, Place::StepCondition)?;
    let mut env = templates(&at("env"), written.env, known, Place::Step)?;
    let timeout = written.timeout_minutes.map(|length| minutes(&at("timeout-minutes"), length)).transpose()?;
    let (act, otherwise) = match (written.run, written.uses) {
        (Some(script), None) if written.with.0.is_empty() => {
            let name = format!("Run {}", script.lines().next().unwrap_or_default());
            (run(&at("run"), script, shell(&at("shell"), written.shell.as_deref())?)?, name)
        }
        (None, Some(uses)) if written.shell.is_none() => {
            let name = format!("Run {uses}");
            let with = With { place: at("with"), entries: with(&at("with"), written.with)?, known };
            let (act, given) = action(&at("uses"), &uses, with)?;
            env.extend(given);
            (act, name)
        }
        (Some(_), Some(_)) | (None, None) => return Err(refused(place, "a step has either `run` or `uses`")),
        (Some(_), None) => return Err(refused(at("with"), "`with` belongs to `uses`")),
        (None, Some(_)) => return Err(refused(at("shell"), "`shell` belongs to `run`")),
    };
    if let Some(id) = &written.id {
        identifier(&at("id"), id)?;
        if !known.steps.insert(id.clone()) {
            return Err(refused(at("id"), format!("`{id}` is the id of two steps")));
        }
    }
    Ok(Step {
        name: shown(&at("name"), written.name, &otherwise)?,
        id: written.id,
        condition,
        act,
        env,
        timeout,
        continue_on_error: written.continue_on_error,
    })
}

fn shell(place: &str, written: Option<&str>) -> Result<Shell, WorkflowError> {
    match written {
        None => Ok(Shell::Unsaid),
        Some("bash") => Ok(Shell::Bash),
        Some("sh") => Ok(Shell::Sh),
        Some(other) => Err(refused(place, format!("`{other}` is not run here; write bash or sh"))),
    }
}

fn run(place: &str, script: String, shell: Shell) -> Result<StepAct, WorkflowError> {
    if script.contains("${{") {
        return Err(refused(place, "an expression in `run` could become code; pass its value by `env`"));
    }
    let joined = script.replace("\\\n", " ");
    let lines: Vec<&str> =
        joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let ours = |line: &&&str| line.starts_with(LINE_BEGINNING) && !SHELL_MARKS.iter().any(|mark| line.contains(mark));
    match lines.iter().find(|line| !ours(line)) {
        Some(line) => Err(refused(place, format!("`{line}` is not run here; each line is one `{LINE_BEGINNING}…`"))),
        None if lines.is_empty() => Err(refused(place, format!("write at least one line `{LINE_BEGINNING}…`"))),
        None => Ok(StepAct::Run { script, shell }),
    }
}

fn with(place: &str, written: Ordered<String>) -> Result<BTreeMap<String, String>, WorkflowError> {
    for (name, _) in &written.0 {
        identifier(place, name)?;
    }
    Ok(written.0.into_iter().collect())
}

/// An action, and the variables its inputs stand for.
fn action(place: &str, uses: &str, mut with: With<'_>) -> Result<(StepAct, Templates), WorkflowError> {
    let mut given = Templates::new();
    let pinned = |name: &str| {
        let commit = uses.strip_prefix(name).and_then(|rest| rest.strip_prefix('@'));
        commit.is_some_and(|sha| sha.len() == 40 && sha.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let act = if uses == "./" || pinned(OWN_ACTION) {
        // How the program gets onto GitHub's machine; here it is there already.
        with.drop(&["binary", "codex-version"]);
        let command = with.plain("command", "", &OWN_COMMANDS)?;
        for (input, variable) in OWN_INPUTS.into_iter().filter(|_| !command.is_empty()) {
            given.extend(with.optional(input)?.map(|text| (variable.to_owned(), text)));
        }
        match command.as_str() {
            "" => StepAct::OwnAction,
            command => StepAct::OwnCommand { line: format!("task-orchestrator {command}") },
        }
    } else if pinned(UPLOAD_ACTION) {
        let missing = with.plain("if-no-files-found", "warn", MissingFiles::VARIANTS)?;
        let hidden = with.plain("include-hidden-files", "false", &["true", "false"])? == "true";
        with.plain("overwrite", "false", &["true", "false"])?;
        // How long and how tightly GitHub keeps the files.
        with.drop(&["retention-days", "compression-level"]);
        StepAct::Upload {
            name: with.optional("name")?.map_or_else(|| template(place, "artifact", with.known, Place::Step), Ok)?,
            path: with.needed("path")?,
            missing: MissingFiles::from_str(&missing).unwrap_or(MissingFiles::Warn),
            hidden,
        }
    } else if pinned(DOWNLOAD_ACTION) {
        StepAct::Download { name: with.needed("name")?, path: with.optional("path")? }
    } else {
        let problem = format!(
            "`{}` is not run here; there are `{OWN_ACTION}`, `{UPLOAD_ACTION}` and `{DOWNLOAD_ACTION}`, each with `@` \
             and the 40 digits of a commit, and `./`",
            uses.escape_debug()
        );
        return Err(refused(place, problem));
    };
    with.done()?;
    Ok((act, given))
}

/// What an action is given; what is taken is removed.
struct With<'a> {
    place: String,
    entries: BTreeMap<String, String>,
    known: &'a Known,
}

impl With<'_> {
    fn optional(&mut self, name: &str) -> Result<Option<Template>, WorkflowError> {
        let place = format!("{}.{name}", self.place);
        let text = self.entries.remove(name);
        text.map(|text| template(&place, &text, self.known, Place::Step)).transpose()
    }

    fn needed(&mut self, name: &str) -> Result<Template, WorkflowError> {
        self.optional(name)?.ok_or_else(|| refused(&self.place, format!("`{name}` must be given")))
    }

    fn plain(&mut self, name: &str, otherwise: &str, words: &[&str]) -> Result<String, WorkflowError> {
        let text = self.entries.remove(name).unwrap_or_else(|| otherwise.to_owned());
        if words.contains(&text.as_str()) {
            return Ok(text);
        }
        let problem = format!("`{}` cannot stand here; write one of: {}", text.escape_debug(), words.join(", "));
        Err(refused(format!("{}.{name}", self.place), problem))
    }

    /// Takes what changes nothing here.
    fn drop(&mut self, names: &[&str]) {
        for name in names {
            self.entries.remove(*name);
        }
    }

    fn done(self) -> Result<(), WorkflowError> {
        match self.entries.keys().next() {
            Some(name) => Err(refused(format!("{}.{name}", self.place), "this is not known to the action here")),
            None => Ok(()),
        }
    }
}
