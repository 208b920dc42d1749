//! One story, told twice: in memory, tick by tick, and over real HTTP with octocrab, signed webhooks, git and
//! processes. Both must come to the same end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use task_orchestrator::engine::brief::{AgentKind, Brief};
use task_orchestrator::engine::config::{ApprovalPolicy, Settings};
use task_orchestrator::engine::id::{IssueNumber, Login, RepositoryName};
use task_orchestrator::engine::plan::Plan;
use task_orchestrator::engine::rest::{Rest, rest};
use task_orchestrator::engine::snapshot::Actor;
use task_orchestrator::engine::time::Span;
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::forge::world::request::{PersonAct, Request, SeedIssue};
use task_orchestrator::git::command::Program;
use task_orchestrator::local::issues::GivenIssues;
use task_orchestrator::local::site::{Site, SiteOptions, now};

use crate::support::Story;

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n"), ("d.txt", "d\n")];

/// Issues with title and body: an overlap, a dependency, a failure that is retried, nothing to change, an escalation
/// with its dependent, and a question.
const ISSUES: &[(u64, &str, &str)] = &[
    (1, "Write a", "Files: a.txt"),
    (2, "Write a again", "Files: a.txt"),
    (3, "Write b, at the second try", "Files: b.txt\n\nDepends on: #1"),
    (4, "Nothing to do", "Files: d.txt"),
    (5, "Cannot be done", "Files: c.txt\n\nOn fail: continue"),
    (6, "After what cannot be done", "Files: c.txt\n\nDepends on: #5"),
    (7, "Which colour?", "Files: d.txt"),
];

/// The agent of the story for processes; [`scripted`] is the same for the world in memory.
const AGENT: &str = r#"
field() { sed -n 's/^.*"'"$1"'": *\([0-9]*\).*$/\1/p' "$ORCHESTRATOR_TASK" | head -n 1; }
issue=$(field issue) attempt=$(field attempt)
report() { printf '%s' "$1" > "$ORCHESTRATOR_REPORT"; }
case $issue.$attempt in
    3.1) echo "the hinge is bent"; exit 1 ;;
    4.*) report '{"outcome":"no_change","summary":"it is so already"}' ;;
    5.*) echo "it cannot be done"; exit 1 ;;
    7.1) report '{"outcome":"needs_decision","question":"red or blue?"}' ;;
    3.*) grep -q "the hinge is bent" "$ORCHESTRATOR_TASK" || exit 9; echo "by 3" >> b.txt ;;
    7.*) echo "by 7" >> d.txt ;;
    *) echo "by $issue" >> a.txt ;;
esac
"#;

fn scripted(brief: &Brief) -> Work {
    let append = |path: &str, issue: u64| Work::Changed(vec![Edit::append(path, &format!("by {issue}\n"))]);
    match (brief.issue.0, brief.key.id.n) {
        (3, 1) => Work::Failed("the hinge is bent".to_owned()),
        (3, _) if brief.previous_errors.iter().any(|error| error.contains("the hinge is bent")) => append("b.txt", 3),
        (4, _) => Work::NoChange("it is so already".to_owned()),
        (5, _) => Work::Failed("it cannot be done".to_owned()),
        (7, 1) => Work::NeedsDecision("red or blue?".to_owned()),
        (7, _) => append("d.txt", 7),
        (issue, _) => append("a.txt", issue),
    }
}

/// Each task's verdict and its attempts' outcomes.
fn ends(plan: &Plan) -> BTreeMap<u64, String> {
    plan.tasks
        .values()
        .map(|task| {
            let verdict = task.verdict.map_or_else(|| "open".to_owned(), |verdict| verdict.to_string());
            let outcomes: Vec<String> =
                task.attempts.iter().filter_map(|attempt| attempt.outcome).map(|outcome| outcome.to_string()).collect();
            (task.issue().0, format!("{verdict}: {}", outcomes.join(", ")))
        })
        .collect()
}

fn expected() -> BTreeMap<u64, String> {
    [
        (1, "merged: changed"),
        (2, "merged: changed"),
        (3, "merged: failed, changed"),
        (4, "no_change: no_change"),
        (5, "escalated: failed, failed, failed"),
        (6, "open: "),
        (7, "merged: needs_decision, changed"),
    ]
    .map(|(issue, end)| (issue, end.to_owned()))
    .into()
}

fn settings() -> Settings {
    Settings {
        approval: ApprovalPolicy::Label,
        auto_merge: true,
        agent: AgentKind::Shell,
        backoff: Span(Duration::from_millis(100)),
        ..Settings::local()
    }
}

#[test]
fn in_memory() {
    let mut story = Story::with(FILES, |own| *own = settings());
    story.script(scripted);
    for (number, title, body) in ISSUES {
        story.issue(*number, title, body);
    }
    story.run();
    let tracking = story.held.plan.header.tracking.as_ref().expect("a tracking issue").number;
    story.forge.comment("owner", tracking.0, "/orchestrate retry #7").expect("comments");
    story.run();
    assert_eq!(ends(&story.held.plan), expected());
    assert_eq!(story.forge.file("main", "a.txt").expect("there").lines().count(), 3);
}

#[test]
fn over_http() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(told_over_http());
}

async fn told_over_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = repository(folder.path()).await;
    let agent = folder.path().join("agent.sh");
    std::fs::write(&agent, AGENT).expect("written");
    let seed = |(number, title, body): &(u64, &str, &str)| SeedIssue {
        number: IssueNumber(*number),
        title: (*title).to_owned(),
        body: (*body).to_owned(),
        labels: vec!["orchestrate".to_owned()],
    };
    let options = SiteOptions {
        state: folder.path().join("state"),
        source,
        repository: RepositoryName::new("local/story"),
        issues: GivenIssues { open: ISSUES.iter().map(seed).collect(), closed: Vec::new() },
        settings: Settings { agent_command: Some(format!("sh '{}'", agent.display())), ..settings() },
        check: None,
        port: 0,
        program: Some(env!("CARGO_BIN_EXE_task-orchestrator").into()),
    };
    let site = Site::start(options).await.expect("starts");
    let plan = follow(&site, |wanted| wanted.iter().any(|(issue, _)| issue.0 == 7)).await;
    let tracking = plan.header.tracking.as_ref().expect("a tracking issue").number;
    let act = PersonAct::Comment { number: tracking, body: "/orchestrate retry #7".to_owned() };
    let actor = Actor { login: Login::new("owner"), bot: false };
    site.forge.apply(Request::Person { actor, act, git: None }).await.expect("comments");
    let plan = follow(&site, |wanted| wanted.iter().all(|(issue, _)| issue.0 != 7)).await;
    site.stop().await;
    assert_eq!(ends(&plan), expected());
}

/// Waits until the plan rests and a person is wanted for what the test says.
async fn follow(site: &Site, fits: impl Fn(&[(IssueNumber, String)]) -> bool) -> std::sync::Arc<Plan> {
    let mut changes = site.progress();
    let resting = async {
        loop {
            changes.changed().await.expect("the server lives");
            let seen = changes.borrow_and_update().clone();
            let Some(plan) = site.plan(&seen) else { continue };
            if matches!(rest(&plan, now()), Rest::NeedsPerson(wanted) if fits(&wanted)) {
                return plan;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(120), resting).await.expect("the story goes on")
}

pub(crate) async fn repository(folder: &Path) -> std::path::PathBuf {
    let root = folder.join("source");
    std::fs::create_dir(&root).expect("made");
    for (path, text) in FILES {
        std::fs::write(root.join(path), text).expect("written");
    }
    let git = Program::default();
    for arguments in [
        vec!["init", "--quiet", "--initial-branch=main"],
        vec!["add", "."],
        vec!["-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "--quiet", "-m", "one"],
    ] {
        git.command(&root, arguments).run().await.expect("git does it");
    }
    root
}
