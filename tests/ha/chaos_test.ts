import assert from "node:assert/strict";
import { chaos } from "./chaos.ts";
import { onCluster } from "./support.ts";

/** The long one is `deno task chaos --rounds 200`. */
const ROUNDS = 5;

Deno.test("whatever happens to a cluster under load, it keeps every promise", () =>
  onCluster({}, async (cluster) => {
    const seed = Date.now() % 1_000_000_007;
    console.log(`seed ${seed}`);
    const { faults, accepted } = await chaos(cluster, { seed, rounds: ROUNDS, tell: console.log });
    assert.deepEqual(faults, [], `deno task chaos --rounds ${ROUNDS} --seed ${seed}`);
    assert.ok(accepted > 0);
  }));
