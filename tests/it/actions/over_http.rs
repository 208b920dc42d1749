//! A whole plan over real HTTP, git and processes: the forge's runner works the workflow files as `init` writes them,
//! woken by what people and ended tasks do.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use task_orchestrator::actions::workflows::files;
use task_orchestrator::actions::{HEARTBEAT_WORKFLOW, WORKFLOW};
use task_orchestrator::engine::brief::Brief;
use task_orchestrator::engine::id::{IssueNumber, Login, RepositoryName};
use task_orchestrator::engine::snapshot::{Actor, OpenState, Progress};
use task_orchestrator::forge::http::{Clock, Forge, ForgeOptions, Handle};
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::forge::runner::workflow::Workflow;
use task_orchestrator::forge::runner::{self, Runner};
use task_orchestrator::forge::world::World;
use task_orchestrator::forge::world::request::{PersonAct, Request, SeedIssue};
use task_orchestrator::forge::world::setup::ApiLimits;

use crate::support::Story;
use crate::support::program::{PROGRAM, Stage, git};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("d.txt", "d\n")];
/// An overlap, a dependency, a failure that is retried, and nothing to change.
const ISSUES: &[(u64, &str, &str)] = &[
    (1, "Write a", "Files: a.txt"),
    (2, "Write a again", "Files: a.txt"),
    (3, "Write b, at the second try", "Files: b.txt\n\nDepends on: #1"),
    (4, "Nothing to do", "Files: d.txt"),
];
const AGENT: &str = r#"
field() { sed -n 's/^.*"'"$1"'": *\([0-9]*\).*$/\1/p' "$ORCHESTRATOR_TASK" | head -n 1; }
issue=$(field issue) attempt=$(field attempt)
case $issue.$attempt in
    3.1) echo "the hinge is bent"; exit 1 ;;
    4.*) printf '%s' '{"outcome":"no_change","summary":"it is so already"}' > "$ORCHESTRATOR_REPORT" ;;
    3.*) echo "by 3" >> b.txt ;;
    *) echo "by $issue" >> a.txt ;;
esac
"#;
const PATIENCE: Duration = Duration::from_secs(240);

fn scripted(brief: &Brief) -> Work {
    let append = |path: &str, issue: u64| Work::Changed(vec![Edit::append(path, &format!("by {issue}\n"))]);
    match (brief.issue.0, brief.key.id.n) {
        (3, 1) => Work::Failed("the hinge is bent".to_owned()),
        (3, _) => append("b.txt", 3),
        (4, _) => Work::NoChange("it is so already".to_owned()),
        (issue, _) => append("a.txt", issue),
    }
}

/// Each task's verdict and its attempts' outcomes.
fn ends(plan: &task_orchestrator::engine::plan::Plan) -> BTreeMap<u64, String> {
    let of = |task: &std::sync::Arc<task_orchestrator::engine::task::Task>| {
        let outcomes: Vec<String> =
            task.attempts.iter().filter_map(|attempt| attempt.outcome).map(|outcome| outcome.to_string()).collect();
        (task.issue().0, format!("{:?}: {}", task.verdict, outcomes.join(", ")))
    };
    plan.tasks.values().map(of).collect()
}

fn configuration(agent: &Path) -> String {
    format!(
        "approval: label\nauto_merge: true\nsettle: 0s\nchecks_grace: 0s\nprobe_window: 1s\nbackoff: 1s\n\
         tracking_interval: 1s\nagent: shell\nagent_command: sh '{}'\n",
        agent.display()
    )
}

async fn forge(stage: &Stage, workflows: &BTreeMap<String, Workflow>) -> Forge {
    let mut added: BTreeMap<String, String> =
        files(true, false, None).expect("the bundled files").into_iter().collect();
    let agent = stage.write("agent.sh", AGENT);
    added.insert(".github/orchestrator.yml".to_owned(), configuration(&agent));
    let seed = |(number, title, body): &(u64, &str, &str)| SeedIssue {
        number: IssueNumber(*number),
        title: (*title).to_owned(),
        body: (*body).to_owned(),
        labels: Vec::new(),
    };
    let options = ForgeOptions {
        state: stage.path("forge"),
        source: stage.checkout(),
        repository: RepositoryName::new("acme/widgets"),
        owner: Login::new("owner"),
        issues: ISSUES.iter().map(seed).collect(),
        webhook: None,
        port: 0,
        limits: ApiLimits::None,
        added,
        workflows: workflows.iter().map(|(name, workflow)| (name.clone(), workflow.facts())).collect(),
        clock: Clock::system(),
    };
    Forge::start(options).await.expect("the forge starts")
}

/// The plan has ended: its tracking issue is closed, and no run is under way.
fn is_over(world: &World) -> bool {
    let tracking = |title: &str| title.starts_with("Orchestration plan");
    let closed = world.issues().any(|entry| tracking(&entry.issue.title) && entry.issue.state == OpenState::Closed);
    closed && world.runs().all(|run| run.progress == Progress::Completed)
}

async fn until_over(forge: &Handle) {
    let mut changes = forge.changes();
    let over = async {
        while !forge.look(is_over) {
            changes.changed().await.expect("the forge lives");
        }
    };
    if tokio::time::timeout(PATIENCE, over).await.is_err() {
        let runs = forge.look(|world| {
            let told = |run: &task_orchestrator::forge::world::state::RunEntry| {
                let logs: Vec<String> = world.jobs_of(run.id).map(|job| format!("{}: {}", job.key, job.log)).collect();
                format!("{} {} {:?} {:?}\n{}", run.id, run.workflow, run.event, run.conclusion, logs.join("\n"))
            };
            world.runs().map(told).collect::<Vec<_>>().join("\n")
        });
        panic!("the plan does not end\n{runs}");
    }
}

#[test]
fn a_plan_ends_as_with_a_server() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(told());
}

async fn told() {
    let stage = Stage::new(FILES);
    let parse = |(path, text): (String, String)| {
        let name = path.rsplit('/').next().expect("a name").to_owned();
        (name, Workflow::parse(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
    };
    let workflows: BTreeMap<String, Workflow> =
        files(true, false, None).expect("the bundled files").into_iter().map(parse).collect();
    let forge = forge(&stage, &workflows).await;
    let mut options =
        runner::Options::new(&stage.path("runner"), forge.base_url(), forge.base_url()).expect("this program");
    (options.program, options.guard) = (PROGRAM.into(), vec![PROGRAM.into(), runner::guard::COMMAND.into()]);
    (options.workflows, options.parallel) = (workflows, 6);
    let runner = Runner::start(options, forge.handle()).await.expect("the runner starts");
    for (number, _, _) in ISSUES {
        let act = PersonAct::Label { number: IssueNumber(*number), label: "orchestrate".to_owned() };
        let actor = Actor { login: Login::new("owner"), bot: false };
        forge.apply(Request::Person { actor, act, git: None }).await.expect("labels");
    }
    let handle = forge.handle();
    until_over(&handle).await;
    let runs = handle.look(|world| {
        let mut runs: BTreeMap<(String, String), u32> = BTreeMap::new();
        for run in world.runs() {
            *runs.entry((run.workflow.clone(), run.event.name.clone())).or_default() += 1;
        }
        assert!(!world.is_enabled(HEARTBEAT_WORKFLOW), "the plan has ended");
        runs
    });
    println!("runs: {runs:?}, calls: {:?}", handle.calls());
    assert!(runs.contains_key(&(WORKFLOW.to_owned(), "issues".to_owned())), "labels wake it: {runs:?}");
    assert!(runs.contains_key(&(WORKFLOW.to_owned(), "workflow_dispatch".to_owned())), "ended tasks wake it: {runs:?}");
    runner.stop().await;
    let end = kept(&stage);
    forge.shutdown().await;
    assert_eq!(end, with_a_server());
    let merged = |path: &str| git(&stage.path("forge/repository.git"), &["show", &format!("main:{path}")]);
    assert_eq!((merged("a.txt").lines().count(), merged("b.txt").as_str()), (3, "b\nby 3"));
}

/// What the state branch holds in the end: the plan is nowhere else.
fn kept(stage: &Stage) -> BTreeMap<u64, String> {
    let repository = stage.path("forge/repository.git");
    let show = |name: &str| git(&repository, &["show", &format!("orchestrate/state:store/{name}")]);
    let index: serde_json::Value = serde_json::from_str(&show("store.json")).expect("JSON");
    let mut ends = BTreeMap::new();
    for id in index["tasks"].as_array().expect("tasks") {
        let task: task_orchestrator::engine::task::Task =
            serde_json::from_str(&show(&format!("{}.json", id.as_str().expect("an id")))).expect("a task");
        let outcomes: Vec<String> =
            task.attempts.iter().filter_map(|attempt| attempt.outcome).map(|outcome| outcome.to_string()).collect();
        ends.insert(task.issue().0, format!("{:?}: {}", task.verdict, outcomes.join(", ")));
    }
    ends
}

fn with_a_server() -> BTreeMap<u64, String> {
    let mut story = Story::with(FILES, |_| {});
    story.script(scripted);
    for (number, title, body) in ISSUES {
        story.issue(*number, title, body);
    }
    story.run();
    ends(&story.held.plan)
}
