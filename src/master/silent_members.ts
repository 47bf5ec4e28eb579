/**
 * Tells a leader's log who does not answer, once a silence: a member that died, or one that can ask to be let
 * in but is not reached at the address that it told.
 *
 * @module
 */

import type { Logger } from "../observability/mod.ts";
import type { RaftStatus } from "../raft/mod.ts";

/** Shorter silences are of restarts, in ms. */
const SILENT_MS_MIN = 10_000;

export interface SilentMembersOptions {
  readonly log: Pick<Logger, "warn" | "info">;
  readonly tickMs: number;
  /** A member that is silent for longer is taken for dead. */
  readonly memberTimeoutMs: number;
  /** What became of the last try to reach it, in words. */
  readonly reasonOf: (id: string) => string | undefined;
}

/** Made when leadership is taken. */
export class SilentMembers {
  readonly #options: SilentMembersOptions;
  readonly #told = new Set<string>();

  constructor(options: SilentMembersOptions) {
    this.#options = options;
  }

  /** To be asked every now and then. */
  look({ id: own, members, peers }: Pick<RaftStatus, "id" | "members" | "peers">): void {
    const { log, tickMs, memberTimeoutMs, reasonOf } = this.#options;
    for (const { id, address } of members) {
      const peer = peers.find((each) => each.id === id);
      if (id === own || peer === undefined) continue;
      const silentMs = peer.lastContactTicks * tickMs;
      if (silentMs >= Math.max(SILENT_MS_MIN, memberTimeoutMs) && !this.#told.has(id)) {
        this.#told.add(id);
        log.warn(
          peer.answers > 0
            ? "a member does not answer"
            : "a member does not answer, and has not since this master leads: see whether it runs, and " +
              "can be reached at that address",
          {
            member_id: id,
            raft_address: address.split("/")[0],
            silent_ms: Math.round(silentMs),
            reason: reasonOf(id),
          },
        );
      } else if (silentMs < memberTimeoutMs && this.#told.delete(id)) {
        log.info("a member answers again", { member_id: id });
      }
    }
    for (const id of this.#told) {
      if (!members.some((each) => each.id === id)) this.#told.delete(id);
    }
  }
}
