import assert from "node:assert/strict";
import { LeaseWatch } from "./lease_watch.ts";

const LEASE_MS = 4_000;
const INTERVAL_MS = 1_000;

/** A leader that has just begun, with one worker, heard at that moment. */
function watchOfOne() {
  const clock = { ms: 0, aheadMs: 0 };
  const worker = { lastHeardMs: 0 };
  const watch = new LeaseWatch<{ lastHeardMs: number }>({
    timeoutMs: LEASE_MS,
    now: () => clock.ms + clock.aheadMs,
    monotonic: () => clock.ms,
  });
  /** The next look, after so long. */
  const look = (afterMs = INTERVAL_MS) => {
    clock.ms += afterMs;
    return watch.look([worker]);
  };
  const isOver = (afterMs?: number) => look(afterMs)?.includes(worker) ?? false;
  const isGrace = (afterMs?: number) => look(afterMs) === undefined;
  const hear = () => worker.lastHeardMs = clock.ms + clock.aheadMs;
  return { clock, worker, watch, look, isOver, isGrace, hear };
}

const times = <Value>(count: number, value: () => Value) => Array.from({ length: count }, value);

Deno.test("a lease ends at the first look after it by the clock, whenever the worker was heard", () => {
  for (const heardMs of [1, 500, 999]) {
    const { watch, clock, isOver, hear } = watchOfOne();
    assert.equal(watch.intervalMs, INTERVAL_MS);
    clock.ms = heardMs;
    hear();
    assert.deepEqual(times(5, () => isOver()), [false, false, false, false, true]);
  }
});

Deno.test("a leader that slept for longer than a lease gives workers a whole one to be heard", () => {
  const { isOver, hear } = watchOfOne();
  times(4, () => isOver());
  hear();
  isOver();
  assert.deepEqual([60_000, 1_000, 1_000, 1_000].map((ms) => isOver(ms)), Array(4).fill(false));
  hear();
  assert.deepEqual(times(4, () => isOver()), Array(4).fill(false));
  assert.equal(isOver(), true);
});

Deno.test("who died while the leader slept is found a lease after, and also by one that is always held up", () => {
  const slept = watchOfOne();
  times(4, () => slept.isGrace());
  assert.deepEqual([60_000, 1_000, 1_000, 1_000, 1_000].map((ms) => slept.isOver(ms)), [
    false,
    false,
    false,
    false,
    true,
  ]);
  const held = watchOfOne();
  assert.ok(times(20, () => held.isOver(2_500)).filter(Boolean).length >= 5);
});

Deno.test("a leader that is held up all the time ends no lease of who is heard between two looks", () => {
  const { isOver, hear } = watchOfOne();
  for (let count = 0; count < 20; count++) {
    assert.equal(isOver(5_000), false);
    hear();
  }
});

Deno.test("a clock that is set forward by an hour ends no lease of who is heard", () => {
  const { clock, isOver, isGrace, hear } = watchOfOne();
  times(4, () => isGrace());
  hear();
  clock.aheadMs = 3_600_000;
  assert.equal(isGrace(), true);
  hear();
  assert.deepEqual(times(4, () => isOver()), Array(4).fill(false));
});

Deno.test("a worker that came back between a look and its end keeps its lease", () => {
  const { watch, worker, isOver, hear } = watchOfOne();
  assert.equal(times(5, () => isOver()).at(-1), true);
  assert.equal(watch.isSilent(worker), true);
  hear();
  assert.equal(watch.isSilent(worker), false);
});

Deno.test("nothing is taken from anybody until a lease has passed since the leader began, or woke", () => {
  const { clock, isGrace } = watchOfOne();
  assert.deepEqual(times(5, () => isGrace()), [true, true, true, false, false]);
  assert.equal(isGrace(2_001), true, "it was held up");
  assert.deepEqual(times(4, () => isGrace()), [true, true, true, false]);
  clock.aheadMs = 3_600_000; // or the machine slept, and one clock with it
  assert.deepEqual(times(5, () => isGrace()), [true, true, true, true, false]);
});
