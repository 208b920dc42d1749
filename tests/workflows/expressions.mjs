// Expressions as GitHub evaluates them.

import { Evaluator, Lexer, Parser, data } from "@actions/expressions";

/** The contexts that an `if:` or a step's expression may name. */
const CONTEXTS = ["env", "github", "inputs", "job", "matrix", "needs", "runner", "secrets", "steps", "strategy", "vars"];
/** The functions that tell how what came before has ended; the runner knows them, the evaluator does not. */
const ENDS = ["always", "cancelled", "failure", "success"];

/** A plain value as the evaluator's. */
function dataOf(value) {
  if (value === null || value === undefined) return new data.Null();
  if (typeof value === "string") return new data.StringData(value);
  if (typeof value === "boolean") return new data.BooleanData(value);
  if (typeof value === "number") return new data.NumberData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(dataOf));
  const pairs = Object.entries(value).map(([key, value]) => ({ key, value: dataOf(value) }));
  return new data.Dictionary(...pairs);
}

/** The expression within `${{ }}`, or the text itself, as in an `if:` without them. */
export function inner(text) {
  const found = String(text).match(/^\s*\$\{\{([\s\S]*)\}\}\s*$/);
  return (found ? found[1] : String(text)).trim();
}

/** An expression's value. `ended`: how what came before has ended: "success", "failure" or "cancelled". */
export function evaluate(text, contexts, ended = "success") {
  const says = { always: true, cancelled: ended === "cancelled", failure: ended === "failure", success: ended === "success" };
  const functions = ENDS.map((name) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(says[name]),
  }));
  const tokens = new Lexer(inner(text)).lex().tokens;
  const parsed = new Parser(tokens, CONTEXTS, functions).parse();
  const known = new Map(functions.map((one) => [one.name, one]));
  return new Evaluator(parsed, dataOf(contexts), known).evaluate();
}

/** Whether a job or step with this `if:` runs: one that asks for no end of what came before asks for its success. */
export function runs(condition, contexts, ended = "success") {
  const text = condition === undefined ? "success()" : inner(condition);
  const asks = ENDS.some((name) => new RegExp(`\\b${name}\\s*\\(`).test(text));
  const whole = asks ? text : `success() && (${text})`;
  const { value, kind } = evaluate(whole, contexts, ended);
  return kind === data.Kind.Dictionary || kind === data.Kind.Array ? true : Boolean(value) && !Number.isNaN(value);
}
