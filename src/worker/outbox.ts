/**
 * What a worker must tell its master: reports, which are kept until they are acknowledged.
 *
 * @module
 */

import type { AttemptReportView, ReportAckView } from "../rpc/light.ts";
import { keepsNothing, type ReportKeeper } from "./report_keeper.ts";
import { attemptKey } from "./running_attempt.ts";

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
  readonly #keeper: ReportKeeper;
  /** Ends of attempts that the keeper has not been given yet. */
  #unkept: AttemptReportView[] = [];

  /**
   * Begins with what an earlier process left with the keeper.
   *
   * @param now a clock that does not jump, in ms.
   */
  constructor(keeper: ReportKeeper = keepsNothing, now: () => number = () => performance.now()) {
    this.#keeper = keeper;
    this.#now = now;
    for (const report of keeper.kept) {
      this.#expect(report, attemptKey(report.jobId, report.token));
    }
  }

  /** Nothing waits for an acknowledgement. */
  get isSettled(): boolean {
    return this.#unacknowledged.size === 0;
  }

  /** Reports that still wait for an acknowledgement, oldest first. */
  get unacknowledged(): AttemptReportView[] {
    return [...this.#unacknowledged.values()].map((each) => each.report);
  }

  /**
   * A report that must arrive. One attempt's end takes the place of its unsent start.
   *
   * @param key the attempt's, if it is at hand
   */
  report(report: AttemptReportView, key = attemptKey(report.jobId, report.token)): void {
    if (report.kind !== "started") this.#unkept.push(report);
    this.#expect(report, key);
  }

  #expect(report: AttemptReportView, key: string): void {
    if (report.kind !== "started") {
      const startAcksAhead = this.#startsInFlight.has(key) ? 1 : 0;
      this.#startsInFlight.delete(key);
      this.#unacknowledged.set(key, { report, sentAtMs: this.#now(), startAcksAhead });
    }
    this.#unsent.delete(key);
    this.#unsent.set(key, report);
  }

  /** Sees to it that no end of an attempt is sent that would be lost with this process. */
  keep(): void {
    if (this.#unkept.length === 0) return;
    this.#keeper.keep(this.#unkept);
    this.#unkept = [];
  }

  /** Every report that waits to be sent. */
  take(): AttemptReportView[] {
    const reports = [...this.#unsent.values()];
    for (const { kind, jobId, token } of reports) {
      if (kind === "started") this.#startsInFlight.add(attemptKey(jobId, token));
    }
    this.#unsent.clear();
    return reports;
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
    this.#keeper.settled(this.#unacknowledged.size, () => this.unacknowledged);
  }

  /** Leaves what nobody has acknowledged to the next process. */
  close(): void {
    this.#keeper.close(this.unacknowledged);
  }
}
