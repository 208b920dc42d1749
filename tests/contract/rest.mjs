// REST exchanges, held against GitHub's OpenAPI description.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { Schemas } from "./schemas.mjs";

const require = createRequire(import.meta.url);
/** The API's version whose shapes the description has and the client asks for. */
const API_VERSION = "2022-11-28";
/** Statuses that any call may be answered with, described or not: unchanged, credentials, rights, limits, not there. */
const ANY_CALL = new Set(["304", "401", "403", "404", "429"]);
/** What a refusal's body is, where the description gives no schema of its own. */
const REFUSAL = { $ref: "#/components/schemas/basic-error" };
/** Methods that OpenAPI lists below a path. */
const METHODS = ["get", "post", "put", "patch", "delete"];

/** The description of GitHub's REST API. */
export class Rest {
  #document = JSON.parse(readFileSync(require.resolve("@octokit/openapi/generated/api.github.com.json"), "utf8"));
  #operations = [];
  schemas = new Schemas(this.#document.components.schemas);

  constructor() {
    for (const [path, entry] of Object.entries(this.#document.paths)) {
      for (const method of METHODS.filter((name) => entry[name])) {
        // A parameter stands for one part of a path, save the last one of those whose names have slashes.
        const last = /\{(ref|path)\}$/.test(path);
        const names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
        const place = (_, name) => (last && name === names.at(-1) ? "(.+)" : "([^/]+)");
        const pattern = new RegExp(`^${path.replace(/[.+]/g, "\\$&").replace(/\{([^}]+)\}/g, place)}$`);
        const weight = path.split("/").filter((part) => !part.startsWith("{")).length;
        this.#operations.push({ ...entry[method], method, path, pattern, names, weight });
      }
    }
    this.#operations.sort((one, two) => two.weight - one.weight);
  }

  /** The operation that a request is, by method and path: the one with the most literal path. */
  operation(request) {
    const fits = (known) => known.method === request.method.toLowerCase() && known.pattern.test(request.path);
    return this.#operations.find(fits);
  }

  /** Everything wrong with a request, as lines. */
  requestFaults(request) {
    const operation = this.operation(request);
    if (!operation) return [`${request.method} ${request.path} is no operation of GitHub's`];
    const faults = [
      ...headerFaults(request, operation),
      ...this.#pathFaults(request, operation),
      ...this.#queryFaults(request, operation),
      ...this.#bodyFaults(request, operation),
    ];
    const isOpen = operation["x-github"]?.enabledForGitHubApps || isOfTheApp(operation) || isOfNobody(operation);
    if (!isOpen) faults.push("is not open to GitHub Apps");
    if (operation.deprecated) faults.push("is deprecated");
    return faults;
  }

  /** Everything wrong with an answer, as lines. */
  answerFaults({ request, response }) {
    const operation = this.operation(request);
    if (!operation) return [];
    const status = String(response.status);
    const described = this.#resolved(operation.responses[status]);
    if (!described && !ANY_CALL.has(status)) return [`is not answered with ${status}`];
    const isRaw = /raw/.test(request.headers.accept ?? "");
    if (isRaw && status === "200") return [];
    const schema = jsonSchema(described) ?? (response.status >= 400 ? REFUSAL : undefined);
    if (!schema) return response.body === null ? [] : [`${status} has no body`];
    if (response.body === null) return [`${status} has a body of JSON`];
    return this.schemas.faults(schema, response.body, "partial").map((fault) => `${status}: ${fault}`);
  }

  /** What is wrong with permissions that an App asks for: names and levels that GitHub does not know. */
  permissionFormFaults(permissions) {
    return this.schemas.faults({ $ref: "#/components/schemas/app-permissions" }, permissions, "complete");
  }

  /** Required properties that a right answer leaves out. */
  missing({ request, response }) {
    const described = this.#resolved(this.operation(request)?.responses[String(response.status)]);
    const schema = jsonSchema(described);
    if (!schema || response.body === null || /raw/.test(request.headers.accept ?? "")) return [];
    return this.schemas.missing(schema, response.body);
  }

  #resolved(part) {
    return part?.$ref ? this.#document.components[part.$ref.split("/")[2]][part.$ref.split("/")[3]] : part;
  }

  #parameters(operation, place) {
    return (operation.parameters ?? []).map((part) => this.#resolved(part)).filter((part) => part.in === place);
  }

  #pathFaults(request, operation) {
    const found = operation.pattern.exec(request.path).slice(1);
    return this.#parameters(operation, "path").flatMap((parameter) => {
      const text = decodeURIComponent(found[operation.names.indexOf(parameter.name)] ?? "");
      return this.#valueFaults(parameter, text).map((fault) => `path \`${parameter.name}\`: ${fault}`);
    });
  }

  #queryFaults(request, operation) {
    const known = new Map(this.#parameters(operation, "query").map((parameter) => [parameter.name, parameter]));
    const query = new URLSearchParams(request.query);
    const faults = [];
    for (const [name, text] of query) {
      const parameter = known.get(name);
      if (!parameter) faults.push(`query: \`${name}\` is no parameter`);
      else faults.push(...this.#valueFaults(parameter, text).map((fault) => `query \`${name}\`: ${fault}`));
      if (name === "per_page" && Number(text) > 100) faults.push("query: pages have at most 100 items");
    }
    for (const parameter of known.values()) {
      if (parameter.required && !query.has(parameter.name)) faults.push(`query: \`${parameter.name}\` is missing`);
    }
    return faults;
  }

  /** A text of an address as the value that it stands for: where it reads as a number and may be one, it is one. */
  #valueFaults(parameter, text) {
    const readings = [text];
    if (/^-?\d+$/.test(text)) readings.unshift(Number(text));
    if (text === "true" || text === "false") readings.unshift(text === "true");
    const results = readings.map((value) => this.schemas.faults(parameter.schema, value, "complete"));
    return results.find((faults) => faults.length === 0) ?? results.at(-1);
  }

  #bodyFaults(request, operation) {
    const described = this.#resolved(operation.requestBody);
    const schema = jsonSchema(described);
    if (request.body === null) return described?.required ? ["body: is missing"] : [];
    if (!schema) return ["body: there should be none"];
    return this.schemas.faults(schema, request.body, "complete").map((fault) => `body: ${fault}`);
  }
}

function jsonSchema(described) {
  return described?.content?.["application/json"]?.schema;
}

/** Whether an operation is the App's own, which it asks for by its JSON web token and not as an installation. */
function isOfTheApp(operation) {
  return /^\/app(\/|$)/.test(operation.path) || /^\/repos\/.*\/installation$/.test(operation.path);
}

/** Whether an operation is asked without credentials: a new App has none yet. */
function isOfNobody(operation) {
  return /^\/app-manifests\//.test(operation.path);
}

function headerFaults({ headers, body }, operation) {
  const faults = [];
  const accept = /^application\/vnd\.github(\.raw)?\+json$/;
  if (!accept.test(headers.accept ?? "")) faults.push(`header: accepts \`${headers.accept}\``);
  if (headers["x-github-api-version"] !== API_VERSION) faults.push(`header: the version is not ${API_VERSION}`);
  if (!headers["user-agent"]) faults.push("header: the user agent is missing");
  if (body !== null && !/^application\/json/.test(headers["content-type"] ?? "")) {
    faults.push("header: the body is not called JSON");
  }
  const own = isOfTheApp(operation) ? "json web token" : "token";
  const wanted = isOfNobody(operation) ? undefined : own;
  if (headers.authorization !== wanted) {
    faults.push(`header: wants ${wanted ? `a ${wanted}` : "no credentials"}, has ${headers.authorization}`);
  }
  return faults;
}
