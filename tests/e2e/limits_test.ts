import assert from "node:assert/strict";
import type { AttemptView, JobClient, Submission } from "../../src/rpc/mod.ts";
import { Line } from "./placement.ts";
import { type Host, onHost, until } from "./support.ts";

function sleep(duration: string, submission: Partial<Submission> = {}): Submission {
  const payload = new TextEncoder().encode(JSON.stringify({ duration }));
  return { type: "test_sleep", payload, priority: 5, maxRetries: 0, ...submission };
}

async function submitAll(client: JobClient, jobs: readonly Submission[]): Promise<string[]> {
  return await Promise.all(jobs.map(async (job) => (await client.submit(job)).jobId));
}

/** The only attempt of each job, once all have completed, in the order in which they were assigned. */
async function attemptsOf(client: JobClient, jobIds: readonly string[]): Promise<AttemptView[]> {
  const attempts = await Promise.all(jobIds.map(async (jobId) => {
    assert.equal((await client.waitFor(jobId)).status, "completed");
    const details = await client.getJob(jobId);
    assert.equal(details.attempts.length, 1);
    return details.attempts[0]!;
  }));
  return attempts.sort((a, b) => a.assignedAtMs - b.assignedAtMs);
}

function assertOneAtATime(attempts: readonly AttemptView[]): void {
  attempts.slice(1).forEach((next, at) => {
    assert.ok(next.assignedAtMs >= attempts[at]!.endedAtMs!, "two were held at once");
  });
}

async function reasonsOf(client: JobClient, jobId: string): Promise<string[]> {
  return (await client.getJob(jobId)).reasons.map(({ code }) => code);
}

/** What a command prints as JSON, after it has succeeded. */
async function told(host: Host, ...args: string[]) {
  const { code, stdout, stderr } = await host.client(...args, "--output=json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

Deno.test("turns, limits, pauses and placement: on one master", async (test) =>
  await onHost(async (host) => {
    await host.startMaster("--set=scheduler.priority_ageing=1ms");
    host.startWorker("w1", "--concurrency=8", "--cpu=2", "--memory=1GiB", "--tag=mem=16");
    const client = host.library();
    try {
      await test.step("a group runs as many as it may", () => keepsGroup(client));
      await test.step("a rate lets so many start in a time, without a new submission", () =>
        keepsRate(client));
      await test.step("a paused type waits, says so, and goes on", () => pauses(host, client));
      await test.step("a queue is limited by its settings, listed, and reset", () =>
        limitsQueue(host, client));
      await test.step("a flood leaves the other queue its turns", () => takesTurns(client));
      await test.step("priority comes first, and a wait is worth priority", () => ages(client));
      await test.step("jobs that ask for more cpu than is left wait for it", () =>
        keepsResources(client));
      await test.step("a job whose tag rules nobody fulfils says which, and runs when one comes", () =>
        placesByTags(host, client));
    } finally {
      client.close();
    }
  }));

async function keepsGroup(client: JobClient): Promise<void> {
  const job = sleep("100ms", { options: { group: "db", groupLimit: 1 } });
  const jobIds = await submitAll(client, [job, job, job, job]);
  assertOneAtATime(await attemptsOf(client, jobIds));
}

async function keepsRate(client: JobClient): Promise<void> {
  const rate = { count: 5, perMs: 1_000, burst: 1 };
  const job = sleep("1ms", { options: { rateKey: "api", rate } });
  const attempts = await attemptsOf(client, await submitAll(client, [job, job, job, job]));
  attempts.slice(1).forEach((next, at) => {
    assert.ok(next.assignedAtMs - attempts[at]!.assignedAtMs >= 200, "two started too close");
  });
}

async function pauses(host: Host, client: JobClient): Promise<void> {
  const { changed: _, ...paused } = await told(host, "type", "pause", "test_sleep");
  assert.equal(paused.paused, true);
  const { jobId } = await client.submit(sleep("1ms"));
  const explained = await told(host, "explain", jobId);
  assert.deepEqual(explained.status, "pending");
  assert.deepEqual(explained.reasons.map((each: { code: string }) => each.code), ["type_paused"]);
  assert.ok(explained.reasons[0].since !== null);
  const table = await host.client("explain", jobId);
  assert.match(table.stdout, /type_paused .* type "test_sleep" is paused/);
  const { types: [shown] } = await told(host, "type", "list");
  assert.deepEqual([shown.type, shown.pending, shown.paused], ["test_sleep", 1, true]);
  const resumed = await told(host, "type", "resume", "test_sleep");
  assert.deepEqual([resumed.paused, resumed.paused_by, resumed.paused_at], [false, null, null]);
  assert.equal((await client.waitFor(jobId)).status, "completed");
  const unknown = await host.client("explain", "nobody");
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /there is no job "nobody"/);
}

async function limitsQueue(host: Host, client: JobClient): Promise<void> {
  await told(host, "queue", "set", "nightly", "--max-running=1", "--rate=50/1s:50", "--weight=3");
  const shown = await told(host, "queue", "show", "nightly");
  assert.deepEqual(
    [shown.max_running, shown.weight, shown.rate],
    [1, 3, { count: 50, per_ms: 1_000, burst: 50 }],
  );
  const job = sleep("80ms", { options: { queue: "nightly" } });
  assertOneAtATime(await attemptsOf(client, await submitAll(client, [job, job, job])));
  const [holder] = await submitAll(client, [sleep("60s", { options: { queue: "nightly" } })]);
  await until("it runs", async () => (await client.getJob(holder!)).job.status === "running");
  const [held] = await submitAll(client, [job]);
  const { reasons: [reason] } = await told(host, "explain", held!);
  assert.deepEqual([reason.code, reason.message], [
    "queue_at_limit",
    'queue "nightly" has 1 jobs running of 1 at most',
  ]);
  await client.cancelJobs({ queue: "nightly" });
  await told(host, "queue", "set", "nightly", "--rate=none");
  const listed = await host.client("queue", "list");
  assert.match(listed.stdout, /^QUEUE +PENDING +WAITING +RUNNING +RATE +WEIGHT +PAUSED\n/);
  assert.match(listed.stdout, /^nightly +0 +0 +0\/1 +3$/m);
  await told(host, "queue", "reset", "nightly");
  assert.deepEqual(await told(host, "queue", "list"), { queues: [] });
  const misused = await host.client("queue", "set", "nightly");
  assert.equal(misused.code, 2);
  assert.match(misused.stderr, /give --max-running, --rate, --weight/);
  const refused = await host.client("type", "set", "test_sleep", "--rate=fast");
  assert.equal(refused.code, 2);
}

async function takesTurns(client: JobClient): Promise<void> {
  await client.configure({ scope: "type", name: "test_sleep", change: { paused: true } });
  await client.configure({ scope: "type", name: "test_sleep", change: { runningMax: 1 } });
  const of = (queue: string) => sleep("1ms", { options: { queue } });
  const flood = await submitAll(client, Array.from({ length: 20 }, () => of("flood")));
  const small = await submitAll(client, [of("small"), of("small"), of("small")]);
  await client.configure({ scope: "type", name: "test_sleep", change: { paused: false } });
  const last = (await attemptsOf(client, small)).at(-1)!;
  const before = (await attemptsOf(client, flood)).filter((each) =>
    each.assignedAtMs < last.assignedAtMs
  );
  assert.ok(before.length <= 4, `${before.length} jobs of the flood came before three others`);
  await client.configure({ scope: "type", name: "test_sleep", change: null });
}

/** A step of priority is worth a millisecond, and the next to join comes fifty later. */
async function ages(client: JobClient): Promise<void> {
  const line = await Line.closed(client);
  await line.join([1, 9, 1]);
  await line.join([9]);
  await line.join([1_000_000]);
  assert.deepEqual(await line.order(), [4, 1, 0, 2, 3]);
}

async function keepsResources(client: JobClient): Promise<void> {
  const job = sleep("80ms", { options: { cpuMillis: 1_500, memoryBytes: 2 ** 20 } });
  assertOneAtATime(await attemptsOf(client, await submitAll(client, [job, job])));
  const { jobId } = await client.submit(sleep("1ms", { options: { cpuMillis: 2_500 } }));
  assert.deepEqual(await reasonsOf(client, jobId), ["no_worker_with_resources"]);
  await client.cancel(jobId);
}

async function placesByTags(host: Host, client: JobClient): Promise<void> {
  const { code, stdout } = await host.client(
    ...["submit", "--type=test_sleep", '--payload={"duration":"1ms"}'],
    ...["--require=mem>=32", "--output=json"],
  );
  assert.equal(code, 0);
  const jobId = JSON.parse(stdout).job_id;
  const { reasons } = await client.getJob(jobId);
  assert.match(reasons[0]!.message, /has the tag mem>=32$/);
  host.startWorker("w2", "--tag=mem=64", `--set=worker.data_dir=${host.directory}/worker-2`);
  assert.equal((await client.waitFor(jobId)).assignedTo, "w2");
  await until("both workers are known", async () => (await client.listWorkers()).length === 2);
  const [first] = await client.listWorkers();
  assert.deepEqual([first!.cpuMillis, first!.memoryBytes], [2_000, 2 ** 30]);
}
