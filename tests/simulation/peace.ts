/**
 * How long peace may last until everything is in order. Work that was left over takes the time that it
 * takes (a group that one job at a time may run of, a rate), so jobs have longer for as long as they end.
 */

/** Until everything but a backlog of jobs must be in order, in ms. */
export const PEACE_MS_MAX = 15_000;
/**
 * In which some job must end while there are unfinished ones, in ms. The slowest has four attempts of
 * 300 ms in a lane of its own, with pauses between them.
 */
export const NO_END_MS_MAX = 5_000;

/** Watches one peace, from when it is made. */
export class Peace {
  readonly #deadlineMs: number;
  #open = Infinity;
  #endedAtMs: number;

  constructor(nowMs: number) {
    this.#deadlineMs = nowMs + PEACE_MS_MAX;
    this.#endedAtMs = nowMs;
  }

  /**
   * Whether it has lasted too long.
   *
   * @param open unfinished jobs, unless more than they is missing
   */
  isOver(nowMs: number, open: number | undefined): boolean {
    if (open !== undefined) {
      if (open < this.#open) this.#endedAtMs = nowMs;
      this.#open = open;
    }
    return nowMs >= Math.max(this.#deadlineMs, this.#endedAtMs + NO_END_MS_MAX);
  }
}
