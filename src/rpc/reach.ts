/** A handshake over a slow line takes so long, in ms. */
const TURN_MS_MIN = 500;
/** How long one is waited for while all are dialled, before it is looked whether another has answered, in ms. */
const LOOK_MS = 100;

/** How long a call has been without a connection to anybody. */
export class Reach {
  readonly waitMs: number;
  #sinceMs: number | undefined;
  #hasFound = false;

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
    const turnMs = this.isTooShortFor(addresses)
      ? LOOK_MS
      : Math.max(TURN_MS_MIN, (untilMs - nowMs) / addresses);
    return Math.min(untilMs, nowMs + turnMs);
  }

  /** Nobody was found yet, and there is no time for one after the other: all are dialled at once. */
  isTooShortFor(addresses: number): boolean {
    return !this.#hasFound && (this.untilMs - Date.now()) / addresses < TURN_MS_MIN;
  }

  seeks(): void {
    this.#sinceMs ??= Date.now();
  }

  found(): void {
    this.#hasFound = true;
    this.#sinceMs = undefined;
  }
}
