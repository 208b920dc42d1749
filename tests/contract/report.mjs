// Prints the contract report of a recording, and fails where anything is wrong by GitHub's descriptions.
//
//     node report.mjs RECORDING [--missing]

import { Contract, exceptions, readRecording, unexcused } from "./contract.mjs";

const [file, flag] = process.argv.slice(2);
const contract = new Contract();
const found = contract.judge(readRecording(file));
for (const fault of contract.manifestFaults(found.operations.keys())) found.violations.set(`manifest: ${fault}`, 1);
const known = exceptions();
const wrong = unexcused(found.violations, known);

const table = (counts) => [...counts].sort().map(([name, count]) => `  ${String(count).padStart(5)}  ${name}`);
const lines = [
  "Contract with GitHub",
  `  requests: ${found.exchanges}, distinct operations: ${found.operations.size}`,
  `  webhooks: ${found.deliveries}, distinct events: ${found.events.size}`,
  `  violations: ${wrong.length}, exceptions with a reason: ${known.length}`,
  `  required properties that the forge leaves out: ${found.missing.size}`,
  "Operations",
  ...table(found.operations),
  "Events",
  ...table(found.events),
  ...known.map(({ violation, reason }) => `Exception: ${violation}\n  because ${reason}`),
];
if (flag === "--missing") lines.push("Left out by the forge", ...table(found.missing));
if (wrong.length > 0) lines.push("Violations", ...wrong.map((fault) => `  ${fault}`));
console.log(lines.join("\n"));
process.exitCode = wrong.length > 0 || found.exchanges === 0 || found.deliveries === 0 ? 1 : 0;
