//! Planner runs over real HTTP, git and processes: the real worker between an answer and what is believed of it.

use std::collections::BTreeMap;
use std::time::Duration;

use task_orchestrator::engine::brief::AgentKind;
use task_orchestrator::engine::config::{ApprovalPolicy, PlannerPolicy, Settings};
use task_orchestrator::engine::id::{IssueNumber, RepositoryName};
use task_orchestrator::engine::plan::Plan;
use task_orchestrator::engine::planner::PlanningStand;
use task_orchestrator::engine::rest::{Rest, rest};
use task_orchestrator::forge::world::request::SeedIssue;
use task_orchestrator::local::issues::GivenIssues;
use task_orchestrator::local::site::{Site, SiteOptions, now};

use crate::story::repository;

/// The agent for processes: it plans by what it finds in its task, and must not get away with changing files.
const AGENT: &str = r#"
field() { sed -n 's/^.*"'"$1"'": *"\{0,1\}\([0-9a-z]*\).*$/\1/p' "$ORCHESTRATOR_TASK" | head -n 1; }
issue=$(field issue) mode=$(field mode)
plan() { printf '{"plan":{"files":["%s"],"new_files":[],"depends_on":[],"estimate_minutes":5,"confidence":0.9}}' "$1"; }
if [ "$mode" = plan ]; then
    test -n "$(sed -n 's/.*"listed".*/yes/p' "$ORCHESTRATOR_TASK")" || exit 9
    case $issue in
        1) plan a.txt > "$ORCHESTRATOR_REPORT" ;;
        2) plan nowhere.txt > "$ORCHESTRATOR_REPORT" ;;
        3) echo "I give up"; exit 1 ;;
        *) echo "sneaked in" >> d.txt; plan d.txt > "$ORCHESTRATOR_REPORT" ;;
    esac
    exit 0
fi
case $issue in
    1) echo "by 1" >> a.txt ;;
    2) echo "by 2" >> b.txt ;;
    3) echo "by 3" >> c.txt ;;
    *) echo "by 4" >> d.txt ;;
esac
"#;

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
    let seed = |number: u64| SeedIssue {
        number: IssueNumber(number),
        title: format!("Task {number}"),
        body: "Make it round".to_owned(),
        labels: vec!["orchestrate".to_owned()],
    };
    let settings = Settings {
        approval: ApprovalPolicy::Label,
        auto_merge: true,
        planner: PlannerPolicy::Agent,
        agent: AgentKind::Shell,
        agent_command: Some(format!("sh '{}'", agent.display())),
        ..Settings::local()
    };
    let options = SiteOptions {
        state: folder.path().join("state"),
        source,
        repository: RepositoryName::new("local/planned"),
        issues: GivenIssues { open: (1..=4).map(seed).collect(), closed: Vec::new() },
        settings,
        check: None,
        port: 0,
        program: Some(env!("CARGO_BIN_EXE_task-orchestrator").into()),
    };
    let site = Site::start(options).await.expect("starts");
    let mut changes = site.progress();
    let ended = async {
        loop {
            changes.changed().await.expect("the server lives");
            let seen = changes.borrow_and_update().clone();
            let Some(plan) = site.plan(&seen) else { continue };
            if rest(&plan, now()) == Rest::Ended {
                return plan;
            }
        }
    };
    let plan = tokio::time::timeout(Duration::from_secs(120), ended).await.expect("the story goes on");
    site.stop().await;
    let ends = told(&plan);
    for (issue, words) in [
        (1, "merged: planned, changed: a.txt by t1.1"),
        (2, "merged: planned, changed: its answer was refused: it names files that the repository does not have"),
        (3, "merged: failed, changed: it failed: the agent's command exited with 1"),
        (4, "merged: failed, changed: it failed: the agent changed files, which a planner run may not"),
    ] {
        assert!(ends[&issue].starts_with(words), "{ends:#?}");
    }
}

/// Each task's verdict, its attempts' outcomes, and what its planner run came to.
fn told(plan: &Plan) -> BTreeMap<u64, String> {
    let told = plan.tasks.values().map(|task| {
        let verdict = task.verdict.map_or_else(|| "open".to_owned(), |verdict| verdict.to_string());
        let outcomes: Vec<String> =
            task.attempts.iter().filter_map(|attempt| attempt.outcome).map(|outcome| outcome.to_string()).collect();
        let planned = match task.planning().map(|planning| (&planning.stand, planning.attempt)) {
            Some((PlanningStand::Confirmed { answer }, Some(by))) => format!("{} by t{by}", answer.files.join(" ")),
            Some((PlanningStand::Passed { why }, _)) => why.clone(),
            other => format!("{other:?}"),
        };
        (task.issue().0, format!("{verdict}: {}: {planned}", outcomes.join(", ")))
    });
    told.collect()
}
