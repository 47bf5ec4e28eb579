/**
 * What disks have to say in who leads. A leader that leaves gives leadership to none whose disk is slow beside
 * another's. And one whose own disk is slow gives it away: not for a moment's sake, and not again and again
 * between two disks of which now the one, now the other is slow.
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

/** A voter that lacks more entries is no heir for its disk's sake: whoever gives leadership away waits for it. */
const HEIR_LAG_MAX = 1_000;

/**
 * Whom a leader that leaves gives leadership to; undefined: whoever is furthest, since no disk among
 * them is much slower than another's.
 *
 * @param silentTicksMax a member that is silent for longer does not take over
 */
export function heirByDisk(
  pace: Pick<DiskPace, "slowBeside">,
  status: Pick<RaftStatus, "members" | "peers" | "lastIndex">,
  silentTicksMax: number,
): string | undefined {
  const heirs = heirsOf(status, silentTicksMax);
  const slow = pace.slowBeside(heirs.map(({ id }) => id));
  if (slow.size === 0) return undefined;
  return heirs
    .filter(({ id, match }) => !slow.has(id) && status.lastIndex - match <= HEIR_LAG_MAX)
    .sort((a, b) => b.match - a.match)[0]?.id;
}

/** Voters in reach that are sent what comes as it comes. */
function heirsOf(
  { members, peers }: Pick<RaftStatus, "members" | "peers">,
  silentTicksMax: number,
) {
  const voters = new Set(members.filter(({ votes }) => votes).map(({ id }) => id));
  return peers.filter(({ id, state, lastContactTicks }) =>
    voters.has(id) && state === "replicate" && lastContactTicks <= silentTicksMax
  );
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
  look(status: Pick<RaftStatus, "members" | "peers">): FasterDisk | undefined {
    const { pace, now, silentTicksMax } = this.#options;
    const heirs = heirsOf(status, silentTicksMax);
    const heir = pace.faster(heirs.map(({ id }) => id));
    this.#slowLooks = heir === undefined ? 0 : this.#slowLooks + 1;
    const nowMs = now();
    if (this.#slowLooks < SLOW_LOOKS || nowMs - this.#sinceMs < PAUSE_MS) return undefined;
    this.#sinceMs = nowMs;
    return heir;
  }
}
