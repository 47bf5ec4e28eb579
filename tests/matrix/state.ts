/**
 * All that calls could change of a cluster, as one text.
 *
 * @module
 */

import type { Scene } from "./scene.ts";

/** What changes by itself while nobody does anything. */
const RESTLESS: ReadonlySet<string> = new Set([
  "lastHeartbeat",
  "lastContactMs",
  "stats",
  "matchIndex",
  "lag",
]);

/** Jobs, batches, schedules, settings, workers, members, tokens and the policy, as the leader has them. */
export async function stateOf({ ask }: Scene): Promise<string> {
  const parts = {
    jobs: await ask("listJobs", { limit: 1_000 }),
    deadLetters: await ask("listDLQ", {}),
    batches: await ask("listBatches", {}),
    schedules: await ask("listSchedules", {}),
    queues: await ask("listQueues", {}),
    types: await ask("listTypes", {}),
    workers: await ask("listWorkers", {}),
    members: await ask("listMembers", {}),
    revocations: await ask("listRevocations", { limit: 1_000 }),
    policy: await ask("getPolicy", {}),
  };
  return JSON.stringify(
    parts,
    (key, value) =>
      RESTLESS.has(key) ? undefined : typeof value === "bigint" ? String(value) : value,
    1,
  );
}
