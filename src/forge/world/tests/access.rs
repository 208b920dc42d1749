//! Permissions and limits.

use super::*;
use crate::forge::world::access::{Level, Permissions, Scope, app_permissions};
use crate::forge::world::limits::{CONTENT_PER_HOUR, CONTENT_PER_MINUTE, REQUESTS_PER_HOUR};
use crate::forge::world::setup::ApiLimits;

fn with_permissions(permissions: Permissions) -> World {
    let mut world = world();
    world.setup.app_permissions = permissions;
    world
}

fn comment() -> Call {
    Call::CreateComment { number: IssueNumber(1), body: "hello".to_owned() }
}

#[test]
fn the_app_may_do_what_it_was_given_and_no_more() {
    assert!(!app_permissions().contains_key(&Scope::Workflows));
    let table = [
        (Scope::Issues, Call::BodyEdits { number: IssueNumber(1) }),
        (Scope::Issues, create_issue("x", "")),
        (Scope::Contents, Call::Branch { branch: "main".to_owned() }),
        (Scope::Contents, Call::DeleteBranch { branch: "work".to_owned() }),
        (Scope::Contents, Call::MergeBranch { into: "main".to_owned(), from: "work".to_owned() }),
        (Scope::Actions, dispatch(&[("key", "k")])),
        (Scope::PullRequests, create_pull("work", "main", "")),
        (Scope::Checks, Call::Checks { sha: sha("w0") }),
        (Scope::Metadata, Call::Repository),
    ];
    for (scope, call) in table {
        let mut none = app_permissions();
        none.remove(&scope);
        let mut world = with_permissions(none);
        assert_eq!(kind(&app(&mut world, call.clone())), "denied", "{call:?}");
        let request = Request::Api { actor: world.app_bot(), request: call.clone(), git: None };
        assert_eq!(world.git_question(&request, START), None, "git is not asked for what is denied: {call:?}");
        let mut read = app_permissions();
        read.insert(scope, Level::Read);
        let expected = call.is_write();
        assert_eq!(kind(&app(&mut with_permissions(read), call.clone())) == "denied", expected, "{call:?}");
    }
}

#[test]
fn people_may_do_what_their_role_lets_them() {
    let number = IssueNumber(1);
    let label = || PersonAct::Label { number, label: "x".to_owned() };
    let edit = || PersonAct::Edit { number, title: None, body: Some("new".to_owned()) };
    let talk = || PersonAct::Comment { number, body: "hello".to_owned() };
    let merge = || PersonAct::Merge { number: PullNumber(2) };
    for (login, act, expected) in [
        ("stranger", talk(), "ok"),
        ("stranger", label(), "denied"),
        ("stranger", edit(), "denied"),
        ("tim", label(), "ok"),
        ("TIM", label(), "ok"),
        ("tim", PersonAct::Close { number }, "ok"),
        ("tim", merge(), "denied"),
        ("ann", merge(), "missing"),
        ("ann", PersonAct::Delete { number }, "denied"),
        ("owner", PersonAct::Delete { number }, "ok"),
    ] {
        assert_eq!(kind(&person(&mut world(), login, act.clone())), expected, "{login} {act:?}");
    }
    let mut world = world();
    let actor = Actor { login: Login::new("stranger"), bot: false };
    let labels = vec!["orchestrate".to_owned()];
    let opened = person(&mut world, "stranger", PersonAct::Open { title: "mine".into(), body: "x".into(), labels });
    assert_eq!(told(&opened), ["issues.opened"], "labels of somebody who may not label are dropped");
    let own = PersonAct::Edit { number: IssueNumber(2), title: None, body: Some("y".to_owned()) };
    assert_eq!(kind(&person(&mut world, "stranger", own)), "ok", "authors edit what they wrote");
    let unknown = Call::Permission { login: actor.login };
    assert_eq!(app(&mut world, unknown).response, Ok(Response::Permission(Permission::None)));
    let known = Call::Permission { login: Login::new("Ann") };
    assert_eq!(app(&mut world, known).response, Ok(Response::Permission(Permission::Write)));
    let bot = Actor { login: Login::new("other[bot]"), bot: true };
    let denied = world.apply(Request::Api { actor: bot, request: Call::Repository, git: None }, START);
    assert_eq!(kind(&denied), "denied", "a bot nobody knows");
}

#[test]
fn content_writes_are_limited_by_the_minute_and_the_hour() {
    let mut world = world();
    let actor = world.app_bot();
    let write = |world: &mut World, seconds: u64| {
        world.apply(Request::Api { actor: actor.clone(), request: comment(), git: None }, at(seconds)).response
    };
    for _ in 0..CONTENT_PER_MINUTE {
        assert!(write(&mut world, 0).is_ok());
    }
    assert_eq!(write(&mut world, 59), Err(Error::RateLimited { until: at(60) }));
    let read = Request::Api { actor: actor.clone(), request: Call::Repository, git: None };
    assert!(world.apply(read, at(59)).response.is_ok(), "reads go on");
    let mut written = CONTENT_PER_MINUTE;
    let mut seconds = 60;
    while written < CONTENT_PER_HOUR {
        assert!(write(&mut world, seconds).is_ok());
        (written, seconds) = (written + 1, seconds + 1);
    }
    assert_eq!(write(&mut world, seconds + 60), Err(Error::RateLimited { until: at(3_600) }));
    assert_eq!(world.comments().count(), CONTENT_PER_HOUR);
    assert!(write(&mut world, 3_600).is_ok());
}

#[test]
fn requests_are_limited_by_the_hour_and_told_in_the_quota() {
    let mut world = world();
    let bot = world.app_bot().login;
    for used in 0..REQUESTS_PER_HOUR {
        assert_eq!(world.quota(&bot, at(1)).map(|quota| quota.used), Some(used));
        assert!(app(&mut world, Call::Repository).response.is_ok());
    }
    let limited = Err(Error::RateLimited { until: START + Duration::from_secs(3_600) });
    assert_eq!(app(&mut world, Call::Repository).response, limited);
    assert_eq!(world.count_plain(&bot, at(1)), limited.map(drop));
    assert_eq!(world.count_plain(&bot, at(3_600)), Ok(()));
    assert_eq!(world.count_plain(&Login::new("ann"), at(1)), Ok(()), "each account has its own");
    world.setup.limits = ApiLimits::None;
    assert_eq!(world.quota(&bot, at(3_600)), None);
}

#[test]
fn counters_are_no_part_of_the_stored_world() {
    let mut world = world();
    let before = serde_json::to_string(&world).expect("writable");
    app(&mut world, Call::Repository);
    assert_eq!(serde_json::to_string(&world).expect("writable"), before);
}
