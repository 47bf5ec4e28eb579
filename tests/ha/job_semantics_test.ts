/**
 * What jobs are to each other and to time, while leaders die: `tests/e2e/job_semantics_test.ts` shows
 * the same on one master.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type JobClient, MasterService, type Submission } from "../../src/rpc/mod.ts";
import { Line } from "../e2e/placement.ts";
import { run } from "../e2e/support.ts";
import { type Cluster, eventually, onCluster, PinnedClient } from "./support.ts";

Deno.test("what jobs ask for, and what they are to each other, holds under the next leader", (test) =>
  onCluster({
    workers: 1,
    workerFlags: ["--concurrency=8"],
    masterFlags: ["--policy=priority", "--set=scheduler.priority_ageing=1ms"],
  }, async (cluster) => {
    const client = cluster.client();
    try {
      const begun: [string, () => Promise<void>][] = [];
      for (const [name, begin] of Object.entries(ROWS)) {
        begun.push([name, await begin(client, cluster)]);
      }
      await (await cluster.leader()).process.kill();
      for (const [name, show] of begun) if (!await test.step(name, show)) return;
    } finally {
      client.close();
    }
  }));

/** What is begun under the first leader, and what is shown when it is dead. */
const ROWS: Readonly<
  Record<string, (client: JobClient, cluster: Cluster) => Promise<() => Promise<void>>>
> = {
  "a dead letter is still one, and comes back with a new budget": staysDeadLetter,
  "a retry that backed off comes no sooner than it was to": backsOff,
  "a submission that is repeated under its key is the job of the old leader": staysIdempotent,
  "a job that no worker may run says why, and goes to the one that may": findsItsWorker,
  "submit --wait waits on, and tells how the job ended": waitsOn,
  "a unique key is held, and given back": staysUnique,
  "policy priority: the higher one comes first, however long the other has waited": comesFirst,
  "a graph goes on between parents and children": graphGoesOn,
  "children read under the next leader what their parents left under the old one": readsParents,
  "what has ended stays as it was, and what has not is cancelled": staysEnded,
  "dead letters of a filter are retried, and purged": letsLettersGo,
  "a job that the old leader took expires under the new one, also while it runs": expiresLater,
  "a batch is followed across the failover, and its counts are right": batchGoesOn,
};

async function staysDeadLetter(client: JobClient): Promise<() => Promise<void>> {
  const { jobId } = await client.submit(failsOnce("the disk is full", {
    maxRetries: 5,
    options: { nonRetryableErrors: ["disk is full"] },
  }));
  assert.equal((await client.waitFor(jobId)).status, "failed");
  return async () => {
    const { jobs } = await client.listJobs({ deadLetter: true });
    assert.equal(jobs.find(({ id }) => id === jobId)?.errorMessage, "the disk is full");
    await client.retryDeadLetter(jobId);
    assert.equal((await client.waitFor(jobId)).status, "completed");
    const { attempts, history } = await client.getJob(jobId);
    assert.deepEqual(attempts.map(({ outcome }) => outcome), ["failed", "completed"]);
    assert.ok(history.some(({ cause }) => cause === "redrive"));
  };
}

async function backsOff(client: JobClient): Promise<() => Promise<void>> {
  const { jobId } = await client.submit(failsOnce("not yet", {
    maxRetries: 1,
    retryDelayMs: 3_000,
    options: { backoff: "fixed" },
  }));
  await untilStatus(client, jobId, "waiting");
  const { reasons } = await client.getJob(jobId);
  assert.deepEqual(reasons.map(({ code }) => code), ["backoff"]);
  return async () => {
    const { job, attempts: [first, second] } = await ended(client, jobId);
    assert.equal(job.status, "completed");
    assert.ok(second!.assignedAtMs - first!.endedAtMs! >= 3_000, "it came back too early");
  };
}

async function staysIdempotent(client: JobClient): Promise<() => Promise<void>> {
  const submission = sleep("1ms", { idempotencyKey: "through-a-failover", delayMs: 3_600_000 });
  const { jobId } = await client.submit(submission);
  return async () => {
    const again = await client.submit(submission);
    assert.deepEqual([again.jobId, again.duplicate], [jobId, true]);
    await client.cancel(jobId);
    assert.equal(
      (await client.submit(submission)).jobId,
      jobId,
      "it is cancelled, and not made anew",
    );
  };
}

async function findsItsWorker(
  client: JobClient,
  cluster: Cluster,
): Promise<() => Promise<void>> {
  const { jobId } = await client.submit(
    sleep("1ms", { options: { require: ["zone in (a, b)", "version>=1.9"], cpuMillis: 2_000 } }),
  );
  const says = (code: string) =>
    eventually(`it says ${code}`, async () => {
      const { reasons } = await client.getJob(jobId);
      return reasons.some((each) => each.code === code) ? true : undefined;
    });
  await says("no_worker_with_tags");
  return async () => {
    await says("no_worker_with_tags");
    cluster.startWorker("small", "--tag=zone=a", "--tag=version=1.10", "--cpu=1");
    await says("no_worker_with_resources");
    cluster.startWorker("large", "--tag=zone=b", "--tag=version=1.10", "--cpu=2");
    const { job, attempts } = await ended(client, jobId);
    assert.equal(job.status, "completed");
    assert.deepEqual(attempts.map(({ workerId }) => workerId), ["large"]);
  };
}

async function waitsOn(client: JobClient, cluster: Cluster): Promise<() => Promise<void>> {
  const label = crypto.randomUUID();
  const waiting = run([
    ...["submit", "--type=test_sleep", '--payload={"duration":"4s"}', "--wait", "--timeout=1m"],
    ...[`--label=wait=${label}`, `--addr=${cluster.masters.map((each) => each.grpcAddress)}`],
  ]);
  await eventually("it runs", async () => {
    const { jobs } = await client.listJobs({ status: "running", labels: { wait: label } });
    return jobs.length === 1 ? true : undefined;
  });
  return async () => {
    const { code, stdout, stderr } = await waiting;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"slept_ms": ?4000/);
  };
}

async function graphGoesOn(client: JobClient): Promise<() => Promise<void>> {
  const after = (...refs: string[]) => ({
    options: { dependsOn: refs.map((ref) => ({ ref, on: "success" })) },
  });
  const leaves = Array.from({ length: 10 }, (_, at) => `leaf${at}`);
  const items = await client.submitBatch([
    sleep("3s", { ref: "root" }),
    ...leaves.map((ref) => sleep("10ms", { ref, ...after("root") })),
    sleep("1ms", { ref: "report", ...after(...leaves) }),
  ]);
  const ids = idsOf(items);
  return async () => {
    const report = await client.waitFor(ids.at(-1)!);
    assert.equal(report.status, "completed");
    const jobs = await Promise.all(ids.map(async (id) => (await client.getJob(id)).job));
    const [root, ...rest] = jobs;
    for (const leaf of rest.slice(0, -1)) {
      assert.equal(leaf.status, "completed");
      assert.ok(
        leaf.startedAtMs! >= root!.completedAtMs!,
        `${leaf.id} began before its parent ended`,
      );
      assert.ok(
        report.startedAtMs! >= leaf.completedAtMs!,
        "the report began before its parents ended",
      );
    }
  };
}

/** One child waits for the failover, another runs through it; what it asks, it asks the new leader. */
async function readsParents(client: JobClient, cluster: Cluster): Promise<() => Promise<void>> {
  const type = "data_analysis";
  await client.configure({ scope: "type", name: type, change: { paused: true } });
  const afterBoth = {
    options: { dependsOn: ["a", "b"].map((ref) => ({ ref, on: "success" })) },
  };
  const query = { parents: true, sql: "SELECT sum(slept_ms) AS total FROM data" };
  const [a, , waits, runs] = idsOf(
    await client.submitBatch([
      sleep("7ms", { ref: "a" }),
      sleep("8ms", { ref: "b" }),
      { ...sleep("", afterBoth), type, payload: new TextEncoder().encode(JSON.stringify(query)) },
      sleep("60s", afterBoth),
    ]),
  );
  await untilStatus(client, runs!, "running");
  await untilStatus(client, waits!, "pending");
  return async () => {
    // On a busy machine its worker may have been given up meanwhile, and the job run anew.
    await untilStatus(client, runs!, "running");
    const { job: { assignedTo: workerId, fencingToken } } = await client.getJob(runs!);
    const worker = new PinnedClient(await cluster.leader());
    const asked = { workerId, jobId: runs!, parentId: a! };
    const ask = (token: number) =>
      worker.call(MasterService.method.getParentResult, { ...asked, fencingToken: BigInt(token) });
    try {
      const { result } = await ask(fencingToken);
      assert.match(new TextDecoder().decode(result?.output), /"slept_ms":7/);
      await assert.rejects(ask(fencingToken - 1), /under token/);
      await client.cancel(runs!);
      await assert.rejects(ask(fencingToken), /does not hold job/);
    } finally {
      worker.close();
    }
    const [standing] = (await client.listStandings("type")).filter(({ name }) => name === type);
    assert.deepEqual([standing?.paused, standing?.pending], [true, 1]);
    await client.configure({ scope: "type", name: type, change: null });
    const report = await client.waitFor(waits!);
    assert.equal(report.status, "completed", report.errorMessage);
    assert.match(new TextDecoder().decode(report.result?.output), /"total":15|\[\[15\]\]/);
  };
}

async function staysEnded(client: JobClient): Promise<() => Promise<void>> {
  const completed = await client.submit(sleep("1ms", { maxRetries: 3 }));
  await client.waitFor(completed.jobId);
  const options = { batchId: "stopped" };
  const [first, ...rest] = idsOf(
    await client.submitBatch([
      sleep("1ms", { delayMs: 3_600_000, maxRetries: 3, options }),
      sleep("60s", { maxRetries: 3, options }),
      sleep("1ms", { delayMs: 3_600_000, options }),
    ]),
  );
  await client.cancel(first!);
  await untilStatus(client, rest[0]!, "running");
  const before = [await client.getJob(completed.jobId), await client.getJob(first!)];
  return async () => {
    await assert.rejects(client.cancel(completed.jobId), { reason: "failed_precondition" });
    await assert.rejects(client.retryDeadLetter(first!), { reason: "failed_precondition" });
    const after = [await client.getJob(completed.jobId), await client.getJob(first!)];
    assert.deepEqual(after.map(({ job, history }) => ({ job, history })), [
      ...before.map(({ job, history }) => ({ job, history })),
    ]);
    assert.deepEqual(await client.cancelBatch("stopped"), { matched: 2, cancelled: 2 });
    for (const jobId of rest) assert.equal((await client.getJob(jobId)).job.status, "cancelled");
    const { byStatus, isFinished } = await client.getBatch("stopped");
    assert.deepEqual([byStatus.cancelled, isFinished], [3, true]);
  };
}

async function letsLettersGo(client: JobClient): Promise<() => Promise<void>> {
  const labels = { kind: "poison" };
  const jobIds = idsOf(
    await client.submitBatch([
      failsOnce("once", { labels }),
      failsOnce("once", { labels }),
      sleep("", {
        labels,
        payload: new TextEncoder().encode('{"duration":"1ms","fail":"always"}'),
      }),
    ]),
  );
  for (const jobId of jobIds) assert.equal((await client.waitFor(jobId)).status, "failed");
  return async () => {
    assert.deepEqual(await client.retryDeadLetters({ labels }), { matched: 3, changed: 3 });
    const ends = await Promise.all(jobIds.map((jobId) => ended(client, jobId)));
    assert.deepEqual(ends.map(({ job }) => [job.status, job.attempt]), [
      ...[["completed", 2], ["completed", 2], ["failed", 2]],
    ]);
    assert.deepEqual(await client.purgeDeadLetters({ labels }), { matched: 1, changed: 1 });
    await assert.rejects(client.getJob(jobIds[2]!), { reason: "not_found" });
  };
}

async function expiresLater(client: JobClient): Promise<() => Promise<void>> {
  const running = await client.submit(sleep("60s", { options: { expireAfterMs: 6_000 } }));
  const { jobId: parentId } = await client.submit(sleep("1ms", { delayMs: 3_600_000 }));
  const waiting = await client.submit(
    sleep("1ms", {
      options: { expireAfterMs: 6_000, dependsOn: [{ jobId: parentId, on: "success" }] },
    }),
  );
  await untilStatus(client, running.jobId, "running");
  return async () => {
    for (const { jobId } of [running, waiting]) {
      const { job, history } = await ended(client, jobId);
      assert.equal(job.status, "failed");
      assert.ok(job.completedAtMs! >= job.expiresAtMs!, "it failed before its time was over");
      assert.equal(history.at(-1)?.cause, "expire");
    }
    await client.cancel(parentId);
    assert.deepEqual((await ended(client, running.jobId)).attempts.map(({ outcome }) => outcome), [
      "expired",
    ]);
    // Its worker was told: what it runs next has the slot.
    const next = await client.submit(sleep("1ms"));
    assert.equal((await client.waitFor(next.jobId)).status, "completed");
  };
}

async function staysUnique(client: JobClient): Promise<() => Promise<void>> {
  const unique = (uniqueMode: string) =>
    client.submit(sleep("1ms", {
      delayMs: 3_600_000,
      options: { uniqueKey: "only", uniqueMode },
    }));
  const first = await unique("reject");
  return async () => {
    await assert.rejects(unique("reject"), { reason: "already_exists" });
    const second = await unique("replace");
    assert.equal((await client.getJob(first.jobId)).job.status, "cancelled");
    await client.cancel(second.jobId);
    const third = await unique("reject");
    await client.cancel(third.jobId);
  };
}

async function comesFirst(client: JobClient): Promise<() => Promise<void>> {
  const line = await Line.closed(client);
  await line.join([1]);
  return async () => {
    await line.join([2]);
    assert.deepEqual(await line.order(), [1, 0]);
  };
}

async function batchGoesOn(client: JobClient): Promise<() => Promise<void>> {
  const batchId = "through-a-failover";
  const jobs = Array.from({ length: 40 }, () => sleep("200ms", { options: { batchId } }));
  const failing = sleep("", {
    payload: new TextEncoder().encode('{"duration":"1ms","fail":"on purpose"}'),
    options: { batchId },
  });
  await client.submitBatch([...jobs.slice(0, 20), failing]);
  await client.submitBatch(jobs.slice(20));
  const seen: number[] = [];
  const watched = (async () => {
    let last;
    for await (const batch of client.watchBatch(batchId)) {
      seen.push(batch.byStatus.completed);
      last = batch;
    }
    return last;
  })();
  return async () => {
    const batch = await watched;
    assert.equal(batch?.isFinished, true);
    assert.equal(batch.total, 41);
    assert.deepEqual([batch.byStatus.completed, batch.byStatus.failed], [40, 1]);
    assert.deepEqual(seen, seen.toSorted((a, b) => a - b), "counts went back");
    assert.deepEqual((await client.getBatch(batchId)).byStatus, batch.byStatus);
  };
}

/** A job that sleeps and is tried once. */
function sleep(duration: string, submission: Partial<Submission> = {}): Submission {
  const payload = new TextEncoder().encode(JSON.stringify({ duration }));
  return { type: "test_sleep", payload, priority: 5, maxRetries: 0, ...submission };
}

/** A job whose first attempt fails. */
function failsOnce(error: string, submission: Partial<Submission>): Submission {
  const payload = JSON.stringify({ duration: "1ms", fail: error, fail_attempts: 1 });
  return sleep("", { payload: new TextEncoder().encode(payload), ...submission });
}

function idsOf(items: readonly object[]): string[] {
  return items.map((item) => {
    assert.ok("jobId" in item, JSON.stringify(item));
    return item.jobId as string;
  });
}

function untilStatus(client: JobClient, jobId: string, status: string): Promise<boolean> {
  return eventually(
    `job ${jobId} is ${status}`,
    async () => (await client.getJob(jobId)).job.status === status ? true : undefined,
  );
}

async function ended(client: JobClient, jobId: string) {
  await client.waitFor(jobId);
  return await client.getJob(jobId);
}
