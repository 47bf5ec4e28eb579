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
  /** A clock that does not jump, in ms. */
  readonly nowMs?: () => number;
}

/** It is said again when it has lasted for so long, and for twice as long each time, up to an hour more. */
const AGAIN_MS = 60_000;
const AGAIN_MS_MAX = 3_600_000;

/**
 * Whether masters answer one who waits; told when they cease to and when they do again, and now and then
 * while they do not: whoever looks at the end of a script's output sees what it waits for.
 */
export class Silence {
  readonly #line: LiveLine;
  readonly #waited: WaitedFor;
  readonly #nowMs: () => number;
  #isTold = false;
  #sinceMs = 0;
  #againMs = 0;

  constructor(line: LiveLine, waited: WaitedFor) {
    this.#line = line;
    this.#waited = waited;
    this.#nowMs = waited.nowMs ?? (() => performance.now());
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
      this.#sinceMs = this.#nowMs();
      this.#againMs = AGAIN_MS;
    }
    const lastsMs = this.#nowMs() - this.#sinceMs;
    if (lastsMs >= this.#againMs) {
      const lasts = formatDuration(Math.floor(lastsMs / AGAIN_MS) * AGAIN_MS);
      this.#line.say(`conductor: no master has answered for ${lasts}; waiting for ${what} goes on`);
      this.#againMs = lastsMs + Math.min(lastsMs, AGAIN_MS_MAX);
    }
    return this.#isTold = true;
  };

  /** Something came. */
  heard(): void {
    if (this.#isTold) this.#line.say("conductor: a master answers again");
    this.#isTold = false;
  }
}
