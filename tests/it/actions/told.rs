//! What the tracking issue says of a plan that no server works.

use task_orchestrator::engine::config::ActionsNative;

use crate::support::Story;

fn tracking(actions: Option<ActionsNative>) -> String {
    let mut story = Story::with(&[("a.txt", "a\n")], |settings| settings.actions = actions);
    story.issue(1, "Write a", "Files: a.txt").tick().tick();
    story.tracking()
}

#[test]
fn what_is_seen_late_and_what_the_token_cannot_do_is_said() {
    let late = "Comments, and checks that others run, may be seen only at the next look";
    let token = "the checks of each start once a person";
    for (own_token, hears_comments) in [(false, false), (false, true), (true, false), (true, true)] {
        let body = tracking(Some(ActionsNative { own_token, hears_comments }));
        assert!(body.contains("Worked by workflow runs"), "{body}");
        assert_eq!((body.contains(token), body.contains(late)), (own_token, !hears_comments), "{body}");
    }
    assert!(!tracking(None).contains("workflow runs"));
}
