/**
 * A log line that somebody outside can cause as often as they like, written as often as we like.
 *
 * @module
 */

import type { LogFields, Logger } from "./logger.ts";

export interface ThrottleOptions {
  /** So many lines at the most ... */
  readonly linesMax: number;
  /** ... in so many ms. */
  readonly windowMs: number;
  /** Ms of a clock that does not jump. Default `performance.now`. */
  readonly monotonicMs?: () => number;
}

/** Warns, but leaves out what is too much, and says with the next line how many were left out. */
export function throttledWarning(
  log: Pick<Logger, "warn">,
  { linesMax, windowMs, monotonicMs = () => performance.now() }: ThrottleOptions,
): (message: string, fields?: LogFields) => void {
  let windowFromMs = -windowMs;
  let lines = 0;
  let leftOut = 0;
  return (message, fields = {}) => {
    const nowMs = monotonicMs();
    if (nowMs - windowFromMs >= windowMs) {
      windowFromMs = nowMs;
      lines = 0;
    }
    if (lines >= linesMax) {
      leftOut++;
      return;
    }
    lines++;
    log.warn(message, leftOut === 0 ? fields : { ...fields, left_out: leftOut });
    leftOut = 0;
  };
}
