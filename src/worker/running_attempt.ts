/**
 * An attempt while it runs: why it was stopped, if it was, and what its end means to the master.
 *
 * @module
 */

import { LogTail } from "../jobs/mod.ts";
import type { AssignedJob, AttemptProgressView, AttemptReportView } from "../rpc/light.ts";
import type { AttemptEnd } from "./attempt.ts";

/** How an attempt ended, as it is counted. */
export type AttemptVerdict = "completed" | "failed" | "cancelled" | "timeout";

/** Longest line that is kept, in characters. */
const LOG_LINE_CHARACTERS_MAX = 2_000;

/**
 * `released`: handed back because the worker leaves; `cancelled`: nobody wants it any more;
 * `timeout`: its time is over.
 */
type Stop = "released" | "cancelled" | "timeout";

const NOTHING = new Uint8Array(0);
const NO_LINES: readonly string[] = [];

export class RunningAttempt {
  readonly job: AssignedJob;
  /** Of the job. */
  readonly jobId: string;
  /** Its fencing token. */
  readonly token: number;
  readonly #abort = new AbortController();
  /** Made with its first line: most attempts log none. */
  #log: LogTail | undefined;
  #fraction = 0;
  #message = "";
  /** The first line of the log that the present session has not been sent. */
  #unsentLine = 1;
  #stop: Stop | undefined;
  #isWithdrawn = false;

  constructor(job: AssignedJob) {
    this.job = job;
    this.jobId = job.id;
    this.token = job.fencingToken;
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

  progress(fraction: number, message: string): void {
    this.#fraction = fraction;
    this.#message = message;
  }

  /** Lines came of which nothing is known but how many. */
  skippedLog(lines: number): void {
    const log = this.#ownLog();
    log.restartAt(log.nextLine + lines);
  }

  log(whole: string): void {
    this.#ownLog().add(
      whole.length <= LOG_LINE_CHARACTERS_MAX
        ? whole
        : `${whole.slice(0, LOG_LINE_CHARACTERS_MAX)}…`,
    );
  }

  /** How far it is, and what it logged since it was last asked, as far as that is kept. */
  news(): AttemptProgressView {
    const { lines, firstLine, nextLine } = this.#ownLog();
    const from = Math.max(firstLine, this.#unsentLine);
    this.#unsentLine = nextLine;
    return {
      jobId: this.jobId,
      token: this.token,
      fraction: this.#fraction,
      message: this.#message,
      logLines: lines.slice(from - firstLine),
      firstLine: from,
    };
  }

  /** A new session knows nothing of what was sent on an old one: all of it is news again. */
  sendAgain(): void {
    this.#unsentLine = 1;
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
    const { jobId, token } = this;
    if (!end.ok && this.#stop === "released") {
      return { jobId, token, kind: "released", reason: end.error };
    }
    return {
      jobId,
      token,
      kind: "finished",
      success: end.ok,
      output: end.ok ? end.output : NOTHING,
      contentType: end.ok ? end.contentType : "",
      error: end.ok ? "" : end.error,
      // Who cancels a job does not want it tried again.
      permanent: !end.ok && (end.permanent || this.#stop === "cancelled"),
      timedOut: !end.ok && this.#stop === "timeout",
      // As it is told; a whole number is a third of the text that a report is kept as.
      durationMs: Math.round(durationMs),
      logTail: this.#log?.lines ?? NO_LINES,
      logLinesCut: this.#log === undefined ? 0 : this.#log.firstLine - 1,
    };
  }

  #ownLog(): LogTail {
    return this.#log ??= new LogTail();
  }
}
