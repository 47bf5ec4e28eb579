import { ServerCredentials, status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { builtinJobTypes } from "../../src/job_types/mod.ts";
import { createLogger } from "../../src/observability/mod.ts";
import {
  type AttemptReportView,
  ClusterChannel,
  type WorkerLink,
  type WorkerNews,
} from "../../src/rpc/mod.ts";
import { channelTo, startTestMaster, until } from "../../src/rpc/server_test_support.ts";
import {
  type AttemptEnvironment,
  InlineExecutor,
  startWorkerGrpc,
  Worker,
} from "../../src/worker/mod.ts";
import { type Fields, ORIGINAL_PROTO, OUR_PROTO, ProtoClient, serviceOf } from "./by_proto.ts";

const ENVIRONMENT: AttemptEnvironment = {
  limits: { resultBytesMax: 1_000, inputBytesMax: 1_000, streamBytesMax: 1_000, pixelsMax: 1_000 },
  files: { readRoots: [], writeRoots: [] },
  fetchPolicy: {
    privateAddresses: "refuse",
    allowList: [],
    userAgent: "test",
    bodyBytesMax: 1_000,
  },
};

/** A worker of one slot that serves, and a master that takes whatever it reports. */
class ServingWorker implements AsyncDisposable {
  /** Reports that the master has taken. */
  readonly reports: AttemptReportView[] = [];
  /** Attempts that were begun. */
  readonly begun: string[] = [];
  readonly #closers: (() => unknown)[] = [];
  address = "";

  async start(): Promise<this> {
    const master = await startTestMaster({
      openWorkerSession: (_announcement, link) => Promise.resolve(this.#session(link)),
    });
    const channel = new ClusterChannel(channelTo([master.address]));
    const registry = builtinJobTypes();
    const log = await createLogger({
      level: "error",
      format: "json",
      output: "stderr",
      name: "worker",
      nodeId: "w1",
    });
    const tempRoot = Deno.makeTempDirSync({ prefix: "conductor-worker-service-" });
    const worker = new Worker({
      workerId: "w1",
      address: () => this.address,
      slots: 1,
      cpuMillis: 0,
      memoryBytes: 0,
      tags: {},
      version: "test",
      registry,
      jobTypes: registry.names(),
      inline: new InlineExecutor(registry, ENVIRONMENT),
      isolated: new InlineExecutor(registry, ENVIRONMENT),
      channel,
      tempRoot,
      log,
      observer: {
        attemptStarted: (job) => {
          this.begun.push(`${job.id}#${job.fencingToken}`);
          return { ended() {} };
        },
      },
      usage: () => ({
        cpuUsage: 0,
        memoryUsage: 0,
        workerCpu: 0,
        workerMemoryBytes: 0,
        executorsCpu: 0,
        executorsMemoryBytes: 0,
        executorProcesses: 0,
      }),
      heartbeatIntervalMs: 1_000,
      resultTimeoutMs: 10_000,
      shutdownDelayMs: 100,
    });
    const server = await startWorkerGrpc(worker, {
      host: "127.0.0.1",
      port: 0,
      log,
      credentials: ServerCredentials.createInsecure(),
      messageBytesMax: 4 * 1024 * 1024,
      gatekeeper: () => ({ userId: "tester", roles: [] }),
      observer: { started: () => ({ traceparent: "", ended() {} }) },
    });
    this.address = `127.0.0.1:${server.port}`;
    worker.start();
    await until(() => worker.isConnected, "the worker is connected");
    this.#closers.push(
      () => worker.stop(0),
      () => server.stop(0),
      () => channel.close(),
      () => master[Symbol.asyncDispose](),
      () => Deno.remove(tempRoot, { recursive: true }),
    );
    return this;
  }

  #session(link: WorkerLink) {
    return {
      welcome: {
        sessionId: "s1",
        heartbeatIntervalMs: 1_000,
        heartbeatTimeoutMs: 10_000,
        leaderId: "m1",
        masterAddresses: [],
        clusterId: "c1",
      },
      onNews: ({ reports, goodbye }: WorkerNews) => {
        this.reports.push(...reports);
        const taken = { accepted: true, message: "" };
        const acks = reports.map(({ jobId, token }) => ({ jobId, token, ...taken }));
        if (acks.length > 0) link.send({ acks });
        if (goodbye) link.close();
      },
      onClosed() {},
    };
  }

  /** The end of an attempt, once it was reported. */
  async ended(jobId: string): Promise<AttemptReportView & { kind: "finished" }> {
    const find = () =>
      this.reports.find((report) => report.jobId === jobId && report.kind === "finished");
    await until(() => find() !== undefined, `job ${jobId} ends`);
    return find() as AttemptReportView & { kind: "finished" };
  }

  async [Symbol.asyncDispose]() {
    for (const close of this.#closers) await close();
  }
}

function sleepJob(id: string, token: number, payload: Fields): Fields {
  return {
    worker_id: "w1",
    job: {
      id,
      type: "test_sleep",
      payload: new TextEncoder().encode(JSON.stringify(payload)),
      fencing_token: token,
      attempt: 1,
    },
  };
}

async function withWorker(
  test: (worker: ServingWorker, client: ProtoClient) => Promise<void>,
  proto = OUR_PROTO,
): Promise<void> {
  await using worker = await new ServingWorker().start();
  const client = new ProtoClient(serviceOf(proto, "WorkerService"), worker.address);
  try {
    await test(worker, client);
  } finally {
    client.close();
  }
}

Deno.test("a job that is brought to a worker runs as one from its session, and is reported there", () =>
  withWorker(async (worker, client) => {
    const answer = await client.call("AssignJob", sleepJob("j1", 7, { duration: "50ms" }));
    assert.equal(answer.accepted, true, String(answer.message));
    const end = await worker.ended("j1");
    assert.deepEqual([end.token, end.success], [7, true]);
    assert.deepEqual(worker.reports.map(({ kind }) => kind), ["started", "finished"]);
  }));

Deno.test("the same job and token are never run twice, running or ended", () =>
  withWorker(async (worker, client) => {
    const job = sleepJob("j1", 7, { duration: "100ms" });
    assert.equal((await client.call("AssignJob", job)).accepted, true);
    const again = await client.call("AssignJob", job);
    assert.deepEqual([again.accepted, again.message], [true, "this attempt was taken before"]);
    await worker.ended("j1");
    assert.equal((await client.call("AssignJob", job)).accepted, true);
    const outdated = await client.call("AssignJob", sleepJob("j1", 6, { duration: "1ms" }));
    assert.equal(outdated.accepted, false);
    await client.call("AssignJob", sleepJob("j1", 9, { duration: "1ms" }));
    await until(() => worker.reports.filter((each) => each.kind === "finished").length === 2, "2");
    assert.deepEqual(worker.begun, ["j1#7", "j1#9"]);
  }));

Deno.test("a worker without a free slot, or without the type, accepts nothing and says why", () =>
  withWorker(async (worker, client) => {
    await client.call("AssignJob", sleepJob("j1", 7, { duration: "60s" }));
    const full = await client.call("AssignJob", sleepJob("j2", 8, { duration: "1ms" }));
    assert.deepEqual([full.accepted, full.message], [false, "all 1 slots are taken"]);
    await client.call("CancelJob", { worker_id: "w1", job_id: "j1", reason: "user_cancelled" });
    await worker.ended("j1");
    const job = { ...(sleepJob("j3", 9, {}).job as Fields), type: "brew_coffee" };
    const unable = await client.call("AssignJob", { worker_id: "w1", job });
    assert.equal(unable.accepted, false);
    assert.match(String(unable.message), /offers .*test_sleep.*, not brew_coffee/);
    const freed = await client.call("AssignJob", sleepJob("j2", 8, { duration: "1ms" }));
    assert.equal(freed.accepted, true, "what was not accepted can be offered again");
  }));

Deno.test("CancelJob stops an attempt, and what is reported follows from the reason", () =>
  withWorker(async (worker, client) => {
    const cancel = (jobId: string, reason: string) =>
      client.call("CancelJob", { worker_id: "w1", job_id: jobId, reason });
    const nothing = await cancel("j1", "timeout");
    assert.deepEqual([nothing.cancelled, nothing.message], [false, "job j1 does not run here"]);

    await client.call("AssignJob", sleepJob("j1", 7, { duration: "60s" }));
    assert.equal((await cancel("j1", "timeout")).cancelled, true);
    const timedOut = await worker.ended("j1");
    assert.deepEqual([timedOut.success, timedOut.timedOut, timedOut.permanent], [
      false,
      true,
      false,
    ]);

    await client.call("AssignJob", sleepJob("j2", 8, { duration: "60s" }));
    await cancel("j2", "user_cancelled");
    const cancelled = await worker.ended("j2");
    assert.ok(cancelled.permanent, "whoever cancels a job does not want it tried again");
    assert.match(cancelled.error, /user_cancelled/);

    await client.call("AssignJob", sleepJob("j3", 9, { duration: "60s" }));
    await cancel("j3", "reassigned");
    await client.call("AssignJob", sleepJob("j4", 10, { duration: "1ms" }));
    await worker.ended("j4");
    assert.ok(
      !worker.reports.some((report) => report.jobId === "j3" && report.kind === "finished"),
      "the end of an attempt that is another's now is nobody's business",
    );
  }));

Deno.test("orders for another worker, and orders that name no job, are refused", () =>
  withWorker(async (_worker, client) => {
    const refused = (method: string, request: Fields, code: status) =>
      assert.rejects(client.call(method, request), { code });
    const job = sleepJob("j1", 7, { duration: "1ms" }).job;
    await refused("AssignJob", { worker_id: "w2", job }, status.FAILED_PRECONDITION);
    await refused("CancelJob", { worker_id: "w2", job_id: "j1" }, status.FAILED_PRECONDITION);
    await refused("AssignJob", { worker_id: "w1" }, status.INVALID_ARGUMENT);
    await refused("CancelJob", { worker_id: "w1" }, status.INVALID_ARGUMENT);
  }));

Deno.test("the original's AssignJob, which has no fencing token, is refused with what to do", () =>
  withWorker(async (worker, client) => {
    await assert.rejects(
      client.call("AssignJob", { worker_id: "w1", job: { id: "j1", type: "test_sleep" } }),
      (failure: { code: number; details: string }) =>
        failure.code === status.FAILED_PRECONDITION && /fencing_token/.test(failure.details),
    );
    assert.deepEqual(worker.begun, []);
  }, ORIGINAL_PROTO));
