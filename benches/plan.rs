//! How long a plan takes to lay out: `cargo bench --bench plan`. The largest, 10,000 tasks over 50,000 files, must stay
//! below two seconds.

use std::collections::{BTreeMap, BTreeSet};

use task_orchestrator::engine::facts::Priority;
use task_orchestrator::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, Source, Strength};
use task_orchestrator::engine::graph::{Node, layout};
use task_orchestrator::engine::id::{IssueNumber, TaskId};

/// Files there are for each task: of every five, a task claims one of its own, three of anybody's and one that many
/// share.
const FILES_PER_TASK: u64 = 5;
/// Out of how many tasks one file is shared.
const SHARED_BY: u64 = 20;
/// One task in so many depends on others.
const DEPENDENT_ONE_IN: u64 = 3;
/// How far back a dependency reaches, in tasks.
const REACH: u64 = 50;

fn main() {
    divan::main();
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
        area: Area::File(format!("src/part{:03}/file{file:05}.rs", file % 500)),
        strength: Strength::Hard,
        source: Source::Declared,
        evidence: "declared under Files:".to_owned(),
    }))
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
