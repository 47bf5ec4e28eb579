/**
 * How long clients that submit all the time wait when the leader is killed, as it is measured of the
 * peers: 16 lanes, and the longest time between two acknowledgements that follow each other.
 *
 * @module
 */

import { Masters } from "../masters.ts";
import { after } from "./closed_loop.ts";
import { PAYLOAD_BYTES } from "./result.ts";

const LANES = 16;
const BEFORE_MS = 2_000;
const AFTER_MS = 8_000;

/** Gaps of so many kills of a leader of three masters, in ms. */
export async function failoverGaps(trials: number): Promise<number[]> {
  const gaps: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    await using masters = await Masters.start(3);
    const client = masters.client();
    const ackedMs: number[] = [];
    let isOver = false;
    const lanes = Array.from({ length: LANES }, async () => {
      while (!isOver) {
        await client.submit({
          type: "nobodys",
          payload: new Uint8Array(PAYLOAD_BYTES),
          priority: 5,
        });
        ackedMs.push(performance.now());
      }
    });
    await after(BEFORE_MS);
    const killedMs = performance.now();
    await (await masters.leader()).process.kill();
    await after(AFTER_MS);
    isOver = true;
    await Promise.all(lanes);
    client.close();
    const around = ackedMs.filter((each) => each > killedMs - 500);
    gaps.push(Math.max(...around.map((each, at) => at === 0 ? 0 : each - around[at - 1]!)));
    console.error(`kill -9 of the leader: ${gaps.at(-1)!.toFixed(0)} ms`);
  }
  return gaps;
}
