/**
 * Assignments and what becomes of them: by report of the worker, or by the leader's watch.
 *
 * @module
 */

import { completeAttempt, cut, failAttempt, heldTime, releaseAttempt } from "./attempts.ts";
import type {
  AssignCommand,
  Assignment,
  AssignOutcome,
  CompletedReport,
  ExpireAttemptOutcome,
  ExpireAttemptsCommand,
  ExpiredAttempt,
  FailedReport,
  OutcomeOf,
  Report,
  ReportCommand,
  ReportOutcome,
} from "./command.ts";
import { type AttemptOutcome, isHeld, isTerminal, type LogPosition } from "./job.ts";
import { hindranceOf } from "./hindrance.ts";
import { JobRecord } from "./job_record.ts";
import { LastWords } from "./last_words.ts";
import { lastLines, LOG_BOUNDS, type LogBounds, withCutNotice } from "./log_tail.ts";
import type { State } from "./state.ts";
import type { StoredJob, StoredResult } from "./store.ts";

export function applyAssign(
  state: State,
  command: AssignCommand,
  position: LogPosition,
): OutcomeOf["assign"] {
  return {
    kind: "assign",
    results: command.assignments.map((assignment) => assign(state, assignment, position)),
  };
}

function assign(state: State, assignment: Assignment, position: LogPosition): AssignOutcome {
  const { jobId, workerId, sessionId } = assignment;
  const refuse = (
    reason: (AssignOutcome & { status: "refused" })["reason"],
    message: string,
  ): AssignOutcome => ({ status: "refused", jobId, workerId, reason, message });

  const record = state.find(jobId);
  if (record === undefined) return refuse("unknown_job", `there is no job ${jobId}`);
  const { job } = record;
  if (job.status !== "pending" || !(record instanceof JobRecord)) {
    return refuse("not_pending", `job ${jobId} is ${job.status}`);
  }
  const worker = state.workers.get(workerId);
  if (worker === undefined || !worker.stored.connected) {
    return refuse("unknown_worker", `worker ${workerId} is not connected`);
  }
  if (worker.sessionId !== sessionId) {
    return refuse("stale_session", `worker ${workerId} has begun another session`);
  }
  if (worker.draining) return refuse("draining", `worker ${workerId} is draining`);
  if (!worker.mayRun(job)) {
    return refuse("not_eligible", `worker ${workerId} may not run job ${jobId} of ${job.type}`);
  }
  if (!worker.isFree) {
    return refuse("worker_full", `worker ${workerId} holds ${worker.activeJobs} jobs already`);
  }
  if (!worker.hasRoomForType(job.type)) {
    return refuse(
      "worker_type_full",
      `worker ${workerId} holds ${worker.activeOfType(job.type)} jobs of ${job.type} already`,
    );
  }
  if (!worker.hasResources(job.options)) {
    return refuse("no_resources", `worker ${workerId} has too little cpu or memory left`);
  }
  const hindrance = hindranceOf(state.backlog, record);
  if (hindrance !== undefined) return refuse(hindrance.reason, hindrance.message);

  state.backlog.charge(record);
  state.workers.change(worker, { lastAssignment: ++state.lastAssignment });
  state.move(record, "assigned", "assign", {
    ...job,
    assignedTo: workerId,
    attempt: job.attempt + 1,
    token: position.index,
    assignedAtMs: state.nowMs,
    startedAtMs: 0,
    deadlineMs: 0,
    durationMs: 0,
  }, workerId);
  return { status: "assigned", jobId, workerId, token: position.index, job: record.job };
}

export function applyReport(state: State, command: ReportCommand): OutcomeOf["report"] {
  return { kind: "report", results: command.reports.map((report) => takeReport(state, report)) };
}

function takeReport(state: State, report: Report): ReportOutcome {
  const found = state.find(report.jobId);
  if (found === undefined) {
    return {
      status: "refused",
      jobId: report.jobId,
      token: report.token,
      reason: "unknown_job",
      jobStatus: "",
      message: `there is no job ${report.jobId}`,
    };
  }
  if (found instanceof JobRecord && isCurrent(found, report)) {
    const token = found.job.token;
    const repeated = report.kind === "started" && found.job.status === "running";
    if (!repeated) carryOut(state, found, report);
    const jobStatus = found.job.status;
    return { status: "accepted", jobId: report.jobId, token, jobStatus, repeated };
  }
  return answerLate(found, report);
}

/** Whether the report is about the attempt that goes on, from the worker that holds it. */
function isCurrent({ job }: JobRecord, report: Report): boolean {
  return isHeld(job.status) && job.assignedTo === report.workerId &&
    (report.token === 0 || report.token === job.token);
}

function carryOut(state: State, record: JobRecord, report: Report): void {
  const { job } = record;
  switch (report.kind) {
    case "started": {
      const startedAtMs = heldTime(report.startedAtMs ?? state.nowMs, job, state.nowMs);
      state.move(record, "running", "start", {
        ...job,
        startedAtMs,
        releaseCount: 0,
        deadlineMs: job.timeoutMs > 0 ? state.nowMs + job.timeoutMs : 0,
      }, job.assignedTo);
      return;
    }
    case "completed": {
      record.result = resultOf(report, report.output);
      countOnWorker(state, record, "completedJobs");
      completeAttempt(state, record, {
        startedAtMs: startOf(state, record, report),
        durationMs: durationOf(report),
        resultBytes: report.output.byteLength,
        contentType: report.contentType,
      });
      return;
    }
    case "failed": {
      const output = report.output ?? noBytes;
      countOnWorker(state, record, "failedJobs");
      failAttempt(state, record, {
        kind: report.timedOut === true ? "timeout" : report.permanent ? "permanent" : "error",
        error: report.error,
        startedAtMs: startOf(state, record, report),
        durationMs: durationOf(report),
        resultBytes: output.byteLength,
        contentType: report.contentType ?? "",
      });
      // An attempt that is tried again leaves its log, but no result.
      record.result = resultOf(report, isTerminal(record.job.status) ? output : noBytes);
      return;
    }
    case "released":
      releaseAttempt(state, record, report.reason);
      return;
  }
}

/** An ended attempt: the same answer again if it ended by this very report, else a refusal. */
function answerLate(found: StoredJob, report: Report): ReportOutcome {
  const { job, attempts } = found;
  const attempt = attempts.findLast((ended) =>
    ended.workerId === report.workerId && (report.token === 0 || ended.token === report.token)
  );
  if (attempt !== undefined && endsSo(report, attempt.outcome)) {
    return {
      status: "accepted",
      jobId: job.id,
      token: attempt.token,
      jobStatus: job.status,
      repeated: true,
    };
  }
  const isFinished = isTerminal(job.status);
  return {
    status: "refused",
    jobId: job.id,
    token: report.token,
    reason: isFinished ? "finished" : "stale_token",
    jobStatus: job.status,
    message: attempt !== undefined
      ? `the attempt ended before: ${attempt.outcome}`
      : isFinished
      ? `job ${job.id} is ${job.status}`
      : `worker ${report.workerId} does not hold job ${job.id} under token ${report.token}`,
  };
}

/** Whether a report of this kind is what ends an attempt with this outcome. */
function endsSo(report: Report, outcome: AttemptOutcome): boolean {
  switch (report.kind) {
    case "started":
      return outcome === "completed" || outcome === "failed" || outcome === "released";
    case "completed":
      return outcome === "completed";
    case "failed":
      return outcome === (report.timedOut === true ? "timeout" : "failed");
    case "released":
      return outcome === "released";
  }
}

const noBytes = new Uint8Array(0);

function resultOf(report: CompletedReport | FailedReport, output: Uint8Array): StoredResult {
  return {
    output,
    contentType: report.contentType ?? "",
    logTail: keptOf(report),
  };
}

/** What entries of format 1 leave of a log; what they left is in every replica's state. */
const FORMAT_1_BOUNDS: LogBounds = { linesMax: 200, charactersMax: 64 * 1024 };

function keptOf({ logTail = [], logLinesCut }: CompletedReport | FailedReport): readonly string[] {
  const kept = lastLines(logTail, logLinesCut === undefined ? FORMAT_1_BOUNDS : LOG_BOUNDS);
  if (logLinesCut === undefined) return kept;
  return withCutNotice(kept, logLinesCut + logTail.length - kept.length);
}

function countOnWorker(
  state: State,
  record: JobRecord,
  counter: "completedJobs" | "failedJobs",
): void {
  const worker = state.workers.get(record.job.assignedTo);
  if (worker === undefined) return;
  state.workers.change(worker, { [counter]: worker.stored[counter] + 1 });
}

function startOf(state: State, record: JobRecord, report: CompletedReport | FailedReport): number {
  const { job } = record;
  if (job.startedAtMs > 0) return job.startedAtMs;
  return heldTime(report.startedAtMs ?? state.nowMs - durationOf(report), job, state.nowMs);
}

function durationOf(report: CompletedReport | FailedReport): number {
  return Math.max(0, report.durationMs);
}

export function applyExpireAttempts(
  state: State,
  command: ExpireAttemptsCommand,
  position: LogPosition,
): OutcomeOf["expire_attempts"] {
  const isStale = command.leaderTerm !== undefined && command.leaderTerm !== position.term;
  const words = new LastWords(command.logs);
  return {
    kind: "expire_attempts",
    results: command.attempts.map((attempt) =>
      isStale ? refuseExpiry(attempt, "stale_term") : expireAttempt(state, attempt, words)
    ),
  };
}

function expireAttempt(
  state: State,
  expired: ExpiredAttempt,
  words: LastWords,
): ExpireAttemptOutcome {
  const record = state.find(expired.jobId);
  if (record === undefined) return refuseExpiry(expired, "unknown_job");
  const { job } = record;
  if (!(record instanceof JobRecord) || !isHeld(job.status) || job.token !== expired.token) {
    return refuseExpiry(expired, "stale_token");
  }
  const workerId = job.assignedTo;
  if (expired.reason === "not_started") {
    if (job.status === "running") return refuseExpiry(expired, "already_started");
    releaseAttempt(state, record, `worker ${workerId} did not start it in time`);
  } else if (expired.reason === "drained") {
    releaseAttempt(state, record, `worker ${workerId} is drained, and its time is over`);
  } else {
    countOnWorker(state, record, "failedJobs");
    failAttempt(state, record, {
      kind: "timeout",
      error: cut(`attempt ${job.attempt} ran longer than its ${job.timeoutMs} ms`),
      startedAtMs: job.startedAtMs,
      durationMs: job.startedAtMs > 0 ? state.nowMs - job.startedAtMs : 0,
      resultBytes: 0,
      contentType: "",
    });
  }
  const { id: jobId, token, status: jobStatus } = record.job;
  words.keep(record, token);
  return { status: "ended", jobId, token, workerId, jobStatus };
}

function refuseExpiry(
  { jobId, token }: ExpiredAttempt,
  reason: (ExpireAttemptOutcome & { status: "refused" })["reason"],
): ExpireAttemptOutcome {
  return { status: "refused", jobId, token, reason };
}
