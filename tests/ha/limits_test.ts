import assert from "node:assert/strict";
import type { JobClient, Submission } from "../../src/rpc/mod.ts";
import { eventually, onCluster } from "./support.ts";

function sleep(duration: string, options: Submission["options"] = {}): Submission {
  const payload = new TextEncoder().encode(JSON.stringify({ duration }));
  return { type: "test_sleep", payload, priority: 5, maxRetries: 0, options };
}

/** The limits come before what is said of workers, of which a new leader may have none yet. */
async function firstCodeOf(client: JobClient, jobId: string): Promise<string | undefined> {
  return (await client.getJob(jobId)).reasons[0]?.code;
}

Deno.test("a pause, a group's limit and a rate outlive the leader that kept them", () =>
  onCluster({ workers: 2 }, async (cluster) => {
    const client = cluster.client();
    await client.configure({
      scope: "queue",
      name: "nightly",
      change: { paused: true, weight: 3, runningMax: 2 },
    });
    const paused = await client.submit(sleep("1ms", { queue: "nightly" }));
    const inGroup = (duration: string) => sleep(duration, { group: "db", groupLimit: 1 });
    const holder = await client.submit(inGroup("60s"));
    const rate = { count: 1, perMs: 2_000, burst: 1 };
    const rated = sleep("1ms", { rateKey: "api", rate });
    const started = await Promise.all([rated, rated].map((job) => client.submit(job)));
    await eventually("the first of the group runs", async () => {
      return (await client.getJob(holder.jobId)).job.status === "running" || undefined;
    });
    const next = await client.submit(inGroup("1ms"));

    await (await cluster.leader()).process.kill();
    const [full] = (await client.getJob(next.jobId)).reasons;
    assert.deepEqual([full?.code, full?.jobIds], ["group_full", [holder.jobId]]);
    assert.equal(await firstCodeOf(client, paused.jobId), "queue_paused");
    const [queue] = (await client.listStandings("queue")).filter(({ name }) => name === "nightly");
    assert.deepEqual([queue?.paused, queue?.pending], [true, 1]);
    assert.deepEqual([queue?.weight, queue?.runningMax], [3, 2]);

    const attempts = async (jobs: readonly { readonly jobId: string }[]) => {
      const found = await Promise.all(jobs.map(async ({ jobId }) => {
        await client.waitFor(jobId);
        return (await client.getJob(jobId)).attempts.at(-1)!;
      }));
      return found.sort((a, b) => a.assignedAtMs - b.assignedAtMs);
    };
    const [one, two] = await attempts(started);
    assert.ok(two!.assignedAtMs - one!.assignedAtMs >= 2_000, "two started too close");
    await client.cancel(holder.jobId);
    const [first, second] = await attempts([holder, next]);
    assert.deepEqual([first!.outcome, second!.outcome], ["cancelled", "completed"]);
    assert.ok(second!.assignedAtMs >= first!.endedAtMs!, "two of the group were held at once");

    await client.configure({ scope: "queue", name: "nightly", change: { paused: false } });
    assert.equal((await client.waitFor(paused.jobId)).status, "completed");
  }));
