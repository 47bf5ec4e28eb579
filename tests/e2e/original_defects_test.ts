/**
 * Sections A and C of what users of the original system ran into (its defects about jobs and about
 * scale), each shown on the road: the real program, asked as its clients and workers ask it.
 * `tests/compatibility/original_defects_test.ts` says where each of the 36 defects is shown.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type JobClient, MasterService, type Submission } from "../../src/rpc/mod.ts";
import { PinnedClient } from "../ha/pinned_client.ts";
import { end, type Host, onHost, until } from "./support.ts";

/**
 * What waits for one of these, or looks only as often, shows it: ten rounds of heartbeats take twice
 * as long as a row may.
 */
const SELDOM = ["--set=worker.heartbeat_interval=6s", "--set=worker.heartbeat_timeout=8s"];
const MASTER = [
  ...SELDOM,
  "--set=scheduler.rebalance_interval=24h",
  "--set=scheduler.assignment_timeout=500ms",
];
const ROW_MS_MAX = 30_000;

Deno.test("what users of the original ran into with jobs", async (test) =>
  await onHost(async (host) => {
    await host.startMaster(...MASTER);
    const client = host.library();
    try {
      await test.step("defect 26: a submission is taken while no worker is there, and runs when one comes", () =>
        runsLater(host, client));
      for (const [name, show] of Object.entries(DEFECTS)) {
        if (!await test.step(name, () => show(host, client))) return;
      }
    } finally {
      client.close();
    }
  }));

const DEFECTS: Readonly<Record<string, (host: Host, client: JobClient) => Promise<void>>> = {
  "defect 1: cancel cancels, with retries left, what runs and what its worker has only queued":
    cancels,
  "defect 2: neither a cancel nor a late failure brings a completed job back": staysCompleted,
  "defect 9: a zombie's result is refused by its token": isFenced,
  "defect 10: what used up its retries is a dead letter, and comes back when it is redriven":
    isDeadLetter,
  "defect 11: a retry waits, longer each time": backsOff,
  "defect 12: a submission that is repeated under its key makes one job": isIdempotent,
  "defect 21: a worker is never given more than it has slots, nor made to wait for a heartbeat":
    countsSlots,
  "defect 24: reads write nothing to the log": readsWriteNothing,
  "defect 25: lists have neither payloads nor gaps, and the longest payload fits": listsAreWhole,
  // A new leader gives everybody one lease to come back in, before it ends an attempt: so late.
  "defect 3: a timeout ends an attempt, also of a worker that ignores it": timesOut,
  "defect 22: a worker that takes nothing holds up nobody else's jobs": holdsUpNobody,
  "defect 5: a worker that is killed and restarted at once has its job run again": restartsFast,
  "defect 6: a worker that is told to stop delivers what it has, and hands back what it cannot":
    leavesInOrder,
};

async function runsLater(host: Host, client: JobClient): Promise<void> {
  const { jobId, message } = await client.submit(sleep("1ms"));
  assert.match(message, /no connected worker offers/);
  host.startWorker("w1", "--concurrency=2", ...SELDOM);
  assert.equal((await ended(client, jobId)).status, "completed");
}

async function cancels(host: Host, client: JobClient): Promise<void> {
  const { jobId } = await client.submit(sleep("60s", { maxRetries: 3 }));
  await until("it runs", async () => await statusOf(client, jobId) === "running");
  await client.cancel(jobId);
  const after = await client.submit(sleep("1ms"));
  await ended(client, after.jobId);
  const { job, attempts } = await client.getJob(jobId);
  assert.deepEqual([job.status, attempts.length], ["cancelled", 1]);
  await withUnary(host, "cancels", async (worker) => {
    const queued = await client.submit(custom("cancels"));
    const [assigned] = await worker.assignments();
    await client.cancel(queued.jobId);
    assert.deepEqual(await worker.cancelled(), [queued.jobId]);
    await assert.rejects(worker.completes(queued.jobId, assigned!.fencingToken), /cancelled/);
    assert.equal(await statusOf(client, queued.jobId), "cancelled");
  });
}

async function staysCompleted(host: Host, client: JobClient): Promise<void> {
  await withUnary(host, "completes", async (worker) => {
    const { jobId } = await client.submit(custom("completes", { maxRetries: 3 }));
    const [assigned] = await worker.assignments();
    await worker.completes(jobId, assigned!.fencingToken);
    await assert.rejects(client.cancel(jobId), { reason: "failed_precondition" });
    await assert.rejects(worker.fails(jobId, assigned!.fencingToken), /completed/);
    assert.equal(await statusOf(client, jobId), "completed");
  });
}

async function timesOut(host: Host, client: JobClient): Promise<void> {
  const { jobId } = await client.submit(sleep("60s", { timeoutMs: 100 }));
  assert.match((await ended(client, jobId)).errorMessage, /timed out after 100 ms/);
  await withUnary(host, "ignores", async (worker) => {
    const ignored = await client.submit(custom("ignores", { timeoutMs: 100 }));
    const [assigned] = await worker.assignments();
    await worker.starts(ignored.jobId, assigned!.fencingToken);
    const job = await ended(client, ignored.jobId);
    assert.match(job.errorMessage, /ran longer than its 100 ms/);
    await assert.rejects(worker.completes(ignored.jobId, assigned!.fencingToken), /timeout/);
    assert.equal(await statusOf(client, ignored.jobId), "failed");
  });
}

async function isFenced(host: Host, client: JobClient): Promise<void> {
  await withUnary(host, "fenced", async (worker) => {
    const { jobId } = await client.submit(custom("fenced", { maxRetries: 1, retryDelayMs: 1 }));
    const [first] = await worker.assignments();
    await worker.fails(jobId, first!.fencingToken);
    const [second] = await worker.assignments();
    await assert.rejects(worker.completes(jobId, first!.fencingToken), /ended before|token/);
    await worker.completes(jobId, second!.fencingToken);
    assert.equal(await statusOf(client, jobId), "completed");
  });
}

async function isDeadLetter(_host: Host, client: JobClient): Promise<void> {
  const failing = new TextEncoder().encode('{"duration":"1ms","fail":"on purpose"}');
  const { jobId } = await client.submit(
    sleep("", { payload: failing, maxRetries: 1, retryDelayMs: 1 }),
  );
  assert.equal((await ended(client, jobId)).deadLetter, true);
  const { jobs } = await client.listDeadLetters();
  assert.ok(jobs.some((job) => job.id === jobId));
  await client.retryDeadLetter(jobId);
  assert.equal((await ended(client, jobId)).attempt, 4);
}

async function backsOff(_host: Host, client: JobClient): Promise<void> {
  const failing = new TextEncoder().encode('{"duration":"1ms","fail":"on purpose"}');
  const { jobId } = await client.submit(
    sleep("", { payload: failing, maxRetries: 2, retryDelayMs: 100 }),
  );
  await ended(client, jobId);
  const { attempts } = await client.getJob(jobId);
  const [first, second, third] = attempts;
  assert.ok(second!.assignedAtMs - first!.endedAtMs! >= 100);
  assert.ok(third!.assignedAtMs - second!.endedAtMs! >= 200);
}

async function isIdempotent(_host: Host, client: JobClient): Promise<void> {
  const submission = sleep("1ms", { idempotencyKey: "once" });
  const [first, second] = [await client.submit(submission), await client.submit(submission)];
  assert.deepEqual([second.jobId, second.duplicate], [first.jobId, true]);
}

async function countsSlots(_host: Host, client: JobClient): Promise<void> {
  const signal = AbortSignal.timeout(ROW_MS_MAX); // ten rounds of two slots
  const items = await client.submitBatch(Array.from({ length: 20 }, () => sleep("10ms")));
  let most = 0;
  for (const item of items) {
    assert.ok("jobId" in item);
    for await (const _ of client.watch(item.jobId, signal)) {
      const [worker] = (await client.listWorkers()).filter(({ id }) => id === "w1");
      most = Math.max(most, worker!.activeJobs);
    }
  }
  assert.ok(most <= 2, `w1 held ${most} attempts, and has 2 slots`);
}

async function holdsUpNobody(host: Host, client: JobClient): Promise<void> {
  await withUnary(host, "test_sleep", async () => {
    // Some of these go to the worker that never asks for them, and come back from it in time.
    const items = await client.submitBatch(
      Array.from({ length: 10 }, () => sleep("1ms", { timeoutMs: 5_000 })),
    );
    for (const item of items) {
      assert.ok("jobId" in item);
      assert.equal((await ended(client, item.jobId)).status, "completed");
    }
  });
}

async function readsWriteNothing(_host: Host, client: JobClient): Promise<void> {
  const { jobId } = await client.submit(sleep("1ms"));
  await ended(client, jobId);
  const before = await client.clusterHealth();
  for (let read = 0; read < 50; read++) {
    await client.getJob(jobId);
    await client.listJobs({ limit: 10 });
  }
  assert.equal((await client.clusterHealth()).commitIndex, before.commitIndex);
}

async function listsAreWhole(_host: Host, client: JobClient): Promise<void> {
  const longest = new Uint8Array(2 * 1024 * 1024);
  const { jobId } = await client.submit(custom("nobody_offers", { payload: longest }));
  assert.equal((await client.getJob(jobId)).job.payload?.byteLength, longest.byteLength);
  const seen = new Set<string>();
  let cursor = "";
  do {
    const page = await client.listJobs({ limit: 7, ...(cursor !== "" && { cursor }) });
    for (const job of page.jobs) {
      assert.equal(job.payload?.byteLength ?? 0, 0, "a list has payloads");
      assert.ok(!seen.has(job.id), `${job.id} is listed twice`);
      seen.add(job.id);
    }
    cursor = page.nextCursor;
  } while (cursor !== "");
  assert.equal(seen.size, (await client.listJobs({ limit: 1 })).total);
  await assert.rejects(client.listJobs({ offset: -1 }), { reason: "invalid" });
  await client.cancel(jobId);
}

async function restartsFast(host: Host, client: JobClient): Promise<void> {
  const flags = ["--concurrency=1", "--tag=site=fast"];
  const first = host.startWorker("fast", ...flags);
  const { jobId } = await client.submit(sleep("3s", { requiredTags: { site: "fast" } }));
  await until("it runs", async () => await statusOf(client, jobId) === "running");
  await end(first, "SIGKILL");
  host.startWorker("fast", ...flags);
  assert.equal((await ended(client, jobId)).status, "completed");
  assert.deepEqual((await client.getJob(jobId)).attempts.map(({ outcome }) => outcome), [
    "worker_lost",
    "completed",
  ]);
}

async function leavesInOrder(host: Host, client: JobClient): Promise<void> {
  const leaving = host.startWorker(
    "leaving",
    "--concurrency=2",
    "--tag=site=leaving",
    "--drain-timeout=2s",
  );
  const there = { requiredTags: { site: "leaving" }, maxRetries: 0 };
  const short = await client.submit(sleep("1s", there));
  const long = await client.submit(sleep("60s", there));
  for (const { jobId } of [short, long]) {
    await until("it runs", async () => await statusOf(client, jobId) === "running");
  }
  assert.equal(await end(leaving, "SIGTERM"), 0);
  assert.equal((await ended(client, short.jobId)).status, "completed");
  const { job, attempts } = await client.getJob(long.jobId);
  assert.equal(job.status, "pending");
  assert.deepEqual(attempts.map(({ outcome }) => outcome), ["released"]);
  await client.cancel(long.jobId);
}

/** A job that sleeps and is tried once. */
function sleep(duration: string, submission: Partial<Submission> = {}): Submission {
  const payload = new TextEncoder().encode(JSON.stringify({ duration }));
  return { type: "test_sleep", payload, priority: 5, maxRetries: 0, ...submission };
}

/** A job of a type that only a worker of the test offers. */
function custom(type: string, submission: Partial<Submission> = {}): Submission {
  return { type, payload: new Uint8Array(0), priority: 5, maxRetries: 0, ...submission };
}

/** Follows a job to its end, for as long as a row may take. */
function ended(client: JobClient, jobId: string) {
  return client.waitFor(jobId, AbortSignal.timeout(ROW_MS_MAX));
}

async function statusOf(client: JobClient, jobId: string): Promise<string> {
  return (await client.getJob(jobId)).job.status;
}

/** A worker of the unary road that does only what the test says. */
class UnaryWorker {
  readonly #client: PinnedClient;
  readonly #id: string;
  #cancelled: string[] = [];

  constructor(host: Host, id: string) {
    this.#client = new PinnedClient({ directAddress: host.grpcAddress });
    this.#id = id;
  }

  async register(type: string): Promise<void> {
    await this.#client.call(MasterService.method.registerWorker, {
      workerId: this.#id,
      maxConcurrentJobs: 4,
      capabilities: { job_types: type },
    });
  }

  /** Waits for the next jobs. */
  async assignments() {
    for (let beat = 0; beat < 10; beat++) {
      const { assignments } = await this.#beat();
      if (assignments.length > 0) return assignments;
    }
    throw new Error(`${this.#id} was given no job`);
  }

  /** Waits for cancellations; answers the jobs that they are of. */
  async cancelled(): Promise<string[]> {
    for (let beat = 0; beat < 10 && this.#cancelled.length === 0; beat++) await this.#beat();
    return this.#cancelled.splice(0);
  }

  async #beat() {
    const answer = await this.#client.call(MasterService.method.heartbeat, {
      workerId: this.#id,
      waitMs: 1_000n,
    });
    this.#cancelled.push(...answer.cancellations.map(({ jobId }) => jobId));
    return answer;
  }

  async starts(jobId: string, fencingToken: bigint): Promise<void> {
    await this.#client.call(MasterService.method.heartbeat, {
      workerId: this.#id,
      reports: [{ jobId, fencingToken, outcome: { case: "started", value: {} } }],
    });
  }

  async completes(jobId: string, fencingToken: bigint): Promise<void> {
    await this.#report(jobId, fencingToken, { success: true });
  }

  async fails(jobId: string, fencingToken: bigint): Promise<void> {
    await this.#report(jobId, fencingToken, { success: false, error: "it broke" });
  }

  async #report(
    jobId: string,
    fencingToken: bigint,
    result: { success: boolean; error?: string },
  ): Promise<void> {
    const { reportResult } = MasterService.method;
    await this.#client.call(reportResult, { workerId: this.#id, jobId, fencingToken, result });
  }

  async leave(): Promise<void> {
    await this.#client.call(MasterService.method.deregisterWorker, { workerId: this.#id });
    this.#client.close();
  }
}

/** Calls `use` with a worker that offers one type. */
async function withUnary(
  host: Host,
  type: string,
  use: (worker: UnaryWorker) => Promise<void>,
): Promise<void> {
  const worker = new UnaryWorker(host, `unary-${type}`);
  await worker.register(type);
  try {
    await use(worker);
  } finally {
    await worker.leave();
  }
}
