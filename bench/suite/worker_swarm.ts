/**
 * Many workers in one process, each with a connection and a session of its own, until SIGTERM:
 *
 *     deno run -A bench/suite/worker_swarm.ts PREFIX COUNT ADDRESS...
 *
 * @module
 */

import { ConductorWorker, defineJobType } from "../../src/sdk/worker.ts";

/** What they offer; it does nothing. */
export const SWARM_TYPE = "swarm";
/** Started at once: a process that opens all its connections in one moment times out by itself. */
const STARTED_AT_ONCE = 10;
const PAUSE_MS = 250;

if (import.meta.main) {
  const [prefix = "", count = "0", ...addresses] = Deno.args;
  const types = [defineJobType({ name: SWARM_TYPE, run: () => null })];
  const workers = Array.from({ length: Number(count) }, (_, number) =>
    new ConductorWorker({
      ...{ addresses, types, workerId: `${prefix}${number}`, concurrency: 16 },
      log: { error: (message) => console.error(message) }, // a thousand warnings tell nobody anything
    }));
  for (let at = 0; at < workers.length; at += STARTED_AT_ONCE) {
    await Promise.all(workers.slice(at, at + STARTED_AT_ONCE).map((each) => each.start()));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
