import { status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { MasterService } from "../../src/rpc/mod.ts";
import { audit, CLIENT, gather, Load, onCluster, PinnedClient } from "./support.ts";

Deno.test("clients and workers leave connections that went silent without a word", () =>
  onCluster({ workers: 1 }, async (cluster) => {
    const load = Load.start(cluster);
    await load.accepts(30);
    const leader = await cluster.leader();
    // As when a firewall forgets connections: the leader's end is gone, the other end hears nothing.
    assert.ok(cluster.network.connections(CLIENT, leader.name) > 0);
    cluster.network.halfOpen(CLIENT, leader.name);
    cluster.network.halfOpen("w1", leader.name);
    for (const peer of cluster.masters) {
      if (peer !== leader) cluster.network.halfOpen(peer.name, leader.name);
    }
    await load.accepts(60);
    await load.stop();
    const evidence = await gather(cluster, load.history);
    assert.deepEqual(audit(evidence), []);
    const refused = load.history.submissions.filter((each) => each.failure !== undefined);
    assert.deepEqual(refused, []);
  }));

Deno.test("a leader that is cut off lets go of the calls that it holds, and sends callers elsewhere", () =>
  onCluster({
    workers: 0,
    // Nothing but the loss of its peers may end a call within the test's time.
    masterFlags: ["--set=raft.barrier_timeout=10m", "--set=raft.apply_timeout=10m"],
  }, async (cluster) => {
    const leader = await cluster.leader();
    const others = cluster.masters.filter((each) => each !== leader).map((each) => each.name);
    const client = cluster.client({ callTimeoutMs: 60_000 });
    const job = { type: "noop", payload: new Uint8Array(0), priority: 5 };
    const before = await client.submit(job);
    const pinned = new PinnedClient(leader);
    const { submitJob, listJobs } = MasterService.method;
    const ask = <Answer>(call: Promise<Answer>) => call.catch((failure) => failure);
    cluster.network.part([leader.name], others);
    const held = {
      submission: ask(pinned.call(submitJob, { ...job, idempotencyKey: "k" }, 60_000)),
      read: ask(pinned.call(listJobs, { limit: 1 }, 60_000)),
      retried: client.submit(job),
    };
    const { jobId } = await held.retried;
    const submission = await held.submission;
    assert.match(submission.details, /leadership was lost before the outcome was known/);
    for (const read of [await held.read, await ask(pinned.call(listJobs, { limit: 1 }, 60_000))]) {
      assert.equal(read.code, status.UNAVAILABLE);
      assert.match(read.details, /no majority of its cluster; ask another member/);
    }
    cluster.network.heal();
    await cluster.settled();
    const { jobs } = await client.listJobs({ limit: 10 });
    const ids = jobs.map((each) => each.id);
    assert.deepEqual(ids.toSorted(), [before.jobId, jobId].toSorted());
    pinned.close();
  }));
