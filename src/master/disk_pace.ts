/**
 * How fast the members' disks are. Every commit waits for the leader's disk and for the fastest others
 * that make a majority, so one slow disk is felt by all when it is the leader's and by nobody else's.
 * Such a disk, which still works, is what fails to be noticed: no election timer runs out for it.
 *
 * So each master tells its peers with its frames how long its last fsyncs took, and a leader whose disk
 * is slow, by what people wait for and beside another member's, gives leadership to that one.
 *
 * @module
 */

/** The last fsyncs of a disk, of which the middle one counts: a single long one says nothing. */
const SAMPLES = 15;
/** What was heard longer ago says nothing of now, in ms. */
const FORGOTTEN_MS = 10_000;
/** The middle one is looked for anew no more often than this, in ms. */
const LOOK_MS = 250;
/** A fsync of a disk in order, even of one that turns, takes less than this, in ms. */
const SLOW_MS = 40;
/** By so much must another disk be faster: two that are busy with the same are not told apart. */
const TIMES_FASTER = 4;

interface Heard {
  readonly syncMs: number;
  readonly atMs: number;
}

/** A member whose disk is so much faster that it had better lead. */
export interface FasterDisk {
  readonly nodeId: string;
  /** What its fsyncs take, and what ours do. */
  readonly syncMs: number;
  readonly ownSyncMs: number;
}

export class DiskPace {
  readonly #now: () => number;
  readonly #samples: { syncMs: number; atMs: number }[] = [];
  readonly #peers = new Map<string, Heard>();
  #next = 0;
  #lookedMs = -Infinity;
  #ownMs: number | undefined;

  /** @param now a clock that only goes on, in ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A fsync of our own took this long. */
  synced(syncMs: number): void {
    const atMs = this.#now();
    const sample = this.#samples[this.#next];
    if (sample === undefined) this.#samples.push({ syncMs, atMs });
    else Object.assign(sample, { syncMs, atMs });
    this.#next = (this.#next + 1) % SAMPLES;
  }

  /** What one of our fsyncs takes now, in ms; undefined: there were too few of late. */
  get ownMs(): number | undefined {
    const nowMs = this.#now();
    if (nowMs - this.#lookedMs >= LOOK_MS) {
      this.#lookedMs = nowMs;
      const recent = this.#samples
        .filter(({ atMs }) => nowMs - atMs <= FORGOTTEN_MS)
        .map(({ syncMs }) => syncMs);
      const isKnown = recent.length > SAMPLES / 2;
      this.#ownMs = isKnown ? recent.sort((a, b) => a - b)[recent.length >> 1] : undefined;
    }
    return this.#ownMs;
  }

  /** A peer says what one of its fsyncs takes, in ms. */
  heard(nodeId: string, syncMs: number): void {
    this.#peers.set(nodeId, { syncMs, atMs: this.#now() });
  }

  /** Only these are members now. */
  retain(nodeIds: ReadonlySet<string>): void {
    for (const nodeId of this.#peers.keys()) if (!nodeIds.has(nodeId)) this.#peers.delete(nodeId);
  }

  /** Of `candidates` the one with the fastest disk, if ours is slow and that one much faster. */
  faster(candidates: readonly string[]): FasterDisk | undefined {
    const ownSyncMs = this.ownMs;
    if (ownSyncMs === undefined || ownSyncMs < SLOW_MS) return undefined;
    let best: FasterDisk | undefined;
    for (const nodeId of candidates) {
      const heard = this.#peers.get(nodeId);
      if (heard === undefined || this.#now() - heard.atMs > FORGOTTEN_MS) continue;
      const { syncMs } = heard;
      if (syncMs * TIMES_FASTER > ownSyncMs || (best !== undefined && best.syncMs <= syncMs)) {
        continue;
      }
      best = { nodeId, syncMs, ownSyncMs };
    }
    return best;
  }
}
