/**
 * What workers report, gathered over one turn of the event loop into one Command, whichever road it
 * came on.
 *
 * @module
 */

import type { Report, ReportCommand, ReportOutcome } from "../jobs/mod.ts";
import type { AttemptReportView, ReportAckView } from "../rpc/mod.ts";
import type { Proposer } from "./proposer.ts";

interface WaitingReport {
  readonly report: Report;
  readonly resolve: (ack: ReportAckView) => void;
  readonly reject: (failure: unknown) => void;
}

/** Bytes of results in one log entry; a single larger one still goes alone. */
const ENTRY_BYTES_MAX = 512 * 1024;
const ENTRY_REPORTS_MAX = 512;

export class ReportInbox {
  readonly #proposer: Proposer;
  #waiting: WaitingReport[] = [];
  #waitingBytes = 0;

  constructor(proposer: Proposer) {
    this.#proposer = proposer;
  }

  /**
   * Resolves when the report is in the log and applied, accepted or not.
   *
   * @throws Refusal when it could not be put into the log; the worker sends it again.
   */
  take(workerId: string, view: AttemptReportView): Promise<ReportAckView> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      this.#waiting.push({ report: reportOf(workerId, view), resolve, reject });
      this.#waitingBytes += view.kind === "finished" ? view.output.byteLength : 0;
      const isFull = this.#waiting.length >= ENTRY_REPORTS_MAX ||
        this.#waitingBytes >= ENTRY_BYTES_MAX;
      if (isFull) this.#flush();
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#proposer.propose<ReportCommand>({
      kind: "report",
      reports: waiting.map((each) => each.report),
    }).then(
      ({ results }) => waiting.forEach((each, position) => each.resolve(ackOf(results[position]!))),
      (failure) => waiting.forEach((each) => each.reject(failure)),
    );
  }
}

function reportOf(workerId: string, view: AttemptReportView): Report {
  const { jobId, token } = view;
  switch (view.kind) {
    case "started":
      return { kind: "started", jobId, token, workerId };
    case "released":
      return { kind: "released", jobId, token, workerId, reason: view.reason };
    case "finished": {
      const { output, contentType, durationMs, logTail } = view;
      const common = { jobId, token, workerId, durationMs, output, contentType, logTail };
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
