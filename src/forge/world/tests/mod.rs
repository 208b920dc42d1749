//! The world's behaviour, as tables and short stories. Git is played by the answers given.

mod access;
mod issues;
mod pulls;
mod runs;
mod triggers;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::engine::id::RepositoryName;
use crate::forge::world::request::{GitAnswer, PersonAct, SeedAct};
use crate::forge::world::setup::{InputFacts, JobFacts, WorkflowFacts};
use crate::github::Request as Call;

const START: Timestamp = Timestamp(1_000_000);

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn sha(text: &str) -> Sha {
    Sha::new(text)
}

/// `main` at `m0`, `work` at `w0`, one workflow `task.yml`; issue 1 labelled `orchestrate`; `ann` may write, `tim`
/// triage.
fn world() -> World {
    let mut setup = Setup::new(RepositoryName::new("acme/widgets"), "main", Login::new("owner"));
    setup.branches = [("main", "m0"), ("work", "w0")].map(|(b, s)| (b.to_owned(), sha(s))).into();
    let job = |id: &str, needs: &[&str]| JobFacts {
        id: id.to_owned(),
        name: id.to_owned(),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
    };
    let facts = WorkflowFacts {
        name: "task".to_owned(),
        run_name: Some("orchestrate ${{ inputs.key }}".to_owned()),
        inputs: BTreeMap::from([
            ("key".to_owned(), InputFacts { required: true, default: None }),
            ("mode".to_owned(), InputFacts { required: false, default: Some("fast".to_owned()) }),
        ]),
        jobs: vec![job("claim", &[]), job("agent", &["claim"])],
        ..WorkflowFacts::default()
    };
    setup.workflows.insert("task.yml".to_owned(), facts);
    let mut world = World::new(setup);
    for (login, permission) in [("ann", Permission::Write), ("tim", Permission::Triage)] {
        let act = SeedAct::Permission { login: Login::new(login), permission };
        world.apply(Request::Seed(act), START).response.expect("permitted");
    }
    let labels = vec!["orchestrate".to_owned()];
    let issue =
        request::SeedIssue { number: IssueNumber(1), title: "one".to_owned(), body: "- [ ] box\n".to_owned(), labels };
    world.apply(Request::Seed(SeedAct::Issues(vec![issue])), START).response.expect("seeded");
    world
}

/// The App calls.
fn app(world: &mut World, call: Call) -> Applied {
    let actor = world.app_bot();
    world.apply(Request::Api { actor, request: call, git: None }, START)
}

/// The App calls, and git answers so.
fn app_git(world: &mut World, call: Call, answer: GitAnswer) -> Applied {
    let actor = world.app_bot();
    let request = Request::Api { actor, request: call, git: Some(answer) };
    assert!(world.git_question(&request, START).is_some(), "git is to be asked");
    world.apply(request, START)
}

fn person(world: &mut World, login: &str, act: PersonAct) -> Applied {
    let actor = Actor { login: Login::new(login), bot: false };
    world.apply(Request::Person { actor, act, git: None }, at(5))
}

/// Webhooks as `event.action`.
fn told(applied: &Applied) -> Vec<String> {
    let name = |webhook: &Webhook| match webhook.action() {
        Some(action) => format!("{}.{action}", webhook.event()),
        None => webhook.event().to_owned(),
    };
    applied.webhooks.iter().map(name).collect()
}

/// The kind of an error, for tables.
fn kind(applied: &Applied) -> &'static str {
    match &applied.response {
        Ok(_) => "ok",
        Err(Error::Missing { .. }) => "missing",
        Err(Error::Unauthorized { .. }) => "unauthorized",
        Err(Error::Denied { .. }) => "denied",
        Err(Error::Conflict { .. }) => "conflict",
        Err(Error::Invalid { .. }) => "invalid",
        Err(Error::RateLimited { .. } | Error::OverBudget { .. }) => "limited",
        Err(Error::Unreachable { .. }) => "unreachable",
        Err(Error::Unexpected { .. }) => "unexpected",
    }
}

fn create_issue(title: &str, body: &str) -> Call {
    Call::CreateIssue { title: title.to_owned(), body: body.to_owned(), labels: Vec::new() }
}

fn update_issue(number: u64, body: Option<&str>, state: Option<crate::engine::snapshot::OpenState>) -> Call {
    Call::UpdateIssue { number: IssueNumber(number), title: None, body: body.map(str::to_owned), state }
}

fn create_pull(head: &str, base: &str, body: &str) -> Call {
    let (head, base, body) = (head.to_owned(), base.to_owned(), body.to_owned());
    Call::CreatePullRequest { title: "work".to_owned(), body, head, base, draft: false }
}

fn dispatch(inputs: &[(&str, &str)]) -> Call {
    let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Call::DispatchWorkflow { workflow: "task.yml".to_owned(), branch: "main".to_owned(), inputs }
}
