//! `task-orchestrator plan`, through the program.

use std::path::Path;

use serde_json::{Value, json};
use task_orchestrator::engine::plan_document::PlanDocument;

use crate::program::{Ended, git, repository, run, run_with_input};

const FILES: &[(&str, &str)] =
    &[("src/main.rs", "fn main() {}\n"), ("src/net/pool.rs", "\n"), ("README.md", "hello\n")];

fn issue(number: u64, title: &str, body: &str, labels: &[&str]) -> Value {
    let labels: Vec<Value> = labels.iter().map(|name| json!({"id": "x", "name": name})).collect();
    json!({"number": number, "title": title, "body": body, "labels": labels})
}

/// A repository with an issues file beside it.
fn folder(issues: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("repo")).expect("made");
    repository(&folder.path().join("repo"), FILES);
    std::fs::write(folder.path().join("issues.json"), issues.to_string()).expect("written");
    folder
}

fn plan(folder: &Path, more: &[&str]) -> Ended {
    run(folder, &[&["plan", "--repo", "repo", "--issues", "issues.json"], more].concat())
}

fn document(ended: &Ended) -> PlanDocument {
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.stdout).expect("a plan")
}

fn starts(ended: &Ended) -> Vec<Vec<String>> {
    let ids = |ids: &[task_orchestrator::engine::id::TaskId]| ids.iter().map(ToString::to_string).collect();
    document(ended).phases.iter().map(|phase| ids(&phase.starts)).collect()
}

#[test]
fn the_plan_is_printed_in_every_form() {
    let issues = json!([
        issue(1, "One", "Files: src/main.rs", &["orchestrate", "priority: critical"]),
        issue(2, "Two", "Files: src/main.rs", &["orchestrate", "priority: critical"]),
        issue(3, "Three", "see pool.rs\n\nDepends on: #1", &["Orchestrate"]),
        issue(4, "Not asked for", "Files: README.md", &["bug"]),
    ]);
    let folder = folder(&issues);
    let json = plan(folder.path(), &["--format", "json"]);
    let found = document(&json);
    assert!(json.stderr.contains("3 of 4 issues have the label `orchestrate`"), "{}", json.stderr);
    assert_eq!(starts(&json), [vec!["t1"], vec!["t3"]]);
    assert_eq!(found.phases[1].tasks[0].files, ["src/net/pool.rs"], "what a mention means is looked up");
    assert_eq!(found.problems, []);
    let text = plan(folder.path(), &[]).stdout;
    assert!(text.contains("t2") && text.contains("after t1 over `src/main.rs`"), "{text}");
    assert!(plan(folder.path(), &["--format", "mermaid"]).stdout.starts_with("flowchart LR"));
    assert_eq!(starts(&plan(folder.path(), &["--format", "json", "--overlap", "off"])), [vec!["t1", "t2"], vec!["t3"]]);
    let manifest = plan(folder.path(), &["--format", "manifest"]);
    std::fs::write(folder.path().join("manifest.json"), &manifest.stdout).expect("written");
    let again = run(folder.path(), &["plan", "--manifest", "manifest.json", "--format", "json"]);
    assert_eq!(starts(&again), [vec!["t1"], vec!["t3"]]);
}

#[test]
fn the_documents_manifest_schedules_as_its_author_wrote_and_finds_what_was_missed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = ["plan", "--manifest", "tests/data/security-framework.json", "--format", "json"];
    let by_default = run(root, &example);
    assert_eq!(starts(&by_default), [vec!["t1", "t3"], vec!["t4", "t6"]]);
    let edges = document(&by_default).edges;
    let found = edges.iter().find(|edge| (edge.from.as_str(), edge.to.as_str()) == ("t4", "t7"));
    assert!(found.is_some_and(|edge| edge.evidence.contains("container_executor.js")), "{edges:?}");
    let off = run(root, &[&example[..], &["--overlap", "off"]].concat());
    assert_eq!(starts(&off), [vec!["t1", "t3"], vec!["t4", "t6", "t7"]]);
    let same = run(root, &["plan", "--manifest", "tests/data/security-framework.json", "--format", "manifest"]);
    assert!(same.stdout.contains("\"project\""), "{same:?}");
}

#[test]
fn issues_come_from_standard_input_too_and_without_the_label_all_are_planned() {
    let folder = folder(&json!([]));
    let issues = json!([issue(5, "Five", "Files: new.rs", &[]), issue(6, "Six", "Files: new.rs", &[])]);
    let ended = run_with_input(
        folder.path(),
        &["plan", "--repo", "repo", "--issues", "-", "--format", "json"],
        &issues.to_string(),
    );
    assert_eq!(starts(&ended), [vec!["t5"]]);
    assert!(ended.stderr.contains("no issue has the label `orchestrate`: all 2 are planned"), "{}", ended.stderr);
}

#[test]
fn what_is_left_out_is_said() {
    let mut closed = issue(2, "Closed", "", &["orchestrate"]);
    closed["state"] = json!("CLOSED");
    let mut pull = issue(3, "A pull request", "", &["orchestrate"]);
    pull["isPullRequest"] = json!(true);
    let open = issue(1, "Open", "Depends on: #2\n\nFiles: a.rs", &["orchestrate"]);
    let ended = plan(folder(&json!([open, closed, pull])).path(), &["--format", "json"]);
    assert_eq!(starts(&ended), [vec!["t1"]]);
    assert!(ended.stderr.contains("closed: #2") && ended.stderr.contains("pull requests: #3"), "{}", ended.stderr);
    let empty = plan(folder(&json!([])).path(), &["--format", "json"]);
    assert_eq!(document(&empty).phases, []);
    assert!(empty.stderr.contains("no issues to plan"), "{}", empty.stderr);
}

#[test]
fn the_configuration_of_the_checkout_counts_and_a_flag_outranks_it() {
    let issues = json!([issue(1, "One", "Files: a.rs", &["bot"]), issue(2, "Two", "Files: a.rs", &["bot"])]);
    let folder = folder(&issues);
    std::fs::create_dir(folder.path().join("repo/.github")).expect("made");
    std::fs::write(folder.path().join("repo/.github/orchestrator.yml"), "label: bot\noverlap: off\n").expect("written");
    let own = plan(folder.path(), &["--format", "json"]);
    assert!(own.stderr.contains("2 of 2 issues have the label `bot`"), "{}", own.stderr);
    assert_eq!(starts(&own), [vec!["t1", "t2"]]);
    assert_eq!(starts(&plan(folder.path(), &["--format", "json", "--overlap", "strict"])), [vec!["t1"]]);
    std::fs::write(folder.path().join("other.yml"), "label: bot\n").expect("written");
    assert_eq!(starts(&plan(folder.path(), &["--format", "json", "--config", "other.yml"])), [vec!["t1"]]);
}

#[test]
fn mistakes_end_with_2_and_name_the_place() {
    let folder = folder(&json!([issue(1, "One", "", &[])]));
    let there = folder.path();
    for (name, text) in [
        ("half.json", "[{\"number\": 1,\n  \"title\": }]"),
        ("twice.json", "[{\"number\": 1, \"title\": \"a\"}, {\"number\": 1, \"title\": \"b\"}]"),
        ("words.txt", "no JSON"),
        ("wrong.yml", "label: bot\nlabell: x\n"),
        ("manifest.json", "{\"phases\": [{\"name\": \"x\"}]}"),
    ] {
        std::fs::write(there.join(name), text).expect("written");
    }
    std::fs::write(there.join("latin.json"), b"[\"\xe9\"]").expect("written");
    std::fs::create_dir(there.join("no-git")).expect("made");
    let issues = |file: &str| run(there, &["plan", "--repo", "repo", "--issues", file]);
    issues("half.json").refused(2, &["half.json", "line 2 column 12", "gh issue list --json"]);
    issues("twice.json").refused(2, &["twice.json", "#1 stands there twice"]);
    issues("words.txt").refused(2, &["words.txt", "line 1 column"]);
    issues("latin.json").refused(2, &["latin.json", "UTF-8", "Remedy"]);
    issues("gone.json").refused(2, &["gone.json", "No such file"]);
    issues("repo").refused(2, &["repo"]);
    plan(there, &["--config", "wrong.yml"]).refused(2, &["wrong.yml", "line 2, column 1", "labell", "label"]);
    plan(there, &["--overlap", "loose"]).refused(2, &["loose", "balanced"]);
    plan(there, &["--format", "yaml"]).refused(2, &["yaml", "mermaid"]);
    plan(there, &["--manifest", "manifest.json"]).refused(2, &["--manifest"]);
    run(there, &["plan", "--repo", "repo"]).refused(2, &["--issues"]);
    run(there, &["plan", "--manifest", "manifest.json"]).refused(2, &["manifest.json", "tasks", "line 1"]);
    run(there, &["plan", "--repo", "no-git", "--issues", "issues.json"]).refused(2, &["no-git", "git init"]);
    run(there, &["plan", "--repo", "nowhere", "--issues", "issues.json"]).refused(2, &["nowhere", "no folder"]);
    run(there, &["plann"]).refused(2, &["plann", "plan"]);
    run(there, &[]).refused(2, &["Usage"]);
}

#[test]
fn a_repository_without_a_commit_is_planned_by_the_text_alone() {
    let folder = folder(&json!([issue(1, "One", "see src/main.rs and pool.rs", &[])]));
    std::fs::create_dir(folder.path().join("new")).expect("made");
    git(&folder.path().join("new"), &["init", "--quiet"]);
    let ended = run(folder.path(), &["plan", "--repo", "new", "--issues", "issues.json", "--format", "json"]);
    assert_eq!(document(&ended).phases[0].tasks[0].files, ["src/main.rs"]);
    assert!(ended.stderr.contains("no commit yet"), "{}", ended.stderr);
}

#[test]
fn nothing_is_written_whatever_branch_is_checked_out() {
    let folder = folder(&json!([issue(1, "One", "see pool.rs", &[])]));
    let repo = folder.path().join("repo");
    git(&repo, &["checkout", "--quiet", "--detach"]);
    let state = |repo: &Path| {
        let mut found = Vec::new();
        let mut folders = vec![repo.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("readable") {
                let path = entry.expect("an entry").path();
                let written = path.metadata().and_then(|found| found.modified()).expect("a time");
                found.push((path.clone(), written));
                folders.extend(path.is_dir().then_some(path));
            }
        }
        found.sort();
        found
    };
    let before = state(&repo);
    let ended = run(&repo.join("src"), &["plan", "--issues", "../../issues.json", "--format", "json"]);
    assert_eq!(document(&ended).phases[0].tasks[0].files, ["src/net/pool.rs"]);
    assert_eq!(state(&repo), before);
}

#[test]
fn a_hostile_title_and_a_long_body_do_no_harm() {
    let hostile = issue(1, "\u{1b}[2J\u{7}]0;x\n::set-output name=a::b", &"word ".repeat(12_000), &[]);
    let folder = folder(&json!([hostile]));
    for format in ["text", "mermaid"] {
        let ended = plan(folder.path(), &["--format", format]);
        assert_eq!(ended.code, 0);
        assert!(!ended.stdout.contains('\u{1b}'), "{:?}", ended.stdout);
        assert!(!ended.stdout.lines().any(|line| line.starts_with("::")), "{:?}", ended.stdout);
    }
}
