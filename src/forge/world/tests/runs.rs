//! Workflow runs.

use super::*;
use crate::engine::snapshot::{Conclusion, Progress};
use crate::forge::world::request::RunnerAct;
use crate::forge::world::state::Cancel;

const RUN: RunId = RunId(1);

fn dispatched() -> World {
    let mut world = world();
    let applied = app(&mut world, dispatch(&[("key", "t1.1.x")]));
    assert_eq!(applied.response, Ok(Response::Dispatched(Some(RUN))));
    assert_eq!(told(&applied), ["workflow_run.requested", "workflow_job.queued"]);
    world
}

fn report(world: &mut World, act: RunnerAct) -> Applied {
    world.apply(Request::Runner(act), at(7))
}

fn job(world: &World, key: &str) -> JobId {
    world.jobs_of(RUN).find(|job| job.key == key).expect("there").job.id
}

fn ended(job: JobId, conclusion: Conclusion) -> RunnerAct {
    RunnerAct::JobEnded { job, conclusion, outputs: BTreeMap::new() }
}

fn state(world: &World) -> (Progress, Option<Conclusion>, u32) {
    let run = world.run(RUN).expect("there");
    (run.progress, run.conclusion, run.attempt)
}

#[test]
fn a_dispatch_is_checked_against_the_workflow() {
    let many: Vec<(&str, &str)> = vec![("key", "k"), ("other", "x")];
    let long = "x".repeat(INPUT_CHARACTERS_MAX + 1);
    let on = |workflow: &str, branch: &str| Call::DispatchWorkflow {
        workflow: workflow.to_owned(),
        branch: branch.to_owned(),
        inputs: [("key".to_owned(), "k".to_owned())].into(),
    };
    for (call, expected) in [
        (dispatch(&[("key", "k")]), "ok"),
        (dispatch(&[("key", "k"), ("mode", "slow")]), "ok"),
        (dispatch(&[]), "invalid"),
        (dispatch(&many), "invalid"),
        (dispatch(&[("key", &long)]), "invalid"),
        (on("task.yml", "gone"), "invalid"),
        (on("other.yml", "main"), "missing"),
    ] {
        assert_eq!(kind(&app(&mut world(), call.clone())), expected, "{call:?}");
    }
}

#[test]
fn a_dispatched_run_carries_title_inputs_and_commit() {
    let mut world = dispatched();
    let run = world.run(RUN).expect("there");
    assert_eq!((run.title.as_str(), &run.head_sha), ("orchestrate t1.1.x", &sha("m0")));
    assert_eq!(run.inputs["mode"], "fast");
    for (since, expected) in [(START, 1), (at(1), 0)] {
        let call = Call::Runs { workflow: "task.yml".to_owned(), since };
        let Ok(Response::Runs(runs)) = app(&mut world, call).response else { panic!("runs") };
        assert_eq!(runs.len(), expected);
        assert!(runs.iter().all(|run| run.jobs.is_empty()));
    }
    let Ok(Response::Run(run)) = app(&mut world, Call::Run { run: RUN }).response else { panic!("run") };
    assert_eq!(run.jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), ["claim", "agent"]);
}

#[test]
fn jobs_and_steps_make_progress_that_is_seen_and_told() {
    let mut world = dispatched();
    let (claim, agent) = (job(&world, "claim"), job(&world, "agent"));
    let started = report(&mut world, RunnerAct::JobStarted { job: claim });
    assert_eq!(told(&started), ["workflow_run.in_progress", "workflow_job.in_progress"]);
    assert_eq!(kind(&report(&mut world, RunnerAct::JobStarted { job: claim })), "conflict");
    assert_eq!(kind(&report(&mut world, RunnerAct::StepStarted { job: agent, name: "x".into() })), "conflict");
    assert_eq!(
        kind(&report(&mut world, RunnerAct::StepEnded { job: claim, conclusion: Conclusion::Success })),
        "conflict"
    );
    report(&mut world, RunnerAct::StepStarted { job: claim, name: "run".to_owned() });
    assert_eq!(kind(&app(&mut world, Call::JobLog { job: claim })), "missing", "no log of a job under way");
    report(&mut world, RunnerAct::StepEnded { job: claim, conclusion: Conclusion::Success });
    report(&mut world, RunnerAct::LogTail { job: claim, text: format!("{}end", "x".repeat(LOG_CHARACTERS_MAX)) });
    let over = report(&mut world, ended(claim, Conclusion::Success));
    assert_eq!(told(&over), ["workflow_job.completed", "workflow_job.queued"]);
    let Ok(Response::Log(log)) = app(&mut world, Call::JobLog { job: claim }).response else { panic!("log") };
    assert_eq!((log.len(), log.ends_with("end")), (LOG_CHARACTERS_MAX, true));
    assert_eq!(kind(&report(&mut world, ended(claim, Conclusion::Failure))), "conflict");
    report(&mut world, ended(agent, Conclusion::Skipped));
    let end = report(&mut world, RunnerAct::RunEnded { run: RUN, conclusion: Conclusion::Success });
    assert_eq!(told(&end), ["workflow_run.completed"]);
    assert_eq!(state(&world), (Progress::Completed, Some(Conclusion::Success), 1));
    assert_eq!(
        kind(&report(&mut world, RunnerAct::RunEnded { run: RUN, conclusion: Conclusion::Failure })),
        "conflict"
    );
}

#[test]
fn cancelling_ends_a_queued_run_asks_a_running_one_and_refuses_a_finished_one() {
    let cancel = |force| Call::CancelRun { run: RUN, force };
    let mut queued = dispatched();
    let applied = app(&mut queued, cancel(false));
    assert_eq!(told(&applied), ["workflow_job.completed", "workflow_job.completed", "workflow_run.completed"]);
    assert_eq!(state(&queued), (Progress::Completed, Some(Conclusion::Cancelled), 1));
    assert_eq!(kind(&app(&mut queued, cancel(false))), "conflict");

    let mut running = dispatched();
    let claim = job(&running, "claim");
    report(&mut running, RunnerAct::JobStarted { job: claim });
    for (force, expected) in [(false, Cancel::Asked), (true, Cancel::Forced), (false, Cancel::Forced)] {
        assert_eq!(kind(&app(&mut running, cancel(force))), "ok");
        assert_eq!(running.run(RUN).and_then(|run| run.cancel), Some(expected));
    }
    assert_eq!(state(&running).0, Progress::InProgress);
    assert_eq!(kind(&app(&mut running, Call::CancelRun { run: RunId(9), force: false })), "missing");
}

#[test]
fn a_rerun_takes_the_failed_jobs_and_those_that_need_them() {
    let mut world = dispatched();
    let (claim, agent) = (job(&world, "claim"), job(&world, "agent"));
    assert_eq!(kind(&app(&mut world, Call::RerunFailedJobs { run: RUN })), "conflict", "it is not over");
    report(&mut world, RunnerAct::JobStarted { job: claim });
    report(&mut world, ended(claim, Conclusion::Success));
    report(&mut world, ended(agent, Conclusion::Failure));
    report(&mut world, RunnerAct::RunEnded { run: RUN, conclusion: Conclusion::Failure });
    assert_eq!(told(&app(&mut world, Call::RerunFailedJobs { run: RUN })), ["workflow_job.queued"]);
    assert_eq!(state(&world), (Progress::Queued, None, 2));
    assert_eq!(job(&world, "claim"), claim, "what succeeded is kept");
    assert_ne!(job(&world, "agent"), agent);
    let again = job(&world, "agent");
    report(&mut world, RunnerAct::JobStarted { job: again });
    report(&mut world, ended(again, Conclusion::Success));
    report(&mut world, RunnerAct::RunEnded { run: RUN, conclusion: Conclusion::Success });
    assert_eq!(kind(&app(&mut world, Call::RerunFailedJobs { run: RUN })), "conflict", "nothing failed");
}

#[test]
fn a_restart_cancels_what_was_under_way_and_leaves_what_was_queued() {
    let mut world = dispatched();
    let second = app(&mut world, dispatch(&[("key", "t1.2.x")])).response;
    assert_eq!(second, Ok(Response::Dispatched(Some(RunId(2)))));
    let claim = job(&world, "claim");
    report(&mut world, RunnerAct::JobStarted { job: claim });
    assert_eq!(
        told(&report(&mut world, RunnerAct::Restarted)).last().map(String::as_str),
        Some("workflow_run.completed")
    );
    assert_eq!(state(&world), (Progress::Completed, Some(Conclusion::Cancelled), 1));
    assert_eq!(world.run(RunId(2)).map(|run| run.progress), Some(Progress::Queued));
    assert_eq!(kind(&report(&mut world, RunnerAct::JobStarted { job: claim })), "conflict");
}

#[test]
fn artifacts_are_kept_by_name() {
    let mut world = dispatched();
    for location in ["one", "two"] {
        let (name, location) = ("work".to_owned(), location.to_owned());
        report(&mut world, RunnerAct::ArtifactStored { run: RUN, name, location, bytes: 3 });
    }
    let run = world.run(RUN).expect("there");
    assert_eq!(
        run.artifacts.iter().map(|(name, a)| (name.as_str(), a.location.as_str())).collect::<Vec<_>>(),
        [("work", "two")]
    );
}
