/** What a full queue says, and what becomes of those who wait for room. */

import assert from "node:assert/strict";
import { onHost, until } from "./support.ts";

const sleep = {
  type: "test_sleep",
  payload: new TextEncoder().encode('{"duration":"60s"}'),
  priority: 5,
};

Deno.test("a full queue says so with a hint, and who is patient gets in as soon as there is room", () =>
  onHost(async (host) => {
    await host.startMaster(
      "--set=scheduler.max_pending_jobs=2",
      "--set=scheduler.max_pending_jobs_per_client=4",
    );
    const client = host.library();
    const unfinished = async () => (await client.listJobs({ isFinished: false })).jobs;
    try {
      // Nobody runs them yet: the queue is durable.
      const early = await client.submitBatch([sleep, sleep, sleep]);
      assert.deepEqual(early.map((each) => "jobId" in each), [true, true, false]);
      const refused = early[2]!;
      assert.ok("error" in refused);
      assert.deepEqual([refused.code, refused.retryAfterMs], [8, 1_000]);
      await assert.rejects(client.submit(sleep), { reason: "overloaded", retryAfterMs: 1_000 });
      const told = await host.client("submit", "--type=test_sleep", '--payload={"duration":"1s"}');
      assert.equal(told.code, 1);
      assert.match(
        told.stderr,
        /the queue is full: as many jobs wait as scheduler.max_pending_jobs allows; try again in 1 s\n$/,
      );

      host.startWorker("w1", "--concurrency=3");
      // Those that run do not wait: two run, one more does, and one waits.
      await client.submitBatch([sleep, sleep], { patienceMs: 60_000 });
      await until("three run", async () => {
        return (await client.listJobs({ status: "running" })).total === 3;
      });
      await assert.rejects(client.submit(sleep), {
        reason: "overloaded",
        message: /^anonymous has 4 unfinished jobs, which is as many as scheduler/,
      });
      const patient = host.client(
        "submit",
        "--type=test_sleep",
        '--payload={"duration":"1ms"}',
        "--patience=60s",
        "--wait",
      );
      for (const job of await unfinished()) await client.cancel(job.id);
      assert.equal((await patient).code, 0, "it found room, and ran");
      assert.deepEqual(await unfinished(), []);

      // Who depends on a job that found no room comes again with it.
      const lines = ["a", "b", "c", "d", "e"].map((ref, at, refs) =>
        JSON.stringify({
          ref,
          type: "test_sleep",
          payload: { duration: "1ms" },
          ...(at > 0 && { depends_on: refs[at - 1] }),
        })
      );
      const graph = await host.clientGiven(
        { stdin: lines.join("\n") },
        ...["batch", "submit", "-", "--patience=60s", "--wait", "--output=json"],
      );
      assert.equal(graph.code, 0, graph.stderr);
      const { accepted, duplicates, batch } = JSON.parse(graph.stdout);
      assert.deepEqual([accepted, duplicates, batch.completed], [5, 0, 5]);
    } finally {
      client.close();
    }
  }));
