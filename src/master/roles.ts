/**
 * Lets calls wait for a change of leadership.
 *
 * @module
 */

import type { RaftStatus } from "../raft/mod.ts";

export class Roles {
  readonly #waiting = new Set<(status: RaftStatus) => void>();

  /** Role, term or known leader changed. */
  changed(status: RaftStatus): void {
    for (const each of [...this.#waiting]) each(status);
  }

  /** The first status from now on that `holds`; undefined when none did within `ms`. */
  until(holds: (status: RaftStatus) => boolean, ms: number): Promise<RaftStatus | undefined> {
    return new Promise((resolve) => {
      const settle = (status: RaftStatus | undefined) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(status);
      };
      const look = (status: RaftStatus) => {
        if (holds(status)) settle(status);
      };
      const timer = setTimeout(() => settle(undefined), ms);
      this.#waiting.add(look);
    });
  }
}
