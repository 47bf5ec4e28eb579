import { status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { onHost, until } from "../e2e/support.ts";
import { type Fields, OUR_PROTO, ProtoClient, serviceOf } from "./by_proto.ts";

/** What docs/custom-workers.md tells the writer of a worker in another language, and nothing else. */
class PullWorker {
  readonly #client: ProtoClient;
  readonly id: string;
  sessionId = "";

  constructor(client: ProtoClient, id: string) {
    this.#client = client;
    this.id = id;
  }

  async register(more: Fields = {}): Promise<Fields> {
    const welcome = await this.#client.call("RegisterWorker", {
      worker_id: this.id,
      max_concurrent_jobs: 2,
      capabilities: { job_types: "greet, shout", zone: "north" },
      ...more,
    });
    this.sessionId = welcome.session_id as string;
    return welcome;
  }

  heartbeat(more: Fields = {}): Promise<Fields> {
    return this.#client.call("Heartbeat", {
      worker_id: this.id,
      session_id: this.sessionId,
      stats: { active_jobs: 1, completed_jobs: 7, cpu_usage: 0.5 },
      ...more,
    });
  }

  /** Waits for jobs as long as one heartbeat may. */
  async jobs(): Promise<Fields[]> {
    const { assignments } = await this.heartbeat({ wait_ms: 30_000 });
    return assignments as Fields[];
  }
}

async function withWorker(
  test: (worker: PullWorker, client: ProtoClient) => Promise<void>,
  ...flags: string[]
): Promise<void> {
  await onHost(async (host) => {
    await host.startMaster("--set=worker.heartbeat_timeout=60s", ...flags);
    const client = new ProtoClient(serviceOf(OUR_PROTO, "MasterService"), host.grpcAddress);
    try {
      await test(new PullWorker(client, "puller"), client);
    } finally {
      client.close();
    }
  });
}

async function submit(client: ProtoClient, type: string, more: Fields = {}): Promise<string> {
  const { job_id } = await client.call("SubmitJob", {
    type,
    payload: new TextEncoder().encode("Ada"),
    ...more,
  });
  return job_id as string;
}

async function jobOf(client: ProtoClient, jobId: string): Promise<Fields> {
  return (await client.call("GetJobStatus", { job_id: jobId })).job as Fields;
}

function resultOf(job: Fields, result: Fields): Fields {
  return { job_id: job.id, fencing_token: job.fencing_token, result };
}

const output = (text: string) => new TextEncoder().encode(text);

Deno.test("a worker of the unary road fetches jobs with Heartbeat and reports with the next one", () =>
  withWorker(async (worker, client) => {
    const welcome = await worker.register();
    assert.equal(welcome.success, true);
    assert.ok(Number(welcome.heartbeat_interval_ms) > 0);
    const jobId = await submit(client, "greet", { required_tags: { zone: "north" } });
    const [job] = await worker.jobs();
    assert.ok(job !== undefined);
    assert.deepEqual([job.id, String(job.payload), job.attempt], [jobId, "Ada", 1]);
    assert.equal((await jobOf(client, jobId)).status, "running");
    assert.deepEqual((await worker.heartbeat()).assignments, [], "a job is given once");

    const report = resultOf(job, {
      success: true,
      output: output('"Hello, Ada!"'),
      content_type: "application/json",
      duration_ms: 12,
      log_tail: ["waved"],
    });
    const { report_acks: acks } = await worker.heartbeat({ reports: [report] });
    assert.deepEqual((acks as Fields[]).map((each) => [each.job_id, each.accepted]), [
      [jobId, true],
    ]);
    const done = await client.call("GetJobStatus", { job_id: jobId });
    const { status: outcome, result } = done.job as { status: string; result: Fields };
    assert.deepEqual([outcome, String(result.output)], ["completed", '"Hello, Ada!"']);
    assert.deepEqual(done.log_tail, ["waved"]);

    const { workers } = await client.call("ListWorkers", {}) as { workers: Fields[] };
    assert.deepEqual(workers[0]?.job_types, ["greet", "shout"]);
    assert.equal((workers[0]?.stats as Fields).completed_jobs, 7);

    await worker.register({ type_concurrency: { shout: 1 } });
    const shouts = [await submit(client, "shout"), await submit(client, "shout")];
    const taken = await worker.jobs();
    assert.deepEqual(taken.map((each) => each.id), [shouts[0]]);
    const known = await client.call("GetWorker", { worker_id: worker.id });
    assert.deepEqual((known.worker as Fields).type_concurrency, { shout: 1 });
    assert.deepEqual((known.held as Fields[]).map((each) => each.job_id), [shouts[0]]);
    await worker.heartbeat({ reports: [resultOf(taken[0]!, { success: true })] });
    assert.deepEqual((await worker.jobs()).map((each) => each.id), [shouts[1]]);
  }));

Deno.test("ReportResult reports too: once, with the token or without, and never a stale one", () =>
  withWorker(async (worker, client) => {
    await worker.register();
    const report = (job: Fields, more: Fields) =>
      client.call("ReportResult", { worker_id: worker.id, ...resultOf(job, {}), ...more });

    const first = await submit(client, "greet", { max_retries: 1, retry_delay_ms: 1 });
    const [attempt1] = await worker.jobs();
    await report(attempt1!, { result: { success: false, error: "no voice" } });
    const [attempt2] = await worker.jobs();
    assert.deepEqual([attempt2?.id, attempt2?.attempt], [first, 2]);
    assert.ok(Number(attempt2!.fencing_token) > Number(attempt1!.fencing_token));
    // The first attempt's late success is not the second one's.
    await assert.rejects(report(attempt1!, { result: { success: true } }), {
      code: status.FAILED_PRECONDITION,
    });
    assert.equal((await jobOf(client, first)).status, "running");
    const success = { result: { success: true, output: output("Hello") } };
    await report(attempt2!, success);
    assert.equal((await report(attempt2!, success)).success, true, "saying it again is no fault");

    const second = await submit(client, "shout");
    const [job] = await worker.jobs();
    await assert.rejects(
      report(job!, { worker_id: "stranger", fencing_token: 0, ...success }),
      { code: status.FAILED_PRECONDITION },
    );
    await report(job!, { fencing_token: 0, ...success });
    assert.equal((await jobOf(client, second)).status, "completed");
    await assert.rejects(report(job!, { job_id: "nobodys", ...success }), {
      code: status.NOT_FOUND,
      details: 'there is no job "nobodys"',
    });
  }));

Deno.test("cancellations come down with a heartbeat, unstarted work goes back up unharmed", () =>
  withWorker(async (worker, client) => {
    await worker.register();
    const jobId = await submit(client, "greet");
    const [job] = await worker.jobs();
    await client.call("CancelJob", { job_id: jobId });
    const { cancellations } = await worker.heartbeat({ wait_ms: 30_000 });
    assert.deepEqual(cancellations, [{
      job_id: jobId,
      fencing_token: job?.fencing_token,
      reason: "user_cancelled",
    }]);
    const late = await worker.heartbeat({ reports: [resultOf(job!, { success: true })] });
    assert.equal((late.report_acks as Fields[])[0]?.accepted, false);
    assert.equal((await jobOf(client, jobId)).status, "cancelled");

    const again = await submit(client, "greet");
    const [given] = await worker.jobs();
    await worker.heartbeat({
      reports: [{
        job_id: again,
        fencing_token: given?.fencing_token,
        released: { reason: "I must go" },
      }],
    });
    const [returned] = await worker.jobs();
    assert.equal(returned?.id, again);
    const details = await client.call("GetJobStatus", { job_id: again });
    const [first] = details.attempts as Fields[];
    assert.equal(first?.outcome, "released");
    const { released_jobs } = await client.call("DeregisterWorker", {
      worker_id: worker.id,
      session_id: worker.sessionId,
    });
    assert.equal(released_jobs, 1);
    await until("it waits again", async () => (await jobOf(client, again)).status === "pending");
  }));

Deno.test("a heartbeat without a session, or for another one, is told to register", () =>
  withWorker(async (worker) => {
    await assert.rejects(worker.heartbeat(), {
      code: status.FAILED_PRECONDITION,
      details: 'worker "puller" has no session here; call RegisterWorker',
    });
    await worker.register();
    const former = worker.sessionId;
    await worker.register();
    await assert.rejects(worker.heartbeat({ session_id: former }), {
      code: status.FAILED_PRECONDITION,
    });
    assert.equal((await worker.heartbeat({ session_id: "" })).ack, true);
  }));

Deno.test("a worker that comes back keeps the attempts that it names, and only those", () =>
  withWorker(async (worker, client) => {
    await worker.register();
    const ids = await Promise.all([submit(client, "greet"), submit(client, "greet")]);
    const jobs: Fields[] = [];
    while (jobs.length < 2) jobs.push(...await worker.jobs());
    const [kept, lost] = jobs;
    const running = [{ job_id: kept!.id, fencing_token: kept!.fencing_token }];
    await worker.register({ running });
    const [again] = await worker.jobs();
    assert.equal(again?.id, lost?.id, "what it does not name is run again");
    assert.equal(again?.attempt, 2);
    await worker.heartbeat({ reports: [resultOf(kept!, { success: true })] });
    assert.equal((await jobOf(client, kept!.id as string)).status, "completed");
    assert.deepEqual(jobs.map(({ id }) => id as string).sort(), ids.sort());
  }));

Deno.test("a result over jobs.result_bytes_max ends its job, from whatever worker it comes", () =>
  withWorker(async (worker, client) => {
    await worker.register();
    const jobId = await submit(client, "greet", { max_retries: 3 });
    const [job] = await worker.jobs();
    const tooLong = resultOf(job!, { success: true, output: new Uint8Array(1_025) });
    const { report_acks: acks } = await worker.heartbeat({ reports: [tooLong] });
    assert.equal((acks as Fields[])[0]?.accepted, true);
    const failed = await jobOf(client, jobId);
    assert.deepEqual([failed.status, failed.dead_letter], ["failed", true]);
    assert.match(String(failed.error_message), /1025 bytes; jobs\.result_bytes_max allows 1024/);
  }, "--set=jobs.result_bytes_max=1KiB"));
