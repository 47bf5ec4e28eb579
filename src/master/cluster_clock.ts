/**
 * The time that a leader stamps Commands with. A wall clock alone will not do: the state never goes
 * back in time, so that after a leader whose clock was an hour ahead nothing would come due for an
 * hour, and under one that takes office with such a clock everything would be overdue at once.
 *
 * So a master compares its clock with those of its peers, which send their time with every frame,
 * and where it differs goes by what most of them show. And where that is behind what the log says
 * already, time goes on from there, a little more slowly, until it agrees again.
 *
 * @module
 */

import type { Logger } from "../observability/mod.ts";

export interface ClusterClockOptions {
  /** This machine's idea of the time, in ms since the epoch. */
  readonly wall: () => number;
  /** In ms; it never jumps. */
  readonly monotonic: () => number;
  /** This machine's clock is (or, with 0, is no more) off from what most members show, in ms. */
  readonly onSkewChanged?: (skewMs: number) => void;
  /**
   * Under this master the time is (or, with 0, is no more) ahead of what most members show, in ms: their clocks
   * were put back, or had once been put forward.
   */
  readonly onAheadChanged?: (aheadMs: number) => void;
}

/** Differences up to this are what synchronised clocks and a slow network come to, in ms. */
const TOLERANCE_MS = 2_000;
/** How fast time goes while it is ahead of what most members show. */
const SLOWED = 0.9;
/** A peer's time is looked at no more often than this, in ms. */
const LOOK_INTERVAL_MS = 1_000;
/** Looks that are remembered: a frame that took long makes its sender seem to be behind. */
const LOOKS_MAX = 10;

interface PeerClock {
  /** The peer's wall clock, less our monotonic one, at the last looks. */
  readonly looks: number[];
  seenMs: number;
}

export class ClusterClock {
  readonly #options: ClusterClockOptions;
  readonly #peers = new Map<string, PeerClock>();
  /** The time when it was last read, and the monotonic clock then. */
  #timeMs: number;
  #readMs: number;
  #isSkewed = false;
  /** This master has led. */
  #hasBegun = false;
  #isAhead = false;

  constructor(options: ClusterClockOptions) {
    this.#options = options;
    this.#timeMs = options.wall();
    this.#readMs = options.monotonic();
  }

  /** The time in ms since the epoch; it never goes back, and never stands still. */
  now(): number {
    const readMs = this.#options.monotonic();
    const elapsedMs = readMs - this.#readMs;
    const agreedMs = this.#agreedMs(readMs);
    this.#timeMs = Math.max(agreedMs, this.#timeMs + SLOWED * elapsedMs);
    this.#readMs = readMs;
    if (this.#hasBegun) this.#tellAhead(this.#timeMs - agreedMs);
    return Math.floor(this.#timeMs);
  }

  /** Taking office: goes on from `floorMs`, the time that the log has come to. */
  begin(floorMs: number): void {
    this.#readMs = this.#options.monotonic();
    const agreedMs = this.#agreedMs(this.#readMs);
    this.#timeMs = Math.max(agreedMs, floorMs);
    this.#hasBegun = true;
    this.#tellAhead(this.#timeMs - agreedMs);
  }

  /** Until it agrees again, for it comes nearer only slowly. */
  #tellAhead(aheadMs: number): void {
    const isAhead = aheadMs > (this.#isAhead ? 0 : TOLERANCE_MS);
    if (isAhead === this.#isAhead) return;
    this.#isAhead = isAhead;
    this.#options.onAheadChanged?.(Math.round(aheadMs));
  }

  /** A peer says what time it has. */
  heard(nodeId: string, timeMs: number): void {
    const seenMs = this.#options.monotonic();
    let peer = this.#peers.get(nodeId);
    if (peer === undefined) this.#peers.set(nodeId, peer = { looks: [], seenMs: -Infinity });
    if (seenMs - peer.seenMs < LOOK_INTERVAL_MS) return;
    peer.seenMs = seenMs;
    peer.looks.push(timeMs - seenMs);
    if (peer.looks.length > LOOKS_MAX) peer.looks.shift();
    const skewMs = this.#skewMs(seenMs);
    const isSkewed = skewMs !== 0;
    if (isSkewed === this.#isSkewed) return;
    this.#isSkewed = isSkewed;
    this.#options.onSkewChanged?.(Math.round(skewMs));
  }

  /** Only these are members now. */
  retain(nodeIds: ReadonlySet<string>): void {
    for (const nodeId of this.#peers.keys()) if (!nodeIds.has(nodeId)) this.#peers.delete(nodeId);
  }

  #agreedMs(monotonicMs: number): number {
    return this.#options.wall() - this.#skewMs(monotonicMs);
  }

  /**
   * How far our clock is ahead of the median of all (of an even number: the earlier one, since time
   * that comes too early does more harm); 0 within the tolerance.
   */
  #skewMs(monotonicMs: number): number {
    const ownMs = this.#options.wall() - monotonicMs;
    const peersMs = [...this.#peers.values()].map(({ looks }) => Math.max(...looks));
    const offsets = [ownMs, ...peersMs];
    offsets.sort((a, b) => a - b);
    const skewMs = ownMs - offsets[(offsets.length - 1) >> 1]!;
    return Math.abs(skewMs) <= TOLERANCE_MS ? 0 : skewMs;
  }
}

/** This machine's clock among those of the members; what is wrong with it goes to `log`. */
export function clockToldIn(log: Logger): ClusterClock {
  return new ClusterClock({
    wall: Date.now,
    monotonic: () => performance.now(),
    onSkewChanged: (skewMs) =>
      skewMs === 0
        ? log.info("this machine's clock agrees with most members' again")
        : log.warn("this machine's clock is wrong: most members show another time, which counts", {
          ahead_ms: skewMs,
        }),
    onAheadChanged: (aheadMs) =>
      aheadMs === 0 ? log.info("the clocks have caught up with the cluster's time") : log.warn(
        "the cluster's time is ahead of the clocks, which were put back: it goes on more slowly until " +
          "they agree, and what is to run at a time of day runs early",
        { ahead_ms: aheadMs, agrees_in_ms: Math.round(aheadMs / (1 - SLOWED)) },
      ),
  });
}
