/**
 * What a worker must tell its master: reports, which are kept until they are acknowledged.
 *
 * @module
 */

import type { AttemptReportView, ReportAckView } from "../rpc/light.ts";
import { AttemptMap, type AttemptName } from "./attempt_map.ts";
import { firstOfMessage, reportBytes } from "./message_bounds.ts";
import { keepsNothing, type ReportKeeper } from "./report_keeper.ts";

/** The end of an attempt, until it is acknowledged. */
interface Unacknowledged extends AttemptName {
  readonly report: AttemptReportView;
  sentAtMs: number;
  /** The present session has not been sent it, or is to be sent it again. */
  isUnsent: boolean;
  /** Acknowledgements that are still to come for a start that was sent on this session before. */
  startAcksAhead: number;
}

export class Outbox {
  readonly #now: () => number;
  /** Finished and released attempts, until they are acknowledged; in order. */
  readonly #unacknowledged = new AttemptMap<Unacknowledged>();
  /** Starts that the present session has not been sent. */
  readonly #unsentStarts = new AttemptMap<AttemptReportView>();
  /** Those of the unacknowledged that are not sent. */
  #unsent: Unacknowledged[] = [];
  /**
   * Starts that were sent on the present session and are not acknowledged yet, where that is done one by
   * one.
   */
  readonly #startsInFlight = new AttemptMap<AttemptReportView>();
  /** Ends that were sent on the present session under a number, until that is acknowledged. */
  readonly #numbered = new Map<number, readonly AttemptName[]>();
  #lastNumber = 0;
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
    for (const report of keeper.kept) this.#expect(report);
  }

  /** Nothing waits for an acknowledgement. */
  get isSettled(): boolean {
    return this.#unacknowledged.size === 0;
  }

  /** How many reports wait for one. */
  get pending(): number {
    return this.#unacknowledged.size;
  }

  /** Reports that still wait for an acknowledgement, oldest first. */
  get unacknowledged(): AttemptReportView[] {
    return [...this.#unacknowledged.values()].map((each) => each.report);
  }

  /** A report that must arrive. One attempt's end takes the place of its unsent start. */
  report(report: AttemptReportView): void {
    if (report.kind === "started") this.#unsentStarts.set(report);
    else {
      this.#unkept.push(report);
      this.#expect(report);
    }
  }

  #expect(report: AttemptReportView): void {
    const { jobId, token } = report;
    if (this.#unsentStarts.size > 0) this.#unsentStarts.delete(report);
    const hasStartAhead = this.#startsInFlight.size > 0 && this.#startsInFlight.delete(report);
    const waiting: Unacknowledged = {
      jobId,
      token,
      report,
      sentAtMs: this.#now(),
      isUnsent: true,
      startAcksAhead: hasStartAhead ? 1 : 0,
    };
    this.#unacknowledged.set(waiting);
    this.#unsent.push(waiting);
  }

  /** Sees to it that no end of an attempt is sent that would be lost with this process. */
  keep(): void {
    if (this.#unkept.length === 0) return;
    this.#keeper.keep(this.#unkept);
    this.#unkept = [];
  }

  /** Whether there is anything to send. */
  get hasUnsent(): boolean {
    return this.#unsent.length > 0 || this.#unsentStarts.size > 0;
  }

  /** Reports that wait to be sent, as many as one message may have; their acknowledgements come one by one. */
  take(): AttemptReportView[] {
    for (const start of this.#unsentStarts.values()) this.#startsInFlight.set(start);
    return this.#taken().reports;
  }

  /** The same, to be sent under a number by which they are acknowledged together. */
  takeNumbered(): { readonly reports: AttemptReportView[]; readonly number?: number } {
    const { reports, ends } = this.#taken();
    if (reports.length === 0) return { reports };
    // Never the same twice, so that no word of an old session could be taken for one on a new one.
    const number = ++this.#lastNumber;
    this.#numbered.set(number, ends);
    return { reports, number };
  }

  #taken(): { readonly reports: AttemptReportView[]; readonly ends: readonly AttemptName[] } {
    const reports = this.#unsentStarts.size === 0 ? [] : [...this.#unsentStarts.values()];
    this.#unsentStarts.clear();
    const count = firstOfMessage(this.#unsent, ({ report }) => reportBytes(report));
    const isAll = count === this.#unsent.length;
    const ends = isAll ? this.#unsent : this.#unsent.slice(0, count);
    this.#unsent = isAll ? [] : this.#unsent.slice(count);
    for (const waiting of ends) {
      waiting.isUnsent = false;
      reports.push(waiting.report);
    }
    return { reports, ends };
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
    for (const waiting of this.#unacknowledged.values()) {
      if (nowMs - waiting.sentAtMs < ms) continue;
      waiting.sentAtMs = nowMs;
      isAny = true;
      if (waiting.isUnsent) continue;
      waiting.isUnsent = true;
      this.#unsent.push(waiting);
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
      this.#startsInFlight.delete(ack);
      const waiting = this.#unacknowledged.get(ack);
      if (waiting === undefined) continue;
      if (waiting.startAcksAhead > 0 && ack.accepted) waiting.startAcksAhead--;
      else this.#unacknowledged.delete(ack);
    }
    for (const number of numbers) {
      for (const end of this.#numbered.get(number) ?? []) this.#unacknowledged.delete(end);
      this.#numbered.delete(number);
    }
    this.#keeper.settled(this.#unacknowledged.size, () => this.unacknowledged);
  }

  /** There is time to put things away. */
  rest(): void {
    if (this.isSettled) this.#keeper.rest();
  }

  /** Leaves what nobody has acknowledged to the next process. */
  close(): void {
    this.#keeper.close(this.unacknowledged);
  }
}
