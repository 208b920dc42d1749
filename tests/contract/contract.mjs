// One contract over a whole recording: what was asked, what was answered and what was told, and what is wrong with it.

import { readFileSync } from "node:fs";

import { GraphQl } from "./graphql.mjs";
import { eventFaults, manifest, permissionFaults } from "./permissions.mjs";
import { Rest } from "./rest.mjs";
import { Webhooks } from "./webhooks.mjs";

/** Where the logs of jobs lie: an address elsewhere that the API redirects to, and no call of its own. */
const STORAGE = /^\/_logs\//;

/** Violations that stand, each with its reason; one that is not met any more is a violation itself. */
export function exceptions() {
  return JSON.parse(readFileSync(new URL("exceptions.json", import.meta.url), "utf8"));
}

/** Reads a recording: one JSON value a line. */
export function readRecording(file) {
  return readFileSync(file, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** Holds recordings against GitHub's descriptions. */
export class Contract {
  #rest = new Rest();
  #graphql = new GraphQl();
  #webhooks = new Webhooks();

  /**
   * Everything found in a recording: how often the client asked for each operation (`exchange`), and others did
   * (`answer`), how often each webhook came, violations with what they are of, and what the forge leaves out.
   */
  judge(lines) {
    const [operations, others, events, violations, missing] = [1, 2, 3, 4, 5].map(() => new Map());
    const counts = { exchange: operations, answer: others, webhook: events };
    for (const line of lines.filter(({ path }) => !STORAGE.test(path))) {
      const { name, faults, left } = line.kind === "webhook" ? this.#delivery(line) : this.#exchange(line);
      add(counts[line.kind], name);
      for (const fault of faults) add(violations, `${name} ${fault}`);
      for (const path of left) add(missing, `${name} ${path}`);
    }
    return { operations, others, events, violations, missing };
  }

  /** The manifest held against what was called. */
  manifestFaults(operations, asked = manifest()) {
    const form = this.#rest.permissionFormFaults(asked.permissions);
    return [...form, ...permissionFaults(new Set(operations), asked), ...eventFaults(this.#webhooks, asked)];
  }

  #delivery({ headers, body }) {
    const name = `webhook ${headers["x-github-event"]}${body?.action ? `.${body.action}` : ""}`;
    const faults = this.#webhooks.faults({ headers, body });
    return { name, faults, left: faults.length > 0 ? [] : this.#webhooks.missing({ headers, body }) };
  }

  #exchange({ method, path, query, headers, body, answer }) {
    if (path === "/graphql") return this.#question({ method, headers, body, answer });
    const request = { method, path, query, headers, body };
    const name = this.#rest.operation(request)?.operationId ?? `${method} ${path}`;
    const asked = this.#rest.requestFaults(request).map((fault) => `asked: ${fault}`);
    const exchange = { request, response: answer };
    const answered = this.#rest.answerFaults(exchange).map((fault) => `answered: ${fault}`);
    return { name, faults: [...asked, ...answered], left: answered.length > 0 ? [] : this.#rest.missing(exchange) };
  }

  #question({ method, headers, body, answer }) {
    const faults = method === "POST" ? [] : [`asked: by ${method}`];
    if (!headers["user-agent"]) faults.push("asked: header: the user agent is missing");
    if (headers.authorization !== "token") faults.push("asked: header: wants a token");
    const asked = this.#graphql.requestFaults(body);
    faults.push(...asked.map((fault) => `asked: ${fault}`));
    if (asked.length > 0) return { name: "graphql", faults, left: [] };
    const answered = answer.status === 200 ? this.#graphql.answerFaults(body, answer.body) : [];
    faults.push(...answered.map((fault) => `answered: ${fault}`));
    return { name: this.#graphql.operation(body), faults, left: [] };
  }
}

function add(counts, name) {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Violations that no exception names, and exceptions that name nothing, as lines. */
export function unexcused(violations, known) {
  const excused = new Map(known.map(({ violation, reason }) => [violation, reason]));
  const left = [...violations.keys()].filter((violation) => !excused.get(violation));
  const idle = [...excused.keys()].filter((violation) => !violations.has(violation));
  return [...left, ...idle.map((violation) => `the exception is not met any more: ${violation}`)];
}
