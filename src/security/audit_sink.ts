import { dirname } from "node:path";
import { type ChainHead, headPathOf, headText } from "./audit_chain.ts";
import { reasonOf, SecurityConfigurationError } from "./configuration_error.ts";

/** Where audit lines end up. */
export interface AuditSink {
  /** Writes whole lines, all or nothing as far as the caller is concerned; throws when it cannot. */
  write(lines: string): void;
  /**
   * Makes what was written survive the machine, and notes where the chain stands, so that a log whose
   * end was cut off is told from a whole one. Throws when it cannot.
   */
  sync?(head: ChainHead | undefined): void;
  /** Opens the file by its name anew, which somebody else may have moved away. */
  reopen?(): void;
  close(): void;
}

/** A file that is moved aside when it is full. */
export interface AuditFileOptions {
  readonly path: string;
  /** The file is moved to `path.1` before it grows beyond this. Default 100 MiB. */
  readonly fileBytesMax?: number;
  /** Moved files kept, `path.1` (latest) to `path.N` (oldest). Default 10. */
  readonly filesKept?: number;
  /** Told when a full file cannot be moved aside, so that it grows; once until it can again. */
  readonly onRotationFailure?: (failure: unknown) => void;
  /** Monotonic clock in ms, for tests. */
  readonly now?: () => number;
}

/** How long a full file grows before moving it aside is tried again, in ms. */
const ROTATION_RETRY_MS = 1_000;

/** Standard output or standard error. */
export class StreamSink implements AuditSink {
  readonly #stream: { writeSync(bytes: Uint8Array): number };

  constructor(output: "stdout" | "stderr") {
    this.#stream = output === "stdout" ? Deno.stdout : Deno.stderr;
  }

  write(lines: string): void {
    writeAll(this.#stream, new TextEncoder().encode(lines));
  }

  close(): void {
    // The process's own streams stay open.
  }
}

/** What is under a name and no file: a device, a pipe. Nothing of it is read again, synced, or moved aside. */
export class DeviceSink implements AuditSink {
  readonly #path: string;
  #device: Deno.FsFile;

  /** @throws {SecurityConfigurationError} naming it, when it cannot be opened */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#device = Deno.openSync(path, { append: true });
    } catch (thrown) {
      throw cannotWrite(path, thrown);
    }
  }

  write(lines: string): void {
    writeAll(this.#device, new TextEncoder().encode(lines));
  }

  reopen(): void {
    const next = Deno.openSync(this.#path, { append: true });
    this.#device.close();
    this.#device = next;
  }

  close(): void {
    this.#device.close();
  }
}

/** Whether there is something under a name that is neither a file nor a directory. */
export function isDevice(path: string): boolean {
  try {
    const { isFile, isDirectory } = Deno.statSync(path);
    return !isFile && !isDirectory;
  } catch {
    return false; // opening it tells what is wrong
  }
}

/**
 * A file of mode 0600, appended to and rotated by size. Beside it, in `path.head`, stands the number
 * and hash of the last line that is known to be on the disk.
 */
export class FileSink implements AuditSink {
  readonly #path: string;
  readonly #fileBytesMax: number;
  readonly #filesKept: number;
  readonly #onRotationFailure: (failure: unknown) => void;
  readonly #now: () => number;
  #file: Deno.FsFile;
  #bytes: number;
  /** Put off after a failure. */
  #rotateFromMs = Number.NEGATIVE_INFINITY;
  #isGrowing = false;

  /** @throws {SecurityConfigurationError} naming the file, when it cannot be opened */
  constructor(options: AuditFileOptions) {
    this.#path = options.path;
    this.#fileBytesMax = options.fileBytesMax ?? 100 * 1024 * 1024;
    this.#filesKept = options.filesKept ?? 10;
    this.#onRotationFailure = options.onRotationFailure ?? (() => {});
    this.#now = options.now ?? (() => performance.now());
    try {
      Deno.mkdirSync(dirname(this.#path), { recursive: true, mode: 0o750 });
      this.#file = open(this.#path);
      this.#bytes = this.#file.statSync().size;
    } catch (thrown) {
      if (thrown instanceof SecurityConfigurationError) throw thrown;
      throw cannotWrite(this.#path, thrown);
    }
  }

  write(lines: string): void {
    const bytes = new TextEncoder().encode(lines);
    // What ends a line that a crash tore belongs into the file with that line, full or not.
    const isLineEnd = lines === "\n";
    if (!isLineEnd && this.#bytes > 0 && this.#bytes + bytes.length > this.#fileBytesMax) {
      this.#rotateOrGrow();
    }
    let written = 0;
    try {
      while (written < bytes.length) written += this.#file.writeSync(bytes.subarray(written));
    } catch (thrown) {
      // What was written of it would be written again later: take it back. By the size that the file has,
      // since a tool that copies logs and empties them (copytruncate) may have made it shorter.
      this.#bytes = this.#file.statSync().size - written;
      this.#file.truncateSync(this.#bytes);
      throw thrown;
    }
    this.#bytes += bytes.length;
  }

  sync(head: ChainHead | undefined): void {
    this.#file.syncDataSync();
    // After the lines themselves: a head that is there without its line is a line that was taken away.
    if (head === undefined) return;
    Deno.writeTextFileSync(headPathOf(this.#path), headText(head), { mode: 0o600 });
  }

  reopen(): void {
    if (this.#isStillThere()) return;
    this.#file.syncSync();
    const next = open(this.#path);
    this.#goOnIn(next, next.statSync().size);
  }

  close(): void {
    try {
      this.#file.syncSync();
    } finally {
      this.#file.close();
    }
  }

  /** Whether the name still leads to the open file. */
  #isStillThere(): boolean {
    try {
      const [there, open] = [Deno.statSync(this.#path), this.#file.statSync()];
      return there.ino === open.ino && there.dev === open.dev;
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return false;
      throw thrown;
    }
  }

  /**
   * A full file that cannot be moved aside is written on: a long log is better than a gap, and those
   * kept before it stay where they are.
   */
  #rotateOrGrow(): void {
    if (this.#now() < this.#rotateFromMs) return;
    try {
      // What another has moved away is aside already.
      if (this.#isStillThere()) this.#rotate();
      else this.reopen();
      this.#isGrowing = false;
    } catch (thrown) {
      this.#rotateFromMs = this.#now() + ROTATION_RETRY_MS;
      if (!this.#isGrowing) this.#onRotationFailure(thrown);
      this.#isGrowing = true;
    }
  }

  #rotate(): void {
    this.#file.syncSync();
    // Before anything is moved: it needs a descriptor, of which there may be none left.
    const next = open(`${this.#path}.new`);
    try {
      this.#putAside();
    } catch (thrown) {
      next.close();
      throw thrown;
    }
    this.#goOnIn(next, 0);
  }

  /** The name leads to `path.new` afterwards, or still to the full file. */
  #putAside(): void {
    const [incoming, latest] = [`${this.#path}.new`, `${this.#path}.1`];
    if (this.#filesKept === 0) {
      Deno.renameSync(incoming, this.#path);
      return;
    }
    this.#makeRoom();
    Deno.renameSync(this.#path, latest);
    try {
      Deno.renameSync(incoming, this.#path);
    } catch (thrown) {
      Deno.renameSync(latest, this.#path);
      throw thrown;
    }
  }

  /**
   * Moves files up, as far as the first number that is free: after a rotation that failed half way the
   * next one ends what it began, and moves no file on for nothing.
   */
  #makeRoom(): void {
    let free = 1;
    while (free < this.#filesKept && isThere(`${this.#path}.${free}`)) free++;
    for (let index = free; index > 1; index--) {
      Deno.renameSync(`${this.#path}.${index - 1}`, `${this.#path}.${index}`);
    }
  }

  #goOnIn(next: Deno.FsFile, bytes: number): void {
    this.#file.close();
    this.#file = next;
    this.#bytes = bytes;
  }
}

/** Two writers would tangle the chain, so each file has one. */
function open(path: string): Deno.FsFile {
  const file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
  if (file.tryLockSync(true)) return file;
  file.close();
  throw new SecurityConfigurationError([
    `log.audit_output: another process writes "${path}": give each node a file of its own`,
  ]);
}

function cannotWrite(path: string, cause: unknown): SecurityConfigurationError {
  return new SecurityConfigurationError([
    `log.audit_output: cannot write "${path}": ${reasonOf(cause)}`,
  ], { cause });
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += stream.writeSync(bytes.subarray(written));
  }
}
