//! `plan`: the plan for issues, without doing anything. Nothing is written anywhere but the cache
//! that was asked for.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::engine::config::{self, CONFIGURATION_PATH, Settings};
use crate::engine::facts::{self, Facts};
use crate::engine::footprint::{Footprint, OverlapPolicy};
use crate::engine::graph::{Layout, Node, Outside, layout};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::manifest::{Manifest, ManifestPlan, ManifestTask};
use crate::engine::overlap::hotspots::Hotspots;
use crate::engine::overlap::risk;
use crate::engine::plan_document::plan_document;
use crate::git::checkout::{self, Unusable};
use crate::git::command::Program;
use crate::git::{self, Files, tree};
use crate::infer::{self, Index, Ranking};
use crate::issues_file::{self, PrintedIssue};
use crate::survey::{Known, Text};

/// Most numbers listed in a note.
const LISTED_MAX: usize = 10;

/// Flags of `plan`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  gh issue list --limit 1000 --json number,title,body,labels > issues.json
  task-orchestrator plan --repo . --issues issues.json
  gh issue list --limit 1000 --json number,title,body,labels | task-orchestrator plan --issues - --format json
  task-orchestrator plan --manifest manifest.json --overlap off

Issues with the label `orchestrate` (or the configured one) are planned; where none has it, all are.")]
pub(super) struct PlanArgs {
    /// The checkout whose files the issues mean
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// What `gh issue list --json number,title,body,labels` prints; `-`: standard input
    #[arg(long, value_name = "FILE", required_unless_present = "manifest", conflicts_with = "manifest")]
    issues: Option<PathBuf>,
    /// A manifest instead of issues
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// How the plan is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// How overlapping files steer: strict, balanced, declared or off [default: the configuration's]
    #[arg(long, value_name = "POLICY", hide_possible_values = true,
          value_parser = clap::builder::PossibleValuesParser::new(["strict", "balanced", "declared", "off"]))]
    overlap: Option<String>,
    /// Where what was read of the checkout's files is kept, so that the next plan reads only what is new
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
    /// Configuration instead of the checkout's .github/orchestrator.yml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// A graph in Mermaid's language.
    Mermaid,
    /// A manifest, as `--manifest` reads it.
    Manifest,
}

/// What is planned.
#[derive(Default)]
struct Planned {
    nodes: BTreeMap<TaskId, Node>,
    titles: BTreeMap<TaskId, String>,
    outside: BTreeMap<IssueNumber, Outside>,
    phase_names: BTreeMap<u32, String>,
    /// Commands that each issue's text has run.
    validation: BTreeMap<TaskId, Vec<String>>,
    /// Files that a good part of all changes touch.
    hotspots: Vec<String>,
    /// The manifest it came from.
    manifest: Option<Manifest>,
}

/// Prints the plan.
pub(super) async fn run(arguments: &PlanArgs) -> Result<ExitCode, Failure> {
    let (mut planned, settings) = match (&arguments.manifest, &arguments.issues) {
        (Some(manifest), _) => {
            let settings = read_settings(arguments, None)?;
            (from_manifest(manifest)?, settings)
        }
        (None, issues) => {
            let checkout = look(&arguments.repo).await?;
            let settings = read_settings(arguments, Some(&checkout.root))?;
            let path = issues.as_deref().unwrap_or(Path::new("-"));
            (from_issues(path, arguments, &checkout, &settings).await?, settings)
        }
    };
    let hotspots = Hotspots::new(&settings, &planned.hotspots);
    for node in planned.nodes.values_mut() {
        node.footprint = hotspots.soften(std::mem::take(&mut node.footprint));
    }
    let layout = layout(&planned.nodes, &planned.outside, settings.overlap).with_phase_names(&planned.phase_names);
    output::print(&printed(arguments.format, &planned, &layout, &settings)?)?;
    Ok(ExitCode::SUCCESS)
}

fn printed(format: Format, planned: &Planned, layout: &Layout, settings: &Settings) -> Result<String, Failure> {
    let document = || {
        plan_document(layout, &planned.nodes, &planned.titles, &planned.outside, settings.overlap)
            .with_validation(&planned.validation)
    };
    Ok(match format {
        Format::Text => document().to_text(),
        Format::Mermaid => document().to_mermaid(),
        Format::Json => {
            let text = serde_json::to_string_pretty(&document());
            text.map_err(|error| Failure::failed(format!("the plan cannot be written as JSON: {error}")))? + "\n"
        }
        Format::Manifest => manifest(planned, layout, settings).to_text(),
    })
}

/// The plan as a manifest; what a manifest said of its tasks beyond the plan is kept.
fn manifest(planned: &Planned, layout: &Layout, settings: &Settings) -> Manifest {
    let head = planned.manifest.clone().unwrap_or_else(|| Manifest {
        model: settings.model.clone(),
        model_tier: settings.effort.clone(),
        ..Manifest::default()
    });
    let known: BTreeMap<u64, ManifestTask> =
        head.phases.iter().flat_map(|phase| &phase.tasks).map(|task| (task.issue, task.clone())).collect();
    head.with_plan(layout, &planned.nodes, |id| {
        let new = || ManifestTask {
            title: planned.titles.get(&id).cloned().unwrap_or_default(),
            status: "pending".to_owned(),
            ..ManifestTask::default()
        };
        known.get(&id.0.0).cloned().unwrap_or_else(new)
    })
}

/// A file's text, or standard input's for `-`; at most `most` bytes.
fn read_text(flag: &str, path: &Path, most: u64) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::usage(format!("{flag}: {} cannot be read: {error}", path.display()));
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        std::fs::File::open(path).map_err(failed)?.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(Failure::usage(format!("{flag}: {} is longer than {most} bytes", path.display())));
    }
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Failure::usage(format!("{flag}: {} is no UTF-8 text (byte {place})", path.display()))
            .with_hint("save it as UTF-8; on Windows, `gh ... | Out-File -Encoding utf8 issues.json`")
    })
}

fn read_settings(arguments: &PlanArgs, root: Option<&Path>) -> Result<Settings, Failure> {
    let own = root.map(|root| root.join(CONFIGURATION_PATH)).filter(|path| path.exists());
    let mut settings = Settings::server();
    if let Some(path) = arguments.config.as_ref().or(own.as_ref()) {
        let text = read_text("--config", path, 1 << 20)?;
        settings = config::parse(&text, &settings)
            .map_err(|problem| Failure::usage(format!("{}: {problem}", path.display())))?;
    }
    if let Some(policy) = &arguments.overlap {
        let unknown = |_| Failure::usage(format!("--overlap {policy}: write strict, balanced, declared or off"));
        settings.overlap = policy.parse::<OverlapPolicy>().map_err(unknown)?;
    }
    Ok(settings)
}

/// A checkout, as far as the plan needs it.
struct Looked {
    root: PathBuf,
    /// The commit checked out, by its hash, and its files; nothing where there is no commit yet.
    commit: Option<(String, Index)>,
}

async fn look(folder: &Path) -> Result<Looked, Failure> {
    let program = Program::default();
    let root = match checkout::look(&program, folder).await {
        Ok(found) => found.root,
        // The files are those of the commit, whatever branch it is on.
        Err(Unusable::Detached(root)) => root,
        Err(Unusable::Unborn(root)) => {
            output::note(&format!(
                "{} has no commit yet: which files exist is not known, so only declared files and full paths count",
                root.display()
            ));
            return Ok(Looked { root, commit: None });
        }
        Err(error @ (Unusable::NoFolder(_) | Unusable::NotGit(_) | Unusable::Bare(_) | Unusable::Git(_))) => {
            return Err(Failure::usage(format!("--repo: {error}")));
        }
    };
    let failed = |error: git::Error| Failure::failed(format!("{}: {error}", root.display()));
    let Some(commit) = tree::resolve(&program, &root, "HEAD").await.map_err(failed)? else {
        return Ok(Looked { root, commit: None });
    };
    let listing = program.command(&root, ["ls-tree", "-r", "-z", "--name-only", "--full-tree", &commit]).run().await;
    let listing = listing.map_err(failed)?;
    let names = listing.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let index = Index::new(names.map(|name| String::from_utf8_lossy(name).into_owned()));
    Ok(Looked { root, commit: Some((commit, index)) })
}

/// What the texts of issues that declare no files are likely about, and which files everybody touches. Where the policy
/// looks at no guesses, nothing is read for them.
async fn rankings(
    arguments: &PlanArgs,
    checkout: &Looked,
    policy: OverlapPolicy,
    read: &[(PrintedIssue, Facts)],
) -> (BTreeMap<IssueNumber, Ranking>, Vec<String>) {
    let nothing = (BTreeMap::new(), Vec::new());
    let wanted: Vec<&PrintedIssue> =
        read.iter().filter(|(_, facts)| infer::wants_ranking(facts)).map(|(issue, _)| issue).collect();
    let commit = checkout.commit.as_ref().filter(|_| risk::guess_strength(policy).is_some() && !wanted.is_empty());
    let Some((commit, _)) = commit else { return nothing };
    let (directory, cache) = (checkout.root.clone(), arguments.cache.clone());
    let files = Files::Directory { program: Program::default(), directory, cache };
    let texts = wanted.iter().map(|issue| Text { title: issue.title.clone(), body: issue.body.clone() }).collect();
    match Known::default().rank(files, commit, texts).await.1 {
        Ok(found) => {
            found.notes.iter().for_each(|note| output::note(note));
            let hotspots = found.hotspots.unwrap_or_default();
            (wanted.iter().map(|issue| issue.number).zip(found.rankings).collect(), hotspots)
        }
        Err(error) => {
            output::note(&format!("the checkout's files cannot be read, so that only the texts count: {error}"));
            nothing
        }
    }
}

fn from_manifest(path: &Path) -> Result<Planned, Failure> {
    let text = read_text("--manifest", path, issues_file::BYTES_MAX)?;
    let failed = |error: crate::engine::manifest::ManifestError| {
        Failure::usage(format!("--manifest: {}: {error}", path.display()))
    };
    let manifest = Manifest::parse(&text).map_err(failed)?;
    let ManifestPlan { nodes, titles, phase_names } = manifest.plan().map_err(failed)?;
    Ok(Planned { nodes, titles, phase_names, manifest: Some(manifest), ..Planned::default() })
}

async fn from_issues(
    path: &Path,
    arguments: &PlanArgs,
    checkout: &Looked,
    settings: &Settings,
) -> Result<Planned, Failure> {
    let text = read_text("--issues", path, issues_file::BYTES_MAX)?;
    let file =
        issues_file::read(&text).map_err(|error| Failure::usage(format!("--issues: {}: {error}", path.display())))?;
    if !file.pull_requests.is_empty() {
        output::note(&format!("left out, since they are pull requests: {}", listed(&file.pull_requests)));
    }
    let unlisted = file.unlisted();
    unlisted.notes().iter().for_each(|note| output::note(note));
    let (closed, open): (Vec<_>, Vec<_>) = file.issues.into_iter().partition(|issue| issue.closed);
    if !closed.is_empty() {
        let numbers: Vec<u64> = closed.iter().map(|issue| issue.number.0).collect();
        output::note(&format!("left out, since they are closed: {}", listed(&numbers)));
    }
    let (chosen, others) = choose(open, &settings.label);
    let mut planned = Planned::default();
    planned.outside.extend(closed.iter().map(|issue| (issue.number, Outside::Closed)));
    planned.outside.extend(unlisted.closed.iter().map(|number| (*number, Outside::Closed)));
    planned.outside.extend(others.iter().map(|issue| (issue.number, Outside::Open)));
    let with_facts = |issue: PrintedIssue| {
        let facts = facts::read(&issue.title, &issue.body, &issue.labels);
        (issue, facts)
    };
    let read: Vec<(PrintedIssue, Facts)> = chosen.into_iter().map(with_facts).collect();
    let (rankings, hotspots) = rankings(arguments, checkout, settings.overlap, &read).await;
    planned.hotspots = hotspots;
    let index = checkout.commit.as_ref().map(|(_, index)| index);
    for (issue, facts) in read {
        let id = TaskId(issue.number);
        planned.validation.insert(id, facts.validate.clone());
        let footprint = infer::footprint(&facts, index, rankings.get(&issue.number));
        planned.nodes.insert(id, node(id, facts, footprint));
        planned.titles.insert(id, issue.title);
    }
    Ok(planned)
}

/// The issues with the label where any has it, else all; and the others. Says which.
fn choose(issues: Vec<PrintedIssue>, label: &str) -> (Vec<PrintedIssue>, Vec<PrintedIssue>) {
    let total = issues.len();
    let (labelled, others): (Vec<_>, Vec<_>) = issues.into_iter().partition(|issue| issue.has_label(label));
    if total == 0 {
        output::note("there are no issues to plan");
    }
    if labelled.is_empty() {
        if total > 0 {
            output::note(&format!("no issue has the label `{label}`: all {total} are planned"));
        }
        return (others, Vec::new());
    }
    output::note(&format!("{} of {total} issues have the label `{label}` and are planned", labelled.len()));
    (labelled, others)
}

fn node(id: TaskId, facts: Facts, footprint: Footprint) -> Node {
    Node {
        id,
        footprint,
        depends_on: facts.depends_on,
        phase: facts.phase,
        priority: facts.priority.unwrap_or_default(),
        settled: false,
        problems: facts.problems,
    }
}

fn listed(numbers: &[u64]) -> String {
    let shown: Vec<String> = numbers.iter().take(LISTED_MAX).map(|number| format!("#{number}")).collect();
    match numbers.len().saturating_sub(LISTED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
