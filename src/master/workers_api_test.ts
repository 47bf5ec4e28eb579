import assert from "node:assert/strict";
import { Scene } from "../jobs/scene_test_support.ts";
import type { Command } from "../jobs/mod.ts";
import { Refusal, type WorkerAnnouncement, type WorkerLink } from "../rpc/mod.ts";
import type { MasterContext } from "./context.ts";
import { ReportInbox } from "./inbox.ts";
import type { Proposer } from "./proposer.ts";
import { Sessions } from "./sessions.ts";
import { assignmentView } from "./views.ts";
import { WorkersApi } from "./workers_api.ts";

/** A leader to which workers come, by either road. */
class Bench {
  readonly scene = new Scene();
  readonly api: WorkersApi;
  nowMs = 0;
  /** No read can be confirmed. */
  isLost = false;
  /** Runs before the next Command is applied. */
  beforeNext: () => void = () => {};
  readonly #sessions: Sessions;
  readonly #call = { caller: { userId: "ann", roles: [] }, peerAddress: "127.0.0.1:1" };

  constructor(heartbeatTimeoutMs = 10_000) {
    const proposer = {
      entryFormat: 3,
      readBarrier: () => this.isLost ? Promise.reject(new Error("no majority")) : Promise.resolve(),
      propose: async (command: Command) => {
        await Promise.resolve();
        this.beforeNext();
        this.beforeNext = () => {};
        return this.scene.apply(command);
      },
    } as unknown as Proposer;
    this.#sessions = new Sessions(() => new Link());
    const { machine } = this.scene;
    this.api = new WorkersApi(
      {
        machine,
        proposer,
        inbox: new ReportInbox(proposer, 1_000, () => () => {}),
        sessions: this.#sessions,
        log: { info() {}, warn() {} },
        facts: { nodeId: "m1", clusterId: "c" },
        node: { status: () => ({ members: [] }) },
        now: () => this.nowMs,
        heartbeatTimeoutMs,
        crashLimit: 3,
        duties: { schedule: () => {} },
      } as unknown as MasterContext,
      () => {},
    );
  }

  list(query: { limit?: number; cursor?: string; stale?: boolean }) {
    const all = { status: "", limit: 0, cursor: "", stale: false };
    return this.api.listWorkers({ ...all, ...query }, this.#call);
  }

  register(workerId: string, more: Partial<WorkerAnnouncement> = {}) {
    return this.api.registerWorker({ ...announced(workerId, ""), ...more }, this.#call);
  }

  stream(workerId: string, incarnation: string, link = new Link()) {
    return this.api.openWorkerSession(announced(workerId, incarnation), link, this.#call);
  }

  heartbeat(workerId: string, signal: AbortSignal = new AbortController().signal, waitMs = 0) {
    return this.api.heartbeat({ workerId, sessionId: "", reports: [], waitMs }, signal);
  }

  /** Gives the worker a new job. */
  give(jobId: string, workerId: string, payload = new Uint8Array(1)): void {
    const { scene } = this;
    scene.submit(jobId, { payload });
    scene.assign(jobId, workerId);
    this.#sessions.assign(workerId, [assignmentView(scene.job(jobId), scene.machine)]);
  }
}

class Link implements WorkerLink {
  send(): void {}
  close(): void {}
}

function announced(workerId: string, incarnation: string): WorkerAnnouncement {
  return {
    workerId,
    incarnation,
    address: "",
    slots: 5,
    jobTypes: ["resize"],
    tags: {},
    version: "1",
    cpuMillis: 0,
    memoryBytes: 0,
    running: [],
  };
}

const isTaken = (failure: unknown) =>
  failure instanceof Refusal && failure.reason === "already_exists" &&
  failure.message.includes("is connected already");

Deno.test("no worker of the unary road takes the name of one whose stream stands, nor its jobs", async () => {
  const bench = new Bench();
  const link = new Link();
  const session = await bench.stream("w1", "first", link);
  bench.give("j", "w1");
  await assert.rejects(bench.register("w1"), isTaken);
  assert.equal(bench.scene.job("j").status, "assigned");
  session.onClosed("the connection is gone");
  await bench.register("w1");
});

Deno.test("no stream takes the name of a worker of the unary road that is heard of", async () => {
  const bench = new Bench();
  await bench.register("w1");
  bench.give("j", "w1");
  await assert.rejects(bench.stream("w1", "other"), isTaken);
  assert.equal(bench.scene.job("j").status, "assigned");
  bench.nowMs += 10_001;
  await bench.stream("w1", "other");
});

Deno.test("a worker of the unary road that is started again is let in at once", async () => {
  const bench = new Bench();
  const { sessionId } = await bench.register("w1");
  const again = await bench.register("w1");
  assert.notEqual(again.sessionId, sessionId);
});

Deno.test("a worker of the unary road to which an answer got lost registers again, keeps what it names, and the rest runs again", async () => {
  const bench = new Bench();
  await bench.register("w1");
  bench.give("has", "w1");
  await bench.heartbeat("w1");
  bench.give("lost", "w1");
  await bench.heartbeat("w1");
  const { token } = bench.scene.job("has");
  await bench.register("w1", { running: [{ jobId: "has", token }] });
  assert.deepEqual(["has", "lost"].map((id) => bench.scene.job(id).status), ["running", "pending"]);
  assert.equal(bench.scene.job("lost").failures, 0, "its retries are left alone");
});

Deno.test("jobs for a heartbeat whose caller hung up are there for the next one", async () => {
  const bench = new Bench();
  await bench.register("w1");
  bench.give("j", "w1");
  const hungUp = new AbortController();
  hungUp.abort();
  await assert.rejects(bench.heartbeat("w1", hungUp.signal));
  assert.equal(bench.scene.job("j").status, "assigned", "it has not started");

  const hangsUp = new AbortController();
  bench.beforeNext = () => hangsUp.abort();
  await assert.rejects(bench.heartbeat("w1", hangsUp.signal));
  const { assignments } = await bench.heartbeat("w1");
  assert.deepEqual(assignments.map(({ id }) => id), ["j"]);
  assert.equal(bench.scene.job("j").status, "running");
  assert.equal((await bench.heartbeat("w1")).assignments.length, 0, "it is given once");
});

Deno.test("a job that was taken back meanwhile is given to no heartbeat", async () => {
  const bench = new Bench();
  await bench.register("w1");
  bench.give("j", "w1");
  bench.beforeNext = () => void bench.scene.cancel("j");
  assert.deepEqual((await bench.heartbeat("w1")).assignments, []);
});

Deno.test("what a worker says of itself is bounded, and its name is one line", async () => {
  const bench = new Bench();
  const many = Object.fromEntries(Array.from({ length: 257 }, (_, at) => [`t${at}`, ""]));
  const refused: [string, Partial<WorkerAnnouncement>, RegExp][] = [
    ["w".repeat(257), {}, /worker_id has 257 characters; it may have 256/],
    ["a\nb", {}, /worker_id has a control character/],
    ["w", { tags: many }, /tags has 257 entries; it may have 256/],
    ["w", { tags: { zone: "z".repeat(1_025) } }, /tag zone has 1025 characters/],
    ["w", { jobTypes: Array.from({ length: 1_001 }, () => "t") }, /job_types has 1001 entries/],
    ["w", { jobTypes: ["t".repeat(257)] }, /a type of job_types has 257 characters/],
  ];
  for (const [workerId, more, message] of refused) {
    await assert.rejects(bench.register(workerId, more), message);
  }
  await assert.rejects(bench.stream("w".repeat(257), "first"), /worker_id has 257 characters/);
  assert.deepEqual(bench.scene.machine.workers(), []);
  await bench.register("w".repeat(256), { tags: { zone: "z".repeat(1_024) } });
});

Deno.test("a heartbeat that would wait longer than the lease is answered before that is over", async () => {
  const bench = new Bench(20);
  await bench.register("w1");
  const impatience = new AbortController();
  const timer = setTimeout(() => impatience.abort(), 10_000);
  const { assignments } = await bench.heartbeat("w1", impatience.signal, 30_000);
  clearTimeout(timer);
  assert.deepEqual(assignments, []);
});

Deno.test("a heartbeat whose session ends while it waits is told so", async () => {
  const bench = new Bench();
  const { sessionId } = await bench.register("w1");
  const waiting = bench.heartbeat("w1", undefined, 30_000);
  const told = assert.rejects(waiting, /has no session here; call RegisterWorker/);
  await Promise.resolve();
  await bench.api.deregisterWorker("w1", sessionId);
  await told;
});

Deno.test("jobs that no message could bring together come with one heartbeat after the other", async () => {
  const bench = new Bench();
  await bench.register("w1");
  const large = new Uint8Array(700 * 1024);
  bench.give("a", "w1", large);
  bench.give("b", "w1");
  bench.give("c", "w1", large);
  bench.give("d", "w1", new Uint8Array(3 * 1024 * 1024));
  const given: string[][] = [];
  for (let count = 0; count < 4; count += given.at(-1)!.length) {
    const { assignments } = await bench.heartbeat("w1");
    given.push(assignments.map(({ id }) => id));
    const running = ["a", "b", "c", "d"].filter((id) => bench.scene.job(id).status === "running");
    assert.deepEqual(running, given.flat(), "what was not brought has not started");
  }
  assert.deepEqual(given, [["a", "b"], ["c"], ["d"]]);
});

Deno.test("workers are listed by id in pages, which hold while others come and go", async () => {
  const bench = new Bench();
  for (const id of ["c", "a", "e", "b", "d"]) await bench.register(id);
  const page = async (cursor: string, limit = 2) => {
    const { workers, total, nextCursor } = await bench.list({ cursor, limit });
    return [workers.map(({ id }) => id).join(""), total, nextCursor];
  };
  assert.deepEqual(await page("", 0), ["abcde", 5, ""]);
  assert.deepEqual(await page(""), ["ab", 5, "b"]);
  await bench.register("ab");
  await bench.api.deregisterWorker("b", "");
  assert.deepEqual(await page("b"), ["cd", 5, "d"]);
  assert.deepEqual(await page("d"), ["e", 5, ""]);
  assert.deepEqual(await page("d", 1), ["e", 5, ""]);
  assert.deepEqual(await page("zzz"), ["", 5, ""]);
});

Deno.test("a stale list of workers asks nobody else", async () => {
  const bench = new Bench();
  await bench.register("a");
  bench.isLost = true;
  await assert.rejects(bench.list({}), /no majority/);
  assert.deepEqual((await bench.list({ stale: true })).workers.map(({ id }) => id), ["a"]);
});
