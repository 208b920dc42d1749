//! Measures whole runs of `local`: forty issues over fifteen files of a repository, eight at once, first undisturbed,
//! then killed again and again with all its processes.
//!
//! `cargo bench --bench local` makes a repository up and kills ten times; `-- --help` tells the flags. A task's length
//! is its agent's time plus `c`, the mean gap between the agents in three chains of three one-file tasks that are
//! measured first, each chain alone; the makespan is held against the longest of the longest dependency chain, the
//! busiest file, and all work divided by eight. The killed run must come to the same end: everything merged, no
//! conflict, every attempt run once, one pull request per task, each change once in the merged tree. Everything is
//! measured and printed before what was missed is told and makes the bench fail.

#![expect(clippy::expect_used, reason = "a bench that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

#[path = "local/chance.rs"]
mod chance;
#[path = "local/figures.rs"]
mod figures;
#[allow(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../tests/it/support/program/mod.rs"]
mod program;
#[path = "local/repository.rs"]
mod repository;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::Value;

use chance::Chance;
use figures::{Bound, ends, gaps, mean};
use program::undisturbed::differences;
use program::{Running, Stage, git, issue};

const FILES: usize = 15;
const PARALLEL: u32 = 8;
/// Chains measured, of so many tasks each.
const CHAINS: usize = 3;
const CHAIN: u64 = 3;
/// Longest time of an agent in a chain: the gaps do not depend on it.
const CHAIN_SECONDS_MAX: f64 = 2.0;
/// The gap may be so long, in seconds.
const GAP_MAX: f64 = 2.0;
/// The makespan may exceed the bound by this factor.
const ALLOWED: f64 = 1.25;
/// No run may take longer.
const PATIENCE: Duration = Duration::from_secs(900);
/// The branch that collects what was merged.
const MERGED: &str = "agents";

/// Measures whole runs of `local`.
#[derive(Parser)]
struct Flags {
    /// The repository to work on, on a clone of it; without it one is made up
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    /// How often the second run is killed; 0: no second run
    #[arg(long, value_name = "N", default_value_t = 10)]
    kills: u32,
    /// How long an agent works
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    seconds: f64,
    /// How many issues
    #[arg(long, value_name = "N", default_value_t = 40)]
    issues: u64,
    /// Where the moments of the kills come from; without it by chance
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Benches to run, as cargo hands it to all of them
    #[arg(hide = true)]
    filter: Option<String>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    if flags.filter.as_ref().is_some_and(|filter| !"local".contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    let seed = flags.seed.unwrap_or_else(|| getrandom::u64().expect("the system gives randomness"));
    let folder = tempfile::tempdir().expect("a folder");
    let repository = flags.repo.clone().unwrap_or_else(|| {
        let made = folder.path().join("repository");
        repository::make(&made);
        made
    });
    let mut bench = Bench { flags, repository, missed: Vec::new() };
    let gap = bench.chains();
    let (free, merged) = bench.free(gap);
    if bench.flags.kills > 0 {
        bench.killed(seed, &free, &merged);
    }
    for missed in &bench.missed {
        println!("MISSED: {missed}");
    }
    ExitCode::from(u8::from(!bench.missed.is_empty()))
}

/// What is measured on, and what was missed so far.
struct Bench {
    flags: Flags,
    repository: PathBuf,
    missed: Vec<String>,
}

impl Bench {
    /// Measures the chains, each in a run of its own; gives the mean gap.
    fn chains(&mut self) -> f64 {
        let seconds = self.flags.seconds.min(CHAIN_SECONDS_MAX);
        let mut all = Vec::new();
        for file in 0..CHAINS {
            let scene = Scene::new(&self.repository, seconds, |files| {
                (1..=CHAIN).map(|number| numbered(number, &[&files[file]], None)).collect()
            });
            let found = gaps(&scene.end());
            println!("chain {} of {CHAIN} tasks: gaps {}", file + 1, told(&found));
            all.extend(found);
        }
        let gap = mean(&all);
        println!("c = {gap:.2} s, the mean of {} gaps", all.len());
        if gap > GAP_MAX {
            self.missed.push(format!("c is {gap:.2} s, at most {GAP_MAX} s are allowed"));
        }
        gap
    }

    /// The run that nobody disturbs; gives its summary and what it merged.
    fn free(&mut self, gap: f64) -> (Value, Merged) {
        let mut scene = self.scene();
        let summary = scene.end();
        let bound = Bound::new(&summary, &scene.issues, gap, PARALLEL);
        let Bound { chain, file, share } = bound;
        let makespan = summary["makespan_s"].as_f64().expect("a number");
        let ratio = makespan / bound.seconds();
        println!(
            "{} issues, agents of {} s: longest chain {chain:.1} s, busiest file {file:.1} s, work by {PARALLEL} \
             {share:.1} s",
            scene.issues.len(),
            self.flags.seconds
        );
        println!(
            "undisturbed: makespan {makespan:.1} s, bound {:.1} s, ratio {ratio:.2}, parallelism {}",
            bound.seconds(),
            summary["parallelism"]
        );
        if ratio > ALLOWED {
            self.missed.push(format!("the makespan is {ratio:.2} times the bound, at most {ALLOWED} are allowed"));
        }
        let began = scene.stage.began();
        self.differences("undisturbed", &scene, &summary, &began);
        let merged = scene.merged();
        (summary, merged)
    }

    /// The run that is killed again and again.
    fn killed(&mut self, seed: u64, free: &Value, merged: &Merged) {
        println!("kills at moments of the seed {seed}; the same again: --seed {seed}");
        let mut scene = self.scene();
        let mut chance = Chance::new(seed);
        let mut began = Vec::new();
        let (mut hit, mut moments) = (0, Vec::new());
        // Most starts end before any agent does, some in what follows; too few go so far that forty issues could be
        // done before the last kill.
        let longest = Duration::from_secs_f64(1.0 + 1.3 * self.flags.seconds);
        let longest = u64::try_from(longest.as_millis()).expect("a short time");
        for _ in 0..self.flags.kills {
            let moment = Duration::from_millis(chance.between(1, longest));
            let mut running = scene.start();
            if running.ends_within(moment) {
                println!("the run ended by itself within {moment:.1?}");
                break;
            }
            let ended = running.kill();
            began.extend(scene.stage.began());
            moments.push(moment.as_secs_f64());
            // An exit code is that of a run which ended between the look and the kill.
            hit += u32::from(ended.code.is_none());
        }
        println!("killed {hit} times while it ran, after {}", told(&moments));
        if hit < self.flags.kills {
            self.missed.push(format!("{hit} of {} kills met a run that was alive", self.flags.kills));
        }
        let summary = scene.end();
        began.extend(scene.stage.began());
        println!("{} agents began for {} tasks", began.len(), scene.issues.len());
        self.differences("killed", &scene, &summary, &began);
        if ends(free) != ends(&summary) || *merged != scene.merged() {
            self.missed.push("the killed run ended otherwise than the undisturbed one".to_owned());
        }
    }

    fn differences(&mut self, name: &str, scene: &Scene, summary: &Value, began: &[String]) {
        let found = differences(&scene.stage, MERGED, &scene.issues, summary, began);
        if found.is_empty() {
            println!("{name}: all merged, no conflict, every attempt run once, one pull request per task");
        }
        self.missed.extend(found.into_iter().map(|difference| format!("{name}: {difference}")));
    }

    fn scene(&self) -> Scene {
        let count = self.flags.issues;
        Scene::new(&self.repository, self.flags.seconds, |files| many(files, count))
    }
}

/// Files and their lines, sorted: who came first on a file is not told.
type Merged = BTreeMap<String, Vec<String>>;

/// A clone to work on, with issues and an agent.
struct Scene {
    stage: Stage,
    agent: String,
    issues: Vec<Value>,
}

impl Scene {
    fn new(repository: &Path, seconds: f64, issues: impl FnOnce(&[String]) -> Vec<Value>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        git(folder.path(), &["clone", "--quiet", "--no-hardlinks", &repository.to_string_lossy(), "checkout"]);
        let checkout = folder.path().join("checkout");
        git(&checkout, &["checkout", "--quiet", "-B", "measured"]);
        let issues = issues(&repository::pick(&checkout, FILES));
        let stage = Stage::with(folder);
        stage.issues(&issues);
        let agent = stage.agent(&format!("sleep {seconds}\ntouch_files"));
        Self { stage, agent, issues }
    }

    fn start(&self) -> Running {
        let parallel = PARALLEL.to_string();
        let flags = ["--auto-merge", "--merge-into", MERGED, "--max-parallel", &parallel];
        Running::start(&mut self.stage.local(&self.agent, &flags))
    }

    /// The files that the merged branch changed.
    fn merged(&self) -> Merged {
        let checkout = self.stage.checkout();
        let text = |arguments: &[&str]| git(&checkout, arguments);
        let changed = text(&["diff", "--name-only", "measured", MERGED]);
        let lines = |path: &str| {
            let mut lines: Vec<String> =
                text(&["show", &format!("{MERGED}:{path}")]).lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        changed.lines().map(|path| (path.to_owned(), lines(path))).collect()
    }

    /// Runs to the end; gives the summary.
    fn end(&self) -> Value {
        let ended = self.start().wait_at_most(PATIENCE);
        ended.assert_calm();
        ended.json()
    }
}

/// Tasks over the files: one or two files each, every fifth after another.
fn many(files: &[String], count: u64) -> Vec<Value> {
    let place = |number: u64| usize::try_from(number).expect("small") % files.len();
    let one = |number: u64| {
        let (first, second) = (place(number * 7), place(number * 11 + 3));
        let mut places = if number.is_multiple_of(4) { vec![first, second] } else { vec![first] };
        places.sort_unstable();
        places.dedup();
        let paths: Vec<&str> = places.iter().map(|place| files[*place].as_str()).collect();
        numbered(number, &paths, (number > 5 && number.is_multiple_of(5)).then(|| number - 3))
    };
    (1..=count).map(one).collect()
}

fn numbered(number: u64, paths: &[&str], after: Option<u64>) -> Value {
    let after = after.map_or_else(String::new, |after| format!("\nDepends on: #{after}\n"));
    issue(number, &format!("Task {number}"), &format!("Files: {}\n{after}", paths.join(", ")))
}

fn told(seconds: &[f64]) -> String {
    let each: Vec<String> = seconds.iter().map(|seconds| format!("{seconds:.2} s")).collect();
    each.join(", ")
}
