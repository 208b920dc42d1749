// Every workflow and action of this repository: files, and whole ones within the documents' code blocks.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** The repository's files that end so, by what git knows and what is new; what tests feed on is left out. */
function files(...endings) {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: ROOT });
  const names = [...new Set(listed.toString().split("\0"))].filter((name) => endings.some((end) => name.endsWith(end)));
  return names.filter((name) => !/(^|\/)tests\//.test(name) && existsSync(join(ROOT, name))).sort();
}

/** What a YAML text is to GitHub Actions: "workflow", "action", or null. */
export function kindOf(text) {
  let read;
  try {
    read = parse(text);
  } catch {
    return null;
  }
  if (read === null || typeof read !== "object") return null;
  if ("jobs" in read && "on" in read) return "workflow";
  return "runs" in read ? "action" : null;
}

/** The code blocks of a Markdown text that name YAML as their language: `{ line, text }`, the line of the first. */
export function blocks(markdown) {
  const found = [];
  let block = null;
  markdown.split("\n").forEach((line, index) => {
    const fence = line.match(/^(\s*)```(\w*)\s*$/);
    if (fence && block) {
      found.push(block);
      block = null;
    } else if (fence && ["yaml", "yml"].includes(fence[2])) {
      block = { line: index + 2, indent: fence[1].length, text: "" };
    } else if (fence) {
      block = { line: 0, indent: 0, text: "" };
    } else if (block) {
      block.text += `${line.slice(block.indent)}\n`;
    }
  });
  return found.filter((one) => one.line > 0).map(({ line, text }) => ({ line, text }));
}

/** All of them: `{ name, kind, text, parsed }`; the name says where it stands. */
export function documents() {
  const found = files(".yml", ".yaml").map((name) => ({ name, text: readFileSync(join(ROOT, name), "utf8") }));
  for (const name of files(".md")) {
    for (const { line, text } of blocks(readFileSync(join(ROOT, name), "utf8"))) {
      found.push({ name: `${name}:${line}`, text });
    }
  }
  return found
    .map((one) => ({ ...one, kind: kindOf(one.text) }))
    .filter((one) => one.kind !== null)
    .map((one) => ({ ...one, parsed: parse(one.text) }));
}
