/**
 * How long an empty master takes until it votes, when the cluster it joins holds so many bytes.
 *
 * @module
 */

import { clusterStatusOf } from "../tests/ha/pages.ts";
import { eventually } from "../tests/ha/wait.ts";
import { Masters } from "./masters.ts";

export interface CatchUp {
  /** Payloads of the jobs that the cluster holds. */
  readonly mebibytes: number;
  readonly tookMs: number;
}

const JOB_BYTES = 64 * 1024;
const BATCH = 32;

export async function measureCatchUp(mebibytes: number): Promise<CatchUp> {
  await using masters = await Masters.start(1);
  const client = masters.client();
  const batches = Math.ceil(mebibytes * 1024 * 1024 / (JOB_BYTES * BATCH));
  for (let batch = 0; batch < batches; batch++) {
    await client.submitBatch(Array.from({ length: BATCH }, () => ({
      type: "bench",
      payload: crypto.getRandomValues(new Uint8Array(JOB_BYTES)),
      priority: 5,
    })));
  }
  client.close();
  const startedMs = performance.now();
  masters.add("m2");
  const [first, second] = masters.all;
  await eventually("the new master votes and has everything", async () => {
    const [theirs, its] = await Promise.all([clusterStatusOf(first!), clusterStatusOf(second!)]);
    const votes = theirs?.servers.some((each) =>
      each.id === second!.name && each.suffrage === "Voter"
    );
    const hasAll = its !== undefined &&
      (its.applied_index ?? 0) >= (theirs?.applied_index ?? Infinity);
    return votes && hasAll ? true : undefined;
  }, 600_000);
  return { mebibytes, tookMs: performance.now() - startedMs };
}
