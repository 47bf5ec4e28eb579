/**
 * Since when this leader knows that a worker is to hand back what it runs (`workers drain --grace`). The order
 * itself says until when; but a grace is a span of time, and what of it did not pass, since the clock was put
 * forward, can only be told from when it began.
 *
 * @module
 */

export class HandBackOrders {
  readonly #orders = new Map<string, { readonly atMs: number; readonly sinceMs: number }>();

  /** When the worker's order to hand back at `atMs` was first looked at: `nowMs`, if it is a new one. */
  sinceMs(workerId: string, atMs: number, nowMs: number): number {
    const known = this.#orders.get(workerId);
    if (known?.atMs === atMs) return known.sinceMs;
    this.#orders.set(workerId, { atMs, sinceMs: nowMs });
    return nowMs;
  }
}
