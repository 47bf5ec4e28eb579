/** Ten thousand jobs through one worker: each runs once, and nothing is left of them in its memory. */

import assert from "node:assert/strict";
import { onHost, until } from "./support.ts";

const JOBS = 10_000;
/** What the first jobs bring into memory stays: code, buffers, the jobs that are remembered by id. */
const WARM_UP_JOBS = 3_000;
const CALL_JOBS = 500;
/** A leak of 20 kB a job would be twice as much. */
const GROWTH_MEBIBYTES_MAX = 64;
/** Longer than a worker's measure of itself stands. */
const MEASURED_MS = 2_500;

Deno.test("ten thousand jobs run once each, and leave nothing in the worker's memory", () =>
  onHost(async (host) => {
    await host.startMaster("--log-level=warn");
    host.startWorker("w1", "--concurrency=64", "--log-level=warn");
    const client = host.library();
    try {
      const completed = async () =>
        (await client.listJobs({ status: "completed", limit: 1 })).total;
      const payload = new TextEncoder().encode("{}");
      const run = async (from: number, to: number) => {
        for (let sent = from; sent < to; sent += CALL_JOBS) {
          const jobs = Array.from({ length: CALL_JOBS }, () => ({
            type: "noop",
            payload,
            priority: 5,
            maxRetries: 0,
          }));
          for (const each of await client.submitBatch(jobs)) assert.ok(!("error" in each));
        }
        await until(`${to} jobs are completed`, async () => await completed() === to);
      };
      const residentBytes = async () => {
        const { lastHeartbeatMs } = (await client.getWorker("w1")).worker;
        await until("it is measured anew", async () => {
          const { worker } = await client.getWorker("w1");
          return worker.lastHeartbeatMs - lastHeartbeatMs > MEASURED_MS;
        });
        return (await client.getWorker("w1")).worker.stats!.workerMemoryBytes;
      };

      await run(0, WARM_UP_JOBS);
      const before = await residentBytes();
      await run(WARM_UP_JOBS, JOBS);
      const grownMebibytes = (await residentBytes() - before) / 2 ** 20;
      assert.ok(
        grownMebibytes < GROWTH_MEBIBYTES_MAX,
        `${JOBS - WARM_UP_JOBS} jobs left ${Math.round(grownMebibytes)} MiB`,
      );
      const { worker, held } = await client.getWorker("w1");
      assert.deepEqual(held, []);
      assert.equal(worker.completedJobs, JOBS);
      assert.equal(worker.stats?.completedJobs, JOBS, "each was really run once");
      assert.equal(worker.stats?.pendingReports, 0);
    } finally {
      client.close();
    }
  }));
