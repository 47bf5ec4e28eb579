/** A handshake over a slow line takes so long, in ms; of many addresses the last may have no turn then. */
const TURN_MS_MIN = 500;

/** How long a call has been without a connection to anybody. */
export class Reach {
  readonly waitMs: number;
  #sinceMs: number | undefined;

  constructor(waitMs = Number.POSITIVE_INFINITY) {
    this.waitMs = waitMs;
  }

  /** Until when it may go on so; for ever while a connection stands. */
  get untilMs(): number {
    return this.#sinceMs === undefined ? Number.POSITIVE_INFINITY : this.#sinceMs + this.waitMs;
  }

  /**
   * Until when the next of so many addresses may be waited for, so that each of them has its turn: one of
   * a host that is off says nothing, and must not keep a call from those that would answer.
   */
  turnUntilMs(addresses: number): number {
    const { untilMs } = this;
    const nowMs = Date.now();
    return Math.min(untilMs, nowMs + Math.max(TURN_MS_MIN, (untilMs - nowMs) / addresses));
  }

  seeks(): void {
    this.#sinceMs ??= Date.now();
  }

  found(): void {
    this.#sinceMs = undefined;
  }
}
