use std::time::Duration;

use crate::forge::runner::workflow::{MissingFiles, Shell, StepAct, Workflow};
use crate::forge::world::access::{Level, Permissions, Scope};

const TASK: &str = include_str!("../tests/task.yml");

#[test]
fn the_bundled_form_reads_whole() {
    let workflow = Workflow::parse(TASK).unwrap_or_else(|error| panic!("{error}"));
    let facts = workflow.facts();
    assert_eq!(facts.run_name.as_deref(), Some("orchestrate ${{ inputs.key }}"));
    assert!(facts.inputs.values().all(|input| input.required) && facts.inputs.len() == 2);
    let jobs: Vec<(&str, usize)> = facts.jobs.iter().map(|job| (job.id.as_str(), job.needs.len())).collect();
    assert_eq!(jobs, [("claim", 0), ("agent", 1), ("publish", 2)]);
    let agent = workflow.job("agent").expect("there");
    assert_eq!(agent.permissions, Permissions::from([(Scope::Contents, Level::Read)]));
    assert_eq!((agent.timeout, agent.environment.as_deref()), (Duration::from_secs(5_400), Some("orchestrate")));
    assert_eq!(agent.env.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["KEY", "BRIEF", "OUT"]);
    assert!(matches!(agent.steps[3].act, StepAct::Upload { missing: MissingFiles::Ignore, hidden: false, .. }));
    let publish = workflow.job("publish").expect("there");
    assert!(publish.steps[1].continue_on_error);
    assert!(matches!(publish.steps[2].act, StepAct::Run { shell: Shell::Bash, .. }));
    assert_eq!(workflow.ancestors("publish").len(), 2);
}

#[test]
fn what_is_not_run_here_is_refused_by_name() {
    let own = "task-orchestrator/task-orchestrator@0123456789abcdef0123456789abcdef01234567\n      - id: claim";
    for (from, to, named) in [
        ("permissions: {}", "defaults: {}", "defaults"),
        (
            "permissions: {}",
            "concurrency: {group: x, cancel-in-progress: true}",
            "concurrency.cancel-in-progress: runs under way are not cancelled here",
        ),
        ("permissions: {}", "concurrency: {group: \"${{ inputs.key }}\"}", "concurrency.group: of expressions"),
        ("permissions: {}", "permissions: {id-token: write}", "permissions.id-token"),
        ("permissions: {}", "permissions: {contents: admin}", "permissions.contents: `admin`"),
        ("    runs-on: ubuntu-24.04\n    timeout-minutes: 5\n", "    timeout-minutes: 5\n", "runs-on"),
        ("timeout-minutes: 5\n", "timeout-minutes: 0\n", "jobs.claim.timeout-minutes"),
        ("timeout-minutes: 5\n", "strategy: {}\n", "strategy"),
        ("timeout-minutes: 5\n", "timeout-minutes: 5\n    timeout-minutes: 6\n", "timeout-minutes"),
        ("timeout-minutes: 5\n", "services: {}\n", "services"),
        ("needs: claim\n", "needs: nobody\n", "jobs.agent.needs: there is no job `nobody`"),
        ("needs: claim\n", "needs: publish\n", "needs"),
        ("type: string}\n      brief", "type: boolean}\n      brief", "inputs.key.type: `boolean`"),
        ("inputs.key }}\"\non", "github.token }}\"\non", "run-name: in `github.token`"),
        (own, &own.replacen("task-orchestrator/task-orchestrator@", "actions/checkout@", 1), "`actions/checkout@"),
        (own, "task-orchestrator/task-orchestrator@v1\n      - id: claim", "jobs.claim.steps[0].uses"),
        (own, "docker://alpine\n      - id: claim", "`docker://alpine`"),
        ("shell: bash", "shell: python", "jobs.publish.steps[2].shell: `python`"),
        ("shell: bash", "working-directory: x", "working-directory"),
        ("run: task-orchestrator worker claim", "run: curl x | task-orchestrator worker claim", "steps[1].run: `curl"),
        (
            "--key \"$KEY\" --brief \"$BRIEF\"\n        env",
            "--key ${{ inputs.key }}\n        env",
            "pass its value by `env`",
        ),
        ("--key \"$KEY\" --brief \"$BRIEF\"\n        env", "--key \"$(id)\"\n        env", "is not run here"),
        ("won == 'true'\n", "lost == 'true'\n", "jobs.agent.if: in `needs.claim.outputs.lost == 'true'`"),
        ("won == 'true'\n", "won == 'true' && secrets.X\n", "`secrets.X` is not known here"),
        ("steps.claim.outputs.won", "steps.other.outputs.won", "jobs.claim.outputs.won"),
        ("if-no-files-found: ignore", "if-no-files-found: shrug", "with.if-no-files-found: `shrug`"),
        (
            "name: work, path: \"${{ runner.temp }}/left\"}\n      - run",
            "pattern: x}\n      - run",
            "`name` must be given",
        ),
        ("OUT: work", "OUT: \"${{ always() }}\"", "jobs.agent.env.OUT"),
        ("OUT: work", "OUT: \"${{ steps.claim.outputs.won }}\"", "jobs.agent.env.OUT"),
        ("- id: claim\n        run", "- id: claim\n        uses: ./\n        run", "either `run` or `uses`"),
    ] {
        assert!(TASK.contains(from), "the file has no {from}");
        let error = Workflow::parse(&TASK.replacen(from, to, 1)).expect_err(to).to_string();
        assert!(error.contains(named), "{to}: {error}");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let error = Workflow::parse(&TASK.replacen("needs: claim", "need: claim", 1)).expect_err("unknown").to_string();
    assert!(error.contains("`need`") && error.contains("line 24"), "{error}");
}

#[test]
fn what_starts_a_workflow_is_read_or_refused() {
    let jobs = "jobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: ./\n        with: {command: handle}\n";
    let of = |on: &str| Workflow::parse(&format!("name: x\non:\n{on}{jobs}"));
    let triggers = |on: &str| of(on).unwrap_or_else(|error| panic!("{on}: {error}")).triggers;
    let read = triggers("  issues: {types: [opened, labeled]}\n  push: {branches: [main]}\n  workflow_dispatch:\n");
    assert!(read.dispatch && read.issues.len() == 2 && read.push.contains("main") && read.every_minutes.is_none());
    let read = triggers("  schedule:\n    - cron: \"*/30 * * * *\"\n");
    assert_eq!((read.dispatch, read.every_minutes), (false, Some(30)));
    for (on, named) in [
        ("  schedule:\n    - cron: \"5 4 * * *\"\n", "on.schedule: `5 4 * * *` is not run here"),
        ("  schedule:\n    - cron: \"*/0 * * * *\"\n", "on.schedule"),
        ("  push: {branches: [\"release/**\"]}\n", "on.push.branches: `release/**` is a pattern"),
        ("  push: {branches: [main], paths: [x]}\n", "paths"),
        ("  issue_comment: {types: [created]}\n", "issue_comment"),
        ("  push: {branches: []}\n", "on: nothing starts this workflow here"),
    ] {
        let error = of(on).expect_err(on).to_string();
        assert!(error.contains(named), "{on}: {error}");
    }
}

#[test]
fn the_action_runs_what_needs_no_more_than_its_variables() {
    let of = |with: &str| {
        let steps = format!("      - uses: ./\n        with: {with}\n");
        Workflow::parse(&format!(
            "name: x\non:\n  workflow_dispatch:\njobs:\n  a:\n    runs-on: x\n    steps:\n{steps}"
        ))
    };
    let read = of("{command: wake, github-token: \"${{ github.token }}\", binary: /x}").expect("known");
    let step = &read.jobs[0].steps[0];
    assert_eq!(step.act, StepAct::OwnCommand { line: "task-orchestrator wake".to_owned() });
    assert_eq!(step.env.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["ORCHESTRATOR_TOKEN"]);
    assert_eq!(of("{codex-version: \"1\"}").expect("known").jobs[0].steps[0].act, StepAct::OwnAction);
    for (with, named) in [
        ("{command: serve}", "command: `serve` cannot stand here"),
        ("{command: handle, stay: 2m}", "with.stay"),
        ("{github-token: x}", "with.github-token"),
    ] {
        let error = of(with).expect_err(with).to_string();
        assert!(error.contains(named), "{with}: {error}");
    }
}
