import assert from "node:assert/strict";
import type { JobView } from "../rpc/light.ts";
import { AttemptTimes } from "./attempt_times.ts";
import { RunningAttempt } from "./running_attempt.ts";

function attemptOf(timeoutMs: number): RunningAttempt {
  return new RunningAttempt({ id: "job-1", fencingToken: 1, timeoutMs } as JobView);
}

Deno.test("an attempt that outlasts its time is stopped", async () => {
  const attempt = attemptOf(5);
  const time = new AttemptTimes().begin(attempt, performance.now());
  await new Promise((resolve) => attempt.signal.addEventListener("abort", resolve));
  time.end();
  assert.equal(attempt.verdictOf({ ok: false, error: "", permanent: false }), "timeout");
  assert.equal(attempt.signal.reason.message, "timed out after 5 ms");
});

// Deno's own look at what a test leaves behind finds a timer that was set and not ended.
Deno.test("one that ends in the turn in which it began needs no timer, and is not stopped", async () => {
  const times = new AttemptTimes();
  const attempt = attemptOf(100_000);
  times.begin(attempt, performance.now()).end();
  const later = attemptOf(100_000);
  const time = times.begin(later, performance.now());
  await new Promise((resolve) => setImmediate(resolve));
  time.end();
  assert.ok(!attempt.signal.aborted && !later.signal.aborted);
});
