import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import type { CallContext, Caller } from "./call.ts";
import { type SubmitJobRequest, SubmitJobRequestSchema } from "./gen/scheduler_pb.ts";
import type { SubmitJobsRequest, SubmitJobsResponse } from "./gen/scheduler_pb.ts";
import { SubmitJobsResponseSchema } from "./gen/scheduler_pb.ts";
import { SharedForwards } from "./shared_forwards.ts";
import { Refusal } from "./status.ts";
import { refusedResponse, submitResponse } from "./submit_response.ts";
import { SUBMIT_STREAM } from "./submit_stream.ts";

const ann: Caller = { userId: "ann", roles: ["operator"] };
const REASONS_TO_GO_ON = ["unavailable", "outcome_unknown", "invalid", "not_leader"] as const;

function jobOf(name: string, payload = new Uint8Array(1)): SubmitJobRequest {
  return create(SubmitJobRequestSchema, { type: name, idempotencyKey: `key of ${name}`, payload });
}

function callOf(of: Partial<CallContext> = {}): CallContext {
  return {
    ...{ method: "/proto.MasterService/SubmitJob", caller: ann, requestId: "r", traceparent: "" },
    ...{ peerAddress: "127.0.0.1:1", deadlineMs: Infinity, signal: new AbortController().signal },
    ...of,
  };
}

/** A leader who answers when told to. */
class Leader {
  readonly calls: { readonly request: SubmitJobsRequest; readonly call: CallContext }[] = [];
  readonly alone: string[] = [];
  readonly #answers: ((answer: Promise<SubmitJobsResponse>) => void)[] = [];
  readonly shared: SharedForwards;

  constructor(heldMsMax = 60_000) {
    this.shared = new SharedForwards({
      heldMsMax,
      together: (request, call) => {
        this.calls.push({ request, call });
        return new Promise((resolve) => this.#answers.push(resolve));
      },
      alone: (job) => {
        this.alone.push(job.type);
        return Promise.resolve(submitted(`${job.type}, alone`));
      },
    });
  }

  submit(name: string, call: Partial<CallContext> = {}): Promise<string> {
    return this.shared.submit(jobOf(name), callOf(call)).then(({ jobId = "" }) => jobId);
  }

  /** The types of the jobs of each call. */
  get groups(): string[][] {
    return this.calls.map(({ request }) => request.jobs.map(({ type }) => type));
  }

  /** Takes all jobs of the oldest call that waits, or fails with `failure`. */
  async answer(failure?: Refusal): Promise<void> {
    const { request } = this.calls[this.calls.length - this.#answers.length]!;
    const results = request.jobs.map(({ type }) => submitted(type));
    const answer = failure === undefined
      ? Promise.resolve(create(SubmitJobsResponseSchema, { results }))
      : Promise.reject(failure);
    this.#answers.shift()?.(answer);
    await turns();
  }

  /** Answers the oldest call with one response that refuses and others that do not. */
  async refuseFirst(refusal: Refusal): Promise<void> {
    const { request } = this.calls[this.calls.length - this.#answers.length]!;
    const [, ...others] = request.jobs.map(({ type }) => submitted(type));
    const results = [refusedResponse(refusal), ...others];
    this.#answers.shift()?.(Promise.resolve(create(SubmitJobsResponseSchema, { results })));
    await turns();
  }
}

function submitted(jobId: string) {
  return submitResponse({ jobId, duplicate: false, message: "" });
}

/** What was set going in this turn has happened. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

Deno.test("a submission that comes alone goes alone", async () => {
  const leader = new Leader();
  assert.equal(await leader.submit("a"), "a, alone");
  assert.deepEqual(leader.groups, []);
});

Deno.test("what comes in one turn goes together, and each caller has the answer for its own job", async () => {
  const leader = new Leader();
  const answers = Promise.all(["a", "b", "c"].map((each) => leader.submit(each)));
  await turns();
  assert.deepEqual(leader.groups, [["a", "b", "c"]]);
  assert.equal(leader.calls[0]?.call.method, SUBMIT_STREAM);
  await leader.answer();
  assert.deepEqual(await answers, ["a", "b", "c"]);
  assert.deepEqual(leader.alone, []);
});

Deno.test("while two calls are on their way what comes gathers for the next one", async () => {
  const leader = new Leader();
  const answers: Promise<string>[] = [];
  for (const pair of [["a", "b"], ["c", "d"], ["e", "f"], ["g"]]) {
    answers.push(...pair.map((each) => leader.submit(each)));
    await turns();
  }
  assert.deepEqual(leader.groups, [["a", "b"], ["c", "d"]]);
  await leader.answer();
  assert.deepEqual(leader.groups[2], ["e", "f", "g"]);
  await leader.answer();
  await leader.answer();
  assert.deepEqual(await Promise.all(answers), ["a", "b", "c", "d", "e", "f", "g"]);
});

Deno.test("a leader that answers nothing holds nobody up for long", async () => {
  const leader = new Leader(1);
  const answers: Promise<string>[] = [];
  for (const pair of [["a", "b"], ["c", "d"], ["e", "f"]]) {
    answers.push(...pair.map((each) => leader.submit(each)));
    await turns();
  }
  while (leader.calls.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(leader.groups[2], ["e", "f"]);
  for (const _ of leader.groups) await leader.answer();
  assert.equal((await Promise.all(answers)).length, 6);
});

Deno.test("callers whom the leader is to tell apart share no call", async () => {
  const leader = new Leader();
  const token = { subject: "ann", expiresAtMs: 9_000 };
  const callers: Caller[] = [
    ann,
    { ...ann, userId: "bob" },
    { ...ann, roles: ["viewer"] },
    { ...ann, source: "anonymous" },
    { ...ann, token },
    { ...ann, token: { ...token, tokenId: "t1" } },
    { ...ann, namespaces: ["red"] },
    { ...ann, policyRevision: 2 },
  ];
  const answers = callers.flatMap((caller, at) =>
    ["x", "y"].map((name) => leader.submit(`${name}${at}`, { caller }))
  );
  await turns();
  assert.deepEqual(leader.groups, callers.map((_, at) => [`x${at}`, `y${at}`]));
  for (const at of callers.keys()) assert.deepEqual(leader.calls[at]?.call.caller, callers[at]);
  for (const _ of callers) await leader.answer();
  assert.equal((await Promise.all(answers)).length, 2 * callers.length);
});

Deno.test("each job keeps its place in its trace, and each call hears what becomes of it", async () => {
  const leader = new Leader();
  const notes: string[] = [];
  const answers = ["a", "b"].map((each) =>
    leader.submit(each, { traceparent: `trace of ${each}`, note: () => notes.push(each) })
  );
  await turns();
  assert.deepEqual(leader.calls[0]?.request.traceparents, ["trace of a", "trace of b"]);
  leader.calls[0]?.call.note?.("forwarding_to_leader");
  assert.deepEqual(notes, ["a", "b"]);
  await leader.answer();
  await Promise.all(answers);
});

Deno.test("a shared call lasts until the first of its callers is out of time", async () => {
  const leader = new Leader();
  const deadlines = [9_000, 4_000, Infinity];
  const answers = deadlines.map((deadlineMs) => leader.submit(`${deadlineMs}`, { deadlineMs }));
  await turns();
  assert.equal(leader.calls[0]?.call.deadlineMs, 4_000);
  await leader.answer(new Refusal("outcome_unknown", "no answer in time"));
  assert.deepEqual(await Promise.all(answers), deadlines.map((each) => `${each}, alone`));
});

for (const reason of REASONS_TO_GO_ON) {
  Deno.test(`what a shared call does not take goes on by itself: ${reason}`, async () => {
    const leader = new Leader();
    const answers = Promise.all(["a", "b"].map((each) => leader.submit(each)));
    await turns();
    await leader.answer(new Refusal(reason, "no"));
    assert.deepEqual(await answers, ["a, alone", "b, alone"]);
    const others = Promise.all(["c", "d"].map((each) => leader.submit(each)));
    await turns();
    await leader.refuseFirst(new Refusal(reason, "not this one"));
    assert.deepEqual(await others, ["c, alone", "d"]);
  });
}

Deno.test("a leader that is overloaded is not asked again for each", async () => {
  const leader = new Leader();
  const full = new Refusal("overloaded", "full", { retryAfterMs: 70 });
  const told = { reason: "overloaded", message: "full", retryAfterMs: 70 };
  const answers = ["a", "b"].map((each) => leader.submit(each));
  await turns();
  const areRefused = Promise.all(answers.map((each) => assert.rejects(each, told)));
  await leader.answer(full);
  await areRefused;
  const [first, second] = ["c", "d"].map((each) => leader.submit(each));
  await turns();
  const isRefused = assert.rejects(first!, told);
  await leader.refuseFirst(full);
  await isRefused;
  assert.equal(await second, "d");
  assert.deepEqual(leader.alone, []);
});

Deno.test("a fault of ours is told to all whom it meets, and hidden from nobody", async () => {
  const fault = new TypeError("a bug");
  const shared = new SharedForwards({
    together: () => Promise.reject(fault),
    alone: () => assert.fail("it was tried again"),
  });
  const answers = ["a", "b"].map((each) => shared.submit(jobOf(each), callOf()));
  await Promise.all(answers.map((each) => assert.rejects(each, fault)));
});

Deno.test("a call holds 256 jobs and 256 KiB at most", async () => {
  const leader = new Leader();
  const many = Array.from({ length: 300 }, (_, at) => leader.submit(`${at}`));
  await turns();
  assert.deepEqual(leader.groups.map((each) => each.length), [256, 44]);
  await leader.answer();
  await leader.answer();
  await Promise.all(many);
  const payload = new Uint8Array(60 * 1024);
  const large = ["a", "b", "c", "d", "e", "f"].map((each) =>
    leader.shared.submit(jobOf(each, payload), callOf())
  );
  await turns();
  assert.deepEqual(leader.groups.slice(2), [["a", "b", "c", "d"], ["e", "f"]]);
  await leader.answer();
  await leader.answer();
  await Promise.all(large);
});

Deno.test("what cannot be repeated, names others or is large shares no call", () => {
  assert.ok(SharedForwards.takes(jobOf("a")));
  assert.ok(!SharedForwards.takes({ ...jobOf("a"), idempotencyKey: "" }));
  assert.ok(!SharedForwards.takes({ ...jobOf("a"), ref: "parent" }));
  assert.ok(!SharedForwards.takes(jobOf("a", new Uint8Array(64 * 1024 + 1))));
});

Deno.test("whoever comes later does not make the first ones wait longer", async () => {
  const leader = new Leader(300);
  const answers: Promise<string>[] = [];
  for (const pair of [["a", "b"], ["c", "d"]]) {
    answers.push(...pair.map((each) => leader.submit(each)));
    await turns();
  }
  const beforeMs = performance.now();
  // Never as long without a new one as anything may be held.
  for (let count = 0; leader.calls.length === 2; count++) {
    assert.ok(performance.now() - beforeMs < 10_000, "held for ten seconds");
    answers.push(leader.submit(`late ${count}`), leader.submit(`later ${count}`));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.equal(leader.groups[2]?.[0], "late 0");
  let isOver = false;
  const all = Promise.all(answers).then(() => isOver = true);
  while (!isOver) await leader.answer();
  await all;
});
