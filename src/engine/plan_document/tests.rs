//! The security framework example as its document shows it, and the renderings.

use std::collections::BTreeMap;

use crate::engine::facts::Priority;
use crate::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, RankedFile, Source, Strength};
use crate::engine::graph::{EdgeKind, Node, layout};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::manifest::Manifest;
use crate::engine::plan_document::{PlanDocument, ProblemDocument, plan_document};
use crate::engine::problem::ProblemCode;

fn example(policy: OverlapPolicy) -> PlanDocument {
    let manifest = Manifest::parse(include_str!("../../../tests/data/security-framework.json")).expect("well formed");
    let plan = manifest.plan().expect("a plan");
    let layout = layout(&plan.nodes, &BTreeMap::new(), policy).with_phase_names(&plan.phase_names);
    plan_document(&layout, &plan.nodes, &plan.titles, &BTreeMap::new(), policy)
}

fn starts(document: &PlanDocument) -> Vec<(&str, Vec<String>)> {
    let ids =
        |phase: &crate::engine::plan_document::PhaseDocument| phase.starts.iter().map(ToString::to_string).collect();
    document.phases.iter().map(|phase| (phase.name.as_str(), ids(phase))).collect()
}

fn waits<'a>(document: &'a PlanDocument, id: &str) -> &'a str {
    let mut tasks = document.phases.iter().flat_map(|phase| &phase.tasks);
    tasks.find(|task| task.id.to_string() == id).and_then(|task| task.waits.as_deref()).unwrap_or_default()
}

#[test]
fn with_overlap_off_the_security_framework_starts_as_its_author_wrote() {
    let document = example(OverlapPolicy::Off);
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        starts(&document),
        [("Phase 1: Critical", ids(&["t1", "t3"])), ("Phase 2: High", ids(&["t4", "t6", "t7"]))]
    );
    assert_eq!(
        (waits(&document, "t2"), waits(&document, "t5"), waits(&document, "t8")),
        ("after t1", "after t4", "after t7")
    );
    assert_eq!(document.problems, []);
    assert!(document.edges.iter().all(|edge| edge.kind != EdgeKind::Overlap));
}

#[test]
fn by_default_the_overlap_its_author_missed_is_found() {
    let document = example(OverlapPolicy::Balanced);
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(starts(&document), [("Phase 1: Critical", ids(&["t1", "t3"])), ("Phase 2: High", ids(&["t4", "t6"]))]);
    assert_eq!(waits(&document, "t7"), "after t4 over `container_executor.js` (both declare `container_executor.js`)");
    let edge = document.edges.iter().find(|edge| edge.kind == EdgeKind::Overlap && edge.to == "t7").expect("t4 → t7");
    assert_eq!((edge.from.as_str(), edge.strength), ("t4", Some(Strength::Hard)));
    let order: Vec<String> = document.order.iter().map(ToString::to_string).collect();
    assert_eq!(order, ["t1", "t3", "t2", "t4", "t6", "t7", "t5", "t8"]);
}

#[test]
fn the_document_reads_back_and_has_the_promised_keys() {
    let document = example(OverlapPolicy::Balanced);
    let value = serde_json::to_value(&document).expect("plain data");
    assert_eq!(value["phases"][1]["tasks"][0]["id"], "t4");
    assert_eq!(value["phases"][1]["tasks"][0]["issue"], 4);
    assert_eq!(value["phases"][1]["tasks"][0]["files"][0], "container_executor.js");
    assert_eq!(value["phases"][1]["tasks"][1]["depends_on"][0], "t4");
    assert_eq!(value["edges"][0]["kind"], "depends_on");
    assert_eq!(value["edges"][0]["strength"], serde_json::Value::Null);
    let again: PlanDocument = serde_json::from_value(value).expect("its own form");
    assert_eq!(again.order, document.order);
}

#[test]
fn the_text_is_aligned_and_gives_reasons() {
    insta::assert_snapshot!(example(OverlapPolicy::Balanced).to_text());
}

#[test]
fn the_graph_has_boxes_and_arrows_and_escapes_titles() {
    let mut document = example(OverlapPolicy::Balanced);
    document.phases[0].tasks[0].title = "a\"] --> x[\"<b>".to_owned();
    document.phases[0].tasks[1].title = "é".repeat(41);
    document.phases[0].tasks[2].title = "é".repeat(40);
    let problem =
        |issue, code| ProblemDocument { task: Some(TaskId(IssueNumber(issue))), code, message: String::new() };
    document.problems = vec![problem(2, ProblemCode::Cycle), problem(3, ProblemCode::Unreadable)];
    insta::assert_snapshot!(document.to_mermaid());
}

/// Two tasks that declare nothing, with rankings that share a file, and one that declares it.
#[test]
fn guesses_are_shown_with_their_reasons_and_steer_no_terminal() {
    let file = |path: &str, share: u32| RankedFile {
        path: path.to_owned(),
        share,
        evidence: "BM25: `re\u{1b}[2Jtry` in its contents".to_owned(),
    };
    let node = |number: u64, footprint: Footprint| {
        let id = TaskId(IssueNumber(number));
        let (depends_on, problems) = (Vec::new(), Vec::new());
        let priority = Priority::Medium;
        (id, Node { id, depends_on, phase: None, priority, footprint, settled: false, problems })
    };
    let ranked = |files: Vec<RankedFile>| Footprint::default().with_ranked(files);
    let declared = Footprint::from_claims([Claim {
        area: Area::File("c.rs".to_owned()),
        strength: Strength::Hard,
        source: Source::Declared,
        evidence: String::new(),
    }]);
    let nodes = BTreeMap::from([
        node(1, ranked(vec![file("a.rs", 1_000), file("b.rs", 500), file("d.rs", 20), file("e.rs", 10)])),
        node(2, ranked(vec![file("a.rs", 800), file("c.rs", 350)])),
        node(3, ranked(vec![file("a.rs", 250)])),
        node(4, declared),
    ]);
    let layout = layout(&nodes, &BTreeMap::new(), OverlapPolicy::Balanced);
    let document = plan_document(&layout, &nodes, &BTreeMap::new(), &BTreeMap::new(), OverlapPolicy::Balanced);
    let edges: Vec<_> =
        document.edges.iter().map(|edge| (edge.to.as_str(), edge.strength, edge.evidence.as_str())).collect();
    assert_eq!(
        edges,
        [
            ("t2", Some(Strength::Soft), "both likely touch `a.rs` (0.80)"),
            ("t2", Some(Strength::Soft), "one declares `c.rs`, the other likely touches `c.rs` (0.35)"),
            ("t3", Some(Strength::Weak), "both may touch `a.rs` (0.25)"),
            ("t3", Some(Strength::Weak), "both may touch `a.rs` (0.20)"),
        ]
    );
    let value = serde_json::to_value(&document).expect("plain data");
    assert_eq!(value["phases"][0]["tasks"][0]["likely"].as_array().map(Vec::len), Some(3));
    assert_eq!(value["phases"][0]["tasks"][0]["likely"][1]["share"], 500);
    let text = document.to_text();
    assert!(text.contains("likely a.rs (1.00: BM25: `re [2Jtry` in its contents)"), "{text}");
    assert!(text.contains("likely d.rs (0.02") && !text.contains("e.rs"), "three are shown: {text}");
    assert!(!text.contains('\u{1b}') && text.contains("(0.25) [weak]"), "{text}");
    let drawn = document.to_mermaid();
    assert!(drawn.contains("t1 -.-> t2") && !drawn.contains("-.-> t3"), "what is only shown is not drawn: {drawn}");
}
