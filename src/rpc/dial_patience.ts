/**
 * How long a dial may take. While some master is reached, a silent one is left after the usual time. Where
 * none is, they may be slow, all of them: behind a slow line, or on a machine with too much to do. Then each
 * round has twice the time, or none would ever be reached.
 *
 * @module
 */

/** Of the usual time, at most so much. */
const FACTOR_MAX = 8;

/** The dials of one client, to all of its addresses. */
export class DialPatience {
  readonly #usualMs: number;
  /** Dials that took too long since a connection last stood. */
  #inVain = 0;

  constructor(usualMs: number) {
    this.#usualMs = usualMs;
  }

  /** For the next dial of one of so many addresses, in ms. */
  timeoutMs(addresses: number): number {
    const rounds = Math.floor(this.#inVain / addresses);
    return this.#usualMs * Math.min(2 ** rounds, FACTOR_MAX);
  }

  /** A dial took too long. */
  gaveUp(): void {
    this.#inVain++;
  }

  /** A connection stands. */
  reached(): void {
    this.#inVain = 0;
  }
}
