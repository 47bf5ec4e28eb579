import assert from "node:assert/strict";
import { reportOf } from "./report.ts";
import type { SimulationOptions, SimulationResult } from "./simulation.ts";
import { simulate } from "./simulation.ts";

/** Other seeds each time; a failure names its own. */
const FRESH = Date.now() % 1_000_000_007;
const SIZES = [3, 5, 3, 5, 3, 5, 1, 2, 4, 7];

async function clean(options: SimulationOptions): Promise<SimulationResult> {
  const result = await simulate(options);
  if (result.violation !== undefined) {
    assert.fail(await reportOf(options, result, { runsMax: 30 }));
  }
  return result;
}

Deno.test("twenty new seeds break no promise, and each gives the same trace when it is run again", async () => {
  const hashes = new Set<string>();
  for (let at = 0; at < 20; at++) {
    const options = { seed: FRESH + at, nodes: SIZES[at % SIZES.length] ?? 3, ticks: 300 };
    const first = await clean(options);
    const second = await simulate(options);
    assert.equal(first.traceHash, second.traceHash, `seed ${options.seed}`);
    assert.equal(first.events, second.events, `seed ${options.seed}`);
    hashes.add(first.traceHash);
  }
  assert.equal(hashes.size, 20, "other seeds give other traces");
});

for (const nodes of [3, 5]) {
  Deno.test(`two new seeds of long trouble with ${nodes} nodes break no promise`, async () => {
    for (let at = 0; at < 2; at++) {
      const { committed, jobs } = await clean({
        seed: FRESH + 100 * nodes + at,
        nodes,
        ticks: 1500,
      });
      assert.ok(committed > 0 && jobs > 0, "something happened");
    }
  });
}

Deno.test("an operator bears with a leader whose disk is behind what its followers have committed", async () => {
  await clean({ seed: 910_000_014, nodes: 3, ticks: 1500 });
});

Deno.test("a run keeps the trace of the events that are left when others are left out", async () => {
  const options = { seed: 42, nodes: 3, ticks: 400 };
  const whole = await simulate(options);
  const all = await simulate({ ...options, kept: new Set(whole.plan.keys()) });
  assert.equal(all.traceHash, whole.traceHash);
  const none = await simulate({ ...options, kept: new Set() });
  assert.equal(none.violation, undefined);
  assert.notEqual(none.traceHash, whole.traceHash);
});
