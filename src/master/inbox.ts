/**
 * What workers report, gathered over one turn of the event loop into one Command, whichever road it
 * came on.
 *
 * @module
 */

import type { Report, ReportCommand, ReportOutcome } from "../jobs/mod.ts";
import type { AttemptReportView, ReportAckView } from "../rpc/mod.ts";
import type { Proposer } from "./proposer.ts";

/** Reports that came together and are answered together. */
interface Told {
  readonly acks: ReportAckView[];
  unanswered: number;
  readonly resolve: (acks: readonly ReportAckView[]) => void;
  readonly reject: (failure: unknown) => void;
}

interface WaitingReport {
  readonly report: Report;
  readonly told: Told;
  /** Its place among those that it came with. */
  readonly position: number;
}

/** Bytes of results in one log entry; a single larger one still goes alone. */
const ENTRY_BYTES_MAX = 512 * 1024;
const ENTRY_REPORTS_MAX = 512;

export class ReportInbox {
  readonly #proposer: Proposer;
  readonly #resultBytesMax: number;
  readonly #onProposed: (reports: readonly Report[]) => () => void;
  #waiting: WaitingReport[] = [];
  #waitingBytes = 0;

  /**
   * @param resultBytesMax `jobs.result_bytes_max`, of whatever worker the result is
   * @param onProposed told of reports in the turn in which they are proposed; what it gives is called
   * when their outcome is known
   */
  constructor(
    proposer: Proposer,
    resultBytesMax: number,
    onProposed: (reports: readonly Report[]) => () => void,
  ) {
    this.#proposer = proposer;
    this.#resultBytesMax = resultBytesMax;
    this.#onProposed = onProposed;
  }

  /**
   * Resolves when the report is in the log and applied, accepted or not.
   *
   * @throws Refusal when it could not be put into the log; the worker sends it again.
   */
  async take(workerId: string, reported: AttemptReportView): Promise<ReportAckView> {
    const [ack] = await this.takeAll(workerId, [reported]);
    return ack!;
  }

  /**
   * The same for several at once, in their order.
   *
   * @throws Refusal when one of them could not be put into the log, though others may have been
   */
  takeAll(
    workerId: string,
    reported: readonly AttemptReportView[],
  ): Promise<readonly ReportAckView[]> {
    if (reported.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const told: Told = { acks: [], unanswered: reported.length, resolve, reject };
      reported.forEach((report, position) => this.#add(workerId, report, told, position));
    });
  }

  #add(workerId: string, reported: AttemptReportView, told: Told, position: number): void {
    const view = withinLimit(reported, this.#resultBytesMax);
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    // What not every member knows yet is not said.
    const saysCut = this.#proposer.entryFormat >= 2;
    this.#waiting.push({ report: reportOf(workerId, view, saysCut), told, position });
    this.#waitingBytes += sizeOf(view);
    const isFull = this.#waiting.length >= ENTRY_REPORTS_MAX ||
      this.#waitingBytes >= ENTRY_BYTES_MAX;
    if (isFull) this.#flush();
  }

  #flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const reports = waiting.map((each) => each.report);
    const proposed = this.#proposer.propose<ReportCommand>({ kind: "report", reports });
    const known = this.#onProposed(reports);
    proposed.then(
      ({ results }) => {
        known();
        waiting.forEach((each, place) => answer(each, ackOf(results[place]!)));
      },
      (failure) => {
        known();
        waiting.forEach(({ told }) => told.reject(failure));
      },
    );
  }
}

function answer({ told, position }: WaitingReport, ack: ReportAckView): void {
  told.acks[position] = ack;
  if (--told.unanswered === 0) told.resolve(told.acks);
}

/** A result that is too long to be kept ends its job: another attempt would bring it again. */
function withinLimit(view: AttemptReportView, resultBytesMax: number): AttemptReportView {
  if (view.kind !== "finished" || view.output.byteLength <= resultBytesMax) return view;
  const fault = `the result is ${view.output.byteLength} bytes; jobs.result_bytes_max allows ` +
    `${resultBytesMax}: write it to a destination`;
  return {
    ...view,
    success: false,
    output: new Uint8Array(0),
    contentType: "",
    error: view.success ? fault : `${view.error} (${fault})`,
    permanent: view.success || view.permanent,
  };
}

function sizeOf(view: AttemptReportView): number {
  if (view.kind !== "finished") return 0;
  return view.logTail.reduce((bytes, line) => bytes + line.length, view.output.byteLength);
}

function reportOf(workerId: string, view: AttemptReportView, saysCut: boolean): Report {
  const { jobId, token } = view;
  switch (view.kind) {
    case "started":
      return { kind: "started", jobId, token, workerId };
    case "released":
      return { kind: "released", jobId, token, workerId, reason: view.reason };
    case "finished": {
      const { output, contentType, durationMs, logTail, logLinesCut } = view;
      const common = {
        ...{ jobId, token, workerId, durationMs, output, contentType, logTail },
        ...(saysCut && { logLinesCut }),
      };
      return view.success ? { kind: "completed", ...common } : {
        kind: "failed",
        ...common,
        error: view.error === "" ? "the worker gave no reason" : view.error,
        permanent: view.permanent,
        timedOut: view.timedOut,
      };
    }
  }
}

function ackOf(outcome: ReportOutcome): ReportAckView {
  const { jobId, token } = outcome;
  if (outcome.status === "refused") {
    return { jobId, token, accepted: false, message: outcome.message };
  }
  const message = outcome.repeated ? "it had been reported before" : `job ${outcome.jobStatus}`;
  return { jobId, token, accepted: true, message };
}
