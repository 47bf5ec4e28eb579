import assert from "node:assert/strict";
import { Misuse } from "./failure.ts";
import { submissionFrom } from "./submit.ts";
import { recording } from "./terminal_test_support.ts";

const { err } = recording();

Deno.test("flags that were not given are left to the cluster's defaults", async () => {
  assert.deepEqual(await submissionFrom({ type: "t", payload: "", priority: "5" }, err), {
    type: "t",
    payload: new Uint8Array(0),
    priority: 5,
  });
});

Deno.test("every flag of a submission becomes a field of it, durations in ms", async () => {
  const submission = await submissionFrom({
    type: "t",
    payload: "{}",
    priority: "-3",
    maxRetries: "0",
    timeout: "1m30s",
    retryDelay: "250ms",
    delay: "2h",
    label: ["a=1", "b="],
    require: ["gpu=true"],
    idempotencyKey: "k",
  }, err);
  assert.deepEqual(submission, {
    type: "t",
    payload: new TextEncoder().encode("{}"),
    priority: -3,
    maxRetries: 0,
    timeoutMs: 90_000,
    retryDelayMs: 250,
    delayMs: 7_200_000,
    labels: { a: "1", b: "" },
    requiredTags: { gpu: "true" },
    idempotencyKey: "k",
  });
});

Deno.test("a submission without a type is refused before its payload is read", async () => {
  await assert.rejects(submissionFrom({ payload: "@/no/such/file" }, err), {
    name: "Misuse",
    message: /^--type is missing; name what kind of job it is/,
  });
  await assert.rejects(submissionFrom({ type: "", payload: "" }, err), Misuse);
});
