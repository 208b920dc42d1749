//! Planner runs (`planner: agent`): an agent that only reads names a task's files before the task starts; what it says
//! is checked, and however its run ends the task goes on.

use task_orchestrator::engine::attempt::AttemptOutcome;
use task_orchestrator::engine::brief::{Brief, Mode};
use task_orchestrator::engine::config::{PlannerPolicy, Settings};
use task_orchestrator::engine::footprint::{Source, Strength};
use task_orchestrator::engine::id::IssueNumber;
use task_orchestrator::engine::planner::PlanningStand;
use task_orchestrator::engine::task::{Stage, Verdict};
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::forge::world::request::PersonAct;
use task_orchestrator::github::{Error, Request};

use crate::support::Story;

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n"), ("d.txt", "d\n")];

fn answer(files: &str, depends_on: &str) -> Work {
    Work::Planned(format!(
        r#"{{"files":{files},"new_files":[],"depends_on":{depends_on},"estimate_minutes":20,"confidence":0.9}}"#
    ))
}

fn appended(path: &str) -> Work {
    Work::Changed(vec![Edit::append(path, "x\n")])
}

/// A story in which agents plan.
fn planned(change: impl FnOnce(&mut Settings)) -> Story {
    Story::with(FILES, |settings| {
        settings.planner = PlannerPolicy::Agent;
        change(settings);
    })
}

/// What a task's planner run of its text came to: the files, or why nothing of it stands.
fn came_to(story: &Story, issue: u64) -> Result<Vec<String>, String> {
    match &story.task(issue).planning().expect("it was planned").stand {
        PlanningStand::Confirmed { answer } => Ok(answer.files.clone()),
        PlanningStand::Passed { why } => Err(why.clone()),
        PlanningStand::Due | PlanningStand::Answered { .. } => panic!("{:#?}", story.task(issue)),
    }
}

fn kinds(story: &Story, issue: u64) -> Vec<(Mode, Option<AttemptOutcome>)> {
    story.task(issue).attempts.iter().map(|attempt| (attempt.mode, attempt.outcome)).collect()
}

fn plan_run(outcome: AttemptOutcome) -> (Mode, Option<AttemptOutcome>) {
    (Mode::Plan, Some(outcome))
}

const WORKED: (Mode, Option<AttemptOutcome>) = (Mode::Task, Some(AttemptOutcome::Changed));

pub(crate) fn what_planner_runs_name_locks_and_a_declared_task_is_not_planned() {
    let mut story = planned(|settings| settings.auto_merge = false);
    story.script(|brief| match (brief.issue.0, brief.mode) {
        (3, _) => appended("c.txt"),
        (_, Mode::Plan) => answer(r#"["a.txt"]"#, "[]"),
        _ => appended("a.txt"),
    });
    story.issue(1, "One", "Make it round").issue(2, "Two", "Make it square").issue(3, "Three", "Files: c.txt").tick();
    story.expect(1, Status::Blocked).expect(3, Status::Running);
    assert!(story.tracking().contains("being planned by run t1.1"), "{}", story.tracking());
    assert!(story.task(1).locked_since.is_none() && story.task(1).stage == Stage::Waiting);
    assert_eq!(story.work(), 3, "both planner runs, and the declared task");
    story.tick().expect(1, Status::Running).expect(2, Status::Blocked);
    assert_eq!(came_to(&story, 1), Ok(vec!["a.txt".to_owned()]));
    let claim = &story.task(1).footprint.claims[0];
    assert_eq!((claim.source, claim.strength), (Source::Confirmed, Strength::Hard));
    story.minutes(1);
    let shown = story.tracking();
    for words in
        ["waits for #1 over `a.txt`", "its planner run t1.1 read the repository: `a.txt`; about 20 min; 90 % sure"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    story.run();
    assert_eq!(kinds(&story, 1), [plan_run(AttemptOutcome::Planned), WORKED]);
    assert_eq!(kinds(&story, 3), [WORKED]);
}

pub(crate) fn nonsense_is_refused_with_its_reason_and_the_task_goes_on() {
    for (work, reason) in [
        (answer(r#"["nowhere.rs"]"#, "[]"), "the repository does not have: `nowhere.rs`"),
        (answer(r#"["a.txt"]"#, "[99]"), "depends on #99"),
        (answer(r#"["a.txt","b.txt","c.txt","d.txt"]"#, "[]"), "names all 4 files"),
        (Work::Planned("a.txt, I think".to_owned()), "not the JSON asked for"),
        (appended("a.txt"), "a planner run may not change files"),
        (Work::NoChange("it is so already".to_owned()), "ended as `no_change`"),
        (Work::Failed("no idea".to_owned()), "it failed: no idea"),
    ] {
        let mut story = planned(|_| {});
        story.script(move |brief| if brief.mode == Mode::Plan { work.clone() } else { appended("b.txt") });
        story.issue(1, "One", "Make it round").tick();
        story.work();
        story.tick().expect(1, Status::Running).minutes(1);
        assert!(came_to(&story, 1).is_err_and(|why| why.contains(reason)), "{reason}: {:#?}", story.task(1).plannings);
        let told = story.tracking();
        assert!(told.contains("its planner run t1.1 told nothing: ") && told.contains("What its text tells stands"));
        assert!(story.task(1).footprint.is_unknown());
        story.run();
        assert_eq!(story.task(1).verdict, Some(Verdict::Merged));
        assert_eq!((story.task(1).counters.failures, story.task(1).counters.infra_retries), (0, 0));
        assert!(story.forge.branch("orchestrate-work/1.1").is_none(), "a planner run pushes nothing");
    }
}

pub(crate) fn a_runner_that_fails_is_tried_again_a_few_times_and_then_the_task_goes_on() {
    let mut story = planned(|_| {});
    story.script(|brief| match brief.mode {
        Mode::Plan => Work::Infra("no endpoint".to_owned()),
        Mode::Task | Mode::Judge | Mode::Rebase => appended("b.txt"),
    });
    story.issue(1, "One", "Make it round").run();
    let infra = plan_run(AttemptOutcome::Infra);
    assert_eq!(kinds(&story, 1), [infra, infra, infra, WORKED]);
    assert_eq!((story.task(1).counters.infra_retries, story.task(1).counters.failures), (3, 0));
    assert!(came_to(&story, 1).is_err_and(|why| why.contains("its runner failed: no endpoint")));
}

pub(crate) fn a_run_that_shows_nothing_is_closed_and_the_task_goes_on() {
    let mut story = planned(|_| {});
    story.issue(1, "One", "Make it round").tick();
    story.claim();
    story.minutes(34);
    assert!(story.task(1).live_planner().is_some(), "its time and the margin for its report are not over");
    story.minutes(4).expect(1, Status::Running);
    assert_eq!(kinds(&story, 1)[0], plan_run(AttemptOutcome::Timeout));
    assert!(came_to(&story, 1).is_err_and(|why| why.contains("showed no job or step change")));
    assert_eq!(story.task(1).counters.failures, 0);
    // One that never left the queue is the runner's failure.
    let mut story = planned(|_| {});
    story.issue(1, "One", "Make it round").tick().minutes(32);
    assert_eq!(kinds(&story, 1)[0], plan_run(AttemptOutcome::Infra));
    assert_eq!(story.task(1).counters.infra_retries, 1);
}

pub(crate) fn a_dispatch_that_is_lost_or_refused_keeps_no_task_from_starting() {
    let dispatch = || Target::Call(|request| matches!(request, Request::DispatchWorkflow { .. }));
    let script =
        |brief: &Brief| if brief.mode == Mode::Plan { answer(r#"["a.txt"]"#, "[]") } else { appended("a.txt") };
    let mut lost = planned(|_| {});
    lost.forge.plan_fault(dispatch(), Fault::Instead(Error::Unreachable { message: "cut".to_owned() }));
    lost.script(script).issue(1, "One", "Make it round").run();
    assert_eq!(kinds(&lost, 1), [plan_run(AttemptOutcome::Fenced), plan_run(AttemptOutcome::Planned), WORKED]);
    assert_eq!((lost.task(1).counters.infra_retries, lost.task(1).counters.failures), (1, 0));
    assert_eq!(came_to(&lost, 1), Ok(vec!["a.txt".to_owned()]));
    let mut refused = planned(|_| {});
    refused.forge.plan_fault(dispatch(), Fault::Instead(Error::Invalid { message: "no such input".to_owned() }));
    refused.script(script).issue(1, "One", "Make it round").run();
    assert_eq!(kinds(&refused, 1), [WORKED], "a refused dispatch takes no number");
    assert_eq!(refused.task(1).attempts[0].id.n, 1);
    assert!(
        came_to(&refused, 1)
            .is_err_and(|why| why.starts_with("GitHub refused its dispatch: ") && why.contains("no such input"))
    );
}

pub(crate) fn an_edited_text_is_planned_anew_once_and_an_earlier_answer_is_not_forgotten() {
    let mut story = planned(|settings| settings.max_parallel = 1);
    story.script(|brief| match (brief.mode, brief.text.body.contains("square")) {
        (Mode::Plan, true) => answer(r#"["b.txt"]"#, "[]"),
        (Mode::Plan, false) => answer(r#"["a.txt"]"#, "[]"),
        _ => appended("d.txt"),
    });
    let edit = |story: &mut Story, body: &str| {
        let (number, body) = (IssueNumber(1), Some(body.to_owned()));
        story.person("owner", PersonAct::Edit { number, title: None, body });
        story.say("owner", "/orchestrate approve #1");
    };
    story.issue(1, "One", "Make it round").tick();
    let first = story.claim();
    edit(&mut story, "Make it square");
    assert_eq!(kinds(&story, 1)[0], plan_run(AttemptOutcome::Cancelled));
    assert!(story.forge.finish_run(first, answer(r#"["a.txt"]"#, "[]")).is_err() || came_to_b(&mut story));
    while story.task(1).live_planner().is_none() {
        story.minutes(1);
    }
    story.work();
    // Paused, so that only planning could follow.
    story.say("owner", "/orchestrate pause").tick();
    assert_eq!(came_to(&story, 1), Ok(vec!["b.txt".to_owned()]));
    assert_eq!(story.task(1).footprint.paths(), ["b.txt"]);
    let planned_before = story.task(1).attempts.len();
    edit(&mut story, "Make it round, at last");
    story.say("owner", "/orchestrate resume").tick();
    assert_eq!(story.task(1).attempts.len(), planned_before + 1, "a new text is planned anew");
    story.work();
    story.say("owner", "/orchestrate pause").tick();
    edit(&mut story, "Make it square");
    assert_eq!(story.task(1).footprint.paths(), ["b.txt"], "what was told of this text stands");
    story.say("owner", "/orchestrate resume").tick().expect(1, Status::Running);
    assert_eq!(story.task(1).attempts.len(), planned_before + 2, "and the task itself begins");
    story.run();
    assert_eq!(story.task(1).verdict, Some(Verdict::Merged));
}

/// The run of the text before may still come to its end; nothing of it counts.
fn came_to_b(story: &mut Story) -> bool {
    story.tick();
    story.task(1).footprint.claims.iter().all(|claim| claim.source != Source::Confirmed)
}

pub(crate) fn a_lost_database_plans_nothing_twice() {
    // While the run is queued, while it works, and when it has told already.
    for moment in 0..3 {
        let mut story = planned(|_| {});
        story.script(|brief| match brief.mode {
            Mode::Plan => answer(r#"["a.txt"]"#, "[]"),
            Mode::Task | Mode::Judge | Mode::Rebase => appended("a.txt"),
        });
        story.issue(1, "One", "Make it round").tick();
        let run = story.forge.queued_runs()[0];
        if moment > 0 {
            assert!(story.forge.claim(run).expect("claims"));
        }
        if moment > 1 {
            story.forge.finish_run(run, answer(r#"["a.txt"]"#, "[]")).expect("ends");
        }
        story.lose().minutes(1);
        if moment == 1 {
            story.forge.finish_run(run, answer(r#"["a.txt"]"#, "[]")).expect("ends");
        }
        story.run();
        assert_eq!(kinds(&story, 1), [plan_run(AttemptOutcome::Planned), WORKED], "moment {moment}");
        assert_eq!(story.task(1).verdict, Some(Verdict::Merged));
        assert_eq!(came_to(&story, 1), Ok(vec!["a.txt".to_owned()]));
    }
}

pub(crate) fn who_gives_a_task_up_ends_its_planner_run() {
    for unlabels in [false, true] {
        let mut story = planned(|_| {});
        story.issue(1, "One", "Make it round").issue(2, "Two", "Files: c.txt").tick();
        if unlabels {
            let (number, label) = (IssueNumber(1), "orchestrate".to_owned());
            story.person("owner", PersonAct::Unlabel { number, label });
        } else {
            story.say("owner", "/orchestrate cancel #1");
        }
        assert!(story.task(1).live().is_none(), "{:#?}", story.task(1));
        assert_eq!(kinds(&story, 1), [plan_run(AttemptOutcome::Cancelled)]);
        assert_eq!(story.task(1).stage, Stage::Cancelled);
        assert_eq!(story.task(1).counters.infra_retries, 0);
    }
}

pub(crate) fn a_proposed_order_is_kept_while_it_leads_somewhere() {
    let mut story = planned(|settings| settings.auto_merge = false);
    story.script(|brief| match (brief.mode, brief.issue.0) {
        (Mode::Plan, 1) => answer(r#"["a.txt"]"#, "[2]"),
        (Mode::Plan, 2) => answer(r#"["b.txt"]"#, "[3]"),
        (Mode::Plan, _) => answer(r#"["c.txt"]"#, "[2]"),
        (_, 1) => appended("a.txt"),
        (_, 2) => appended("b.txt"),
        _ => appended("c.txt"),
    });
    story.issue(1, "One", "Paint it").issue(2, "Two", "Build it").issue(3, "Three", "Sell it").tick();
    story.work();
    story.tick().minutes(1);
    // 2 and 3 put each other first: neither waits. 1 waits for 2.
    story.expect(2, Status::Running).expect(3, Status::Running).expect(1, Status::Blocked);
    let told = story.tracking();
    assert!(told.contains("waits for #2 (running), which its planner run t1.1 puts first"), "{told}");
    assert!(told.contains("better after #3 (not followed: that would close a circle)"), "{told}");
    // What leads nowhere without a person is waited for no longer.
    story.say("owner", "/orchestrate cancel #2").tick().expect(1, Status::Running);
}

pub(crate) fn a_persons_word_wins_over_a_proposed_order() {
    let mut story = planned(|_| {});
    story.script(|brief| match (brief.mode, brief.issue.0) {
        (Mode::Plan, 1) => answer(r#"["a.txt"]"#, "[2]"),
        (_, 1) => appended("a.txt"),
        _ => appended("b.txt"),
    });
    story.issue(1, "One", "Build it").issue(2, "Two", "Files: b.txt\n\nDepends on: #1").tick();
    story.work();
    story.tick().expect(1, Status::Running).expect(2, Status::Blocked);
    story.run();
    assert!(story.task(1).verdict == Some(Verdict::Merged) && story.task(2).verdict == Some(Verdict::Merged));
}

pub(crate) fn planner_runs_take_slots_and_no_file() {
    let mut story = planned(|settings| settings.max_parallel = 2);
    story.script(|brief| match brief.mode {
        Mode::Plan => answer(r#"["a.txt"]"#, "[]"),
        Mode::Task | Mode::Judge | Mode::Rebase => appended("a.txt"),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "See `a.txt`").issue(3, "Three", "See `a.txt`").tick();
    // The declared task runs on the file that the other mentions, and one slot is left for planning.
    story.expect(1, Status::Running);
    let planners = |story: &Story| [2, 3].map(|issue| story.task(issue).live_planner().is_some());
    assert_eq!(planners(&story), [true, false]);
    story.run();
    assert!((1..4).all(|issue| story.task(issue).verdict == Some(Verdict::Merged)), "{:#?}", story.statuses());
}

/// A brief tells a planner run of the other issues, and of nothing to set up or to validate.
pub(crate) fn a_planner_run_is_told_what_it_may_name() {
    let mut story = planned(|settings| {
        settings.setup = vec!["make".to_owned()];
        settings.validate = vec!["make test".to_owned()];
    });
    story.issue(1, "One", "Make `a.txt` round").issue(2, "Two", "Files: b.txt").tick();
    let briefs: Vec<Brief> =
        story.forge.queued_runs().into_iter().map(|run| story.forge.brief(run).expect("a brief")).collect();
    let of = |mode: Mode| briefs.iter().find(|brief| brief.mode == mode).expect("a run of each kind");
    let (worked, plans) = (of(Mode::Task), of(Mode::Plan));
    assert!(plans.setup.is_empty() && plans.validate.is_empty() && worked.listed.is_empty());
    assert_eq!(
        plans.listed.iter().map(|other| (other.issue.0, other.title.as_str())).collect::<Vec<_>>(),
        [(2, "Two")]
    );
    let prompt = plans.prompt.text();
    for words in
        ["#2 Two", "Make `a.txt` round", "as a hint that may be wrong:\n\n```text\na.txt", "`estimate_minutes`"]
    {
        assert!(prompt.contains(words), "{words}: {prompt}");
    }
}

stories! {
    what_planner_runs_name_locks_and_a_declared_task_is_not_planned,
    nonsense_is_refused_with_its_reason_and_the_task_goes_on,
    a_runner_that_fails_is_tried_again_a_few_times_and_then_the_task_goes_on,
    a_run_that_shows_nothing_is_closed_and_the_task_goes_on,
    a_dispatch_that_is_lost_or_refused_keeps_no_task_from_starting,
    an_edited_text_is_planned_anew_once_and_an_earlier_answer_is_not_forgotten,
    a_lost_database_plans_nothing_twice,
    who_gives_a_task_up_ends_its_planner_run,
    a_proposed_order_is_kept_while_it_leads_somewhere,
    a_persons_word_wins_over_a_proposed_order,
    planner_runs_take_slots_and_no_file,
    a_planner_run_is_told_what_it_may_name,
}
