import assert from "node:assert/strict";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { briefsToWire, jobsFromBriefs } from "./briefs.ts";
import { jobFromWire, jobToWire } from "./convert.ts";
import { MasterMessageSchema } from "./gen/scheduler_pb.ts";
import type { AssignedJob, JobView } from "./master_api.ts";

const NAMES: readonly (keyof AssignedJob)[] = [
  ...["id", "type", "namespace", "timeoutMs", "fencingToken", "attempt"] as const,
  ...["traceparent", "options", "parents", "payload"] as const,
];

/** What a whole job has beside, of which a brief says nothing. */
const REST = {
  ...{
    status: "assigned",
    priority: 5,
    assignedTo: "w1",
    createdAtMs: 1,
    retryCount: 0,
    maxRetries: 3,
  },
  ...{ errorMessage: "", labels: {}, deadLetter: false, submittedBy: "s", queue: "q" },
};

const jobs: fc.Arbitrary<JobView[]> = fc.array(fc.record({
  id: fc.string(),
  type: fc.constantFrom("noop", "http"),
  namespace: fc.constantFrom("default", "team"),
  timeoutMs: fc.constantFrom(0, 1_500, 300_000),
  fencingToken: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  attempt: fc.integer({ min: 1, max: 9 }),
  traceparent: fc.constantFrom("", "00-a-b-00", "00-a-c-01"),
  parents: fc.constantFrom(undefined, [{ jobId: "p", status: "completed" }]),
  options: fc.constantFrom(undefined, { nonRetryableErrors: ["never"] }),
  payload: fc.uint8Array(),
})).map((all) => all.map((each) => ({ ...REST, ...each }) as JobView));

function onTheWire(message: Parameters<typeof create<typeof MasterMessageSchema>>[1]) {
  const bytes = toBinary(MasterMessageSchema, create(MasterMessageSchema, message));
  return { bytes, message: fromBinary(MasterMessageSchema, bytes) };
}

Deno.test("a brief says all of an assignment that its worker has use for, as a whole job does", () => {
  fc.assert(fc.property(jobs, (assigned) => {
    const brief = jobsFromBriefs(onTheWire(briefsToWire(assigned)).message);
    const whole = onTheWire({ assignments: assigned.map(jobToWire) }).message.assignments;
    const expected = whole.map(jobFromWire);
    assert.equal(brief.length, assigned.length);
    brief.forEach((job, position) => {
      for (const name of NAMES) assert.deepEqual(job[name], expected[position]?.[name], name);
    });
  }));
});

Deno.test("what jobs have alike is said once, and a trace of its own beside it", () => {
  const job = (id: string, traceparent: string) => ({
    ...{ id, traceparent, type: "noop", namespace: "default", timeoutMs: 1, fencingToken: 1 },
    attempt: 1,
  });
  const { kinds, briefs } = briefsToWire([job("a", "one"), job("b", "one"), job("c", "two")]);
  assert.deepEqual(kinds.map(({ traceparent }) => traceparent), ["one"]);
  assert.deepEqual(briefs.map(({ traceparent }) => traceparent), [undefined, undefined, "two"]);
});

Deno.test("a brief of a kind that its message does not hold is refused", () => {
  const { briefs } = briefsToWire([{
    ...{ id: "a", traceparent: "", type: "noop", namespace: "default", timeoutMs: 1 },
    ...{ fencingToken: 1, attempt: 1 },
  }]);
  assert.throws(
    () => jobsFromBriefs({ kinds: [], briefs }),
    /job a is of a kind that was not said/,
  );
});
