/**
 * Jobs, workers and the rest as the rows of `state.db`. Every row carries a CRC-32 of what is in it:
 * SQLite alone hands out a changed byte as if nothing were.
 */

import { crc32 } from "node:zlib";
import {
  type Attempt,
  type AttemptOutcome,
  type ErrorKind,
  type Job,
  JOB_STATUSES,
  type JobStatus,
  type StoredJob,
  type StringMap,
} from "../jobs/mod.ts";

/** CRC-32 of one or several parts. */
export function checksumOf(...parts: (string | Uint8Array)[]): number {
  return parts.reduce((checksum: number, part) => crc32(part, checksum), 0);
}

/** A row is not what was written. */
export class RowDamaged extends Error {
  override name = "RowDamaged";
}

/** @throws {RowDamaged} when a row is not what was written */
export function verify(what: string, stored: number, ...parts: (string | Uint8Array)[]): void {
  const found = checksumOf(...parts);
  if (found === stored) return;
  throw new RowDamaged(`${what} is damaged (checksum ${found}, and ${stored} was written)`);
}

export function statusNumber(status: JobStatus): number {
  return JOB_STATUSES.indexOf(status);
}

/** Names in `detail`, short because there is one for each job. What has its default is left out. */
interface JobDetail {
  id: string;
  n: number;
  ty: string;
  st: JobStatus;
  pr?: number;
  mr?: number;
  to?: number;
  rd?: number;
  pb?: number;
  ca: number;
  ch: number;
  nb?: number;
  w?: string;
  at?: number;
  f?: number;
  cr?: number;
  re?: number;
  tk?: number;
  aa?: number;
  sa?: number;
  fa?: number;
  dl?: number;
  du?: number;
  em?: string;
  ek?: ErrorKind;
  dead?: boolean;
  ik?: string;
  la?: StringMap;
  rt?: StringMap;
  by?: string;
  tp?: string;
  rb?: number;
  ct?: string;
  as?: AttemptDetail[];
}

type AttemptDetail = [
  attempt: number,
  token: number,
  workerId: string,
  assignedAtMs: number,
  startedAtMs: number,
  endedAtMs: number,
  outcome: AttemptOutcome,
  error: string,
];

/** JSON of a job and its attempts. */
export function encodeJob({ job, attempts }: StoredJob): string {
  // An undefined field is not written.
  const detail: { [Name in keyof JobDetail]: JobDetail[Name] | undefined } = {
    id: job.id,
    n: job.seq,
    ty: job.type,
    st: job.status,
    pr: job.priority || undefined,
    mr: job.maxRetries || undefined,
    to: job.timeoutMs || undefined,
    rd: job.retryDelayMs || undefined,
    pb: job.payloadBytes || undefined,
    ca: job.createdAtMs,
    ch: job.changedAtMs,
    nb: job.notBeforeMs || undefined,
    w: job.assignedTo || undefined,
    at: job.attempt || undefined,
    f: job.failures || undefined,
    cr: job.crashCount || undefined,
    re: job.releaseCount || undefined,
    tk: job.token || undefined,
    aa: job.assignedAtMs || undefined,
    sa: job.startedAtMs || undefined,
    fa: job.completedAtMs || undefined,
    dl: job.deadlineMs || undefined,
    du: job.durationMs || undefined,
    em: job.errorMessage || undefined,
    ek: job.errorKind || undefined,
    dead: job.deadLetter || undefined,
    ik: job.idempotencyKey || undefined,
    la: isEmpty(job.labels) ? undefined : job.labels,
    rt: isEmpty(job.requiredTags) ? undefined : job.requiredTags,
    by: job.submittedBy || undefined,
    tp: job.traceparent || undefined,
    rb: job.resultBytes || undefined,
    ct: job.contentType || undefined,
    as: attempts.length === 0 ? undefined : attempts.map(encodeAttempt),
  };
  return JSON.stringify(detail);
}

/** The job of a row, which `verify` has shown to be what {@linkcode encodeJob} wrote. */
export function decodeJob(text: string): StoredJob {
  const detail: JobDetail = JSON.parse(text);
  return { job: jobOf(detail), attempts: (detail.as ?? []).map(decodeAttempt) };
}

function jobOf(detail: JobDetail): Job {
  return {
    id: detail.id,
    seq: detail.n,
    type: detail.ty,
    status: detail.st,
    priority: detail.pr ?? 0,
    maxRetries: detail.mr ?? 0,
    timeoutMs: detail.to ?? 0,
    retryDelayMs: detail.rd ?? 0,
    payloadBytes: detail.pb ?? 0,
    createdAtMs: detail.ca,
    changedAtMs: detail.ch,
    notBeforeMs: detail.nb ?? 0,
    assignedTo: detail.w ?? "",
    attempt: detail.at ?? 0,
    failures: detail.f ?? 0,
    crashCount: detail.cr ?? 0,
    releaseCount: detail.re ?? 0,
    token: detail.tk ?? 0,
    assignedAtMs: detail.aa ?? 0,
    startedAtMs: detail.sa ?? 0,
    completedAtMs: detail.fa ?? 0,
    deadlineMs: detail.dl ?? 0,
    durationMs: detail.du ?? 0,
    errorMessage: detail.em ?? "",
    errorKind: detail.ek ?? "",
    deadLetter: detail.dead ?? false,
    idempotencyKey: detail.ik ?? "",
    labels: detail.la ?? none,
    requiredTags: detail.rt ?? none,
    submittedBy: detail.by ?? "",
    traceparent: detail.tp ?? "",
    resultBytes: detail.rb ?? 0,
    contentType: detail.ct ?? "",
  };
}

const none: StringMap = Object.freeze({});

function encodeAttempt(attempt: Attempt): AttemptDetail {
  return [
    attempt.attempt,
    attempt.token,
    attempt.workerId,
    attempt.assignedAtMs,
    attempt.startedAtMs,
    attempt.endedAtMs,
    attempt.outcome,
    attempt.error,
  ];
}

function decodeAttempt(detail: AttemptDetail): Attempt {
  const [attempt, token, workerId, assignedAtMs, startedAtMs, endedAtMs, outcome, error] = detail;
  return { attempt, token, workerId, assignedAtMs, startedAtMs, endedAtMs, outcome, error };
}

function isEmpty(map: StringMap): boolean {
  for (const _ in map) return false;
  return true;
}
