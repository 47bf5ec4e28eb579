/**
 * Jobs, workers and the rest as the rows of `state.db`. Every row carries a CRC-32 of what is in it:
 * SQLite alone hands out a changed byte as if nothing were.
 */

import { crc32 } from "node:zlib";
import {
  type Attempt,
  type AttemptOutcome,
  CAUSES,
  DEFAULT_NAMESPACE,
  type ErrorKind,
  type HistoryEntry,
  type Job,
  JOB_STATUSES,
  type JobKind,
  type JobStatus,
  type LiveJob,
  NO_OPTIONS,
  type StoredJob,
  type StringMap,
  submissionOf,
  type UnmovedJob,
} from "../jobs/mod.ts";
import { optionsFromWire, optionsToWire, withoutDefaults } from "./job_options_wire.ts";

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
  // A changed byte may have made a blob a number, or nothing.
  const isReadable = parts.every((part) => typeof part === "string" || ArrayBuffer.isView(part));
  const found = isReadable ? checksumOf(...parts) : "none";
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
  qu?: number;
  ex?: number;
  w?: string;
  at?: number;
  f?: number;
  cr?: number;
  su?: number;
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
  op?: unknown[];
  ns?: string;
  as?: AttemptDetail[];
  hi?: HistoryDetail;
}

/**
 * The changes of a job's status, one after the other, each as: time since the one before (the first:
 * since submission), number of the status, number of the cause, attempt, worker, reason. Flat,
 * because there is one for each job, and with 0 for an empty text.
 */
type HistoryDetail = (number | string)[];

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
export function encodeJob(stored: StoredJob): string {
  return JSON.stringify(detailOf(stored));
}

/** JSON of a finished job. Those that went their way together are alike but for their names. */
export function encodeFinished(stored: StoredJob): string {
  const { job, attempts, history } = stored;
  if (lastEnded === undefined || !isAlike(stored, lastEnded.stored)) {
    const { id: _id, n: _seq, ik: _key, tp: _trace, ...nameless } = detailOf(stored);
    lastEnded = { stored: { job, attempts, history }, text: JSON.stringify(nameless).slice(1) };
  }
  return `${namesOf(job)}${lastEnded.text}`;
}

/** The beginning of a job's JSON: what hardly two have alike. */
function namesOf({ id, seq, idempotencyKey, traceparent }: Names): string {
  const key = idempotencyKey === "" ? "" : `"ik":${JSON.stringify(idempotencyKey)},`;
  const trace = traceparent === "" ? "" : `"tp":${JSON.stringify(traceparent)},`;
  return `{"id":${JSON.stringify(id)},"n":${seq},${key}${trace}`;
}

type Names = Pick<Job, "id" | "seq" | "idempotencyKey" | "traceparent">;

/** The finished job that was put into words last, and its words but for its names. */
let lastEnded: { readonly stored: StoredJob; readonly text: string } | undefined;

/** Whether they differ in nothing but their names. */
function isAlike(a: StoredJob, b: StoredJob): boolean {
  return isAlikeJob(a.job, b.job) && areSame(a.attempts, b.attempts, isSameAttempt) &&
    areSame(a.history, b.history, isSameEntry);
}

function isAlikeJob(a: Job, b: Job): boolean {
  // What differs most is asked first.
  return a.token === b.token && a.startedAtMs === b.startedAtMs &&
    a.durationMs === b.durationMs && a.createdAtMs === b.createdAtMs &&
    a.completedAtMs === b.completedAtMs && a.assignedTo === b.assignedTo && a.type === b.type &&
    a.namespace === b.namespace && a.status === b.status && a.priority === b.priority &&
    a.maxRetries === b.maxRetries && a.timeoutMs === b.timeoutMs &&
    a.retryDelayMs === b.retryDelayMs && a.payloadBytes === b.payloadBytes &&
    a.changedAtMs === b.changedAtMs && a.notBeforeMs === b.notBeforeMs &&
    a.queuedAtMs === b.queuedAtMs && a.expiresAtMs === b.expiresAtMs &&
    a.attempt === b.attempt && a.failures === b.failures && a.crashCount === b.crashCount &&
    a.suspicions === b.suspicions && a.releaseCount === b.releaseCount &&
    a.assignedAtMs === b.assignedAtMs && a.deadlineMs === b.deadlineMs &&
    a.errorMessage === b.errorMessage && a.errorKind === b.errorKind &&
    a.deadLetter === b.deadLetter && a.labels === b.labels &&
    a.requiredTags === b.requiredTags && a.submittedBy === b.submittedBy &&
    a.resultBytes === b.resultBytes && a.contentType === b.contentType && a.options === b.options;
}

function areSame<Item>(
  a: readonly Item[],
  b: readonly Item[],
  isSame: (a: Item, b: Item) => boolean,
): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (!isSame(a[at]!, b[at]!)) return false;
  return true;
}

function isSameAttempt(a: Attempt, b: Attempt): boolean {
  return a.attempt === b.attempt && a.token === b.token && a.workerId === b.workerId &&
    a.assignedAtMs === b.assignedAtMs && a.startedAtMs === b.startedAtMs &&
    a.endedAtMs === b.endedAtMs && a.outcome === b.outcome && a.error === b.error;
}

function isSameEntry(a: HistoryEntry, b: HistoryEntry): boolean {
  return a.atMs === b.atMs && a.to === b.to && a.cause === b.cause && a.attempt === b.attempt &&
    a.workerId === b.workerId && a.reason === b.reason;
}

/** JSON of an unfinished job. */
export function encodeLive(stored: LiveJob): string {
  return stored.unmoved === undefined ? encodeJob(stored) : encodeUnmoved(stored.unmoved);
}

/** What the submission that was put into words last has in common with most of its neighbours. */
const last: {
  kind: JobKind | undefined;
  createdAtMs: number;
  payloadBytes: number;
  kindText: string;
  text: string;
} = { kind: undefined, createdAtMs: 0, payloadBytes: 0, kindText: "", text: "" };

/** The same as of the whole job, but for the order. */
function encodeUnmoved(unmoved: UnmovedJob): string {
  return `${namesOf(unmoved)}${commonTextOf(unmoved)}`;
}

function commonTextOf({ kind, createdAtMs, payloadBytes }: UnmovedJob): string {
  const isAsLast = kind === last.kind && createdAtMs === last.createdAtMs &&
    payloadBytes === last.payloadBytes;
  if (isAsLast) return last.text;
  if (kind !== last.kind) last.kindText = JSON.stringify(commonDetailOf(kind)).slice(1);
  const bytes = payloadBytes === 0 ? "" : `"pb":${payloadBytes},`;
  const times = `"ca":${createdAtMs},"ch":${createdAtMs},"qu":${createdAtMs},`;
  last.text = `${bytes}${times}${last.kindText}`;
  last.kind = kind;
  last.createdAtMs = createdAtMs;
  last.payloadBytes = payloadBytes;
  return last.text;
}

function commonDetailOf(kind: JobKind): Partial<Fields> {
  const job = kind.jobOf({
    ...{ id: "", seq: 0, createdAtMs: 0, payloadBytes: 0, idempotencyKey: "", traceparent: "" },
  });
  const { id: _id, n: _seq, ca: _at, ch: _changed, ...common } = detailOf({
    ...{ job, attempts: [], history: [submissionOf(job)] },
  });
  return common;
}

/** An undefined field is not written. */
type Fields = { [Name in keyof JobDetail]: JobDetail[Name] | undefined };

function detailOf({ job, attempts, history }: StoredJob): Fields {
  return {
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
    qu: job.queuedAtMs || undefined,
    ex: job.expiresAtMs || undefined,
    w: job.assignedTo || undefined,
    at: job.attempt || undefined,
    f: job.failures || undefined,
    cr: job.crashCount || undefined,
    su: job.suspicions || undefined,
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
    op: job.options === NO_OPTIONS ? undefined : optionsToWire(withoutDefaults(job.options)),
    ns: job.namespace === DEFAULT_NAMESPACE ? undefined : job.namespace,
    as: attempts.length === 0 ? undefined : attempts.map(encodeAttempt),
    hi: history.length === 0 ? undefined : encodeHistory(history, job.createdAtMs),
  };
}

/** The job of a row, which `verify` has shown to be what {@linkcode encodeJob} wrote. */
export function decodeJob(text: string): StoredJob {
  const detail: JobDetail = JSON.parse(text);
  return {
    job: jobOf(detail),
    attempts: (detail.as ?? []).map(decodeAttempt),
    history: decodeHistory(detail.hi ?? [], detail.ca),
  };
}

function jobOf(detail: JobDetail): Job {
  return {
    id: detail.id,
    seq: detail.n,
    type: detail.ty,
    namespace: detail.ns ?? DEFAULT_NAMESPACE,
    status: detail.st,
    priority: detail.pr ?? 0,
    maxRetries: detail.mr ?? 0,
    timeoutMs: detail.to ?? 0,
    retryDelayMs: detail.rd ?? 0,
    payloadBytes: detail.pb ?? 0,
    createdAtMs: detail.ca,
    changedAtMs: detail.ch,
    notBeforeMs: detail.nb ?? 0,
    queuedAtMs: detail.qu ?? 0,
    expiresAtMs: detail.ex ?? 0,
    assignedTo: detail.w ?? "",
    attempt: detail.at ?? 0,
    failures: detail.f ?? 0,
    crashCount: detail.cr ?? 0,
    suspicions: detail.su ?? 0,
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
    options: detail.op === undefined
      ? NO_OPTIONS
      : { ...NO_OPTIONS, ...optionsFromWire(detail.op) },
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

const HISTORY_FIELDS = 6;

function encodeHistory(history: readonly HistoryEntry[], createdAtMs: number): HistoryDetail {
  const detail: HistoryDetail = [];
  let sinceMs = createdAtMs;
  for (const { atMs, to, cause, attempt, workerId, reason } of history) {
    const causeNumber = CAUSES.indexOf(cause);
    detail.push(atMs - sinceMs, statusNumber(to), causeNumber, attempt, workerId || 0, reason || 0);
    sinceMs = atMs;
  }
  return detail;
}

function decodeHistory(detail: HistoryDetail, createdAtMs: number): HistoryEntry[] {
  const history: HistoryEntry[] = [];
  let atMs = createdAtMs;
  for (let at = 0; at < detail.length; at += HISTORY_FIELDS) {
    const [elapsedMs, to, cause, attempt, workerId, reason] = detail.slice(at, at + HISTORY_FIELDS);
    atMs += Number(elapsedMs);
    history.push({
      atMs,
      to: JOB_STATUSES[Number(to)]!,
      cause: CAUSES[Number(cause)]!,
      attempt: Number(attempt),
      workerId: textOf(workerId),
      reason: textOf(reason),
    });
  }
  return history;
}

function textOf(value: string | number | undefined): string {
  return typeof value === "string" ? value : "";
}

function isEmpty(map: StringMap): boolean {
  for (const _ in map) return false;
  return true;
}
