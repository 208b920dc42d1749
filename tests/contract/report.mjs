// Prints the contract report of a recording, and fails where anything is wrong by GitHub's descriptions.
//
//     node report.mjs RECORDING

import { Contract, exceptions, readRecording, unexcused } from "./contract.mjs";

const [file] = process.argv.slice(2);
const contract = new Contract();
const { operations, others, events, violations, missing } = contract.judge(readRecording(file));
for (const fault of contract.manifestFaults(operations.keys())) violations.set(`manifest: ${fault}`, 1);
const known = exceptions();
const wrong = unexcused(violations, known);

const sum = (counts) => [...counts.values()].reduce((one, two) => one + two, 0);
const table = (counts) => [...counts].sort().map(([name, count]) => `  ${String(count).padStart(5)}  ${name}`);
const lines = [
  "Contract with GitHub",
  `  requests: ${sum(operations)}, distinct operations: ${operations.size}`,
  `  requests of others: ${sum(others)}, distinct operations: ${others.size}`,
  `  webhooks: ${sum(events)}, distinct events: ${events.size}`,
  `  violations: ${wrong.length}, exceptions with a reason: ${known.length}`,
  `  required properties that the forge leaves out: ${missing.size}`,
  "Operations",
  ...table(operations),
  "Operations of others",
  ...table(others),
  "Webhooks",
  ...table(events),
  "Left out by the forge",
  ...table(missing),
  ...known.map(({ violation, reason }) => `Exception: ${violation}\n  because ${reason}`),
];
if (wrong.length > 0) lines.push("Violations", ...wrong.map((fault) => `  ${fault}`));
console.log(lines.join("\n"));
const isEmpty = operations.size === 0 || others.size === 0 || events.size === 0;
process.exitCode = wrong.length > 0 || isEmpty ? 1 : 0;
