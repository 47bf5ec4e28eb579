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

/**
 * A flood and a queue of three times its weight share a group that runs one job at a time. Each runs
 * until it is cancelled, so whose turn comes when is nobody's haste.
 */
class Turns {
  readonly #client: JobClient;
  readonly #jobIds: Set<string>;
  readonly #taken: string[] = [];

  private constructor(client: JobClient, jobIds: readonly string[]) {
    this.#client = client;
    this.#jobIds = new Set(jobIds);
  }

  static async begin(client: JobClient): Promise<Turns> {
    await client.configure({ scope: "queue", name: "heavy", change: { weight: 3 } });
    const of = (queue: string, count: number) =>
      Array.from({ length: count }, () => sleep("60s", { queue, group: "turns", groupLimit: 1 }));
    const items = await client.submitBatch([...of("flood", 30), ...of("heavy", 10)]);
    return new Turns(
      client,
      items.map((item) => {
        assert.ok("jobId" in item, JSON.stringify(item));
        return item.jobId;
      }),
    );
  }

  /** Ends the job whose turn it is, so many times. */
  async take(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn++) {
      const running = await eventually("one of them runs", async () => {
        const { jobs } = await this.#client.listJobs({ status: "running", type: "test_sleep" });
        const mine = jobs.filter(({ id }) => this.#jobIds.has(id));
        assert.ok(mine.length <= 1, "two of the group run");
        return mine[0];
      });
      this.#taken.push(running.options?.queue ?? "");
      this.#jobIds.delete(running.id);
      await this.#client.cancel(running.id);
    }
  }

  /**
   * While both wait, what they get by weight differs by one job of each at the most, from any turn to
   * any other and whoever led meanwhile: the bound of start-time fair queueing (Goyal et al. 1996).
   */
  assertFair(): void {
    const boundByWeight = 1 + 1 / 3 + Number.EPSILON;
    for (let from = 0; from < this.#taken.length; from++) {
      for (let to = from + 1; to <= this.#taken.length; to++) {
        const turns = this.#taken.slice(from, to);
        const heavy = turns.filter((queue) => queue === "heavy").length;
        const lead = Math.abs(heavy / 3 - (turns.length - heavy));
        assert.ok(lead <= boundByWeight, `turns ${from} to ${to} of ${this.#taken}`);
      }
    }
  }
}

Deno.test("a pause, a group's limit, a rate and the turns of queues outlive the leader that kept them", () =>
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
    const turns = await Turns.begin(client);
    await turns.take(6);

    await (await cluster.leader()).process.kill();
    const [full] = (await client.getJob(next.jobId)).reasons;
    assert.deepEqual([full?.code, full?.jobIds], ["group_full", [holder.jobId]]);
    assert.equal(await firstCodeOf(client, paused.jobId), "queue_paused");
    const [queue] = (await client.listStandings("queue")).filter(({ name }) => name === "nightly");
    assert.deepEqual([queue?.paused, queue?.pending], [true, 1]);
    assert.deepEqual([queue?.weight, queue?.runningMax], [3, 2]);

    await turns.take(6);
    turns.assertFair();

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

    await client.cancelJobs({ queue: "flood" });
    await client.configure({ scope: "queue", name: "nightly", change: { paused: false } });
    assert.equal((await client.waitFor(paused.jobId)).status, "completed");
  }));
