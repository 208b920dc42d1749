// Writes payloads of webhooks as JSON lines, `{name, event, body}`: every example that GitHub publishes, and payloads
// made from the descriptions where there is no example, or none of today.
//
//     node payloads.mjs FILE

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

import { Webhooks } from "./webhooks.mjs";

const require = createRequire(import.meta.url);
/** What examples lack: events, and actions of events. */
const SYNTHETIC = {
  sub_issues: ["parent_issue_added", "parent_issue_removed", "sub_issue_added", "sub_issue_removed"],
  issue_dependencies: ["blocked_by_added", "blocked_by_removed", "blocking_added", "blocking_removed"],
  issues: ["closed", "edited", "labeled", "typed", "untyped"],
  issue_comment: ["created", "edited"],
  workflow_run: ["requested", "in_progress", "completed"],
  workflow_job: ["queued", "waiting", "completed"],
  pull_request: ["edited", "enqueued", "dequeued", "synchronize", "closed"],
  check_run: ["completed"],
  check_suite: ["completed"],
  installation: ["created", "suspend", "new_permissions_accepted"],
  installation_repositories: ["added", "removed"],
  repository: ["renamed", "transferred", "archived"],
  push: [undefined],
  status: [undefined],
};

function examples() {
  const folder = require.resolve("@octokit/webhooks-examples/api.github.com/index.json");
  const known = JSON.parse(readFileSync(folder, "utf8"));
  return known.flatMap(({ name, examples }) => {
    return examples.map((body, at) => ({ name: `${name} example ${at}`, event: name, body }));
  });
}

function synthetic() {
  const webhooks = new Webhooks();
  const pairs = Object.entries(SYNTHETIC).flatMap(([event, actions]) => actions.map((action) => [event, action]));
  return pairs.flatMap(([event, action]) => {
    return [true, false].map((isWhole) => {
      const name = `${event} ${action ?? ""} from its description, ${isWhole ? "whole" : "bare"}`;
      return { name, event, body: webhooks.payload(event, action, isWhole) };
    });
  });
}

const [file] = process.argv.slice(2);
const payloads = [...examples(), ...synthetic()];
writeFileSync(file, payloads.map((payload) => `${JSON.stringify(payload)}\n`).join(""));
console.log(`${payloads.length} payloads`);
