/**
 * Attempts as parts of a Command's bytes: who was given one, what a worker reports of it, how it
 * expired, and what it has logged.
 *
 * @module
 */

import type { Assignment, AttemptLog, AttemptRef, ExpiredAttempt, Report } from "../jobs/mod.ts";
import {
  binary,
  boolean,
  list,
  malformed,
  number,
  optional,
  text,
  texts,
} from "./command_values.ts";

const reportNumbers = {
  started: 1,
  completed: 2,
  failed: 3,
  released: 4,
} as const satisfies Record<
  Report["kind"],
  number
>;

const expiryNumbers = { timeout: 1, not_started: 2, drained: 3 } as const satisfies Record<
  ExpiredAttempt["reason"],
  number
>;
const expiryReasons = ["timeout", "not_started", "drained"] as const;

export function assignmentFromWire(value: unknown): Assignment {
  const wire = list(value);
  return { jobId: text(wire[0]), workerId: text(wire[1]), sessionId: text(wire[2]) };
}

export function assignmentToWire({ jobId, workerId, sessionId }: Assignment): unknown[] {
  return [jobId, workerId, sessionId];
}

export function attemptFromWire(value: unknown): AttemptRef {
  const wire = list(value);
  return { jobId: text(wire[0]), token: number(wire[1]) };
}

export function attemptToWire({ jobId, token }: AttemptRef): unknown[] {
  return [jobId, token];
}

export function expiredToWire({ jobId, token, reason }: ExpiredAttempt): unknown[] {
  return [jobId, token, expiryNumbers[reason]];
}

export function expiredFromWire(value: unknown): ExpiredAttempt {
  const number = list(value)[2];
  const reason = expiryReasons.find((each) => expiryNumbers[each] === number);
  if (reason === undefined) throw malformed(`no attempt expires by ${String(number)}`);
  return { ...attemptFromWire(value), reason };
}

export function reportToWire(report: Report): unknown[] {
  const head = [reportNumbers[report.kind], report.jobId, report.token, report.workerId];
  switch (report.kind) {
    case "started":
      return [...head, report.startedAtMs ?? null];
    case "completed":
      return [
        ...head,
        report.output,
        report.contentType,
        report.durationMs,
        report.startedAtMs ?? null,
        report.logTail ?? null,
        ...(report.logLinesCut === undefined ? [] : [report.logLinesCut]),
      ];
    case "failed":
      return [
        ...head,
        report.error,
        report.permanent,
        report.timedOut ?? null,
        report.durationMs,
        report.startedAtMs ?? null,
        report.output ?? null,
        report.contentType ?? null,
        report.logTail ?? null,
        ...(report.logLinesCut === undefined ? [] : [report.logLinesCut]),
      ];
    case "released":
      return [...head, report.reason];
  }
}

export function attemptLogToWire({ jobId, token, lines, linesCut }: AttemptLog): unknown[] {
  return [jobId, token, lines, linesCut];
}

export function attemptLogFromWire(value: unknown): AttemptLog {
  const [jobId, token, lines, linesCut] = list(value);
  return {
    jobId: text(jobId),
    token: number(token),
    lines: texts(lines),
    linesCut: number(linesCut),
  };
}

export function reportFromWire(value: unknown): Report {
  const wire = list(value);
  const base = { jobId: text(wire[1]), token: number(wire[2]), workerId: text(wire[3]) };
  switch (wire[0]) {
    case reportNumbers.started:
      return { kind: "started", ...base, ...optional("startedAtMs", wire[4], number) };
    case reportNumbers.completed:
      return {
        kind: "completed",
        ...base,
        output: binary(wire[4]),
        contentType: text(wire[5]),
        durationMs: number(wire[6]),
        ...optional("startedAtMs", wire[7], number),
        ...optional("logTail", wire[8], texts),
        ...optional("logLinesCut", wire[9], number),
      };
    case reportNumbers.failed:
      return {
        kind: "failed",
        ...base,
        error: text(wire[4]),
        permanent: boolean(wire[5]),
        ...optional("timedOut", wire[6], boolean),
        durationMs: number(wire[7]),
        ...optional("startedAtMs", wire[8], number),
        ...optional("output", wire[9], binary),
        ...optional("contentType", wire[10], text),
        ...optional("logTail", wire[11], texts),
        ...optional("logLinesCut", wire[12], number),
      };
    case reportNumbers.released:
      return { kind: "released", ...base, reason: text(wire[4]) };
    default:
      throw malformed(`there is no kind of report ${String(wire[0])}`);
  }
}
