import assert from "node:assert/strict";
import { isSlice } from "../slice.ts";
import { kills } from "./kills.ts";
import { canInject, onFaultyDisk } from "./process.ts";

/** The long one is `deno task kills --lives 100`. */
const LIVES = 6;

Deno.test({
  name:
    "a master that is killed again and again amid its writes and syncs keeps to all it ever said",
  ignore: isSlice || !await canInject(),
  fn: () =>
    onFaultyDisk(async (master) => {
      const seed = Date.now() % 1_000_000_007;
      console.log(`seed ${seed}`);
      const { faults, jobs } = await kills(master, { seed, lives: LIVES, tell: console.log });
      assert.deepEqual(faults, [], `deno task kills --lives ${LIVES} --seed ${seed}`);
      assert.ok(jobs > 0);
    }),
});
