import assert from "node:assert/strict";
import { PermanentJobError } from "./contract.ts";
import { parsePayload } from "./payload.ts";
import { testContext } from "./test_context.ts";
import { testSleep, type TestSleepPayload } from "./test_sleep.ts";

function read(text: string): TestSleepPayload {
  const parsed = parsePayload(testSleep, new TextEncoder().encode(text));
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  return parsed.payload;
}

const faultOf = (text: string) => {
  const parsed = parsePayload(testSleep, new TextEncoder().encode(text));
  return parsed.ok ? undefined : parsed.message;
};

Deno.test("a duration is read in every way of writing it", () => {
  const cases: Readonly<Record<string, number>> = {
    '{"duration":"5s"}': 5_000,
    '{"duration":"1m30s"}': 90_000,
    '{"duration":250}': 250,
    '{"duration_ms":750}': 750,
    '{"seconds":1.5}': 1_500,
    '"5s"': 5_000,
    "300": 300,
    "5s": 5_000,
    " 2m ": 120_000,
    "{}": 1_000,
    "null": 1_000,
    "": 1_000,
    "test data": 1_000,
  };
  for (const [text, durationMs] of Object.entries(cases)) {
    assert.equal(read(text).durationMs, durationMs, text);
  }
});

Deno.test("broken JSON and senseless durations are refused, not slept over", () => {
  const cases: Readonly<Record<string, RegExp>> = {
    '{"duration":"5s"': /not JSON.*line 1, column 17/,
    '{"duration":"fast"}': /duration: "fast" is not a duration; write it such as/,
    '{"duration":-1}': /not a duration/,
    '{"duration":"40d"}': /at most 30 days/,
    '{"duration":"1s","seconds":1}': /give one of duration, seconds/,
    '{"durations":"1s"}': /unknown key "durations" \(did you mean duration\?\)/,
    "5 seconds": /not a duration/,
    "[1]": /must be an object/,
  };
  for (const [text, pattern] of Object.entries(cases)) {
    assert.match(faultOf(text) ?? "accepted", pattern, text);
  }
});

Deno.test("it sleeps as long as it was told, reports progress, and says how long", async () => {
  const context = testContext({ attempt: 2 });
  const start = performance.now();
  assert.deepEqual(await testSleep.run(read("250"), context), { slept_ms: 250, attempt: 2 });
  assert.ok(performance.now() - start >= 249);
  const fractions = context.reports.map(({ fraction }) => fraction);
  assert.ok(fractions.every((fraction) => fraction >= 0 && fraction <= 1));
  assert.equal(fractions.at(-1), 1);
  assert.ok(fractions.length >= 3, fractions.join(", "));
  assert.deepEqual(fractions, fractions.toSorted((a, b) => a - b));
});

Deno.test("no time at all is slept without dividing by it", async () => {
  const context = testContext();
  await testSleep.run(read("0"), context);
  assert.deepEqual(context.reports, [{ fraction: 1, message: undefined }]);
});

Deno.test("a result of one's own is returned", async () => {
  assert.deepEqual(
    await testSleep.run(read('{"duration":0,"result":{"a":[1]}}'), testContext()),
    { a: [1] },
  );
});

Deno.test("a result of null is one's own too, and none is what was slept", async () => {
  const resultOf = (text: string) => testSleep.run(read(text), testContext());
  assert.equal(await resultOf('{"duration":0,"result":null}'), null);
  for (const result of [false, 0, ""]) {
    assert.equal(await resultOf(JSON.stringify({ duration: 0, result })), result);
  }
  assert.deepEqual(await resultOf('{"duration":0}'), { slept_ms: 0, attempt: 1 });
});

Deno.test("cancellation ends the sleep at once with its reason", async () => {
  const controller = new AbortController();
  const reason = new Error("the job was cancelled");
  const context = {
    ...testContext({ signal: controller.signal }),
    progress: () => controller.abort(reason),
  };
  await assert.rejects(testSleep.run(read("30d"), context), (error) => error === reason);
  await assert.rejects(
    testSleep.run(read("1h"), testContext({ signal: AbortSignal.abort(reason) })),
    (error) => error === reason,
  );
});

Deno.test("it fails when told to: always, for good, or in the first attempts only", async () => {
  const fails = (text: string, attempt = 1) => testSleep.run(read(text), testContext({ attempt }));
  await assert.rejects(fails('{"duration":0,"fail":"no disk"}'), /^Error: no disk$/);
  await assert.rejects(fails('{"duration":0,"fail":true}', 9), /told to fail/);
  await assert.rejects(fails('{"duration":0,"fail":""}'), /^Error: test_sleep was told to fail$/);
  await assert.rejects(fails('{"duration":0,"fail":true,"permanent":true}'), PermanentJobError);
  await assert.rejects(fails('{"duration":0,"fail_attempts":2}', 2), /told to fail/);
  await fails('{"duration":0,"fail_attempts":2}', 3);
  await fails('{"duration":0,"fail":false,"fail_attempts":2}');
});
