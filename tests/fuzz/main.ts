/**
 * `deno task fuzz [--seed S] [--iterations N]`: exit code 1 when something was found.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { fuzz } from "./run.ts";

const { values } = parseArgs({
  options: { seed: { type: "string" }, iterations: { type: "string", default: "5000" } },
});
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const iterations = Number(values.iterations);
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(iterations) || iterations < 1) {
  console.error("fuzz: --seed S and --iterations N are whole numbers");
  Deno.exit(2);
}
console.log(`seed ${seed}, ${iterations} calls`);
const { findings, answers, growthMebibytes } = await fuzz(seed, iterations);
for (const [name, count] of [...answers].sort((a, b) => b[1] - a[1])) {
  console.log(`${String(count).padStart(8)}  ${name}`);
}
console.log(`the master grew by ${growthMebibytes} MiB`);
for (const finding of findings) console.log(`FOUND ${finding}`);
console.log(findings.length === 0 ? "nothing found" : `${findings.length} found; --seed ${seed}`);
Deno.exit(findings.length === 0 ? 0 : 1);
