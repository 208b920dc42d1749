//! Layouts: phases, problems, order and edges, small and large.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::engine::facts::{Priority, area};
use crate::engine::footprint::{Claim, Footprint, OverlapPolicy, Source, Strength};
use crate::engine::graph::{EdgeKind, Layout, Node, Outside, layout};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::problem::ProblemCode;

fn task(number: u64) -> TaskId {
    TaskId(IssueNumber(number))
}

fn node(number: u64, files: &[&str], depends_on: &[u64]) -> Node {
    let claims = files.iter().map(|file| Claim {
        area: area(file).expect("a path"),
        strength: Strength::Hard,
        source: Source::Declared,
        evidence: String::new(),
    });
    Node {
        id: task(number),
        depends_on: depends_on.iter().copied().map(IssueNumber).collect(),
        phase: None,
        priority: Priority::Medium,
        footprint: Footprint::from_claims(claims),
        settled: false,
        problems: Vec::new(),
    }
}

fn plan(nodes: impl IntoIterator<Item = Node>) -> BTreeMap<TaskId, Node> {
    nodes.into_iter().map(|node| (node.id, node)).collect()
}

fn lay(nodes: &BTreeMap<TaskId, Node>) -> Layout {
    layout(nodes, &BTreeMap::new(), OverlapPolicy::Balanced)
}

fn problems(layout: &Layout) -> Vec<(u64, ProblemCode)> {
    layout.problems.iter().map(|problem| (problem.task.expect("has a task").0.0, problem.code)).collect()
}

fn order(layout: &Layout) -> Vec<u64> {
    layout.order.iter().map(|task| task.0.0).collect()
}

fn overlaps(layout: &Layout) -> Vec<(&str, &str)> {
    let overlap = layout.edges.iter().filter(|edge| edge.kind == EdgeKind::Overlap);
    overlap.map(|edge| (edge.from.as_str(), edge.to.as_str())).collect()
}

#[test]
fn phases_come_from_priority_and_are_raised_by_dependencies() {
    let mut nodes = plan([node(1, &[], &[3]), node(2, &[], &[]), node(3, &[], &[])]);
    nodes.entry(task(1)).and_modify(|node| node.priority = Priority::Critical);
    nodes.entry(task(2)).and_modify(|node| node.priority = Priority::Critical);
    nodes.entry(task(3)).and_modify(|node| node.priority = Priority::High);
    let layout = lay(&nodes);
    let seen: Vec<(&str, &[TaskId])> =
        layout.phases.iter().map(|phase| (phase.name.as_str(), phase.tasks.as_slice())).collect();
    assert_eq!(seen, [("Phase 1: Critical", &[task(2)][..]), ("Phase 2: High", &[task(1), task(3)][..])]);
    assert_eq!(order(&layout), [2, 3, 1]);
    let gate = layout.edges.last().expect("an edge between the phases");
    assert_eq!(
        (gate.kind, gate.from.as_str(), gate.to.as_str()),
        (EdgeKind::Phase, "Phase 1: Critical", "Phase 2: High")
    );
}

#[test]
fn a_stated_phase_before_its_dependency_is_a_problem() {
    let mut nodes = plan([node(1, &[], &[]), node(2, &[], &[1]), node(3, &[], &[2])]);
    nodes.entry(task(1)).and_modify(|node| node.phase = Some(2));
    nodes.entry(task(2)).and_modify(|node| node.phase = Some(1));
    let layout = lay(&nodes);
    assert_eq!(problems(&layout), [(2, ProblemCode::PhaseOrder)]);
    assert_eq!(layout.held_up, BTreeSet::from([task(2), task(3)]));
    assert_eq!(order(&layout), [1]);
    assert_eq!(layout.phases[0].name, "Phase 1");
}

#[test]
fn circles_block_only_their_members_and_dependents() {
    let nodes = plan([
        node(1, &[], &[2]),
        node(2, &[], &[3]),
        node(3, &[], &[1]),
        node(4, &[], &[1]),
        node(5, &[], &[]),
        node(6, &[], &[6]),
    ]);
    let layout = lay(&nodes);
    let cycle = |number| (number, ProblemCode::Cycle);
    assert_eq!(problems(&layout), [cycle(1), cycle(2), cycle(3), (6, ProblemCode::SelfDependency)]);
    assert!(layout.problems[0].message.contains("#1 → #2 → #3 → #1"), "{}", layout.problems[0].message);
    assert_eq!(order(&layout), [5]);
}

#[test]
fn dependencies_outside_the_plan_may_be_open_closed_or_missing() {
    let nodes = plan([node(1, &[], &[10]), node(2, &[], &[11]), node(3, &[], &[12]), node(4, &[], &[13])]);
    let outside = BTreeMap::from([
        (IssueNumber(10), Outside::Open),
        (IssueNumber(11), Outside::Closed),
        (IssueNumber(12), Outside::Missing),
    ]);
    let layout = layout(&nodes, &outside, OverlapPolicy::Balanced);
    assert_eq!(problems(&layout), [(3, ProblemCode::MissingDependency), (4, ProblemCode::MissingDependency)]);
    assert_eq!(order(&layout), [1, 2]);
}

#[test]
fn too_many_phases_and_too_many_files_are_problems() {
    let files: Vec<String> = (0..31).map(|i| format!("f{i}.rs")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut nodes = plan((1..=12).map(|number| Node { phase: Some(number), ..node(u64::from(number), &[], &[]) }));
    nodes.insert(task(20), Node { phase: Some(1), ..node(20, &files, &[]) });
    nodes.insert(task(21), Node { phase: Some(1), ..node(21, &files[..30], &[]) });
    let expected = [(11, ProblemCode::TooManyPhases), (12, ProblemCode::TooManyPhases), (20, ProblemCode::TooLarge)];
    assert_eq!(problems(&lay(&nodes)), expected);
}

#[test]
fn overlap_edges_join_neighbours_in_expected_order() {
    let nodes = plan([
        node(1, &["a.rs"], &[]),
        node(2, &["a.rs"], &[]),
        node(3, &["a.rs", "b.rs"], &[]),
        node(4, &["b.rs"], &[3]),
        node(5, &["c/"], &[]),
        node(6, &["c/x.rs"], &[]),
        node(7, &["c/y.rs"], &[]),
        node(8, &["c/*.rs"], &[]),
    ]);
    let layout = lay(&nodes);
    assert_eq!(order(&layout), [3, 5, 1, 4, 6, 7, 2, 8]);
    assert_eq!(
        overlaps(&layout),
        [
            ("t3", "t1"),
            ("t3", "t4"),
            ("t5", "t6"),
            ("t5", "t7"),
            ("t1", "t2"),
            ("t5", "t8"),
            ("t6", "t8"),
            ("t7", "t8")
        ]
    );
    let lengths = |number| (layout.remaining[&task(number)], layout.contention[&task(number)]);
    assert_eq!([lengths(1), lengths(3), lengths(4), lengths(5)], [(1, 3), (2, 5), (1, 2), (1, 1)]);
    assert!(layout.edges.iter().any(|edge| edge.evidence == "both declare `a.rs`"));
}

/// All that waited for the same one start when it ends, unless they meet each other: files that are not known, and
/// patterns, keep apart tasks that do not.
#[test]
fn who_waits_for_one_task_waits_for_no_other() {
    let unknown = [node(1, &[], &[]), node(2, &["a"], &[]), node(3, &["b"], &[2]), node(4, &["c"], &[])];
    let nodes = plan(unknown.into_iter().chain([node(5, &["d"], &[1]), node(6, &["e"], &[5])]));
    let layout = layout(&nodes, &BTreeMap::new(), OverlapPolicy::Strict);
    assert_eq!(order(&layout), [1, 2, 5, 4, 3, 6]);
    let wide = [node(1, &["d/"], &[]), node(2, &["*.x"], &[]), node(3, &["*.y"], &[]), node(4, &["z"], &[2])];
    let nodes = plan(wide.into_iter().chain([node(5, &["u"], &[1]), node(6, &["v"], &[5])]));
    assert_eq!(order(&lay(&nodes)), [1, 2, 5, 3, 4, 6]);
}

#[test]
fn settled_tasks_are_in_their_phase_and_in_no_order() {
    let mut nodes = plan([node(1, &["a.rs"], &[]), node(2, &["a.rs"], &[1])]);
    nodes.entry(task(1)).and_modify(|node| node.settled = true);
    let layout = lay(&nodes);
    assert_eq!(layout.phases[0].tasks, [task(1), task(2)]);
    assert_eq!(order(&layout), [2]);
    assert_eq!(layout.remaining, BTreeMap::from([(task(2), 1)]));
}

/// Ten thousand tasks over fifty thousand files: five files each, every hundredth of them shared by all, chains of ten.
#[test]
fn a_plan_of_ten_thousand_tasks_is_laid_out_whole() {
    let nodes = plan((1..=10_000_u64).map(|number| {
        let own: Vec<String> = (0..5).map(|i| format!("src/m{}/f{}.rs", number % 97, number * 5 + i)).collect();
        let mut files: Vec<&str> = own.iter().map(String::as_str).collect();
        if number.is_multiple_of(100) {
            files.push("Cargo.toml");
        }
        let before = [number - 1];
        node(number, &files, if number % 10 == 1 { &[] } else { &before })
    }));
    let layout = lay(&nodes);
    assert_eq!(layout.problems, []);
    assert_eq!(layout.order.iter().collect::<BTreeSet<_>>().len(), 10_000);
    let count = |kind| layout.edges.iter().filter(|edge| edge.kind == kind).count();
    assert_eq!((count(EdgeKind::DependsOn), count(EdgeKind::Overlap), count(EdgeKind::Phase)), (9_000, 99, 0));
    assert_eq!(layout.remaining[&task(91)], 10);
    assert_eq!((layout.remaining[&task(100)], layout.contention[&task(100)]), (1, 105));
}

#[test]
fn a_file_that_everybody_shares_and_a_chain_of_all_are_laid_out() {
    let shared = lay(&plan((1..=3_000).map(|number| node(number, &["one.rs"], &[]))));
    assert_eq!(order(&shared), (1..=3_000).collect::<Vec<_>>());
    assert_eq!(overlaps(&shared).len(), 2_999);
    let after = |number: u64| if number == 1 { Vec::new() } else { vec![number - 1] };
    let chain = lay(&plan((1..=3_000).map(|number| node(number, &[], &after(number)))));
    assert_eq!(order(&chain), (1..=3_000).collect::<Vec<_>>());
    assert_eq!(chain.remaining[&task(1)], 3_000);
}

fn any_plan() -> impl Strategy<Value = Vec<Node>> {
    let files = proptest::sample::select(vec!["a", "b", "d/", "d/x", "d/y", "d/*", "**", "*.rs", "x.rs"]);
    let one = (
        proptest::collection::vec(files, 0..3),
        proptest::collection::vec(1_u64..20, 0..3),
        proptest::option::weighted(0.2, 1_u32..14),
        any::<bool>(),
    );
    proptest::collection::vec(one, 0..16).prop_map(|list| {
        let numbered = (1..).zip(list);
        numbered
            .map(|(number, (files, depends_on, phase, settled))| Node {
                phase,
                settled: settled && number % 3 == 0,
                ..node(number, &files, &depends_on)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn whatever_is_not_held_up_is_ordered_once_after_its_dependencies(list in any_plan(), strict in any::<bool>()) {
        let policy = if strict { OverlapPolicy::Strict } else { OverlapPolicy::Balanced };
        let nodes = plan(list);
        let outside = (1..20).map(|number| (IssueNumber(number), Outside::Closed)).collect();
        let layout = layout(&nodes, &outside, policy);
        let expected: BTreeSet<TaskId> = nodes
            .values()
            .filter(|node| !node.settled && !layout.held_up.contains(&node.id))
            .map(|node| node.id)
            .collect();
        prop_assert_eq!(layout.order.iter().copied().collect::<BTreeSet<_>>(), expected);
        prop_assert_eq!(layout.order.len(), layout.order.iter().collect::<BTreeSet<_>>().len());
        let place = |id: TaskId| layout.order.iter().position(|task| *task == id);
        for node in nodes.values() {
            for issue in &node.depends_on {
                if let (Some(before), Some(after)) = (place(TaskId(*issue)), place(node.id)) {
                    prop_assert!(before < after);
                }
            }
        }
    }
}
