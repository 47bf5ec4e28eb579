/**
 * An attempt while it runs: why it was stopped, if it was, and what its end means to the master.
 *
 * @module
 */

import type { AttemptReportView, JobView } from "../rpc/mod.ts";
import type { AttemptEnd } from "./attempt.ts";

/** How an attempt ended, as it is counted. */
export type AttemptVerdict = "completed" | "failed" | "cancelled" | "timeout";

/** Log lines that go along with a finished attempt, to be kept with the job. */
const LOG_TAIL_LINES_MAX = 200;
/** Longest line that is kept, in characters. */
const LOG_LINE_CHARACTERS_MAX = 2_000;

/**
 * `released`: handed back because the worker leaves; `cancelled`: nobody wants it any more;
 * `timeout`: its time is over.
 */
type Stop = "released" | "cancelled" | "timeout";

export class RunningAttempt {
  readonly job: JobView;
  readonly #abort = new AbortController();
  readonly #logTail: string[] = [];
  #stop: Stop | undefined;
  #isWithdrawn = false;

  constructor(job: JobView) {
    this.job = job;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get isWithdrawn(): boolean {
    return this.#isWithdrawn;
  }

  /** Stops it; the first reason counts. */
  stop(how: Stop, reason: string): void {
    if (!this.#isWithdrawn) this.#stop ??= how;
    this.#abort.abort(new Error(reason));
  }

  /** The master took it away: it stops, and its end is nobody's business. */
  withdraw(reason: string): void {
    this.#isWithdrawn = true;
    this.#abort.abort(new Error(reason));
  }

  /** Keeps a line with the attempt; answers it as it is kept. */
  log(whole: string): string {
    const line = whole.length <= LOG_LINE_CHARACTERS_MAX
      ? whole
      : `${whole.slice(0, LOG_LINE_CHARACTERS_MAX)}…`;
    this.#logTail.push(line);
    if (this.#logTail.length > LOG_TAIL_LINES_MAX) this.#logTail.shift();
    return line;
  }

  /** An attempt that completed before it heard that it should stop has completed. */
  verdictOf(end: AttemptEnd): AttemptVerdict {
    if (end.ok) return "completed";
    if (this.#stop === "timeout") return "timeout";
    return this.#stop === undefined && !this.#isWithdrawn ? "failed" : "cancelled";
  }

  /** What the master is told of its end; undefined: nothing. */
  reportOf(end: AttemptEnd, durationMs: number): AttemptReportView | undefined {
    if (this.#isWithdrawn) return undefined;
    const { id: jobId, fencingToken: token } = this.job;
    if (!end.ok && this.#stop === "released") {
      return { jobId, token, kind: "released", reason: end.error };
    }
    return {
      jobId,
      token,
      kind: "finished",
      success: end.ok,
      output: end.ok ? end.output : new Uint8Array(0),
      contentType: end.ok ? end.contentType : "",
      error: end.ok ? "" : end.error,
      // Who cancels a job does not want it tried again.
      permanent: !end.ok && (end.permanent || this.#stop === "cancelled"),
      timedOut: !end.ok && this.#stop === "timeout",
      durationMs,
      logTail: this.#logTail,
    };
  }
}
