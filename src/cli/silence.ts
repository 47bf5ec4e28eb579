/**
 * Waiting for something that was taken, while no master answers: that goes on for as long as somebody waits.
 *
 * @module
 */

import { formatDuration } from "../config/mod.ts";
import type { Refusal } from "../rpc/mod.ts";
import type { LiveLine } from "./live_line.ts";
import { printable } from "./terminal.ts";

/** What is waited for, and how long. */
export interface WaitedFor {
  /** "job 7". */
  readonly what: string;
  /** Undefined: for ever. */
  readonly timeoutMs: number | undefined;
  /** A master has told of it, so that it is there: what was never heard of may be a wrong address. */
  readonly isKnown: () => boolean;
}

/** Whether masters answer one who waits; told once when they cease to, and when they do again. */
export class Silence {
  readonly #line: LiveLine;
  readonly #waited: WaitedFor;
  #isTold = false;

  constructor(line: LiveLine, waited: WaitedFor) {
    this.#line = line;
    this.#waited = waited;
  }

  /** No master answers at the moment. */
  get lasts(): boolean {
    return this.#isTold;
  }

  /** Whether to go on without an answer; for a client's watch. */
  readonly outlasts = (why: Refusal): boolean => {
    const { what, timeoutMs, isKnown } = this.#waited;
    if (!isKnown()) return false;
    if (!this.#isTold) {
      const end = timeoutMs === undefined
        ? "until one does, or Ctrl-C is pressed"
        : `until the ${formatDuration(timeoutMs)} that were given are over`;
      this.#line.say(`conductor: ${printable(why.message)}; waiting for ${what} goes on ${end}`);
    }
    return this.#isTold = true;
  };

  /** Something came. */
  heard(): void {
    if (this.#isTold) this.#line.say("conductor: a master answers again");
    this.#isTold = false;
  }
}
