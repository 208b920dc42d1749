//! The demo: the whole life of a plan on a bundled sample project, with no account, no key and no network.

pub mod sample;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::engine::attempt::AttemptOutcome;
use crate::engine::footprint::{OverlapPolicy, Strength};
use crate::engine::id::IssueNumber;
use crate::engine::overlap;
use crate::engine::plan::Plan;
use crate::engine::task::{Task, Verdict};
use crate::git::command::Program;
use crate::local::{self, Ended, LocalArgs, Mistake};

/// Settings of the demo: a silent agent is healed after seconds, not minutes, a failure is retried at once, and the end
/// does not wait long for the last edit of the tracking issue.
const CONFIGURATION: &str = "\
# Settings of the demo of task-orchestrator, which keeps its project here.
stall_after: 3s
nudge_after: 2s
backoff: 500ms
tracking_interval: 100ms
";
/// The file they are in; by its first line a kept demo is known.
const SETTINGS_FILE: &str = "demo.yml";
/// Most attempts at once.
const MAX_PARALLEL: u32 = 4;

/// Shows the whole life of a plan on a bundled sample project: overlapping files, named and guessed, a dependency, a
/// failure that is retried with its error, a stall that is healed, a conflict that nobody foresaw, a task that needs no
/// change, and one that goes to a person.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  task-orchestrator demo
  task-orchestrator demo --stay           # keeps the pages up at the end, to look around and retry #8
  task-orchestrator demo --keep ./demo    # keeps the project and its merged branches to look at

Exit codes: 0 the story ended as told; 1 it did not; 2 usage; 130 after Ctrl-C.")]
pub struct DemoArgs {
    /// Keep project and state in this folder; without it they go when the demo ends
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
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

/// Runs the demo. Gives the exit code.
pub async fn run(args: &DemoArgs) -> anyhow::Result<u8> {
    let temporary =
        tempfile::Builder::new().prefix("task-orchestrator-demo-").tempdir().context("a folder for the demo")?;
    let folder = match &args.keep {
        Some(keep) => kept(keep)?,
        None => temporary.path().canonicalize()?,
    };
    let local = stage(&folder, args).await?;
    let outcome = local::run(&local).await?;
    if outcome.ended == Ended::Interrupted {
        return Ok(Ended::Interrupted.code());
    }
    let untold = outcome.plan.as_deref().map_or_else(|| vec!["nothing was planned".to_owned()], untold);
    report(&untold);
    Ok(u8::from(!untold.is_empty()))
}

/// Puts project, issues and agent into a folder; what is there from an earlier start stays.
async fn stage(folder: &Path, args: &DemoArgs) -> anyhow::Result<LocalArgs> {
    let project = folder.join("stockroom");
    if !project.join(".git").is_dir() {
        for (path, text) in sample::FILES {
            let path = project.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(&project))?;
            std::fs::write(path, text)?;
        }
        let git = Program::default();
        git.command(&project, ["init", "--quiet", "--initial-branch=main"]).run().await?;
        git.command(&project, ["add", "--all"]).run().await?;
        let author = ["-c", "user.name=Stockroom", "-c", "user.email=stockroom@example.invalid"];
        let commit = ["commit", "--quiet", "--message", "The stockroom as it opens"];
        git.command(&project, author.iter().chain(&commit)).run().await?;
    }
    for (name, text) in [("agent.sh", sample::AGENT), ("issues.json", sample::ISSUES), (SETTINGS_FILE, CONFIGURATION)] {
        std::fs::write(folder.join(name), text)?;
    }
    let agent = folder.join("agent.sh");
    Ok(LocalArgs {
        repo: project,
        issues: folder.join("issues.json"),
        agent: Some("shell".to_owned()),
        agent_command: Some(format!("sh '{}'", agent.display().to_string().replace('\'', "'\\''"))),
        check: Some(sample::CHECK.to_owned()),
        max_parallel: Some(MAX_PARALLEL),
        overlap: None,
        auto_approve: true,
        auto_merge: true,
        merge_into: Some("finished".to_owned()),
        config: Some(folder.join(SETTINGS_FILE)),
        state: Some(folder.join("state")),
        port: args.port,
        stay: args.stay,
        json: args.json,
    })
}

/// The folder to keep the demo in: made where it is missing, and otherwise empty or that of an earlier demo.
fn kept(folder: &Path) -> Result<PathBuf, Mistake> {
    let unusable = |error: std::io::Error| {
        Mistake::new(format!("--keep {} cannot be used: {error}; give another folder", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let is_empty = std::fs::read_dir(folder).map_err(unusable)?.next().is_none();
    let settings = folder.join(SETTINGS_FILE);
    let is_ours = || {
        let mark = CONFIGURATION.lines().next().unwrap_or(CONFIGURATION);
        std::fs::read_to_string(&settings).is_ok_and(|text| text.lines().next() == Some(mark))
    };
    if !is_empty && !is_ours() {
        return Err(Mistake::new(format!(
            "--keep {}: the folder holds something that is no kept demo, and nothing of it is written over; give an \
             empty folder or a new one",
            folder.display()
        )));
    }
    // Written first: from then on it is known for what it is. It also tells whether anything can be written there.
    std::fs::write(&settings, CONFIGURATION).map_err(unusable)?;
    folder.canonicalize().map_err(unusable)
}

/// What of the story did not come to pass: empty where it ended as told.
fn untold(plan: &Plan) -> Vec<String> {
    let mut missing = Vec::new();
    let mut expect = |issue: u64, what: &str, holds: &dyn Fn(&Task) -> bool| {
        let task = plan.task_of(IssueNumber(issue));
        if !task.is_some_and(holds) {
            missing.push(format!("#{issue} {what}"));
        }
    };
    let merged = |task: &Task| task.verdict == Some(Verdict::Merged);
    for issue in [1, 2, 3, 4, 6, 10, 12, 13, 14, 15, 16, 17] {
        expect(issue, "should have been merged", &merged);
    }
    expect(5, "should have failed once and been merged after that", &|task| {
        let outcomes: Vec<_> = task.attempts.iter().map(|attempt| attempt.outcome).collect();
        merged(task) && outcomes == [Some(AttemptOutcome::Failed), Some(AttemptOutcome::Changed)]
    });
    let late = |task: Option<&Task>| {
        let outcomes = task.into_iter().flat_map(|task| &task.attempts).map(|attempt| attempt.outcome);
        outcomes.collect::<Vec<_>>() == [Some(AttemptOutcome::Conflict), Some(AttemptOutcome::Changed)]
    };
    let [one, other] = [16, 17].map(|issue| late(plan.task_of(IssueNumber(issue))));
    expect(17, "or #16 should have met the other's work and been brought onto it", &|_| one != other);
    expect(7, "should have stalled, been healed and been merged", &|task| {
        merged(task) && task.attempts.iter().any(|attempt| attempt.restarts > 0)
    });
    expect(8, "should have escalated", &|task| task.verdict == Some(Verdict::Escalated) && task.attempts.len() >= 3);
    expect(9, "should wait for #8", &|task| task.verdict.is_none() && task.attempts.is_empty());
    expect(11, "should have needed no change", &|task| task.verdict == Some(Verdict::NoChange));
    if !guessed_overlap(plan) {
        missing.push(format!("#14 and #15 should have been thought to meet in {}", sample::COMMON_FILE));
    }
    missing
}

/// Whether the overlap of two issues that name no file was found from their words alone.
fn guessed_overlap(plan: &Plan) -> bool {
    let task = |number: u64| plan.task_of(IssueNumber(number));
    let (Some(one), Some(other)) = (task(14), task(15)) else { return false };
    let silent = |task: &Task| !format!("{} {}", task.title, task.body).contains("items.sh");
    let found = overlap::meeting(&one.footprint, &other.footprint, OverlapPolicy::Balanced);
    let found = found.filter(|found| found.strength == Strength::Soft && found.path == sample::COMMON_FILE);
    silent(one) && silent(other) && found.is_some()
}

#[expect(clippy::print_stderr, reason = "the demo speaks to people on standard error")]
fn report(untold: &[String]) {
    if untold.is_empty() {
        eprintln!("\nThe story ended as told: fifteen of seventeen done; #8 waits for you, and #9 for #8.");
    } else {
        eprintln!("\nThe story did not end as told: {}.", untold.join("; "));
    }
}
