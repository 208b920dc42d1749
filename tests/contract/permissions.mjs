// What every call needs of the App's permissions, by GitHub's documentation ("Permissions required for GitHub Apps"):
// all of those named. The calls of the App itself need none.

import { readFileSync } from "node:fs";

/** By operation of the REST description, or root field of GraphQL. */
export const NEEDED = {
  "repos/get": { metadata: "read" },
  "repos/get-collaborator-permission-level": { metadata: "read" },
  "repos/get-branch-rules": { metadata: "read" },
  "repos/get-repo-ruleset": { metadata: "read" },
  "repos/get-branch": { contents: "read" },
  "rate-limit/get": {},
  "issues/get-label": { issues: "read" },
  "git/get-tree": { contents: "read" },
  "actions/get-workflow": { actions: "read" },
  "apps/list-repos-accessible-to-installation": { metadata: "read" },
  "issues/list-for-repo": { issues: "read" },
  "issues/get": { issues: "read" },
  "issues/list-events-for-timeline": { issues: "read" },
  "issues/list-dependencies-blocked-by": { issues: "read" },
  "issues/list-sub-issues": { issues: "read" },
  "issues/add-blocked-by-dependency": { issues: "write" },
  "issues/remove-dependency-blocked-by": { issues: "write" },
  "issues/list-comments-for-repo": { issues: "read" },
  "issues/list-comments": { issues: "read" },
  "issues/create": { issues: "write" },
  "issues/update": { issues: "write" },
  "issues/create-comment": { issues: "write" },
  "issues/delete-comment": { issues: "write" },
  "reactions/create-for-issue-comment": { issues: "write" },
  "query repository.issue": { issues: "read" },
  "mutation pinIssue": { issues: "write" },
  "mutation unpinIssue": { issues: "write" },
  "git/get-ref": { contents: "read" },
  "git/list-matching-refs": { contents: "read" },
  "git/get-commit": { contents: "read" },
  "git/create-ref": { contents: "write" },
  "git/update-ref": { contents: "write" },
  "git/delete-ref": { contents: "write" },
  "git/create-tree": { contents: "write" },
  "git/create-commit": { contents: "write" },
  "repos/get-content": { contents: "read" },
  "repos/merge": { contents: "write" },
  "query repository.ref": { contents: "read" },
  "query repository.object": { contents: "read" },
  "mutation createCommitOnBranch": { contents: "write" },
  "mutation updateIssue": { issues: "write" },
  "mutation updateRefs": { contents: "write" },
  "actions/create-workflow-dispatch": { actions: "write" },
  "actions/enable-workflow": { actions: "write" },
  "actions/disable-workflow": { actions: "write" },
  "actions/list-workflow-runs": { actions: "read" },
  "actions/get-workflow-run": { actions: "read" },
  "actions/list-jobs-for-workflow-run": { actions: "read" },
  "actions/download-job-logs-for-workflow-run": { actions: "read" },
  "actions/cancel-workflow-run": { actions: "write" },
  "actions/force-cancel-workflow-run": { actions: "write" },
  "actions/re-run-workflow-failed-jobs": { actions: "write" },
  "pulls/list": { pull_requests: "read" },
  "pulls/get": { pull_requests: "read" },
  "pulls/create": { pull_requests: "write" },
  "pulls/update": { pull_requests: "write" },
  "pulls/merge": { contents: "write" },
  "query repository.pullRequest": { pull_requests: "read", checks: "read", statuses: "read" },
  "checks/list-for-ref": { checks: "read" },
  "repos/get-combined-status-for-ref": { statuses: "read" },
  "apps/create-from-manifest": {},
  "apps/get-authenticated": {},
  "apps/get-webhook-config-for-app": {},
  "apps/list-installations": {},
  "apps/get-repo-installation": {},
  "apps/create-installation-access-token": {},
  "apps/list-webhook-deliveries": {},
  "apps/redeliver-webhook-delivery": {},
};

/** What GitHub's texts call the permissions that events need. */
const BY_NAME = {
  Actions: "actions",
  Checks: "checks",
  "Commit statuses": "statuses",
  Contents: "contents",
  Issues: "issues",
  Metadata: "metadata",
  "Pull requests": "pull_requests",
};
/** Events whose permission GitHub's text tells in other words. */
const BY_EVENT = { push: "contents", check_suite: "checks" };

/** What the App's manifest asks for: permissions with their levels, and events. */
export function manifest(address = new URL("../../app-manifest.yml", import.meta.url)) {
  const text = readFileSync(address, "utf8");
  const section = (name) => new RegExp(`^${name}:\\n((?: .*\\n?)*)`, "m").exec(text)?.[1] ?? "";
  const permissions = [...section("default_permissions").matchAll(/^ +(\w+): (\w+)/gm)];
  const events = [...section("default_events").matchAll(/^ +- (\w+)/gm)];
  return {
    permissions: Object.fromEntries(permissions.map(([, name, level]) => [name, level])),
    events: events.map(([, name]) => name),
  };
}

/** What is wrong with the manifest, held against the operations that were called: as lines. */
export function permissionFaults(called, asked, needed = NEEDED) {
  const faults = [];
  const most = new Map();
  for (const operation of called) {
    if (!needed[operation]) faults.push(`${operation}: nobody says what permission it needs`);
    for (const [name, level] of Object.entries(needed[operation] ?? {})) {
      const held = asked.permissions[name];
      if (!held || (level === "write" && held !== "write")) faults.push(`${operation} lacks \`${name}: ${level}\``);
      if (most.get(name) !== "write") most.set(name, level);
    }
  }
  for (const operation of Object.keys(needed)) {
    if (!called.has(operation)) faults.push(`${operation}: a permission is told of what is never called`);
  }
  for (const [name, level] of Object.entries(asked.permissions)) {
    const enough = most.get(name);
    if (!enough) faults.push(`\`${name}: ${level}\` is asked for, and no call needs it`);
    else if (enough !== level) faults.push(`\`${name}: ${level}\` is asked for, \`${enough}\` suffices`);
  }
  return faults;
}

/** What is wrong with the manifest's events: each must be one that the permissions let the App hear of. */
export function eventFaults(webhooks, asked) {
  return asked.events.flatMap((event) => {
    const name = BY_EVENT[event] ?? BY_NAME[webhooks.permission(event)];
    if (!name) return [`the event \`${event}\`: it is not known what permission it needs`];
    return asked.permissions[name] ? [] : [`the event \`${event}\` lacks \`${name}: read\``];
  });
}
