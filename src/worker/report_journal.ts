/**
 * Reports on disk until they are acknowledged, so that a worker that is killed while it reports does
 * not run its jobs again when it is back.
 *
 * A report is appended before it is sent, and nothing is written when one is acknowledged: the file is
 * emptied with a heartbeat, or when it has grown, if none is left, and written anew if some are. So after a kill it may
 * hold reports that had arrived; sending them again changes nothing. There is no fsync: what a process
 * has written outlives its death, and a machine that loses power loses at most reports whose jobs are
 * then run again.
 *
 * @module
 */

import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { crc32 } from "node:zlib";
import { JOB_LIMITS } from "../jobs/mod.ts";
import type { Logger } from "../observability/light.ts";
import type { AttemptReportView } from "../rpc/light.ts";
import type { ReportKeeper } from "./report_keeper.ts";
import { attemptKey } from "./attempt_map.ts";

export interface ReportJournalOptions {
  readonly log: Pick<Logger, "warn">;
  /** Beyond, new reports are in memory alone until older ones are acknowledged. */
  readonly bytesMax?: number;
  /** The file is written anew at this length, and then each time that it has doubled. */
  readonly rewriteBytesMin?: number;
  /** A clock that only goes on, in ms. */
  readonly now?: () => number;
}

/** The file's first bytes; the digit is its format. */
const MAGIC = new TextEncoder().encode("conductor reports 1\n");
/** Length and CRC-32 of what follows, each a 32-bit number. */
const FRAME_HEAD_BYTES = 8;
const NOTHING = new Uint8Array(0);
const text = new TextEncoder();
/** Of a UTF-16 unit. */
const UTF8_BYTES_MAX = 3;
const BYTES_MAX = 256 * 1024 * 1024;
const REWRITE_BYTES_MIN = 256 * 1024;
/** The file is looked for at most once in so many ms. */
const LOOK_INTERVAL_MS = 1_000;
/** To empty a shorter file costs more than some reports that are sent again should the process be killed. */
const EMPTY_BYTES_MIN = 64 * 1024;

export class ReportJournal implements ReportKeeper {
  readonly kept: readonly AttemptReportView[];
  readonly #path: string;
  readonly #log: Pick<Logger, "warn">;
  readonly #bytesMax: number;
  readonly #rewriteBytesMin: number;
  readonly #now: () => number;
  #lookedMs: number;
  /** It is not at its path any more and could not be put there: told once. */
  #isAstray = false;
  #file: number;
  #bytes: number;
  #rewriteAtBytes: number;
  /** It could not be written, or was full: told once, until it can be again. */
  #isAmiss = false;
  /** Its descriptor may be another file's by now. What comes later is a report that this process never sends. */
  #isClosed = false;

  private constructor(path: string, file: number, found: Found, options: ReportJournalOptions) {
    this.#path = path;
    this.#file = file;
    this.kept = found.reports;
    this.#bytes = found.bytes;
    this.#log = options.log;
    this.#bytesMax = options.bytesMax ?? BYTES_MAX;
    this.#rewriteBytesMin = options.rewriteBytesMin ?? REWRITE_BYTES_MIN;
    this.#rewriteAtBytes = this.#rewriteBytesMin;
    this.#now = options.now ?? (() => performance.now());
    this.#lookedMs = this.#now();
  }

  /**
   * Opens the journal at `path`, or makes it. What was being written when a process died is left out.
   *
   * @throws Error when the file is there and is no such journal: what to do is said.
   */
  static open(path: string, options: ReportJournalOptions): ReportJournal {
    closeSync(openSync(path, "a", 0o600));
    const file = openSync(path, "r+");
    try {
      const found = readAll(path, file);
      if (found.lostBytes > 0) {
        options.log.warn("a part of the journal of results is damaged, and left out", {
          path,
          lost_bytes: found.lostBytes,
          reports: found.reports.length,
        });
      }
      return new ReportJournal(path, file, found, options);
    } catch (failure) {
      closeSync(file);
      throw failure;
    }
  }

  /** The last results that came are not kept: it could not be written, or was full. */
  get isAmiss(): boolean {
    return this.#isAmiss || this.#isAstray;
  }

  /** Appends reports that are about to be sent. */
  keep(reports: readonly AttemptReportView[]): void {
    this.#look();
    const frames = framesOf(reports);
    if (this.#bytes + frames.byteLength > this.#bytesMax) {
      this.#amiss(`it has ${this.#bytes} bytes and may have ${this.#bytesMax}`);
      return;
    }
    this.#write(() => {
      // At the place where the last whole one ends: what a failed write left is overwritten.
      writeFully(this.#file, frames, this.#bytes);
      this.#bytes += frames.byteLength;
    });
  }

  /** Some were acknowledged; so many are not. */
  settled(count: number, remaining: () => readonly AttemptReportView[]): void {
    if (count > 0) {
      if (this.#bytes >= this.#rewriteAtBytes) this.#rewrite(framesOf(remaining()));
    } else if (this.#bytes >= Math.min(EMPTY_BYTES_MIN, this.#bytesMax / 2)) this.rest();
  }

  /** Nothing is left. */
  rest(): void {
    this.#look();
    if (this.#bytes === MAGIC.byteLength) return;
    this.#write(() => {
      ftruncateSync(this.#file, MAGIC.byteLength);
      this.#bytes = MAGIC.byteLength;
      this.#rewriteAtBytes = this.#rewriteBytesMin;
    });
  }

  /** Leaves exactly these for the next process. */
  close(remaining: readonly AttemptReportView[]): void {
    if (remaining.length === 0) this.rest();
    else this.#rewrite(framesOf(remaining));
    this.#isClosed = true;
    closeSync(this.#file);
  }

  #rewrite(frames: Uint8Array): void {
    this.#write(() => this.#replace(frames));
  }

  /** @throws when it cannot be written: then all is as it was */
  #replace(frames: Uint8Array): void {
    const part = `${this.#path}.part`;
    const next = openSync(part, "w+", 0o600);
    try {
      writeFully(next, MAGIC, 0);
      writeFully(next, frames, MAGIC.byteLength);
      renameSync(part, this.#path);
    } catch (failure) {
      closeSync(next);
      rmSync(part, { force: true });
      throw failure;
    }
    closeSync(this.#file);
    this.#file = next;
    this.#bytes = MAGIC.byteLength + frames.byteLength;
    // Twice as much must come before it pays again.
    this.#rewriteAtBytes = Math.max(this.#rewriteBytesMin, 2 * this.#bytes);
  }

  /**
   * Whoever removes the file, to free the disk or with its directory, leaves us writing to what no later
   * process will find. What is in it is still there for us, and is put where it belongs.
   */
  #look(): void {
    const nowMs = this.#now();
    if (this.#isClosed || nowMs - this.#lookedMs < LOOK_INTERVAL_MS) return;
    this.#lookedMs = nowMs;
    try {
      if (isAt(this.#path, this.#file)) {
        this.#isAstray = false;
        return;
      }
      const frames = readFully(this.#file, this.#bytes).subarray(MAGIC.byteLength);
      this.#replace(frames);
      this.#isAstray = false;
      this.#log.warn("the journal of results had been removed; it is written anew", {
        path: this.#path,
      });
    } catch (failure) {
      if (this.#isAstray) return;
      this.#isAstray = true;
      this.#log.warn("the journal of results was removed, and cannot be written anew", {
        path: this.#path,
        reason: failure instanceof Error ? failure.message : String(failure),
      });
    }
  }

  /** A disk that is full must not keep results from being sent. */
  #write(write: () => void): void {
    if (this.#isClosed) return;
    try {
      write();
      this.#isAmiss = false;
    } catch (failure) {
      this.#amiss(failure instanceof Error ? failure.message : String(failure));
    }
  }

  #amiss(reason: string): void {
    if (this.#isAmiss) return;
    this.#isAmiss = true;
    this.#log.warn("results cannot be kept on disk; those of a killed worker would be lost", {
      path: this.#path,
      reason,
    });
  }
}

interface Found {
  readonly reports: readonly AttemptReportView[];
  /** Where the last whole report ends. */
  readonly bytes: number;
  readonly lostBytes: number;
}

/** Whether the open file is the one at `path`. */
function isAt(path: string, file: number): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const { ino, dev } = fstatSync(file);
  return there !== undefined && there.ino === ino && there.dev === dev;
}

function readFully(file: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const read = readSync(file, bytes, at, length - at, at);
    if (read === 0) break;
    at += read;
  }
  return bytes;
}

function readAll(path: string, file: number): Found {
  const length = fstatSync(file).size;
  const bytes = readFully(file, length);
  // A process may have died before it had written all of the first bytes.
  if (length < MAGIC.byteLength && bytes.every((byte, at) => byte === MAGIC[at])) {
    writeFully(file, MAGIC, 0);
    return { reports: [], bytes: MAGIC.byteLength, lostBytes: 0 };
  }
  if (!MAGIC.every((byte, at) => byte === bytes[at])) {
    throw new Error(
      `${path} is no journal of results that this program knows; run the version of conductor that ` +
        "wrote it, or remove it to start without its results (their jobs run again)",
    );
  }
  const reports = new Map<string, AttemptReportView>();
  let at = MAGIC.byteLength;
  for (;;) {
    const body = frameAt(bytes, at);
    if (body === undefined) break;
    const report = reportOf(body);
    reports.set(attemptKey(report.jobId, report.token), report);
    at += FRAME_HEAD_BYTES + body.byteLength;
  }
  return { reports: [...reports.values()], bytes: at, lostBytes: length - at };
}

/** Undefined at the end, and where something is not whole. */
function frameAt(bytes: Uint8Array, at: number): Uint8Array | undefined {
  if (at + FRAME_HEAD_BYTES > bytes.byteLength) return undefined;
  const head = new DataView(bytes.buffer, bytes.byteOffset + at, FRAME_HEAD_BYTES);
  const body = bytes.subarray(at + FRAME_HEAD_BYTES, at + FRAME_HEAD_BYTES + head.getUint32(0));
  const isWhole = body.byteLength > 0 && body.byteLength === head.getUint32(0) &&
    crc32(body) === head.getUint32(4);
  return isWhole ? body : undefined;
}

/** A report as JSON, but for its output, whose bytes follow: the length of the JSON is in front. */
function bodyOf(
  report: AttemptReportView,
): { readonly json: string; readonly output: Uint8Array } {
  if (report.kind !== "finished") return { json: JSON.stringify(report), output: NOTHING };
  const { jobId, token, kind, success, output, contentType, error, permanent } = report;
  const { timedOut, durationMs, logTail, logLinesCut } = report;
  // Written out: to take the rest of an object costs as much as its JSON.
  const rest: Omit<typeof report, "output"> = {
    jobId,
    token,
    kind,
    success,
    contentType,
    error,
    permanent,
    timedOut,
    durationMs,
    logTail,
    logLinesCut,
  };
  return { json: JSON.stringify(rest), output };
}

function reportOf(body: Uint8Array): AttemptReportView {
  const length = new DataView(body.buffer, body.byteOffset).getUint32(0);
  const rest = JSON.parse(new TextDecoder().decode(body.subarray(4, 4 + length)));
  if (rest.kind !== "finished") return rest;
  // Of versions that did not cut it: no master takes megabytes of it, nor then the worker.
  const error = rest.error.slice(0, JOB_LIMITS.messageCharactersMax);
  return { ...rest, error, output: body.slice(4 + length) };
}

/** All in one array, since each array of its own is memory that the runtime asks the system for. */
function framesOf(reports: readonly AttemptReportView[]): Uint8Array {
  const bodies = reports.map(bodyOf);
  const bytesMax = bodies.reduce(
    (sum, { json, output }) =>
      sum + FRAME_HEAD_BYTES + 4 + UTF8_BYTES_MAX * json.length + output.byteLength,
    0,
  );
  const frames = new Uint8Array(bytesMax);
  const view = new DataView(frames.buffer);
  let at = 0;
  for (const { json, output } of bodies) {
    const start = at + FRAME_HEAD_BYTES;
    const jsonStart = start + 4;
    const { written } = text.encodeInto(json, frames.subarray(jsonStart));
    view.setUint32(start, written);
    frames.set(output, jsonStart + written);
    const end = jsonStart + written + output.byteLength;
    view.setUint32(at, end - start);
    view.setUint32(at + 4, crc32(frames.subarray(start, end)));
    at = end;
  }
  return frames.subarray(0, at);
}

function writeFully(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.byteLength;) {
    at += writeSync(file, bytes, at, bytes.byteLength - at, position + at);
  }
}
