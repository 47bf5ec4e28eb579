import assert from "node:assert/strict";
import { JobMachine, MemoryJobStore } from "../jobs/mod.ts";
import { type RaftStatus, ReadRefused } from "../raft/mod.ts";
import { HealthRegistry } from "../rpc/mod.ts";
import { ClusterClock } from "./cluster_clock.ts";
import { DiskPace } from "./disk_pace.ts";
import type { MasterContext } from "./context.ts";
import { Router } from "./leader_router.ts";
import { Leadership } from "./leadership.ts";
import type { MasterOptions } from "./options.ts";
import { Sessions } from "./sessions.ts";

const member = (id: string) => ({
  id,
  address: `${id}:7/${id}:9`,
  incarnation: `${id}1`,
  votes: true,
});

/** A leader of term 3 whose reads are confirmed only after `refusals` that are not. */
function leaderWith(refusals: number, members = [member("a")]) {
  let reads = 0;
  const heirs: (string | undefined)[] = [];
  const status = {
    id: "a",
    role: "leader",
    term: 3,
    leaderId: "a",
    members,
    peers: [],
  } as unknown as RaftStatus;
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const node = {
    leaderId: "a",
    isLeader: true,
    transferLeadership: (to?: string) => {
      heirs.push(to);
      return to ?? "c";
    },
    status: () => status,
    readIndex: () =>
      ++reads <= refusals ? Promise.reject(new ReadRefused("timeout", "a")) : Promise.resolve(1),
  };
  const context = {
    node,
    log,
    machine: new JobMachine(new MemoryJobStore()),
    sessions: new Sessions(() => {
      throw new Error("no worker is dialled here");
    }),
    facts: { nodeId: "a" },
    roles: { changed() {} },
    peers: { get: () => undefined },
    pace: new DiskPace(() => 0),
    heir: () => "b",
    members: () => ({ entryFormat: 1, members: [] }),
    now: Date.now,
    duties: undefined,
    memberDuties: undefined,
  } as unknown as MasterContext;
  const router = new Router();
  const health = new HealthRegistry([]);
  let isServing = false;
  health.setServing = (serving) => isServing = serving;
  const leadership = new Leadership({
    context,
    clock: new ClusterClock({ wall: Date.now, monotonic: () => performance.now() }),
    router,
    health,
    addressOf: () => undefined,
    ownAddress: () => ({ raft: "a:7", grpc: "a:9" }),
    incarnation: "a1",
    master: {
      policy: "least-loaded",
      typePolicies: new Map(),
      leaderTimings: {
        heartbeatTimeoutMs: 1_000,
        assignmentTimeoutMs: 1_000,
        rebalanceIntervalMs: 1_000,
        killGraceMs: 0,
      },
      raftTimings: { heartbeatTimeoutMs: 10, electionTimeoutMs: 100 },
      observer: { roleChanged() {}, planned() {} },
      deadServers: { cleanup: false, afterMs: 1_000, minVoters: 1 },
      retention: {
        completed: { ageMs: 0, jobsMax: 0 },
        failed: { ageMs: 0, jobsMax: 0 },
        cancelled: { ageMs: 0, jobsMax: 0 },
      },
      log,
    } as unknown as MasterOptions,
  });
  return {
    leadership,
    router,
    status,
    node,
    heirs,
    reads: () => reads,
    isServing: () => isServing,
  };
}

Deno.test("a leader whose reads are not confirmed in time at first takes office all the same", async () => {
  const { leadership, router, status, reads } = leaderWith(3);
  try {
    leadership.roleChanged(status);
    const route = await router.next(Date.now() + 10_000, new AbortController().signal);
    assert.equal(route.kind, "here");
    assert.ok(reads() > 3);
  } finally {
    leadership.stop();
  }
});

Deno.test("a leader that is deposed before a read was confirmed does not take office", async () => {
  const { leadership, router, status, reads } = leaderWith(Infinity);
  try {
    leadership.roleChanged(status);
    while (reads() < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    leadership.roleChanged({ ...status, role: "follower", leaderId: undefined } as RaftStatus);
    assert.equal(router.current, undefined);
  } finally {
    leadership.stop();
  }
});

Deno.test("a leader that stops says whether others wait for it: it leads on if its heir does not take over", async () => {
  const alone = leaderWith(0);
  assert.equal(await alone.leadership.handOver(), true, "nobody could lead in its place");
  alone.leadership.stop();
  for (const isTaken of [true, false]) {
    const { leadership, node, status, heirs } = leaderWith(0, [member("a"), member("b")]);
    leadership.roleChanged(status);
    const over = leadership.handOver();
    assert.deepEqual(heirs, ["b"], "the one that its disk speaks for");
    if (isTaken) {
      node.isLeader = false;
      leadership.roleChanged({ ...status, role: "follower", leaderId: "b" } as RaftStatus);
    }
    assert.equal(await over, isTaken);
    leadership.stop();
  }
});

Deno.test("a leader that stops while it hands over already waits for that, and then asks another one", async () => {
  for (const isTaken of [true, false]) {
    const { leadership, node, status } = leaderWith(0, [member("a"), member("b")]);
    leadership.roleChanged(status);
    let asked = 0;
    const deposed = () => {
      node.isLeader = false;
      leadership.roleChanged({ ...status, role: "follower", leaderId: "b" } as RaftStatus);
    };
    node.transferLeadership = () => {
      asked++;
      queueMicrotask(deposed);
      return "b";
    };
    node.status = () => ({ ...status, transferTo: "c" }) as RaftStatus;
    const over = leadership.handOver();
    if (isTaken) deposed();
    assert.equal(await over, true);
    assert.equal(asked, isTaken ? 0 : 1);
    leadership.stop();
  }
});

Deno.test("calls that a new leader is passed wait until its duties have begun", async () => {
  const { leadership, router, status } = leaderWith(0);
  const { signal } = new AbortController();
  try {
    leadership.roleChanged(status);
    const before = router.current;
    await leadership.untilServing(Date.now() + 10_000, signal);
    assert.deepEqual([before?.kind, router.current?.kind], [undefined, "here"]);
    await leadership.untilServing(0, signal);
  } finally {
    leadership.stop();
  }
});

Deno.test("health says that a master serves from when it votes and knows who leads, until it stops", async () => {
  const { leadership, status, node, isServing } = leaderWith(0);
  const said: boolean[] = [];
  const become = (changed: Partial<RaftStatus>) => {
    const now = { ...status, role: "follower", leaderId: "b", ...changed } as RaftStatus;
    node.isLeader = now.role === "leader";
    node.status = () => now;
    return now;
  };
  const learner = { ...member("a"), votes: false };
  leadership.roleChanged(become({ members: [member("b"), learner] }));
  said.push(isServing());
  become({ members: [member("b"), member("a")] });
  leadership.membershipChanged();
  said.push(isServing());
  leadership.roleChanged(become({ leaderId: undefined }));
  said.push(isServing());
  leadership.roleChanged(become({}));
  said.push(isServing());
  await leadership.handOver();
  leadership.roleChanged(become({ term: 4 }));
  said.push(isServing());
  leadership.stop();
  assert.deepEqual(said, [false, true, false, true, false]);
});
