/**
 * Deadlines as callers give them, made such that timers and gRPC can keep them.
 *
 * @module
 */

/**
 * No timer of the runtime's goes further (25 days): one that is told to is due at once. gRPC itself throws, where
 * nobody catches it, when it is to write down a deadline beyond 99,999,999 hours.
 */
const AHEAD_MS_MAX = 2 ** 31 - 1;

/** `deadlineMs` (since the epoch) as it is, or `Infinity` (none) where that is beyond what can be kept. */
export function deadlineAt(deadlineMs: number, nowMs: number = Date.now()): number {
  return deadlineMs - nowMs <= AHEAD_MS_MAX ? deadlineMs : Infinity;
}
