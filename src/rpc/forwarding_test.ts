/** What becomes of calls that a follower takes. */

import assert from "node:assert/strict";
import type { CallContext } from "./call.ts";
import { ClusterChannel } from "./channel.ts";
import { JobClient } from "./client.ts";
import { follow, jobView, startMember, TRACE } from "./forwarding_test_support.ts";
import { ForwardService } from "./gen/forward_pb.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import type { MasterApi } from "./master_api.ts";
import { channelTo, freePort, until } from "./server_test_support.ts";
import { Refusal } from "./status.ts";

const accepted = [{ jobId: "j-1", duplicate: false, message: "" }];
const keyed = { type: "noop", idempotencyKey: "k" };
const unkeyed = { type: "noop" };
const submitJob = MasterService.method.submitJob;

Deno.test("the leader hears of a forwarded call what its caller said, and who it is", async () => {
  const heard: CallContext[] = [];
  const leaderApi: Partial<MasterApi> = {
    submit: (_jobs, _options, call) => {
      heard.push({ ...call });
      return Promise.resolve(accepted);
    },
  };
  await using leader = await startMember(leaderApi, { name: "b" });
  await using follower = await startMember({});
  follow(follower, leader);
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 9_000 }));
  const beforeMs = Date.now();
  const answer = await channel.call(submitJob, unkeyed, { requestId: "r-7" });
  assert.equal(answer.jobId, "j-1");
  const [call] = heard;
  assert.deepEqual(call?.caller, {
    userId: "alice",
    roles: ["operator", "viewer"],
    source: "token",
    policyRevision: 0,
  });
  assert.equal(call?.method, "/proto.MasterService/SubmitJob");
  assert.equal(call?.requestId, "r-7");
  assert.equal(call?.traceparent, `of ${TRACE}`, "its span is the child of the follower's");
  assert.match(call?.peerAddress ?? "", /^127\.0\.0\.1:\d+$/);
  assert.ok(
    Math.abs((call?.deadlineMs ?? 0) - beforeMs - 9_000) < 5_000,
    "the deadline came along",
  );
  channel.close();
});

Deno.test("what the leader refuses is refused in its words, with its code and hints", async () => {
  await using leader = await startMember({
    submit: () => Promise.reject(new Refusal("overloaded", "full up", { retryAfterMs: 70 })),
  }, { name: "b" });
  await using follower = await startMember({});
  follow(follower, leader);
  const channel = new ClusterChannel(channelTo([follower.address]));
  await assert.rejects(channel.call(submitJob, keyed), {
    reason: "overloaded",
    message: "full up",
    retryAfterMs: 70,
  });
  channel.close();
});

Deno.test("the leader asks its own policies whether the caller may", async () => {
  await using leader = await startMember({ submit: () => Promise.resolve(accepted) }, {
    name: "b",
    authorize: ({ caller }) => {
      throw new Refusal("permission_denied", `not ${caller.userId}`);
    },
  });
  await using follower = await startMember({});
  follow(follower, leader);
  const channel = new ClusterChannel(channelTo([follower.address]));
  await assert.rejects(channel.call(submitJob, keyed), {
    reason: "permission_denied",
    message: "not alice",
  });
  channel.close();
});

for (
  const [who, options, reason, message] of [
    [
      "of another cluster is refused",
      { clusterId: "another" },
      "failed_precondition",
      /you belong to cluster another/,
    ],
    // As after it was removed, which its callers are not to blame for.
    [
      "that is no member is to be made through another one",
      { name: "x" },
      "unavailable",
      /"x" is no member of this cluster \(any more\); ask another master/,
    ],
  ] as const
) {
  Deno.test(`a forwarded call from a node ${who}`, async () => {
    await using leader = await startMember({ submit: () => assert.fail() }, { name: "b" });
    await using stranger = await startMember({}, options);
    follow(stranger, leader);
    const channel = new ClusterChannel(channelTo([stranger.address], { callTimeoutMs: 6_000 }));
    await assert.rejects(channel.callAt(stranger.address, submitJob, keyed), { reason, message });
    channel.close();
  });
}

Deno.test("clients' own port has no door for forwarded calls", async () => {
  await using member = await startMember({});
  const channel = new ClusterChannel(channelTo([member.address]));
  const forged = channel.call(ForwardService.method.forward, {
    clusterId: "c",
    fromNode: "b",
    method: "/proto.MasterService/SubmitJob",
    userId: "admin",
    roles: ["admin"],
  });
  await assert.rejects(forged, { reason: "unimplemented" });
  channel.close();
});

Deno.test("a forwarded call is never forwarded again: who leads no more says so, and is left", async () => {
  let asked = 0;
  await using former = await startMember({
    submit: () => {
      asked++;
      return Promise.reject(new Refusal("unavailable", "no master leads at this moment"));
    },
  }, { name: "b" });
  await using leader = await startMember(
    { submit: () => Promise.resolve(accepted) },
    { name: "b" },
  );
  await using follower = await startMember({});
  follow(follower, former);
  follow(former, follower); // were it passed on, it would go round in circles
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const call = channel.call(submitJob, unkeyed);
  await until(() => asked >= 2, "the follower tries again, since nothing was done");
  follow(follower, leader);
  assert.equal((await call).jobId, "j-1");
  channel.close();
});

Deno.test("a leader that begins to serve in a moment lets forwarded calls wait for it", async () => {
  let isServing = false;
  let tries = 0;
  await using leader = await startMember({
    submit: () => {
      tries++;
      return isServing ? Promise.resolve(accepted) : Promise.reject(new Refusal("unavailable", ""));
    },
  }, {
    name: "b",
    untilServing: () => {
      isServing = true;
      return Promise.resolve();
    },
  });
  await using follower = await startMember({});
  follow(follower, leader);
  const channel = new ClusterChannel(channelTo([follower.address]));
  assert.equal((await channel.call(submitJob, unkeyed)).jobId, "j-1");
  assert.equal(tries, 1);
  channel.close();
});

Deno.test("while nobody leads a call waits, and is then answered by whoever does", async () => {
  await using leader = await startMember({ submit: () => Promise.resolve(accepted) }, {
    name: "b",
  });
  await using follower = await startMember({ submit: () => Promise.resolve(accepted) });
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const forwarded = channel.call(submitJob, unkeyed);
  await until(() => follower.router.waiting === 1, "it waits");
  follow(follower, leader);
  assert.equal((await forwarded).jobId, "j-1");
  follower.router.turn(undefined);
  const local = channel.call(submitJob, unkeyed);
  await until(() => follower.router.waiting === 1, "it waits");
  follower.router.turn({ kind: "here" });
  assert.equal((await local).jobId, "j-1");
  channel.close();
});

Deno.test("without a leader a call ends at its deadline, in words", async () => {
  await using follower = await startMember({});
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 6_000 }));
  await assert.rejects(channel.call(submitJob, keyed), { message: /no master leads/ });
  channel.close();
});

Deno.test("submissions that come to a follower together reach the leader together, and are answered each", async () => {
  const sizes: number[] = [];
  const callers = new Set<string>();
  const taken = new Set<string>();
  await using leader = await startMember({
    submit: (jobs, _options, call) => {
      sizes.push(jobs.length);
      for (const { type } of jobs) taken.add(type);
      callers.add(`${call.caller.userId}, ${call.caller.roles}`);
      return Promise.resolve(jobs.map(({ type }) => ({ ...accepted[0]!, jobId: `j-${type}` })));
    },
  }, { name: "b" });
  await using follower = await startMember({});
  follow(follower, leader);
  const channel = new ClusterChannel(channelTo([follower.address]));
  const types = Array.from({ length: 200 }, (_, at) => `type-${at}`);
  const answers = await Promise.all(
    types.map((type) => channel.call(submitJob, { type, idempotencyKey: `of ${type}` })),
  );
  assert.deepEqual(answers.map(({ jobId }) => jobId), types.map((type) => `j-${type}`));
  // Not "once": who is not answered for a while, as on a busy machine, asks again under the same keys.
  assert.equal(taken.size, types.length);
  assert.ok(sizes.length < types.length / 2, `${sizes.length} calls`);
  assert.deepEqual([...callers], ["alice, operator,viewer"]);
  channel.close();
});

Deno.test("submissions that share a call outlive the leader that took it", async () => {
  const taken = Promise.withResolvers<void>();
  const first = await startMember({
    submit: (jobs) => {
      if (jobs.length > 1) taken.resolve();
      return new Promise(() => {});
    },
  }, { name: "b" });
  await using second = await startMember({
    submit: (jobs) => Promise.resolve(jobs.map(() => accepted[0]!)),
  }, { name: "b" });
  await using follower = await startMember({});
  follow(follower, first);
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const answers = Promise.all(
    ["1", "2", "3", "4"].map((key) => channel.call(submitJob, { ...keyed, idempotencyKey: key })),
  );
  await taken.promise;
  await first.die();
  follow(follower, second);
  assert.deepEqual((await answers).map(({ jobId }) => jobId), Array(4).fill("j-1"));
  channel.close();
});

Deno.test("a submission with a key outlives the leader that took it", async () => {
  const taken = Promise.withResolvers<void>();
  const first = await startMember({
    submit: () => {
      taken.resolve();
      return new Promise(() => {});
    },
  }, { name: "b" });
  await using second = await startMember({ submit: () => Promise.resolve(accepted) }, {
    name: "b",
  });
  await using follower = await startMember({});
  follow(follower, first);
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const call = channel.call(submitJob, keyed);
  await taken.promise;
  await first.die();
  follow(follower, second);
  assert.equal((await call).jobId, "j-1");
  channel.close();
});

Deno.test("a submission without a key is not made twice: its outcome is said to be unknown", async () => {
  const taken = Promise.withResolvers<void>();
  const first = await startMember({
    submit: () => {
      taken.resolve();
      return new Promise(() => {});
    },
  }, { name: "b" });
  await using second = await startMember({ submit: () => assert.fail("it was made twice") }, {
    name: "b",
  });
  await using follower = await startMember({});
  follow(follower, first);
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const call = channel.call(submitJob, unkeyed, { isRepeatable: false });
  call.catch(() => {});
  await taken.promise;
  follow(follower, second);
  await first.die();
  await assert.rejects(call, { reason: "outcome_unknown", message: /may have been carried out/ });
  channel.close();
});

Deno.test("a follower does not have a batch cancelled twice, which would count what the first time left", async () => {
  const taken = Promise.withResolvers<void>();
  const first = await startMember({
    cancelBatch: () => {
      taken.resolve();
      return new Promise(() => {});
    },
  }, { name: "b" });
  await using second = await startMember({
    cancelBatch: () => assert.fail("it was cancelled twice"),
  }, { name: "b" });
  await using follower = await startMember({});
  follow(follower, first);
  const client = new JobClient(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const call = client.cancelBatch("b1");
  call.catch(() => {});
  await taken.promise;
  follow(follower, second);
  await first.die();
  await assert.rejects(call, { reason: "outcome_unknown", message: /may have been carried out/ });
  client.close();
});

Deno.test("a keyed submission leaves a leader that was passed over, though it answers nothing", async () => {
  const taken = Promise.withResolvers<void>();
  await using silent = await startMember({
    submit: () => {
      taken.resolve();
      return new Promise(() => {});
    },
  }, { name: "b" });
  await using next = await startMember({ submit: () => Promise.resolve(accepted) }, {
    name: "b",
  });
  await using follower = await startMember({});
  follow(follower, silent);
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const call = channel.call(submitJob, keyed);
  await taken.promise;
  follow(follower, next);
  assert.equal((await call).jobId, "j-1");
  channel.close();
});

Deno.test("no call waits to be connected to a leader that was passed over: nothing was sent", async () => {
  using hung = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using next = await startMember({ submit: () => Promise.resolve(accepted) }, { name: "b" });
  await using follower = await startMember({}, { connectionWaitMs: 60_000 });
  const { port } = hung.addr;
  const address = `127.0.0.1:${port}`;
  follower.router.turn({ kind: "at", nodeId: "b", raftAddress: address, grpcAddress: address });
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const call = channel.call(submitJob, unkeyed, { isRepeatable: false });
  using _silence = await hung.accept();
  follow(follower, next);
  assert.equal((await call).jobId, "j-1");
  channel.close();
});

Deno.test("a connection to the leader that is not made in its time is given up for another", async () => {
  using hung = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using follower = await startMember({}, { connectionWaitMs: 100 });
  const address = `127.0.0.1:${hung.addr.port}`;
  follower.router.turn({ kind: "at", nodeId: "b", raftAddress: address, grpcAddress: address });
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const call = channel.call(submitJob, keyed);
  call.catch(() => {});
  using _silence = await hung.accept();
  using _next = await hung.accept();
  channel.close();
  await assert.rejects(call);
});

Deno.test("a leader whose port was closed is called as soon as it is open", async () => {
  const port = freePort();
  const address = `127.0.0.1:${port}`;
  await using follower = await startMember({}, { redialMs: 60_000 });
  follower.router.turn({ kind: "at", nodeId: "b", raftAddress: address, grpcAddress: address });
  const hasty = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 300 }));
  await assert.rejects(hasty.call(submitJob, unkeyed));
  hasty.close();
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const calls = Array.from({ length: 20 }, () => channel.call(submitJob, unkeyed));
  await using leader = await startMember({ submit: () => Promise.resolve(accepted) }, {
    name: "b",
    peerPort: port,
  });
  for (const { jobId } of await Promise.all(calls)) assert.equal(jobId, "j-1");
  assert.equal(leader.peerAddress, address);
  channel.close();
});

Deno.test("a batch is as repeatable as its least job", async () => {
  let asked = 0;
  await using leader = await startMember({
    submit: () => {
      asked++;
      return asked % 2 === 1
        ? Promise.reject(new Refusal("outcome_unknown", "leadership was lost"))
        : Promise.resolve([...accepted, ...accepted]);
    },
  }, { name: "b" });
  await using follower = await startMember({});
  follow(follower, leader);
  const channel = new ClusterChannel(channelTo([follower.address]));
  const { submitJobs } = MasterService.method;
  const answer = await channel.call(submitJobs, { jobs: [keyed, keyed] });
  assert.equal(answer.results.length, 2);
  assert.equal(asked, 2);
  await assert.rejects(
    channel.call(submitJobs, { jobs: [keyed, unkeyed] }, { isRepeatable: false }),
    { reason: "outcome_unknown" },
  );
  assert.equal(asked, 3);
  channel.close();
});

Deno.test("a read that finds no leader is tried again when there is one", async () => {
  let hasLeader = false;
  const page = { jobs: [], total: 0, totalIsExact: true, nextCursor: "" };
  await using leader = await startMember({}, { name: "b" });
  await using follower = await startMember({
    listJobs: () =>
      hasLeader
        ? Promise.resolve(page)
        : Promise.reject(new Refusal("unavailable", "no master leads at this moment")),
  });
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const call = channel.call(MasterService.method.listJobs, {});
  await until(() => follower.router.waiting === 1, "it waits");
  hasLeader = true;
  follow(follower, leader);
  assert.equal((await call).total, 0);
  channel.close();
});

Deno.test("a member with a full disk, which hears of nothing new, has the leader answer reads that are not stale", async () => {
  const counting = (total: number): Partial<MasterApi> => ({
    listJobs: () => Promise.resolve({ jobs: [], total, totalIsExact: true, nextCursor: "" }),
  });
  const disk = { isFull: false };
  await using leader = await startMember(counting(2), { name: "b" });
  await using follower = await startMember(counting(1), {
    hindrance: () => disk.isFull ? "its disk is full" : undefined,
  });
  follow(follower, leader);
  const channel = new ClusterChannel(channelTo([follower.address], { callTimeoutMs: 20_000 }));
  const total = async (stale: boolean) =>
    (await channel.call(MasterService.method.listJobs, { stale })).total;
  assert.equal(await total(false), 1);
  disk.isFull = true;
  assert.equal(await total(false), 2);
  assert.equal(await total(true), 1);
  channel.close();
});

Deno.test("a watch through a follower goes on at the next leader", async () => {
  const at = (status: string) => ({
    kind: "state" as const,
    atMs: 1,
    job: jobView("j-1", status),
  });
  const first = await startMember({
    watchJob: async (_jobId, send, { signal }) => {
      await send(at("running"));
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    },
  }, { name: "b" });
  await using second = await startMember({
    watchJob: async (_jobId, send) => {
      await send(at("running"));
      await send(at("completed"));
    },
  }, { name: "b" });
  await using follower = await startMember({});
  follow(follower, first);
  const channel = new ClusterChannel(channelTo([follower.address]));
  const watch = channel.stream(MasterService.method.watchJob, { jobId: "j-1" });
  const statuses: string[] = [];
  for await (const { event } of watch) {
    if (event.case === "state") statuses.push(event.value.status);
    if (statuses.length === 1) {
      await first.die();
      follow(follower, second);
    }
  }
  assert.deepEqual(statuses, ["running", "running", "completed"]);
  channel.close();
});

Deno.test("a watch at a leader that is deposed goes on at the next one", async () => {
  const event = (status: string) => ({
    kind: "state" as const,
    atMs: 1,
    job: jobView("j-1", status),
  });
  await using next = await startMember({
    watchJob: (_jobId, send) => send(event("completed")),
  }, { name: "b" });
  await using former = await startMember({
    watchJob: async (_jobId, send, { signal }) => {
      await send(event("running"));
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    },
  });
  former.router.turn({ kind: "here" });
  const channel = new ClusterChannel(channelTo([former.address]));
  const watch = channel.stream(MasterService.method.watchJob, { jobId: "j-1" });
  await watch.next();
  follow(former, next);
  const { value } = await watch.next();
  assert.equal(value?.event.case === "state" && value.event.value.status, "completed");
  channel.close();
});
