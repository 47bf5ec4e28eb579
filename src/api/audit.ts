/**
 * The audit log over HTTP.
 *
 * @module
 */

import { jsonAnswer } from "../http/mod.ts";
import { Refusal } from "../rpc/mod.ts";
import { auditPage, type AuditReader } from "../security/mod.ts";
import { eventBytes, type EventWriter } from "./event_stream.ts";

const LINES_DEFAULT = 200;
const LINES_MAX = 1_000;
/** Lines that wait for a slow reader; then the oldest are left out, and it is told how many. */
const WAITING_LINES_MAX = 1_000;

/** The log. @throws Refusal `failed_precondition` when there is none */
export function requiredLog(reader: AuditReader | undefined): AuditReader {
  if (reader !== undefined) return reader;
  throw new Refusal("failed_precondition", "this node writes no audit log: see log.audit_enabled");
}

/** `GET /audit` */
export async function auditAnswer(reader: AuditReader, query: URLSearchParams): Promise<Response> {
  const limit = Number(query.get("limit") ?? LINES_DEFAULT);
  if (!Number.isInteger(limit) || limit < 1 || limit > LINES_MAX) {
    throw new Refusal(
      "invalid",
      `limit is "${query.get("limit")}"; it is a whole number from 1 to ${LINES_MAX}`,
    );
  }
  const { lines, output, truncated } = await auditPage(reader, limit);
  return jsonAnswer(200, { lines: lines.map(shownLine), file: output, truncated });
}

/** `GET /audit/stream`: what this process writes from now on, or from the line behind `lastEventId`. */
export async function followAudit(
  { log }: AuditReader,
  lastEventId: string | null,
  out: EventWriter,
  signal: AbortSignal,
): Promise<void> {
  const seen = lastEventId === null ? Number.POSITIVE_INFINITY : Number(lastEventId);
  const waiting: string[] = log.recent.filter((line) => sequenceOf(line) > seen);
  let missed = 0;
  let wake = () => {};
  const forget = log.onWritten((lines) => {
    waiting.push(...lines);
    const excess = waiting.length - WAITING_LINES_MAX;
    if (excess > 0) missed += waiting.splice(0, excess).length;
    wake();
  });
  signal.addEventListener("abort", () => wake(), { once: true });
  try {
    out.open();
    while (!signal.aborted) {
      if (missed > 0) {
        const lines = missed;
        missed = 0;
        await out.write(eventBytes("missed", { lines }));
      }
      const line = waiting.shift();
      if (line !== undefined) await out.write(lineEvent(line));
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    forget();
  }
}

function lineEvent(line: string): Uint8Array {
  const sequence = sequenceOf(line);
  const id = Number.isNaN(sequence) ? undefined : String(sequence);
  return eventBytes("audit", shownLine(line), id);
}

/** Lines that somebody else put into the file may be anything. */
function shownLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return { msg: line };
  }
}

/** NaN: the log is no chain. */
function sequenceOf(line: string): number {
  return Number(/,"seq":(\d{1,15}),"prev":"/.exec(line)?.[1] ?? Number.NaN);
}
