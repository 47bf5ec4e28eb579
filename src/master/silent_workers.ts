/**
 * Ends the leases of workers that have fallen silent: many together, since a rack that is cut off takes
 * all of its workers at once, and none of those that are heard of meanwhile.
 *
 * @module
 */

import type { Session, Sessions } from "./sessions.ts";

export interface ExpiryOptions {
  readonly sessions: Pick<Sessions, "get">;
  /** Whether it is silent still. */
  readonly isSilent: (session: Session) => boolean;
  /** Ends the lease of a worker, and with it its session. */
  readonly expire: (session: Session) => Promise<void>;
}

/** Leases whose ends are on their way to the log at once. */
const EXPIRED_AT_ONCE_MAX = 100;

/** @param silent those that were found so; another look finds them again until this has resolved */
export async function expireSilent(
  silent: readonly Session[],
  { sessions, isSilent, expire }: ExpiryOptions,
): Promise<void> {
  for (let at = 0; at < silent.length; at += EXPIRED_AT_ONCE_MAX) {
    const some = silent
      .slice(at, at + EXPIRED_AT_ONCE_MAX)
      .filter((each) => isSilent(each) && sessions.get(each.workerId) === each);
    await Promise.all(some.map(expire));
  }
}
