// The contract can fail: what is right passes, and everything planted is reported.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Contract, unexcused } from "./contract.mjs";
import { manifest, permissionFaults } from "./permissions.mjs";
import { Webhooks } from "./webhooks.mjs";

const contract = new Contract();
const headers = {
  accept: "application/vnd.github+json",
  authorization: "token",
  "user-agent": "task-orchestrator/1",
  "x-github-api-version": "2022-11-28",
};
const sending = { ...headers, "content-type": "application/json" };
const sha = "c0ffee".padEnd(40, "0");
const reference = {
  ref: "refs/heads/topic",
  node_id: "x",
  url: "https://example.com/ref",
  object: { type: "commit", sha, url: "https://example.com/commit" },
};
const read = {
  kind: "exchange",
  method: "GET",
  path: "/repos/octo/widgets/git/ref/heads/a/topic",
  query: "",
  headers,
  body: null,
  answer: { status: 200, headers: {}, body: reference },
};
const refused = { status: 422, headers: {}, body: { message: "no", documentation_url: "https://example.com" } };
const write = {
  ...read,
  method: "POST",
  path: "/repos/octo/widgets/issues",
  headers: sending,
  body: { title: "a title", body: "a body", labels: ["one"] },
  answer: refused,
};
const list = { ...read, path: "/repos/octo/widgets/issues", query: "state=all&per_page=100" };
list.answer = { status: 304, headers: {}, body: null };
const token = { ...read, path: "/app/installations/7/access_tokens", method: "POST", answer: { ...refused } };
token.headers = { ...sending, authorization: "json web token" };
token.body = { permissions: { issues: "write" } };
const conversion = { ...token, path: "/app-manifests/a1b2/conversions", body: null };
conversion.headers = { ...headers, authorization: undefined };
conversion.answer = { status: 404, headers: {}, body: refused.body };
const question = {
  ...read,
  method: "POST",
  path: "/graphql",
  headers: sending,
  body: {
    query: `query($number:Int!){repository(owner:"o",name:"w"){issue(number:$number){state userContentEdits(first:9){
      nodes{editedAt editor{__typename login}}}}}}`,
    variables: { number: 1 },
  },
  answer: { status: 200, headers: {}, body: { data: { repository: { issue: null } } } },
};
const issue = { state: "OPEN", userContentEdits: { nodes: [{ editedAt: "2026-11-01T00:00:00Z", editor: null }] } };
question.answer.body.data.repository.issue = issue;
const delivery = {
  kind: "webhook",
  method: "POST",
  path: "/webhook",
  headers: {
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/1",
    "x-github-delivery": "1",
    "x-github-event": "issues",
    "x-github-hook-id": "1",
    "x-github-hook-installation-target-id": "1",
    "x-github-hook-installation-target-type": "integration",
    "x-hub-signature-256": `sha256=${"0".repeat(64)}`,
  },
  body: new Webhooks().payload("issues", "closed", false),
};

/** A line with the value at a place replaced; `undefined` removes it. */
function planted(line, place, value) {
  const copy = structuredClone(line);
  const names = place.split("/");
  const last = names.pop();
  const above = names.reduce((inner, name) => inner[name], copy);
  if (value === undefined) delete above[last];
  else above[last] = value;
  return copy;
}

function violations(line) {
  return [...contract.judge([line]).violations.keys()];
}

test("what is right passes", () => {
  for (const line of [read, write, list, token, conversion, question, delivery]) assert.deepEqual(violations(line), []);
  const { operations, others, events } = contract.judge([read, write, delivery, { ...read, kind: "answer" }]);
  assert.deepEqual([...operations.keys(), ...others.keys()], ["git/get-ref", "issues/create", "git/get-ref"]);
  assert.deepEqual([...events], [["webhook issues.closed", 1]]);
});

test("what is left out is listed and no violation", () => {
  const found = contract.judge([planted(read, "answer/body/node_id", undefined)]);
  assert.deepEqual([[...found.violations], [...found.missing.keys()]], [[], ["git/get-ref .node_id"]]);
});

const faults = {
  "no such path": [read, "path", "/repos/octo/widgets/git/reference/x"],
  "no such method": [read, "method", "PUT"],
  "a parameter nobody knows": [list, "query", "states=all"],
  "a parameter with another word": [list, "query", "state=opened"],
  "a page that is too large": [list, "query", "per_page=101"],
  "a path's part of another kind": [list, "path", "/repos/octo/widgets/issues/x1"],
  "another form": [read, "headers/accept", "application/json"],
  "no version": [read, "headers/x-github-api-version", undefined],
  "no user agent": [read, "headers/user-agent", undefined],
  "the App's own token": [read, "headers/authorization", "json web token"],
  "an installation's token for the App": [token, "headers/authorization", "token"],
  "a token before there is an App": [conversion, "headers/authorization", "token"],
  "a body for a code": [conversion, "body", { code: "a1b2" }],
  "a permission nobody knows": [token, "body/permissions/issue", "write"],
  "a level nobody knows": [token, "body/permissions/issues", "admin"],
  "a body where there is none": [read, "body", {}],
  "no body": [write, "body", null],
  "a body that is not called JSON": [write, "headers/content-type", undefined],
  "a field nobody knows": [write, "body/label", "one"],
  "a field of another kind": [write, "body/labels", "one"],
  "a field that is missing": [write, "body/title", undefined],
  "an answer of another kind": [read, "answer/body/object/sha", 7],
  "an answer with more": [read, "answer/body/object/size", 7],
  "an answer that is a list": [read, "answer/body", []],
  "an answer without a body": [read, "answer/body", null],
  "a status that is not described": [read, "answer/status", 418],
  "a refusal in another form": [write, "answer/body", { error: "no" }],
  "a document that is none": [question, "body/query", "query {"],
  "a field of no type": [question, "body/query", "query($number:Int!){repository(owner:1){titel}}"],
  "a variable of another type": [question, "body/variables/number", "one"],
  "a variable nobody declared": [question, "body/variables/more", 1],
  "a variable that is missing": [question, "body/variables", {}],
  "more in a request": [question, "body/more", 1],
  "a field that is not answered": [question, "answer/body/data/repository/issue/state", undefined],
  "a field nobody asked for": [question, "answer/body/data/repository/issue/number", 1],
  "a word of no enum": [question, "answer/body/data/repository/issue/state", "OPENED"],
  "nothing where something must be": [question, "answer/body/data/repository/issue/state", null],
  "one where there are many": [question, "answer/body/data/repository/issue/userContentEdits/nodes", {}],
  "an object of no type": [question, "answer/body/data/repository/issue/userContentEdits/nodes/0/editor", { login: 1 }],
  "neither data nor errors": [question, "answer/body", {}],
  "an action nobody knows": [delivery, "body/action", "finished"],
  "an event nobody knows": [delivery, "headers/x-github-event", "issue"],
  "a webhook of another kind": [delivery, "body/issue/number", "one"],
  "a webhook with more": [delivery, "body/issue/size", 1],
  "a webhook that is not signed": [delivery, "headers/x-hub-signature-256", undefined],
  "a webhook of no App": [delivery, "headers/x-github-hook-installation-target-type", "repository"],
  "a webhook without its name": [delivery, "headers/x-github-delivery", undefined],
};
for (const [name, [line, place, value]] of Object.entries(faults)) {
  test(`${name} is a violation`, () => assert.notDeepEqual(violations(planted(line, place, value)), []));
}

test("permissions are those that calls need, no more and no less", () => {
  const needed = { one: { issues: "write" }, two: { issues: "read", checks: "read" } };
  const both = new Set(["one", "two"]);
  const wrong = (permissions, called = both) => permissionFaults(called, { permissions }, needed).length;
  const right = { issues: "write", checks: "read" };
  assert.equal(wrong(right), 0);
  assert.equal(wrong({ ...right, issues: "read" }), 2, "one lacks it, and is what it is asked for");
  assert.equal(wrong({ issues: "write" }), 1, "two lacks it");
  assert.equal(wrong({ ...right, actions: "read" }), 1, "nobody needs it");
  assert.equal(wrong({ ...right, checks: "write" }), 1, "less suffices");
  assert.equal(wrong(right, new Set([...both, "three"])), 1, "nobody knows what it needs");
  assert.ok(wrong(right, new Set(["one"])) > 0, "two is never called");
});

test("the manifest is read, and its events are those that it may hear of", () => {
  const asked = manifest();
  assert.ok(Object.keys(asked.permissions).length >= 7 && asked.events.includes("issues"), JSON.stringify(asked));
  assert.equal(asked.permissions.workflows, undefined);
  const eventsWrong = (permissions) => {
    return contract.manifestFaults([], { ...asked, permissions }).filter((fault) => fault.startsWith("the event"));
  };
  assert.deepEqual(eventsWrong(asked.permissions), []);
  const unknown = contract.manifestFaults([], { ...asked, permissions: { comments: "write" } });
  assert.ok(unknown.some((fault) => /unevaluated properties \(comments\)/.test(fault)), unknown.join("; "));
  assert.equal(eventsWrong({ ...asked.permissions, checks: undefined }).length, 2);
});

test("an exception excuses what it names and must be met", () => {
  const known = [{ violation: "a", reason: "so it is" }, { violation: "b", reason: "" }];
  assert.deepEqual(unexcused(new Map([["a", 1], ["b", 1]]), known), ["b"]);
  assert.equal(unexcused(new Map(), known.slice(0, 1)).length, 1);
});
