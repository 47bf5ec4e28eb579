import assert from "node:assert/strict";
import { isSampled, silentTracer, type Tracer } from "../observability/mod.ts";
import { SubmitSpans } from "./submit_tracing.ts";

/** Places in traces that are recorded, and one in a trace that is not. */
const A = `00-${"a".repeat(32)}-${"a".repeat(16)}-01`;
const B = `00-${"b".repeat(32)}-${"b".repeat(16)}-01`;
const UNRECORDED = `00-${"c".repeat(32)}-${"c".repeat(16)}-00`;

interface Seen {
  readonly name: string;
  readonly parent: string | undefined;
  readonly count: unknown;
  readonly events: string[];
  failure?: unknown;
  isEnded: boolean;
}

/** Records what is sampled; a span's traceparent is its number. */
function recording() {
  const seen: Seen[] = [];
  const tracer: Tracer = {
    ...silentTracer,
    follows: isSampled,
    startSpan: (name, { parent, attributes } = {}) => {
      const events: string[] = [];
      const span: Seen = { name, parent, count: attributes?.["job.count"], events, isEnded: false };
      seen.push(span);
      return {
        traceId: "",
        traceparent: `span ${seen.length}`,
        isRecording: true,
        setAttribute() {},
        addEvent: (event) => void events.push(event),
        recordError: (failure) => span.failure = failure,
        end: () => span.isEnded = true,
      };
    },
  };
  return { tracer, seen };
}

const job = (traceparent?: string) => ({
  type: "noop",
  ...(traceparent === undefined ? {} : { traceparent }),
});

Deno.test("jobs of one call share its span, and take it as their parent", async () => {
  const { tracer, seen } = recording();
  const spans = new SubmitSpans(tracer, A, [job(), job()]);
  assert.equal(await spans.around(() => spans.commit(() => Promise.resolve("done"))), "done");
  assert.deepEqual([spans.traceparentOf(0), spans.traceparentOf(1)], ["span 1", "span 1"]);
  assert.deepEqual(seen.map(({ name, parent, count }) => [name, parent, count]), [
    ["master.submit_job", A, 2],
    ["raft.commit", "span 1", undefined],
  ]);
  assert.ok(seen.every(({ isEnded }) => isEnded));
});

Deno.test("jobs that were calls of their own keep to their own traces, of which only recorded ones cost a span", async () => {
  const { tracer, seen } = recording();
  const spans = new SubmitSpans(tracer, A, [job(A), job(UNRECORDED), job(B)]);
  await spans.around(() => spans.commit(() => Promise.resolve()));
  assert.deepEqual([0, 1, 2].map((at) => spans.traceparentOf(at)), [
    "span 1",
    UNRECORDED,
    "span 2",
  ]);
  assert.deepEqual(seen.map(({ name, parent, count }) => [name, parent, count]), [
    ["master.submit_job", A, 1],
    ["master.submit_job", B, 1],
    ["raft.commit", "span 1", undefined],
    ["raft.commit", "span 2", undefined],
  ]);
  spans.tellOf(1, "no_workers_available");
  spans.tellOf(2, "job_submitted_successfully", "id");
  assert.deepEqual(seen.map(({ events }) => events), [[], ["job_submitted_successfully"], [], []]);
});

Deno.test("where nothing is recorded there is no span, and jobs go on in the caller's trace", async () => {
  const { tracer, seen } = recording();
  const spans = new SubmitSpans(tracer, UNRECORDED, [job(), job(UNRECORDED)]);
  assert.equal(spans.areRecorded, false);
  assert.equal(await spans.commit(() => Promise.resolve(7)), 7);
  assert.deepEqual([spans.traceparentOf(0), spans.traceparentOf(1)], [UNRECORDED, UNRECORDED]);
  assert.deepEqual(seen, []);
});

Deno.test("a failure is told by every span, and ends them", async () => {
  const { tracer, seen } = recording();
  const spans = new SubmitSpans(tracer, A, [job(A), job(B)]);
  const failure = new Error("no quorum");
  await assert.rejects(spans.around(() => spans.commit(() => Promise.reject(failure))), failure);
  assert.equal(seen.length, 4);
  assert.ok(seen.every((span) => span.isEnded && span.failure === failure));
});
