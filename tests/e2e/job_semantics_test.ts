import assert from "node:assert/strict";
import { type JobClient, MasterService, type Submission } from "../../src/rpc/mod.ts";
import { PinnedClient } from "../ha/pinned_client.ts";
import { type Host, onHost, until } from "./support.ts";

/** A job that sleeps; most of these tests are about what becomes of it meanwhile. */
function sleep(duration: string, submission: Partial<Submission> = {}): Submission {
  const payload = new TextEncoder().encode(JSON.stringify({ duration }));
  return { type: "test_sleep", payload, priority: 5, maxRetries: 0, ...submission };
}

async function statusOf(client: JobClient, jobId: string): Promise<string> {
  return (await client.getJob(jobId)).job.status;
}

async function untilStatus(client: JobClient, jobId: string, status: string): Promise<void> {
  await until(`job ${jobId} is ${status}`, async () => await statusOf(client, jobId) === status);
}

/** How many jobs run on the host's one worker, as it says itself. */
async function activeJobs(client: JobClient): Promise<number> {
  return (await client.listWorkers())[0]?.stats?.activeJobs ?? -1;
}

Deno.test("jobs expire, are unique, wait for each other and come in batches: on one master", async (test) =>
  await onHost(async (host) => {
    await host.startMaster(
      "--set=scheduler.type_defaults=test_sleep=backoff=fixed retry_delay=50ms max_retries=2",
    );
    host.startWorker("w1", "--concurrency=8");
    const client = host.library();
    try {
      await until("the worker is there", async () => await activeJobs(client) === 0);
      await test.step("a job that is not finished in time fails, and its worker is told", () =>
        expires(client));
      await test.step("a job that is delayed, or for a time, does not begin before", () =>
        isDelayed(client));
      await test.step("one unfinished job has a unique key, and a replaced one is stopped", () =>
        isUnique(host, client));
      await test.step("a graph submitted in any order runs parents first", () =>
        runsInOrder(client));
      await test.step("a job reads what its parents left", () => readsParents(client));
      await test.step("what a parent left is for whoever holds the child, and as long as it does", () =>
        isFenced(host, client));
      await test.step("a parent that fails takes along whoever did not ask for it", () =>
        failsWithParent(client));
      await test.step("a type's own defaults hold where a submission says nothing", () =>
        hasTypeDefaults(client));
      await test.step("lines that cannot be submitted are named, and take along all if so wished", () =>
        namesLines(host, client));
      await test.step("a batch is submitted, waited for, listed, shown and cancelled", () =>
        comesInBatches(host, client));
    } finally {
      client.close();
    }
  }));

async function expires(client: JobClient): Promise<void> {
  const { jobId } = await client.submit(sleep("60s", { options: { expireAfterMs: 1_000 } }));
  await untilStatus(client, jobId, "failed");
  const { job, attempts, history } = await client.getJob(jobId);
  assert.equal(job.deadLetter, true);
  assert.match(job.errorMessage, /not finished 1000 ms after/);
  assert.deepEqual(attempts.map(({ outcome }) => outcome), ["expired"]);
  assert.equal(history.at(-1)?.cause, "expire");
  await until("the worker is free", async () => await activeJobs(client) === 0);
  const { jobId: parentId } = await client.submit(sleep("1ms", { delayMs: 3_600_000 }));
  const waiting = await client.submit(
    sleep("1ms", {
      options: { expireAfterMs: 50, dependsOn: [{ jobId: parentId, on: "success" }] },
    }),
  );
  assert.equal((await client.waitFor(waiting.jobId)).status, "failed");
  await client.cancel(parentId);
  await assert.rejects(
    client.submit(sleep("1ms", { delayMs: 3_600_000, options: { expireAfterMs: 50 } })),
    /expires 50 ms from now, so that it would never run/,
  );
}

async function isDelayed(client: JobClient): Promise<void> {
  const submittedMs = Date.now();
  const runAtMs = submittedMs + 400;
  const delayed = await client.submit(sleep("1ms", { delayMs: 300 }));
  const timed = await client.submit(sleep("1ms", { runAtMs }));
  for (const { jobId } of [delayed, timed]) {
    assert.equal((await client.waitFor(jobId)).status, "completed");
    const { job, attempts: [first], history } = await client.getJob(jobId);
    const dueMs = job.notBeforeMs!;
    if (jobId === timed.jobId) assert.equal(dueMs, runAtMs);
    else assert.ok(dueMs >= submittedMs + 300, "it is due too early");
    assert.ok(first!.assignedAtMs >= dueMs, "it began too early");
    assert.ok(history.some(({ cause }) => cause === "due"));
  }
}

async function isUnique(host: Host, client: JobClient): Promise<void> {
  const unique = (uniqueMode: string) =>
    client.submit(sleep("60s", { options: { uniqueKey: "report", uniqueMode } }));
  const first = await unique("reject");
  await untilStatus(client, first.jobId, "running");
  await assert.rejects(unique("reject"), {
    reason: "already_exists",
    message: new RegExp(`"report".*${first.jobId}`),
  });
  const existing = await unique("existing");
  assert.deepEqual([existing.jobId, existing.existing], [first.jobId, true]);
  const told = await host.client(
    ...["submit", "--type=test_sleep", '--payload={"duration":"60s"}', "--output=json"],
    ...["--unique-key=report", "--unique-mode=existing"],
  );
  assert.deepEqual([told.code, JSON.parse(told.stdout).existing], [0, true]);
  assert.equal(
    told.stderr,
    `conductor: job ${first.jobId} has the unique key and is not finished; no other was made\n`,
  );
  const second = await unique("replace");
  assert.match(second.message, new RegExp(first.jobId));
  assert.equal(await statusOf(client, first.jobId), "cancelled");
  await untilStatus(client, second.jobId, "running");
  await until("only the second runs", async () => await activeJobs(client) === 1);
  await client.cancel(second.jobId);
}

async function runsInOrder(client: JobClient): Promise<void> {
  const after = (...refs: string[]) => ({
    options: { dependsOn: refs.map((ref) => ({ ref, on: "success" })) },
  });
  const items = await client.submitBatch([
    sleep("1ms", { ref: "report", ...after("left", "right") }),
    sleep("20ms", { ref: "left", ...after("root") }),
    sleep("20ms", { ref: "right", ...after("root") }),
    sleep("20ms", { ref: "root" }),
  ]);
  const ids = items.map((item) => {
    assert.ok("jobId" in item, JSON.stringify(item));
    return item.jobId;
  });
  assert.equal((await client.waitFor(ids[0]!)).status, "completed");
  const [report, left, right, root] = await Promise.all(
    ids.map(async (id) => (await client.getJob(id)).job),
  );
  for (const [child, parent] of [[left, root], [right, root], [report, left], [report, right]]) {
    assert.ok(child!.startedAtMs! >= parent!.completedAtMs!, `${child!.id} began too early`);
  }
  const ring = client.submitBatch([
    sleep("1ms", { ref: "a", ...after("b") }),
    sleep("1ms", { ref: "b", ...after("c") }),
    sleep("1ms", { ref: "c", ...after("a") }),
  ]);
  await assert.rejects(ring, { reason: "invalid", message: /a → b → c → a/ });
  const nobody = client.submit(sleep("1ms", {
    options: { dependsOn: [{ jobId: "nobody", on: "success" }] },
  }));
  await assert.rejects(nobody, { reason: "failed_precondition", message: /job nobody/ });
}

async function readsParents(client: JobClient): Promise<void> {
  const analyse = (payload: unknown, submission: Partial<Submission> = {}) => ({
    type: "data_analysis",
    payload: new TextEncoder().encode(JSON.stringify(payload)),
    priority: 5,
    maxRetries: 0,
    ...submission,
  });
  const items = await client.submitBatch([
    sleep("7ms", { ref: "a" }),
    sleep("8ms", { ref: "b" }),
    analyse({ parents: true, sql: "SELECT sum(slept_ms) AS total FROM data" }, {
      options: { dependsOn: ["a", "b"].map((ref) => ({ ref, on: "success" })) },
    }),
    analyse({ parents: ["foreign"] }, { options: { dependsOn: [{ ref: "a", on: "success" }] } }),
  ]);
  const ids = items.map((item) => "jobId" in item ? item.jobId : item.error);
  const report = await client.waitFor(ids[2]!);
  const output = new TextDecoder().decode(report.result?.output);
  assert.equal(report.status, "completed", report.errorMessage);
  assert.match(output, /"total":15|\[\[15\]\]/);
  const foreign = await client.waitFor(ids[3]!);
  assert.match(foreign.errorMessage, /does not depend on job foreign/);
}

async function isFenced(host: Host, client: JobClient): Promise<void> {
  const parent = await client.submit(sleep("3ms"));
  const child = await client.submit(sleep("60s", {
    options: { dependsOn: [{ jobId: parent.jobId, on: "success" }] },
  }));
  await untilStatus(client, child.jobId, "running");
  const { job } = await client.getJob(child.jobId);
  const { getParentResult } = MasterService.method;
  const worker = new PinnedClient({ directAddress: host.grpcAddress });
  const ask = (changes: { workerId?: string; fencingToken?: bigint } = {}) =>
    worker.call(getParentResult, {
      workerId: job.assignedTo,
      jobId: job.id,
      fencingToken: BigInt(job.fencingToken),
      parentId: parent.jobId,
      ...changes,
    });
  try {
    const { result } = await ask();
    assert.match(new TextDecoder().decode(result?.output), /"slept_ms":3/);
    await assert.rejects(ask({ workerId: "another" }), /does not hold job/);
    await assert.rejects(ask({ fencingToken: BigInt(job.fencingToken) - 1n }), /under token/);
    await client.cancel(job.id);
    await assert.rejects(ask(), /does not hold job/);
  } finally {
    worker.close();
  }
}

async function namesLines(host: Host, client: JobClient): Promise<void> {
  const stdin = [
    { ref: "a", type: "noop", depends_on: "nobody" },
    { type: "noop", depends_on: "a" },
    { type: "noop" },
  ].map((each) => JSON.stringify(each)).join("\n");
  const submit = (...flags: string[]) =>
    host.clientGiven({ stdin }, "batch", "submit", "-", ...flags);
  const all = await submit("--all-or-nothing", "--batch=none");
  assert.deepEqual([all.code, all.stdout], [1, ""]);
  assert.match(all.stderr, /line 1: job 1 of the call's 3: it depends on job nobody, and there/);
  assert.match(all.stderr, /line 3: job 1 of the call's 3 was refused, and so all are/);
  await assert.rejects(client.getBatch("none"), { reason: "not_found" });
  const each = await submit("--batch=some");
  assert.deepEqual([each.code, each.stdout], [1, "some\n"]);
  assert.match(each.stderr, /line 1: it depends on job nobody, and there is no such job/);
  assert.match(each.stderr, /line 2: it depends on "a", which was refused/);
  assert.equal((await client.getBatch("some")).total, 1);
}

async function failsWithParent(client: JobClient): Promise<void> {
  const failing = new TextEncoder().encode('{"duration":"300ms","fail":"on purpose"}');
  const parent = await client.submit(sleep("", { payload: failing }));
  const child = async (on: string, whenDependencyFails: string) =>
    (await client.submit(sleep("1ms", {
      options: { dependsOn: [{ jobId: parent.jobId, on }], whenDependencyFails },
    }))).jobId;
  const cancelled = await child("success", "cancel");
  const failed = await child("success", "fail");
  const waits = await child("success", "wait");
  const cleanup = await child("failure", "cancel");
  assert.equal((await client.waitFor(cleanup)).status, "completed");
  assert.equal(await statusOf(client, cancelled), "cancelled");
  const dead = (await client.getJob(failed)).job;
  assert.equal(dead.status, "failed");
  assert.match(dead.errorMessage, new RegExp(`parent ${parent.jobId} is failed`));
  await assert.rejects(client.retryDeadLetter(failed), { message: /redrive the parent first/ });
  assert.equal(await statusOf(client, waits), "waiting");
  await client.cancel(waits);
}

async function hasTypeDefaults(client: JobClient): Promise<void> {
  const payload = new TextEncoder().encode('{"duration":"1ms","fail":"on purpose"}');
  const { jobId } = await client.submit({ type: "test_sleep", payload, priority: 5 });
  assert.equal((await client.waitFor(jobId)).status, "failed");
  const { attempts, job } = await client.getJob(jobId);
  assert.equal(attempts.length, 3);
  assert.equal(job.options?.backoff, "fixed");
}

async function comesInBatches(host: Host, client: JobClient): Promise<void> {
  const lines = [
    ...Array.from({ length: 30 }, (_, at) => ({ ref: `j${at}`, type: "noop", priority: 1 })),
    { type: "noop", depends_on: ["j0", "j29:completion"] },
    { type: "test_sleep", payload: { duration: "1ms", fail: "on purpose" }, max_retries: 0 },
  ];
  const stdin = lines.map((each) => JSON.stringify(each)).join("\n");
  const waited = await host.clientGiven(
    { stdin },
    ...["batch", "submit", "-", "--batch=nightly", "--wait", "--output=json"],
  );
  assert.equal(waited.code, 1, waited.stderr);
  assert.match(waited.stderr, /not every job completed: 1 failed/);
  const answer = JSON.parse(waited.stdout);
  assert.deepEqual([answer.accepted, answer.refused], [32, []]);
  type Item = { line: number; job_id: string; duplicate: boolean };
  assert.deepEqual(
    answer.jobs.map(({ line, duplicate }: Item) => [line, duplicate]),
    lines.map((_, at) => [at + 1, false]),
  );
  const failing = JSON.parse(
    (await host.client("status", answer.jobs.at(-1).job_id, "--output=json")).stdout,
  );
  assert.deepEqual([failing.status, failing.type], ["failed", "test_sleep"]);
  const { total, completed, failed, finished } = answer.batch;
  assert.deepEqual({ total, completed, failed, finished }, {
    total: 32,
    completed: 31,
    failed: 1,
    finished: true,
  });
  const listed = JSON.parse((await host.client("batch", "--output=json")).stdout);
  assert.deepEqual(listed.batches.map(({ id }: { id: string }) => id), ["nightly", "some"]);
  const shown = await host.client("batch", "show", "nightly");
  assert.match(shown.stdout, /completed +31\n/);

  const many = Array.from({ length: 20 }, () => sleep("60s", { options: { batchId: "long" } }));
  await client.submitBatch(many);
  const page = await client.listBatches({ limit: 1 });
  assert.deepEqual(page.batches.map(({ id }) => id), ["long"]);
  const rest = await client.listBatches({ cursor: page.nextCursor });
  assert.deepEqual(rest.batches.map(({ id }) => id), ["nightly", "some"]);
  const ended = (async () => {
    let last;
    for await (const batch of client.watchBatch("long")) last = batch;
    return last;
  })();
  assert.deepEqual(await client.cancelBatch("long", "enough"), { matched: 20, cancelled: 20 });
  assert.equal((await ended)?.byStatus.cancelled, 20);
  await until("the worker is free", async () => await activeJobs(client) === 0);
  await assert.rejects(client.getBatch("nobody"), { reason: "not_found" });
}
