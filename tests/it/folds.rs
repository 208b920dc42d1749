//! A plan that has outgrown its tracking issue: what is over moves into comments, and what people wrote stays whole.

use task_orchestrator::engine::id::IssueNumber;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::worker::Work;
use task_orchestrator::forge::world::request::PersonAct;
use task_orchestrator::github::{Error, Request};

use crate::support::Story;

const FILES: &[(&str, &str)] = &[("a.txt", "a\n")];
/// So many tasks of the first phase, with titles this long, do not fit.
const TASKS: u64 = 140;

/// A first phase that is too long for the lists, where nothing has to change, and one task behind it.
fn large(sign: &str) -> Story {
    let mut story = Story::with(FILES, |settings| settings.max_parallel = 200);
    add(&mut story, sign);
    story
}

/// Titles are filled up with a sign.
fn add(story: &mut Story, sign: &str) {
    story.script(|_| Work::NoChange("nothing to do".to_owned()));
    for number in 1..=TASKS {
        let title = format!("Task {number} {}", sign.repeat(230));
        story.issue(number, &title, &format!("Priority: critical\n\nFiles: f{number}.txt"));
    }
    story.issue(500, "Last", "Priority: low\n\nFiles: last.txt\n\nDepends on: #1");
}

fn folds(story: &Story) -> Vec<String> {
    let comments = story.comments(story.tracking_number());
    comments.into_iter().filter(|comment| comment.contains("what is over")).collect()
}

/// Also where each sign of a title takes five to be written harmlessly: nothing is cut off from both places.
pub(crate) fn finished_phases_move_into_comments_and_each_task_stands_once() {
    for sign in ["x", "#"] {
        let mut story = large(sign);
        story.tick();
        assert!(
            story.tracking().contains("#140 Task") == (sign == "x") && folds(&story).is_empty(),
            "nothing is over yet"
        );
        story.run().minutes(5).expect(TASKS, Status::Complete).expect(500, Status::Complete);
        let (tracking, folds) = (story.tracking(), folds(&story));
        assert!(tracking.contains("that are over stand in comments below"), "{tracking}");
        assert!(tracking.contains("#500 Last"), "{tracking}");
        for number in 1..=TASKS {
            let line = format!("⚪ #{number} Task");
            let places = folds.iter().filter(|fold| fold.contains(&line)).count();
            assert_eq!(places + usize::from(tracking.contains(&line)), 1, "#{number}");
        }
        assert!(!folds.is_empty() && tracking.chars().count() <= 65_536, "{}", tracking.chars().count());
        assert!(folds.iter().all(|fold| fold.chars().count() <= 65_536 && !fold.contains("do not fit")));
    }
}

pub(crate) fn a_plan_that_fits_moves_nothing() {
    let mut story = Story::new(FILES);
    story.issue(1, "One", "Priority: high\n\nFiles: a.txt").issue(2, "Two", "Files: b.txt").run().minutes(5);
    story.expect(1, Status::Merged).expect(2, Status::Merged);
    assert_eq!(folds(&story), Vec::<String>::new());
    assert!(story.tracking().contains("#1 One"), "{}", story.tracking());
}

pub(crate) fn a_comment_that_github_refuses_leaves_its_tasks_in_the_lists() {
    let mut story = large("x");
    let fold =
        |request: &Request| matches!(request, Request::CreateComment { body, .. } if body.contains("what is over"));
    for _ in 0..200 {
        let locked = Error::Denied { message: "the conversation is locked".to_owned() };
        story.forge.plan_fault(Target::Call(fold), Fault::Instead(locked));
    }
    story.tick().run().minutes(1);
    let tracking = story.tracking();
    assert!(folds(&story).is_empty() && !tracking.contains("stand in comments below"), "{tracking}");
    assert!(tracking.contains("⚪ #1 Task") && tracking.chars().count() <= 65_536, "{tracking}");
}

/// A person writes so much around our part that there is little room for it.
pub(crate) fn what_people_wrote_stays_whole_and_ours_takes_what_is_left() {
    let mut story = Story::with(FILES, |settings| settings.max_parallel = 200);
    story.issue(400, "First", "Files: first.txt").tick().minutes(1);
    let number = IssueNumber(story.tracking_number());
    let words = "My notes. ".repeat(5_000);
    let body = Some(format!("{}\n{words}", story.tracking()));
    story.person("owner", PersonAct::Edit { number, title: None, body });
    add(&mut story, "x");
    story.tick().minutes(3);
    let tracking = story.tracking();
    assert!(tracking.contains(words.trim()), "what people wrote is kept");
    assert!(tracking.chars().count() <= 65_536, "{}", tracking.chars().count());
    assert!(tracking.contains("that do not fit here"), "{tracking}");
}

stories! {
    finished_phases_move_into_comments_and_each_task_stands_once,
    a_plan_that_fits_moves_nothing,
    a_comment_that_github_refuses_leaves_its_tasks_in_the_lists,
    what_people_wrote_stays_whole_and_ours_takes_what_is_left,
}
