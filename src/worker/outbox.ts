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
  /**
   * Starts that were sent on the present session and are not acknowledged yet, where that is done one by
   * one.
   */
  readonly #startsInFlight = new Set<string>();
  /** Attempts whose ends were sent on the present session under a number, until that is acknowledged. */
  readonly #numbered = new Map<number, readonly string[]>();
  #lastNumber = 0;
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

  /** Every report that waits to be sent; their acknowledgements come one by one. */
  take(): AttemptReportView[] {
    for (const [key, { kind }] of this.#unsent) {
      if (kind === "started") this.#startsInFlight.add(key);
    }
    return this.#taken();
  }

  /** The same, to be sent under a number by which they are acknowledged together. */
  takeNumbered(): { readonly reports: AttemptReportView[]; readonly number?: number } {
    if (this.#unsent.size === 0) return { reports: [] };
    const ends: string[] = [];
    for (const [key, { kind }] of this.#unsent) {
      if (kind !== "started") ends.push(key);
    }
    // Never the same twice, so that no word of an old session could be taken for one on a new one.
    const number = ++this.#lastNumber;
    this.#numbered.set(number, ends);
    return { reports: this.#taken(), number };
  }

  #taken(): AttemptReportView[] {
    const reports = [...this.#unsent.values()];
    this.#unsent.clear();
    return reports;
  }

  /** A new session knows nothing of what was sent on an old one. */
  sendAgain(): void {
    this.#startsInFlight.clear();
    this.#numbered.clear();
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
   *
   * @param numbers what was sent under them arrived, all of it
   */
  acknowledge(acks: readonly ReportAckView[], numbers: readonly number[] = []): void {
    for (const ack of acks) {
      const key = attemptKey(ack.jobId, ack.token);
      this.#startsInFlight.delete(key);
      const waiting = this.#unacknowledged.get(key);
      if (waiting === undefined) continue;
      if (waiting.startAcksAhead > 0 && ack.accepted) waiting.startAcksAhead--;
      else this.#unacknowledged.delete(key);
    }
    for (const number of numbers) {
      for (const key of this.#numbered.get(number) ?? []) this.#unacknowledged.delete(key);
      this.#numbered.delete(number);
    }
    this.#keeper.settled(this.#unacknowledged.size, () => this.unacknowledged);
  }

  /** Leaves what nobody has acknowledged to the next process. */
  close(): void {
    this.#keeper.close(this.unacknowledged);
  }
}
