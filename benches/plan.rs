//! How long a plan takes: `cargo bench --bench plan`. From the texts of 10,000 issues over an index of 50,000 paths to
//! the layout it must stay below two seconds, or this fails.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use task_orchestrator::engine::facts::{self, Priority};
use task_orchestrator::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, Source, Strength};
use task_orchestrator::engine::graph::{Layout, Node, layout};
use task_orchestrator::engine::id::{IssueNumber, TaskId};
use task_orchestrator::infer::{self, Index};

/// Files there are for each task: of every five, a task claims one of its own, three of anybody's and one that many
/// share.
const FILES_PER_TASK: u64 = 5;
/// Out of how many tasks one file is shared.
const SHARED_BY: u64 = 20;
/// One task in so many depends on others.
const DEPENDENT_ONE_IN: u64 = 3;
/// How far back a dependency reaches, in tasks.
const REACH: u64 = 50;

/// Issues that the bound holds for.
const ISSUES: u64 = 10_000;
/// Times that planning them is measured; the median counts.
const MEASURED: usize = 5;
/// Longest median.
const MEDIAN_MAX: Duration = Duration::from_secs(2);

#[expect(clippy::print_stdout, reason = "the figure is what a bench is for")]
fn main() -> ExitCode {
    divan::main();
    // Only `cargo bench` says so; run as a test, without optimisation, there is nothing to judge.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let median = median();
    println!(
        "{ISSUES} issues from text to layout: {:.2} s (at most {:.0} s)",
        median.as_secs_f64(),
        MEDIAN_MAX.as_secs_f64()
    );
    if median < MEDIAN_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The median time to plan [`ISSUES`] issues.
fn median() -> Duration {
    let issues = issues(ISSUES);
    let index = index(ISSUES);
    let mut times: Vec<Duration> = (0..MEASURED)
        .map(|_| {
            let began = Instant::now();
            let laid_out = divan::black_box(plan(divan::black_box(&issues), &index));
            let took = began.elapsed();
            assert_eq!(laid_out.remaining.len(), issues.len(), "every task is laid out");
            took
        })
        .collect();
    times.sort_unstable();
    times[MEASURED / 2]
}

/// Numbers that look random and are the same every time (a linear congruential generator with Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    /// The next number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }
}

fn footprint(task: u64, tasks: u64, numbers: &mut Numbers) -> Footprint {
    let files = tasks * FILES_PER_TASK;
    let shared = (tasks / SHARED_BY).max(1);
    let mut claimed = BTreeSet::from([task * FILES_PER_TASK, numbers.below(shared) * FILES_PER_TASK * SHARED_BY + 1]);
    claimed.extend((0..FILES_PER_TASK - 2).map(|_| numbers.below(files)));
    Footprint::from_claims(claimed.into_iter().map(|file| Claim {
        area: Area::File(path(file)),
        strength: Strength::Hard,
        source: Source::Declared,
        evidence: "declared under Files:".to_owned(),
    }))
}

fn path(file: u64) -> String {
    format!("src/part{:03}/file{file:05}.rs", file % 500)
}

/// The repository's files.
fn index(issues: u64) -> Index {
    Index::new((0..issues * FILES_PER_TASK).map(path))
}

/// Issues as people write them: some files declared, one mentioned in a sentence, one by its name alone.
fn issues(count: u64) -> Vec<(u64, String, String)> {
    let mut numbers = Numbers(count);
    let files = count * FILES_PER_TASK;
    let shared = (count / SHARED_BY).max(1);
    let issue = |number: u64| {
        let depends = number > 1 && numbers.below(DEPENDENT_ONE_IN) == 0;
        let depends = if depends { number - 1 - numbers.below((number - 1).min(REACH)) } else { 0 };
        let depends = if depends > 0 { format!("Depends on: #{depends}\n") } else { String::new() };
        let own = path((number - 1) * FILES_PER_TASK);
        let common = path(numbers.below(shared) * FILES_PER_TASK * SHARED_BY + 1);
        let mentioned = path(numbers.below(files));
        let name = numbers.below(files);
        let body = format!(
            "The parser loses the last line of an empty block. It begins in `{mentioned}`, and the tests in \
             file{name:05}.rs do not see it.\n\n```rust\nassert!(parse(\"\").is_err());\n```\n\n\
             Files: {own}, {common}\n{depends}Validate: cargo test\n"
        );
        (number, format!("Keep the last line of block {number}"), body)
    };
    (1..=count).map(issue).collect()
}

/// From the texts to the layout.
fn plan(issues: &[(u64, String, String)], index: &Index) -> Layout {
    let labels = ["orchestrate".to_owned()];
    let node = |(number, title, body): &(u64, String, String)| {
        let id = TaskId(IssueNumber(*number));
        let facts = facts::read(title, body, &labels);
        let footprint = infer::footprint(&facts, Some(index), None);
        let node = Node {
            id,
            footprint,
            depends_on: facts.depends_on,
            phase: facts.phase,
            priority: facts.priority.unwrap_or_default(),
            settled: false,
            problems: facts.problems,
        };
        (id, node)
    };
    let nodes: BTreeMap<TaskId, Node> = issues.iter().map(node).collect();
    layout(&nodes, &BTreeMap::new(), OverlapPolicy::Balanced)
}

/// From the issues' texts to the layout, as a first look at a repository does it.
#[divan::bench(args = [100, 1_000], sample_count = 5)]
fn from_text(bencher: divan::Bencher<'_, '_>, count: u64) {
    let (issues, index) = (issues(count), index(count));
    bencher.bench_local(|| plan(divan::black_box(&issues), &index));
}

fn nodes(tasks: u64) -> BTreeMap<TaskId, Node> {
    let mut numbers = Numbers(tasks);
    let priorities = [Priority::Critical, Priority::High, Priority::Medium, Priority::Low];
    let node = |task: u64| {
        let id = TaskId(IssueNumber(task + 1));
        let depends = task > 0 && numbers.below(DEPENDENT_ONE_IN) == 0;
        let depends_on = if depends { vec![IssueNumber(task - numbers.below(task.min(REACH)))] } else { Vec::new() };
        let node = Node {
            id,
            depends_on,
            phase: None,
            priority: priorities[numbers.below(priorities.len() as u64) as usize],
            footprint: footprint(task, tasks, &mut numbers),
            settled: false,
            problems: Vec::new(),
        };
        (id, node)
    };
    (0..tasks).map(node).collect()
}

/// A plan laid out from its nodes, as each change of an issue does it.
#[divan::bench(args = [10, 100, 1_000, 10_000], sample_count = 10)]
fn lay_out(bencher: divan::Bencher<'_, '_>, tasks: u64) {
    let nodes = nodes(tasks);
    let outside = BTreeMap::new();
    let laid_out = layout(&nodes, &outside, OverlapPolicy::Balanced);
    assert_eq!(laid_out.remaining.len(), nodes.len(), "every task is laid out");
    bencher.bench_local(|| layout(divan::black_box(&nodes), &outside, OverlapPolicy::Balanced));
}
