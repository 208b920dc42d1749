//! Pull requests, branches, checks.

use super::*;
use crate::engine::snapshot::{Conclusion, OpenState, PullRequest};
use crate::forge::world::request::{CheckAct, GitQuestion};

const PULL: PullNumber = PullNumber(2);

fn with_pull(body: &str, base: &str) -> World {
    let mut world = world();
    let branches = SeedAct::Branches(vec![crate::engine::snapshot::Ref { branch: "next".to_owned(), sha: sha("n0") }]);
    world.apply(Request::Seed(branches), START).response.expect("told");
    let opened = app_git(&mut world, create_pull("work", base, body), GitAnswer::Ahead(true));
    assert_eq!(told(&opened), ["pull_request.opened"]);
    world
}

fn merge(head: &str) -> Call {
    Call::MergePullRequest { number: PULL, head: sha(head) }
}

fn pushed(world: &mut World, branch: &str, before: Option<&str>, after: Option<&str>) -> Applied {
    let actor = Actor { login: Login::new("ann"), bot: false };
    let (before, after) = (before.map(sha), after.map(sha));
    world.apply(Request::Pushed { actor, branch: branch.to_owned(), before, after }, at(9))
}

fn pull(world: &World) -> PullRequest {
    world.pull_snapshot(PULL, None).expect("there")
}

#[test]
fn a_pull_request_needs_branches_commits_and_no_open_twin() {
    let mut world = world();
    assert_eq!(kind(&app(&mut world, create_pull("gone", "main", ""))), "invalid");
    assert_eq!(kind(&app(&mut world, create_pull("work", "gone", ""))), "invalid");
    let none = app_git(&mut world, create_pull("work", "main", ""), GitAnswer::Ahead(false));
    assert_eq!(kind(&none), "conflict");
    assert_eq!(kind(&app(&mut world, create_pull("work", "main", ""))), "unexpected", "git was not asked");
    assert_eq!(kind(&app_git(&mut world, create_pull("work", "main", ""), GitAnswer::Ahead(true))), "ok");
    assert_eq!(kind(&app(&mut world, create_pull("work", "main", ""))), "conflict");
    assert_eq!(pull(&world).number, PULL, "a refused one takes no number");
}

#[test]
fn a_merge_closes_the_issues_named_only_on_the_default_branch() {
    for (body, base, closes) in [
        ("Closes #1", "main", true),
        ("see #1", "main", false),
        ("Closes #1", "next", false),
        ("Fixes #99", "main", false),
    ] {
        let mut world = with_pull(body, base);
        let merged = app_git(&mut world, merge("w0"), GitAnswer::Merged(sha("m1")));
        assert_eq!(merged.response, Ok(Response::Merged(sha("m1"))));
        let mut expected = vec!["push", "pull_request.closed"];
        expected.extend(closes.then_some("issues.closed"));
        assert_eq!(told(&merged), expected, "{body} {base}");
        let pull = pull(&world);
        assert_eq!((pull.merged, pull.merge_commit, pull.state), (true, Some(sha("m1")), OpenState::Closed));
        assert_eq!(world.branches()[base], sha("m1"));
        assert_eq!(kind(&app(&mut world, merge("w0"))), "conflict", "merged already");
        assert_eq!(kind(&person(&mut world, "ann", PersonAct::Reopen { number: IssueNumber(2) })), "invalid");
    }
}

#[test]
fn a_merge_that_may_not_be_never_asks_git() {
    let ask = |world: &World, call: Call| {
        let request = Request::Api { actor: world.app_bot(), request: call, git: None };
        world.git_question(&request, START)
    };
    let mut world = with_pull("", "main");
    let expected = GitQuestion::Merge {
        into: "main".to_owned(),
        from: "w0".to_owned(),
        message: "Merge pull request #2 from acme/work\n\nwork".to_owned(),
    };
    assert_eq!(ask(&world, merge("w0")), Some(expected));
    assert_eq!(ask(&world, merge("w9")), None);
    assert_eq!(kind(&app(&mut world, merge("w9"))), "conflict");
    let conflict = GitAnswer::Conflict { paths: vec!["a.txt".to_owned()] };
    let refused = app_git(&mut world, merge("w0"), conflict);
    assert_eq!((kind(&refused), told(&refused)), ("conflict", vec![]));
    assert_eq!(kind(&app_git(&mut world, merge("w0"), GitAnswer::Failed { message: "disk".into() })), "unreachable");
    person(&mut world, "ann", PersonAct::Close { number: IssueNumber(2) });
    assert_eq!(ask(&world, merge("w0")), None);
    assert_eq!(kind(&app(&mut world, merge("w0"))), "conflict");
    let unknown = Call::MergePullRequest { number: PullNumber(77), head: sha("w0") };
    assert_eq!(kind(&app(&mut world, unknown)), "missing");
}

#[test]
fn a_push_moves_the_head_and_a_deleted_head_closes() {
    let mut world = with_pull("", "main");
    assert_eq!(told(&pushed(&mut world, "other", None, Some("o1"))), ["push"]);
    assert_eq!(told(&pushed(&mut world, "main", Some("m0"), Some("m1"))), ["push"]);
    let moved = pushed(&mut world, "work", Some("w0"), Some("w1"));
    assert_eq!(told(&moved), ["push", "pull_request.synchronize"]);
    assert_eq!(pull(&world).head_sha, sha("w1"));
    assert_eq!(told(&pushed(&mut world, "work", Some("w1"), Some("w1"))), Vec::<String>::new());
    let gone = app_git(&mut world, Call::DeleteBranch { branch: "work".to_owned() }, GitAnswer::Done);
    assert_eq!(told(&gone), ["push", "pull_request.closed"]);
    let closed = pull(&world);
    assert_eq!((closed.state, closed.merged, closed.head_sha), (OpenState::Closed, false, sha("w1")));
    assert_eq!(kind(&person(&mut world, "ann", PersonAct::Reopen { number: IssueNumber(2) })), "conflict");
    pushed(&mut world, "work", None, Some("w2"));
    assert_eq!(
        told(&person(&mut world, "ann", PersonAct::Reopen { number: IssueNumber(2) })),
        ["pull_request.reopened"]
    );
    assert_eq!(pull(&world).head_sha, sha("w2"));
}

#[test]
fn branches_follow_gits_answers() {
    let branch = || "new".to_owned();
    let create = || Call::CreateBranch { branch: branch(), sha: sha("x") };
    let advance = || Call::AdvanceBranch { branch: "work".to_owned(), sha: sha("w1") };
    let refused = || GitAnswer::Refused { message: "Reference already exists".to_owned() };
    let missing = || GitAnswer::Missing { what: "commit".to_owned() };
    let into_main = || Call::MergeBranch { into: "main".to_owned(), from: "work".to_owned() };
    for (call, answer, expected, events) in [
        (create(), GitAnswer::At(sha("x")), "ok", vec!["push"]),
        (create(), refused(), "conflict", vec![]),
        (create(), missing(), "missing", vec![]),
        (advance(), GitAnswer::At(sha("w1")), "ok", vec!["push"]),
        (advance(), refused(), "conflict", vec![]),
        (into_main(), GitAnswer::Merged(sha("m1")), "ok", vec!["push"]),
        (into_main(), GitAnswer::NothingToDo, "ok", vec![]),
        (into_main(), GitAnswer::Conflict { paths: vec!["a".to_owned()] }, "conflict", vec![]),
        (into_main(), GitAnswer::Done, "unexpected", vec![]),
        (Call::DeleteBranch { branch: branch() }, GitAnswer::Done, "ok", vec![]),
    ] {
        let applied = app_git(&mut world(), call.clone(), answer);
        assert_eq!(
            (kind(&applied), told(&applied)),
            (expected, events.into_iter().map(str::to_owned).collect()),
            "{call:?}"
        );
    }
    let unknown = Call::MergeBranch { into: "gone".to_owned(), from: "main".to_owned() };
    assert_eq!(kind(&app(&mut world(), unknown)), "missing");
}

#[test]
fn only_one_pull_request_is_asked_whether_it_merges() {
    let mut world = with_pull("", "main");
    let one = app_git(&mut world, Call::PullRequest { number: PULL }, GitAnswer::Mergeable(false)).response;
    let Ok(Response::PullRequest(found)) = one else { panic!("pull") };
    assert_eq!(found.mergeable, Some(false));
    for (head, expected) in [(Some("work"), 1), (Some("other"), 0), (None, 1)] {
        let call = Call::PullRequests { head: head.map(str::to_owned) };
        let Ok(Response::PullRequests(found)) = app(&mut world, call).response else { panic!("pulls") };
        assert_eq!(found.len(), expected);
        assert!(found.iter().all(|pull| pull.mergeable.is_none()));
    }
    person(&mut world, "ann", PersonAct::Close { number: IssueNumber(2) });
    for (head, expected) in [(Some("work"), 1), (None, 0)] {
        let call = Call::PullRequests { head: head.map(str::to_owned) };
        let Ok(Response::PullRequests(found)) = app(&mut world, call).response else { panic!("pulls") };
        assert_eq!(found.len(), expected);
    }
}

#[test]
fn a_suite_completes_with_its_last_check() {
    let mut world = world();
    let started = |name: &str| CheckAct::Started { sha: sha("w0"), name: name.to_owned(), app: "ci".to_owned() };
    let ended = |name: &str, conclusion| CheckAct::Ended {
        sha: sha("w0"),
        name: name.to_owned(),
        app: "ci".to_owned(),
        conclusion,
        summary: "said".to_owned(),
        log: String::new(),
    };
    let mut check = |act| told(&world.apply(Request::Check(act), START));
    assert_eq!(check(started("test")), ["check_run.created"]);
    assert_eq!(check(started("lint")), ["check_run.created"]);
    assert_eq!(check(ended("test", Conclusion::Failure)), ["check_run.completed"]);
    assert_eq!(check(ended("lint", Conclusion::Success)), ["check_run.completed", "check_suite.completed"]);
    assert_eq!(check(started("test")), ["check_run.created"], "run again");
    let status = |conclusion| CheckAct::Status {
        sha: sha("w0"),
        context: "old".to_owned(),
        conclusion,
        description: String::new(),
    };
    assert_eq!(check(status(None)), Vec::<String>::new());
    check(status(Some(Conclusion::Success)));
    let Ok(Response::Checks(checks)) = app(&mut world, Call::Checks { sha: sha("w0") }).response else {
        panic!("checks")
    };
    let seen: Vec<(&str, Option<Conclusion>)> =
        checks.runs.iter().map(|run| (run.name.as_str(), run.conclusion)).collect();
    assert_eq!(seen, [("lint", Some(Conclusion::Success)), ("test", None)]);
    assert_eq!(checks.statuses.iter().map(|status| status.conclusion).collect::<Vec<_>>(), [Some(Conclusion::Success)]);
}

#[test]
fn a_draft_does_not_merge() {
    let mut world = world();
    let Call::CreatePullRequest { title, body, head, base, .. } = create_pull("work", "main", "") else {
        panic!("a pull request")
    };
    let draft = Call::CreatePullRequest { title, body, head, base, draft: true };
    assert_eq!(kind(&app_git(&mut world, draft, GitAnswer::Ahead(true))), "ok");
    assert!(pull(&world).draft);
    assert_eq!(kind(&app(&mut world, merge("w0"))), "conflict");
}
