//! `footprint eval`: predictions for a whole data set, held against what the fixes really changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::footprint::dataset::{self, Instance};
use crate::cli::footprint::report::{self, Evaluation, Times};
use crate::cli::output;
use crate::git::command::Program;
use crate::git::tree;
use crate::infer::history::COMMITS_MAX;
use crate::infer::library::Library;
use crate::infer::measure::Case;
use crate::infer::prose;
use crate::infer::query::Query;
use crate::infer::rank::{FOOTPRINT_FILES, Weights};
use crate::infer::signals::Signal;
use crate::survey::Surveyor;

/// Flags of `footprint eval`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  task-orchestrator footprint eval --dataset issues.jsonl --mirrors mirrors
  task-orchestrator footprint eval --dataset issues.jsonl --mirrors mirrors --method contents --json
  task-orchestrator footprint eval --dataset issues.jsonl --mirrors mirrors --weight messages=0

A line of the data set is an object with id, repo (owner/name), source, base_commit, base_time, text, truth_files and
split. The git directory of owner/name is DIR/owner+name/repo. What cannot be read is named and counted. Nothing is
fitted to the data: the same input gives the same digits.")]
pub(in crate::cli) struct EvalArgs {
    /// Issues whose fixes are known, one JSON object a line
    #[arg(long, value_name = "FILE")]
    dataset: PathBuf,
    /// The folder of the repositories' git directories
    #[arg(long, value_name = "DIR")]
    mirrors: PathBuf,
    /// Only instances of this split
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// `fused`, or one signal alone
    #[arg(long, value_name = "METHOD", default_value = "fused", value_parser = super::method)]
    method: Weights,
    /// Another weight for one signal, as `recency=0`; may be given several times
    #[arg(long, value_name = "NAME=NUMBER", value_parser = super::weight)]
    weight: Vec<(Signal, f64)>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What one repository's instances came to.
#[derive(Debug, Default)]
struct Found {
    cases: Vec<Case>,
    unreadable: BTreeMap<String, String>,
    times: Times,
}

/// Measures, and prints.
pub(super) async fn run(arguments: &EvalArgs) -> Result<ExitCode, Failure> {
    let instances = dataset::read(&arguments.dataset, arguments.split.as_deref())?;
    let weights = arguments
        .weight
        .iter()
        .fold(arguments.method.clone(), |weights, (signal, weight)| weights.with(*signal, *weight));
    let mut repositories: BTreeMap<String, Vec<Instance>> = BTreeMap::new();
    for instance in instances {
        repositories.entry(instance.repo.clone()).or_default().push(instance);
    }
    let started = Instant::now();
    let mut evaluation = Evaluation { repositories: repositories.len(), ..Evaluation::default() };
    // Repositories are independent: each has a task of its own, as many at a time as there are cores.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut waiting = repositories.into_iter();
    let mut working = tokio::task::JoinSet::new();
    loop {
        while working.len() < threads {
            let Some((repository, instances)) = waiting.next() else { break };
            let directory = dataset::directory(&arguments.mirrors, &repository);
            let weights = weights.clone();
            working.spawn(async move { evaluate(&directory, instances, &weights).await });
        }
        let Some(done) = working.join_next().await else { break };
        let found = done.map_err(|error| Failure::failed(format!("an evaluation broke off: {error}")))?;
        evaluation.cases.extend(found.cases);
        evaluation.unreadable.extend(found.unreadable);
        evaluation.times.add(&found.times);
    }
    evaluation.times.whole = started.elapsed();
    evaluation.cases.sort_by(|a, b| (&a.repository, a.time, &a.id).cmp(&(&b.repository, b.time, &b.id)));
    let text = if arguments.json { report::json(&evaluation)? } else { report::text(&evaluation) };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Ranks one repository's instances, the newest first so that one log serves most.
async fn evaluate(directory: &Path, mut instances: Vec<Instance>, weights: &Weights) -> Found {
    let mut found = Found::default();
    let program = Program::default();
    instances.sort_by(|a, b| b.base_time.cmp(&a.base_time).then_with(|| a.id.cmp(&b.id)));
    let mut surveyor = Surveyor::new(program.clone(), directory, Library::default()).reaching(2 * COMMITS_MAX);
    for instance in instances {
        let why = match tree::resolve(&program, directory, &instance.base_commit).await {
            Ok(Some(_)) => None,
            Ok(None) => Some("its base commit is not in the repository".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        let snapshot = match why {
            Some(why) => Err(why),
            None => surveyor.at(&instance.base_commit).await.map_err(|error| error.to_string()),
        };
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot,
            Err(why) => {
                found.unreadable.insert(format!("{} {}", instance.repo, instance.id), why);
                continue;
            }
        };
        found.times.stages.add(&snapshot.stages);
        found.times.bytes += snapshot.bytes_read;
        let started = Instant::now();
        let ranker = surveyor.ranker(&snapshot, weights.clone());
        found.times.prepare += started.elapsed();
        let started = Instant::now();
        let (title, body) = prose::split(&instance.text);
        let ranked = ranker.rank(&Query::new(&title, &body), FOOTPRINT_FILES);
        found.times.ranked(started.elapsed());
        found.cases.push(Case {
            id: instance.id,
            repository: instance.repo,
            source: instance.source,
            time: instance.base_time,
            truth: instance.truth_files,
            ranked,
        });
    }
    found
}

impl Times {
    fn ranked(&mut self, length: Duration) {
        self.rank += length;
        self.rank_longest = self.rank_longest.max(length);
    }
}
