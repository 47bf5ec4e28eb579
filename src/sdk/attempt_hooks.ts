/**
 * What a program is told of the attempts of its worker.
 *
 * @module
 */

import type { WorkerObserver } from "../worker/light.ts";

/** An attempt, for metrics and logs. */
export interface AttemptInfo {
  /** The job's id. */
  readonly jobId: string;
  /** Its type. */
  readonly jobType: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** W3C trace context of the job's submission; empty: it has none. */
  readonly traceparent: string;
}

/** How an attempt ended. */
export interface AttemptEnd {
  /** `cancelled`: nobody waits for it any more, or the worker left. */
  readonly outcome: "completed" | "failed" | "cancelled" | "timeout";
  /** Why it did not complete; empty when it did. */
  readonly error: string;
  /** How long it took. */
  readonly durationMs: number;
}

/** Called for each attempt. What a hook throws ends nothing and is thrown out of band. */
export interface AttemptHooks {
  /** When an attempt starts. */
  readonly onAttemptStart?: (attempt: AttemptInfo) => void;
  /** When it has ended, however it did. */
  readonly onAttemptEnd?: (attempt: AttemptInfo, end: AttemptEnd) => void;
}

/** As the worker calls it. */
export function observerOf({ onAttemptStart, onAttemptEnd }: AttemptHooks): WorkerObserver {
  if (onAttemptStart === undefined && onAttemptEnd === undefined) {
    return { attemptStarted: () => NOBODY };
  }
  return {
    attemptStarted: ({ id: jobId, type: jobType, attempt, traceparent }) => {
      const info = { jobId, jobType, attempt, traceparent };
      if (onAttemptStart !== undefined) outOfBand(() => onAttemptStart(info));
      return {
        ended: (outcome, error, durationMs) => {
          if (onAttemptEnd === undefined) return;
          outOfBand(() => onAttemptEnd(info, { outcome, error, durationMs }));
        },
      };
    },
  };
}

/** Who asked for no word of an attempt gets none. */
const NOBODY = { ended() {} };

/** A hook that throws must not keep an attempt from being run or reported. */
function outOfBand(hook: () => void): void {
  try {
    hook();
  } catch (failure) {
    queueMicrotask(() => {
      throw failure;
    });
  }
}
