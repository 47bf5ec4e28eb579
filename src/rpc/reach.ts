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

  seeks(): void {
    this.#sinceMs ??= Date.now();
  }

  found(): void {
    this.#sinceMs = undefined;
  }
}
