// Webhooks, held against GitHub's description of them, and payloads made from it.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { Schemas } from "./schemas.mjs";

const require = createRequire(import.meta.url);
/** How deep a payload is made where nothing must be there. */
const DEPTH_MAX = 12;

/** The description of GitHub's webhooks. */
export class Webhooks {
  #document = JSON.parse(
    readFileSync(new URL("generated/api.github.com.json", `file://${require.resolve("@octokit/openapi-webhooks")}`)),
  );
  schemas = new Schemas(this.#document.components.schemas);

  /** The description of one event with one action. */
  #described(event, action) {
    const name = [event, action].filter(Boolean).join("-").replaceAll("_", "-");
    return this.#document.webhooks[name]?.post;
  }

  #schema(event, action) {
    return this.#described(event, action)?.requestBody.content["application/json"].schema;
  }

  /** What an App must be allowed before it hears of an event, as GitHub's text says it, where it does. */
  permission(event) {
    const known = Object.keys(this.#document.webhooks).find((name) => {
      return this.#document.webhooks[name].post.operationId.split("/")[0] === event.replaceAll("_", "-");
    });
    if (!known) throw new Error(`no event \`${event}\``);
    const text = JSON.stringify(this.#document.webhooks[known].post);
    return /at least read-level access for the \\"([^"\\]+)\\" repository permission/.exec(text)?.[1];
  }

  /** Everything wrong with a delivery, as lines. */
  faults({ headers, body }) {
    const event = headers["x-github-event"];
    const described = this.#described(event, body?.action);
    if (!described) return [`${event} ${body?.action} is no event of GitHub's`];
    const wanted = described.parameters.filter((parameter) => parameter.in === "header" && parameter.required);
    const faults = wanted
      .filter((parameter) => !headers[parameter.name.toLowerCase()])
      .map((parameter) => `header: \`${parameter.name}\` is missing`);
    if (!/^sha256=[0-9a-f]{64}$/.test(headers["x-hub-signature-256"] ?? "")) faults.push("header: no signature");
    if (!/^GitHub-Hookshot\//.test(headers["user-agent"] ?? "")) faults.push("header: another user agent");
    if (headers["content-type"] !== "application/json") faults.push("header: the body is not called JSON");
    if (headers["x-github-hook-installation-target-type"] !== "integration") faults.push("header: no App's hook");
    return [...faults, ...this.schemas.faults(this.#schema(event, body?.action), body, "partial")];
  }

  /** Required properties that a delivery leaves out. */
  missing({ headers, body }) {
    return this.schemas.missing(this.#schema(headers["x-github-event"], body.action), body);
  }

  /** A payload of an event with everything that its description names, or only with what it requires. */
  payload(event, action, isWhole) {
    const schema = this.#schema(event, action);
    const body = this.#value(schema, isWhole, 0);
    const faults = this.schemas.faults(schema, body, "complete");
    if (faults.length > 0) throw new Error(`${event} ${action} was not made well: ${faults.join("; ")}`);
    return body;
  }

  #value(schema, isWhole, depth) {
    const resolved = this.schemas.resolve(schema);
    const whole = (resolved.allOf && this.schemas.joined(resolved)) || resolved;
    if (whole.enum) return whole.enum.find((value) => value !== null) ?? null;
    const type = [whole.type].flat().find((name) => name !== "null" && name !== undefined);
    const choices = whole.allOf ?? whole.anyOf ?? whole.oneOf;
    if (whole.properties || (type === "object" && !choices)) {
      const required = new Set(whole.required ?? []);
      const wanted = ([name]) => required.has(name) || (isWhole && depth < DEPTH_MAX);
      const properties = Object.entries(whole.properties ?? {}).filter(wanted);
      return Object.fromEntries(properties.map(([name, part]) => [name, this.#value(part, isWhole, depth + 1)]));
    }
    // Of several descriptions of one value the narrowest is the one whose values fit all of them.
    if (choices) {
      const values = choices.map((part) => this.#value(part, isWhole, depth));
      return values.find((value) => this.schemas.faults(whole, value, "complete").length === 0) ?? values[0];
    }
    if (type === "array") return depth < DEPTH_MAX ? [this.#value(whole.items ?? {}, isWhole, depth + 1)] : [];
    return scalar(whole, type ?? "null");
  }
}

/** A value that is neither object nor list. */
function scalar({ format, pattern, minLength = 0 }, type) {
  if (type === "integer" || type === "number") return 7;
  if (type === "boolean") return true;
  if (type !== "string") return null;
  if (format === "date-time") return "2026-11-01T12:00:00Z";
  if (format === "date") return "2026-11-01";
  if (format === "uri") return "https://example.com/it";
  if (pattern) return "0".repeat(40);
  return "octo/widgets".padEnd(minLength, "x");
}
