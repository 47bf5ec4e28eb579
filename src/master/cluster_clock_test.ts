import assert from "node:assert/strict";
import { ClusterClock } from "./cluster_clock.ts";

const HOUR_MS = 3_600_000;

/** A machine whose clocks are turned by hand; it starts at noon, so to speak. */
function machine(aheadMs = 0) {
  const time = { wallMs: 12 * HOUR_MS + aheadMs, monotonicMs: 5_000 };
  const skews: number[] = [];
  const ahead: number[] = [];
  const clock = new ClusterClock({
    wall: () => time.wallMs,
    monotonic: () => time.monotonicMs,
    onSkewChanged: (skewMs) => skews.push(skewMs),
    onAheadChanged: (aheadMs) => ahead.push(aheadMs),
  });
  const pass = (ms: number) => {
    time.wallMs += ms;
    time.monotonicMs += ms;
  };
  return { time, clock, skews, ahead, pass };
}

const NOON_MS = 12 * HOUR_MS;

Deno.test("alone, or among clocks that agree, the time is the wall clock's", () => {
  const { clock, pass, skews } = machine();
  assert.equal(clock.now(), NOON_MS);
  clock.heard("b", NOON_MS + 400);
  clock.heard("c", NOON_MS - 700);
  pass(5_000);
  assert.equal(clock.now(), NOON_MS + 5_000);
  assert.deepEqual(skews, []);
});

for (const aheadMs of [HOUR_MS, -HOUR_MS]) {
  Deno.test(`a clock that is off by ${aheadMs} ms gives way to two that agree`, () => {
    const { clock, pass, skews } = machine(aheadMs);
    clock.heard("b", NOON_MS);
    clock.heard("c", NOON_MS);
    clock.begin(0);
    assert.equal(clock.now(), NOON_MS);
    pass(2_000);
    assert.equal(clock.now(), NOON_MS + 2_000);
    assert.equal(skews.at(-1), aheadMs);
  });

  Deno.test(`a peer whose clock is off by ${aheadMs} ms does not move two that agree`, () => {
    const { clock, pass, skews } = machine();
    clock.heard("b", NOON_MS);
    clock.heard("c", NOON_MS + aheadMs);
    clock.begin(NOON_MS - 1);
    pass(2_000);
    assert.equal(clock.now(), NOON_MS + 2_000);
    assert.deepEqual(skews, []);
  });
}

Deno.test("of two clocks that differ the earlier one counts, but never before the log", () => {
  const { clock } = machine(HOUR_MS);
  clock.heard("b", NOON_MS);
  clock.begin(0);
  assert.equal(clock.now(), NOON_MS);
  clock.begin(NOON_MS + 1_234);
  assert.equal(clock.now(), NOON_MS + 1_234);
});

Deno.test("who leads tells once that the time is ahead of the clocks, and once that it is no more", () => {
  const { clock, time, ahead, pass } = machine();
  clock.begin(NOON_MS + 2_000);
  pass(30_000);
  clock.now();
  assert.deepEqual(ahead, [], "by no more than clocks may differ");
  time.wallMs -= 10_000;
  for (let looks = 0; looks < 200; looks++) {
    pass(1_000);
    clock.now();
  }
  assert.equal(ahead.length, 2);
  assert.ok(ahead[0]! > 9_000 && ahead[0]! <= 10_000, String(ahead));
  assert.equal(ahead[1], 0);
  clock.begin(clock.now() + HOUR_MS);
  assert.deepEqual(ahead.slice(2), [HOUR_MS]);
});

Deno.test("behind the log time goes on from there, more slowly, until it agrees", () => {
  const { clock, pass } = machine();
  clock.begin(NOON_MS + 1_000);
  assert.equal(clock.now(), NOON_MS + 1_000);
  pass(1_000);
  assert.equal(clock.now(), NOON_MS + 1_900);
  pass(9_000);
  assert.equal(clock.now(), NOON_MS + 10_000);
  pass(1_000);
  assert.equal(clock.now(), NOON_MS + 11_000);
});

Deno.test("a wall clock that is set back does not take time with it; one that is set forward does", () => {
  const { clock, time, pass } = machine();
  clock.begin(0);
  pass(1_000);
  assert.equal(clock.now(), NOON_MS + 1_000);
  time.wallMs -= HOUR_MS;
  assert.equal(clock.now(), NOON_MS + 1_000);
  pass(1_000);
  assert.equal(clock.now(), NOON_MS + 1_900);
  time.wallMs += 2 * HOUR_MS; // the machine slept, say
  assert.equal(clock.now(), NOON_MS + HOUR_MS + 2_000);
});

Deno.test("a member's clock that jumps is outvoted by what was heard of the others before", () => {
  const { clock, time, pass, skews } = machine();
  clock.heard("b", NOON_MS);
  clock.heard("c", NOON_MS);
  pass(60_000);
  time.wallMs += HOUR_MS;
  assert.equal(clock.now(), NOON_MS + 60_000);
  clock.heard("b", NOON_MS + 60_000);
  assert.deepEqual(skews, [HOUR_MS]);
  time.wallMs -= HOUR_MS;
  pass(1_000);
  clock.heard("b", NOON_MS + 61_000);
  assert.deepEqual(skews, [HOUR_MS, 0]);
});

Deno.test("frames that took long do not make their senders' clocks wrong", () => {
  const { clock, pass, skews } = machine();
  for (let second = 1; second <= 30; second++) {
    pass(1_000);
    const late = second % 5 === 0 ? 0 : 8_000;
    clock.heard("b", NOON_MS + 1_000 * second - late);
    clock.heard("c", NOON_MS + 1_000 * second - late);
    if (second >= 5) assert.equal(clock.now(), NOON_MS + 1_000 * second);
  }
  assert.deepEqual(skews.filter((each) => each === 0), [0], "it wavered");
});

Deno.test("peers that set their clocks back are followed before long", () => {
  const { clock, time, pass, skews } = machine();
  for (let second = 1; second <= 30; second++) {
    pass(1_000);
    const peersMs = second <= 15 ? time.wallMs : time.wallMs - HOUR_MS;
    clock.heard("b", peersMs);
    clock.heard("c", peersMs);
  }
  assert.deepEqual(skews, [HOUR_MS]);
});

Deno.test("a member that is gone has no say in the time", () => {
  const { clock } = machine();
  clock.heard("b", NOON_MS - HOUR_MS);
  clock.heard("c", NOON_MS - HOUR_MS);
  clock.retain(new Set(["a", "b"]));
  clock.heard("d", NOON_MS);
  clock.begin(0);
  assert.equal(clock.now(), NOON_MS);
});
