import assert from "node:assert/strict";
import { Misuse } from "./failure.ts";
import { submissionFrom } from "./submission.ts";
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
    label: ["a=1", "b="],
    require: ["gpu=true", "!slow", "memory>=8", "zone in (a=1, b)"],
    prefer: ["ssd"],
    idempotencyKey: "k",
    runAt: "2026-12-24T18:00:00Z",
    expiresIn: "1h",
    backoff: "fixed",
    retryDelayMax: "1m",
    permanentError: ["404", "denied"],
    queue: "q",
    group: "g",
    groupLimit: "3",
    rateKey: "r",
    rate: "10/1s:20",
    uniqueKey: "u",
    uniqueMode: "replace",
    dependsOn: ["a", "b:failure"],
    whenDependencyFails: "wait",
    batch: "n",
    cpu: "0.5",
    memory: "512MiB",
  }, err);
  assert.deepEqual(submission, {
    type: "t",
    payload: new TextEncoder().encode("{}"),
    priority: -3,
    maxRetries: 0,
    timeoutMs: 90_000,
    retryDelayMs: 250,
    labels: { a: "1", b: "" },
    requiredTags: { gpu: "true" },
    idempotencyKey: "k",
    runAtMs: Date.UTC(2026, 11, 24, 18),
    options: {
      queue: "q",
      backoff: "fixed",
      retryDelayMaxMs: 60_000,
      nonRetryableErrors: ["404", "denied"],
      expireAfterMs: 3_600_000,
      uniqueKey: "u",
      uniqueMode: "replace",
      group: "g",
      groupLimit: 3,
      rateKey: "r",
      rate: { count: 10, perMs: 1000, burst: 20 },
      dependsOn: [{ jobId: "a", on: "success" }, { jobId: "b", on: "failure" }],
      whenDependencyFails: "wait",
      batchId: "n",
      require: ["!slow", "memory>=8", "zone in (a=1, b)"],
      prefer: ["ssd"],
      cpuMillis: 500,
      memoryBytes: 512 * 2 ** 20,
    },
  });
});

Deno.test("every wrong flag of a submission is named at once, with what would be right", async () => {
  await assert.rejects(
    submissionFrom({
      type: "t",
      runAt: "tomorrow",
      expiresIn: "0s",
      timeout: "0s",
      rate: "fast",
      cpu: "half",
      memory: "much",
      dependsOn: ["a:sometimes"],
      require: ["a=1", "a=2"],
    }, err),
    (failure: Error) => {
      for (
        const part of [
          '--run-at is "tomorrow"; give a time such as 2026',
          '--expires-in is "0s"; give a duration above 0',
          '--timeout is "0s"; give a duration above 0',
          '--rate is "fast"; give count/duration',
          '--cpu is "half"; give processors',
          '--memory is "much"; give a size',
          '--depends-on is "a:sometimes"; give a job id',
          '--require is "a=2"; names "a" twice',
        ]
      ) assert.ok(failure.message.includes(part), `${part}\nis not in\n${failure.message}`);
      return true;
    },
  );
});

Deno.test("a flag that would do nothing beside another one, or without it, is refused", async () => {
  const { delayMs } = await submissionFrom({ type: "t", delay: "2h" }, err);
  assert.equal(delayMs, 7_200_000);
  await assert.rejects(
    submissionFrom({
      type: "t",
      delay: "1h",
      runAt: "2026-12-24T18:00",
      whenDependencyFails: "wait",
    }, err),
    {
      name: "Misuse",
      message: '--run-at is "2026-12-24T18:00"; but --delay says already when it may start; give ' +
        'one of them; --when-dependency-fails is "wait"; but it depends on no job; name one by ' +
        "--depends-on, or leave it out",
    },
  );
});

Deno.test("a value that begins with = is refused with what was meant, and may have one later", async () => {
  const { labels, requiredTags } = await submissionFrom({
    type: "t",
    label: ["sum=YQ==", "none="],
    require: ["expression=a==b"],
  }, err);
  assert.deepEqual(labels, { sum: "YQ==", none: "" });
  assert.deepEqual(requiredTags, { expression: "a==b" });
  await assert.rejects(
    submissionFrom({ type: "t", label: ["team==web"], require: ["zone==a", "zone=="] }, err),
    {
      name: "Misuse",
      message: '--require is "zone==a"; no value begins with = (did you mean zone=a?); --require ' +
        'is "zone=="; no value begins with =; give name=value; --label is "team==web"; no value ' +
        "begins with = (did you mean team=web?)",
    },
  );
});

Deno.test("a submission without a type is refused before its payload is read", async () => {
  await assert.rejects(submissionFrom({ payload: "@/no/such/file" }, err), {
    name: "Misuse",
    message: /^--type is missing; name what kind of job it is/,
  });
  await assert.rejects(submissionFrom({ type: "", payload: "" }, err), Misuse);
});
