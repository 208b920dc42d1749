//! A plan of a few tasks from its first look to its end: the real server, the real client, webhooks, a run that is
//! lost, and checks that turn red once.

use std::collections::BTreeSet;
use std::time::Duration;

use task_orchestrator::engine::id::{IssueNumber, RunId, Sha};
use task_orchestrator::engine::plan::{Plan, PlanStatus};
use task_orchestrator::engine::snapshot::{Conclusion, Progress};
use task_orchestrator::engine::task::Verdict;
use task_orchestrator::forge::world::World;
use task_orchestrator::forge::world::request::{CheckAct, PersonAct, Request, RunnerAct};
use task_orchestrator::server::Server;

use crate::runs::Runs;
use crate::site::{Site, repository};

/// Quarters of a minute that the plan may take.
const QUARTERS_MAX: u32 = 600;
/// No turn takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Works the plan of all issues there are to its end.
pub(crate) async fn work(site: &mut Site) {
    let server = site.serve().await;
    let runs = Runs::new(site.handle.clone());
    let (mut is_approved, mut is_lost, mut checked) = (false, false, BTreeSet::new());
    for quarter in 0.. {
        let plan = turn(site, &server).await;
        if let Some(tracking) = plan.header.tracking.as_ref().filter(|_| !is_approved) {
            let body = "/orchestrate approve".to_owned();
            site.person(PersonAct::Comment { number: tracking.number, body }).await;
            is_approved = true;
        }
        if plan.header.status == PlanStatus::Ended {
            let ends: Vec<_> = plan.tasks.values().map(|task| task.verdict).collect();
            assert!(!ends.is_empty() && ends.iter().all(|end| *end == Some(Verdict::Merged)), "{ends:?}");
            break;
        }
        assert!(quarter < QUARTERS_MAX, "the plan does not end: {plan:#?}");
        for run in site.handle.look(queued) {
            if is_lost {
                runs.finish(run).await;
            } else {
                site.report(Request::Runner(RunnerAct::RunEnded { run, conclusion: Conclusion::Failure })).await;
                is_lost = true;
            }
        }
        for (number, head) in site.handle.look(open_heads) {
            if checked.insert(head.clone()) {
                let is_first = checked.len() == 1;
                check(site, head, if is_first { Conclusion::Failure } else { Conclusion::Success }, number).await;
            }
        }
    }
    assert!(server.shutdown().await, "nothing was cut off");
}

/// One look of the server at everything, a quarter of a minute later.
async fn turn(site: &Site, server: &Server) -> Plan {
    let mut progress = server.progress();
    progress.mark_unchanged();
    site.pass(15);
    server.look(&repository());
    let turned = progress.wait_for(|all| all.get(&repository()).is_some_and(|told| told.at >= site.now()));
    let told = tokio::time::timeout(PATIENCE, turned).await.expect("a turn ends").expect("the server works");
    Plan::clone(&told[&repository()].plan)
}

fn queued(world: &World) -> Vec<RunId> {
    world.runs().filter(|run| run.progress == Progress::Queued).map(|run| run.id).collect()
}

fn open_heads(world: &World) -> Vec<(IssueNumber, Sha)> {
    let open = world.pulls().filter(|(number, _)| world.is_open(IssueNumber(number.0)));
    open.map(|(number, pull)| (IssueNumber(number.0), pull.head_sha.clone())).collect()
}

async fn check(site: &Site, sha: Sha, conclusion: Conclusion, number: IssueNumber) {
    let act = CheckAct::Ended {
        sha,
        name: "test".to_owned(),
        app: "somebody".to_owned(),
        conclusion,
        summary: format!("pull request #{number}"),
        log: "one test of three failed".to_owned(),
    };
    site.report(Request::Check(act)).await;
}
