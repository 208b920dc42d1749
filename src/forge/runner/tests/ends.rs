use std::time::Duration;

use crate::engine::id::{PullNumber, Sha};
use crate::engine::snapshot::{Conclusion, Progress};
use crate::forge::runner::tests::stage::{Lines, Stage, TASK};
use crate::forge::runner::workflow::Workflow;
use crate::forge::runner::{CHECK_APP, Check, Host as _, processes};
use crate::forge::world::World;
use crate::forge::world::request::{GitAnswer, Request, RunnerAct};
use crate::github;

const SUCCESS: Option<Conclusion> = Some(Conclusion::Success);
const FAILURE: Option<Conclusion> = Some(Conclusion::Failure);
const CANCELLED: Option<Conclusion> = Some(Conclusion::Cancelled);

/// A stage whose agent leaves a process in a session of its own, tells both ids and ends only when it is killed.
fn stubborn() -> (Stage, Lines) {
    let mut stage = Stage::task(
        "claim) echo won=true >> \"$GITHUB_OUTPUT\";;
        fetch|publish) ;;
        agent) trap '' TERM; mkdir -p \"$RUNNER_TEMP/left\"; echo part > \"$RUNNER_TEMP/left/part\"
          setsid sh -c 'trap \"\" TERM; echo $$ > \"$AGENT_PIPE\"; while :; do sleep 1000; done' &
          echo $$ > \"$AGENT_PIPE\"; while :; do sleep 1000; done;;",
    );
    let lines = stage.pipe();
    stage.options.agent_environment.insert("AGENT_PIPE".to_owned(), lines.path.clone().into());
    (stage, lines)
}

/// The agent's two processes, each with its start time.
async fn both(lines: &mut Lines) -> Vec<(i32, u64)> {
    let mut found = Vec::new();
    for _ in 0..2 {
        let pid = lines.next_pid().await;
        found.push((pid, processes::process(pid).expect("alive").start));
    }
    found
}

fn are_gone(both: &[(i32, u64)]) -> bool {
    both.iter().all(|(pid, start)| processes::process(*pid).is_none_or(|process| process.start != *start))
}

#[tokio::test]
async fn a_cancelled_run_kills_its_whole_tree_and_still_does_what_always_runs() {
    let (stage, mut lines) = stubborn();
    let runner = stage.start().await;
    let run = stage.dispatch();
    let both = both(&mut lines).await;
    stage.cancel(run, false);
    let entry = stage.over(run).await;
    assert!(are_gone(&both));
    assert_eq!(stage.conclusions(run), [SUCCESS, CANCELLED, CANCELLED]);
    assert_eq!(entry.conclusion, CANCELLED);
    assert!(entry.artifacts.contains_key("work"), "the upload runs always: {}", stage.job(run, "agent").log);
    runner.stop().await;
}

#[tokio::test]
async fn a_forced_end_skips_what_always_runs() {
    let (stage, mut lines) = stubborn();
    let runner = stage.start().await;
    let run = stage.dispatch();
    let both = both(&mut lines).await;
    stage.cancel(run, true);
    let entry = stage.over(run).await;
    assert!(are_gone(&both) && entry.artifacts.is_empty());
    assert_eq!((stage.conclusions(run)[1], entry.conclusion), (CANCELLED, CANCELLED));
    runner.stop().await;
}

#[tokio::test]
async fn a_runner_that_stops_kills_what_runs_and_leaves_the_run_open() {
    let (stage, mut lines) = stubborn();
    let runner = stage.start().await;
    let run = stage.dispatch();
    let both = both(&mut lines).await;
    runner.stop().await;
    assert!(are_gone(&both));
    let progress = |world: &World| world.run(run).map(|run| run.progress);
    assert_eq!(stage.host.look(progress), Some(Progress::InProgress));
    stage.host.tell(Request::Runner(RunnerAct::Restarted)).expect("accepted");
    assert_eq!(stage.over(run).await.conclusion, CANCELLED);
}

#[tokio::test]
async fn a_step_past_its_limit_fails_and_a_job_past_its_limit_is_cancelled() {
    for (limits_step, agent, words) in
        [(true, FAILURE, "The action has timed out."), (false, CANCELLED, "exceeded the maximum execution time")]
    {
        let (mut stage, mut lines) = stubborn();
        let mut workflow = Workflow::parse(TASK).expect("reads");
        // Long enough for the processes to tell their ids on a busy machine; what is waited for is their end.
        let limit = Duration::from_secs(4);
        let job = &mut workflow.jobs[1];
        if limits_step {
            job.steps[2].timeout = Some(limit);
        } else {
            job.timeout = limit;
        }
        stage.options.workflows.insert("task.yml".to_owned(), workflow);
        let runner = stage.start().await;
        let run = stage.dispatch();
        let both = both(&mut lines).await;
        let entry = stage.over(run).await;
        assert!(are_gone(&both));
        assert_eq!(stage.conclusions(run), [SUCCESS, agent, SUCCESS], "the publishing job runs in both cases");
        assert_eq!(entry.conclusion, agent);
        let log = stage.job(run, "agent").log;
        assert!(log.contains(words), "{log}");
        runner.stop().await;
    }
}

#[tokio::test]
async fn a_guard_that_is_killed_leaves_nothing_behind() {
    let (stage, mut lines) = stubborn();
    let runner = stage.start().await;
    let run = stage.dispatch();
    let both = both(&mut lines).await;
    let jobs = stage.path("state/jobs");
    let records: Vec<_> = std::fs::read_dir(&jobs)
        .expect("there")
        .map(|entry| entry.expect("read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&records[0]).expect("there")).expect("JSON");
    let guard = record["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).expect("a process id");
    processes::signal(guard, rustix::process::Signal::KILL);
    stage.over(run).await;
    assert_eq!(stage.conclusions(run)[1], FAILURE);
    for (pid, start) in both {
        let rest = processes::process(pid).filter(|process| process.start == start);
        assert!(rest.is_none_or(|process| process.is_zombie), "{pid} runs on");
    }
    runner.stop().await;
}

#[tokio::test]
async fn an_unknown_workflow_ends_at_once() {
    let mut stage = Stage::task("");
    stage.options.workflows.clear();
    let runner = stage.start().await;
    let run = stage.dispatch();
    assert_eq!(stage.over(run).await.conclusion, Some(Conclusion::StartupFailure));
    runner.stop().await;
}

#[tokio::test]
async fn heads_of_pull_requests_are_checked_on_the_merged_files() {
    let mut stage = Stage::task("");
    stage.options.check = Some(Check {
        name: "check".to_owned(),
        command: "cat marker; pwd >&2; ! grep -q bad marker".to_owned(),
        timeout: Duration::from_secs(60),
    });
    let push = |before: &str, after: &str| {
        let actor = stage.host.look(World::app_bot);
        let (before, after) = (Some(Sha::new(before)), Some(Sha::new(after)));
        stage.host.tell(Request::Pushed { actor, branch: "work".to_owned(), before, after }).expect("accepted");
    };
    let merged = |head: &str, marker: &str| {
        stage.host.merged.lock().expect("whole").insert(Sha::new(head), marker.to_owned());
    };
    let runner = stage.start().await;
    merged("w0", "bad work\n");
    let [title, head, base] = ["work", "work", "main"].map(str::to_owned);
    let open = github::Request::CreatePullRequest { title, body: String::new(), head, base, draft: false };
    stage.host.call(open, Some(GitAnswer::Ahead(true)));
    let end = |world: &World, head: &str| {
        let sha = Sha::new(head);
        let check = world.checks_of(&sha).find(|entry| entry.check.app == CHECK_APP)?;
        check.check.conclusion.map(|conclusion| (conclusion, check.log.clone()))
    };
    stage.until("the check's end", |world| end(world, "w0").is_some()).await;
    let (conclusion, log) = stage.host.look(|world| end(world, "w0")).expect("there");
    assert_eq!(conclusion, Conclusion::Failure);
    assert!(log.contains("bad work\n") && log.contains("check-w0/workspace"), "{log}");
    // A head that conflicts is not checked; the next one is.
    push("w0", "w1");
    merged("w2", "good work\n");
    push("w1", "w2");
    stage.until("the second check's end", |world| end(world, "w2").is_some()).await;
    assert_eq!(stage.host.look(|world| end(world, "w2")).expect("there").0, Conclusion::Success);
    assert!(stage.host.look(|world| world.checks_of(&Sha::new("w1")).next().is_none()));
    assert!(stage.host.look(|world| world.pull(PullNumber(1)).is_some()));
    runner.stop().await;
}
