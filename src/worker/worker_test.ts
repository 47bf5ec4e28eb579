import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { setImmediate } from "node:timers";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { JobTypeRegistry } from "../job_types/mod.ts";
import { noop } from "../job_types/noop.ts";
import type { ClusterChannel } from "../rpc/light.ts";
// What an older master says cannot be had from this version's.
import { MasterMessageSchema, type WorkerMessage } from "../rpc/gen/scheduler_pb.ts";
import { type Executor, InlineExecutor } from "./attempt.ts";
import { ENVIRONMENT } from "./executor_test_support.ts";
import { createMetricsRegistry, createWorkerMetrics, silentTracer } from "../observability/mod.ts";
import { workerObserver } from "./metrics_observer.ts";
import { Worker, type WorkerObserver } from "./worker.ts";

/** A worker of `noop`, connected to nobody but this test. */
async function connected(
  { executor, observer = { attemptStarted: () => ({ ended() {} }) } }: {
    readonly executor?: Executor;
    readonly observer?: WorkerObserver;
  } = {},
) {
  const heard: WorkerMessage[] = [];
  const stream = Object.assign(new EventEmitter(), {
    write: (message: WorkerMessage) => {
      heard.push(message);
      stream.emit("heard");
    },
    cancel: () => stream.emit("error", Object.assign(new Error("cancelled"), { code: 1 })),
  });
  const channel = {
    addresses: ["m1:9000"],
    connected: () => Promise.resolve(),
    metadata: () => undefined,
    clientFor: () => ({ makeBidiStreamRequest: () => stream }),
    watchOver: () => ({ heard() {}, end() {} }),
    learn() {},
    turnFrom() {},
  };
  const registry = new JobTypeRegistry();
  registry.register(noop);
  const inline = executor ?? new InlineExecutor(registry, ENVIRONMENT);
  const usage = { cpuUsage: 0, memoryUsage: 0, workerCpu: 0, workerMemoryBytes: 0 };
  const worker = new Worker({
    ...{ workerId: "w1", address: () => "", slots: 4, cpuMillis: 0, memoryBytes: 0, tags: {} },
    ...{
      version: "",
      registry,
      jobTypes: ["noop"],
      inline,
      isolated: inline,
      tempRoot: "/nowhere",
    },
    ...{ heartbeatIntervalMs: 60_000, resultTimeoutMs: 60_000, shutdownDelayMs: 10 },
    channel: channel as unknown as ClusterChannel,
    log: {
      debug() {},
      info() {},
      warn() {},
      error() {},
      isEnabled: () => false,
      child: () => never(),
    },
    observer,
    usage: () => ({ ...usage, executorsCpu: 0, executorsMemoryBytes: 0, executorProcesses: 0 }),
  });
  worker.start();
  await heardThat(() => heard[0]?.hello !== undefined);

  async function heardThat(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise((resolve) => stream.once("heard", resolve));
  }
  return {
    worker,
    heard,
    heardThat,
    say: (message: MessageInitShape<typeof MasterMessageSchema>) =>
      stream.emit("data", create(MasterMessageSchema, message)),
    /** The master goes away. */
    break: () => stream.emit("error", Object.assign(new Error("gone"), { code: 14 })),
    /** The messages with reports. */
    reports: () => heard.filter((each) => each.reports.length > 0),
  };
}

function never(): never {
  throw new Error("nobody asks for it");
}

const WELCOME = {
  ...{ sessionId: "s", leaderId: "m1", clusterId: "c" },
  ...{ heartbeatIntervalMs: 60_000n, heartbeatTimeoutMs: 60_000n, masterAddresses: ["m1:9000"] },
};

Deno.test("with a master that knows no numbers, whole jobs are run and reports acknowledged one by one", async () => {
  const { worker, heard, heardThat, say, reports } = await connected();
  assert.equal(heard[0]?.hello?.takesBriefs, true);
  say({ welcome: { ...WELCOME, takesNumbers: false } });
  say({ assignments: [{ id: "a", type: "noop", fencingToken: 5n, attempt: 1 }] });
  await heardThat(() => reports().length > 0);
  const [message] = reports();
  assert.equal(message?.number, 0n);
  assert.deepEqual(message?.reports.map(({ jobId, outcome }) => [jobId, outcome.case]), [
    ["a", "result"],
  ]);
  assert.equal(worker.pendingReports, 1);
  say({ reportAcks: [{ jobId: "a", fencingToken: 5n, accepted: true }] });
  assert.equal(worker.pendingReports, 0);
  await worker.stop(0);
});

Deno.test("with one that does, briefs are run and a message's reports acknowledged by its number", async () => {
  const { worker, heardThat, say, reports } = await connected();
  say({ welcome: { ...WELCOME, takesNumbers: true } });
  const orders = {
    kinds: [{ type: "noop", namespace: "default" }],
    briefs: ["a", "b"].map((jobId) => ({ jobId, fencingToken: 5n, attempt: 1 })),
  };
  say(orders);
  await heardThat(() => reports().length > 0);
  const [message] = reports();
  assert.deepEqual(message?.reports.map(({ jobId }) => jobId), ["a", "b"]);
  assert.equal(worker.pendingReports, 2);
  say({ takenNumbers: [message!.number] });
  assert.equal(worker.pendingReports, 0);
  // The same attempt again is not run again, nor reported: its end arrived.
  say(orders);
  assert.equal(worker.activeJobs, 0);
  assert.equal(worker.pendingReports, 0);
  await worker.stop(0);
});

Deno.test("what has ended is reported within a few turns of the event loop, without a timer", async () => {
  const { worker, say, reports } = await connected();
  say({ welcome: { ...WELCOME, takesNumbers: true } });
  say({
    kinds: [{ type: "noop", namespace: "default" }],
    briefs: [{ jobId: "a", fencingToken: 5n, attempt: 1 }],
  });
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(reports().map((each) => each.reports.length), [1]);
  await worker.stop(0);
});

Deno.test("an attempt that could not even be run is reported as failed, so that it is not run for ever", async () => {
  const { worker, heardThat, say, reports } = await connected({
    executor: {
      run: () => Promise.reject(new Error("no room")),
      close: () => Promise.resolve(),
    },
  });
  say({ welcome: { ...WELCOME, takesNumbers: true } });
  say({
    kinds: [{ type: "noop", namespace: "default" }],
    briefs: [{ jobId: "a", fencingToken: 5n, attempt: 1 }],
  });
  await heardThat(() => reports().length > 0);
  const { outcome } = reports()[0]!.reports[0]!;
  assert.ok(outcome.case === "result");
  assert.equal(outcome.value.success, false);
  assert.equal(outcome.value.error, "the attempt could not be run: Error: no room");
  await worker.stop(0);
});

Deno.test("one that is resized says so in a new session, with what it holds, and at once", async () => {
  const { worker, heard, heardThat, say, reports } = await connected();
  const hellos = () => heard.filter((each) => each.hello !== undefined);
  say({ welcome: { ...WELCOME, takesNumbers: true } });
  say({ assignments: [{ id: "a", type: "noop", fencingToken: 5n, attempt: 1 }] });
  await heardThat(() => reports().length > 0);
  worker.resize({ slots: 9, typeSlots: { noop: 2 } });
  // While the next session is not yet welcome it is resized once more.
  await heardThat(() => hellos().length === 2);
  worker.resize({ slots: 7 });
  assert.equal(hellos().length, 2);
  say({ welcome: { ...WELCOME, takesNumbers: true } });
  await heardThat(() => hellos().length === 3);
  const [, second, third] = hellos().map(({ hello }) => hello!);
  assert.equal(second?.incarnation, third?.incarnation);
  assert.deepEqual([second?.maxConcurrentJobs, second?.typeConcurrency], [9, { noop: 2 }]);
  assert.deepEqual([third?.maxConcurrentJobs, third?.typeConcurrency], [7, {}]);
  assert.deepEqual(third?.running.map(({ jobId, fencingToken }) => [jobId, fencingToken]), [
    ["a", 5n],
  ]);
  await worker.stop(0);
});

Deno.test("a session that breaks is counted as lost, and one that is renewed or ends with the worker is not", async () => {
  const registry = await createMetricsRegistry({ enabled: true });
  const metrics = createWorkerMetrics(registry);
  const log = { debug() {}, info() {}, warn() {}, error() {}, isEnabled: () => false };
  const records = { metrics, tracer: silentTracer, log: { ...log, child: never }, workerId: "w1" };
  const { worker, heard, heardThat, say, break: breakOff } = await connected({
    observer: workerObserver(records),
  });
  const hellos = () => heard.filter(({ hello }) => hello !== undefined).length;
  const losses = async () =>
    /^conductor_worker_session_losses_total (\d+)$/m.exec((await registry.expose()).text)?.[1];
  say({ welcome: WELCOME });
  worker.renewSession();
  await heardThat(() => hellos() === 2);
  assert.equal(await losses(), "0");
  say({ welcome: WELCOME });
  breakOff();
  assert.equal(await losses(), "1");
  await heardThat(() => hellos() === 3);
  // It was not let in when this one ended.
  breakOff();
  await heardThat(() => hellos() === 4);
  say({ welcome: WELCOME });
  await worker.stop(0);
  assert.equal(await losses(), "1");
});

Deno.test("a worker that may take for ever to leave lets what runs come to its end", async () => {
  const run = { end: () => {} };
  const { worker, heardThat, say, reports } = await connected({
    executor: {
      run: (_task, _listener, signal) =>
        new Promise((resolve) => {
          run.end = () => {
            const [output, contentType] = [new Uint8Array(0), ""];
            resolve(
              signal.aborted
                ? { ok: false, error: "it was told to stop", permanent: false }
                : { ok: true, output, contentType },
            );
          };
        }),
      close: () => Promise.resolve(),
    },
  });
  say({ welcome: { ...WELCOME, takesNumbers: true } });
  say({
    kinds: [{ type: "noop", namespace: "default" }],
    briefs: [{ jobId: "a", fencingToken: 5n, attempt: 1 }],
  });
  const stopped = worker.stop(Infinity);
  // A timer that is set to more than it can be set to is due after 1 ms, so before this one.
  await new Promise((resolve) => setTimeout(resolve, 2));
  run.end();
  await heardThat(() => reports().some(({ reports }) => reports[0]!.outcome.case === "result"));
  await stopped;
  const outcomes = reports().flatMap(({ reports }) => reports.map(({ outcome }) => outcome.case));
  assert.ok(!outcomes.includes("released"), `it reported ${outcomes}`);
});

Deno.test("a worker is ready while a master has let it in, and until it begins to leave", async () => {
  const { worker, say } = await connected();
  assert.deepEqual(worker.notReadyReasons(), ["no master has let this worker in"]);
  say({ welcome: WELCOME });
  assert.deepEqual(worker.notReadyReasons(), []);
  const stopped = worker.stop(0);
  assert.deepEqual(worker.notReadyReasons(), ["it is shutting down and takes no more jobs"]);
  await stopped;
});
