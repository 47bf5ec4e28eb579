import assert from "node:assert/strict";
import { ClockSteps } from "./clock_steps.ts";

function stepsOf() {
  const clock = { ms: 1_000, aheadMs: 1_000_000 };
  const steps = new ClockSteps({
    now: () => clock.ms + clock.aheadMs,
    monotonic: () => clock.ms,
  });
  const look = (afterMs: number, aheadMs = 0) => {
    clock.ms += afterMs;
    clock.aheadMs += aheadMs;
    steps.look();
  };
  return { steps, look, now: () => clock.ms + clock.aheadMs };
}

Deno.test("what a clock was put forward by did not pass for what had begun before, and for nothing later", () => {
  const { steps, look, now } = stepsOf();
  const earlyMs = now();
  look(1_000);
  const beforeMs = now();
  look(1_000, 3_600_000);
  const afterMs = now();
  look(1_000);
  assert.deepEqual([earlyMs, beforeMs, afterMs, now()].map((ms) => steps.skippedSince(ms)), [
    ...[3_600_000, 3_600_000, 0, 0],
  ]);
  look(1_000, 60_000);
  assert.deepEqual([earlyMs, afterMs, now()].map((ms) => steps.skippedSince(ms)), [
    ...[3_660_000, 60_000, 0],
  ]);
});

Deno.test("time passes for a leader that was held up, and one whose clock is slowed skips nothing", () => {
  const { steps, look, now } = stepsOf();
  const sinceMs = now();
  look(600_000);
  for (let times = 0; times < 10; times++) look(1_000, -100);
  look(1_000, 400);
  assert.equal(steps.skippedSince(sinceMs), 0);
});

Deno.test("a clock that is put forward again and again is remembered in bounded room, and in sum", () => {
  const { steps, look, now } = stepsOf();
  const sinceMs = now();
  for (let times = 0; times < 1_000; times++) look(1_000, 2_000);
  assert.equal(steps.skippedSince(sinceMs), 2_000_000);
  assert.equal(steps.skippedSince(now() - 6_000), 4_000);
});
