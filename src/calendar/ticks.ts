/**
 * The times of a schedule, whatever kind it is of.
 *
 * @module
 */

import type { ScheduleTiming } from "../jobs/mod.ts";
import {
  cronFault,
  matchesBefore,
  nextMatch,
  SHOWN_CHARACTERS_MAX,
  timeZoneFault,
} from "./cron.ts";

/** Some of the times of a schedule. */
export interface Ticks {
  /** The latest, oldest first. */
  readonly latest: readonly number[];
  /** How many come before those; of cron expressions counted up to {@linkcode COUNTED_MAX}. */
  readonly earlier: number;
}

/** Times of a cron expression that are counted when a long stop is made up for. */
export const COUNTED_MAX = 1000;

/** The first time after `afterMs` that counts; 0: never again. */
export function tickAfter(timing: ScheduleTiming, afterMs: number): number {
  const fromMs = Math.max(afterMs, timing.startAtMs - 1);
  const tickMs = nextOf(timing, fromMs);
  if (tickMs === undefined || (timing.endAtMs > 0 && tickMs > timing.endAtMs)) return 0;
  return tickMs;
}

/** The first `count` times after `afterMs`. */
export function firstOf(timing: ScheduleTiming, afterMs: number, count: number): number[] {
  const ticks: number[] = [];
  for (let at = afterMs; ticks.length < count;) {
    at = tickAfter(timing, at);
    if (at === 0) break;
    ticks.push(at);
  }
  return ticks;
}

/**
 * The times from `fromMs`, which is one, through `throughMs`: the latest `latestMax`, and how many
 * there are before. Takes as long for a year as for an hour.
 */
export function ticksThrough(
  timing: ScheduleTiming,
  fromMs: number,
  throughMs: number,
  latestMax: number,
): Ticks {
  const lastMs = timing.endAtMs > 0 ? Math.min(throughMs, timing.endAtMs) : throughMs;
  switch (timing.kind) {
    case "at":
      return { latest: [fromMs], earlier: 0 };
    case "every": {
      const { everyMs } = timing;
      const all = Math.floor((lastMs - fromMs) / everyMs) + 1;
      const taken = Math.min(all, latestMax);
      const firstMs = fromMs + (all - taken) * everyMs;
      const latest = Array.from({ length: taken }, (_, at) => firstMs + at * everyMs);
      return { latest, earlier: all - taken };
    }
    case "cron": {
      const all = [fromMs];
      while (all.length < latestMax + COUNTED_MAX) {
        const next = nextOf(timing, all.at(-1)!);
        if (next === undefined || next > lastMs) {
          return { latest: all.slice(-latestMax), earlier: Math.max(0, all.length - latestMax) };
        }
        all.push(next);
      }
      const { expression, timeZone } = timing;
      return {
        latest: matchesBefore(expression, timeZone, lastMs + 1, latestMax),
        earlier: COUNTED_MAX,
      };
    }
  }
}

function nextOf(timing: ScheduleTiming, afterMs: number): number | undefined {
  switch (timing.kind) {
    case "at":
      return timing.atMs > afterMs ? timing.atMs : undefined;
    case "every": {
      const { everyMs, anchorMs } = timing;
      return anchorMs + (Math.floor((afterMs - anchorMs) / everyMs) + 1) * everyMs;
    }
    case "cron":
      return nextMatch(timing.expression, timing.timeZone, afterMs);
  }
}

/** Shortest period of a schedule. */
const EVERY_MS_MIN = 1000;
const TIME_MS_MAX = 8.64e15; // the last one that a Date can be

/** What is wrong with a timing, every fault; empty: nothing is. */
export function timingFaults(timing: ScheduleTiming): string[] {
  const { startAtMs, endAtMs } = timing;
  const faults: string[] = [];
  if (!isTime(startAtMs)) faults.push(`start_at is ${startAtMs}, which is no time`);
  if (!isTime(endAtMs)) faults.push(`end_at is ${endAtMs}, which is no time`);
  if (endAtMs > 0 && endAtMs < startAtMs) faults.push("end_at is before start_at");
  switch (timing.kind) {
    case "at":
      if (timing.atMs === 0 || !isTime(timing.atMs)) faults.push("at is no time");
      break;
    case "every":
      if (!Number.isSafeInteger(timing.everyMs) || timing.everyMs < EVERY_MS_MIN) {
        faults.push(`every is ${timing.everyMs} ms; a schedule may be due once a second at most`);
      }
      if (!isTime(timing.anchorMs)) faults.push(`anchor is ${timing.anchorMs}, which is no time`);
      break;
    case "cron": {
      const { expression, timeZone } = timing;
      const fault = cronFault(expression);
      if (fault !== undefined) faults.push(`cron is ${shown(expression)}: ${fault}`);
      const zoneFault = timeZoneFault(timeZone);
      if (zoneFault !== undefined) faults.push(zoneFault);
    }
  }
  return faults;
}

function shown(expression: string): string {
  const isLong = expression.length > SHOWN_CHARACTERS_MAX;
  return JSON.stringify(isLong ? `${expression.slice(0, SHOWN_CHARACTERS_MAX)}…` : expression);
}

function isTime(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= TIME_MS_MAX;
}
