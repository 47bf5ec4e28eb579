import assert from "node:assert/strict";
import { ClusterChannel } from "./channel.ts";
import { JobClient } from "./client.ts";
import { isFinished } from "./client_answers.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import type { JobDetails, JobView, Submission } from "./master_api.ts";
import { channelTo, startTestMaster, until } from "./server_test_support.ts";
import { Refusal } from "./status.ts";

function job(status: string): JobView {
  return {
    id: "j-1",
    type: "noop",
    namespace: "default",
    status,
    priority: 0,
    assignedTo: "",
    createdAtMs: 1,
    retryCount: 0,
    maxRetries: 0,
    errorMessage: "",
    timeoutMs: 1_000,
    fencingToken: 1,
    attempt: 1,
    labels: {},
    deadLetter: false,
    traceparent: "",
    submittedBy: "",
    queue: "default",
  };
}

function details(status: string): JobDetails {
  return {
    job: job(status),
    reasons: [],
    waitingReasons: [],
    attempts: [],
    progress: 0,
    progressMessage: "",
    logTail: [],
    history: [],
  };
}

const SUBMISSION: Submission = { type: "noop", payload: new Uint8Array([1]), priority: 5 };

Deno.test("a submission whose answer was lost is repeated under the same key", async () => {
  const keys: (string | undefined)[] = [];
  const taken = Promise.withResolvers<void>();
  const dying = await startTestMaster({
    submit: ([submission]) => {
      keys.push(submission?.idempotencyKey);
      taken.resolve();
      return new Promise(() => {});
    },
  });
  await using other = await startTestMaster({
    submit: ([submission]) => {
      keys.push(submission?.idempotencyKey);
      return Promise.resolve([{ jobId: "j-1", duplicate: true, message: "" }]);
    },
  });
  const client = new JobClient(channelTo([dying.address, other.address]));
  const submitted = client.submit(SUBMISSION);
  await taken.promise;
  await dying.server.stop(0);
  assert.deepEqual(await submitted, {
    jobId: "j-1",
    duplicate: true,
    existing: false,
    message: "",
  });
  assert.equal(keys.length, 2);
  assert.match(keys[0] ?? "", /^auto:[\w-]{22}$/);
  assert.equal(keys[1], keys[0]);
  client.close();
});

Deno.test("two submissions have two keys, and one's own key is kept", async () => {
  const keys: (string | undefined)[] = [];
  await using master = await startTestMaster({
    submit: (submissions) => {
      keys.push(...submissions.map((each) => each.idempotencyKey));
      return Promise.resolve(
        submissions.map(() => ({ jobId: "j", duplicate: false, message: "" })),
      );
    },
  });
  const client = new JobClient(channelTo([master.address]));
  await client.submit(SUBMISSION);
  await client.submit(SUBMISSION);
  await client.submit({ ...SUBMISSION, idempotencyKey: "mine" });
  await client.submitBatch([SUBMISSION, SUBMISSION, { ...SUBMISSION, idempotencyKey: "mine" }]);
  assert.equal(new Set(keys).size, 5);
  assert.equal(keys.filter((key) => key === "mine").length, 2);
  client.close();
});

Deno.test("a batch gives one outcome a job, in order, refused ones with their code", async () => {
  await using master = await startTestMaster({
    submit: () =>
      Promise.resolve([
        { jobId: "a", duplicate: false, message: "" },
        { refused: new Refusal("invalid", "bad payload") },
        { jobId: "c", duplicate: true, existing: true, message: "it has the key" },
      ]),
  });
  const client = new JobClient(channelTo([master.address]));
  assert.deepEqual(await client.submitBatch([SUBMISSION, SUBMISSION, SUBMISSION]), [
    { jobId: "a", duplicate: false, existing: false, message: "" },
    { error: "bad payload", code: 3, retryAfterMs: 0 },
    { jobId: "c", duplicate: true, existing: true, message: "it has the key" },
  ]);
  client.close();
});

Deno.test("a watch survives a lost master and tells the state again", async () => {
  const dying = await startTestMaster({
    watchJob: async (_jobId, send, { signal }) => {
      await send({ kind: "state", atMs: 1, job: job("running") });
      await new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    },
  });
  await using other = await startTestMaster({
    getJob: () => Promise.resolve(details("running")),
    watchJob: async (_jobId, send) => {
      await send({ kind: "state", atMs: 1, job: job("running") });
      await send({ kind: "progress", atMs: 2, fraction: 0.5, message: "half" });
      await send({ kind: "state", atMs: 3, job: job("completed") });
    },
  });
  const client = new JobClient(channelTo([dying.address, other.address]));
  const seen: string[] = [];
  for await (const event of client.watch("j-1")) {
    seen.push(event.kind === "state" ? event.job.status : event.kind);
    if (seen.length === 1) await dying.server.stop(0);
  }
  assert.deepEqual(seen, ["running", "running", "progress", "completed"]);
  client.close();
});

Deno.test("waiting resolves to the finished job", async () => {
  await using master = await startTestMaster({
    watchJob: (_jobId, send) => send({ kind: "state", atMs: 3, job: job("failed") }),
  });
  const client = new JobClient(channelTo([master.address]));
  const finished = await client.waitFor("j-1");
  assert.equal(finished.status, "failed");
  assert.ok(isFinished(finished));
  client.close();
});

Deno.test("a master that answers calls and breaks watches is not asked in a rush", async () => {
  let watches = 0;
  await using master = await startTestMaster({
    getJob: () => Promise.resolve(details("running")),
    watchJob: () => {
      watches++;
      return Promise.reject(new Refusal("unavailable", "not now"));
    },
  });
  const client = new JobClient(channelTo([master.address]));
  const stop = new AbortController();
  const watch = client.waitFor("j-1", stop.signal).catch((failure) => failure);
  await until(() => watches === 4, "the watch was tried again");
  const beforeMs = performance.now();
  await until(() => watches === 5, "and again");
  assert.ok(performance.now() - beforeMs >= 200, "the pauses grow");
  stop.abort(new Error("enough"));
  assert.equal((await watch as Error).message, "enough");
  client.close();
});

Deno.test("a watch of a job that is not there ends with NOT_FOUND", async () => {
  await using master = await startTestMaster({
    watchJob: () => Promise.reject(new Refusal("not_found", "there is no job")),
  });
  const client = new JobClient(channelTo([master.address]));
  await assert.rejects(client.waitFor("j-1"), { reason: "not_found" });
  client.close();
});

Deno.test("a job's payload is left out for those who ask so", async () => {
  const payload = new TextEncoder().encode("{}");
  await using master = await startTestMaster({
    getJob: () => {
      const known = details("running");
      return Promise.resolve({ ...known, job: { ...known.job, payload } });
    },
  });
  const channel = new ClusterChannel(channelTo([master.address]));
  const read = async (withoutPayload: boolean) => {
    const request = { jobId: "j-1", withoutPayload };
    const { job } = await channel.call(MasterService.method.getJobStatus, request);
    return [job?.status, job?.payload.byteLength];
  };
  assert.deepEqual(await read(false), ["running", 2]);
  assert.deepEqual(await read(true), ["running", 0]);
  channel.close();
});

Deno.test("negative pages and empty ids are refused before the master is troubled", async () => {
  await using master = await startTestMaster({});
  const client = new JobClient(channelTo([master.address]));
  await assert.rejects(client.listJobs({ limit: -1 }), {
    reason: "invalid",
    message: /limit is -1/,
  });
  await assert.rejects(client.listJobs({ offset: -5 }), { reason: "invalid", message: /-5/ });
  await assert.rejects(client.getJob(""), { reason: "invalid", message: /job_id is empty/ });
  client.close();
});
