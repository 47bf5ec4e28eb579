import assert from "node:assert/strict";
import type { JobEvent } from "../jobs/mod.ts";
import { Activity, INTERVAL_MS, INTERVALS_KEPT } from "./activity.ts";
import { Durations, mergedQuantiles } from "./durations.ts";

const START_MS = 1_000 * INTERVAL_MS;

function event(change: Partial<JobEvent>): JobEvent {
  return {
    ...{
      seq: 1,
      jobId: "j",
      namespace: "default",
      type: "t",
      from: "",
      to: "pending",
      cause: "submit",
      attempt: 0,
    },
    ...{ token: 0, workerId: "", reason: "", atMs: START_MS, sinceMs: 0 },
    ...{ queuedAtMs: START_MS, startedAtMs: 0 },
    ...change,
  };
}

const STARTED = event({
  ...{ from: "assigned", to: "running", cause: "start", attempt: 1 },
  ...{ atMs: START_MS + 100, startedAtMs: START_MS + 100 },
});
const COMPLETED = event({
  ...{ from: "running", to: "completed", cause: "complete", attempt: 1 },
  ...{ atMs: START_MS + 900, startedAtMs: START_MS + 100, sinceMs: 800 },
});

Deno.test("an interval tells what happened in it, a second, and how long it took", () => {
  const activity = new Activity(START_MS);
  const gauges = { waiting: 0, pending: 3, running: 2, busy_slots: 2, slots: 8 };
  for (const each of [event({}), event({}), STARTED, COMPLETED]) activity.note(each, START_MS);
  activity.note(event({ ...COMPLETED, to: "pending", cause: "fail" }), START_MS);
  activity.measure(gauges, START_MS + 1_000);
  assert.deepEqual(activity.points(START_MS + 1_999), [], "it is not over yet");
  const [point, ...others] = activity.points(START_MS + INTERVAL_MS);
  assert.deepEqual(others, []);
  assert.deepEqual(point, activity.latest(START_MS + INTERVAL_MS));
  const { at_ms, submitted, started, completed, failed, retried, pending, slots } = point ?? {};
  assert.deepEqual([at_ms, submitted, started, completed], [START_MS, 1, 0.5, 0.5]);
  assert.deepEqual([failed, retried, pending, slots], [0, 0.5, 3, 8]);
  const near = (value: number | null | undefined, expected: number) =>
    assert.ok(Math.abs(Number(value) - expected) <= expected / 10, `${value} for ${expected}`);
  near(point?.queue_p50_ms, 100);
  near(point?.run_p99_ms, 800);
  near(point?.total_p95_ms, 900);
});

Deno.test("what happened is told at its time, however late this node applies it", () => {
  const activity = new Activity(START_MS);
  activity.note(event({ atMs: START_MS - 3 * INTERVAL_MS }), START_MS);
  activity.note(event({ atMs: START_MS - INTERVALS_KEPT * INTERVAL_MS }), START_MS);
  const points = activity.points(START_MS + INTERVAL_MS);
  assert.deepEqual(points.map(({ submitted }) => submitted), [0.5, 0, 0, 0]);
  assert.equal(points[0]?.pending, null, "and how full it was then, nobody measured");
});

Deno.test("a quarter of an hour is kept, and no more", () => {
  const activity = new Activity(START_MS);
  const gauges = { waiting: 0, pending: 0, running: 0, busy_slots: 0, slots: 0 };
  const end = START_MS + 2 * INTERVALS_KEPT * INTERVAL_MS;
  for (let at = START_MS; at < end; at += INTERVAL_MS) {
    activity.note(event({ atMs: at }), at);
    activity.measure(gauges, at);
  }
  const points = activity.points(end);
  assert.equal(points.length, INTERVALS_KEPT);
  assert.ok(points.every(({ submitted }) => submitted === 0.5));
  assert.equal(points.at(-1)?.at_ms, end - INTERVAL_MS);
});

Deno.test("latencies of the last minute are of all its jobs, and null where there were none", () => {
  const activity = new Activity(START_MS);
  for (let at = 0; at < 10; at++) {
    const atMs = START_MS + at * INTERVAL_MS;
    activity.note(
      event({ ...COMPLETED, atMs, startedAtMs: atMs - 50, queuedAtMs: atMs - 50 }),
      atMs,
    );
  }
  const now = START_MS + 10 * INTERVAL_MS;
  assert.deepEqual(Object.keys(activity.quantiles(now, 60_000)), [
    "queue_ms",
    "run_ms",
    "total_ms",
  ]);
  const { run_ms } = activity.quantiles(now, 60_000);
  assert.ok(Math.abs((run_ms?.p50 ?? 0) - 50) < 5);
  assert.deepEqual(activity.quantiles(now + 120_000, 60_000).run_ms, {
    ...{ p50: null, p95: null, p99: null },
  });
});

Deno.test("a quantile is within a tenth of the exact one", () => {
  const durations = new Durations();
  for (let ms = 1; ms <= 10_000; ms++) durations.add(ms);
  const [p50 = 0, p95 = 0, p99 = 0] = mergedQuantiles([durations], [0.5, 0.95, 0.99]);
  for (const [told, exact] of [[p50, 5_000], [p95, 9_500], [p99, 9_900]] as const) {
    assert.ok(Math.abs(told - exact) <= exact / 10, `${told} for ${exact}`);
  }
  assert.deepEqual(mergedQuantiles([new Durations()], [0.5]), []);
  durations.add(1e15);
  assert.ok(mergedQuantiles([durations], [1])[0]! > 6e7);
});
