/**
 * `deno task bench:security`: what protection costs. Two clusters stand beside each other, one with mutual
 * TLS on every channel, tokens, roles, limits and the audit log, one with nothing of that, and
 * submissions go to one and the other in turn, so that both meet the same machine. Beside their rate
 * stands the processor time of each: it says the same on a machine that is busy with other things.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { JobClient } from "../src/rpc/mod.ts";
import { ComparedMasters } from "./security/masters.ts";
import { compareInTurns, type Measure, type Row, tableOf } from "./suite/turns.ts";

const LANES = [1, 64];
const BATCH = 100;
const JOB = { type: "bench", payload: new Uint8Array(200), priority: 5 };

const MEASURES: readonly Measure[] = [
  ...LANES.map((lanes) => ({
    what: `single submits, ${lanes} in flight`,
    lanes,
    jobs: 1,
    submit: (client: JobClient) => client.submit(JOB),
  })),
  {
    what: `submits in batches of ${BATCH}, 4 in flight`,
    lanes: 4,
    jobs: BATCH,
    submit: (client) => client.submitBatch(Array.from({ length: BATCH }, () => JOB)),
  },
];

async function compare(size: number, turns: number, turnMs: number): Promise<readonly Row[]> {
  await using off = await ComparedMasters.start(size, false);
  await using on = await ComparedMasters.start(size, true);
  const name = `${size} master${size === 1 ? "" : "s"}`;
  return await compareInTurns({ off, on }, MEASURES, { name, turns, turnMs });
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", default: false },
      masters: { type: "string", multiple: true, default: ["1", "3"] },
      turns: { type: "string", default: "7" },
      seconds: { type: "string", default: "2" },
    },
  });
  if (values.help) {
    console.log(
      "deno task bench:security --masters N (1 and 3; repeatable), --turns N (7), --seconds N of each (2)",
    );
    Deno.exit(0);
  }
  const load = Deno.loadavg()[0]?.toFixed(2);
  const rows: Row[] = [];
  for (const size of values.masters.map(Number)) {
    rows.push(...await compare(size, Number(values.turns), Number(values.seconds) * 1_000));
  }
  const cores = navigator.hardwareConcurrency;
  console.log(`${cores} cores, Deno ${Deno.version.deno}, load before ${load}\n`);
  console.log(tableOf(rows));
}
