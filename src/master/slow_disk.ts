/**
 * When a leader gives leadership away because of its disk: not for a moment's sake, and not again and
 * again between two disks of which now the one, now the other is slow.
 *
 * @module
 */

import type { RaftStatus } from "../raft/mod.ts";
import type { DiskPace, FasterDisk } from "./disk_pace.ts";

/** The disk is slow at so many looks in turn. */
const SLOW_LOOKS = 3;
/** Leadership is given away no sooner than this after it was taken, or last offered, in ms. */
const PAUSE_MS = 10_000;

export interface SlowDiskOptions {
  readonly pace: Pick<DiskPace, "faster">;
  /** A clock that only goes on, in ms. */
  readonly now: () => number;
  /** A member that is silent for longer cannot lead, in ticks. */
  readonly silentTicksMax: number;
}

/** Made when leadership is taken. */
export class SlowDisk {
  readonly #options: SlowDiskOptions;
  #sinceMs: number;
  #slowLooks = 0;

  constructor(options: SlowDiskOptions) {
    this.#options = options;
    this.#sinceMs = options.now();
  }

  /** Who had better lead now; undefined: nobody, or not yet. To be asked every now and then. */
  look({ members, peers }: Pick<RaftStatus, "members" | "peers">): FasterDisk | undefined {
    const { pace, now, silentTicksMax } = this.#options;
    const voters = new Set(members.filter(({ votes }) => votes).map(({ id }) => id));
    const heirs = peers.filter(({ id, state, lastContactTicks }) =>
      voters.has(id) && state === "replicate" && lastContactTicks <= silentTicksMax
    );
    const heir = pace.faster(heirs.map(({ id }) => id));
    this.#slowLooks = heir === undefined ? 0 : this.#slowLooks + 1;
    const nowMs = now();
    if (this.#slowLooks < SLOW_LOOKS || nowMs - this.#sinceMs < PAUSE_MS) return undefined;
    this.#sinceMs = nowMs;
    return heir;
  }
}
