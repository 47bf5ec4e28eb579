/**
 * Who gets which job, and which comes first: rows that `placement_test.ts` shows on one master, and
 * `tests/ha/placement_test.ts` under a new leader.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { JobClient, Submission } from "../../src/rpc/mod.ts";
import { until } from "./support.ts";

/** A type for each policy of workers; `priority` is one of all jobs. */
export const POLICIES_FLAG = "--set=scheduler.type_policies=" +
  "spread=round-robin,level=least-loaded,ample=capacity-aware,any=random";

/** A module with those types. */
export const POLICY_HANDLERS = ["spread", "level", "ample", "any"]
  .map((type) => `export function ${type}() {}\n`).join("");

/** Flags of the two workers, by id: the second is five times the first. */
export const TWO_WORKERS: readonly (readonly [string, readonly string[]])[] = [
  ["small", ["--concurrency=2", "--tag=site=a"]],
  ["large", ["--concurrency=10", "--tag=site=b"]],
];

/** Jobs that any worker may run, one after the other: who was given each, at every attempt. */
async function turnsOf(client: JobClient, jobs: readonly Submission[]): Promise<string[][]> {
  const turns: string[][] = [];
  for (const job of jobs) {
    const { jobId } = await client.submit(job);
    const { status, errorMessage } = await client.waitFor(jobId);
    assert.equal(status, "completed", errorMessage);
    const { attempts } = await client.getJob(jobId);
    turns.push(attempts.map(({ workerId }) => workerId));
  }
  return turns;
}

/** Who ran each in the end. */
async function placesOf(client: JobClient, jobs: readonly Submission[]): Promise<string[]> {
  return (await turnsOf(client, jobs)).map((turns) => turns.at(-1)!);
}

function jobsOf(type: string, count: number, more: Partial<Submission> = {}): Submission[] {
  const job = { type, payload: new TextEncoder().encode("{}"), priority: 5, ...more };
  return Array.from({ length: count }, () => job);
}

/** Runs `show` while a worker holds so many jobs. */
async function whileHolding(
  client: JobClient,
  site: string,
  count: number,
  show: () => Promise<void>,
): Promise<void> {
  const labels = { holds: site };
  const payload = new TextEncoder().encode('{"duration":"60s"}');
  await client.submitBatch(
    jobsOf("test_sleep", count, { payload, labels, requiredTags: { site } }),
  );
  await until(`the worker at ${site} holds ${count}`, async () => {
    return (await client.listJobs({ labels, status: "running" })).total === count;
  });
  await show();
  assert.equal((await client.cancelJobs({ labels, status: "running" })).changed, count);
}

/** What each policy is named for. The workers are those of {@linkcode TWO_WORKERS}. */
export const PLACEMENT_ROWS: Readonly<Record<string, (client: JobClient) => Promise<void>>> = {
  "round-robin: each in its turn, however much it holds": (client) =>
    whileHolding(client, "a", 1, async () => {
      // An attempt that was given up on a starved machine was a turn, too.
      const turns = (await turnsOf(client, jobsOf("spread", 6))).flat();
      for (const [at, place] of turns.entries()) {
        if (at > 0) assert.notEqual(place, turns[at - 1], `turns of ${turns}`);
      }
    }),
  "least-loaded: the one that holds fewer, however large the other is": (client) =>
    whileHolding(client, "b", 1, async () => {
      const places = await placesOf(client, jobsOf("level", 3));
      assert.deepEqual(places, ["small", "small", "small"]);
    }),
  "capacity-aware: the one with the greater part free, though it holds more": (client) =>
    whileHolding(client, "a", 1, () =>
      whileHolding(client, "b", 3, async () => {
        const places = await placesOf(client, jobsOf("ample", 3));
        assert.deepEqual(places, ["large", "large", "large"]);
      })),
  // Of 32 fair tosses all alike, or each unlike the last: once in four thousand million runs each.
  "random: either, in no order": async (client) => {
    const places = await placesOf(client, jobsOf("any", 32));
    assert.equal(new Set(places).size, 2, `all went to ${places[0]}`);
    assert.ok(places.some((place, at) => at > 0 && place === places[at - 1]), "they took turns");
  },
  "a preferred tag comes before any policy, and keeps no job from running": async (client) => {
    const prefer = ["site=b"];
    const places = await placesOf(client, jobsOf("spread", 3, { options: { prefer } }));
    assert.deepEqual(places, ["large", "large", "large"]);
    await whileHolding(client, "b", 10, async () => {
      assert.deepEqual(await placesOf(client, jobsOf("spread", 1, { options: { prefer } })), [
        "small",
      ]);
    });
  },
};

/** Jobs of this type wait until they are let go, and then run one after the other. */
export class Line {
  readonly #client: JobClient;
  readonly #jobIds: string[] = [];

  private constructor(client: JobClient) {
    this.#client = client;
  }

  static async closed(client: JobClient): Promise<Line> {
    const change = { paused: true, runningMax: 1 };
    await client.configure({ scope: "type", name: "noop", change });
    return new Line(client);
  }

  /** Jobs of these priorities, made in one moment. */
  async join(priorities: readonly number[], options: Submission["options"] = {}): Promise<void> {
    const items = await this.#client.submitBatch(
      priorities.map((priority) => jobsOf("noop", 1, { priority, options })[0]!),
    );
    for (const item of items) {
      assert.ok("jobId" in item, JSON.stringify(item));
      this.#jobIds.push(item.jobId);
    }
    // Whoever comes next has waited less, by the leader's clock, which is this machine's.
    const { createdAtMs } = (await this.#client.getJob(this.#jobIds.at(-1)!)).job;
    await until("the clock has gone on", () => Promise.resolve(Date.now() > createdAtMs + 50));
  }

  /** Lets them go: their places in the order of joining, as they were assigned. */
  async order(): Promise<number[]> {
    await this.#client.configure({ scope: "type", name: "noop", change: { paused: false } });
    const tokens = await Promise.all(this.#jobIds.map(async (jobId, place) => {
      const { status, fencingToken } = await this.#client.waitFor(jobId);
      assert.equal(status, "completed");
      return { place, token: fencingToken };
    }));
    await this.#client.configure({ scope: "type", name: "noop", change: null });
    return tokens.sort((a, b) => a.token - b.token).map(({ place }) => place);
  }
}
