//! Rare turns: a person acts while an attempt is stuck, failed, or just done.

use std::time::Duration;

use task_orchestrator::engine::event::{Event, Hint};
use task_orchestrator::engine::id::{IssueNumber, PullNumber};
use task_orchestrator::engine::snapshot::Conclusion;
use task_orchestrator::engine::task::{Hold, Stage, Verdict};
use task_orchestrator::engine::time::Span;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::forge::world::request::{PersonAct, Request, RunnerAct};
use task_orchestrator::github::{Error, Request as Api};

use crate::support::{Story, touch_declared};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];

/// A task in this stage, its pull request open where it may be.
fn at(stage: Stage) -> Story {
    let mut story = Story::with(FILES, |settings| {
        settings.checks_grace = Span::minutes(5);
        settings.backoff = Span::minutes(10);
        settings.backoff_max = Span::minutes(10);
    });
    story.issue(1, "One", "Files: a.txt").tick();
    story.work();
    story.tick();
    let head = story.task(1).pull.as_ref().expect("open").head.clone();
    if stage == Stage::PrOpen {
        return story;
    }
    story.wait(Duration::from_secs(1));
    story.forge.check(&head, "test", Some(Conclusion::Failure), "wrong").expect("reports");
    story.tick();
    if stage == Stage::Error {
        return story;
    }
    story.minutes(11);
    if stage == Stage::Waiting {
        let run = story.claim();
        return finished(story, run, Work::NeedsDecision("red or blue?".to_owned()));
    }
    let run = story.claim();
    if stage == Stage::Running {
        return story;
    }
    if stage == Stage::Complete {
        // The branch cannot be moved yet, so that the finished work waits.
        for _ in 0..40 {
            story
                .forge
                .plan_fault(Target::MoveBranch, Fault::Instead(Error::Unreachable { message: "cut".to_owned() }));
        }
        let work = touch_declared(&story.forge.brief(run).expect("a brief"));
        return finished(story, run, work);
    }
    stuck(&mut story);
    story
}

fn finished(mut story: Story, run: task_orchestrator::engine::id::RunId, work: Work) -> Story {
    story.forge.finish_run(run, work).expect("ends");
    story.tick();
    story
}

fn moves_record(request: &Api) -> bool {
    matches!(request, Api::CommitOnBranch { branch, .. } if branch.starts_with("orchestrate-attempt/"))
}

/// The run shows nothing new past its time, and its fence does not get through yet.
fn stuck(story: &mut Story) {
    let fence = Target::Call(moves_record);
    for _ in 0..40 {
        story.forge.plan_fault(fence, Fault::Instead(Error::Denied { message: "not now".to_owned() }));
    }
    story.minutes(76);
    assert_eq!(story.task(1).stage, Stage::Stuck);
}

/// The faults of [`at`] pass.
fn hours(story: &mut Story) {
    for _ in 0..60 {
        story.wait(Duration::from_secs(600)).tick();
        story.work();
    }
    story.run();
}

const STAGES: &[Stage] = &[Stage::Waiting, Stage::Running, Stage::Stuck, Stage::Error, Stage::Complete, Stage::PrOpen];

pub(crate) fn a_merge_ends_a_task_wherever_it_stands() {
    for stage in STAGES {
        let mut story = at(*stage);
        assert_eq!(story.task(1).stage, *stage);
        let number = PullNumber(story.pull(1));
        story.person("owner", PersonAct::Merge { number });
        assert_eq!(story.task(1).stage, Stage::Merged);
        hours(&mut story);
        assert_eq!(story.task(1).verdict, Some(Verdict::Merged), "{stage}");
    }
}

pub(crate) fn a_close_blocks_a_task_wherever_it_stands() {
    for stage in STAGES {
        let mut story = at(*stage);
        let number = IssueNumber(story.pull(1));
        story.person("owner", PersonAct::Close { number });
        hours(&mut story);
        assert!(matches!(story.task(1).hold, Some(Hold::PullClosed { .. })), "{stage}: {:?}", story.task(1).hold);
        story.say("owner", "/orchestrate retry #1");
        hours(&mut story);
        assert_eq!(story.task(1).verdict, Some(Verdict::Merged), "{stage}");
    }
}

pub(crate) fn a_cancel_ends_a_task_wherever_it_stands() {
    for stage in STAGES {
        let mut story = at(*stage);
        story.say("owner", "/orchestrate cancel #1");
        hours(&mut story);
        assert_eq!((story.task(1).verdict, story.task(1).has_open_pull()), (Some(Verdict::Cancelled), true), "{stage}");
        let number = PullNumber(story.pull(1));
        story.person("owner", PersonAct::Merge { number }).run();
        story.expect(1, Status::Merged);
    }
}

pub(crate) fn a_push_takes_over_wherever_the_task_stands() {
    for stage in STAGES {
        let mut story = at(*stage);
        story.forge.push("owner", "orchestrate/issue-1", &[Edit::append("a.txt", "mine\n")]).expect("pushes");
        story.tick();
        hours(&mut story);
        assert!(matches!(story.task(1).hold, Some(Hold::Theirs { .. })), "{stage}: {:?}", story.task(1).hold);
        assert_eq!(story.task(1).stage, Stage::PrOpen);
        assert!(story.forge.file("orchestrate/issue-1", "a.txt").expect("there").contains("mine"), "{stage}");
    }
}

pub(crate) fn leaving_and_coming_back_starts_again_wherever_the_task_stands() {
    for stage in STAGES {
        let mut story = at(*stage);
        let label = "orchestrate".to_owned();
        story.person("owner", PersonAct::Unlabel { number: IssueNumber(1), label: label.clone() });
        story.person("owner", PersonAct::Label { number: IssueNumber(1), label });
        hours(&mut story);
        assert_eq!(story.task(1).verdict, Some(Verdict::Merged), "{stage}: {:#?}", story.task(1));
    }
}

pub(crate) fn a_stuck_run_that_moves_again_or_ends_is_taken_at_its_word() {
    for work in [None, Some(Work::Failed("late".to_owned())), Some(Work::NeedsDecision("red?".to_owned()))] {
        let mut story = Story::new(FILES);
        story.issue(1, "One", "Files: a.txt").tick();
        let run = story.claim();
        // Past its time the run is looked at closely; that look is lost, and meanwhile it moves.
        let look = Target::Call(|request| matches!(request, Api::Run { .. }));
        story.minutes(59);
        story
            .forge
            .plan_fault(look, Fault::Instead(Error::RateLimited { until: story.now + Duration::from_secs(120) }));
        story.wait(Duration::from_secs(60)).turn(Vec::new());
        assert_eq!(story.task(1).stage, Stage::Stuck);
        match work.clone() {
            None => {
                let agent = story.forge.world().jobs_of(run).find(|job| job.key == "agent").expect("there").job.id;
                let step = RunnerAct::StepStarted { job: agent, name: "Agent".to_owned() };
                story.forge.apply(Request::Runner(step)).expect("a step");
                story.wait(Duration::from_secs(121)).turn(vec![Event::Hint(Hint::Run(run, None))]);
                story.expect(1, Status::Running);
            }
            Some(work) => {
                story.forge.finish_run(run, work).expect("ends");
                story.wait(Duration::from_secs(121)).turn(vec![Event::Hint(Hint::Run(run, None))]);
                story.expect(1, if story.task(1).hold.is_some() { Status::Blocked } else { Status::Error });
            }
        }
    }
}

pub(crate) fn a_result_that_came_just_before_its_fence_counts() {
    for (work, stage) in [
        (Work::NoChange("so".to_owned()), Stage::Complete),
        (Work::NeedsDecision("red?".to_owned()), Stage::Waiting),
        (Work::Failed("no".to_owned()), Stage::Error),
    ] {
        let mut story = Story::new(FILES);
        story.issue(1, "One", "Files: a.txt").tick();
        let run = story.claim();
        let fence = Target::Call(moves_record);
        story.forge.plan_fault(fence, Fault::Instead(Error::Denied { message: "not now".to_owned() }));
        story.minutes(75);
        assert_eq!((story.task(1).stage, story.task(1).live().is_some()), (Stage::Stuck, true));
        story.forge.finish_run(run, work).expect("ends");
        story.wait(Duration::from_secs(120)).turn(Vec::new());
        assert_eq!((story.task(1).stage, story.task(1).counters.infra_retries), (stage, 0));
    }
}

stories! {
    a_merge_ends_a_task_wherever_it_stands,
    a_close_blocks_a_task_wherever_it_stands,
    a_cancel_ends_a_task_wherever_it_stands,
    a_push_takes_over_wherever_the_task_stands,
    leaving_and_coming_back_starts_again_wherever_the_task_stands,
    a_stuck_run_that_moves_again_or_ends_is_taken_at_its_word,
    a_result_that_came_just_before_its_fence_counts,
}
