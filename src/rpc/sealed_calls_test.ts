import assert from "node:assert/strict";
import { create, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { isSealed, PayloadKeys } from "../security/light.ts";
import type { Calls } from "./calls.ts";
import { JobClient } from "./client.ts";
import {
  GetJobStatusResponseSchema,
  JobEventSchema,
  ListDLQResponseSchema,
  type SubmitJobRequestSchema,
  SubmitJobResponseSchema,
  SubmitJobsResponseSchema,
} from "./gen/scheduler_pb.ts";
import { sealedCalls } from "./sealed_calls.ts";
import { codeOf, Refusal } from "./status.ts";

type Submitted = MessageInitShape<typeof SubmitJobRequestSchema>;

const OLD = btoa("1".repeat(32));
const NEW = btoa("2".repeat(32));
const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (sealed: Uint8Array | undefined) => new TextDecoder().decode(sealed);

/** A cluster that remembers what came under which idempotency key, and answers what it is told to. */
function cluster(answer: (name: string, request: unknown) => Message) {
  const calls = {
    call: (method: { localName: string }, request: unknown) =>
      Promise.resolve().then(() => answer(method.localName, request)),
    submit: (request: unknown) => Promise.resolve().then(() => answer("submitJob", request)),
    stream: async function* (method: { localName: string }, request: unknown) {
      yield await Promise.resolve(answer(method.localName, request));
    },
    close: () => {},
  };
  return calls as unknown as Calls;
}

/** Takes jobs as a master does: the same key with other bytes is a conflict. */
function taking() {
  const taken = new Map<string, string>();
  const take = ({ idempotencyKey = "", payload }: Submitted) => {
    const content = (payload ?? new Uint8Array(0)).join();
    const before = taken.get(idempotencyKey);
    if (before !== undefined && before !== content) {
      throw new Refusal("already_exists", "it belongs to another job");
    }
    taken.set(idempotencyKey, content);
    return { jobId: idempotencyKey, status: "success", duplicate: before !== undefined };
  };
  return cluster((name, request) => {
    if (name === "submitJob") return create(SubmitJobResponseSchema, take(request as Submitted));
    const { jobs } = request as { jobs: Submitted[] };
    const results = jobs.map((job) => {
      try {
        return take(job);
      } catch (failure) {
        return { status: "error", code: codeOf("already_exists"), message: String(failure) };
      }
    });
    return create(SubmitJobsResponseSchema, { results });
  });
}

const job = (payload: string, idempotencyKey: string) => ({
  type: "http",
  payload: bytes(payload),
  priority: 5,
  idempotencyKey,
});

Deno.test("what is submitted twice under its key is one job, also when keys were rolled in between", async () => {
  const calls = taking();
  const before = new JobClient(sealedCalls(calls, new PayloadKeys([OLD])));
  const after = new JobClient(sealedCalls(calls, new PayloadKeys([NEW, OLD])));
  assert.equal((await before.submit(job("a", "k"))).duplicate, false);
  assert.equal((await before.submit(job("a", "k"))).duplicate, true);
  assert.equal((await after.submit(job("a", "k"))).duplicate, true);
  await assert.rejects(after.submit(job("b", "k")), /another job/);
  const items = await after.submitBatch([job("n", "new"), job("a", "k"), job("c", "k")]);
  assert.deepEqual(items.map((each) => "error" in each ? "refused" : each.jobId), [
    "new",
    "k",
    "refused",
  ]);
});

Deno.test("no payload leaves in clear, and one that its type refuses does not leave at all", async () => {
  const seen: Submitted[] = [];
  const calls = cluster((_, request) => {
    seen.push(request as Submitted);
    return create(SubmitJobResponseSchema, { jobId: "j", status: "success" });
  });
  const check = (type: string) => type === "http" ? undefined : `${type} needs a url`;
  const client = new JobClient(sealedCalls(calls, new PayloadKeys([OLD]), check));
  await client.submit(job("cAnArY", "k"));
  assert.ok(isSealed(seen[0]!.payload!));
  assert.ok(!textOf(seen[0]!.payload).includes("cAnArY"));
  await client.submit({ ...job("", "k"), payload: new Uint8Array(seen[0]!.payload!) });
  assert.deepEqual(seen[1]!.payload, seen[0]!.payload, "an envelope is not put into another");
  await assert.rejects(client.submit({ ...job("x", "k"), type: "exec" }), /exec needs a url/);
  assert.equal(seen.length, 2);
  const plain = new JobClient(sealedCalls(calls, PayloadKeys.none, check));
  await plain.submit(job("clear", "k"));
  assert.equal(textOf(seen[2]!.payload), "clear");
});

Deno.test("answers and events are in clear for whoever has the key, and say so where it is missing", async () => {
  const keys = new PayloadKeys([OLD]);
  const text = { kind: "text", jobId: "j" } as const;
  const sealed = async (clear: string) => await keys.sealText(clear, text);
  const answered = {
    id: "j",
    type: "http",
    status: "failed",
    payload: await keys.seal(bytes("payload"), { kind: "payload", jobType: "http" }),
    errorMessage: await sealed("why"),
    result: {
      output: await keys.seal(bytes("output"), { kind: "result", jobId: "j" }),
      error: await sealed("why"),
    },
  };
  const status = {
    job: answered,
    progressMessage: await sealed("half"),
    logTail: [await sealed("line 1"), "line 2"],
    attempts: [{ attempt: 1, error: await sealed("why") }],
    history: [{ reason: `retried: ${await sealed("why")}` }],
  };
  const calls = cluster((name) => {
    if (name === "listDLQ") return create(ListDLQResponseSchema, { jobs: [answered], total: 1 });
    if (name === "watchJob") {
      return create(JobEventSchema, { jobId: "j", event: { case: "state", value: answered } });
    }
    return create(GetJobStatusResponseSchema, status);
  });
  const client = new JobClient(sealedCalls(calls, keys));
  const details = await client.getJob("j");
  assert.equal(textOf(details.job.payload), "payload");
  assert.equal(textOf(details.job.result?.output), "output");
  assert.deepEqual(
    [details.job.errorMessage, details.progressMessage, ...details.logTail],
    ["why", "half", "line 1", "line 2"],
  );
  assert.deepEqual([details.attempts[0]!.error, details.history[0]!.reason], [
    "why",
    "retried: why",
  ]);
  assert.equal((await client.listDeadLetters()).jobs[0]!.errorMessage, "why");
  assert.equal((await client.waitFor("j")).errorMessage, "why");

  const [id] = await keys.ids();
  const stranger = new JobClient(sealedCalls(calls, new PayloadKeys([NEW])));
  const shown = await stranger.getJob("j");
  assert.ok(isSealed(shown.job.payload!) && isSealed(shown.job.result!.output));
  assert.equal(shown.job.errorMessage, `[encrypted with payload key ${id}]`);
});
