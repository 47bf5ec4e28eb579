import { status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { unusedPorts } from "../ha/ports.ts";
import { end, type Host, onHost, until } from "../e2e/support.ts";
import { type Fields, ORIGINAL_PROTO, ProtoClient, serviceOf } from "./by_proto.ts";
import { OriginalWorker, untilAborted, type Work } from "./original_worker.ts";

const echo: Work = ({ id }) => Promise.resolve(`done ${id}`);

/** A master, an original client, and what a test starts beside them. */
async function withMaster(
  test: (scene: {
    readonly host: Host;
    readonly client: ProtoClient;
    readonly master: Deno.ChildProcess;
    start(worker: {
      id: string;
      work?: Work;
      slots?: number;
      announced?: string;
      accepts?: () => boolean | "never";
    }): Promise<OriginalWorker>;
  }) => Promise<void>,
  ...flags: string[]
): Promise<void> {
  await onHost(async (host) => {
    const master = await host.startMaster(...flags);
    const client = new ProtoClient(serviceOf(ORIGINAL_PROTO, "MasterService"), host.grpcAddress);
    const workers: OriginalWorker[] = [];
    try {
      await test({
        host,
        client,
        master,
        start: async (options) => {
          const worker = await OriginalWorker.start({
            work: echo,
            master: host.grpcAddress,
            ...options,
          });
          workers.push(worker);
          return worker;
        },
      });
    } finally {
      for (const worker of workers) worker.stop();
      client.close();
    }
  });
}

async function submit(client: ProtoClient, more: Fields = {}): Promise<string> {
  const { job_id, status: outcome, message } = await client.call("SubmitJob", {
    type: "test_sleep",
    payload: new TextEncoder().encode('{"duration":"1ms"}'),
    priority: 5,
    max_retries: 0,
    ...more,
  });
  assert.equal(outcome, "success", String(message));
  return job_id as string;
}

async function jobOf(client: ProtoClient, jobId: string): Promise<Fields> {
  return (await client.call("GetJobStatus", { job_id: jobId })).job as Fields;
}

async function ends(client: ProtoClient, jobId: string, as: string): Promise<Fields> {
  await until(`job ${jobId} is ${as}`, async () => {
    const job = await jobOf(client, jobId);
    const isOver = ["completed", "failed", "cancelled"].includes(job.status as string);
    assert.ok(!isOver || job.status === as, `it is ${job.status}: ${job.error_message}`);
    return job.status === as;
  });
  return await jobOf(client, jobId);
}

Deno.test("an original worker and an original client work together through our master", () =>
  withMaster(async ({ client, start }) => {
    const worker = await start({ id: "w1" });
    const jobIds = await Promise.all([1, 2, 3].map(() => submit(client)));
    for (const jobId of jobIds) {
      const job = await ends(client, jobId, "completed");
      assert.equal(job.assigned_to, "w1");
      const result = job.result as { success: boolean; output: Uint8Array };
      assert.deepEqual([result.success, String(result.output)], [true, `done ${jobId}`]);
    }
    assert.deepEqual(worker.given.map(({ id }) => id).sort(), jobIds.sort(), "each once");
  }));

Deno.test("all twelve methods of the original answer its client", () =>
  withMaster(async ({ host, client, start }) => {
    let fails = true;
    const worker = await start({
      id: "w1",
      work: (job, signal) => fails ? Promise.reject(new Error("on purpose")) : echo(job, signal),
    });
    // RegisterWorker, Heartbeat and ReportResult: what the worker lives on.
    const heartbeat = await client.call("Heartbeat", { worker_id: "w1", stats: {} });
    assert.deepEqual([heartbeat.ack, heartbeat.assigned_jobs_count], [true, 0]);
    // SubmitJob, GetJobStatus, ListDLQ, RetryFromDLQ.
    const dead = await submit(client);
    const failed = await ends(client, dead, "failed");
    assert.match(String(failed.error_message), /on purpose/);
    const letters = await client.call("ListDLQ", {});
    assert.deepEqual((letters.jobs as Fields[]).map(({ id }) => id), [dead]);
    fails = false;
    assert.equal((await client.call("RetryFromDLQ", { job_id: dead })).success, true);
    await ends(client, dead, "completed");
    assert.equal((await client.call("ListDLQ", {})).total, 0);
    // CancelJob, of a job that is finished.
    const wanted = await submit(client);
    await ends(client, wanted, "completed");
    assert.equal(worker.given.length, 3);
    await assert.rejects(client.call("CancelJob", { job_id: wanted }), {
      code: status.FAILED_PRECONDITION,
    });
    // ListJobs, ListWorkers, GetClusterHealth.
    const listed = await client.call("ListJobs", { status_filter: "completed", limit: 1 });
    assert.deepEqual([(listed.jobs as Fields[]).length, listed.total], [1, 2]);
    const { workers } = await client.call("ListWorkers", {}) as { workers: Fields[] };
    assert.deepEqual(workers.map(({ id, address }) => [id, address]), [["w1", worker.address]]);
    const health = await client.call("GetClusterHealth", {});
    assert.deepEqual([health.is_leader, health.raft_state, health.active_worker_count], [
      true,
      "Leader",
      1,
    ]);
    // JoinCluster, of the member that is asked: it changes nothing.
    const joined = await client.call("JoinCluster", {
      node_id: health.leader_id,
      address: host.raftAddress,
    });
    assert.deepEqual([joined.success, joined.leader], [true, health.leader_id]);
    // A result of a job that the worker does not hold changes nothing either.
    await assert.rejects(
      client.call("ReportResult", {
        job_id: wanted,
        worker_id: "w2",
        result: { success: false, error: "zombie" },
      }),
      { code: status.FAILED_PRECONDITION },
    );
    assert.equal((await jobOf(client, wanted)).status, "completed");
  }));

Deno.test("cancellations and timeouts are brought to an original worker, in its words", () =>
  withMaster(async ({ client, start }) => {
    const worker = await start({ id: "w1", work: (_job, signal) => untilAborted(signal) });
    const unwanted = await submit(client);
    await until("it runs", async () => (await jobOf(client, unwanted)).status === "running");
    assert.equal((await client.call("CancelJob", { job_id: unwanted })).success, true);
    assert.equal((await jobOf(client, unwanted)).status, "cancelled");
    await until("the worker knows", () => Promise.resolve(worker.refused.length === 1));
    assert.deepEqual(worker.cancelled, [`${unwanted} user_cancelled`]);

    const slow = await submit(client, { timeout_seconds: 1 });
    await ends(client, slow, "failed");
    await until("the worker knows", () => Promise.resolve(worker.cancelled.length === 2));
    assert.equal(worker.cancelled[1], `${slow} timeout`);
    assert.equal((await jobOf(client, unwanted)).status, "cancelled", "its late report is refused");
  }));

Deno.test("who refuses, is away or never answers holds up nobody, and costs a job no retry", () =>
  withMaster(async ({ client, start }) => {
    const [closed] = unusedPorts(1);
    await start({ id: "refuses", slots: 50, accepts: () => false });
    await start({ id: "hangs", slots: 50, accepts: () => "never" });
    await start({ id: "away", slots: 50, announced: `127.0.0.1:${closed}` });
    const good = await start({ id: "good", slots: 2 });
    const jobIds = await Promise.all(Array.from({ length: 12 }, () => submit(client)));
    for (const jobId of jobIds) {
      const job = await ends(client, jobId, "completed");
      assert.equal(job.assigned_to, "good");
    }
    assert.equal(good.given.length, jobIds.length, "with one attempt allowed, each ran once");
  }, "--set=scheduler.assignment_timeout=4s"));

Deno.test("an original worker, which registers once, outlives a restart and its own silence", () =>
  withMaster(async ({ host, client, master, start }) => {
    const worker = await start({ id: "w1" });
    await ends(client, await submit(client), "completed");

    await end(master, "SIGKILL");
    await host.startMaster();
    await ends(client, await submit(client), "completed");

    worker.fallSilent();
    await until("it is taken for dead", async () => {
      const { workers } = await client.call("ListWorkers", {}) as { workers: Fields[] };
      return workers[0]?.status === "disconnected";
    });
    worker.beat();
    await ends(client, await submit(client), "completed");
    assert.equal(worker.given.length, 3);
  }));

Deno.test("a job that an original worker takes with it is run by another", () =>
  withMaster(async ({ client, start }) => {
    const late = Promise.withResolvers<string>();
    const doomed = await start({ id: "doomed", work: () => late.promise });
    const jobId = await submit(client, { max_retries: 1 });
    await until("it runs", async () => (await jobOf(client, jobId)).status === "running");
    doomed.fallSilent();
    await start({ id: "heir" });
    const job = await ends(client, jobId, "completed");
    assert.deepEqual([job.assigned_to, job.retry_count], ["heir", 1]);
    late.resolve("too late");
    await until("the zombie's report is refused", () => Promise.resolve(doomed.refused.length > 0));
    const { result } = await jobOf(client, jobId) as { result: { output: Uint8Array } };
    assert.equal(String(result.output), `done ${jobId}`);
  }));
