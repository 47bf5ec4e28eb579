/**
 * Jobs and workers as people and scripts want to read them.
 *
 * @module
 */

import { isDeeperThan, parseExactly } from "../json/mod.ts";
import {
  type AttemptView,
  DEFAULT_NAMESPACE,
  type JobDetails,
  type JobView,
  type ResultView,
  type TransitionView,
} from "../rpc/mod.ts";
import { optionPairs, optionsJson } from "./present_options.ts";
import { sealedJson, sealedNote } from "./present_sealed.ts";
import { cut, renderPairs, renderTable } from "./table.ts";
import { printable, printableLines, type Sheet, type Styles } from "./terminal.ts";

/** More levels of lists and objects are shown as text: what walks over them has a stack that ends. */
const JSON_LEVELS_MAX = 500;

/** Characters of a result that are shown unasked. */
const RESULT_SHOWN_CHARACTERS_MAX = 4_000;

/** A job as JSON: times in RFC 3339, the result parsed if it is JSON. */
export function jobJson(job: JobView): Record<string, unknown> {
  return {
    id: job.id,
    type: job.type,
    namespace: job.namespace,
    status: job.status,
    priority: job.priority,
    assigned_to: job.assignedTo,
    created_at: timeText(job.createdAtMs),
    started_at: timeText(job.startedAtMs),
    completed_at: timeText(job.completedAtMs),
    not_before: timeText(job.notBeforeMs),
    queued_at: timeText(job.queuedAtMs),
    expires_at: timeText(job.expiresAtMs),
    queue: job.queue,
    submitted_by: job.submittedBy === "" ? null : job.submittedBy,
    attempt: job.attempt,
    retry_count: job.retryCount,
    max_retries: job.maxRetries,
    timeout_ms: job.timeoutMs,
    retry_delay_ms: job.retryDelayMs ?? 0,
    error: job.errorMessage === "" ? null : job.errorMessage,
    dead_letter: job.deadLetter,
    labels: job.labels,
    required_tags: job.requiredTags ?? {},
    traceparent: job.traceparent,
    ...(job.options === undefined ? {} : { options: optionsJson(job.options) }),
    ...(job.result === undefined ? {} : { result: resultJson(job.result) }),
  };
}

/** A job with its history as JSON. */
export function detailsJson(details: JobDetails): Record<string, unknown> {
  return {
    ...jobJson(details.job),
    payload: bodyJson(details.job.payload ?? new Uint8Array(0), ""),
    progress: details.progress,
    progress_message: details.progressMessage,
    waiting_reasons: details.waitingReasons,
    attempts: details.attempts.map((each) => ({
      attempt: each.attempt,
      worker_id: each.workerId,
      assigned_at: timeText(each.assignedAtMs),
      started_at: timeText(each.startedAtMs),
      ended_at: timeText(each.endedAtMs),
      outcome: each.outcome,
      error: each.error,
    })),
    log_tail: details.logTail,
    history: details.history.map((each) => ({
      at: timeText(each.atMs),
      status: each.status,
      cause: each.cause,
      attempt: each.attempt,
      worker_id: each.workerId === "" ? null : each.workerId,
      reason: each.reason === "" ? null : each.reason,
    })),
  };
}

/** A table of jobs. */
export function jobTable(jobs: readonly JobView[], sheet: Sheet): string {
  const isMixed = areSeveral(jobs);
  return renderTable(
    [
      "JOB",
      ...(isMixed ? [NAMESPACE_COLUMN] : []),
      { title: "TYPE", cutTo: 12 },
      "STATUS",
      { title: "PRIORITY", rank: 3 },
      { title: "ATTEMPT", rank: 2 },
      { title: "WORKER", cutTo: 8, rank: 1 },
      { title: "CREATED", rank: 1 },
    ],
    jobs.map((job) => [
      job.id,
      ...(isMixed ? [printable(job.namespace)] : []),
      printable(job.type),
      statusText(job, sheet.style),
      String(job.priority),
      attemptText(job, "/"),
      printable(job.assignedTo),
      secondText(job.createdAtMs),
    ]),
    sheet,
  );
}

/** Shown where what is listed is not all in one. */
export const NAMESPACE_COLUMN = { title: "NAMESPACE", cutTo: 12 } as const;

/** Whether these are in more than one namespace. */
export function areSeveral(items: readonly { readonly namespace: string }[]): boolean {
  return items.some(({ namespace }) => namespace !== items[0]?.namespace);
}

/** Characters of an error in a table: enough to know it by. */
const ERROR_CHARACTERS_MAX = 80;

/** A table of dead letters: what came of them, and when. */
export function deadLetterTable(jobs: readonly JobView[], sheet: Sheet): string {
  const isMixed = areSeveral(jobs);
  return renderTable(
    [
      "JOB",
      ...(isMixed ? [NAMESPACE_COLUMN] : []),
      { title: "TYPE", cutTo: 12 },
      { title: "ATTEMPT", rank: 3 },
      { title: "WORKER", cutTo: 8, rank: 2 },
      { title: "FAILED", rank: 1 },
      { title: "ERROR", cutTo: 20 },
    ],
    jobs.map((job) => [
      job.id,
      ...(isMixed ? [printable(job.namespace)] : []),
      printable(job.type),
      attemptText(job, "/"),
      printable(job.assignedTo),
      secondText(job.completedAtMs ?? 0),
      cut(printable(job.errorMessage), ERROR_CHARACTERS_MAX),
    ]),
    sheet,
  );
}

/** One job in full. */
export function detailsText(details: JobDetails, sheet: Sheet): string {
  const { job } = details;
  const { style } = sheet;
  const pairs: [string, string][] = [
    ["Job", style.bold(job.id)],
    ["Type", printable(job.type)],
    ["Status", statusText(job, style)],
    ...details.waitingReasons.map((reason): [string, string] => ["Waits", printable(reason)]),
    ...(job.errorMessage === ""
      ? []
      : [["Error", style.red(printable(job.errorMessage))] as [string, string]]),
    ["Priority", String(job.priority)],
    ["Queue", printable(job.queue)],
    ...(job.namespace === DEFAULT_NAMESPACE
      ? []
      : [["Namespace", printable(job.namespace)] as [string, string]]),
    ...optionPairs(job),
    ["Attempt", attemptText(job, " of at most ")],
    ...(job.assignedTo === "" ? [] : [["Worker", printable(job.assignedTo)] as [string, string]]),
    ...(details.progress > 0 && details.progress < 1
      ? [["Progress", progressText(details.progress, details.progressMessage)] as [string, string]]
      : []),
    ["Created", timeText(job.createdAtMs) ?? ""],
    ...timePair("Not before", job.notBeforeMs),
    ...timePair("Expires", job.expiresAtMs),
    ...timePair("Started", job.startedAtMs),
    ...timePair("Finished", job.completedAtMs),
    ...Object.entries(job.labels).map(([name, value]): [string, string] => [
      "Label",
      printable(`${name}=${value}`),
    ]),
    ["Trace", job.traceparent.split("-")[1] ?? ""],
  ];
  const parts = [renderPairs(pairs)];
  if (details.history.length > 0) parts.push(historyTable(details.history, sheet));
  if (details.attempts.length > 1) parts.push(attemptTable(details.attempts, sheet));
  if (details.logTail.length > 0) {
    parts.push(details.logTail.map((line) => `  ${style.dim(printable(line))}`).join("\n") + "\n");
  }
  if (job.result !== undefined && job.result.success) parts.push(resultText(job));
  return parts.join("\n");
}

/** The result for a person: pretty if it is JSON, told about if it is bytes. */
export function resultText(job: JobView): string {
  const { output = new Uint8Array(0), contentType = "" } = job.result ?? {};
  if (output.byteLength === 0) return "The result is empty.\n";
  const sealed = sealedNote(output);
  if (sealed !== undefined) return `The result is ${sealed}\n`;
  const text = textOf(output);
  if (text === undefined) {
    return `The result is ${output.byteLength} bytes of ${contentType}: ` +
      `conductor result ${job.id} > FILE\n`;
  }
  const whole = contentType.includes("json") ? prettyJson(text) : text;
  const shown = printableLines(whole);
  if (shown.length <= RESULT_SHOWN_CHARACTERS_MAX) return `${shown.trimEnd()}\n`;
  return `${shown.slice(0, RESULT_SHOWN_CHARACTERS_MAX).trimEnd()}\n… ${
    shown.length - RESULT_SHOWN_CHARACTERS_MAX
  } characters more: conductor result ${job.id}\n`;
}

/** `running`, in the colour that it deserves. */
export function statusText(job: Pick<JobView, "status" | "deadLetter">, style: Styles): string {
  const text = job.deadLetter ? `${job.status} (dead letter)` : job.status;
  switch (job.status) {
    case "completed":
      return style.green(text);
    case "failed":
      return style.red(text);
    case "cancelled":
      return style.yellow(text);
    case "running":
      return style.cyan(text);
    default:
      return text;
  }
}

/** ` 42% fetched 3 of 7 pages` */
export function progressText(fraction: number, message: string): string {
  const percent = `${Math.floor(fraction * 100)}%`.padStart(4);
  return message === "" ? percent : `${percent} ${printable(message)}`;
}

/** RFC 3339, or undefined for a time that has not come. */
export function timeText(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** A time as a table shows it: whole seconds are enough for people. */
export function secondText(ms: number | undefined): string {
  return timeText(ms)?.replace(/\.\d+Z$/, "Z") ?? "";
}

/** A job that was brought back counts its attempts on, and its budget anew. */
function attemptText({ attempt, maxRetries }: JobView, of: string): string {
  return attempt > maxRetries + 1 ? String(attempt) : `${attempt}${of}${maxRetries + 1}`;
}

function timePair(name: string, ms: number | undefined): [string, string][] {
  const text = timeText(ms);
  return text === undefined ? [] : [[name, text]];
}

function historyTable(history: readonly TransitionView[], sheet: Sheet): string {
  return renderTable(
    [
      "AT",
      "STATUS",
      { title: "BY", rank: 2 },
      { title: "ATTEMPT", rank: 3 },
      { title: "WORKER", cutTo: 8, rank: 1 },
      { title: "REASON", cutTo: 20 },
    ],
    history.map((each) => [
      timeText(each.atMs) ?? "",
      each.status,
      each.cause,
      each.attempt === 0 ? "" : String(each.attempt),
      printable(each.workerId),
      printable(each.reason),
    ]),
    sheet,
  );
}

function attemptTable(attempts: readonly AttemptView[], sheet: Sheet): string {
  return renderTable(
    [
      "ATTEMPT",
      { title: "WORKER", cutTo: 8, rank: 1 },
      "OUTCOME",
      { title: "ASSIGNED", rank: 2 },
      { title: "ENDED", rank: 1 },
      { title: "ERROR", cutTo: 20 },
    ],
    attempts.map((each) => [
      String(each.attempt),
      printable(each.workerId),
      each.outcome === "" ? "runs" : each.outcome,
      timeText(each.assignedAtMs) ?? "",
      timeText(each.endedAtMs) ?? "",
      printable(each.error),
    ]),
    sheet,
  );
}

function resultJson(result: ResultView): Record<string, unknown> {
  return {
    success: result.success,
    error: result.error === "" ? null : result.error,
    duration_ms: result.durationMs,
    content_type: result.contentType,
    output: bodyJson(result.output, result.contentType),
  };
}

/** JSON as itself unless it is nested without end, other text as a string, bytes as base64, with the key's id if they are encrypted. */
export function bodyJson(body: Uint8Array, contentType: string): unknown {
  if (body.byteLength === 0) return null;
  const sealed = sealedJson(body);
  if (sealed !== undefined) return sealed;
  const text = textOf(body);
  if (text === undefined) return { base64: body.toBase64() };
  if (contentType !== "" && !contentType.includes("json")) return text;
  if (isDeeperThan(JSON_LEVELS_MAX, text)) return text;
  try {
    return parseExactly(text);
  } catch {
    // It need not be JSON: a payload is whatever its type takes.
    return text;
  }
}

function prettyJson(text: string): string {
  if (isDeeperThan(JSON_LEVELS_MAX, text)) return text;
  try {
    return JSON.stringify(parseExactly(text), null, 2);
  } catch {
    // A custom type may call JSON what is none; it is shown as it is.
    return text;
  }
}

/** Undefined when the bytes are not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
