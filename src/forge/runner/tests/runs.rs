use crate::engine::snapshot::{Conclusion, Progress};
use crate::forge::runner::Host as _;
use crate::forge::runner::tests::stage::{Stage, TASK, key};
use crate::forge::runner::workflow::Workflow;
use crate::forge::world::access::{Level, Permissions, Scope};
use crate::github;

const SUCCESS: Option<Conclusion> = Some(Conclusion::Success);
const FAILURE: Option<Conclusion> = Some(Conclusion::Failure);
const SKIPPED: Option<Conclusion> = Some(Conclusion::Skipped);

const CLAIM: &str =
    "claim) echo \"claim of $KEY with ${ORCHESTRATOR_TOKEN:-no token}\"; echo won=true >> \"$GITHUB_OUTPUT\";;";

#[tokio::test]
async fn a_run_goes_through_its_three_jobs() {
    let stage = Stage::task(&format!(
        "{CLAIM}
        fetch) echo \"fetch with ${{ORCHESTRATOR_TOKEN:-no token}}\"
          mkdir -p \"$RUNNER_TEMP/left\"; echo x > \"$HOME/x\";;
        agent) env | sort; printf patch > \"$RUNNER_TEMP/left/work.patch\"; ln -s /etc/passwd \"$RUNNER_TEMP/left/link\"
          echo LATER=on >> \"$GITHUB_ENV\";;
        publish) echo \"publish of $(ls \"$RUNNER_TEMP/left\"): $(cat \"$RUNNER_TEMP/left/work.patch\")\"
          ! test -e \"$HOME/x\";;"
    ));
    let mut options = stage.options.clone();
    options.secrets.insert("OPENAI_API_KEY".to_owned(), "sk-secret".into());
    options.agent_environment.insert("AGENT_VARIABLE".to_owned(), "given".into());
    let runner = crate::forge::runner::Runner::start(options, stage.host.clone()).await.expect("started");
    let run = stage.dispatch();
    let entry = stage.over(run).await;
    let log = |key: &str| stage.job(run, key).log;
    assert_eq!(stage.conclusions(run), [SUCCESS; 3], "{}\n{}\n{}", log("claim"), log("agent"), log("publish"));
    assert_eq!(entry.conclusion, SUCCESS);
    assert_eq!(stage.job(run, "claim").outputs.get("won").map(String::as_str), Some("true"));
    assert!(log("claim").contains(&format!("claim of {} with ***", key())), "{}", log("claim"));
    assert!(log("agent").contains("fetch with ***") && log("agent").contains("1 links and special files left out"));
    assert!(log("publish").contains("publish of work.patch: patch"), "{}", log("publish"));
    let artifact = entry.artifacts.get("work").expect("stored");
    assert_eq!(artifact.bytes, 5);
    let held = |level| Permissions::from([(Scope::Contents, level), (Scope::Metadata, Level::Read)]);
    assert_eq!(*stage.host.minted.lock().expect("whole"), [held(Level::Write), held(Level::Read), held(Level::Write)]);
    assert_eq!(*stage.host.ended_tokens.lock().expect("whole"), ["ghs_token_1", "ghs_token_2", "ghs_token_3"]);
    runner.stop().await;
    assert_eq!(std::fs::read_dir(stage.path("state/jobs")).expect("there").count(), 0);
}

#[tokio::test]
async fn a_step_sees_its_own_variables_and_nothing_of_the_forge() {
    let stage = Stage::task(&format!("{CLAIM}\nfetch) ;;\nagent) env | sort; pwd;;\npublish) ;;"));
    let mut options = stage.options.clone();
    options.agent_environment.insert("AGENT_VARIABLE".to_owned(), "given".into());
    let runner = crate::forge::runner::Runner::start(options, stage.host.clone()).await.expect("started");
    let run = stage.dispatch();
    stage.over(run).await;
    let log = stage.job(run, "agent").log;
    let names: Vec<&str> = log.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    for wanted in
        ["AGENT_VARIABLE", "BRIEF", "GITHUB_OUTPUT", "GITHUB_RUN_ATTEMPT", "HOME", "KEY", "OPENAI_API_KEY", "PATH"]
    {
        assert!(names.contains(&wanted), "{wanted}: {log}");
    }
    for (name, value) in [
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_SERVER_URL", "http://127.0.0.1:1"),
        ("GITHUB_JOB", "agent"),
        ("OUT", "work"),
    ] {
        assert!(log.contains(&format!("{name}={value}\n")), "{name}: {log}");
    }
    assert!(!log.contains("CARGO") && !log.contains("ORCHESTRATOR_TOKEN") && !log.contains("ghs_"), "{log}");
    let folder = stage.path("state").canonicalize().expect("there").join("jobs");
    assert!(log.contains(&format!("HOME={}", folder.display())));
    runner.stop().await;
}

#[tokio::test]
async fn jobs_are_skipped_fail_and_run_again_as_needs_and_if_say() {
    let fails_once = "agent) if test \"$GITHUB_RUN_ATTEMPT\" = 1; then echo broken; exit 3; fi;;";
    for (claimed, first, again) in [
        ("claim) echo won=false >> \"$GITHUB_OUTPUT\";;", [SUCCESS, SKIPPED, SKIPPED], None),
        ("claim) exit 1;;", [FAILURE, SKIPPED, SKIPPED], Some([FAILURE, SKIPPED, SKIPPED])),
        (CLAIM, [SUCCESS, FAILURE, SUCCESS], Some([SUCCESS, SUCCESS, SUCCESS])),
    ] {
        let stage = Stage::task(&format!("{claimed}\nfetch) ;;\n{fails_once}\npublish) ;;"));
        let runner = stage.start().await;
        let run = stage.dispatch();
        let entry = stage.over(run).await;
        assert_eq!(stage.conclusions(run), first, "{claimed}");
        let well = if first.contains(&FAILURE) { FAILURE } else { SUCCESS };
        assert_eq!(entry.conclusion, well, "{claimed}");
        if let Some(again) = again {
            let log = stage.job(run, "agent").log;
            assert!(first[1] == SKIPPED || log.contains("broken\nError: Process completed with exit code 3."), "{log}");
            stage.host.call(github::Request::RerunFailedJobs { run }, None);
            stage.over(run).await;
            assert_eq!(stage.conclusions(run), again, "{claimed}");
        }
        runner.stop().await;
    }
}

#[tokio::test]
async fn a_failed_step_is_told_with_those_after_it() {
    let stage = Stage::task(&format!("{CLAIM}\nfetch) exit 1;;\nagent) ;;\npublish) ;;"));
    let runner = stage.start().await;
    let run = stage.dispatch();
    stage.over(run).await;
    let ends = |key: &str| -> Vec<Option<Conclusion>> {
        let steps = stage.job(run, key).job.steps;
        assert!(steps.iter().all(|step| step.progress == Progress::Completed));
        steps.into_iter().map(|step| step.conclusion).collect()
    };
    assert_eq!(ends("agent"), [SUCCESS, FAILURE, SKIPPED, SUCCESS]);
    // The download fails, since nothing was stored, and the job goes on in spite of it.
    assert_eq!(ends("publish"), [SUCCESS, SUCCESS, SUCCESS]);
    assert!(stage.job(run, "publish").log.contains("Artifact not found for name: work"));
    runner.stop().await;
}

#[tokio::test]
async fn no_more_runs_than_allowed_are_taken_at_once() {
    let mut stage = Stage::task("claim) echo here > \"$AGENT_PIPE\"; read -r go < \"$AGENT_PIPE.go\";;");
    let mut lines = stage.pipe();
    let text = TASK.replace("      - id: claim\n", "      - id: claim\n        timeout-minutes: 1\n");
    let text = text.replacen(
        "    permissions: {contents: write}\n",
        "    permissions: {contents: write}\n    environment: e\n",
        1,
    );
    stage.options.workflows.insert("task.yml".to_owned(), Workflow::parse(&text).expect("reads"));
    let go = stage.path("pipe.go");
    rustix::fs::mkfifoat(rustix::fs::CWD, &go, rustix::fs::Mode::RWXU).expect("made");
    stage.options.agent_environment.insert("AGENT_PIPE".to_owned(), lines.path.clone().into());
    stage.options.parallel = 2;
    let runner = stage.start().await;
    let runs = [stage.dispatch(), stage.dispatch(), stage.dispatch()];
    for _ in 0..2 {
        assert_eq!(lines.next().await, "here");
    }
    let queued = |progress| stage.host.look(|world| world.runs().filter(|run| run.progress == progress).count());
    assert_eq!((queued(Progress::InProgress), queued(Progress::Queued)), (2, 1));
    let mut gate = tokio::net::unix::pipe::OpenOptions::new().read_write(true).open_sender(&go).expect("opened");
    tokio::io::AsyncWriteExt::write_all(&mut gate, b"go\ngo\ngo\n").await.expect("written");
    assert_eq!(lines.next().await, "here");
    for run in runs {
        stage.over(run).await;
    }
    runner.stop().await;
}
