/**
 * What a full cluster says, which job comes first, and who gets it, when the leader that decided so
 * far is dead: `tests/e2e/backpressure_test.ts` and `placement_test.ts` show the same on one master.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { JobClient, Submission } from "../../src/rpc/mod.ts";
import {
  Line,
  PLACEMENT_ROWS,
  POLICIES_FLAG,
  POLICY_HANDLERS,
  TWO_WORKERS,
} from "../e2e/placement.ts";
import { type Cluster, eventually, onCluster } from "./support.ts";

const PENDING_MAX = 20;
const OF_CLIENT_MAX = 23;
const HELD = 4;
const PAYLOAD_BYTES_MAX = 16 * 1024;

const FLAGS = [
  `--set=scheduler.max_pending_jobs=${PENDING_MAX}`,
  `--set=scheduler.max_pending_jobs_per_client=${OF_CLIENT_MAX}`,
  `--set=jobs.payload_bytes_max=${PAYLOAD_BYTES_MAX}B`,
  "--set=jobs.result_bytes_max=1KiB",
  "--set=scheduler.priority_ageing=1ms",
  POLICIES_FLAG,
];

Deno.test("what finds no room, which job is next and who gets it, is as before under the next leader", (test) =>
  onCluster({ workers: 0, masterFlags: FLAGS }, async (cluster) => {
    const client = cluster.client();
    try {
      const line = await Line.closed(client);
      await line.join([1, 9, 1]);
      await line.join([9]);
      await startWorkers(cluster);
      await hold(client);
      await fill(client);
      await (await cluster.leader()).process.kill();

      const hasRoom = await test.step(
        "who has too many jobs is told by every member when to come again, and let in then",
        () => findsRoom(client, cluster),
      );
      if (!hasRoom) return;
      await test.step("a payload and a result that are too long are refused, and are not tried again", () =>
        refusesWhatIsTooLong(client));
      await test.step("a wait under the old leader is worth priority under the next", async () => {
        await line.join([1_000_000]);
        assert.deepEqual(await line.order(), [4, 1, 0, 2, 3]);
      });
      for (const [name, show] of Object.entries(PLACEMENT_ROWS)) {
        if (!await test.step(name, () => show(client))) return;
      }
    } finally {
      client.close();
    }
  }));

async function startWorkers(cluster: Cluster): Promise<void> {
  const handlers = join(cluster.directory, "policies.js");
  await Deno.writeTextFile(handlers, POLICY_HANDLERS);
  for (const [id, flags] of TWO_WORKERS) {
    cluster.startWorker(id, ...flags, `--handlers=${handlers}`);
  }
  const client = cluster.client();
  await eventually("both workers are known", async () => {
    return (await client.listWorkers("active")).length === 2 ? true : undefined;
  });
  client.close();
}

function sleep(duration: string, more: Partial<Submission> = {}): Submission {
  const payload = new TextEncoder().encode(JSON.stringify({ duration }));
  return { type: "test_sleep", payload, priority: 5, maxRetries: 0, ...more };
}

/** Nobody offers its type: it waits where it is. */
const waiting: Submission = {
  type: "nobodys",
  payload: new Uint8Array(0),
  priority: 5,
  labels: { waits: "yes" },
};

/** Jobs that workers hold leave their room in the queue to others, and still are their client's. */
async function hold(client: JobClient): Promise<void> {
  const labels = { holds: "room" };
  await client.submitBatch(Array.from({ length: HELD }, () => sleep("60s", { labels })));
  await eventually("they run", async () => {
    return (await client.listJobs({ labels, status: "running" })).total === HELD ? true : undefined;
  });
}

/** As many jobs as the client may have, one less than there is room for. */
async function fill(client: JobClient): Promise<void> {
  const unfinished = (await client.listJobs({ isFinished: false })).total;
  const items = await client.submitBatch(
    Array.from({ length: OF_CLIENT_MAX - unfinished + 1 }, () => waiting),
  );
  const refused = items.filter((item) => "error" in item);
  assert.deepEqual(refused.map(({ code, retryAfterMs }) => [code, retryAfterMs]), [[8, 1_000]]);
  assert.match(refused[0]!.error, /^anonymous has 23 unfinished jobs/);
}

async function findsRoom(client: JobClient, cluster: Cluster): Promise<void> {
  const living = cluster.masters.filter(({ process }) => process.isRunning);
  assert.equal(living.length, 2);
  const members = living.map(({ grpcAddress }) => cluster.client({ only: grpcAddress }));
  const isRefused = async (message: RegExp) => {
    const full = { reason: "overloaded", retryAfterMs: 1_000, message };
    for (const member of members) await assert.rejects(member.submit(waiting), full);
  };
  await isRefused(/^anonymous has 23 unfinished jobs, which is as many as/);
  // Room for a job of the client's, and one that a worker holds no longer: now the queue is full.
  const [first] = (await client.listJobs({ labels: { holds: "room" }, limit: 1 })).jobs;
  await client.cancel(first!.id);
  await client.submit(waiting);
  await isRefused(/^the queue is full: as many jobs wait as/);
  const patient = client.submit(waiting, { patienceMs: 60_000 });
  assert.equal((await client.cancelJobs({ labels: { waits: "yes" } })).changed, 16);
  await client.cancel((await patient).jobId);
  await client.cancelJobs({ labels: { holds: "room" } });
}

async function refusesWhatIsTooLong(client: JobClient): Promise<void> {
  const payload = new Uint8Array(PAYLOAD_BYTES_MAX + 1);
  const tooLarge = {
    reason: "too_large",
    retryAfterMs: undefined,
    message: /payload is 16385 bytes; jobs\.payload_bytes_max allows 16384/,
  };
  // However patient, nobody tries it again.
  const patience = { patienceMs: 600_000 };
  await assert.rejects(client.submit({ ...waiting, payload }, patience), tooLarge);
  const all = { ...patience, allOrNothing: true };
  await assert.rejects(client.submitBatch([waiting, { ...waiting, payload }], all), {
    ...tooLarge,
    message: /^job 2 of the call's 2: the payload is 16385 bytes/,
  });
  const [long] = await client.submitBatch([{ ...waiting, payload }], patience);
  assert.ok(long !== undefined && "error" in long);
  assert.deepEqual([long.code, long.retryAfterMs], [8, 0]);
  assert.match(long.error, tooLarge.message);
  const result = "x".repeat(2_000);
  const { jobId } = await client.submit(sleep("", {
    payload: new TextEncoder().encode(JSON.stringify({ duration: "1ms", result })),
    maxRetries: 3,
  }));
  const { status, errorMessage, attempt } = await client.waitFor(jobId);
  assert.deepEqual([status, attempt], ["failed", 1]);
  assert.match(errorMessage, /2002 bytes; jobs.result_bytes_max allows 1024/);
}
