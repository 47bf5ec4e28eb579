/**
 * A line that is drawn over, for what changes while a person watches.
 *
 * @module
 */

import { printable, type Sink } from "./terminal.ts";

/** The last line of a terminal. Where there is no terminal, only what stays is written. */
export class LiveLine {
  readonly sink: Sink;
  #isShown = false;

  constructor(sink: Sink) {
    this.sink = sink;
  }

  /** A line that stays. */
  say(text: string): void {
    this.clear();
    this.sink.write(`${text}\n`);
  }

  /** A line that the next one takes the place of. It is plain text: it may have to be cut. */
  show(text: string): void {
    if (!this.sink.isTerminal) return;
    this.clear();
    this.sink.write(printable(text).slice(0, this.sink.columns() - 1));
    this.#isShown = true;
  }

  clear(): void {
    if (this.#isShown) this.sink.write("\r\u001b[2K");
    this.#isShown = false;
  }
}
