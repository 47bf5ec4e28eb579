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
}

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

/**
 * A file of mode 0600, appended to and rotated by size. Beside it, in `path.head`, stands the number
 * and hash of the last line that is known to be on the disk.
 */
export class FileSink implements AuditSink {
  readonly #path: string;
  readonly #fileBytesMax: number;
  readonly #filesKept: number;
  #file: Deno.FsFile;
  #bytes: number;

  /** @throws {SecurityConfigurationError} naming the file, when it cannot be opened */
  constructor(options: AuditFileOptions) {
    this.#path = options.path;
    this.#fileBytesMax = options.fileBytesMax ?? 100 * 1024 * 1024;
    this.#filesKept = options.filesKept ?? 10;
    try {
      Deno.mkdirSync(dirname(this.#path), { recursive: true, mode: 0o750 });
      this.#file = this.#open();
      this.#bytes = this.#file.statSync().size;
    } catch (thrown) {
      if (thrown instanceof SecurityConfigurationError) throw thrown;
      throw new SecurityConfigurationError([
        `log.audit_output: cannot write "${this.#path}": ${reasonOf(thrown)}`,
      ], { cause: thrown });
    }
  }

  write(lines: string): void {
    const bytes = new TextEncoder().encode(lines);
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#fileBytesMax) this.#rotate();
    try {
      writeAll(this.#file, bytes);
    } catch (thrown) {
      // What was written of it would be written again later: take it back.
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
    const moved = this.#file;
    this.#file = this.#open();
    this.#bytes = this.#file.statSync().size;
    moved.syncSync();
    moved.close();
  }

  close(): void {
    this.#file.syncSync();
    this.#file.close();
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

  /** Two writers would tangle the chain, so each file has one. */
  #open(): Deno.FsFile {
    const file = Deno.openSync(this.#path, { append: true, create: true, mode: 0o600 });
    if (file.tryLockSync(true)) return file;
    file.close();
    throw new SecurityConfigurationError([
      `log.audit_output: another process writes "${this.#path}": give each node a file of its own`,
    ]);
  }

  #rotate(): void {
    this.#file.syncSync();
    for (let index = this.#filesKept; index > 1; index--) {
      renameIfThere(`${this.#path}.${index - 1}`, `${this.#path}.${index}`);
    }
    if (this.#filesKept > 0) Deno.renameSync(this.#path, `${this.#path}.1`);
    else Deno.removeSync(this.#path);
    const full = this.#file;
    this.#file = this.#open();
    this.#bytes = 0;
    full.close();
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += stream.writeSync(bytes.subarray(written));
  }
}
