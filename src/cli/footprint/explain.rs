//! `footprint explain`: one issue's ranking with its evidence.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::git::command::Program;
use crate::git::tree;
use crate::infer::evidence::Evidence;
use crate::infer::library::Library;
use crate::infer::new_files;
use crate::infer::query::{Query, TEXT_CHARACTERS_MAX};
use crate::infer::rank::{Ranked, Weights};
use crate::issues_file::{self, PrintedIssue};
use crate::survey::{Surveyor, cache};

/// Flags of `footprint explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  gh issue list --limit 1000 --json number,title,body,labels > issues.json
  task-orchestrator footprint explain --repo . --issue issues.json#12
  task-orchestrator footprint explain --repo mirror.git --commit main --issue issues.json#12 --json")]
pub(in crate::cli) struct ExplainArgs {
    /// The repository: a checkout or a bare git directory; only what is committed counts
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// A file as `gh issue list --json number,title,body,labels` prints it, and the number of an issue in it
    #[arg(long, value_name = "FILE#N", value_parser = issue_place)]
    issue: (PathBuf, u64),
    /// The commit whose files the issue means
    #[arg(long, value_name = "COMMIT", default_value = "HEAD")]
    commit: String,
    /// How many files
    #[arg(long, value_name = "N", default_value_t = 10)]
    files: usize,
    /// Where the index is kept between calls, so that the next one reads only what is new
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn issue_place(text: &str) -> Result<(PathBuf, u64), String> {
    let (file, number) = text.rsplit_once('#').ok_or("write FILE#N, as in issues.json#12")?;
    let number: u64 = number.parse().map_err(|_| format!("`{number}` is no issue number; write FILE#N"))?;
    Ok((PathBuf::from(file), number))
}

/// Ranks, and prints.
pub(super) async fn run(arguments: &ExplainArgs) -> Result<ExitCode, Failure> {
    let issue = issue(&arguments.issue.0, arguments.issue.1)?;
    let program = Program::default();
    if !arguments.repo.is_dir() {
        return Err(Failure::usage(format!("--repo {} is no folder", arguments.repo.display())));
    }
    let commit = match tree::resolve(&program, &arguments.repo, &arguments.commit).await {
        Ok(Some(commit)) => Some(commit),
        Ok(None) if arguments.commit == "HEAD" => None,
        Ok(None) => {
            return Err(Failure::usage(format!("--commit {} is not in the repository", arguments.commit)));
        }
        Err(error) => {
            let words = format!("--repo {} is no git repository: {error}", arguments.repo.display());
            return Err(Failure::usage(words));
        }
    };
    let Some(commit) = commit else {
        output::note("the repository has no commit yet, so nothing can be predicted");
        output::print(&shown(arguments.json, &issue, &Explained::default())?)?;
        return Ok(ExitCode::SUCCESS);
    };
    let library = arguments.cache.as_deref().and_then(cache::load).unwrap_or_default();
    let found = explained(arguments, &program, &commit, library, &issue).await?;
    output::print(&shown(arguments.json, &issue, &found)?)?;
    Ok(ExitCode::SUCCESS)
}

/// What is shown.
#[derive(Debug, Default)]
struct Explained {
    files: Vec<(Ranked, Vec<Evidence>)>,
    /// Files that the text asks for.
    new_files: Vec<String>,
}

async fn explained(
    arguments: &ExplainArgs,
    program: &Program,
    commit: &str,
    library: Library,
    issue: &PrintedIssue,
) -> Result<Explained, Failure> {
    let mut surveyor = Surveyor::new(program.clone(), &arguments.repo, library);
    let snapshot = surveyor.at(commit).await;
    let snapshot = snapshot.map_err(|error| Failure::failed(format!("the commit cannot be read: {error}")))?;
    snapshot.notes.iter().for_each(|note| output::note(note));
    if let Some(path) = &arguments.cache
        && let Err(error) = cache::save(path, surveyor.library())
    {
        output::note(&format!("--cache {} cannot be written: {error}", path.display()));
    }
    let query = Query::new(&issue.title, &issue.body);
    if query.cut {
        output::note(&format!("only the first {TEXT_CHARACTERS_MAX} characters of the text are read"));
    }
    if query.all.is_empty() {
        output::note("the text says nothing that could be looked for");
    }
    Ok(Explained {
        files: surveyor.ranker(&snapshot, Weights::default()).explain(&query, arguments.files),
        new_files: new_files::asked_for(&query, &snapshot.corpus),
    })
}

fn issue(path: &Path, number: u64) -> Result<PrintedIssue, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("--issue: {shown} cannot be read: {error}")))?;
    let file = issues_file::read(&text).map_err(|error| Failure::usage(format!("--issue: {shown}: {error}")))?;
    let found = file.issues.into_iter().find(|issue| issue.number.0 == number);
    found.ok_or_else(|| Failure::usage(format!("--issue: {shown} holds no issue #{number}")))
}

fn shown(as_json: bool, issue: &PrintedIssue, found: &Explained) -> Result<String, Failure> {
    if as_json {
        let files: Vec<_> = found
            .files
            .iter()
            .map(|(ranked, evidence)| {
                let reasons = evidence.iter();
                let reasons: Vec<_> = reasons
                    .map(|reason| json!({ "signal": reason.signal.name(), "rank": reason.rank, "words": reason.words }))
                    .collect();
                json!({ "path": ranked.path, "score": ranked.score, "share": ranked.share, "evidence": reasons })
            })
            .collect();
        let document =
            json!({ "issue": issue.number.0, "title": issue.title, "files": files, "new_files": found.new_files });
        let text = serde_json::to_string_pretty(&document);
        return text.map(|text| text + "\n").map_err(|error| Failure::failed(error.to_string()));
    }
    let mut text = format!("#{} {}\n", issue.number, plain(&issue.title));
    for (at, (ranked, evidence)) in found.files.iter().enumerate() {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "\n{:>2}. {}  (share {:.2})", at + 1, plain(&ranked.path), ranked.share);
        for reason in evidence {
            let _ = writeln!(text, "    {} #{}: {}", reason.signal.name(), reason.rank, plain(&reason.words));
        }
    }
    if !found.new_files.is_empty() {
        let _ = writeln!(text, "\nNew files that the text asks for: {}", plain(&found.new_files.join(", ")));
    }
    Ok(text)
}

/// Text from elsewhere (a title, a path, a message) must not steer a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_and_a_number() {
        assert_eq!(issue_place("a#b.json#12"), Ok((PathBuf::from("a#b.json"), 12)));
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        assert!(issue_place("issues.json").is_err() && issue_place("issues.json#x").is_err());
    }
}
