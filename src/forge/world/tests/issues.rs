//! Issues, labels, comments, pins.

use super::*;
use crate::engine::id::CommentId;
use crate::engine::snapshot::OpenState;
use crate::github::Reaction;

#[test]
fn texts_beyond_their_bounds_are_refused_and_change_nothing() {
    let (body, title) = ("é".repeat(BODY_CHARACTERS_MAX), "t".repeat(TITLE_CHARACTERS_MAX));
    let number = IssueNumber(1);
    for (call, expected) in [
        (create_issue(&title, &body), "ok"),
        (create_issue(&title, &format!("{body}x")), "invalid"),
        (create_issue(&format!("{title}t"), ""), "invalid"),
        (create_issue(" ", ""), "invalid"),
        (update_issue(1, Some(&format!("{body}x")), None), "invalid"),
        (Call::CreateComment { number, body: format!("{body}x") }, "invalid"),
        (Call::CreateComment { number, body: " ".to_owned() }, "invalid"),
        (create_pull("work", "main", &format!("{body}x")), "invalid"),
        (Call::CreateIssue { title: "t".into(), body: String::new(), labels: vec!["l".repeat(51)] }, "invalid"),
    ] {
        let mut world = world();
        let before = serde_json::to_string(&world).expect("writable");
        let applied = app(&mut world, call);
        assert_eq!(kind(&applied), expected);
        let same = serde_json::to_string(&world).expect("writable") == before;
        assert_eq!((same, applied.webhooks.is_empty()), (expected != "ok", expected != "ok"));
    }
}

#[test]
fn edits_are_kept_with_their_editors_and_equal_texts_are_no_edit() {
    let mut world = world();
    let unchanged = app(&mut world, update_issue(1, Some("- [ ] box\n"), None));
    assert_eq!((kind(&unchanged), told(&unchanged)), ("ok", vec![]));
    let ticked = person(&mut world, "tim", PersonAct::Tick { number: IssueNumber(1), index: 0, checked: true });
    assert_eq!(told(&ticked), ["issues.edited"]);
    let Some(Webhook::Issues { body_from, sender, .. }) = ticked.webhooks.first() else { panic!("{ticked:?}") };
    assert_eq!((body_from.as_deref(), sender.login.as_str()), (Some("- [ ] box\n"), "tim"));
    let Ok(Response::BodyEdits(edits)) = app(&mut world, Call::BodyEdits { number: IssueNumber(1) }).response else {
        panic!("edits")
    };
    let seen: Vec<(&str, Option<&str>)> = edits
        .iter()
        .map(|edit| (edit.editor.as_ref().map_or("", |actor| actor.login.as_str()), edit.body.as_deref()))
        .collect();
    assert_eq!(seen, [("owner", Some("- [ ] box\n")), ("tim", Some("- [x] box\n"))]);
    let no_box = person(&mut world, "tim", PersonAct::Tick { number: IssueNumber(1), index: 1, checked: true });
    assert_eq!(kind(&no_box), "invalid");
}

#[test]
fn labels_are_told_once_and_kept_in_the_timeline() {
    let mut world = world();
    let number = IssueNumber(1);
    let label = |label: &str| PersonAct::Label { number, label: label.to_owned() };
    let unlabel = PersonAct::Unlabel { number, label: "ORCHESTRATE".to_owned() };
    assert_eq!(told(&person(&mut world, "tim", label("Orchestrate"))), Vec::<String>::new(), "held already");
    assert_eq!(told(&person(&mut world, "tim", unlabel)), ["issues.unlabeled"]);
    assert_eq!(told(&person(&mut world, "ann", label("orchestrate"))), ["issues.labeled"]);
    let Ok(Response::LabelEvents(events)) = app(&mut world, Call::LabelEvents { number }).response else {
        panic!("events")
    };
    let seen: Vec<(bool, &str)> = events.iter().map(|event| (event.added, event.actor.login.as_str())).collect();
    assert_eq!(seen, [(true, "owner"), (false, "tim"), (true, "ann")]);
}

#[test]
fn the_list_gives_open_ones_or_all_newest_first_and_pull_requests_too() {
    let mut world = world();
    let pull = app_git(&mut world, create_pull("work", "main", ""), GitAnswer::Ahead(true));
    assert_eq!(kind(&pull), "ok");
    let label = PersonAct::Label { number: IssueNumber(2), label: "orchestrate".to_owned() };
    assert_eq!(told(&person(&mut world, "tim", label)), ["pull_request.labeled"]);
    person(&mut world, "ann", PersonAct::Close { number: IssueNumber(1) });
    for (open_only, expected) in [(true, vec![(2, true)]), (false, vec![(2, true), (1, false)])] {
        let call = Call::IssuesLabelled { label: "orchestrate".to_owned(), open_only };
        let Ok(Response::Issues(issues)) = app(&mut world, call).response else { panic!("issues") };
        let seen: Vec<(u64, bool)> = issues.iter().map(|issue| (issue.number.0, issue.is_pull_request)).collect();
        assert_eq!(seen, expected);
    }
}

#[test]
fn closing_and_reopening_says_who_and_happens_once() {
    let mut world = world();
    let closed = app(&mut world, update_issue(1, None, Some(OpenState::Closed)));
    assert_eq!(told(&closed), ["issues.closed"]);
    let Ok(Response::Issue(issue)) = closed.response else { panic!("issue") };
    assert_eq!(issue.closed_by.map(|actor| actor.login.0), Some("task-orchestrator[bot]".to_owned()));
    assert_eq!(told(&app(&mut world, update_issue(1, None, Some(OpenState::Closed)))), Vec::<String>::new());
    let reopened = person(&mut world, "ann", PersonAct::Reopen { number: IssueNumber(1) });
    assert_eq!(told(&reopened), ["issues.reopened"]);
    assert_eq!(world.issue(IssueNumber(1)).and_then(|entry| entry.issue.closed_by.clone()), None);
}

#[test]
fn a_deleted_issue_is_missing_everywhere() {
    let mut world = world();
    let number = IssueNumber(1);
    person(&mut world, "ann", PersonAct::Comment { number, body: "hello".to_owned() });
    assert_eq!(kind(&person(&mut world, "ann", PersonAct::Delete { number })), "denied");
    assert_eq!(told(&person(&mut world, "owner", PersonAct::Delete { number })), ["issues.deleted"]);
    for call in [
        Call::Issue { number },
        Call::Comments { number },
        Call::BodyEdits { number },
        Call::LabelEvents { number },
        Call::BlockedBy { number },
        Call::CreateComment { number, body: "x".to_owned() },
        update_issue(1, None, None),
        Call::Pin { node_id: "I_1".to_owned(), pinned: true },
    ] {
        assert_eq!(kind(&app(&mut world, call.clone())), "missing", "{call:?}");
    }
    let since = app(&mut world, Call::CommentsSince { since: START }).response;
    assert_eq!(since, Ok(Response::Comments(vec![])));
}

#[test]
fn comments_are_listed_by_when_they_changed() {
    let mut world = world();
    let number = IssueNumber(1);
    let comment = |world: &mut World, seconds: u64, body: &str| {
        let actor = Actor { login: Login::new("ann"), bot: false };
        let act = PersonAct::Comment { number, body: body.to_owned() };
        let applied = world.apply(Request::Person { actor, act, git: None }, at(seconds));
        assert_eq!(told(&applied), ["issue_comment.created"]);
    };
    comment(&mut world, 10, "first");
    comment(&mut world, 20, "second");
    let actor = Actor { login: Login::new("ann"), bot: false };
    let act = PersonAct::EditComment { comment: CommentId(1), body: "first, edited".to_owned() };
    let edited = world.apply(Request::Person { actor, act, git: None }, at(30));
    assert_eq!(told(&edited), ["issue_comment.edited"]);
    for (since, expected) in [(at(0), vec![2, 1]), (at(20), vec![2, 1]), (at(21), vec![1]), (at(31), vec![])] {
        let Ok(Response::Comments(found)) = app(&mut world, Call::CommentsSince { since }).response else {
            panic!("comments")
        };
        assert_eq!(found.iter().map(|comment| comment.id.0).collect::<Vec<_>>(), expected);
    }
    let delete = Call::DeleteComment { comment: CommentId(2) };
    assert_eq!(told(&app(&mut world, delete.clone())), ["issue_comment.deleted"]);
    assert_eq!(kind(&app(&mut world, delete)), "missing");
}

#[test]
fn a_reaction_counts_once() {
    let mut world = world();
    person(&mut world, "ann", PersonAct::Comment { number: IssueNumber(1), body: "hello".to_owned() });
    let react = Call::React { comment: CommentId(1), reaction: Reaction::Eyes };
    for _ in 0..2 {
        assert_eq!(app(&mut world, react.clone()).response, Ok(Response::Done));
    }
    let held = world.comment(CommentId(1)).map(|entry| entry.reactions[&Reaction::Eyes].len());
    assert_eq!(held, Some(1));
    assert_eq!(kind(&app(&mut world, Call::React { comment: CommentId(9), reaction: Reaction::Eyes })), "missing");
}

#[test]
fn three_issues_can_be_pinned_and_no_fourth() {
    let mut world = world();
    for title in ["two", "three", "four"] {
        assert_eq!(told(&app(&mut world, create_issue(title, ""))), ["issues.opened"]);
    }
    let pin = |node: u64, pinned: bool| Call::Pin { node_id: format!("I_{node}"), pinned };
    for node in [1, 2, 3] {
        assert_eq!(told(&app(&mut world, pin(node, true))), ["issues.pinned"]);
    }
    assert_eq!(kind(&app(&mut world, pin(4, true))), "invalid");
    assert_eq!(told(&app(&mut world, pin(1, true))), Vec::<String>::new(), "pinned already");
    assert_eq!(told(&app(&mut world, pin(2, false))), ["issues.unpinned"]);
    assert_eq!(kind(&app(&mut world, pin(4, true))), "ok");
}

#[test]
fn seeds_keep_their_numbers_all_or_none() {
    let mut world = world();
    let issue = |number: u64, title: &str| request::SeedIssue {
        number: IssueNumber(number),
        title: title.to_owned(),
        body: String::new(),
        labels: vec![],
    };
    let mut seed = |issues| world.apply(Request::Seed(SeedAct::Issues(issues)), START);
    assert_eq!(kind(&seed(vec![issue(7, "a"), issue(1, "taken")])), "conflict");
    assert_eq!(kind(&seed(vec![issue(7, "a"), issue(7, "twice")])), "conflict");
    assert_eq!(kind(&seed(vec![issue(7, "a"), issue(0, "zero")])), "invalid");
    assert_eq!(kind(&seed(vec![issue(7, "")])), "invalid");
    assert_eq!(kind(&seed(vec![issue(7, "a"), issue(40, "b")])), "ok");
    let Ok(Response::Issue(next)) = app(&mut world, create_issue("next", "")).response else { panic!("issue") };
    assert_eq!(next.number, IssueNumber(41));
}

#[test]
fn blocked_by_names_issues_that_are_there() {
    let mut world = world();
    app(&mut world, create_issue("two", ""));
    let block = |by: u64| PersonAct::BlockedBy { number: IssueNumber(2), by: IssueNumber(by), blocked: true };
    assert_eq!(kind(&person(&mut world, "tim", block(1))), "ok");
    assert_eq!(kind(&person(&mut world, "tim", block(2))), "invalid");
    assert_eq!(kind(&person(&mut world, "tim", block(9))), "missing");
    let blocked = app(&mut world, Call::BlockedBy { number: IssueNumber(2) }).response;
    assert_eq!(blocked, Ok(Response::Numbers(vec![IssueNumber(1)])));
    let Ok(Response::Issue(issue)) = app(&mut world, Call::Issue { number: IssueNumber(2) }).response else {
        panic!("issue")
    };
    assert_eq!(issue.blocked_by_count, 1);
}
