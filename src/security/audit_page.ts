/**
 * The audit log of a running node, for whoever may look at it: its end, and its lines as they come.
 *
 * @module
 */

import type { AuditLog } from "./audit.ts";

/** What is looked at. */
export interface AuditReader {
  readonly log: AuditLog;
  /** `stdout`, `stderr` or the path of a file. */
  readonly output: string;
}

/** The end of a log. */
export interface AuditPage {
  /** Oldest first. */
  readonly lines: readonly string[];
  /** Where the whole of it is. */
  readonly output: string;
  /** There are older lines. */
  readonly truncated: boolean;
}

/** Of a file no more than this is read: some thousand lines. */
const BYTES_READ_MAX = 1024 * 1024;

/**
 * The latest lines: of the file, or, where the log goes to a stream, those that this process wrote.
 *
 * @throws {Error} when the file cannot be read
 */
export async function auditPage({ log, output }: AuditReader, limit: number): Promise<AuditPage> {
  log.flush();
  const { lines, isAll } = output === "stdout" || output === "stderr"
    ? { lines: log.recent, isAll: true }
    : await endOf(output);
  return {
    lines: lines.slice(-limit),
    output,
    truncated: lines.length > limit || !isAll,
  };
}

async function endOf(path: string): Promise<{ lines: string[]; isAll: boolean }> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  const length = Math.min(size, BYTES_READ_MAX);
  await file.seek(size - length, Deno.SeekMode.Start);
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  const lines = new TextDecoder().decode(bytes.subarray(0, filled)).split("\n");
  // What a cut made of the first line is none, and behind the last line break there is none yet.
  return { lines: lines.slice(length < size ? 1 : 0, -1), isAll: length === size };
}
