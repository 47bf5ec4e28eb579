import assert from "node:assert/strict";
import { join } from "node:path";
import type { JobClient } from "../../src/rpc/mod.ts";
import { type Host, onHost, until } from "./support.ts";

async function submitSleep(client: JobClient, duration: string): Promise<string> {
  const payload = new TextEncoder().encode(JSON.stringify({ duration }));
  // Whatever costs a retry would end the job, and be seen.
  const job = { type: "test_sleep", payload, priority: 5, maxRetries: 0 };
  return (await client.submit(job)).jobId;
}

async function submitBusy(client: JobClient, until = ""): Promise<string> {
  const payload = new TextEncoder().encode(JSON.stringify({ until }));
  return (await client.submit({ type: "busy", payload, priority: 5, maxRetries: 0 })).jobId;
}

async function untilRunning(client: JobClient, jobId: string): Promise<void> {
  await until(`${jobId} runs`, async () => (await client.getJob(jobId)).job.status === "running");
}

/** What a command prints as JSON, after it has succeeded. */
async function told(host: Host, ...args: string[]) {
  const { code, stdout, stderr } = await host.client(...args, "--output=json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

Deno.test("a worker is shown, bounded by type, drained and told of: on one master", async (test) =>
  await onHost(async (host) => {
    await host.startMaster("--set=scheduler.assignment_timeout=60s");
    const handlers = join(host.directory, "busy.js");
    await Deno.writeTextFile(handlers, BUSY);
    const worker = host.startWorker(
      "w1",
      "--concurrency=4",
      "--type-concurrency=test_sleep=1",
      "--tag=zone=a",
      "--cpu=2",
      "--drain-timeout=8s",
      `--handlers=${handlers}`,
    );
    const client = host.library();
    try {
      await test.step("its second job of a bounded type waits, and explain says why", () =>
        boundsTypes(host, client));
      await test.step("show tells all that is known, and what the executors really use", () =>
        shows(host, client));
      await test.step("a drained worker gets nothing, and the wait for it may be too short", () =>
        drains(host, client));
      await test.step("what runs past the grace is handed back at no cost, and runs again", () =>
        handsBack(host, client));
      await test.step("a worker that froze past its lease takes back that it seemed to have died", () =>
        wakes(client, worker));
      await test.step("SIGTERM lets a short job finish and hands a long one back, at no cost", () =>
        leaves(host, client, worker));
    } finally {
      client.close();
    }
  }));

/** Computes in its executor process until a file is there, with 64 MiB in its hands. */
const BUSY = `import { existsSync } from "node:fs";
export async function busy({ until }, context) {
  const held = new Uint8Array(64 * 1024 * 1024).fill(1);
  context.progress(0.5);
  while (!context.signal.aborted && !existsSync(until)) {
    const untilMs = performance.now() + 50;
    while (performance.now() < untilMs) held[0]++;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
`;

async function boundsTypes(host: Host, client: JobClient): Promise<void> {
  const first = await submitSleep(client, "60s");
  await untilRunning(client, first);
  const second = await submitSleep(client, "1ms");
  await until("the second is seen to wait", async () => {
    const { reasons } = await client.getJob(second);
    return reasons.some(({ code }) => code === "worker_type_full");
  });
  const { stdout } = await host.client("explain", second);
  assert.match(stdout, /holds 1 job of type "test_sleep", as many as it takes at once/);
  // Slots are left for other types.
  assert.equal((await host.finished("noop", {})).status, "completed");
  await client.cancel(first);
  assert.equal((await client.waitFor(second)).status, "completed");
}

async function shows(host: Host, client: JobClient): Promise<void> {
  const jobId = await submitBusy(client);
  await untilRunning(client, jobId);
  await until("the executors are measured at work", async () => {
    const { worker: { stats } } = await client.getWorker("w1");
    return stats !== undefined && stats.executorsCpu > 0.05 &&
      stats.executorsMemoryBytes > 64 * 1024 * 1024;
  });
  const shown = await told(host, "workers", "show", "w1");
  assert.equal(shown.status, "active");
  assert.deepEqual(shown.type_concurrency, { test_sleep: 1 });
  assert.deepEqual(shown.tags, { zone: "a" });
  assert.equal(shown.road, "stream");
  assert.notEqual(shown.incarnation, "");
  assert.equal(shown.cpu_millis, 2000);
  assert.ok(shown.executor_processes >= 1);
  assert.ok(shown.worker_memory_bytes > 10 * 1024 * 1024);
  assert.deepEqual(shown.held.map((each: { job_id: string }) => each.job_id), [jobId]);
  const { stdout } = await host.client("workers", "show", "w1");
  for (
    const line of [/^worker +w1$/m, /^of a type +1 test_sleep$/m, /^executors use +\d+ process/m]
  ) {
    assert.match(stdout, line);
  }
  assert.ok(stdout.includes(jobId));
  const unknown = await host.client("workers", "show", "nobody");
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /there is no worker "nobody"/);
  await client.cancel(jobId);
}

async function drains(host: Host, client: JobClient): Promise<void> {
  const running = await submitSleep(client, "60s");
  await untilRunning(client, running);
  const early = await host.client("workers", "drain", "w1", "--timeout=300ms");
  assert.equal(early.code, 1);
  assert.match(early.stderr, /worker w1 holds 1 job after 300ms; it stays drained/);
  const waiting = await submitSleep(client, "1ms");
  const listed = await told(host, "workers", "list", "--status=draining");
  assert.deepEqual(listed.workers.map((each: { id: string }) => each.id), ["w1"]);
  await until("it is the worker's draining that keeps it", async () => {
    const { reasons } = await client.getJob(waiting);
    return reasons.some(({ code }) => code === "workers_draining");
  });
  const waited = host.client("workers", "drain", "w1", "--wait");
  await client.cancel(running);
  const { code, stdout, stderr } = await waited;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /gets no new jobs; it holds none/);
  assert.equal((await client.getJob(waiting)).job.status, "pending");
  assert.equal((await host.client("workers", "undrain", "w1")).code, 0);
  assert.equal((await client.waitFor(waiting)).status, "completed");
}

async function handsBack(host: Host, client: JobClient): Promise<void> {
  const jobId = await submitSleep(client, "60s");
  await untilRunning(client, jobId);
  const drained = await told(host, "workers", "drain", "w1", "--grace=200ms", "--wait");
  assert.equal(drained.active_jobs, 0);
  const { job, attempts } = await client.getJob(jobId);
  assert.equal(job.status, "pending");
  assert.deepEqual(attempts.map(({ outcome }) => outcome), ["released"]);
  assert.match(attempts[0]!.error, /is drained, and its time is over/);
  assert.equal((await host.client("workers", "undrain", "w1")).code, 0);
  await untilRunning(client, jobId);
  await client.cancel(jobId);
  await until("it is free", async () => (await client.getWorker("w1")).worker.activeJobs === 0);
}

async function wakes(client: JobClient, worker: Deno.ChildProcess): Promise<void> {
  const jobId = await submitSleep(client, "60s");
  await untilRunning(client, jobId);
  worker.kill("SIGSTOP");
  await until("its lease is over", async () => {
    return (await client.getJob(jobId)).job.status === "pending";
  });
  worker.kill("SIGCONT");
  await until("the loss is taken back, and the job runs anew", async () => {
    const { job, attempts } = await client.getJob(jobId);
    return job.status === "running" && attempts[0]!.outcome === "worker_lost" &&
      attempts[0]!.error.endsWith("it came back, so that this does not count");
  });
  await until("the attempt of before is stopped", async () => {
    const { worker: { stats }, held } = await client.getWorker("w1");
    return held.length === 1 && stats?.activeJobs === 1;
  });
  await client.cancel(jobId);
}

async function leaves(host: Host, client: JobClient, worker: Deno.ChildProcess): Promise<void> {
  const long = await submitSleep(client, "60s");
  await untilRunning(client, long);
  const isOver = join(host.directory, "is-over");
  const short = await submitBusy(client, isOver);
  await until("its executor is at work", async () => {
    const { held } = await client.getWorker("w1");
    return held.find(({ jobId }) => jobId === short)?.progress === 0.5;
  });
  worker.kill("SIGTERM");
  await until("it is seen to leave", async () => {
    const { worker: { status, drainedBy } } = await client.getWorker("w1");
    return status === "draining" && drainedBy === "worker";
  });
  await Deno.writeTextFile(isOver, "");
  assert.equal((await worker.status).code, 0);
  assert.equal((await client.getJob(short)).job.status, "completed");
  const { job, attempts } = await client.getJob(long);
  assert.equal(job.status, "pending");
  assert.deepEqual(attempts.map(({ outcome }) => outcome), ["released"]);
}
