/**
 * What trouble a seed makes, and when: decided before the run begins, and each event with a seed of
 * its own, so that leaving one out changes nothing about the others. That is what lets a failing
 * schedule be shrunk.
 */

import type { Random } from "./random.ts";

/** Kinds of trouble; a seed draws which of them it makes. */
const KINDS = [
  "partition",
  "isolate",
  "isolate_leader",
  "one_way",
  "bridge",
  "ring",
  "scatter",
  "clog",
  "reset",
  "crash",
  "crash_long",
  "crash_many",
  "pause",
  "pause_leader",
  "freeze_leader",
  "compact",
  "weather",
  "slow_disk",
  "disk_full",
  "sync_faults",
  "clock",
  "transfer",
  "membership",
  "disk_lies",
  "quiet",
] as const;

/** See {@linkcode KINDS}. */
export type Kind = typeof KINDS[number];

/** One deed of the nemesis. */
export interface PlannedEvent {
  readonly atMs: number;
  readonly kind: Kind;
  /** Decides victims, durations and degrees. */
  readonly seed: number;
}

/** Trouble until `untilMs`: a few kinds, or all of them, at random moments. */
export function planTrouble(random: Random, untilMs: number): readonly PlannedEvent[] {
  // A few kinds alone reach corners that all kinds together never leave alone for long enough.
  const chance = random.pick([0.2, 0.5, 0.5, 1]);
  const enabled = KINDS.filter(() => random.chance(chance));
  const kinds = enabled.length > 0 ? enabled : KINDS;
  const pauseMsMax = random.pick([300, 600, 1500]);
  const plan: PlannedEvent[] = [];
  for (let atMs = 0;;) {
    atMs += 30 + random.next() * pauseMsMax;
    if (atMs >= untilMs) return plan;
    plan.push({ atMs, kind: random.pick(kinds), seed: random.below(2 ** 31) });
  }
}
