import type { Worker } from "../jobs/mod.ts";

/** A worker that is away for so long does not come back under its name, in ms. */
const GONE_FOR_GOOD_MS = 24 * 60 * 60 * 1_000;

/**
 * Workers that somebody should look after: their lease ended, and nobody had meant them to leave. Those
 * that are gone for good stay on record, but call for nobody for ever.
 */
export function lostWorkers(workers: readonly Worker[], nowMs: number): readonly Worker[] {
  return workers.filter(({ status, drainedBy, disconnectedAtMs }) =>
    status === "disconnected" && drainedBy === "" && nowMs - disconnectedAtMs < GONE_FOR_GOOD_MS
  );
}
