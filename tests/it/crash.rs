//! A crash at every boundary: before or after each save and each write, the orchestrator loses what was in memory and
//! begins again from what was saved. The end is the same.

use std::collections::{BTreeMap, BTreeSet};

use task_orchestrator::engine::task::Verdict;
use task_orchestrator::forge::memory::worker::Work;

use crate::support::{Crash, Story, touch_declared};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n")];

/// Six tasks: two on one file, one that fails first, one that needs no change, one that escalates and one behind it.
pub(crate) fn canonical() -> Story {
    let mut story = Story::with(FILES, |settings| settings.attempts = 2);
    story.script(|brief| match (brief.issue.0, brief.key.id.n) {
        (3, _) if brief.previous_errors.is_empty() => Work::Failed("first".to_owned()),
        (4, _) => Work::NoChange("so".to_owned()),
        (5, _) => Work::Failed("no".to_owned()),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt").issue(3, "Three", "Files: b.txt");
    story.issue(4, "Four", "Files: c.txt").issue(5, "Five", "Files: d.txt");
    story.issue(6, "Six", "Files: e.txt\n\nDepends on: #5");
    story
}

/// What must not depend on when it crashed.
pub(crate) fn ending(story: &Story) -> BTreeMap<u64, (Option<Verdict>, u32)> {
    let tasks = story.held.plan.tasks.values();
    tasks.map(|task| (task.issue().0, (task.verdict, task.counters.failures))).collect()
}

/// Nothing stands twice.
pub(crate) fn nothing_twice(story: &Story, what: &str) {
    let world = story.forge.world();
    let mut heads = BTreeSet::new();
    for (number, pull) in world.pulls() {
        assert!(heads.insert(pull.head_branch.clone()), "{what}: #{number} is a second for {}", pull.head_branch);
    }
    let mut said = BTreeSet::new();
    for entry in world.comments() {
        let marker = entry.comment.body.rsplit("<!--").next().unwrap_or_default().to_owned();
        assert!(said.insert((entry.comment.issue, marker)), "{what}: said twice: {}", entry.comment.body);
    }
    let tracking = |labels: &[String]| labels.iter().any(|label| label == "orchestrate:tracking");
    assert_eq!(world.issues().filter(|entry| tracking(&entry.issue.labels)).count(), 1, "{what}");
    let mut claimed = BTreeSet::new();
    for task in story.held.plan.tasks.values() {
        for attempt in &task.attempts {
            assert!(claimed.insert(attempt.key.to_string()), "{what}: {} stands twice", attempt.key);
        }
    }
}

pub(crate) fn a_crash_at_any_boundary_changes_nothing_in_the_end() {
    let mut calm = canonical();
    calm.run();
    let (expected, boundaries) = (ending(&calm), calm.desk.boundaries());
    assert!(boundaries > 60, "{boundaries}");
    for crash in [Crash::Before, Crash::After] {
        for boundary in 0..boundaries {
            let mut story = canonical();
            story.desk.crash_at(boundary, crash);
            story.run();
            let what = format!("{crash:?} boundary {boundary}");
            assert_eq!(ending(&story), expected, "{what}");
            nothing_twice(&story, &what);
        }
    }
}

stories! {
    a_crash_at_any_boundary_changes_nothing_in_the_end,
}
