/**
 * A log file that is put aside when it has grown, and that follows its name: when a tool, or another
 * process that logs to the same path, moves the file away, writing goes on in a new one.
 *
 * @module
 */

import { dirname } from "node:path";
import { describeError } from "./log_fields.ts";
import type { LogDestination } from "./log_destination.ts";
import { writeAll } from "./write_all.ts";

/** When a log file is put aside. */
export interface RotationOptions {
  /** Size beyond which the file becomes `PATH.1`. Default 64 MiB. */
  readonly fileBytesMax?: number;
  /** Files kept beside the current one, `PATH.1` the youngest. Default 5. */
  readonly filesKept?: number;
  /** How often the path is checked for a file moved away, in ms. Default 1000. */
  readonly checkIntervalMs?: number;
  /** Monotonic clock in ms, for tests. */
  readonly now?: () => number;
}

/** A log file cannot be opened; the message says what to do. */
export class LogFileError extends Error {
  override name = "LogFileError";
}

const FILE_BYTES_MAX = 64 * 1024 * 1024;
const FILES_KEPT = 5;
const CHECK_INTERVAL_MS = 1_000;
const NEWLINE = 10;
/** Readable for the group that collects logs, not for everyone: lines name users and jobs. */
const FILE_MODE = 0o640;

export class LogFile implements LogDestination {
  readonly isTerminal = false;
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #filesKept: number;
  readonly #checkIntervalMs: number;
  readonly #now: () => number;
  readonly #encoder = new TextEncoder();
  #file: Deno.FsFile | undefined;
  #inode: number | null = null;
  #sizeBytes = 0;
  /** It does not grow, and is not ours to put aside. */
  #isDevice = false;
  /** It ends in the middle of a line: the disk was full, or a process or the machine ended there. */
  #isTorn = false;
  /** Put off while the file cannot be put aside: a long log is better than none. */
  #rotateAtBytes: number;
  #checkedAtMs: number;
  #isFailing = false;
  linesLost = 0;

  /** @throws LogFileError */
  constructor(path: string, options: RotationOptions = {}) {
    this.#path = path;
    this.#bytesMax = options.fileBytesMax ?? FILE_BYTES_MAX;
    this.#rotateAtBytes = this.#bytesMax;
    this.#filesKept = options.filesKept ?? FILES_KEPT;
    this.#checkIntervalMs = options.checkIntervalMs ?? CHECK_INTERVAL_MS;
    this.#now = options.now ?? (() => performance.now());
    this.#checkedAtMs = this.#now();
    try {
      this.#open();
    } catch (failure) {
      throw cannotOpen(path, failure);
    }
  }

  write(line: string): void {
    let bytes = this.#encoder.encode(line);
    try {
      this.#followPath();
      const isFull = this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > this.#rotateAtBytes;
      if (isFull && !this.#isDevice) this.#rotate();
      if (this.#file === undefined) this.#open();
      // Glued to half a line, a whole one could not be read either.
      if (this.#isTorn) bytes = this.#encoder.encode(`\n${line}`);
      if (this.#file !== undefined) writeAll(this.#file, bytes);
      this.#isTorn = false;
      this.#sizeBytes += bytes.length;
      this.#recovered();
    } catch (failure) {
      this.linesLost++;
      // The next line tries the path afresh: what we hold may lead nowhere.
      this.close();
      this.#failed(failure);
    }
  }

  reopen(): void {
    this.close();
    try {
      this.#open();
    } catch (failure) {
      this.#failed(failure);
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #open(): void {
    Deno.mkdirSync(dirname(this.#path), { recursive: true });
    const file = Deno.openSync(this.#path, { append: true, create: true, mode: FILE_MODE });
    const { ino, size, isFile } = file.statSync();
    this.#file = file;
    this.#inode = ino;
    this.#sizeBytes = size;
    this.#isDevice = !isFile;
    this.#isTorn = isFile && size > 0 && lastByteOf(this.#path, size) !== NEWLINE;
  }

  /** Now and then: does the path still lead to the file that we write? */
  #followPath(): void {
    if (this.#now() - this.#checkedAtMs < this.#checkIntervalMs) return;
    this.#checkedAtMs = this.#now();
    const onDisk = statOf(this.#path);
    if (onDisk === undefined || onDisk.ino !== this.#inode) this.reopen();
    else this.#sizeBytes = onDisk.size;
  }

  #rotate(): void {
    const ours = this.#inode;
    this.close();
    try {
      // Another process with the same path may have been quicker.
      if (statOf(this.#path)?.ino === ours) this.#shiftFiles();
      this.#rotateAtBytes = this.#bytesMax;
    } catch (failure) {
      this.#rotateAtBytes = this.#sizeBytes + this.#bytesMax;
      tellOnStderr(
        `cannot put the log file "${this.#path}" aside, so it grows: ${describeError(failure)}`,
      );
    }
    this.#open();
  }

  #shiftFiles(): void {
    if (this.#filesKept === 0) {
      Deno.removeSync(this.#path);
      return;
    }
    // Up to the first number that is free: when moving the file itself has failed, the files kept
    // beside it are not moved on, and off the end, again and again.
    let free = 1;
    while (free < this.#filesKept && statOf(`${this.#path}.${free}`) !== undefined) free++;
    for (let number = free; number > 1; number--) {
      Deno.renameSync(`${this.#path}.${number - 1}`, `${this.#path}.${number}`);
    }
    Deno.renameSync(this.#path, `${this.#path}.1`);
  }

  #failed(failure: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    tellOnStderr(
      `cannot write the log file "${this.#path}": ${describeError(failure)}; ` +
        "lines are lost until that is mended",
    );
  }

  #recovered(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    tellOnStderr(`the log file "${this.#path}" is written again; lines lost: ${this.linesLost}`);
  }
}

/** A newline also where it cannot be read: that it can be written is what matters, and nothing is known of a torn line then. */
function lastByteOf(path: string, size: number): number {
  const last = new Uint8Array([NEWLINE]);
  try {
    using file = Deno.openSync(path, { read: true });
    file.seekSync(size - 1, Deno.SeekMode.Start);
    file.readSync(last);
  } catch {
    return NEWLINE; // it may be another's to read, or no descriptor is left
  }
  return last[0] ?? NEWLINE;
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return undefined;
    throw failure;
  }
}

function cannotOpen(path: string, failure: unknown): LogFileError {
  const remedy = failure instanceof Deno.errors.PermissionDenied
    ? `let this user write in ${dirname(path)}, or set log.output to stdout, stderr or another path`
    : "set log.output to stdout, stderr or the path of a file that can be written";
  return new LogFileError(`cannot open the log file "${path}": ${reasonOf(failure)}; ${remedy}`, {
    cause: failure,
  });
}

function reasonOf(failure: unknown): string {
  if (failure instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (
    failure instanceof Deno.errors.NotADirectory || failure instanceof Deno.errors.AlreadyExists
  ) {
    return "a part of its path is not a directory";
  }
  if (failure instanceof Deno.errors.IsADirectory) return "it is a directory";
  return describeError(failure);
}

function tellOnStderr(text: string): void {
  try {
    writeAll(Deno.stderr, new TextEncoder().encode(`conductor: ${text}\n`));
  } catch {
    // Nobody is left to listen; `linesLost` still tells.
  }
}
