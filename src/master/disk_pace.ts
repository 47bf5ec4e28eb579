/**
 * How fast the members' disks are. Every commit waits for the leader's disk and for the fastest others
 * that make a majority, so one slow disk is felt by all when it is the leader's and by nobody else's.
 * Such a disk, which still works, is what fails to be noticed: no election timer runs out for it.
 *
 * So each master tells its peers with its frames how slow its disk is, and a leader whose disk is slow,
 * by what people wait for and beside another member's, gives leadership to that one.
 *
 * The measure is the fsync that somebody meets who comes at any moment: a mean of the last seconds'
 * fsyncs, each weighed by how long it took (sum of squares by sum). A disk that stalls for a second after
 * each hundred quick fsyncs has a good median, and a bad disk's name among its users. The longest one is
 * left out, for a process or its machine may stand still once.
 *
 * @module
 */

/** Fsyncs are summed up by slots of time, in ms. */
const SLOT_MS = 500;
/** So many slots count, and of fewer fsyncs nothing is said, */
const SLOTS = 10;
const SYNCS_MIN = 4;
/** but as far back as this for those: the slower the leader's disk, the fewer there are, on all disks. */
const SLOTS_MAX = 120;
/** The sum is made anew no more often than this, in ms. */
const LOOK_MS = 250;
/** What a peer said longer ago says nothing of now, in ms. */
const FORGOTTEN_MS = 10_000;
/** A fsync of a disk in order, even of one that turns, takes less than this, in ms. */
const SLOW_MS = 40;
/** By so much must another disk be faster: two that are busy with the same are not told apart. */
const TIMES_FASTER = 4;

/** Fsyncs that ended within one slot of time. */
interface Slot {
  number: number;
  syncs: number;
  sumMs: number;
  squares: number;
  longestMs: number;
}

interface Heard {
  readonly syncMs: number;
  readonly atMs: number;
}

/** A member whose disk is so much faster that it had better lead. */
export interface FasterDisk {
  readonly nodeId: string;
  /** What one meets of its fsyncs, and of ours. */
  readonly syncMs: number;
  readonly ownSyncMs: number;
}

export class DiskPace {
  readonly #now: () => number;
  readonly #slots: Slot[] = Array.from({ length: SLOTS_MAX }, () => emptySlot(-Infinity));
  readonly #peers = new Map<string, Heard>();
  #lookedMs = -Infinity;
  #ownMs: number | undefined;

  /** @param now a clock that only goes on, in ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A fsync of our own took this long. */
  synced(syncMs: number): void {
    const number = Math.floor(this.#now() / SLOT_MS);
    const place = number % SLOTS_MAX;
    let slot = this.#slots[place]!;
    if (slot.number !== number) slot = this.#slots[place] = emptySlot(number);
    slot.syncs++;
    slot.sumMs += syncMs;
    slot.squares += syncMs * syncMs;
    if (syncMs > slot.longestMs) slot.longestMs = syncMs;
  }

  /** What one meets of our fsyncs now, in ms; undefined: there were too few of late. */
  get ownMs(): number | undefined {
    const nowMs = this.#now();
    if (nowMs - this.#lookedMs >= LOOK_MS) {
      this.#lookedMs = nowMs;
      this.#ownMs = this.#metMs(Math.floor(nowMs / SLOT_MS));
    }
    return this.#ownMs;
  }

  /** @param current number of the slot that is being filled */
  #metMs(current: number): number | undefined {
    let [syncs, sumMs, squares, longestMs] = [0, 0, 0, 0];
    for (let age = 0; age < SLOTS_MAX; age++) {
      if (age >= SLOTS && syncs >= SYNCS_MIN) break;
      const slot = this.#slots[(current - age + SLOTS_MAX) % SLOTS_MAX]!;
      if (slot.number !== current - age) continue;
      syncs += slot.syncs;
      sumMs += slot.sumMs;
      squares += slot.squares;
      longestMs = Math.max(longestMs, slot.longestMs);
    }
    if (syncs < SYNCS_MIN) return undefined;
    const restMs = sumMs - longestMs;
    return restMs <= 0 ? 0 : (squares - longestMs * longestMs) / restMs;
  }

  /** A peer says what one meets of its fsyncs, in ms. */
  heard(nodeId: string, syncMs: number): void {
    this.#peers.set(nodeId, { syncMs, atMs: this.#now() });
  }

  /** Only these are members now. */
  retain(nodeIds: ReadonlySet<string>): void {
    for (const nodeId of this.#peers.keys()) if (!nodeIds.has(nodeId)) this.#peers.delete(nodeId);
  }

  /** Those of `candidates` whose disk is slow, and another one's among them much faster. */
  slowBeside(candidates: readonly string[]): ReadonlySet<string> {
    const known = candidates.flatMap((nodeId) => {
      const syncMs = this.#heardMs(nodeId);
      return syncMs === undefined ? [] : [{ nodeId, syncMs }];
    });
    const bestMs = Math.min(...known.map(({ syncMs }) => syncMs));
    const slow = known.filter(({ syncMs }) => syncMs >= SLOW_MS && bestMs * TIMES_FASTER <= syncMs);
    return new Set(slow.map(({ nodeId }) => nodeId));
  }

  /** Of `candidates` the one with the fastest disk, if ours is slow and that one much faster. */
  faster(candidates: readonly string[]): FasterDisk | undefined {
    const ownSyncMs = this.ownMs;
    if (ownSyncMs === undefined || ownSyncMs < SLOW_MS) return undefined;
    let best: FasterDisk | undefined;
    for (const nodeId of candidates) {
      const syncMs = this.#heardMs(nodeId);
      if (syncMs === undefined) continue;
      if (syncMs * TIMES_FASTER > ownSyncMs || (best !== undefined && best.syncMs <= syncMs)) {
        continue;
      }
      best = { nodeId, syncMs, ownSyncMs };
    }
    return best;
  }

  /** What a peer said, unless that was long ago. */
  #heardMs(nodeId: string): number | undefined {
    const heard = this.#peers.get(nodeId);
    const isNews = heard !== undefined && this.#now() - heard.atMs <= FORGOTTEN_MS;
    return isNews ? heard.syncMs : undefined;
  }
}

function emptySlot(number: number): Slot {
  return { number, syncs: 0, sumMs: 0, squares: 0, longestMs: 0 };
}
