//! Texts that name no file: their words lead to files, which keeps tasks apart, and locks where the policy says so. And
//! files that everybody touches, which lock nobody out.

use task_orchestrator::engine::footprint::OverlapPolicy;
use task_orchestrator::engine::time::Span;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};

use crate::support::Story;

const FILES: &[(&str, &str)] = &[
    ("src/retry.rs", "pub fn retry_delay() {}\n"),
    ("src/db.rs", "fn connect() {}\n"),
    ("src/log.rs", "fn write_line() {}\n"),
    ("CHANGELOG.md", "# Changes\n"),
];

fn appended(path: &str) -> Work {
    Work::Changed(vec![Edit::append(path, "x\n")])
}

/// Two of three texts speak of one file that neither names: with two slots they are not begun together, and the
/// tracking issue says why.
pub(crate) fn texts_about_one_file_are_kept_apart_while_there_is_other_work() {
    let mut story = Story::with(FILES, |settings| settings.max_parallel = 2);
    story.issue(1, "`retry_delay` grows too fast", "").issue(2, "Document `retry_delay`", "");
    story.issue(3, "`write_line` is lost", "").tick();
    story.expect(1, Status::Running).expect(2, Status::Pending).expect(3, Status::Running);
    let shown = story.tracking();
    assert!(shown.contains("#1 → #2: both likely touch src/retry.rs (1.00) (soft"), "{shown}");
    assert!(shown.contains("- #3 names no files; likely src/log.rs (1.00: BM25: write\\_line"), "{shown}");
    // With nothing else to do, no slot stays empty for a guess.
    let run = story.forge.queued_runs()[1];
    assert!(story.forge.claim(run).expect("claims"));
    story.forge.finish_run(run, appended("src/log.rs")).expect("ends");
    story.tick().expect(1, Status::Running).expect(2, Status::Running);
}

/// Under `strict` a guess is a lock: the task waits, and says for which file.
pub(crate) fn a_guess_locks_where_overlaps_are_strict() {
    let mut story = Story::with(FILES, |settings| settings.overlap = OverlapPolicy::Strict);
    story.issue(1, "`retry_delay` grows too fast", "").issue(2, "Document `retry_delay`", "");
    story.issue(3, "Lines are lost", "Files: src/log.rs").tick();
    story.expect(1, Status::Running).expect(2, Status::Blocked).expect(3, Status::Running);
    assert!(story.tracking().contains("src/retry.rs"), "{}", story.tracking());
    let run = story.forge.queued_runs()[0];
    assert!(story.forge.claim(run).expect("claims"));
    story.forge.finish_run(run, appended("src/retry.rs")).expect("ends");
    story.tick().minutes(1).expect(1, Status::Merged).expect(2, Status::Running);
}

/// What finished work really touched, and not what was guessed of it, speaks against starting others on it.
pub(crate) fn real_files_take_the_place_of_guesses() {
    let mut story = Story::with(FILES, |settings| {
        settings.max_parallel = 1;
        settings.checks_grace = Span::minutes(30);
        settings.auto_merge = false;
    });
    story.issue(1, "`retry_delay` grows too fast", "").tick();
    let run = story.claim();
    story.issue(11, "`connect` hangs", "").issue(12, "Document `retry_delay`", "");
    story.forge.finish_run(run, appended("src/db.rs")).expect("ends");
    story.tick().expect(1, Status::PrOpen).expect(11, Status::Pending).expect(12, Status::Running);
    let run = story.claim();
    story.forge.finish_run(run, appended("src/retry.rs")).expect("ends");
    story.tick().expect(11, Status::Running);
}

/// Twenty texts speak of one file, and none of their fixes touches it: what still waits is held apart less.
pub(crate) fn guesses_that_do_not_come_true_count_less() {
    let mut story = Story::with(FILES, |settings| settings.max_parallel = 1);
    story.script(|brief| appended(&format!("x{}.txt", brief.issue.0)));
    for number in 1..=22 {
        story.issue(number, &format!("`retry_delay` is off, case {number}"), "");
    }
    story.tick();
    assert_eq!(story.task(22).footprint.ranked[0].share, 1_000);
    story.run().expect(22, Status::Merged);
    let learned = story.held.plan.header.learned.clone();
    assert_eq!((learned.tasks, learned.hits, learned.drawn_at), (22, 0, 20), "{learned:?}");
    assert!(learned.shares < 700, "{learned:?}");
    assert_eq!(story.task(22).footprint.ranked[0].share, learned.shares, "it was looked up once more");
    let report = story.comments(story.tracking_number()).last().expect("a report").clone();
    let words = "Guessed files, over all plans so far: 0 of 22 tasks touched one of the likeliest five.";
    assert!(report.contains(words) && report.contains("guesses count 0.6"), "{report}");
    // The next plan goes on with that.
    story.issue(100, "`retry_delay` again", "").tick();
    assert_eq!(story.task(100).footprint.ranked[0].share, learned.shares);
}

/// A change log is declared by two, and really touched by both: they run at once, and neither waits for the other's
/// pull request.
pub(crate) fn a_hotspot_locks_nobody_out() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Files: CHANGELOG.md, src/db.rs").issue(2, "Two", "Files: CHANGELOG.md, src/log.rs").tick();
    let [first, second] = story.forge.queued_runs()[..] else { panic!("two runs") };
    for run in [second, first] {
        assert!(story.forge.claim(run).expect("claims"));
        story.forge.finish_run(run, appended("CHANGELOG.md")).expect("ends");
    }
    story.tick().expect(1, Status::PrOpen).expect(2, Status::PrOpen);
    let mut story = Story::with(FILES, |settings| settings.hotspots.clear());
    story.issue(1, "One", "Files: CHANGELOG.md").issue(2, "Two", "Files: CHANGELOG.md").tick();
    story.expect(1, Status::Running).expect(2, Status::Blocked);
}

stories! {
    texts_about_one_file_are_kept_apart_while_there_is_other_work,
    a_guess_locks_where_overlaps_are_strict,
    real_files_take_the_place_of_guesses,
    guesses_that_do_not_come_true_count_less,
    a_hotspot_locks_nobody_out,
}
