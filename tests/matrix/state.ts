/**
 * All that calls could change of a cluster, as one text; not what goes on by itself, as a worker's
 * silence on a busy machine does, and what comes of it.
 *
 * @module
 */

import type { Scene } from "./scene.ts";

const UNDER_WAY = ["pending", "assigned", "running"];

/** Jobs, batches, schedules, settings, workers, members, tokens and the policy, as the leader has them. */
export async function stateOf({ ask }: Scene): Promise<string> {
  const { jobs } = await ask("listJobs", { limit: 1_000 });
  const { batches } = await ask("listBatches", {});
  const { schedules } = await ask("listSchedules", {});
  const { queues } = await ask("listQueues", {});
  const { types } = await ask("listTypes", {});
  const { workers } = await ask("listWorkers", {});
  const { members } = await ask("listMembers", {});
  const { revocations } = await ask("listRevocations", { limit: 1_000 });
  const { revision, text } = await ask("getPolicy", {});
  const parts = {
    jobs: jobs.map(({ id, type, status, priority, deadLetter, submittedBy, options }) => ({
      ...{ id, type, priority, deadLetter, submittedBy, batch: options?.batchId },
      status: UNDER_WAY.includes(status) ? "under way" : status,
    })),
    batches: batches.map((
      { id, total, completed, failed, cancelled },
    ) => [id, total, completed, failed, cancelled]),
    schedules,
    settings: [...queues, ...types].map((
      { name, paused, runningMax, rate, weight },
    ) => [name, paused, runningMax, rate, weight]),
    workers: workers.map(({ id, address, drainedBy }) => [id, address, drainedBy]),
    members: members.map((
      { nodeId, incarnation, raftAddress, grpcAddress, suffrage },
    ) => [nodeId, incarnation, raftAddress, grpcAddress, suffrage]),
    revocations,
    policy: { revision, text },
  };
  return JSON.stringify(
    parts,
    (_, value) => typeof value === "bigint" ? String(value) : value,
    1,
  );
}
