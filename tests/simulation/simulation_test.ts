import assert from "node:assert/strict";
import { simulate } from "./simulation.ts";

Deno.test("the same seed gives the same trace, another seed another", async () => {
  const options = { seed: 42, nodes: 3, ticks: 300 };
  const [first, second] = [await simulate(options), await simulate(options)];
  assert.equal(first.traceHash, second.traceHash);
  assert.equal(first.events, second.events);
  const other = await simulate({ ...options, seed: 43 });
  assert.notEqual(first.traceHash, other.traceHash);
});

for (const nodes of [3, 5]) {
  Deno.test(`ten seeds of trouble with ${nodes} nodes break no promise`, async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { violation } = await simulate({ seed, nodes, ticks: 600 });
      assert.equal(violation?.message, undefined, `seed ${seed}`);
    }
  });
}
