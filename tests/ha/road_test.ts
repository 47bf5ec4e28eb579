/** The road that calls and workers take when the master they know is not, or no longer, the leader. */

import assert from "node:assert/strict";
import {
  type Fields,
  ORIGINAL_PROTO,
  OUR_PROTO,
  ProtoClient,
  serviceOf,
} from "../compatibility/by_proto.ts";
import { OriginalWorker } from "../compatibility/original_worker.ts";
import {
  type Cluster,
  eventually,
  isReady,
  LEDGER_JOB_TYPE,
  onCluster,
  readLedger,
} from "./support.ts";
import { isSlice } from "../slice.ts";

const payload = (id: string, sleepMs: number) =>
  new TextEncoder().encode(JSON.stringify({ id, sleepMs }));

async function followerOf(cluster: Cluster) {
  const leader = await cluster.leader();
  return cluster.masters.find((each) => each !== leader)!;
}

Deno.test("an original client and worker that know one follower alone can do all twelve methods", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const follower = await followerOf(cluster);
    const client = new ProtoClient(
      serviceOf(ORIGINAL_PROTO, "MasterService"),
      follower.grpcAddress,
    );
    let fails = true;
    // RegisterWorker, Heartbeat, ReportResult
    const worker = await OriginalWorker.start({
      id: "by-hand",
      master: follower.grpcAddress,
      work: ({ id }) => fails ? Promise.reject(new Error("on purpose")) : Promise.resolve(id),
    });
    const jobOf = async (jobId: unknown) =>
      (await client.call("GetJobStatus", { job_id: jobId })).job as Fields;
    const ends = (jobId: unknown, status: string) =>
      eventually(`${jobId} is ${status}`, async () => {
        return (await jobOf(jobId)).status === status ? true : undefined;
      });
    const submit = (more: Fields = {}) =>
      client.call("SubmitJob", {
        type: "test_sleep",
        payload: new TextEncoder().encode('{"duration":"1ms"}'),
        max_retries: 0,
        ...more,
      });
    try {
      const { job_id: dead, status } = await submit();
      assert.equal(status, "success");
      await ends(dead, "failed");
      assert.equal((await client.call("ListDLQ")).total, 1);
      fails = false;
      assert.equal((await client.call("RetryFromDLQ", { job_id: dead })).success, true);
      await ends(dead, "completed");
      const { job_id: unwanted } = await submit({ type: "nobody_offers_this" });
      assert.equal((await client.call("CancelJob", { job_id: unwanted })).success, true);
      assert.equal((await jobOf(unwanted)).status, "cancelled");
      assert.equal((await client.call("ListJobs", { status_filter: "cancelled" })).total, 1);
      const { workers } = await client.call("ListWorkers") as { workers: Fields[] };
      assert.deepEqual(workers.map(({ id }) => id), ["by-hand"]);
      const health = await client.call("GetClusterHealth");
      assert.deepEqual([health.is_leader, health.raft_state], [false, "Follower"]);
      assert.equal(health.leader_address, (await cluster.leader()).grpcAddress);
      const joined = await client.call("JoinCluster", {
        node_id: follower.name,
        address: follower.raftAddress,
      });
      assert.equal(joined.success, true, "a member that asks again is welcome");
    } finally {
      worker.stop();
      client.close();
    }
  }));

for (
  const [what, harm] of [
    ["is killed", (cluster) => cluster.leader().then((leader) => leader.process.kill())],
    ["freezes", (cluster) => cluster.leader().then((leader) => leader.process.freeze())],
    ["is told to stop", (cluster) => cluster.leader().then((each) => each.process.terminate())],
  ] as readonly (readonly [string, (cluster: Cluster) => Promise<unknown>])[]
) {
  Deno.test({
    name: `when the leader ${what}, a running job goes on and is completed once`,
    ignore: isSlice && what !== "is killed",
    fn: () =>
      onCluster({ workers: 1 }, async (cluster) => {
        const client = cluster.client();
        const { jobId } = await client.submit({
          type: LEDGER_JOB_TYPE,
          payload: payload("long", 6_000),
          priority: 5,
        });
        await eventually("it runs", async () => {
          return (await client.getJob(jobId)).job.status === "running" ? true : undefined;
        });
        await harm(cluster);
        const job = await client.waitFor(jobId);
        assert.deepEqual([job.status, job.attempt, job.retryCount], ["completed", 1, 0]);
        const { attempts } = await client.getJob(jobId);
        assert.deepEqual(attempts.map((each) => each.outcome), ["completed"]);
        const events = (await readLedger(cluster.ledgerFile)).map((each) => each.event);
        assert.deepEqual(events, ["begin", "end"], "it was run once");
      }),
  });
}

Deno.test("a result that no leader could take is kept, and taken once by the next", () =>
  onCluster({ workers: 1 }, async (cluster) => {
    const client = cluster.client({ callTimeoutMs: 60_000 });
    const timeoutMs = 8_000;
    const { jobId } = await client.submit({
      type: LEDGER_JOB_TYPE,
      payload: payload("short", 1_000),
      priority: 5,
      timeoutMs,
    });
    await eventually("it runs", async () => {
      return (await client.getJob(jobId)).job.status === "running" ? true : undefined;
    });
    const startedMs = Date.now();
    // Without a majority nobody leads while the job comes to its end.
    const [first, second] = cluster.masters;
    await Promise.all([first!.process.kill(), second!.process.kill()]);
    await eventually("it has ended", async () => {
      const lines = await readLedger(cluster.ledgerFile);
      return lines.some((each) => each.event === "end") ? true : undefined;
    });
    // Whoever leads next finds an attempt that is over its time, and must wait for the worker's word.
    await eventually("its time is over", () => {
      return Promise.resolve(Date.now() > startedMs + timeoutMs + 1_500 ? true : undefined);
    });
    first!.process.start();
    second!.process.start();
    const job = await client.waitFor(jobId);
    assert.deepEqual([job.status, job.attempt], ["completed", 1]);
    assert.equal((await readLedger(cluster.ledgerFile)).length, 2, "it was run once");
  }));

Deno.test("a worker that reaches one follower alone works through it, also when another leads", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const leader = await cluster.leader();
    const [follower, other] = cluster.masters.filter((each) => each !== leader);
    cluster.network.part(["far"], [leader.name, other!.name], { kind: "cut" });
    cluster.startWorker("far");
    const client = cluster.client();
    const submit = (id: string, sleepMs: number) =>
      client.submit({ type: LEDGER_JOB_TYPE, payload: payload(id, sleepMs), priority: 5 });
    const { jobId: first } = await submit("first", 1);
    assert.equal((await client.waitFor(first)).status, "completed");
    assert.equal(cluster.network.connections("far", leader.name), 0);

    const { jobId: second } = await submit("second", 4_000);
    await eventually("it runs", async () => {
      return (await client.getJob(second)).job.status === "running" ? true : undefined;
    });
    await cluster.makeLead(other!);
    const job = await client.waitFor(second);
    assert.deepEqual([job.status, job.attempt], ["completed", 1], "it outlived its leader");

    await cluster.makeLead(follower!);
    const { jobId: third } = await submit("third", 1);
    assert.equal((await client.waitFor(third)).status, "completed", "now it is at the leader");
  }));

Deno.test("a master that came back is ready no sooner than it has all that was acknowledged", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const follower = await followerOf(cluster);
    const client = cluster.client();
    const own = new ProtoClient(serviceOf(OUR_PROTO, "MasterService"), follower.directAddress);
    const job = { type: "noop", payload: new Uint8Array(1_000), priority: 5 };
    try {
      for (let round = 0; round < 3; round++) {
        await follower.process.kill();
        for (let batch = 0; batch < 6; batch++) {
          await client.submitBatch(Array.from({ length: 500 }, () => job));
        }
        const last = await client.submit(job);
        follower.process.start();
        await eventually("it is ready", async () => await isReady(follower) ? true : undefined);
        const answer = await own.call("GetJobStatus", { job_id: last.jobId, stale: true });
        assert.equal((answer.job as Fields).id, last.jobId);
      }
    } finally {
      own.close();
    }
  }));

Deno.test("a client that was given the leader's address alone survives the leader", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const leader = await cluster.leader();
    const client = cluster.client({ only: leader.grpcAddress });
    const submission = { type: "noop", payload: new Uint8Array(0), priority: 5 };
    const before = await client.submit(submission);
    await leader.process.kill();
    const after = await client.submit(submission);
    for (const { jobId } of [before, after]) {
      assert.equal((await client.getJob(jobId)).job.status, "pending");
    }
  }));

Deno.test("a submission waits for a leader, and is made once however often it was asked for", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const [first, second, third] = cluster.masters;
    await Promise.all([first!.process.kill(), second!.process.kill()]);
    const client = cluster.client({ only: third!.grpcAddress, callTimeoutMs: 60_000 });
    const submitted = client.submit({ type: "noop", payload: new Uint8Array(0), priority: 5 });
    first!.process.start();
    const { jobId } = await submitted;
    const page = await client.listJobs({ limit: 10 });
    assert.deepEqual(page.jobs.map((each) => each.id), [jobId]);
  }));
