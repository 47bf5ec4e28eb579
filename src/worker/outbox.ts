/**
 * What a worker has to tell its master: reports, which are kept until they are acknowledged, and
 * progress and log lines, of which only the latest matter.
 *
 * @module
 */

import type { AttemptProgressView, AttemptReportView, ReportAckView } from "../rpc/mod.ts";

/** Log lines of one attempt that wait to be sent; older ones are dropped and counted. */
const LOG_LINES_PENDING_MAX = 1_000;

/** An attempt's name: a job is never held twice under one token. */
export function attemptKey(jobId: string, token: number): string {
  return `${jobId}#${token}`;
}

interface PendingProgress {
  fraction: number;
  message: string;
  lines: string[];
  dropped: number;
}

interface Unacknowledged {
  readonly report: AttemptReportView;
  sentAtMs: number;
  /** Acknowledgements that are still to come for a start that was sent on this session before. */
  startAcksAhead: number;
}

export class Outbox {
  readonly #now: () => number;
  /** Finished and released attempts, until they are acknowledged; in order. */
  readonly #unacknowledged = new Map<string, Unacknowledged>();
  /** Starts that were sent on the present session and are not acknowledged yet. */
  readonly #startsInFlight = new Set<string>();
  /** Reports that the present session has not been sent yet. */
  readonly #unsent = new Map<string, AttemptReportView>();
  readonly #progress = new Map<string, PendingProgress & { jobId: string; token: number }>();

  /** @param now a clock that does not jump, in ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Nothing waits for an acknowledgement. */
  get isSettled(): boolean {
    return this.#unacknowledged.size === 0;
  }

  /** Reports that still wait for an acknowledgement, oldest first. */
  get unacknowledged(): AttemptReportView[] {
    return [...this.#unacknowledged.values()].map((each) => each.report);
  }

  /** A report that must arrive. One attempt's end takes the place of its unsent start. */
  report(report: AttemptReportView): void {
    const key = attemptKey(report.jobId, report.token);
    if (report.kind !== "started") {
      const startAcksAhead = this.#startsInFlight.has(key) ? 1 : 0;
      this.#startsInFlight.delete(key);
      this.#unacknowledged.set(key, { report, sentAtMs: this.#now(), startAcksAhead });
    }
    this.#unsent.delete(key);
    this.#unsent.set(key, report);
  }

  progress(jobId: string, token: number, fraction: number, message: string): void {
    const pending = this.#pending(jobId, token);
    pending.fraction = fraction;
    pending.message = message;
  }

  log(jobId: string, token: number, line: string): void {
    const pending = this.#pending(jobId, token);
    if (pending.lines.length === LOG_LINES_PENDING_MAX) {
      pending.lines.shift();
      pending.dropped++;
    }
    pending.lines.push(line);
  }

  /** Everything that waits to be sent. */
  take(): { reports: AttemptReportView[]; progress: AttemptProgressView[] } {
    const reports = [...this.#unsent.values()];
    for (const { kind, jobId, token } of reports) {
      if (kind === "started") this.#startsInFlight.add(attemptKey(jobId, token));
    }
    const progress = [...this.#progress.values()].map((each) => ({
      jobId: each.jobId,
      token: each.token,
      fraction: each.fraction,
      message: each.message,
      logLines: each.dropped === 0
        ? each.lines
        : [`[${each.dropped} lines were dropped]`, ...each.lines],
    }));
    this.#unsent.clear();
    this.#progress.clear();
    return { reports, progress };
  }

  /** A new session knows nothing of what was sent on an old one. */
  sendAgain(): void {
    this.#startsInFlight.clear();
    for (const waiting of this.#unacknowledged.values()) waiting.startAcksAhead = 0;
    this.sendAgainAfter(0);
  }

  /** Sends again what has waited for its acknowledgement for `ms`; true if there is any. */
  sendAgainAfter(ms: number): boolean {
    const nowMs = this.#now();
    let isAny = false;
    for (const [key, waiting] of this.#unacknowledged) {
      if (nowMs - waiting.sentAtMs < ms) continue;
      waiting.sentAtMs = nowMs;
      this.#unsent.set(key, waiting.report);
      isAny = true;
    }
    return isAny;
  }

  /**
   * Reports that arrived, accepted or not: either way they are settled. A session acknowledges in the
   * order of sending, so the first word on an attempt whose start was sent is about its start.
   */
  acknowledge(acks: readonly ReportAckView[]): void {
    for (const ack of acks) {
      const key = attemptKey(ack.jobId, ack.token);
      this.#startsInFlight.delete(key);
      const waiting = this.#unacknowledged.get(key);
      if (waiting === undefined) continue;
      if (waiting.startAcksAhead > 0 && ack.accepted) waiting.startAcksAhead--;
      else this.#unacknowledged.delete(key);
    }
  }

  #pending(jobId: string, token: number): PendingProgress {
    const key = attemptKey(jobId, token);
    let pending = this.#progress.get(key);
    if (pending === undefined) {
      pending = { jobId, token, fraction: 0, message: "", lines: [], dropped: 0 };
      this.#progress.set(key, pending);
    }
    return pending;
  }
}
