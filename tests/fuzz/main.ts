/**
 * `deno task fuzz [--seed S] [--iterations N] [--only open|secured]`: exit code 1 when something was found.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { fuzz } from "./run.ts";
import { fuzzSecured } from "./secured.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    iterations: { type: "string", default: "5000" },
    only: { type: "string" },
  },
});
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const iterations = Number(values.iterations);
const runs = { open: fuzz, secured: fuzzSecured };
if (
  !Number.isSafeInteger(seed) || !Number.isSafeInteger(iterations) || iterations < 1 ||
  (values.only !== undefined && !(values.only in runs))
) {
  console.error("fuzz: --seed S and --iterations N are whole numbers, --only is open or secured");
  Deno.exit(2);
}
console.log(`seed ${seed}, ${iterations} calls each`);
let found = 0;
for (const [name, run] of Object.entries(runs)) {
  if (values.only !== undefined && values.only !== name) continue;
  const { findings, answers, growthMebibytes } = await run(seed, iterations);
  console.log(name === "open" ? "one master, open to all" : "a cluster behind TLS and tokens");
  for (const [code, count] of [...answers].sort((a, b) => b[1] - a[1])) {
    console.log(`${String(count).padStart(8)}  ${code}`);
  }
  console.log(`no node grew by more than ${growthMebibytes} MiB`);
  for (const finding of findings) console.log(`FOUND ${finding}`);
  found += findings.length;
}
console.log(found === 0 ? "nothing found" : `${found} found; --seed ${seed}`);
Deno.exit(found === 0 ? 0 : 1);
