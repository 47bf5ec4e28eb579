/** Where a worker's session goes that was opened with a follower. */

import assert from "node:assert/strict";
import type { CallContext } from "./call.ts";
import { ClusterChannel } from "./channel.ts";
import { follow, type Member, startMember } from "./forwarding_test_support.ts";
import type { MasterApi } from "./master_api.ts";
import type { WorkerAnnouncement, WorkerLink, WorkerNews } from "./worker_calls.ts";
import { channelTo, until } from "./server_test_support.ts";
import { Refusal } from "./status.ts";
import { SessionStream } from "./worker_client.ts";

const HELLO: WorkerAnnouncement = {
  workerId: "w",
  incarnation: "i",
  address: "",
  slots: 1,
  jobTypes: [],
  tags: {},
  version: "",
  cpuMillis: 0,
  memoryBytes: 0,
  running: [],
};

/** The worker's end of a session with `master`. */
class Session implements Disposable {
  readonly heard: string[] = [];
  readonly closed = Promise.withResolvers<Refusal | undefined>();
  readonly stream: SessionStream;
  readonly #channel: ClusterChannel;

  constructor(master: Member, unreachableLeader?: string) {
    this.#channel = new ClusterChannel(channelTo([master.address]));
    this.stream = new SessionStream(this.#channel, master.address, HELLO, {
      onWelcome: ({ leaderId }) => this.heard.push(`welcome by ${leaderId}`),
      onAssignments: () => {},
      onCancellations: (each) => this.heard.push(...each.map(({ jobId }) => `cancel ${jobId}`)),
      onAcks: () => {},
      onMasters: () => {},
      onClosed: this.closed.resolve,
    }, unreachableLeader);
  }

  [Symbol.dispose](): void {
    this.#channel.close();
  }
}

/** A leader's end. */
class LeaderScript {
  readonly news: WorkerNews[] = [];
  readonly closed: string[] = [];
  link: WorkerLink | undefined;
  caller: CallContext | undefined;

  readonly api: Partial<MasterApi> = {
    openWorkerSession: (_announcement, link, call) => {
      this.link = link;
      this.caller = call;
      return Promise.resolve({
        welcome: {
          sessionId: "s",
          leaderId: "b",
          masterAddresses: [],
          heartbeatIntervalMs: 1_000,
          heartbeatTimeoutMs: 3_000,
          clusterId: "c",
        },
        onNews: (news) => this.news.push(news),
        onClosed: (reason) => this.closed.push(reason),
      });
    },
  };
}

const NEWS: WorkerNews = { reports: [], progress: [], draining: true, goodbye: false };

Deno.test("a worker's session is sent to the leader, also when that is elected later", async () => {
  await using leader = await startMember({}, { name: "b" });
  await using follower = await startMember({});
  using session = new Session(follower);
  await until(() => follower.router.waiting === 1, "it is held");
  follow(follower, leader);
  assert.equal((await session.closed.promise)?.leaderAddress, leader.address);
  using elsewhere = new Session(follower, "another:1");
  const refusal = await elsewhere.closed.promise;
  assert.equal(refusal?.leaderAddress, leader.address, "this leader it may reach");
});

Deno.test("a worker that cannot reach the leader is passed on to it, both ways, as who it is", async () => {
  const script = new LeaderScript();
  await using leader = await startMember(script.api, { name: "b" });
  await using follower = await startMember({});
  follow(follower, leader);
  using session = new Session(follower, leader.address);
  await until(() => session.heard.length === 1, "it is welcome");
  assert.deepEqual(session.heard, ["welcome by b"]);
  assert.deepEqual(script.caller?.caller, {
    userId: "alice",
    roles: ["operator", "viewer"],
    source: "token",
    policyRevision: 0,
  });
  assert.equal(script.caller?.method, "/proto.MasterService/WorkerSession");
  session.stream.send(NEWS);
  await until(() => script.news.length === 1, "its news came");
  assert.equal(script.news[0]?.draining, true);
  script.link?.send({ cancellations: [{ jobId: "j-1", token: 7, reason: "user_cancelled" }] });
  await until(() => session.heard.length === 2, "its orders came");
  assert.equal(session.heard[1], "cancel j-1");
  session.stream.cancel();
  await until(() => script.closed.length === 1, "the leader hears that it is gone");
});

Deno.test("a session that was passed on ends in the leader's words, and with the leader", async () => {
  const script = new LeaderScript();
  await using leader = await startMember(script.api, { name: "b" });
  await using follower = await startMember({});
  follow(follower, leader);
  using first = new Session(follower, leader.address);
  await until(() => first.heard.length === 1, "it is welcome");
  script.link?.close(new Refusal("conflict", "another process took its place"));
  assert.equal((await first.closed.promise)?.message, "another process took its place");
  using second = new Session(follower, leader.address);
  await until(() => second.heard.length === 1, "it is welcome");
  follower.router.turn(undefined);
  const lost = await second.closed.promise;
  assert.deepEqual([lost?.reason, lost?.isAnswer], ["unavailable", true]);
  assert.match(lost?.message ?? "", /the leader was lost/);
  await until(() => script.closed.length === 1, "the former leader hears of it");
});
