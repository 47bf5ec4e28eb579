import assert from "node:assert/strict";
import { SCENARIOS } from "./scenarios.ts";

/** The chances of a scenario: its delays, and which timer runs out first. */
const SEEDS = [1, 2, 3, Date.now() % 1_000_000];

for (const { id, title, run } of SCENARIOS) {
  Deno.test(`${id}: ${title}`, async () => {
    for (const seed of SEEDS) {
      const violation = await run(seed);
      assert.equal(violation?.message, undefined, `with seed ${seed}`);
    }
  });
}
