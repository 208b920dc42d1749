//! Planner and scheduler against a naive reference: the same answers on random plans, by comparing everybody with
//! everybody. The reference shares no code with what it checks but the rows and their spelling.
//!
//! Some thousands of plans each time; 100,000 with `ORCHESTRATOR_FULL=1`.

pub(in crate::engine) mod areas;
mod layout;
pub(in crate::engine) mod schedule;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::engine::facts::{Priority, area};
use crate::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, RankedFile, Source, Strength};
use crate::engine::graph::{EdgeKind, Layout, Node, Outside, layout};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::overlap::{LockTable, meet, meeting};
use crate::engine::problem::ProblemCode;
use crate::engine::schedule::{Candidate, pick, starts};
use crate::engine::tests::layout::Naive;
use crate::engine::tests::schedule::Holder;

/// Plans of a full run, and of a quick one.
pub(in crate::engine) const PLANS: (u32, u32) = (100_000, 1_500);

/// What people write, so that files, folders and patterns meet in every pairing.
const PLAIN: &[&str] =
    &["a", "A", "d", "d/x.rs", "d/x.rs", "d/Y.rs", "e/x.rs", "d/f/z.rs", "a.rs", "d/", "D/", "d/f/", "e/", "/"];
const PATTERNS: &[&str] = &[
    "*",
    "*.rs",
    "*x.rs",
    "d/*",
    "d/*.rs",
    "d/**/*.rs",
    "**/x.rs",
    "d/**",
    "?.rs",
    "{a,b}.rs",
    "[a].rs",
    "d/f/**/z.rs",
    "e/*/z.rs",
];

pub(in crate::engine) const POLICIES: [OverlapPolicy; 4] =
    [OverlapPolicy::Strict, OverlapPolicy::Balanced, OverlapPolicy::Declared, OverlapPolicy::Off];

pub(in crate::engine) fn cases() -> ProptestConfig {
    let (full, quick) = PLANS;
    let cases = if std::env::var_os("ORCHESTRATOR_FULL").is_some() { full } else { quick };
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

pub(in crate::engine) fn any_footprint() -> impl Strategy<Value = Footprint> {
    // Patterns are costly to make ready.
    let path = prop_oneof![5 => proptest::sample::select(PLAIN), 1 => proptest::sample::select(PATTERNS)];
    let claim = (path, 0..8_usize).prop_map(|(path, worth)| {
        let (strength, source) = match worth {
            0 => (Strength::Weak, Source::Inferred),
            1 => (Strength::Soft, Source::Inferred),
            2 => (Strength::Hard, Source::Confirmed),
            3 => (Strength::Hard, Source::Real),
            4 => (Strength::Soft, Source::Declared),
            _ => (Strength::Hard, Source::Declared),
        };
        Claim { area: area(path).expect("a path"), strength, source, evidence: String::new() }
    });
    let claims = prop_oneof![2 => proptest::collection::vec(claim, 0..4), 1 => Just(Vec::new())];
    (claims, any_ranking()).prop_map(|(claims, ranked)| Footprint::from_claims(claims).with_ranked(ranked))
}

/// Rankings that meet below, at and above both thresholds, of up to seven files.
pub(in crate::engine) fn any_ranking() -> impl Strategy<Value = Vec<RankedFile>> {
    let files: Vec<&str> = PLAIN.iter().copied().filter(|path| !path.ends_with('/')).collect();
    let share = proptest::sample::select(vec![1_000, 775, 600, 450, 447, 200, 199, 30]);
    let file = (proptest::sample::select(files), share).prop_map(|(path, share)| RankedFile {
        path: path.to_owned(),
        share,
        evidence: String::new(),
    });
    prop_oneof![1 => Just(Vec::new()), 2 => proptest::collection::vec(file, 0..8)]
}

fn any_priority() -> impl Strategy<Value = Priority> {
    proptest::sample::select(vec![
        Priority::Critical,
        Priority::High,
        Priority::Medium,
        Priority::Medium,
        Priority::Low,
    ])
}

/// A plan. In three of four dependencies lead to smaller numbers only, so that there is no circle.
fn any_nodes() -> impl Strategy<Value = BTreeMap<TaskId, Node>> {
    let links = proptest::collection::vec(0..100_u64, 0..3);
    let row = (any_footprint(), links, proptest::option::weighted(0.15, 1..14_u32), any_priority(), 0..10_u32);
    (proptest::collection::vec(row, 0..10), 0..4_u32).prop_map(|(rows, wild)| {
        let count = rows.len() as u64;
        let numbered = (1..).zip(rows);
        numbered
            .map(|(number, (footprint, links, phase, priority, settled))| {
                let to = if wild == 0 { count + 3 } else { number };
                let depends_on = links.iter().map(|link| link % (to * 2)).filter(|to| *to > 0);
                let depends_on = depends_on.filter(|other| wild == 0 || *other < number).map(IssueNumber).collect();
                let (id, settled) = (TaskId(IssueNumber(number)), settled == 0);
                let node = Node { id, depends_on, phase, priority, footprint, settled, problems: Vec::new() };
                (id, node)
            })
            .collect()
    })
}

fn outside() -> BTreeMap<IssueNumber, Outside> {
    let kinds = [Outside::Closed, Outside::Open, Outside::Missing, Outside::Closed];
    (1..30).map(|number| (IssueNumber(number), kinds[number as usize % 4])).collect()
}

/// What one layout says otherwise than the naive one.
fn differences(nodes: &BTreeMap<TaskId, Node>, layout: &Layout, policy: OverlapPolicy) -> Vec<String> {
    let outside = outside();
    let naive = Naive::new(nodes, &outside, policy);
    let mut wrong = Vec::new();
    let mut same = |what: &str, found: String, expected: String| {
        if found != expected {
            wrong.push(format!("{what}: found {found}, expected {expected}"));
        }
    };
    let phase_of = |layout: &Layout| -> BTreeMap<TaskId, u32> {
        layout.phases.iter().flat_map(|phase| phase.tasks.iter().map(|task| (*task, phase.number))).collect()
    };
    same("phases", format!("{:?}", phase_of(layout)), format!("{:?}", naive.phase));
    let problems: BTreeSet<(TaskId, ProblemCode)> =
        layout.problems.iter().filter_map(|problem| Some((problem.task?, problem.code))).collect();
    same("problems", format!("{problems:?}"), format!("{:?}", naive.problems()));
    same("held up", format!("{:?}", layout.held_up), format!("{:?}", naive.held_up()));
    for id in nodes.keys().filter(|id| !nodes[id].settled) {
        if let Some(remaining) = naive.remaining(*id) {
            same(&format!("path of {id}"), format!("{}", layout.remaining[id]), remaining.to_string());
        }
        same(&format!("sharers of {id}"), format!("{}", layout.contention[id]), naive.contention(*id).to_string());
    }
    let order = naive.order(layout);
    same("order", format!("{:?}", layout.order), format!("{order:?}"));
    let mut circles = layout.problems.iter().filter(|problem| problem.code == ProblemCode::Cycle);
    let untrue = circles.find(|problem| !naive.is_shortest_circle(&problem.message));
    same("circle", format!("{untrue:?}"), "None".to_owned());
    wrong.extend(edge_differences(&naive, layout));
    wrong
}

fn edge_differences(naive: &Naive<'_>, layout: &Layout) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = |(from, to): (TaskId, TaskId)| (from.to_string(), to.to_string());
    let depends: BTreeSet<(String, String)> = naive.depends().into_iter().map(name).collect();
    let own = |(from, to): (&str, &str)| (from.to_owned(), to.to_owned());
    let found: BTreeSet<(String, String)> = Naive::named(layout, EdgeKind::DependsOn).into_iter().map(own).collect();
    if found != depends {
        wrong.push(format!("dependencies {found:?}, expected {depends:?}"));
    }
    let mut overlaps: BTreeSet<(TaskId, TaskId)> = BTreeSet::new();
    for later in 0..layout.order.len() {
        overlaps.extend(naive.overlaps(&layout.order, later).into_iter().map(|before| (before, layout.order[later])));
    }
    let expected: BTreeSet<(String, String)> = overlaps.iter().copied().map(name).collect();
    let found: BTreeSet<(String, String)> = Naive::named(layout, EdgeKind::Overlap).into_iter().map(own).collect();
    if found != expected {
        wrong.push(format!("overlaps {found:?}, expected {expected:?}"));
    }
    let ids: BTreeMap<String, TaskId> = layout.order.iter().map(|id| (id.to_string(), *id)).collect();
    for edge in layout.edges.iter().filter(|edge| edge.kind == EdgeKind::Overlap) {
        if !naive.explains(edge, ids[&edge.from], ids[&edge.to]) {
            wrong.push(format!("{edge:?} is not why"));
        }
    }
    let gates = layout.phases.windows(2).map(|pair| (pair[0].name.as_str(), pair[1].name.as_str())).collect();
    if Naive::named(layout, EdgeKind::Phase) != gates {
        wrong.push(format!("gates {gates:?}"));
    }
    wrong.extend(unexplained(naive, layout, &overlaps));
    wrong
}

/// Tasks of a phase that exclude each other over a file, and whose order no chain of edges tells. Patterns that only
/// might meet hand nothing on, and are left out.
fn unexplained(naive: &Naive<'_>, layout: &Layout, overlaps: &BTreeSet<(TaskId, TaskId)>) -> Vec<String> {
    let mut reach: BTreeSet<(TaskId, TaskId)> = overlaps.clone();
    for via in &layout.order {
        for from in &layout.order {
            for to in &layout.order {
                if reach.contains(&(*from, *via)) && reach.contains(&(*via, *to)) {
                    reach.insert((*from, *to));
                }
            }
        }
    }
    let pairs = (0..layout.order.len()).flat_map(|later| (0..later).map(move |earlier| (earlier, later)));
    let pairs = pairs.map(|(earlier, later)| (layout.order[earlier], layout.order[later]));
    let apart = |(a, b): &(TaskId, TaskId)| naive.phase[a] == naive.phase[b] && naive.exclude(*a, *b);
    let lost = pairs.filter(apart).filter(|pair| !reach.contains(pair));
    lost.map(|(a, b)| format!("nothing tells why {a} comes before {b}")).collect()
}

type Flags = [bool; 3];

/// A candidate's path, sharers, priority, times passed over, and whether it waits for a person, joined late, holds.
type Standing = (u32, u32, Priority, u32, Flags);

fn any_standing() -> impl Strategy<Value = Standing> {
    (1..4_u32, 0..4_u32, any_priority(), 0..7_u32, any::<Flags>())
}

fn candidate<'a>(number: u64, (footprint, standing): &'a (Footprint, Standing)) -> Candidate<'a> {
    let (remaining, contention, priority, passed_over, [waits_for_person, first, holds]) = *standing;
    Candidate {
        id: TaskId(IssueNumber(number)),
        footprint,
        remaining,
        contention,
        priority,
        passed_over,
        waits_for_person: waits_for_person && passed_over > 2,
        ready: !number.is_multiple_of(5),
        first: first && holds,
        holds: holds && !first,
    }
}

fn table(holders: &[Holder], policy: OverlapPolicy) -> LockTable {
    let mut table = LockTable::new(policy);
    holders.iter().for_each(|(id, footprint)| table.insert(*id, footprint));
    table
}

fn holders(footprints: Vec<Footprint>) -> Vec<Holder> {
    (4..).zip(footprints).map(|(number, footprint)| (TaskId(IssueNumber(number)), footprint)).collect()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_plan_is_laid_out_as_the_naive_reference_says(nodes in any_nodes(), policy in 0..4_usize) {
        let policy = POLICIES[policy];
        let layout = layout(&nodes, &outside(), policy);
        let wrong = differences(&nodes, &layout, policy);
        prop_assert!(wrong.is_empty(), "{policy}: {wrong:#?}");
        for phase in &layout.phases {
            let open = |id: &TaskId| !nodes[id].settled && !layout.held_up.contains(id);
            let met = |issue: &IssueNumber| match nodes.get(&TaskId(*issue)) {
                Some(other) => other.settled || !phase.tasks.contains(&other.id),
                None => outside().get(issue) == Some(&Outside::Closed),
            };
            let ready = phase.tasks.iter().filter(|id| open(id) && nodes[id].depends_on.iter().all(met));
            let candidates = ready.map(|id| Candidate {
                id: *id,
                footprint: &nodes[id].footprint,
                remaining: layout.remaining[id],
                contention: layout.contention[id],
                priority: nodes[id].priority,
                passed_over: 0,
                waits_for_person: false,
                ready: true,
                first: false,
                holds: false,
            });
            let (held, running, slots) = (Vec::new(), Vec::new(), usize::MAX);
            let naive = schedule::Naive { candidates: candidates.collect(), held, running, slots, policy }.answer();
            let found = starts(&layout, phase, &nodes, &outside(), policy);
            prop_assert_eq!((found.start, found.passed_over), (naive.start, naive.passed_over), "{}", phase.name);
        }
    }

    #[test]
    fn footprints_meet_as_the_naive_reference_says(a in any_footprint(), b in any_footprint()) {
        for policy in POLICIES {
            let (found, naive) = (meeting(&a, &b, policy), areas::meet(&a, &b, policy));
            prop_assert_eq!(found.is_some(), naive.is_some(), "{}: {:?} {:?}", policy, found, naive);
            if let (Some(found), Some(naive)) = (&found, &naive) {
                prop_assert!(naive.is(found), "{}: {:?}, expected {:?}", policy, found, naive);
            }
            prop_assert_eq!(found, meeting(&b, &a, policy), "{}", policy);
        }
    }

    #[test]
    fn who_starts_is_who_the_naive_reference_starts(
        rows in proptest::collection::vec((any_footprint(), any_standing()), 0..12),
        held in proptest::collection::vec(any_footprint(), 0..3),
        running in proptest::collection::vec(any_footprint(), 0..2),
        (slots, policy) in (0..6_usize, 0..4_usize),
    ) {
        let policy = POLICIES[policy];
        let candidates: Vec<Candidate<'_>> = (1..).zip(&rows).map(|(number, row)| candidate(number, row)).collect();
        let (held, running) = (holders(held), holders(running));
        let found = pick(&candidates, &table(&held, policy), &table(&running, policy), slots, policy);
        let footprint = |id: TaskId| candidates.iter().find(|one| one.id == id).map(|one| one.footprint.clone());
        let naive = schedule::Naive { candidates: candidates.clone(), held, running, slots, policy };
        let answer = naive.answer();
        prop_assert_eq!((&found.start, &found.passed_over), (&answer.start, &answer.passed_over), "{}", policy);
        let waiting: BTreeSet<TaskId> = found.waits.keys().copied().collect();
        prop_assert_eq!(waiting, answer.waits.keys().copied().collect::<BTreeSet<TaskId>>());
        for (id, wait) in &found.waits {
            prop_assert!(answer.waits[id].contains(&wait.holder), "{} waits for {:?}", id, wait);
            let mine = footprint(*id).expect("it was asked");
            let known = naive.held.iter().chain(&naive.running).filter(|(id, _)| *id == wait.holder);
            let theirs = known.map(|(_, footprint)| footprint.clone()).chain(footprint(wait.holder));
            let mut theirs = theirs.filter(|theirs| areas::is_one(&wait.meeting, &mine, theirs, policy));
            prop_assert!(theirs.next().is_some(), "{} waits untruly: {:?}", id, wait);
        }
    }

}

#[test]
fn areas_meet_as_the_naive_reference_says_and_what_matches_one_file_meets() {
    let all: Vec<Area> = PLAIN.iter().chain(PATTERNS).map(|path| area(path).expect("a path")).collect();
    let files = ["a", "d/x.rs", "d/y.rs", "e/x.rs", "d/f/z.rs", "e/f/z.rs", "a.rs", "b.rs", "d/f/g/z.rs", "ax.rs"];
    let files: Vec<Area> = files.iter().map(|file| area(file).expect("a path")).collect();
    let has = |one: &Area, file: &Area| meet(one, file).is_some_and(|path| path == file.display());
    // Whether a file's name is a folder's is not known; patterns are not compared with it so.
    let named = |one: &Area| matches!(one, Area::File(path) if !path.contains('.'));
    for one in &all {
        for other in &all {
            assert_eq!(meet(one, other), areas::path(one, other), "{one:?} {other:?}");
            let both = files.iter().find(|file| has(one, file) && has(other, file));
            let known = !named(one) && !named(other);
            assert!(meet(one, other).is_some() || !known || both.is_none(), "{one:?} {other:?} {both:?}");
        }
    }
}
