/**
 * Section B of what users of the original system ran into: high availability that did not work. One
 * named test for each defect, here or where `tests/compatibility/original_defects_test.ts` says.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type JobClient, MasterService } from "../../src/rpc/mod.ts";
import {
  audit,
  type Cluster,
  eventually,
  gather,
  LEDGER_JOB_TYPE,
  type LedgerPayload,
  Load,
  type MasterNode,
  onCluster,
  payloadOf,
  PinnedClient,
} from "./support.ts";

const COMPLETION_MS_MAX = 60_000;

Deno.test("what users of the original ran into with several masters", (test) =>
  onCluster({ workers: 1 }, async (cluster) => {
    for (const [name, show] of Object.entries(DEFECTS)) {
      if (!await test.step(name, () => show(cluster))) return;
    }
  }));

const DEFECTS: Readonly<Record<string, (cluster: Cluster) => Promise<void>>> = {
  "13: a follower takes writes and linearizable reads as the leader does": followerTakesAll,
  "14: workers are there after a leader change and after a restart of every master": workersStay,
  "15: a worker that was silent for longer than its lease gets work again": silentWorkerReturns,
  "17: a worker works for masters that could not dial it": workerNeedsNoAddress,
  "18: a master joins through a follower that was not there yet": joinsThroughFollower,
  "18: a leader that stops hands its office over": stopsInOrder,
  "19: replicas agree on every time, and a replay changes none": timesAreReplicated,
  "20: a list taken while jobs change is whole": listsAreWhole,
};

async function followerTakesAll(cluster: Cluster): Promise<void> {
  const follower = await followerOf(cluster);
  const pinned = new PinnedClient(follower);
  const { submitJob, cancelJob, getJobStatus, listJobs } = MasterService.method;
  try {
    const { jobId } = await pinned.call(submitJob, {
      type: "nobody_offers_this",
      payload: new Uint8Array(0),
    });
    assert.equal((await pinned.call(getJobStatus, { jobId })).job?.status, "pending");
    assert.equal((await pinned.call(cancelJob, { jobId })).success, true);
    const { job } = await pinned.call(getJobStatus, { jobId });
    assert.equal(job?.status, "cancelled");
    assert.equal((await pinned.call(listJobs, { statusFilter: "cancelled" })).total, 1);
  } finally {
    pinned.close();
  }
}

async function workersStay(cluster: Cluster): Promise<void> {
  const [worker] = cluster.workers;
  const { pid } = worker!;
  const old = await cluster.leader();
  await old.process.kill();
  await withClient(cluster, completes);
  old.process.start();
  await Promise.all(cluster.masters.map((each) => each.process.kill()));
  for (const { process } of cluster.masters) process.start();
  await cluster.settled();
  await withClient(cluster, completes);
  assert.equal(worker!.pid, pid, "the worker was restarted");
}

async function silentWorkerReturns(cluster: Cluster): Promise<void> {
  const [worker] = cluster.workers;
  await withClient(cluster, async (client) => {
    worker!.freeze();
    await eventually("its lease ends", async () => {
      const [known] = await client.listWorkers();
      return known?.status === "disconnected" ? true : undefined;
    });
    worker!.thaw();
    await completes(client);
  });
}

async function workerNeedsNoAddress(cluster: Cluster): Promise<void> {
  // 192.0.2.0/24 is for documents: nobody is there (RFC 5737).
  const remote = cluster.startWorker("remote", "--advertise-addr=192.0.2.1:9", "--tag=site=remote");
  await withClient(cluster, (client) => completes(client, { requiredTags: { site: "remote" } }));
  assert.equal(await remote.terminate(), 0);
}

async function joinsThroughFollower(cluster: Cluster): Promise<void> {
  const follower = await followerOf(cluster);
  const joiner = cluster.newMaster("m4");
  await follower.process.terminate();
  joiner.process.start([`--join=${follower.grpcAddress}`]);
  await eventually("it asks in vain", async () => {
    const log = await logOf(cluster, joiner);
    return /does not let this master in yet/.test(log) ? true : undefined;
  });
  // Alive and not ready, or whoever watches over it would start it again and again.
  const health = await fetch(`${joiner.httpUrl}/health`);
  assert.deepEqual([health.status, await health.text()], [200, "OK"]);
  const ready = await fetch(`${joiner.httpUrl}/ready`);
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /waits to join/);
  const status = await fetch(`${joiner.httpUrl}/cluster/status`);
  assert.equal(status.status, 503);
  assert.match((await status.json()).error, /knows no cluster yet/);
  follower.process.start();
  cluster.masters.push(joiner);
  await cluster.settled();
}

async function stopsInOrder(cluster: Cluster): Promise<void> {
  const old = await cluster.leader();
  assert.equal(await old.process.terminate(), 0);
  assert.match(await logOf(cluster, old), /handing leadership over/);
  assert.doesNotMatch(await logOf(cluster, old), /leadership could not be handed over/);
  old.process.start();
  await cluster.settled();
}

async function timesAreReplicated(cluster: Cluster): Promise<void> {
  const load = Load.start(cluster, { prefix: "times/" });
  await load.accepts(30);
  await load.stop();
  const before = await gather(cluster, load.history);
  const faults = audit(before).filter((each) => each.kind === "different");
  assert.deepEqual(faults, []);
  await Promise.all(cluster.masters.map((each) => each.process.kill()));
  for (const { process } of cluster.masters) process.start();
  const after = await gather(cluster, load.history);
  assert.deepEqual(after.replicas, before.replicas);
}

async function listsAreWhole(cluster: Cluster): Promise<void> {
  const load = Load.start(cluster, { prefix: "lists/" });
  await withClient(cluster, async (client) => {
    await load.accepts(20);
    for (let turn = 0; turn < 5; turn++) {
      const wanted = load.history.acknowledged().map((each) => each.jobId);
      const listed: string[] = [];
      for (let cursor = ""; listed.length === 0 || cursor !== "";) {
        const page = await client.listJobs({ limit: 7, cursor });
        listed.push(...page.jobs.map((each) => each.id));
        cursor = page.nextCursor;
      }
      assert.equal(new Set(listed).size, listed.length, "a job is listed twice");
      const missed = wanted.filter((each) => !listed.includes(each));
      assert.deepEqual(missed, [], "an acknowledged job is not listed");
    }
  });
  await load.stop();
}

/** A job comes to a worker and to its end. */
async function completes(
  client: JobClient,
  where: { readonly requiredTags?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const payload: LedgerPayload = { id: crypto.randomUUID() };
  const { jobId } = await client.submit({
    type: LEDGER_JOB_TYPE,
    payload: payloadOf(payload),
    priority: 5,
    ...where,
  });
  const { status } = await client.waitFor(jobId, AbortSignal.timeout(COMPLETION_MS_MAX));
  assert.equal(status, "completed");
}

async function withClient(
  cluster: Cluster,
  use: (client: JobClient) => Promise<void>,
): Promise<void> {
  const client = cluster.client();
  try {
    await use(client);
  } finally {
    client.close();
  }
}

async function followerOf(cluster: Cluster): Promise<MasterNode> {
  const leader = await cluster.leader();
  return cluster.masters.find((each) => each !== leader)!;
}

/** What a master has logged; nothing before it has started to. */
async function logOf(cluster: Cluster, { name }: MasterNode): Promise<string> {
  try {
    return await Deno.readTextFile(`${cluster.directory}/${name}.log`);
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return "";
    throw failure;
  }
}
