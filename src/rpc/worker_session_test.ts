import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import type { CallContext } from "./call.ts";
import { WorkerHelloSchema, WorkerMessageSchema } from "./gen/scheduler_pb.ts";
import type { JobView, MasterApi } from "./master_api.ts";
import type { WorkerLink, WorkerNews } from "./worker_calls.ts";
import { connectWorker } from "./worker_session.ts";

/** A session with a worker that said hello, and more right `behind` it, and what it is sent. */
async function connected(
  { takesBriefs = false, behind = [] }: { takesBriefs?: boolean; behind?: unknown[] } = {},
) {
  const sent: Record<string, unknown>[] = [];
  let link: WorkerLink | undefined;
  let hear: (message: unknown) => void = () => {};
  const news: WorkerNews[] = [];
  const stream = {
    onMessage: (listener: typeof hear) => hear = listener,
    onClosed() {},
    write: (message: Record<string, unknown>) => sent.push(message) > 0,
    end: () => sent.push({ end: true }),
  };
  const master = {
    openWorkerSession: (_hello: unknown, opened: WorkerLink) => {
      link = opened;
      opened.send({ assignments: [jobOf("early")] });
      const welcome = { masterAddresses: [], heartbeatIntervalMs: 1, heartbeatTimeoutMs: 1 };
      return Promise.resolve({
        welcome,
        onNews: (each: WorkerNews) => void news.push(each),
        onClosed() {},
      });
    },
  };
  connectWorker(
    master as unknown as MasterApi,
    stream as unknown as Parameters<typeof connectWorker>[1],
    {} as CallContext,
  );
  hear({
    hello: create(WorkerHelloSchema, {
      workerId: "w1",
      incarnation: "i",
      maxConcurrentJobs: 1,
      takesBriefs,
    }),
  });
  for (const message of behind) hear(message);
  await turn();
  return { sent, link: link!, hear, news };
}

function jobOf(id: string): JobView {
  const alike = { type: "noop", namespace: "default", traceparent: "", timeoutMs: 1 };
  return { id, ...alike, fencingToken: 1, createdAtMs: 0, attempt: 1 } as JobView;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function idsOf(message: Record<string, unknown> | undefined): unknown[] {
  return (message?.assignments as { id: string }[]).map(({ id }) => id);
}

Deno.test("what is ordered before the welcome follows it", async () => {
  const { sent } = await connected();
  assert.ok(sent[0]?.welcome !== undefined);
  assert.deepEqual(idsOf(sent[1]), ["early"]);
});

Deno.test("what a worker says before it is welcome is heard once it is, in its order", async () => {
  const behind = [1n, 2n].map((number) => create(WorkerMessageSchema, { number }));
  const { sent, hear, news } = await connected({ behind });
  assert.ok(sent[0]?.welcome !== undefined);
  hear(create(WorkerMessageSchema, { number: 3n }));
  assert.deepEqual(news.map(({ number }) => number), [1, 2, 3]);
});

Deno.test("orders of one turn share a message, each kind in its order", async () => {
  const { sent, link } = await connected();
  sent.length = 0;
  const ack = { token: 1, accepted: true, message: "" };
  link.send({ acks: [{ jobId: "a", ...ack }] });
  link.send({ assignments: [jobOf("b")] });
  link.send({ cancellations: [{ jobId: "b", token: 1, reason: "user_cancelled" }] });
  link.send({ assignments: [jobOf("c")], acks: [{ jobId: "d", ...ack }] });
  assert.equal(sent.length, 0);
  await turn();
  assert.equal(sent.length, 1);
  assert.deepEqual(idsOf(sent[0]), ["b", "c"]);
  assert.equal((sent[0]?.cancellations as unknown[]).length, 1);
  assert.deepEqual((sent[0]?.reportAcks as { jobId: string }[]).map((each) => each.jobId), [
    "a",
    "d",
  ]);
  link.send({ assignments: [jobOf("e")] });
  await turn();
  assert.deepEqual(idsOf(sent[1]), ["e"]);
});

Deno.test("what was ordered goes before the end of the session", async () => {
  const { sent, link } = await connected();
  sent.length = 0;
  link.send({ assignments: [jobOf("a")] });
  link.close();
  assert.deepEqual(idsOf(sent[0]), ["a"]);
  assert.deepEqual(sent[1], { end: true });
  await turn();
  assert.equal(sent.length, 2);
});

Deno.test("a worker that reads briefs gets its jobs so, and one that does not gets them whole", async () => {
  const { sent, link } = await connected({ takesBriefs: true });
  const briefsOf = (message: Record<string, unknown> | undefined) =>
    (message?.briefs as { jobId: string }[]).map(({ jobId }) => jobId);
  assert.deepEqual(briefsOf(sent[1]), ["early"]);
  link.send({ assignments: [jobOf("a"), jobOf("b")] });
  await turn();
  assert.deepEqual(briefsOf(sent[2]), ["a", "b"]);
  assert.equal(sent[2]?.assignments, undefined);
  const plain = await connected();
  assert.equal(plain.sent[1]?.briefs, undefined);
});

Deno.test("numbered news are acknowledged by their number, and what was refused of them one by one", async () => {
  const { sent, link, hear, news } = await connected();
  assert.equal((sent[0]?.welcome as { takesNumbers?: boolean }).takesNumbers, true);
  hear(create(WorkerMessageSchema, { number: 7n }));
  hear(create(WorkerMessageSchema));
  assert.deepEqual(news.map(({ number }) => number), [7, undefined]);
  const taken = { jobId: "a", token: 1, accepted: true, message: "" };
  const refused = { jobId: "b", token: 1, accepted: false, message: "it had ended" };
  link.send({ acks: [taken, refused], acksNumber: 7 });
  link.send({ acks: [{ ...taken, jobId: "c" }] });
  await turn();
  const { reportAcks, takenNumbers } = sent[2] as {
    reportAcks: { jobId: string }[];
    takenNumbers: bigint[];
  };
  assert.deepEqual(reportAcks.map(({ jobId }) => jobId), ["b", "c"]);
  assert.deepEqual(takenNumbers, [7n]);
});

Deno.test("a number that none of ours holds exactly ends the session as invalid, and nothing is passed on", async () => {
  const started = { case: "started", value: { $typeName: "proto.AttemptStarted" } } as const;
  const report = { jobId: "j", fencingToken: 1n, outcome: started };
  for (
    const message of [
      { reports: [{ ...report, fencingToken: 2n ** 63n - 1n }] },
      { reports: [{ ...report, fencingToken: -1n }] },
      { number: 2n ** 64n - 1n, reports: [report] },
      { progress: [{ jobId: "j", fencingToken: 2n ** 53n }] },
    ]
  ) {
    const { hear, news } = await connected();
    assert.throws(() => hear(create(WorkerMessageSchema, message)), { reason: "invalid" });
    assert.equal(news.length, 0);
  }
});

Deno.test("what an end only measures is taken as nearly as a number holds it", async () => {
  const { hear, news } = await connected();
  const value = { durationMs: 2n ** 63n - 1n, logLinesCut: -5n };
  const reports = [{ jobId: "j", fencingToken: 1n, outcome: { case: "result", value } }] as const;
  hear(create(WorkerMessageSchema, { reports: [...reports] }));
  const [end] = news[0]?.reports ?? [];
  assert.ok(end?.kind === "finished");
  assert.deepEqual([end.durationMs, end.logLinesCut], [Number.MAX_SAFE_INTEGER, 0]);
});

Deno.test("orders that cannot be written end their session, and not the process", async () => {
  const { sent, link } = await connected();
  link.send({ acks: [{ jobId: "j", token: 1.5, accepted: true, message: "" }] });
  await turn();
  assert.deepEqual(sent.at(-1), { end: true });
});

Deno.test("how far an attempt is lies between nothing and all, whatever its worker says", async () => {
  const { hear, news } = await connected();
  const told = [0.5, 42, -1, NaN, Infinity];
  const progress = told.map((fraction) => ({ jobId: "j", fencingToken: 1n, fraction }));
  hear(create(WorkerMessageSchema, { progress }));
  assert.deepEqual(news[0]?.progress.map(({ fraction }) => fraction), [0.5, 1, 0, 0, 1]);
});
