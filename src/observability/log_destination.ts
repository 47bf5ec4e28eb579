/**
 * Where lines of the log go. Writing is synchronous, so that the last line before a crash is there,
 * and never throws: a lost line is counted and told on stderr once, not a reason to stop working.
 *
 * @module
 */

import { LogFile, type RotationOptions } from "./log_file.ts";
import { type SyncWriter, writeAll } from "./write_all.ts";

export type { RotationOptions } from "./log_file.ts";

export interface LogDestination {
  readonly isTerminal: boolean;
  readonly linesLost: number;
  /** Takes a whole line, with its newline. */
  write(line: string): void;
  reopen(): void;
  close(): void;
}

/**
 * @param output `stdout`, `stderr`, a file's path, or a function.
 * @throws LogFileError
 */
export function openLogDestination(
  output: string | ((line: string) => void),
  rotation?: RotationOptions,
): LogDestination {
  if (typeof output === "function") return functionDestination(output);
  // As paths they may lead to a file, which is another's to put aside.
  if (output === "stdout" || output === "/dev/stdout") return new StreamDestination(Deno.stdout);
  if (output === "stderr" || output === "/dev/stderr") return new StreamDestination(Deno.stderr);
  return new LogFile(output, rotation);
}

function functionDestination(write: (line: string) => void): LogDestination {
  return { isTerminal: false, linesLost: 0, write, reopen() {}, close() {} };
}

interface StandardStream extends SyncWriter {
  isTerminal(): boolean;
}

class StreamDestination implements LogDestination {
  readonly #stream: StandardStream;
  readonly #encoder = new TextEncoder();
  readonly isTerminal: boolean;
  linesLost = 0;

  constructor(stream: StandardStream) {
    this.#stream = stream;
    this.isTerminal = stream.isTerminal();
  }

  write(line: string): void {
    try {
      writeAll(this.#stream, this.#encoder.encode(line));
    } catch {
      // The reader of the pipe is gone, and there is no one else to tell.
      this.linesLost++;
    }
  }

  reopen(): void {}

  close(): void {}
}
