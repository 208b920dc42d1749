//! `init`: the files a repository needs, written into a checkout for a person to look at and commit.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::actions::workflows::{Written, begin, files, write};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::starter::{self, Committer};

/// Flags of `init`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  task-orchestrator init --action OWNER/REPO@0123456789012345678901234567890123456789
  task-orchestrator init --actions-native --action OWNER/REPO@0123456789012345678901234567890123456789

An issue form and a configuration in which every setting is a comment come with the workflows; where you have either, it
stays as it is. Nothing is committed: look at the files, commit them on the default branch, and push. Workflows that
were changed by hand stay as they are, unless --force is given. Exit code 2: at least one of them stands in the way.")]
pub(super) struct InitArgs {
    /// The checkout
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// Also the workflows that work the plan with no server
    #[arg(long)]
    actions_native: bool,
    /// With --actions-native: also the workflow that comments and other workflows' ends wake
    #[arg(long, requires = "actions_native")]
    comments: bool,
    /// The action the files use, `OWNER/REPO@` and the 40 digits of a commit [default: the one the files are released
    /// with]
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Write over workflows that were changed
    #[arg(long)]
    force: bool,
    /// Print what was written as one JSON object
    #[arg(long)]
    json: bool,
}

/// Writes the files.
pub(super) fn run(arguments: &InitArgs) -> Result<ExitCode, Failure> {
    if !arguments.repo.join(".git").exists() {
        return Err(Failure::usage(format!("--repo: {} is no checkout of a repository", arguments.repo.display()))
            .with_hint("give the folder that holds `.git`"));
    }
    let files = files(arguments.actions_native, arguments.comments, arguments.action.as_deref());
    let files = files.map_err(|problem| Failure::usage(format!("--action: {problem}")))?;
    let own = starter::files().into_iter().filter(|file| file.committer == Committer::Anybody);
    let own = own.map(|file| (file.path.to_owned(), begin(&arguments.repo, file.path, &file.text)));
    let workflows = files.into_iter().map(|(path, text)| {
        let written = write(&arguments.repo, &path, &text, arguments.force);
        (path, written)
    });
    let mut told = Vec::new();
    for (path, written) in own.chain(workflows) {
        let written = written.map_err(|error| {
            Failure::failed(format!("{} cannot be written: {error}", arguments.repo.join(&path).display()))
        })?;
        told.push((path, written));
    }
    if arguments.json {
        let files: Vec<_> = told.iter().map(|(path, written)| json!({ "path": path, "state": written })).collect();
        output::print(&format!("{}\n", json!({ "files": files })))?;
    } else {
        let lines: Vec<String> = told.iter().map(|(path, written)| format!("{path}: {}\n", words(*written))).collect();
        output::print(&lines.concat())?;
    }
    let in_the_way = told.iter().any(|(_, written)| *written == Written::Changed);
    Ok(if in_the_way { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

fn words(written: Written) -> &'static str {
    match written {
        Written::New => "written",
        Written::Same => "is as it should be",
        Written::Over => "written over",
        Written::Changed => "differs and was left alone; look at it, or give --force",
        Written::Kept => "is there and stays as it is",
    }
}
