import assert from "node:assert/strict";
import { resubmissionOf, submissionOf } from "./submit_options.ts";
import {
  dataAnalysis,
  highPriority,
  imageProcessing,
  type JobTemplate,
  lowPriority,
  noRetry,
  quickRetry,
  standard,
  webScraping,
} from "./templates.ts";
import { payloadBytes, valueOf } from "./payload.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("a submission that asks for nothing says no more than type, payload and priority", () => {
  const { payload, ...rest } = submissionOf("noop", { a: 1 }, {});
  assert.deepEqual(rest, { type: "noop", priority: 5 });
  assert.equal(text(payload), '{"a":1}');
});

Deno.test("a job that is submitted again asks for what it asked for, but for what it waited for", () => {
  const job = {
    ...{ id: "j1", type: "t", namespace: "blue", status: "failed", priority: 7, assignedTo: "w1" },
    ...{ createdAtMs: 1, retryCount: 2, maxRetries: 2, errorMessage: "x", fencingToken: 9 },
    ...{ attempt: 3, deadLetter: true, traceparent: "", submittedBy: "ann", queue: "q" },
    labels: { team: "a" },
    timeoutMs: 1_000,
    retryDelayMs: 250,
    requiredTags: { zone: "a" },
    payload: new Uint8Array([1]),
    options: { require: ["!gpu"], dependsOn: [{ jobId: "j0", on: "success" }], schedule: "s" },
  };
  assert.deepEqual(resubmissionOf(job), {
    ...{ type: "t", namespace: "blue", priority: 7, maxRetries: 2, timeoutMs: 1_000 },
    retryDelayMs: 250,
    labels: { team: "a" },
    requiredTags: { zone: "a" },
    payload: new Uint8Array([1]),
    options: { require: ["!gpu"] },
  });
});

Deno.test("every option goes where the cluster looks for it", () => {
  const { payload: _, ...rest } = submissionOf("noop", {}, {
    priority: 9,
    maxRetries: 0,
    timeoutMs: 1_000,
    retryDelayMs: 10,
    runAt: new Date(5_000),
    tags: { zone: "a" },
    rate: { count: 1, perMs: 1_000 },
    rateKey: "api",
    dependsOn: ["j1", { id: "j2" }, { jobId: "j3", on: "completion" }, { ref: "a" }],
    uniqueKey: "once",
    ref: "b",
  });
  assert.deepEqual(rest, {
    type: "noop",
    priority: 9,
    maxRetries: 0,
    timeoutMs: 1_000,
    retryDelayMs: 10,
    runAtMs: 5_000,
    requiredTags: { zone: "a" },
    ref: "b",
    options: {
      rateKey: "api",
      rate: { count: 1, perMs: 1_000, burst: 0 },
      uniqueKey: "once",
      dependsOn: [
        { jobId: "j1", on: "success" },
        { jobId: "j2", on: "success" },
        { jobId: "j3", on: "completion" },
        { ref: "a", on: "success" },
      ],
    },
  });
});

Deno.test("the presets are those of the original's client library", () => {
  const figures = (template: JobTemplate) => [
    template.type,
    template.options.priority,
    template.options.maxRetries,
  ];
  assert.deepEqual(
    [highPriority, standard, lowPriority, quickRetry, noRetry].map(figures),
    [
      [undefined, 10, 5],
      [undefined, 5, 3],
      [undefined, 1, 2],
      [undefined, 7, 10],
      [undefined, 5, 0],
    ],
  );
  assert.deepEqual(
    [imageProcessing(), webScraping(), dataAnalysis(), webScraping(8)].map(figures),
    [
      ["image_processing", 5, 3],
      ["web_scraping", 3, 5],
      ["data_analysis", 5, 2],
      ["web_scraping", 8, 5],
    ],
  );
  const own = standard.withType("mine").withPriority(6).withMaxRetries(1).with({ queue: "q" });
  assert.deepEqual([own.type, own.options], ["mine", { priority: 6, maxRetries: 1, queue: "q" }]);
  assert.deepEqual(figures(standard), [undefined, 5, 3], "a template never changes");
});

Deno.test("bytes stay bytes, and what JSON cannot hold is refused", () => {
  assert.deepEqual(payloadBytes(new Uint8Array([1, 2])), new Uint8Array([1, 2]));
  assert.equal(text(payloadBytes("text")), '"text"');
  assert.throws(() => payloadBytes(() => 1), /may not be a function/);
  assert.throws(() => payloadBytes(new Map([[1, 2]])), /may not be a Map/);
  assert.equal(valueOf(new Uint8Array(0), ""), undefined);
  assert.equal(valueOf(payloadBytes(null), "application/json"), null);
  assert.equal(valueOf(new TextEncoder().encode("x"), "text/plain; charset=utf-8"), "x");
  assert.deepEqual(valueOf(new Uint8Array([9]), "image/png"), new Uint8Array([9]));
});

Deno.test("a number or a date that is none is refused by its name, before anything is asked", () => {
  const cases: readonly (readonly [Parameters<typeof submissionOf>[2], RegExp])[] = [
    [{ priority: 1.5 }, /^priority is 1\.5; it must be a safe integer$/],
    [{ maxRetries: NaN }, /^maxRetries is NaN/],
    [{ priority: "5" as never }, /^priority is "5"; it must be a safe integer$/],
    [{ memoryBytes: 1e30 }, /^memoryBytes is 1e\+30/],
    [{ timeoutMs: Infinity }, /^timeoutMs is Infinity; it must be a number of milliseconds$/],
    [{ rateKey: "k", rate: { count: 1, perMs: NaN } }, /^rate\.perMs is NaN/],
    [{ runAt: new Date(NaN) }, /^runAt is Invalid Date; it must be a date/],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => submissionOf("noop", {}, options), { name: "RangeError", message });
  }
});

Deno.test("an option that there is not is no option that is left out", () => {
  const misspelt = { timeoutSeconds: 5 } as object;
  assert.throws(() => submissionOf("noop", {}, misspelt), {
    name: "TypeError",
    message: 'a job has no option "timeoutSeconds"; SubmitOptions lists them',
  });
  const inherited = { toString: 1 } as object;
  assert.throws(() => submissionOf("noop", {}, inherited), TypeError);
  assert.equal(submissionOf("noop", {}, { nothing: undefined } as object).type, "noop");
});
