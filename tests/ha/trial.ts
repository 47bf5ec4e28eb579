/**
 * What the tasks have in common that try a whole cluster.
 *
 * @module
 */

import type { Cluster } from "./cluster.ts";
import { untilInterrupted } from "./interrupt.ts";

/**
 * Starts `cluster`, lets `work` try it, and prints the faults that it gives. Logs and data are kept if there are
 * any, and if it fails.
 *
 * @param work is given what prints a line with the seconds that have passed
 * @returns whether all is right
 */
export function tryCluster(
  cluster: Cluster,
  work: (tell: (line: string) => void) => Promise<readonly string[]>,
): Promise<boolean> {
  let isRight = false;
  return untilInterrupted(async () => {
    await cluster.start();
    const startedMs = performance.now();
    const faults = await work((line) =>
      console.log(`${((performance.now() - startedMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`)
    );
    faults.forEach((each) => console.log(each));
    isRight = faults.length === 0;
    return isRight;
  }, async (wasInterrupted) => {
    const keep = !isRight && !wasInterrupted;
    if (keep) console.log(`logs and data are kept in ${cluster.directory}`);
    await cluster.stop({ keep });
  });
}
