//! The same loop over real HTTP: the embedded forge, octocrab, git over smart HTTP, and workers as processes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use task_orchestrator::engine::brief::AgentKind;
use task_orchestrator::engine::config::{ApprovalPolicy, Settings};
use task_orchestrator::engine::event::Event;
use task_orchestrator::engine::id::{Login, Owner, RepositoryName};
use task_orchestrator::engine::rest::{Rest, rest};
use task_orchestrator::engine::task::Verdict;
use task_orchestrator::engine::time::Timestamp;
use task_orchestrator::forge::http::{Clock, Forge, ForgeOptions, read_issues};
use task_orchestrator::forge::runner::{Options, Runner, workflow::Workflow};
use task_orchestrator::forge::world::setup::ApiLimits;
use task_orchestrator::git::command::Program;
use task_orchestrator::git::mirror::{Credentials, Mirror};
use task_orchestrator::github::auth::{App, AppCredentials, Installations};
use task_orchestrator::github::client::Transport;
use task_orchestrator::perform::Tree;
use task_orchestrator::turn::{Configuration, Deployment, load, turn};

use crate::support::MemoryRows;

#[derive(Debug)]
struct Push(Arc<Installations>, RepositoryName);
impl Credentials for Push {
    async fn token(&self) -> Result<Option<secrecy::SecretString>, String> {
        self.0.push_token(&self.1).await.map(Some).map_err(|e| e.to_string())
    }
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

async fn git(root: &Path, arguments: &[&str]) {
    Program::default().command(root, arguments).run().await.expect("git does it");
}

#[test]
fn one_shell_task_becomes_a_merged_pull_request_over_http() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("rt");
    runtime.block_on(story());
}

async fn story() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    std::fs::create_dir(&source).expect("made");
    std::fs::write(source.join("a.txt"), "a\n").expect("written");
    git(&source, &["init", "--quiet", "--initial-branch=main"]).await;
    git(&source, &["add", "."]).await;
    git(&source, &["-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "--quiet", "-m", "one"]).await;
    let workflow = Workflow::parse(include_str!("../../.github/workflows/task.yml")).expect("the bundled workflow");
    let repository = RepositoryName::new("local/source");
    let issues =
        read_issues(r#"[{"number":1,"title":"Write a","body":"Files: a.txt","labels":[{"name":"orchestrate"}]}]"#)
            .expect("issues");
    let forge = Forge::start(ForgeOptions {
        state: folder.path().join("forge"),
        source,
        repository: repository.clone(),
        owner: Login::new("owner"),
        issues,
        webhook: None,
        port: 0,
        limits: ApiLimits::None,
        workflows: [("task.yml".to_owned(), workflow.facts())].into(),
        clock: Clock::system(),
    })
    .await
    .expect("starts");
    let mut options = Options::new(&folder.path().join("runner"), forge.base_url(), forge.base_url()).expect("program");
    options.program = env!("CARGO_BIN_EXE_task-orchestrator").into();
    options.guard = vec![options.program.clone().into(), "forge-job".into()];
    options.workflows = [("task.yml".to_owned(), workflow)].into();
    options.parallel = 4;
    let runner = Runner::start(options, forge.handle()).await.expect("starts");
    let clock: task_orchestrator::github::client::Clock = Arc::new(now);
    let transport = Arc::new(Transport::new(forge.base_url(), clock).expect("transport"));
    let app = App::new(transport, &AppCredentials { app_id: forge.app_id().to_string(), key: forge.private_key_pem() })
        .expect("app");
    let installations = Arc::new(Installations::new(Arc::new(app)));
    let identity = installations.app().identity().await.expect("identity");
    let github = installations.client(&repository).await.expect("client");
    let mirror = Mirror::open(
        &folder.path().join("mirror.git"),
        &forge.git_url(),
        Push(installations.clone(), repository.clone()),
        Program::default(),
    )
    .await
    .expect("mirror");
    let settings = Settings {
        approval: ApprovalPolicy::Label,
        auto_merge: true,
        agent: AgentKind::Shell,
        agent_command: Some("echo done >> a.txt".to_owned()),
        ..Settings::local()
    };
    let deployment = Deployment {
        github,
        git: mirror,
        store: MemoryRows::default(),
        repository,
        owner: Owner::new("t"),
        bot: identity.bot.clone(),
        seed: "seed".to_owned(),
        configuration: Configuration::Fixed(Box::new(settings)),
        tree: Tree::default(),
    };
    let mut held = load(&deployment, now()).await.expect("loads");
    let began = now();
    loop {
        turn(&deployment, &mut held, vec![Event::Tick], now()).await.expect("turns");
        if rest(&held.plan, now()) != Rest::Working {
            break;
        }
        assert!(now().since(began) < Duration::from_secs(60), "{:#?}", held.plan.tasks);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("took {:?}", now().since(began));
    let task = held.plan.tasks.values().next().expect("a task");
    assert_eq!(task.verdict, Some(Verdict::Merged), "{task:#?}");
    runner.stop().await;
    forge.shutdown().await;
}
