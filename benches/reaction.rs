//! Measures how soon the next run is asked for: from the arrival of the webhook that says that a run has completed to
//! the next dispatch at the forge, through the real `serve` over HTTP, without limits, one run at a time.
//!
//! `cargo bench --bench reaction` lets 200 runs end one after the other; `-- --help` tells the flags. Runs are done by
//! hand at the forge: record, work and result stand there before the webhook leaves, and nothing else tells the server
//! of anything within the heartbeat. In between the server reads record and run, saves, moves the task's branch, opens
//! its pull request, commits the next brief and asks for the run. A p99 above the aim is said and fails nothing: the
//! forge and its git work on the same cores.

#![expect(clippy::expect_used, reason = "a bench that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

#[path = "reaction/runs.rs"]
mod runs;
#[allow(dead_code, reason = "the other bench uses more of it")]
#[path = "serve/mod.rs"]
mod serve;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::json;
use task_orchestrator::engine::id::RunId;
use task_orchestrator::engine::snapshot::Progress;
use task_orchestrator::forge::http::Handle;

use runs::Runs;
use serve::{Hook, Served, forge, median};

/// What is aimed at, in milliseconds.
const P99_MAX: f64 = 50.0;
/// No reaction may take longer.
const PATIENCE: Duration = Duration::from_secs(60);
const SETTINGS: &str = "heartbeat: 10m\nsettle: none\nchecks_grace: none\napproval: label\nmax_parallel: 1\n\
                        tracking_interval: 10m\n";

/// Measures the time from a run's end to the next dispatch.
#[derive(Parser)]
struct Flags {
    /// How many runs end
    #[arg(long, value_name = "N", default_value_t = 200)]
    runs: u64,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Benches to run, as cargo hands it to all of them
    #[arg(hide = true)]
    filter: Option<String>,
}

/// Waits for a queued run, and tells when it came.
async fn next_run(handle: &Handle) -> (RunId, Instant) {
    let queued = || handle.look(|world| world.runs().find(|run| run.progress == Progress::Queued).map(|run| run.id));
    let mut changes = handle.changes();
    let waiting = async {
        loop {
            if let Some(run) = queued() {
                return (run, Instant::now());
            }
            changes.changed().await.expect("the forge lives");
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the next run is asked for")
}

async fn measure(flags: &Flags) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    // The first run warms up, and after the last one there is one more to ask for.
    let forge = forge(folder.path(), SETTINGS, flags.runs + 2).await;
    let served = Served::start(folder.path(), &forge, forge.base_url());
    let (handle, hook) = (forge.handle(), Hook::new(served.address));
    let runs = Runs::new(handle.clone());
    hook.send(
        "issues",
        "begin",
        &json!({
            "action": "labeled",
            "issue": {"number": 1},
            "repository": {"id": 1, "full_name": "acme/widgets"},
            "sender": {"login": "owner", "type": "User"},
        }),
    )
    .await;
    let mut times = Vec::new();
    let (mut run, _) = next_run(&handle).await;
    for number in 0..=flags.runs {
        runs.finish(run).await;
        let title = handle.look(|world| world.run(run).map(|run| run.title.clone())).expect("a run");
        let body = json!({
            "action": "completed",
            "workflow_run": {
                "id": run.0, "display_title": title, "name": "task", "event": "workflow_dispatch",
                "status": "completed", "conclusion": "success", "head_branch": "main", "run_attempt": 1,
                "path": ".github/workflows/task.yml",
            },
            "repository": {"id": 1, "full_name": "acme/widgets"},
            "sender": {"login": "github-actions[bot]", "type": "Bot"},
        });
        let began = Instant::now();
        hook.send("workflow_run", &format!("run-{run}"), &body).await;
        let (next, at) = next_run(&handle).await;
        if number > 0 {
            times.push((at - began).as_secs_f64() * 1000.0);
        }
        run = next;
    }
    let middle = median(&mut times);
    let p99 = times[(times.len() * 99).div_ceil(100) - 1];
    let most = times.last().copied().unwrap_or_default();
    println!("{} reactions: p50 {middle:.1} ms, p99 {p99:.1} ms, at most {most:.1} ms", times.len());
    drop(served);
    forge.shutdown().await;
    p99 <= P99_MAX
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    if flags.filter.as_ref().is_some_and(|filter| !"reaction".contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if !runtime.block_on(measure(&flags)) {
        println!("the p99 is above the aim of {P99_MAX} ms");
    }
    ExitCode::SUCCESS
}
