// Lets packages import JSON as bundlers do: GitHub's parser names no import attribute, which Node asks for.

import { readFile } from "node:fs/promises";
import { register } from "node:module";

export async function load(url, context, next) {
  if (!url.endsWith(".json")) return next(url, context);
  const text = await readFile(new URL(url), "utf8");
  return { format: "module", source: `export default ${text}`, shortCircuit: true };
}

const isLoader = new URL(import.meta.url).searchParams.has("loader");
if (!isLoader) register(`${import.meta.url}?loader`);
