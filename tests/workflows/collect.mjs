// Writes every workflow and action to a folder, one below another as repositories hold them, for tools that read files.
// usage: node collect.mjs FOLDER

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { documents } from "./documents.mjs";

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node collect.mjs FOLDER");
  process.exit(2);
}
for (const { name, kind, text } of documents()) {
  const owner = name.replaceAll(/[^\w.-]+/g, "-").replace(/^[.-]+/, "");
  const path = join(folder, owner, kind === "action" ? "action.yml" : ".github/workflows/document.yml");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
