/**
 * What a running attempt says, gathered so that a job that never stops talking costs its worker a few
 * messages a second: of its log goes what a log keeps, and of its progress the latest.
 *
 * @module
 */

import { LogTail } from "../jobs/mod.ts";
import type { FromExecutor } from "./executor_protocol.ts";

/** Messages go at most this often. */
const INTERVAL_MS = 50;
/** Longest part of a line that goes, in characters; the worker cuts lines shorter. */
const LINE_CHARACTERS_MAX = 4_096;

/** Sends an attempt's news; `flush` before its end goes. */
export class ExecutorNews {
  readonly #send: (message: FromExecutor) => void;
  readonly #nowMs: () => number;
  #tail = new LogTail();
  #progress: { readonly fraction: number; readonly message: string } | undefined;
  #sentMs = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (message: FromExecutor) => void, nowMs = () => performance.now()) {
    this.#send = send;
    this.#nowMs = nowMs;
  }

  log(line: string): void {
    this.#tail.add(line.slice(0, LINE_CHARACTERS_MAX));
    this.#changed();
  }

  progress(fraction: number, message: string): void {
    this.#progress = { fraction, message: message.slice(0, LINE_CHARACTERS_MAX) };
    this.#changed();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sentMs = this.#nowMs();
    const { lines, firstLine } = this.#tail;
    this.#tail = new LogTail();
    if (lines.length > 0) this.#send({ kind: "log", lines, skipped: firstLine - 1 });
    if (this.#progress !== undefined) this.#send({ kind: "progress", ...this.#progress });
    this.#progress = undefined;
  }

  /** A job that never lets the event loop turn is heard all the same. */
  #changed(): void {
    const leftMs = this.#sentMs + INTERVAL_MS - this.#nowMs();
    if (leftMs <= 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), leftMs);
  }
}
