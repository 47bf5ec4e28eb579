/**
 * What happened to jobs of late: how many were submitted, started and finished, how long that took, and
 * how full the cluster was. A ring of short intervals, so that a chart is full as soon as it is opened.
 *
 * Every node counts what it applies, by the times in the entries: so every master shows the same, and
 * one that was restarted shows again what its log still tells.
 *
 * @module
 */

import { isTerminal, type JobEvent } from "../jobs/mod.ts";
import { Durations, mergedQuantiles } from "./durations.ts";
import { hasStarted, startOf } from "./job_times.ts";

/** Length of an interval, and how many are kept: a quarter of an hour. */
export const INTERVAL_MS = 2_000;
export const INTERVALS_KEPT = 450;

const COUNTED = ["submitted", "started", "completed", "failed", "cancelled", "retried"] as const;
const MEASURED = ["waiting", "pending", "running", "busy_slots", "slots"] as const;
const TIMED = ["queue", "run", "total"] as const;
type Counted = typeof COUNTED[number];
type Timed = typeof TIMED[number];

/** How full the cluster is. */
export type Gauges = Readonly<Record<typeof MEASURED[number], number>>;

interface Interval {
  /** Intervals since the epoch. */
  readonly number: number;
  readonly counts: Record<Counted, number>;
  readonly durations: Record<Timed, Durations>;
  gauges: Gauges | undefined;
}

/**
 * An interval as it is shown: counts a second, sizes at its end, and times in ms, `null` where nothing
 * was measured. `queue`: from when the job might first run until it did; `run`: from there to the end
 * of the attempt that was its last; `total`: both, and what was between.
 */
export type Point = Readonly<Record<string, number | null>>;

export class Activity {
  /** By number; those in which nothing happened and nobody measured are not there. */
  readonly #intervals = new Map<number, Interval>();
  readonly #firstMs: number;

  /** @param nowMs from when on this node sees what happens */
  constructor(nowMs: number) {
    this.#firstMs = nowMs;
  }

  /** Called for every change of every job: cheap. */
  note(event: JobEvent, nowMs: number): void {
    const number = numberOf(event.atMs);
    if (number <= numberOf(nowMs) - INTERVALS_KEPT) return;
    const { counts, durations } = this.#at(number);
    const { cause, to } = event;
    if (cause === "submit") counts.submitted++;
    if (hasStarted(event)) {
      counts.started++;
      if (event.attempt === 1 && event.queuedAtMs > 0) {
        durations.queue.add(startOf(event) - event.queuedAtMs);
      }
    }
    if (!isTerminal(to)) {
      if (cause === "fail" || cause === "timeout" || cause === "worker_lost") counts.retried++;
      return;
    }
    counts[to as "completed" | "failed" | "cancelled"]++;
    if (event.from !== "running" && event.from !== "assigned") return;
    durations.run.add(event.atMs - startOf(event));
    if (event.queuedAtMs > 0) durations.total.add(event.atMs - event.queuedAtMs);
  }

  /** How full it is now: once an interval. */
  measure(gauges: Gauges, nowMs: number): void {
    const now = numberOf(nowMs);
    this.#at(now).gauges = gauges;
    for (const number of this.#intervals.keys()) {
      if (number <= now - INTERVALS_KEPT) this.#intervals.delete(number);
    }
  }

  /** The intervals that are over, oldest first. */
  points(nowMs: number): Point[] {
    const end = numberOf(nowMs);
    const known = Math.min(numberOf(this.#firstMs), ...this.#intervals.keys());
    const points: Point[] = [];
    for (let at = Math.max(known, end - INTERVALS_KEPT); at < end; at++) {
      points.push(this.#point(at));
    }
    return points;
  }

  /** The latest that is over. */
  latest(nowMs: number): Point {
    return this.#point(numberOf(nowMs) - 1);
  }

  /** Times of all that ended within `spanMs`, in ms. */
  quantiles(nowMs: number, spanMs: number) {
    const from = numberOf(nowMs - spanMs);
    const recent = [...this.#intervals.values()].filter(({ number }) => number >= from);
    const of = (timed: Timed) =>
      mergedQuantiles(recent.map(({ durations }) => durations[timed]), [0.5, 0.95, 0.99]);
    return Object.fromEntries(TIMED.map((timed) => {
      const [p50, p95, p99] = of(timed);
      return [`${timed}_ms`, { p50: p50 ?? null, p95: p95 ?? null, p99: p99 ?? null }];
    }));
  }

  #at(number: number): Interval {
    let interval = this.#intervals.get(number);
    if (interval === undefined) {
      interval = {
        number,
        counts: { submitted: 0, started: 0, completed: 0, failed: 0, cancelled: 0, retried: 0 },
        durations: { queue: new Durations(), run: new Durations(), total: new Durations() },
        gauges: undefined,
      };
      this.#intervals.set(number, interval);
    }
    return interval;
  }

  #point(number: number): Point {
    const interval = this.#intervals.get(number);
    const perSecond = (count: number) => count * 1_000 / INTERVAL_MS;
    const point: Record<string, number | null> = { at_ms: number * INTERVAL_MS };
    for (const name of COUNTED) point[name] = perSecond(interval?.counts[name] ?? 0);
    for (const name of MEASURED) point[name] = interval?.gauges?.[name] ?? null;
    for (const name of TIMED) {
      const [p50, p95, p99] = mergedQuantiles(
        interval === undefined ? [] : [interval.durations[name]],
        [0.5, 0.95, 0.99],
      );
      point[`${name}_p50_ms`] = p50 ?? null;
      point[`${name}_p95_ms`] = p95 ?? null;
      point[`${name}_p99_ms`] = p99 ?? null;
    }
    return point;
  }
}

function numberOf(ms: number): number {
  return Math.floor(ms / INTERVAL_MS);
}
