import assert from "node:assert/strict";
import { ClusterChannel, Refusal } from "../rpc/light.ts";
import type { Logger } from "../observability/light.ts";
import { channelTo, startTestMaster, type TestServer, until } from "../rpc/server_test_support.ts";
import { SessionKeeper } from "./session_keeper.ts";

const ANNOUNCED = () => ({
  ...{ workerId: "w", incarnation: "i", address: "", slots: 1, jobTypes: ["noop"], tags: {} },
  ...{ version: "", cpuMillis: 0, memoryBytes: 0, running: [] },
});

/** A master that lets in who comes to its cluster, or says of none, as the real one does. */
class Master implements AsyncDisposable {
  /** Which cluster each hello asked for. */
  readonly asked: string[] = [];
  #close: () => void = () => {};
  readonly #server: TestServer;

  private constructor(server: TestServer) {
    this.#server = server;
  }

  static async start(clusterId: string): Promise<Master> {
    const server = await startTestMaster({
      openWorkerSession: ({ clusterId: wanted = "" }, link) => {
        master.asked.push(wanted);
        if (wanted !== "" && wanted !== clusterId) {
          throw new Refusal("failed_precondition", "another cluster");
        }
        master.#close = () => link.close();
        return Promise.resolve({
          welcome: {
            sessionId: "s",
            heartbeatIntervalMs: 1_000,
            heartbeatTimeoutMs: 3_000,
            leaderId: clusterId,
            clusterId,
            masterAddresses: [],
          },
          onNews() {},
          onClosed() {},
        });
      },
    });
    const master = new Master(server);
    return master;
  }

  get address(): string {
    return this.#server.address;
  }

  /** Ends the session that stands. */
  close(): void {
    this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#server[Symbol.asyncDispose]());
  }
}

Deno.test("a worker that the leader does not let in asks less and less often, though followers send it back", async () => {
  await using leader = await startTestMaster({
    openWorkerSession: () => {
      throw new Refusal("already_exists", "the name is taken");
    },
  });
  await using follower = await startTestMaster({
    openWorkerSession: () => {
      throw new Refusal("not_leader", "the other one leads", { leaderAddress: leader.address });
    },
  });
  const pausesMs: number[] = [];
  const channel = new ClusterChannel(channelTo([follower.address, leader.address]));
  const keeper = new SessionKeeper({
    channel,
    log: {
      info() {},
      warn: (_: string, { reason, retry_in_ms }: { reason: string; retry_in_ms: number }) => {
        if (reason === "the name is taken") pausesMs.push(retry_in_ms);
      },
    } as unknown as Logger,
    announce: ANNOUNCED,
    listener: { onWelcome() {}, onAssignments() {}, onCancellations() {}, onAcks() {} },
  });
  try {
    keeper.start();
    await until(() => pausesMs.length === 5, "it was refused five times");
    pausesMs.forEach((ms, tries) => assert.ok(ms >= 50 * 2 ** tries, String(pausesMs)));
  } finally {
    await keeper.stop(0);
    channel.close();
  }
});

Deno.test("a worker comes back to its own cluster, and goes over to another only if that is gone for long", async () => {
  await using first = await Master.start("first");
  await using other = await Master.start("other");
  const warned: string[] = [];
  const welcomed: string[] = [];
  let nowMs = 0;
  const channel = new ClusterChannel(channelTo([first.address, other.address]));
  const keeper = new SessionKeeper({
    channel,
    log: { info() {}, warn: (text: string) => warned.push(text) } as unknown as Logger,
    now: () => nowMs,
    announce: ANNOUNCED,
    listener: {
      onWelcome: ({ clusterId }) => welcomed.push(clusterId),
      onAssignments() {},
      onCancellations() {},
      onAcks() {},
    },
  });
  const isOverTo = /this is another cluster than before/;
  try {
    keeper.start();
    await until(() => welcomed.length === 1, "it is let in");
    assert.deepEqual([first.asked, other.asked], [[""], []]);
    first.close();
    await until(() => welcomed.length === 2, "it has come back");
    assert.deepEqual(welcomed, ["first", "first"]);
    assert.ok(other.asked.length > 0, "the other one was met on the way");
    assert.deepEqual(new Set(other.asked), new Set(["first"]));
    await first[Symbol.asyncDispose]();
    const metBefore = other.asked.length;
    await until(() => other.asked.length > metBefore + 1, "it was sent away again and again");
    assert.deepEqual(new Set(other.asked), new Set(["first"]));
    assert.ok(!warned.some((text) => isOverTo.test(text)));
    nowMs += 30_000;
    await until(() => welcomed.length === 3, "it has gone over");
    assert.equal(welcomed[2], "other");
    assert.ok(warned.some((text) => isOverTo.test(text)));
  } finally {
    await keeper.stop(0);
    channel.close();
  }
});
