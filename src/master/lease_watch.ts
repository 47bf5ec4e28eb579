/**
 * When a leader may say that it has heard nothing of a worker. One that was held up itself (a machine that
 * slept, a frozen process, a disk that stalled) heard nobody meanwhile, and what it was told waits in its
 * sockets: by the clock alone it would take all workers for dead as soon as it wakes, and have all that
 * they do run again. So it then gives each of them a whole lease, as a new leader does, before it takes
 * anything away. That one who is held up again and again does not do so for ever, it does so once between
 * two times of taking; and a worker must have been silent at many looks in turn as well.
 *
 * @module
 */

/** Looks in a lease. */
const LOOKS = 4;
const INTERVAL_MS_MAX = 1_000;
/** Who looks after more than so many intervals was held up. */
const HELD_UP_INTERVALS = 2;

/** Somebody with a lease. */
export interface Heard {
  /** By the cluster's clock. */
  readonly lastHeardMs: number;
}

export interface LeaseWatchOptions {
  /** Length of a lease. */
  readonly timeoutMs: number;
  /** The cluster's clock. */
  readonly now: () => number;
  /** A clock that only goes on, in ms. */
  readonly monotonic: () => number;
}

export class LeaseWatch<Holder extends Heard> {
  /** How often to look, in ms. */
  readonly intervalMs: number;
  readonly #options: LeaseWatchOptions;
  readonly #looksMin: number;
  /** At how many looks nothing had been heard since the one before. */
  #looks = new WeakMap<Holder, { heardMs: number; silent: number }>();
  /** When, by either clock: the one that only goes on may stand still while the machine sleeps. */
  #looked: { readonly monotonicMs: number; readonly clockMs: number };
  /** Until then a worker may come back with what it did under the former leader, or as this one slept. */
  #graceEndsMs: number;
  /** Nothing was kept back since the last grace; it begins anew only then. */
  #isGraceOver = false;

  constructor(options: LeaseWatchOptions) {
    const { timeoutMs, now, monotonic } = options;
    this.#options = options;
    this.intervalMs = Math.min(timeoutMs / LOOKS, INTERVAL_MS_MAX);
    // The first one after it was heard may come at once, and timers are late: no later than by the clock.
    this.#looksMin = Math.floor(timeoutMs / this.intervalMs) - 1;
    this.#looked = { monotonicMs: monotonic(), clockMs: now() };
    this.#graceEndsMs = this.#looked.monotonicMs + timeoutMs;
  }

  /**
   * A look, to be had at each interval.
   *
   * @returns whose lease is over; undefined: nothing may be taken from anybody now
   */
  look(holders: Iterable<Holder>): Holder[] | undefined {
    const silent: Holder[] = [];
    for (const holder of holders) {
      this.#count(holder);
      if (this.isSilent(holder)) silent.push(holder);
    }
    return this.#isGrace() ? undefined : silent;
  }

  /** Whether its lease is over; it may have been heard of since the last look. */
  isSilent(holder: Holder): boolean {
    const { now, timeoutMs } = this.#options;
    const looks = this.#looks.get(holder)?.silent ?? 0;
    return looks >= this.#looksMin && now() - holder.lastHeardMs > timeoutMs;
  }

  #count(holder: Holder): void {
    const seen = this.#looks.get(holder);
    if (seen?.heardMs === holder.lastHeardMs) seen.silent++;
    else this.#looks.set(holder, { heardMs: holder.lastHeardMs, silent: 0 });
  }

  #isGrace(): boolean {
    const { now, monotonic, timeoutMs } = this.#options;
    const looked = { monotonicMs: monotonic(), clockMs: now() };
    const gapMs = Math.max(
      looked.monotonicMs - this.#looked.monotonicMs,
      looked.clockMs - this.#looked.clockMs,
    );
    this.#looked = looked;
    if (gapMs > HELD_UP_INTERVALS * this.intervalMs && this.#isGraceOver) {
      this.#graceEndsMs = looked.monotonicMs + timeoutMs;
    }
    this.#isGraceOver = looked.monotonicMs >= this.#graceEndsMs;
    return !this.#isGraceOver;
  }
}
