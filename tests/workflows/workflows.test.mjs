// Every workflow and action is one that GitHub takes, and every job begins when it should and only then.

import assert from "node:assert/strict";
import { test } from "node:test";
import { blocks, documents, kindOf } from "./documents.mjs";
import { evaluate, runs } from "./expressions.mjs";
import { actionlint, languageService, parser } from "./judges.mjs";

const ALL = documents();

const planted = (text) => ({ name: "planted", text, kind: kindOf(text) });
const WORKFLOW = `
name: planted
on: push
permissions: {}
jobs:
  one:
    name: one
    runs-on: ubuntu-24.04
    steps:
      - run: echo hello
`;

for (const [name, judge] of Object.entries({ actionlint, languageService, parser })) {
  test(`${name} finds nothing`, async () => {
    const found = await Promise.all(ALL.map(judge));
    assert.deepEqual(found.flat(), []);
  });

  test(`${name} finds what was planted, and nothing in a plain workflow`, async () => {
    assert.deepEqual(await judge(planted(WORKFLOW)), []);
    const broken = WORKFLOW.replace("runs-on", "runs-in");
    assert.notDeepEqual(await judge(planted(broken)), []);
  });
}

test("there are workflows and an action to judge", () => {
  const names = ALL.map(({ name }) => name);
  assert.ok(names.includes("action.yml"), names.join());
  assert.ok(names.includes(".github/workflows/task.yml"), names.join());
  assert.ok(ALL.filter(({ kind }) => kind === "workflow").length >= 2);
});

test("code blocks are read with their lines", () => {
  const text = "a\n```sh\nls\n```\n\n  ```yaml\n  on: push\n  jobs: {}\n  ```\n";
  assert.deepEqual(blocks(text), [{ line: 7, text: "on: push\njobs: {}\n" }]);
});

test("every action is pinned by a full commit", () => {
  const used = ALL.flatMap(({ name, parsed }) => {
    const steps = [...Object.values(parsed.jobs ?? {}).flatMap((job) => [job, ...(job.steps ?? [])]), ...(parsed.runs?.steps ?? [])];
    return steps.filter(({ uses }) => uses).map(({ uses }) => [name, uses]);
  });
  const loose = used.filter(([, uses]) => !uses.startsWith("./") && !/^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/.test(uses));
  assert.deepEqual(loose, []);
});

test("a linter is told to look away once, where comments may wake", () => {
  const ignored = ALL.flatMap(({ name, text }) => (text.match(/zizmor: *ignore/g) ?? []).map(() => name));
  assert.deepEqual(ignored, ["examples/actions-native/orchestrate-comments.yml"]);
});

const jobs = (file) => ALL.find(({ name }) => name === file).parsed.jobs;

test("the agent's job runs only where the claim was won", () => {
  const { agent } = jobs(".github/workflows/task.yml");
  const won = (won, ended) => runs(agent.if, { needs: { claim: { outputs: { won }, result: "success" } } }, ended);
  assert.equal(won("true", "success"), true);
  assert.equal(won("false", "success"), false);
  assert.equal(won("", "success"), false);
  assert.equal(won("true", "failure"), false);
  assert.equal(won("true", "cancelled"), false);
  assert.equal(agent.environment, "orchestrate");
});

test("publishing runs however the agent ended, but not where the run was cancelled or the claim not won", () => {
  const { publish } = jobs(".github/workflows/task.yml");
  const won = (won, ended) => runs(publish.if, { needs: { claim: { outputs: { won } }, agent: { result: ended } } }, ended);
  assert.equal(won("true", "success"), true);
  assert.equal(won("true", "failure"), true);
  assert.equal(won("true", "cancelled"), false);
  assert.equal(won("false", "success"), false);
  assert.equal(won("", "failure"), false);
});

test("the work is uploaded whatever the agent did", () => {
  const upload = jobs(".github/workflows/task.yml").agent.steps.find(({ uses }) => uses?.startsWith("actions/upload-artifact@"));
  for (const ended of ["success", "failure", "cancelled"]) assert.equal(runs(upload.if, {}, ended), true);
});

test("the plan is looked at whatever became of a run's jobs", () => {
  const { wake } = jobs("examples/actions-native/task.yml");
  for (const ended of ["success", "failure", "cancelled"]) assert.equal(runs(wake.if, {}, ended), true);
  assert.deepEqual(wake.permissions, { actions: "write" });
  assert.ok(wake.steps.every(({ uses }) => !uses?.startsWith("actions/checkout@")));
  assert.equal(jobs(".github/workflows/task.yml").wake, undefined);
});

test("what a bot does to an issue wakes nobody; a person, a push and a request do", () => {
  const { handle } = jobs("examples/actions-native/orchestrate.yml");
  const wakes = (event_name, actor) => runs(handle.if, { github: { event_name, actor } });
  assert.equal(wakes("issues", "owner"), true);
  assert.equal(wakes("issues", "github-actions[bot]"), false);
  assert.equal(wakes("push", "task-orchestrator[bot]"), true);
  assert.equal(wakes("workflow_dispatch", "github-actions[bot]"), true);
});

test("a person's command wakes, as does the end of a workflow; other comments and bots do not", () => {
  const { handle } = jobs("examples/actions-native/orchestrate-comments.yml");
  const said = (body, actor) => runs(handle.if, { github: { event_name: "issue_comment", actor, event: { comment: { body } } } });
  assert.equal(said("/orchestrate approve", "owner"), true);
  assert.equal(said("Please\n/orchestrate approve", "owner"), true);
  assert.equal(said("Thank you", "owner"), false);
  assert.equal(said("/orchestrate approve", "helpful[bot]"), false);
  assert.equal(runs(handle.if, { github: { event_name: "workflow_run", actor: "helpful[bot]", event: {} } }), true);
});

test("files that wake one share a group, and none is cancelled half way", () => {
  const shared = { group: "orchestrate", "cancel-in-progress": false };
  for (const file of ["orchestrate", "orchestrate-heartbeat", "orchestrate-comments"]) {
    const { parsed } = ALL.find(({ name }) => name === `examples/actions-native/${file}.yml`);
    assert.deepEqual(parsed.concurrency, shared, file);
  }
});

test("every expression can be evaluated", () => {
  const contexts = {
    env: {}, github: { token: "", event: {} }, inputs: {}, job: {}, matrix: {}, needs: {}, runner: { temp: "" },
    secrets: {}, steps: {}, strategy: {}, vars: {},
  };
  for (const { name, text } of ALL) {
    for (const [, expression] of text.matchAll(/\$\{\{([\s\S]*?)\}\}/g)) {
      assert.doesNotThrow(() => evaluate(expression, contexts), `${name}: ${expression}`);
    }
  }
});
