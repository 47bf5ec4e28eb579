import assert from "node:assert/strict";
import type { JobView } from "../rpc/light.ts";
import { LastingAttempts } from "./lasting_attempts.ts";
import { RunningAttempt } from "./running_attempt.ts";

function attemptOf(timeoutMs: number): RunningAttempt {
  return new RunningAttempt({ id: "job-1", fencingToken: 1, timeoutMs } as JobView);
}

/** Those that were said to last. */
function watched(): { readonly lasting: RunningAttempt[]; readonly attempts: LastingAttempts } {
  const lasting: RunningAttempt[] = [];
  return { lasting, attempts: new LastingAttempts((attempt) => lasting.push(attempt)) };
}

Deno.test("an attempt that outlasts its time is stopped", async () => {
  const attempt = attemptOf(5);
  const one = watched().attempts.begin(attempt, performance.now());
  await new Promise((resolve) => attempt.signal.addEventListener("abort", resolve));
  one.end();
  assert.equal(attempt.verdictOf({ ok: false, error: "", permanent: false }), "timeout");
  assert.equal(attempt.signal.reason.message, "timed out after 5 ms");
});

Deno.test("an attempt that may take longer than a timer can be set for is not stopped before its time", async () => {
  const attempts = new LastingAttempts(() => {}, 5);
  const attempt = attemptOf(40);
  const startedMs = performance.now();
  const one = attempts.begin(attempt, startedMs);
  await new Promise((resolve) => attempt.signal.addEventListener("abort", resolve));
  // A timer may be early by less than a millisecond.
  assert.ok(performance.now() - startedMs >= 39);
  one.end();
});

// Deno's own look at what a test leaves behind finds a timer that was set and not ended.
Deno.test("one that ends in the turn in which it began needs no timer, and is not stopped", async () => {
  const { attempts } = watched();
  const attempt = attemptOf(100_000);
  attempts.begin(attempt, performance.now()).end();
  const later = attemptOf(100_000);
  const one = attempts.begin(later, performance.now());
  await new Promise((resolve) => setImmediate(resolve));
  one.end();
  assert.ok(!attempt.signal.aborted && !later.signal.aborted);
});

Deno.test("those alone are said to last that run when the turn is over, with a limit or without", async () => {
  const { attempts, lasting } = watched();
  const [short, long, unlimited] = [attemptOf(100_000), attemptOf(100_000), attemptOf(0)];
  attempts.begin(short, performance.now()).end();
  const others = [long, unlimited].map((each) => attempts.begin(each, performance.now()));
  assert.deepEqual(lasting, []);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(lasting, [long, unlimited]);
  for (const each of others) each.end();
});
